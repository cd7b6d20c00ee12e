//! From sign-up to a metered, limited call.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use support::{PASSWORD, World, signup};

on_both_engines! {
    async fn from_sign_up_to_the_limit_and_the_revocation(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (id, key) = world.key(&acme, &["things:read"]).await;
        assert_eq!(world.used(&acme).await, (0, 0));

        let reply = world.get("/things", &key).await;
        let told = reply.expect(200);
        assert_eq!(told["org"], acme.id);
        assert_eq!((told["authorization"].clone(), told["api_key"].clone()), (Json::Null, Json::Null));
        assert_eq!(told["identity"].as_str().unwrap().split('.').count(), 3);
        assert_eq!((reply.header("x-org-id"), reply.header("x-quota-remaining")), (acme.id.as_str(), "4"));
        assert!(reply.header("ratelimit").contains("r="), "{:?}", reply.headers);
        assert_eq!(world.used(&acme).await, (1, 1));

        for _ in 0..4 {
            world.get("/things", &key).await.expect(200);
        }
        let refused = world.get("/things", &key).await;
        refused.problem(429, "quota.exhausted");
        let wait: i64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=86_400).contains(&wait));
        assert_eq!(world.used(&acme).await, (5, 5), "a refusal counts nothing");

        let revoked = world.api("DELETE", &acme.path(&format!("/api-keys/{id}")), &acme.token, &Json::Null).await;
        assert_eq!(revoked.status, 204);
        world.get("/things", &key).await.problem(401, "access.key_invalid");
    }

    async fn what_was_used_is_known_after_a_restart(store) {
        let mut world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        for _ in 0..3 {
            world.get("/things", &key).await.expect(200);
        }
        world.restart().await;
        assert_eq!(world.used(&acme).await, (3, 3));
        for _ in 0..2 {
            world.get("/things", &key).await.expect(200);
        }
        world.get("/things", &key).await.problem(429, "quota.exhausted");
    }

    async fn many_at_once_are_admitted_up_to_the_limit_exactly(store) {
        let world = std::sync::Arc::new(World::new(store).await);
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (world, key) = (world.clone(), key.clone());
            calls.spawn(async move { world.get("/things", &key).await.status.as_u16() });
        }
        let statuses = calls.join_all().await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5);
        assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 95);
        assert_eq!(world.used(&acme).await, (5, 5));
    }

    async fn many_sign_ups_for_one_address_make_one_organization(store) {
        let world = std::sync::Arc::new(World::new(store).await);
        let mut sign_ups = tokio::task::JoinSet::new();
        for number in 0..1_000 {
            let world = world.clone();
            sign_ups.spawn(async move {
                let mut body = signup("acme");
                body["owner"]["email"] = json!(format!("owner-{number}@acme.test"));
                let reply = world.post("/v1/signup", "", &body).await;
                (reply.status.as_u16(), reply.json()["code"].clone())
            });
        }
        let replies = sign_ups.join_all().await;
        assert_eq!(replies.iter().filter(|(status, _)| *status == 201).count(), 1);
        assert_eq!(replies.iter().filter(|(status, code)| *status == 409 && code == "organization.slug_taken").count(), 999);
    }

    async fn a_rotated_key_is_good_for_the_overlap(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (id, old) = world.key(&acme, &["things:read"]).await;
        let rotate = |overlap: u32| {
            let path = acme.path(&format!("/api-keys/{id}/rotate"));
            (path, json!({ "overlap_seconds": overlap }))
        };
        let (path, body) = rotate(3_600);
        let made = world.post(&path, &acme.token, &body).await.expect(201);
        let new = made["secret"].as_str().unwrap().to_owned();
        assert_eq!(made["api_key"]["replaces"], json!(id));
        world.get("/things", &old).await.expect(200);
        world.get("/things", &new).await.expect(200);
        let (path, body) = rotate(0);
        world.post(&path, &acme.token, &body).await.problem(409, "api_key.not_active");

        let id = made["api_key"]["id"].as_str().unwrap();
        let path = acme.path(&format!("/api-keys/{id}/rotate"));
        world.post(&path, &acme.token, &json!({ "overlap_seconds": 0 })).await.expect(201);
        let refused = world.get("/things", &new).await;
        assert_eq!(refused.status, 401, "without an overlap the old key is refused at once");
    }

    async fn a_key_is_bounded_by_scope_network_rate_and_plan(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, reader) = world.key(&acme, &["things:read"]).await;
        world.post("/things", &reader, &json!({})).await.problem(403, "access.denied");

        let elsewhere = json!({ "name": "Elsewhere", "environment": "production", "scopes": ["things:read"], "allowed_networks": ["203.0.113.0/24"] });
        let made = world.post(&acme.path("/api-keys"), &acme.token, &elsewhere).await.expect(201);
        world.get("/things", made["secret"].as_str().unwrap()).await.problem(403, "access.network");

        let slow = json!({ "name": "Slow", "environment": "production", "scopes": ["things:read"], "limits": { "requests_per_second": 1 } });
        let made = world.post(&acme.path("/api-keys"), &acme.token, &slow).await.expect(201);
        let slow = made["secret"].as_str().unwrap();
        world.get("/things", slow).await.expect(200);
        let limited = world.get("/things", slow).await;
        limited.problem(429, "rate.limited");
        assert_eq!(limited.header("retry-after"), "1");

        let fourth = json!({ "name": "Fourth", "environment": "production", "scopes": ["things:read"] });
        world.post(&acme.path("/api-keys"), &acme.token, &fourth).await.problem(402, "plan.limit_reached");
        assert_eq!(world.used(&acme).await, (1, 1), "only the call that was admitted counts");
    }

    async fn a_suspended_organization_is_refused_at_the_next_request(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        world.get("/things", &key).await.expect(200);
        let operator = world.operator().await;
        let reason = json!({ "reason": "Unpaid" });
        let suspended = world.post("/v1/operator/orgs/acme/suspend", &operator, &reason).await.expect(200);
        assert_eq!(suspended["status"], "suspended");
        world.get("/things", &key).await.problem(403, "organization.suspended");
        world.get(&acme.path(""), &acme.token).await.expect(200);
        world.post("/v1/operator/orgs/acme/reactivate", &operator, &reason).await.expect(200);
        world.get("/things", &key).await.expect(200);
        let listed = world.get("/v1/operator/orgs?q=acm", &operator).await.expect(200);
        assert_eq!((&listed["items"][0]["slug"], &listed["items"][0]["usage_today"]), (&json!("acme"), &json!(2)));
        world.get("/v1/operator/orgs", &acme.token).await.problem(403, "access.denied");
    }

    async fn a_new_blueprint_takes_effect_at_the_next_request(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        world.get("/things", &key).await.expect(200);
        let operator = world.operator().await;
        let source = support::blueprint(world.upstream).replace("match = \"GET /things\"", "match = \"GET /stuff\"");
        let applied = world.post("/v1/operator/blueprint", &operator, &json!({ "source": source })).await.expect(200);
        assert_eq!((&applied["version"], &applied["changed"]), (&json!(2), &json!(true)));
        world.get("/stuff", &key).await.expect(200);
        assert_eq!(world.get("/things", &key).await.status, 405);
        assert_eq!(world.used(&acme).await, (2, 2), "what was used goes on being counted");
        let broken = source.replace("upstream = \"things\"", "upstream = \"nothing\"");
        let refused = world.post("/v1/operator/blueprint", &operator, &json!({ "source": broken })).await;
        refused.problem(422, "blueprint.invalid");
        world.get("/stuff", &key).await.expect(200);
    }

    async fn a_request_sent_again_gets_the_same_reply(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let authorization = format!("Bearer {}", acme.token);
        let body = json!({ "name": "Once", "environment": "development", "scopes": ["things:read"] }).to_string();
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json"), ("idempotency-key", "one")];
        let first = world.send("POST", &acme.path("/api-keys"), &headers, Some(body.as_bytes())).await;
        let again = world.send("POST", &acme.path("/api-keys"), &headers, Some(body.as_bytes())).await;
        assert_eq!(first.expect(201), again.expect(201));
        let keys = world.get(&acme.path("/api-keys"), &acme.token).await.expect(200);
        assert_eq!(keys["items"].as_array().unwrap().len(), 1);
        let other = body.replace("Once", "Twice");
        let refused = world.send("POST", &acme.path("/api-keys"), &headers, Some(other.as_bytes())).await;
        refused.problem(409, "idempotency.mismatch");
    }

    async fn a_refresh_token_is_good_once(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let refresh = |token: &str| json!({ "client": "native", "refresh_token": token });
        let first = world.post("/v1/token/refresh", "", &refresh(&acme.refresh)).await.expect(200);
        let second = first["refresh_token"].as_str().unwrap().to_owned();
        // The one before is still good for a moment: a reply may have been lost.
        let raced = world.post("/v1/token/refresh", "", &refresh(&acme.refresh)).await.expect(200);
        assert!(raced["access_token"].is_string() && raced["refresh_token"].is_null());
        world.post("/v1/token/refresh", "", &refresh(&second)).await.expect(200);
        world.get("/v1/me", &acme.token).await.expect(200);
        // Now the first is two generations old: it was copied, and the session ends for both.
        world.post("/v1/token/refresh", "", &refresh(&acme.refresh)).await.problem(401, "session.expired");
        world.get("/v1/me", &acme.token).await.problem(401, "session.ended");
    }

    async fn wrong_passwords_lock_the_account_for_a_while(store) {
        let world = World::new(store).await;
        world.organization("acme").await;
        let login = |password: &str| json!({ "email": "OWNER@acme.test", "password": password, "client": "native" });
        for _ in 0..5 {
            world.post("/v1/login", "", &login("not the password")).await.problem(401, "identity.credentials_wrong");
        }
        let locked = world.post("/v1/login", "", &login(PASSWORD)).await;
        locked.problem(429, "identity.locked");
        assert!((1..=30).contains(&locked.header("retry-after").parse::<i64>().unwrap()));
        let unknown = json!({ "email": "nobody@acme.test", "password": PASSWORD });
        world.post("/v1/login", "", &unknown).await.problem(401, "identity.credentials_wrong");
    }

    async fn signing_out_ends_the_session_at_once(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        world.get("/v1/me", &acme.token).await.expect(200);
        let out = world.post("/v1/logout", "", &json!({ "refresh_token": acme.refresh })).await;
        assert_eq!(out.status, 204);
        world.get("/v1/me", &acme.token).await.problem(401, "session.ended");
        world.get("/things", &acme.token).await.problem(401, "session.ended");
    }
}

