//! What a sign-up prepared and never made visible is removed; what became visible is not.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_billing::subscription::{self, NewSubscription};
use insula_kernel::{Env, OrgId, Span};
use insula_storage::{PlatformTx, Store, Worker, journal::Message};
use insula_testkit::on_both_engines;
use serde_json::json;
use support::World;

async fn prepare(ledger: &mut PlatformTx, env: &Env, org: OrgId) {
    let upstream = ([127, 0, 0, 1], 9).into();
    let blueprint = insula_blueprint::check("test", &support::blueprint(upstream)).unwrap().compile();
    subscription::prepare(ledger, env, &blueprint, org, &NewSubscription::to("free")).await.unwrap();
}

on_both_engines! {
    async fn a_sign_up_that_was_cut_off_leaves_nothing(store) {
        let mut world = World::new(store).await;
        let acme = world.organization("acme").await;
        let visible: OrgId = acme.id.parse().unwrap();
        let env = Env::system();
        let orphan = OrgId::generate(&env);
        world.stop().await;

        // What a process leaves that is killed between the preparation and the commit; and a note that outlived its
        // organization's becoming visible, as if only its removal had been lost.
        let storage = world.store.open().await;
        storage.tenant_stores(&Worker::SignUp).create(orphan, env.now()).await.unwrap();
        let mut ledger = storage.platform_write(Store::Ledger, &Worker::SignUp).await.unwrap();
        prepare(&mut ledger, &env, orphan).await;
        ledger.commit().await.unwrap();
        let mut directory = storage.platform_write(Store::Directory, &Worker::SignUp).await.unwrap();
        for org in [orphan, visible] {
            let note = Message { kind: "sign_up.sweep", payload: json!({}) };
            directory.schedule(&env, org, &note, env.now() - Span::from_secs(1)).await.unwrap();
        }
        directory.commit().await.unwrap();
        assert_eq!(storage.tenant_stores(&Worker::Sweep).list().await.unwrap().len(), 2);
        storage.close().await;
        drop(storage);

        world.restart().await;
        world.get(&acme.path("/subscription"), &acme.token).await.expect(200);
        let (_, key) = world.key(&acme, &["things:read"]).await;
        world.get("/things", &key).await.expect(200);
        world.stop().await;
        let storage = world.store.open().await;
        assert_eq!(storage.tenant_stores(&Worker::Sweep).list().await.unwrap(), [visible]);
        let mut directory = storage.platform_read(Store::Directory, &Worker::Sweep).await.unwrap();
        assert!(directory.due(env.now() + Span::from_days(1), 10).await.unwrap().is_empty());
        let mut ledger = storage.platform_write(Store::Ledger, &Worker::Sweep).await.unwrap();
        // Its place is free again: nothing of the subscription is left.
        prepare(&mut ledger, &env, orphan).await;
    }
}
