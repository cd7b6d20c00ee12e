//! Organizations as the operator runs them: made for an owner, changed, closed; keys revoked everywhere at once.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::{net::SocketAddr, sync::Arc};
use support::{Organization, PASSWORD, World, token_of};
use tokio::task::JoinSet;

/// The usual blueprint, with a plan that comes by offer only.
fn blueprint(upstream: SocketAddr) -> String {
    let offer = "[plans.custom]\nself_service = false\nlimits = { requests_per_day = 50, requests_per_second = 1000, \
                 api_keys = 3, members = 2 }\n\n[upstreams.things]";
    support::blueprint(upstream).replace("[upstreams.things]", offer)
}

/// An organization that the operator made, with its owner who accepted.
async fn taken_over(world: &World, operator: &str, slug: &str) -> Organization {
    let email = format!("owner@{slug}.test");
    let body = json!({ "name": slug, "slug": slug, "owner_email": email });
    let made = world.post("/v1/operator/orgs", operator, &body).await.expect(201);
    let body = json!({
        "token": token_of(&made), "password": PASSWORD, "display_name": "Owner", "client": "native",
    });
    let joined = world.post("/v1/invitations/accept", "", &body).await.expect(200);
    Organization {
        id: made["organization"]["id"].as_str().unwrap().to_owned(),
        slug: slug.to_owned(),
        token: joined["access_token"].as_str().unwrap().to_owned(),
        refresh: joined["refresh_token"].as_str().unwrap().to_owned(),
    }
}

fn slugs(list: &Json) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap()).collect()
}

