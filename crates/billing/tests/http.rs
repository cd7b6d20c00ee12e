//! The API of plans and subscriptions, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use arc_swap::ArcSwap;
use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use insula_access::{Caller, OperatorCaller, Principal};
use insula_billing::{
    http::{Catalogue, State, api},
    subscription,
};
use insula_blueprint::{PermissionId, own};
use insula_kernel::{Epoch, Error, KeyId, OrgId, Result};
use insula_storage::{Storage, Store, Worker};
use insula_testkit::on_both_engines;
use insula_web::{Credential, Entrance};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{NOON, USUAL, apply, blueprint, env};
use tower::ServiceExt as _;

/// One organization, in which callers have this permission.
struct Door {
    org: OrgId,
    permission: PermissionId,
}

impl Entrance for Door {
    fn caller(&self, credential: &Credential, _: &str) -> Result<Caller> {
        let permissions = [self.permission].into_iter().collect();
        Ok(Caller::authenticated(credential.principal, self.org, Epoch(0), permissions))
    }

    fn operator(&self, _: &Credential) -> Result<OperatorCaller> {
        Err(Error::not_found("place"))
    }
}

fn router(storage: &Storage, catalogue: Catalogue) -> Router {
    let state = State { storage: storage.clone(), catalogue: Arc::new(ArcSwap::from_pointee(catalogue)) };
    api().into_router().with_state(state)
}

fn enter(router: Router, org: OrgId, permission: PermissionId) -> Router {
    let door: Arc<dyn Entrance> = Arc::new(Door { org, permission });
    let principal = Principal::Key { key: KeyId::generate(&env()) };
    let credential = Credential { principal, organization: Some(org) };
    router.layer(axum::Extension(door)).layer(axum::Extension(credential))
}

async fn get(router: Router, path: &str) -> (u16, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    if parts.status == StatusCode::OK {
        let body = body.collect().await.unwrap().to_bytes();
        return (200, serde_json::from_slice(&body).unwrap());
    }
    (parts.status.as_u16(), json!(parts.extensions.get::<Arc<Error>>().unwrap().code()))
}

on_both_engines! {
    async fn plans_are_told_as_they_are_on_offer(store) {
        let (storage, env) = (store.open().await, env());
        let usual = blueprint(USUAL);
        let applied = apply(&storage, &env, &usual).await;
        let (status, plans) = get(router(&storage, Catalogue::new(&usual, &applied)), "/v1/plans").await;
        assert_eq!((status, &plans["next_cursor"]), (200, &Value::Null));
        let limit = |key, window: Option<&str>, kind, limit: Option<i64>| {
            json!({ "key": key, "window": window, "kind": kind, "limit": limit })
        };
        let price = |interval, amount, currency| {
            json!({ "interval": interval, "price": { "amount": amount, "currency": currency } })
        };
        let pro = &plans["items"][0];
        let mut prices = pro["prices"].as_array().unwrap().clone();
        prices.sort_by_key(ToString::to_string);
        assert_eq!(
            prices,
            [price("month", "29.00", "USD"), price("month", "4000", "JPY"), price("year", "290.00", "USD")]
        );
        assert_eq!(
            pro["limits"],
            json!([
                limit("members", None, "stock", Some(25)),
                limit("api_keys", None, "stock", Some(10)),
                limit("per_day", Some("day"), "quota", None),
                limit("per_second", Some("second"), "rate", Some(100)),
            ])
        );
        assert_eq!(pro["features"], json!({ "support": "e-mail", "retention": 30, "sso": true }));
        let free = &plans["items"][1];
        assert_eq!(
            (&pro["key"], &pro["version"], &pro["self_service"], &pro["trial_days"], &pro["is_default"]),
            (&json!("pro"), &json!(1), &json!(true), &Value::Null, &json!(false))
        );
        assert_eq!((&free["key"], &free["name"], &free["is_default"]), (&json!("free"), &json!("free"), &json!(true)));
        assert_eq!(plans["items"].as_array().unwrap().len(), 2);
    }

    async fn a_member_sees_the_subscription(store) {
        let (storage, env) = (store.open().await, env());
        apply(&storage, &env, &blueprint(USUAL)).await;
        let org = OrgId::generate(&env);
        let mut tx = storage.platform_write(Store::Ledger, &Worker::SignUp).await.unwrap();
        let id = subscription::prepare(&mut tx, &env, org, "free").await.unwrap();
        tx.commit().await.unwrap();
        let expected =
            json!({ "id": id, "plan": "free", "plan_version": 1, "status": "active", "started_at": NOON });
        let router = router(&storage, Catalogue::default());
        let path = "/v1/orgs/acme/subscription";
        // Before and after the message that makes it active has arrived.
        for _ in 0..2 {
            let member = enter(router.clone(), org, own::BILLING_READ);
            assert_eq!(get(member, path).await, (200, expected.clone()));
            let mut tx = storage.platform_write(Store::Ledger, &Worker::Relay).await.unwrap();
            subscription::activate(&mut tx, org).await.unwrap();
            tx.commit().await.unwrap();
        }
        let other = enter(router.clone(), OrgId::generate(&env), own::BILLING_READ);
        assert_eq!(get(other, path).await, (404, json!("not_found")));
        let lacking = enter(router.clone(), org, own::USAGE_READ);
        assert_eq!(get(lacking, path).await, (403, json!("access.denied")));
        assert_eq!(get(router, path).await, (401, json!("access.unauthenticated")));
    }
}

#[test]
fn the_document_names_what_clients_rely_on() {
    let document = api().document("Insula", "0");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in ["Plan", "Price", "PlanLimit", "Subscription", "Money"] {
        assert!(schemas.contains_key(name), "{name} in {:?}", schemas.keys());
    }
    assert_eq!(document["paths"]["/v1/plans"]["get"]["security"], json!([]));
}