/// The database goes away while requests come.
mod without_the_database {
    use super::*;
    use insula_testkit::{Kind, TestStore};
    use sqlx::AssertSqlSafe;
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread")]
    async fn known_keys_are_served_and_what_they_use_is_not_lost() {
        let world = World::new(TestStore::new(Kind::Postgres).await).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        world.get("/things", &key).await.expect(200);
        assert_eq!(world.used(&acme).await, (1, 1));

        let database = world.store.database().unwrap();
        let name = database.name();
        let mut admin = database.administrator().await;
        let close = format!(
            "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        sqlx::raw_sql(AssertSqlSafe(close)).execute(&mut admin).await.unwrap();
        world.get("/things", &key).await.expect(200);
        let refused = world.get(&acme.path("/api-keys"), &acme.token).await;
        refused.problem(503, "storage.unavailable");
        assert_eq!(refused.header("retry-after"), "2");
        world.get("/readyz", "").await.problem(503, "storage.unavailable");
        assert_eq!(world.get("/healthz", "").await.status, 200);
        world.get("/things", &key).await.expect(200);

        let open = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true");
        sqlx::raw_sql(AssertSqlSafe(open)).execute(&mut admin).await.unwrap();
        let mut tried = tokio::time::interval(Duration::from_millis(50));
        while world.get(&acme.path("/usage?meter=requests"), &acme.token).await.status != 200 {
            tried.tick().await;
        }
        assert_eq!(world.used(&acme).await, (3, 3));
    }
}
