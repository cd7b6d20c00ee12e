//! Versions of blueprints and plans, subscriptions and entitlements, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_access::{Authorized, Caller, Principal, ReadSubscription};
use insula_billing::{
    AppliedPlan, PLATFORM_STATEMENTS, TENANT_STATEMENTS, Terms, apply_blueprint, current_blueprint,
    subscription::{self, NewSubscription},
};
use insula_blueprint::{Compiled, PermissionSet, own};
use insula_kernel::{Env, Epoch, KeyId, OrgId};
use insula_limits::Entitlement;
use insula_storage::{PlatformTx, Storage, Store, Worker};
use insula_testkit::on_both_engines;
use std::collections::HashMap;
use support::{USUAL, apply, blueprint, env};

/// The proof of someone who may see the subscription.
fn member(env: &Env, org: OrgId) -> Authorized<ReadSubscription> {
    let permissions = PermissionSet::EMPTY.with(own::BILLING_READ);
    let principal = Principal::Key { key: KeyId::generate(env) };
    Caller::authenticated(principal, org, Epoch(0), permissions).authorize().unwrap()
}

fn versions(applied: &[AppliedPlan]) -> Vec<(&str, u32, bool)> {
    applied.iter().map(|plan| (plan.plan.as_str(), plan.version, plan.changed)).collect()
}

async fn write(storage: &Storage) -> PlatformTx {
    storage.platform_write(Store::Ledger, &Worker::SignUp).await.unwrap()
}

async fn subscribe(storage: &Storage, env: &Env, plan: &str) -> OrgId {
    let org = OrgId::generate(env);
    let mut tx = write(storage).await;
    subscription::prepare(&mut tx, env, &blueprint(USUAL), org, &NewSubscription::to(plan)).await.unwrap();
    tx.commit().await.unwrap();
    org
}

fn most(entitlement: &Entitlement) -> Vec<Option<i64>> {
    entitlement.bounds.iter().map(|bound| bound.most).collect()
}

/// Plan, version and bounds of each organization under a blueprint.
async fn entitled(
    storage: &Storage,
    blueprint: &Compiled,
) -> HashMap<OrgId, (String, u32, Vec<Option<i64>>)> {
    let mut tx = storage.platform_read(Store::Ledger, &Worker::Snapshot).await.unwrap();
    let all = subscription::entitlements(&mut tx, blueprint).await.unwrap();
    all.into_iter()
        .map(|(org, entitlement)| {
            (org, (entitlement.plan.to_string(), entitlement.plan_version, most(&entitlement)))
        })
        .collect()
}

