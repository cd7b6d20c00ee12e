//! Limits under many callers, and blueprints that change under way.

mod common;

use common::{Setup, World, blueprint, entitlement, within};
use insula_blueprint::QuotaWindow;
use insula_identity::OwnLimits;
use insula_kernel::Clock as _;

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_exact_under_two_hundred_callers() {
    let bounds = vec![("per_day", 137)];
    let world = World::with(Setup { bounds, cores: 2, ..Setup::default() }).await;
    let key = world.key();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let (address, key) = (world.address, key.clone());
            tokio::spawn(async move {
                let mut client = common::client::Client::connect(address).await;
                let mut admitted = 0;
                for _ in 0..3 {
                    client.request("GET", "/seen/a", &[&format!("X-Api-Key: {key}")], "").await;
                    let reply = client.reply().await;
                    match reply.status {
                        200 => admitted += 1,
                        _ => assert_eq!(reply.problem(), (429, "quota.exhausted".to_owned())),
                    }
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for caller in callers {
        admitted += within(caller).await.unwrap();
    }
    assert_eq!((admitted, world.used("per_day"), world.upstream.requests()), (137, 137, 137));
    assert_eq!(world.told().len(), 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_knows_counts() {
    let world = World::new().await;
    world.gate.restore(world.acme, "requests", QuotaWindow::Day, world.clock.now(), 98);
    let key = world.key();
    assert_eq!(world.get("/seen/a", &key).await.field("x-quota-remaining"), Some("1"));
    assert_eq!(world.get("/seen/a", &key).await.field("x-quota-remaining"), Some("0"));
    assert_eq!(world.get("/seen/a", &key).await.problem(), (429, "quota.exhausted".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_blueprint_takes_over_with_counts_and_scopes() {
    let world = World::new().await;
    let key = world.key();
    let (_, reader) = world.key_with(world.acme, &["things:read"], |_| ());
    assert_eq!(world.get("/seen/a", &key).await.status, 200);
    let mut hanging = world.client().await;
    hanging.request("GET", "/hang", &[&format!("X-Api-Key: {key}")], "").await;
    within(world.upstream.seen.hanging.notified()).await;

    let before = world.gate.snapshot();
    let next = blueprint(world.upstream.address, true);
    world.gate.replace_blueprint(next, 2, |blueprint| {
        vec![(world.acme, entitlement(blueprint, &[("per_day", 4), ("a_limit", 100)]))]
    });
    let after = world.gate.snapshot();
    let number = |snapshot: &insula_gateway::Snapshot| snapshot.compiled().permissions().id("things:read");
    assert_ne!(number(&before), number(&after));

    assert_eq!(world.get("/seen/a", &reader).await.field("x-quota-remaining"), Some("1"));
    let denied = world.get("/fresh", &reader).await;
    assert_eq!(denied.problem(), (403, "access.denied".to_owned()));
    // Scopes that were compiled under the blueprint before, and come in late, mean the same.
    let stale = insula_identity::Scopes::compile(["things:read"], before.compiled());
    let (_, late) = world.key_with(world.acme, &[], |key| key.scopes = stale.into());
    assert_eq!(world.get("/fresh", &late).await.problem(), (403, "access.denied".to_owned()));
    assert_eq!(world.get("/seen/a", &late).await.field("x-quota-remaining"), Some("0"));

    world.upstream.seen.go_on.notify_one();
    assert_eq!(hanging.reply().await.text(), "done");
    assert_eq!((world.told().len(), world.used("per_day")), (4, 4));
    let (_, of_other) = world.key_with(world.other, &["things:read"], |_| ());
    let unknown = world.get("/seen/a", &of_other).await;
    assert_eq!(unknown.problem(), (503, "limits.unavailable".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_key_mean_the_same_under_another_blueprint() {
    let world = World::new().await;
    let before = world.gate.snapshot();
    let own = |most| OwnLimits::compile([("per_day".into(), most)], before.compiled());
    let (_, early) = world.key_with(world.acme, &["things:read"], |key| key.limits = own(2));
    assert_eq!(world.get("/seen/a", &early).await.status, 200);
    world.gate.replace_blueprint(blueprint(world.upstream.address, true), 2, |blueprint| {
        vec![(world.acme, entitlement(blueprint, &[("per_day", 100), ("a_limit", 100)]))]
    });
    let after = world.gate.snapshot();
    assert_ne!(before.compiled().limit_index("per_day"), after.compiled().limit_index("per_day"));
    // Also those that were compiled under the blueprint before, and come in late.
    let (_, late) = world.key_with(world.acme, &["things:read"], |key| key.limits = own(1));
    let exhausted = (429, "quota.exhausted".to_owned());
    for key in [early, late] {
        assert_eq!(world.get("/seen/a", &key).await.status, 200);
        assert_eq!(world.get("/seen/a", &key).await.problem(), exhausted);
    }
}
