//! A product's own addresses for Insula's operations.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use support::{PASSWORD, Reply, World};

const GATEWAY: &str = "gateway.tenants.test";

fn blueprint(upstream: SocketAddr) -> String {
    let routes = r#"
[[routes]]
match = "GET /admin/tenants"
api = "listOrganizations"
params = { q = "$query.name" }
response = { tenants = "$.items" }
[[routes]]
match = "POST /admin/tenants/{id}/quota"
api = "overrideLimit"
params = { org = "$path.id" }
body = { limit = "$.quota.name", bound = "$.quota.value", reason = "By an administrator" }
response = { quota = "$.limit", value = "$.bound" }
[[routes]]
match = "POST /workspaces"
api = "createProject"
body = { name = "$.title" }
response = { workspace_id = "$.id", title = "$.name" }
[[routes]]
match = "GET /workspaces"
api = "listProjects"
[[routes]]
match = "PUT /workspaces/{project}"
api = "updateProject"
[[routes]]
match = "DELETE /workspaces/{project}"
api = "archiveProject"
[[routes]]
match = "POST /enter"
api = "login"
"#;
    support::blueprint(upstream) + routes
}

/// A request to a host, with a token and perhaps more headers.
async fn ask(
    world: &World,
    host: &str,
    request: (&str, &str),
    token: &str,
    more: &[(&str, &str)],
    body: &Json,
) -> Reply {
    let authorization = format!("Bearer {token}");
    let mut headers = vec![("host", host), ("content-type", "application/json")];
    if !token.is_empty() {
        headers.push(("authorization", authorization.as_str()));
    }
    headers.extend(more);
    let body = if body.is_null() { None } else { Some(body.to_string()) };
    world.send(request.0, request.1, &headers, body.as_deref().map(str::as_bytes)).await
}

on_both_engines! {
    async fn an_address_of_the_products_own_is_the_operation(store) {
        let world = World::with(store, blueprint).await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        let own = "acme.tenants.test";
        let body = json!({ "title": "Spring" });
        let key = [("idempotency-key", "one")];
        let made = ask(&world, own, ("POST", "/workspaces"), &acme.token, &key, &body).await.expect(201);
        assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["title", "workspace_id"]);
        let again = ask(&world, own, ("POST", "/workspaces"), &acme.token, &key, &body).await.expect(201);
        assert_eq!(again, made, "an idempotency key holds by either address");
        let id = made["workspace_id"].as_str().unwrap();

        // Its own method, its own body, and the caller's own organization.
        let path = format!("/workspaces/{id}");
        let renamed = ask(&world, own, ("PUT", &path), &acme.token, &[], &json!({ "name": "Summer" })).await;
        assert_eq!(renamed.expect(200)["name"], "Summer");
        let listed = world.get("/workspaces?limit=1", &acme.token).await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        let api = world.get(&acme.path("/projects"), &acme.token).await.expect(200);
        assert_eq!(api["items"], listed["items"]);
        ask(&world, own, ("PUT", &path), &other.token, &[], &json!({ "name": "X" })).await.problem(403, "tenant.mismatch");
        world.api("PUT", &path, &other.token, &json!({ "name": "X" })).await.problem(404, "not_found");
        let claim = [("x-org-id", other.id.as_str())];
        ask(&world, GATEWAY, ("GET", "/workspaces"), &acme.token, &claim, &Json::Null).await.problem(403, "tenant.mismatch");

        // What the operation refuses is told as it tells it; permissions are the operation's.
        let wrong = ask(&world, own, ("POST", "/workspaces"), &acme.token, &[], &json!({ "title": 7 })).await;
        wrong.problem(422, "request.invalid");
        ask(&world, own, ("POST", "/workspaces"), &acme.token, &[], &json!({})).await.problem(422, "request.invalid");
        world.post("/workspaces", "", &body).await.problem(401, "access.unauthenticated");
        world.get("/workspaces?colour=red", &acme.token).await.problem(422, "request.invalid");
        let (_, reader) = world.key(&acme, &["projects:read"]).await;
        world.get("/workspaces", &reader).await.expect(200);
        world.api("DELETE", &path, &reader, &Json::Null).await.problem(403, "access.denied");
        world.api("DELETE", &path, &acme.token, &Json::Null).await.expect(204);
        assert_eq!(world.used(&acme).await, (0, 0), "calls of operations aren't metered");
    }

    async fn the_operator_uses_a_products_addresses_on_the_gateways_host(store) {
        let world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        world.organization("other").await;
        let operator = world.operator().await;
        let list = ("GET", "/admin/tenants?name=acme");
        let listed = ask(&world, GATEWAY, list, &operator, &[], &Json::Null).await.expect(200);
        let tenants = listed["tenants"].as_array().unwrap();
        assert_eq!((tenants.len(), &tenants[0]["id"]), (1, &json!(acme.id)));
        ask(&world, GATEWAY, list, &acme.token, &[], &Json::Null).await.problem(403, "access.denied");
        ask(&world, GATEWAY, list, "", &[], &Json::Null).await.problem(401, "access.unauthenticated");
        // A host that names an organization is for that organization's own.
        ask(&world, "acme.tenants.test", list, &operator, &[], &Json::Null).await.problem(403, "tenant.mismatch");

        let quota = json!({ "quota": { "name": "requests_per_day", "value": 7 } });
        let path = format!("/admin/tenants/{}/quota", acme.id);
        let set = ask(&world, GATEWAY, ("POST", &path), &operator, &[], &quota).await.expect(200);
        assert_eq!(set, json!({ "quota": "requests_per_day", "value": 7 }));
        let limits = world.get(&acme.path("/limits"), &acme.token).await.expect(200);
        let bound = limits["items"].as_array().unwrap().iter().find(|limit| limit["key"] == "requests_per_day");
        assert_eq!(bound.unwrap()["limit"], 7);
        ask(&world, GATEWAY, ("POST", "/admin/tenants/nobody/quota"), &operator, &[], &quota).await.problem(404, "not_found");
        // An operator who asks for their own organization has none.
        ask(&world, GATEWAY, ("GET", "/workspaces"), &operator, &[], &Json::Null).await.problem(403, "tenant.missing");
    }

    async fn no_cookie_goes_through_a_route(store) {
        let world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        let body = json!({ "email": "owner@acme.test", "password": PASSWORD, "organization": acme.slug });
        let by_api = ask(&world, &world.address.to_string(), ("POST", "/v1/login"), "", &[], &body).await;
        by_api.expect(200);
        assert!(by_api.headers.contains_key("set-cookie"), "a browser gets its refresh token in a cookie");
        let by_route = ask(&world, "acme.tenants.test", ("POST", "/enter"), "", &[], &body).await;
        by_route.expect(200);
        assert!(!by_route.headers.contains_key("set-cookie"));
    }
}