on_both_engines! {
    async fn every_statement_prepares(store) {
        let storage = store.open().await;
        for statement in PLATFORM_STATEMENTS {
            storage.prepare(statement).await.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
        }
        for statement in TENANT_STATEMENTS {
            storage.prepare(statement).await.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
        }
    }

    async fn a_plan_gets_a_version_when_its_terms_change(store) {
        let (storage, env) = (store.open().await, env());
        let usual = blueprint(USUAL);
        assert_eq!(versions(&apply(&storage, &env, &usual).await), [("pro", 1, true), ("free", 1, true)]);
        assert_eq!(versions(&apply(&storage, &env, &usual).await), [("pro", 1, false), ("free", 1, false)]);
        let dearer = blueprint(&USUAL.replace("29.00", "39.00"));
        assert_eq!(versions(&apply(&storage, &env, &dearer).await), [("pro", 2, true), ("free", 1, false)]);
        // Back to the first terms: the highest number is still what is on offer.
        assert_eq!(versions(&apply(&storage, &env, &usual).await), [("pro", 3, true), ("free", 1, false)]);
        let warned = blueprint(&USUAL.replace("window = \"day\"", "window = \"day\"\nwarn_at = [50]"));
        assert_eq!(versions(&apply(&storage, &env, &warned).await), [("pro", 3, false), ("free", 1, false)]);
    }

    async fn a_transaction_that_is_given_up_leaves_no_version(store) {
        let (storage, env) = (store.open().await, env());
        let usual = blueprint(USUAL);
        let mut tx = write(&storage).await;
        apply_blueprint(&mut tx, &env, USUAL, &usual, "worker:start").await.unwrap();
        drop(tx);
        assert_eq!(versions(&apply(&storage, &env, &usual).await), [("pro", 1, true), ("free", 1, true)]);
        assert_eq!(current_blueprint(&mut write(&storage).await).await.unwrap().unwrap().number, 1);
    }

    async fn blueprints_are_numbered_as_they_are_applied(store) {
        let (storage, env) = (store.open().await, env());
        let changed = USUAL.replace("29.00", "39.00");
        let steps = [(USUAL, 1, true), (USUAL, 1, false), (&changed, 2, true), (USUAL, 3, true)];
        for (source, number, is_changed) in steps {
            let compiled = blueprint(source);
            let mut tx = write(&storage).await;
            let applied = apply_blueprint(&mut tx, &env, source, &compiled, "user:test").await.unwrap();
            assert_eq!((applied.number, applied.changed), (number, is_changed));
            let current = current_blueprint(&mut tx).await.unwrap().unwrap();
            assert_eq!((current.number, current.source.as_str(), current.applied_at), (number, source, env.now()));
            assert_eq!(current.digest, compiled.digest().to_string());
            tx.commit().await.unwrap();
        }
    }

    async fn a_subscription_is_prepared_and_then_active(store) {
        let (storage, env) = (store.open().await, env());
        apply(&storage, &env, &blueprint(USUAL)).await;
        apply(&storage, &env, &blueprint(&USUAL.replace("29.00", "39.00"))).await;
        let org = subscribe(&storage, &env, "pro").await;
        for times in 0..3 {
            let mut tx = write(&storage).await;
            for _ in 0..times {
                subscription::activate(&mut tx, &env, &blueprint(USUAL), org).await.unwrap();
            }
            tx.commit().await.unwrap();
            let proof = member(&env, org);
            let mut tx = storage.read(Store::Ledger, &proof).await.unwrap();
            let own = subscription::get(&mut tx, &env, &proof).await.unwrap();
            assert_eq!((own.plan.as_str(), own.plan_version), ("pro", 2));
            assert_eq!((own.status, own.started_at), ("active", env.now()));
        }
        let stranger = member(&env, OrgId::generate(&env));
        let mut tx = storage.read(Store::Ledger, &stranger).await.unwrap();
        assert_eq!(subscription::get(&mut tx, &env, &stranger).await.unwrap_err().code(), "not_found");
    }

    async fn a_plan_that_was_never_on_offer_cannot_be_taken(store) {
        let (storage, env) = (store.open().await, env());
        apply(&storage, &env, &blueprint(USUAL)).await;
        let (mut tx, org, gold) = (write(&storage).await, OrgId::generate(&env), NewSubscription::to("gold"));
        assert!(subscription::prepare(&mut tx, &env, &blueprint(USUAL), org, &gold).await.is_err());
    }

    async fn an_organization_has_one_subscription(store) {
        let (storage, env) = (store.open().await, env());
        apply(&storage, &env, &blueprint(USUAL)).await;
        let org = subscribe(&storage, &env, "pro").await;
        let (mut tx, free) = (write(&storage).await, NewSubscription::to("free"));
        assert!(subscription::prepare(&mut tx, &env, &blueprint(USUAL), org, &free).await.is_err());
    }

    async fn what_never_came_to_be_is_swept_and_nothing_else(store) {
        let (storage, env) = (store.open().await, env());
        apply(&storage, &env, &blueprint(USUAL)).await;
        let orphan = subscribe(&storage, &env, "free").await;
        let active = subscribe(&storage, &env, "free").await;
        let mut tx = write(&storage).await;
        subscription::activate(&mut tx, &env, &blueprint(USUAL), active).await.unwrap();
        subscription::remove_prepared(&mut tx, orphan).await.unwrap();
        subscription::remove_prepared(&mut tx, active).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(entitled(&storage, &blueprint(USUAL)).await.into_keys().collect::<Vec<_>>(), [active]);
    }

    async fn what_is_allowed_follows_the_version_that_was_taken(store) {
        let (storage, env) = (store.open().await, env());
        let usual = blueprint(USUAL);
        apply(&storage, &env, &usual).await;
        let pro = subscribe(&storage, &env, "pro").await;
        let free = subscribe(&storage, &env, "free").await;
        // members, api_keys, projects, teams, per_day, per_second
        let before = entitled(&storage, &usual).await;
        assert_eq!(before[&pro], ("pro".to_owned(), 1, vec![Some(25), Some(10), None, None, None, Some(100)]));
        assert_eq!(before[&free], ("free".to_owned(), 1, vec![Some(5), None, None, None, Some(100), Some(10)]));
        for (org, plan) in [(pro, "pro"), (free, "free")] {
            let now = subscription::first_entitlement(plan, 1, &Terms::beginning(env.now()), &usual);
            assert_eq!(before[&org], (now.plan.to_string(), now.plan_version, most(&now)));
        }

        // Another order, one limit gone, one new, other bounds, and one plan gone.
        let later = blueprint(
            r#"
[limits.per_hour]
meter = "requests"
window = "hour"
[limits.per_day]
meter = "requests"
window = "day"
[plans.free]
price = { USD = { month = "0" } }
limits = { per_hour = 7, per_day = 50, members = 1 }
"#,
        );
        apply(&storage, &env, &later).await;
        let newcomer = subscribe(&storage, &env, "free").await;
        // members, api_keys, projects, teams, per_hour, per_day
        let after = entitled(&storage, &later).await;
        assert_eq!(after[&newcomer], ("free".to_owned(), 2, vec![Some(1), None, None, None, Some(7), Some(50)]));
        assert_eq!(after[&free], ("free".to_owned(), 1, vec![Some(5), None, None, None, Some(7), Some(100)]));
        assert_eq!(after[&pro], ("pro".to_owned(), 1, vec![Some(25), Some(10), None, None, Some(0), None]));
    }
}
