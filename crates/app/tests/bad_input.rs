//! Bad input of each kind gets a clear error, changes nothing and loses nothing.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use support::{World, signup};

fn first_error(problem: &Json) -> (&str, &str) {
    let field = &problem["errors"][0];
    (field["pointer"].as_str().unwrap_or_default(), field["code"].as_str().unwrap_or_default())
}

on_both_engines! {
    async fn bodies_that_are_no_requests(store) {
        let world = World::new(store).await;
        let send = async |body: &[u8]| world.send("POST", "/v1/signup", &[("content-type", "application/json")], Some(body)).await;
        for malformed in [&b"{"[..], b"", b"not json", b"\xff\xfe", b"{\"organization\": \"\\u0000\"}"] {
            send(malformed).await.problem(400, "request.malformed");
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        send(deep.as_bytes()).await.problem(400, "request.malformed");
        send(&vec![b' '; 2 << 20]).await.problem(413, "request.too_large");
        let text = world.send("POST", "/v1/signup", &[("content-type", "text/plain")], Some(b"{}")).await;
        text.problem(415, "request.media_type");
        let wrong = send(br#"{"organization": 5, "owner": {}}"#).await.problem(422, "request.invalid");
        assert_eq!(first_error(&wrong), ("/organization", "wrong_type"));
        let unknown = send(br#"{"organization": {"name": "A", "slug": "abc", "colour": "red"}, "owner": {}}"#).await;
        assert_eq!(first_error(&unknown.problem(422, "request.invalid")), ("/organization/colour", "unknown_field"));
    }

    async fn sign_ups_that_can_not_be(store) {
        let world = World::new(store).await;
        let with = |pointer: &str, value: Json| {
            let mut body = signup("acme");
            *body.pointer_mut(pointer).unwrap() = value;
            body
        };
        for (pointer, value, code) in [
            ("/organization/slug", json!("No Slug"), "malformed"),
            ("/organization/slug", json!("console"), "reserved"),
            ("/organization/name", json!(" "), "length"),
            ("/owner/email", json!("nowhere"), "malformed"),
            ("/owner/password", json!("short"), "length"),
            ("/owner/password", json!("password123"), "too_common"),
            ("/owner/display_name", json!("x".repeat(101)), "length"),
        ] {
            let problem = world.post("/v1/signup", "", &with(pointer, value)).await.problem(422, "request.invalid");
            assert_eq!(first_error(&problem), (pointer, code));
        }
        let mut body = signup("acme");
        body["organization"]["plan"] = json!("nonesuch");
        let problem = world.post("/v1/signup", "", &body).await.problem(422, "request.invalid");
        assert_eq!(first_error(&problem), ("/organization/plan", "unknown"));
        // All that is wrong is told at once, and nothing of it was made.
        let mut body = with("/owner/email", json!("nowhere"));
        body["organization"]["slug"] = json!("X");
        let problem = world.post("/v1/signup", "", &body).await.problem(422, "request.invalid");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
        let free = world.get("/v1/signup/availability?slug=acme", "").await.expect(200);
        assert_eq!(free["available"], true);
        world.organization("acme").await;
        let taken = world.get("/v1/signup/availability?slug=acme", "").await.expect(200);
        assert_eq!((&taken["available"], &taken["reason"]), (&json!(false), &json!("taken")));
        let mut again = signup("acme2");
        again["owner"]["email"] = json!("OWNER@acme.test");
        let problem = world.post("/v1/signup", "", &again).await.problem(409, "identity.email_taken");
        assert_eq!(first_error(&problem).0, "/owner/email");
        let list = world.get("/v1/operator/orgs", &world.operator().await).await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
    }

    async fn credentials_that_are_none(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        world.get("/things", "").await.problem(401, "access.unauthenticated");
        let mistyped = format!("{}x", &key[..key.len() - 1]);
        for broken in [mistyped.as_str(), &key[..30], "ak_", "ak_dev_", "nonsense", "a.b.c"] {
            assert_eq!(world.get("/things", broken).await.status, 401, "{broken}");
        }
        let mut forged = acme.token.clone();
        forged.replace_range(10..11, if &forged[10..11] == "A" { "B" } else { "A" });
        assert_eq!(world.get("/v1/me", &forged).await.status, 401);
        let both = [("authorization", &*format!("Bearer {key}")), ("x-api-key", mistyped.as_str())];
        assert_eq!(world.send("GET", "/things", &both, None).await.status, 400);
        let by_header = world.send("GET", "/things", &[("x-api-key", &key)], None).await;
        by_header.expect(200);
        assert_eq!(world.used(&acme).await, (1, 1));
    }

    async fn requests_that_are_too_large_or_go_nowhere(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read", "things:write"]).await;
        let authorization = format!("Bearer {key}");
        let headers = [("authorization", authorization.as_str())];
        let large = world.send("POST", "/things", &headers, Some(&vec![b'x'; 2_000])).await;
        large.problem(413, "request.too_large");
        assert_eq!(world.get("/nowhere", &key).await.status, 404);
        assert_eq!(world.api("PUT", "/things", &key, &Json::Null).await.status, 405);
        for path in ["/%74hings", "//things", "/things/../things", "/things%2f"] {
            assert!(world.get(path, &key).await.status.is_client_error(), "{path}");
        }
        assert_eq!(world.get("/v1/nowhere", &acme.token).await.problem(404, "not_found")["status"], 404);
        assert_eq!(world.used(&acme).await, (0, 0), "what is refused counts nothing");
        for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "colour=red"] {
            let refused = world.get(&acme.path(&format!("/api-keys?{query}")), &acme.token).await;
            refused.problem(422, "request.invalid");
        }
        for query in ["", "?meter=nonesuch", "?meter=requests&window=week", "?meter=requests&from=yesterday"] {
            let refused = world.get(&acme.path(&format!("/usage{query}")), &acme.token).await;
            assert_eq!(refused.status, 422, "{query}: {:?}", refused.json());
        }
    }

    async fn keys_that_can_not_be(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let with = |field: &str, value: Json| {
            let mut body = json!({ "name": "X", "environment": "development", "scopes": ["things:read"] });
            body[field] = value;
            body
        };
        for (field, value, pointer, code) in [
            ("scopes", json!([]), "/scopes", "length"),
            ("scopes", json!(["things:fly"]), "/scopes/0", "unknown"),
            ("allowed_networks", json!(["10.0.0.0/8", "here"]), "/allowed_networks/1", "malformed"),
            ("expires_at", json!("2001-01-01T00:00:00Z"), "/expires_at", "in_the_past"),
            ("expires_at", json!("tomorrow"), "/expires_at", "wrong_type"),
            ("limits", json!({ "requests_per_second": 0 }), "/limits/requests_per_second", "out_of_range"),
            ("limits", json!({ "requests_per_second": { "per_second": 5, "burst": 0 } }), "/limits/requests_per_second", "out_of_range"),
            ("limits", json!({ "requests_per_day": { "per_second": 5 } }), "/limits/requests_per_day", "wrong_type"),
            ("limits", json!({ "requests_per_day": "many" }), "/limits/requests_per_day", "wrong_type"),
            ("limits", json!({ "requests_per_day": 0 }), "/limits/requests_per_day", "out_of_range"),
            ("limits", json!({ "per_fortnight": 5 }), "/limits/per_fortnight", "unknown"),
            ("limits", json!({ "members": 5 }), "/limits/members", "unknown"),
            ("project", json!("prj_01m7y1pa2ceaav9zns2m37sc06"), "/project", "unknown"),
            ("project", json!("nowhere"), "/project", "unknown"),
            ("environment", json!("moon"), "/environment", "wrong_type"),
            ("name", json!(""), "/name", "length"),
        ] {
            let refused = world.post(&acme.path("/api-keys"), &acme.token, &with(field, value)).await;
            assert_eq!(first_error(&refused.problem(422, "request.invalid")), (pointer, code));
        }
        let keys = world.get(&acme.path("/api-keys"), &acme.token).await.expect(200);
        assert_eq!(keys["items"], json!([]));
    }
}