on_both_engines! {
    async fn an_organization_is_made_for_an_owner_who_takes_it_over(store) {
        let mut world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        let body = json!({ "name": "Acme", "slug": "acme", "plan": "custom", "owner_email": "ada@acme.test", "test_clock": true });
        let made = world.post("/v1/operator/orgs", &operator, &body).await.expect(201);
        assert_eq!((&made["organization"]["plan"], &made["invitation"]["role"]), (&json!("custom"), &json!("owner")));
        let look = world.get("/v1/operator/orgs/acme", &operator).await.expect(200);
        assert_eq!((&look["members"], &look["invitations"], &look["subscription"]["plan"]), (&json!(0), &json!(1), &json!("custom")));
        assert!(look["subscription"]["test_clock"].is_string());
        world.restart().await;
        let operator = world.operator().await;
        // Its link was lost: another takes its place.
        let body = json!({ "email": "ada@acme.test" });
        let sent = world.post("/v1/operator/orgs/acme/invitations", &operator, &body).await.expect(201);
        let accept = |token: String| json!({ "token": token, "password": PASSWORD, "display_name": "Ada", "client": "native" });
        world.post("/v1/invitations/accept", "", &accept(token_of(&made))).await.problem(409, "invitation.canceled");
        let joined = world.post("/v1/invitations/accept", "", &accept(token_of(&sent))).await.expect(200);
        let token = joined["access_token"].as_str().unwrap();
        assert_eq!(joined["organization"]["role"], "owner");
        let key = json!({ "name": "First", "environment": "production", "scopes": ["things:read"] });
        let key = world.post("/v1/orgs/acme/api-keys", token, &key).await.expect(201);
        world.get("/things", key["secret"].as_str().unwrap()).await.expect(200);

        let look = world.get("/v1/operator/orgs/acme", &operator).await.expect(200);
        assert_eq!((&look["members"], &look["api_keys"], &look["usage_today"], &look["usage_month"]), (&json!(1), &json!(1), &json!(1), &json!(1)));
        let limit = |name: &str| look["limits"].as_array().unwrap().iter().find(|limit| limit["key"] == name).unwrap().clone();
        assert_eq!((&limit("requests_per_day")["used"], &limit("requests_per_day")["limit"]), (&json!(1), &json!(50)));
        assert_eq!((&limit("members")["used"], &limit("members")["limit"]), (&json!(1), &json!(2)));
        assert_eq!(look["limits"], world.get("/v1/orgs/acme/limits", token).await.expect(200)["items"]);
        // The plan bounds whom the operator invites too.
        for (email, status) in [("b@acme.test", 201), ("c@acme.test", 402)] {
            let reply = world.post("/v1/operator/orgs/acme/invitations", &operator, &json!({ "email": email })).await;
            reply.expect(status);
        }
        assert_eq!(world.audited("organization.created").await, 1);
    }

    async fn what_is_taken_or_wrong_makes_nothing(store) {
        let world = World::new(store).await;
        world.organization("acme").await;
        let operator = world.operator().await;
        let body = json!({ "name": "", "slug": "A", "plan": "none", "owner_email": "nobody" });
        let wrong = world.post("/v1/operator/orgs", &operator, &body).await.problem(422, "request.invalid");
        let pointers: Vec<_> = wrong["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, ["/name", "/slug", "/plan", "/owner_email"]);
        let body = json!({ "name": "Acme", "slug": "acme", "owner_email": "ada@acme.test" });
        let taken = world.post("/v1/operator/orgs", &operator, &body).await.problem(409, "organization.slug_taken");
        assert_eq!(taken["errors"][0]["pointer"], "/slug");
        assert_eq!(slugs(&world.get("/v1/operator/orgs", &operator).await.expect(200)), ["acme"]);
    }

    async fn two_operators_at_once_make_one_organization_of_a_slug(store) {
        let world = Arc::new(World::new(store).await);
        let operator = world.operator().await;
        let mut all = JoinSet::new();
        for number in 0..4 {
            let (world, operator) = (world.clone(), operator.clone());
            all.spawn(async move {
                let body = json!({ "name": "Acme", "slug": "acme", "owner_email": format!("ada{number}@acme.test") });
                world.post("/v1/operator/orgs", &operator, &body).await.status.as_u16()
            });
        }
        let mut answers = all.join_all().await;
        answers.sort_unstable();
        assert_eq!(answers, [201, 409, 409, 409]);
    }

    async fn a_creation_sent_again_answers_the_same(store) {
        let world = World::new(store).await;
        let authorization = format!("Bearer {}", world.operator().await);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json"), ("idempotency-key", "once")];
        let body = json!({ "name": "Acme", "slug": "acme", "owner_email": "ada@acme.test" }).to_string();
        let first = world.send("POST", "/v1/operator/orgs", &headers, Some(body.as_bytes())).await.expect(201);
        let second = world.send("POST", "/v1/operator/orgs", &headers, Some(body.as_bytes())).await.expect(201);
        assert_eq!(first, second);
    }

    async fn organizations_are_found_by_where_they_stand_and_their_plan(store) {
        let world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        for slug in ["alpha", "beta", "gamma"] {
            world.organization(slug).await;
        }
        world.post("/v1/operator/orgs/alpha/suspend", &operator, &json!({ "reason": "X" })).await.expect(200);
        let path = "/v1/operator/orgs/beta";
        let changed = world.api("PATCH", path, &operator, &json!({ "plan": "pro" })).await.expect(200);
        assert_eq!(changed["plan"], "pro");
        let list = async |query: &str| world.get(&format!("/v1/operator/orgs{query}"), &operator).await.expect(200);
        assert_eq!(slugs(&list("?status=suspended").await), ["alpha"]);
        assert_eq!(slugs(&list("?status=active&plan=free").await), ["gamma"]);
        assert_eq!(slugs(&list("?plan=pro").await), ["beta"]);
        let beta = list("?plan=pro").await["items"][0].clone();
        assert_eq!((&beta["subscription"]["plan"], &beta["subscription"]["status"]), (&json!("pro"), &json!("active")));
        assert_eq!(slugs(&list("?q=lph").await), ["alpha"]);
        world.get("/v1/operator/orgs?status=gone", &operator).await.problem(422, "request.invalid");
        let overview = world.get("/v1/operator/overview", &operator).await.expect(200);
        assert_eq!(overview["organizations"]["total"], 3);
        assert_eq!(overview["organizations"]["by_status"], json!({ "active": 2, "suspended": 1 }));
        assert_eq!(overview["organizations"]["by_plan"], json!({ "free": 2, "pro": 1 }));
        assert_eq!((&overview["users"], &overview["usage_today"]), (&json!(4), &json!(0)));
    }

    async fn a_plan_that_is_changed_counts_at_once(store) {
        let world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        for _ in 0..5 {
            world.get("/things", &key).await.expect(200);
        }
        world.get("/things", &key).await.problem(429, "quota.exhausted");
        let path = "/v1/operator/orgs/acme";
        world.api("PATCH", path, &operator, &json!({ "plan": "custom" })).await.expect(200);
        world.get("/things", &key).await.expect(200);
        let subscription = world.get(&acme.path("/subscription"), &acme.token).await.expect(200);
        assert_eq!(subscription["plan"], "custom");
        world.api("PATCH", path, &operator, &json!({ "plan": "custom" })).await.expect(200);
        let unknown = world.api("PATCH", path, &operator, &json!({ "name": "Other", "plan": "none" })).await;
        assert_eq!(unknown.problem(422, "request.invalid")["errors"][0]["pointer"], "/plan");
        assert_eq!(world.get(path, &operator).await.expect(200)["name"], "The acme");
    }

    async fn another_address_counts_at_once_and_frees_the_one_before(store) {
        let mut world = World::new(store).await;
        let operator = world.operator().await;
        let acme = world.organization("acme").await;
        world.organization("other").await;
        let patch = async |world: &World, body: &Json| world.api("PATCH", "/v1/operator/orgs/acme", &operator, body).await;
        let taken = patch(&world, &json!({ "slug": "other" })).await.problem(409, "organization.slug_taken");
        assert_eq!(taken["errors"][0]["pointer"], "/slug");
        patch(&world, &json!({ "slug": "console" })).await.problem(422, "request.invalid");
        patch(&world, &json!({ "name": null })).await.problem(422, "request.invalid");
        let changed = patch(&world, &json!({ "slug": "zenith", "name": "Zenith" })).await.expect(200);
        assert_eq!((&changed["slug"], &changed["name"]), (&json!("zenith"), &json!("Zenith")));
        world.get("/v1/orgs/zenith", &acme.token).await.expect(200);
        world.get("/v1/orgs/acme", &acme.token).await.problem(404, "not_found");
        let (_, key) = world.key(&Organization { slug: "zenith".to_owned(), ..acme.clone() }, &["things:read"]).await;
        let authorization = format!("Bearer {key}");
        let call = async |world: &World, host: &str| {
            world.send("GET", "/things", &[("authorization", authorization.as_str()), ("host", host)], None).await
        };
        call(&world, "zenith.tenants.test").await.expect(200);
        call(&world, "acme.tenants.test").await.problem(403, "tenant.mismatch");
        let body = json!({ "name": "Acme", "slug": "acme", "owner_email": "new@acme.test" });
        world.post("/v1/operator/orgs", &operator, &body).await.expect(201);
        world.restart().await;
        call(&world, "zenith.tenants.test").await.expect(200);
    }

    async fn a_closed_organization_serves_nothing_and_nobody_enters_it(store) {
        let mut world = World::new(store).await;
        let operator = world.operator().await;
        let acme = taken_over(&world, &operator, "acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        world.get("/things", &key).await.expect(200);
        let path = "/v1/operator/orgs/acme";
        let closed = world.api("DELETE", &format!("{path}?reason=Fraud"), &operator, &Json::Null).await.expect(200);
        assert_eq!(closed["status"], "deactivated");
        world.get("/things", &key).await.problem(403, "organization.suspended");
        world.get(&acme.path("/members"), &acme.token).await.problem(404, "not_found");
        let login = json!({ "email": "owner@acme.test", "password": PASSWORD, "client": "native" });
        let login = world.post("/v1/login", "", &login).await.expect(200);
        assert_eq!((&login["organization"], &login["organizations"]), (&Json::Null, &json!([])));
        world.api("DELETE", path, &operator, &Json::Null).await.problem(409, "organization.status");
        world.post(&format!("{path}/reactivate"), &operator, &json!({ "reason": "X" })).await.problem(409, "organization.status");
        world.post(&format!("{path}/invitations"), &operator, &json!({ "email": "b@acme.test" })).await.problem(409, "organization.status");
        let look = world.get(path, &operator).await.expect(200);
        assert_eq!(look["subscription"]["status"], "canceled");
        assert_eq!(world.audited("organization.deactivated").await, 1);

        world.restart().await;
        world.get("/things", &key).await.problem(403, "organization.suspended");
        let look = world.get(path, &world.operator().await).await.expect(200);
        assert_eq!((&look["status"], &look["subscription"]["status"]), (&json!("deactivated"), &json!("canceled")));
    }

    async fn keys_are_revoked_everywhere_from_their_next_request_on(store) {
        let world = World::new(store).await;
        let operator = world.operator().await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        let (acme_id, acme_key) = world.key(&acme, &["things:read"]).await;
        let (_, other_key) = world.key(&other, &["things:read"]).await;
        let body = json!({ "name": "Live", "environment": "production", "scopes": ["things:read"] });
        let live = world.post(&other.path("/api-keys"), &other.token, &body).await.expect(201);
        let live_key = live["secret"].as_str().unwrap();
        let revoke = async |body: Json| world.post("/v1/operator/api-keys/revoke", &operator, &body).await;

        let nothing = revoke(json!({ "reason": "X" })).await.problem(422, "request.invalid");
        assert_eq!(nothing["errors"][0]["code"], "required");
        revoke(json!({ "keys": [acme_id] })).await.problem(422, "request.invalid");
        revoke(json!({ "keys": ["nonsense"], "reason": "X" })).await.problem(422, "request.invalid");
        revoke(json!({ "org": "nobody", "reason": "X" })).await.problem(422, "request.invalid");

        let would = revoke(json!({ "environment": "development", "reason": "X", "dry_run": true })).await.expect(200);
        assert_eq!((&would["revoked"], &would["dry_run"]), (&json!(2), &json!(true)));
        for key in [&acme_key, &other_key] {
            world.get("/things", key).await.expect(200);
        }
        // By all of the key, as it was found where it shouldn't be.
        let by_name = revoke(json!({ "keys": [acme_key], "org": "other", "reason": "X" })).await.expect(200);
        assert_eq!((&by_name["revoked"], &by_name["missing"]), (&json!(0), &json!([acme_id])));
        let done = revoke(json!({ "keys": [acme_key, acme_id], "reason": "Found in public" })).await.expect(200);
        assert_eq!((&done["revoked"], &done["keys"][0]["id"], &done["keys"][0]["org"]), (&json!(1), &json!(acme_id), &json!(acme.id)));
        assert!(!done.to_string().contains(&acme_key));
        world.get("/things", &acme_key).await.problem(401, "access.key_invalid");
        world.get("/things", &other_key).await.expect(200);

        let done = revoke(json!({ "environment": "development", "created_before": "2999-01-01T00:00:00Z", "reason": "X" })).await.expect(200);
        assert_eq!(done["revoked"], 1);
        world.get("/things", &other_key).await.problem(401, "access.key_invalid");
        world.get("/things", live_key).await.expect(200);
        let early = revoke(json!({ "created_before": "2001-01-01T00:00:00Z", "reason": "X" })).await.expect(200);
        assert_eq!(early["revoked"], 0);
        let keys = world.get(&acme.path("/api-keys"), &acme.token).await.expect(200);
        assert_eq!(keys["items"][0]["status"], "revoked");
        assert_eq!(world.audited("api_key.revoked").await, 2);
    }

    async fn two_operators_who_revoke_at_once_revoke_each_key_once(store) {
        let mut world = World::new(store).await;
        let operator = world.operator().await;
        let mut keys = Vec::new();
        for slug in ["alpha", "beta", "gamma"] {
            let organization = world.organization(slug).await;
            for _ in 0..3 {
                keys.push(world.key(&organization, &["things:read"]).await.1);
            }
        }
        let shared = Arc::new(world);
        let mut all = JoinSet::new();
        for _ in 0..2 {
            let (world, operator) = (shared.clone(), operator.clone());
            all.spawn(async move {
                let body = json!({ "environment": "development", "reason": "X" });
                world.post("/v1/operator/api-keys/revoke", &operator, &body).await.expect(200)["revoked"].as_i64().unwrap()
            });
        }
        assert_eq!(all.join_all().await.iter().sum::<i64>(), 9);
        world = Arc::into_inner(shared).unwrap();
        assert_eq!(world.audited("api_key.revoked").await, 9);
        world.restart().await;
        for key in &keys {
            world.get("/things", key).await.problem(401, "access.key_invalid");
        }
    }

    async fn what_all_used_together_is_the_sum_of_what_each_used(store) {
        let world = World::new(store).await;
        let operator = world.operator().await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        for (organization, times) in [(&acme, 1), (&other, 3)] {
            let (_, key) = world.key(organization, &["things:read"]).await;
            for _ in 0..times {
                world.get("/things", &key).await.expect(200);
            }
        }
        for window in ["minute", "hour", "day", "month"] {
            let path = format!("/v1/operator/usage?meter=requests&window={window}&group_by=org");
            let usage = world.get(&path, &operator).await.expect(200);
            let sum: i64 = usage["buckets"].as_array().unwrap().iter()
                .map(|bucket| bucket["value"].as_str().unwrap().parse::<i64>().unwrap()).sum();
            assert_eq!(sum, 4, "{window}");
            let shares: Vec<_> = usage["organizations"].as_array().unwrap().iter()
                .map(|share| (share["slug"].as_str().unwrap(), share["value"].as_str().unwrap())).collect();
            assert_eq!(shares, [("other", "3"), ("acme", "1")]);
        }
        assert!(world.get("/v1/operator/usage?meter=requests", &operator).await.expect(200)["organizations"].is_null());
        world.get("/v1/operator/usage?meter=none", &operator).await.problem(422, "request.invalid");
        let overview = world.get("/v1/operator/overview", &operator).await.expect(200);
        assert_eq!((&overview["usage_today"], &overview["api_keys"]), (&json!(4), &json!(2)));
        assert_eq!(overview["meters"], json!(["requests"]));
    }

    async fn users_are_found_with_where_they_belong(store) {
        let world = World::new(store).await;
        let (operator, acme, other) = (world.operator().await, world.organization("acme").await, world.organization("other").await);
        let joined = world.member(&acme, "viewer", "Ada@Example.test").await;
        let sent = world.post(&other.path("/invitations"), &other.token, &json!({ "email": "ada@example.test", "role": "admin" })).await;
        let body = json!({ "token": token_of(&sent.expect(201)) });
        world.post("/v1/invitations/accept", joined["access_token"].as_str().unwrap(), &body).await.expect(200);
        let found = world.get("/v1/operator/users?q=ADA%40", &operator).await.expect(200);
        let [ada] = found["items"].as_array().unwrap().as_slice() else { panic!("{found}") };
        let belongs: Vec<_> = ada["memberships"].as_array().unwrap().iter()
            .map(|one| (one["slug"].as_str().unwrap(), one["role"].as_str().unwrap())).collect();
        assert_eq!(belongs, [("acme", "viewer"), ("other", "admin")]);
        assert!(ada.get("password_hash").is_none());
        let everyone = world.get("/v1/operator/users?limit=2", &operator).await.expect(200);
        assert_eq!(everyone["items"].as_array().unwrap().len(), 2);
        assert!(everyone["next_cursor"].is_string());
    }
}
