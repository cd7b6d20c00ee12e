//! What an upstream authenticates with, and how little it may do with it.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use support::World;

on_both_engines! {
    async fn an_upstream_enters_every_organization_and_sees_nothing_of_it(store) {
        let mut world = World::new(store).await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        let (_, token) = world.service().await;
        for _ in 0..2 {
            for organization in [&acme, &other] {
                for path in ["", "/members", "/api-keys", "/projects", "/limits", "/usage?meter=requests"] {
                    world.get(&organization.path(path), &token).await.problem(403, "access.denied");
                }
            }
            world.get("/v1/orgs/nobody", &token).await.problem(404, "not_found");
            world.get("/v1/me", &token).await.problem(403, "access.people_only");
            world.get("/v1/operator/services", &token).await.problem(403, "access.denied");
            world.get("/things", &token).await.problem(403, "tenant.missing");
            world.restart().await;
        }
        assert_eq!((world.used(&acme).await, world.used(&other).await), ((0, 0), (0, 0)));
    }

    async fn a_revoked_credential_is_refused_at_its_next_request(store) {
        let mut world = World::new(store).await;
        let acme = world.organization("acme").await;
        let operator = world.operator().await;
        let unknown = world.post("/v1/operator/services", &operator, &json!({ "upstream": "nowhere" })).await;
        assert_eq!(unknown.problem(422, "request.invalid")["errors"][0]["pointer"], "/upstream");
        let ((first, before), (second, after)) = (world.service().await, world.service().await);
        assert!(before.contains("_svc_"), "{before}");
        let listed = world.get("/v1/operator/services?limit=1", &operator).await.expect(200);
        assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["upstream"]), (&json!(first), &json!("things")));
        assert!(listed["next_cursor"].is_string() && !listed.to_string().contains(&before));

        let path = format!("/v1/operator/services/{first}");
        assert_eq!(world.api("DELETE", &path, &operator, &Json::Null).await.status, 204);
        world.api("DELETE", &path, &operator, &Json::Null).await.problem(404, "not_found");
        for _ in 0..2 {
            world.get(&acme.path(""), &before).await.problem(401, "access.key_invalid");
            world.get(&acme.path(""), &after).await.problem(403, "access.denied");
            world.restart().await;
        }
        let mistyped = format!("{}x", &after[..after.len() - 1]);
        world.get(&acme.path(""), &mistyped).await.problem(401, "access.key_invalid");
        // The id of one with the secret of another.
        let (place, digits) = (after.find("_svc_").unwrap() + 5, first.strip_prefix("svc_").unwrap());
        assert_eq!(&after[place..place + 26], second.strip_prefix("svc_").unwrap());
        let forged = format!("{}{digits}{}", &after[..place], &after[place + 26..]);
        world.get(&acme.path(""), &forged).await.problem(401, "access.key_invalid");
    }
}
