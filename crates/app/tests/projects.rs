//! Projects and teams, and the API keys of projects.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use support::{Organization, World};

fn key_body(project: &str) -> Json {
    json!({ "name": "Crawler", "environment": "development", "scopes": ["things:read"], "project": project })
}

async fn patch(world: &World, acme: &Organization, path: &str, body: Json) -> support::Reply {
    world.api("PATCH", &acme.path(path), &acme.token, &body).await
}

on_both_engines! {
    async fn of_a_thousand_projects_at_once_exactly_the_limit_is_made(store) {
        let world = Arc::new(World::new(store).await);
        let acme = world.organization("acme").await;
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..1_000 {
            let (world, acme) = (world.clone(), acme.clone());
            calls.spawn(async move {
                let body = json!({ "name": format!("Project {number}") });
                let reply = world.post(&acme.path("/projects"), &acme.token, &body).await;
                (reply.status.as_u16(), reply.json()["code"].clone())
            });
        }
        let replies = calls.join_all().await;
        assert_eq!(replies.iter().filter(|(status, _)| *status == 201).count(), 3);
        assert_eq!(replies.iter().filter(|(status, code)| *status == 402 && code == "plan.limit_reached").count(), 997);
        let listed = world.get(&acme.path("/projects"), &acme.token).await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 3);
        let limits = world.get(&acme.path("/limits"), &acme.token).await.expect(200);
        let projects = limits["items"].as_array().unwrap().iter().find(|limit| limit["key"] == "projects").unwrap();
        assert_eq!((&projects["used"], &projects["remaining"]), (&json!(3), &json!(0)));
    }

    async fn a_project_is_made_found_changed_and_archived(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let made = world.post(&acme.path("/projects"), &acme.token, &json!({ "name": "Spring Market" })).await.expect(201);
        assert_eq!((&made["slug"], &made["status"], &made["team"]), (&json!("spring-market"), &json!("active"), &Json::Null));
        let id = made["id"].as_str().unwrap();
        let twice = world.post(&acme.path("/projects"), &acme.token, &json!({ "name": "Other", "slug": "spring-market" })).await;
        twice.problem(409, "project.slug_taken");
        let other = world.project(&acme, "Other").await;

        let found = world.get(&acme.path("/projects/spring-market"), &acme.token).await;
        assert_eq!((found.expect(200), found.header("etag")), (made.clone(), "\"1\""));
        let authorization = format!("Bearer {}", acme.token);
        let renamed = async |tag: &str| {
            let headers = [("authorization", authorization.as_str()), ("content-type", "application/json"), ("if-match", tag)];
            world.send("PATCH", &acme.path(&format!("/projects/{id}")), &headers, Some(br#"{"name": "Summer", "slug": "summer"}"#)).await
        };
        let changed = renamed("\"1\"").await.expect(200);
        assert_eq!((&changed["name"], &changed["slug"]), (&json!("Summer"), &json!("summer")));
        renamed("\"1\"").await.problem(412, "project.changed");
        patch(&world, &acme, &format!("/projects/{other}"), json!({ "slug": "summer" })).await.problem(409, "project.slug_taken");
        for wrong in [json!({ "name": null }), json!({ "slug": "No Slug" }), json!({ "team": "team_01m7y1pa2ceaav9zns2m37sc06" })] {
            patch(&world, &acme, "/projects/summer", wrong).await.problem(422, "request.invalid");
        }
        let listed = world.get(&acme.path("/projects?q=SUMM&limit=1"), &acme.token).await.expect(200);
        assert_eq!((&listed["items"], &listed["next_cursor"]), (&json!([changed]), &Json::Null));
        let first = world.get(&acme.path("/projects?limit=1"), &acme.token).await.expect(200);
        let next = format!("/projects?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
        assert_eq!(world.get(&acme.path(&next), &acme.token).await.expect(200)["items"][0]["id"], other);

        for _ in 0..2 {
            assert_eq!(world.api("DELETE", &acme.path(&format!("/projects/{id}")), &acme.token, &Json::Null).await.status, 204);
        }
        assert_eq!(world.get(&acme.path(&format!("/projects/{id}")), &acme.token).await.expect(200)["status"], "archived");
        world.get(&acme.path("/projects/summer"), &acme.token).await.problem(404, "not_found");
        patch(&world, &acme, &format!("/projects/{id}"), json!({ "name": "Back" })).await.problem(409, "project.archived");
        let active = world.get(&acme.path("/projects?status=active"), &acme.token).await.expect(200);
        assert_eq!(active["items"].as_array().unwrap().len(), 1);
        // Its slug and its room in the plan are free again.
        world.post(&acme.path("/projects"), &acme.token, &json!({ "name": "Next", "slug": "summer" })).await.expect(201);
        world.project(&acme, "Third").await;
        world.post(&acme.path("/projects"), &acme.token, &json!({ "name": "Fourth" })).await.problem(402, "plan.limit_reached");
    }

    async fn a_key_of_a_project_ends_with_it(store) {
        let mut world = World::new(store).await;
        let acme = world.organization("acme").await;
        let other = world.organization("other").await;
        let project = world.project(&acme, "Catalogue").await;
        let made = world.post(&acme.path("/api-keys"), &acme.token, &key_body("catalogue")).await.expect(201);
        assert_eq!(made["api_key"]["project"], json!(project));
        let foreign = world.post(&other.path("/api-keys"), &other.token, &key_body(&project)).await;
        foreign.problem(422, "request.invalid");
        let key = made["secret"].as_str().unwrap().to_owned();
        let (_, free) = world.key(&acme, &["things:read"]).await;
        let of_project = world.get(&acme.path(&format!("/api-keys?project={project}")), &acme.token).await.expect(200);
        assert_eq!(of_project["items"], json!([made["api_key"]]));
        world.get("/things", &key).await.expect(200);
        world.restart().await;
        world.get("/things", &key).await.expect(200);

        let path = acme.path(&format!("/projects/{project}"));
        world.api("DELETE", &path, &acme.token, &Json::Null).await.problem(409, "project.has_keys");
        world.get("/things", &key).await.expect(200);
        let archived = world.api("DELETE", &format!("{path}?revoke_keys=true"), &acme.token, &Json::Null).await;
        assert_eq!(archived.status, 204);
        world.get("/things", &key).await.problem(401, "access.key_invalid");
        world.get("/things", &free).await.expect(200);
        let refused = world.post(&acme.path("/api-keys"), &acme.token, &key_body(&project)).await;
        refused.problem(422, "request.invalid");
        let id = made["api_key"]["id"].as_str().unwrap();
        let shown = world.get(&acme.path(&format!("/api-keys/{id}")), &acme.token).await.expect(200);
        assert_eq!(shown["status"], "revoked");
        world.restart().await;
        world.get("/things", &key).await.problem(401, "access.key_invalid");
    }

    async fn a_changed_key_is_another_at_its_next_request(store) {
        let mut world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (id, key) = world.key(&acme, &["things:read"]).await;
        world.get("/things", &key).await.expect(200);
        let path = format!("/api-keys/{id}");
        let limits = json!({ "requests_per_day": 1000, "requests_per_second": { "per_second": 7, "burst": 9 } });
        let changed = patch(&world, &acme, &path, json!({ "name": "Writer", "scopes": ["things:write"], "limits": limits })).await.expect(200);
        assert_eq!((&changed["name"], &changed["limits"]), (&json!("Writer"), &limits));
        world.get("/things", &key).await.problem(403, "access.denied");
        world.post("/things", &key, &json!({})).await.expect(200);

        let merged = patch(&world, &acme, &path, json!({ "limits": { "requests_per_day": null, "requests_per_second": 1 } })).await.expect(200);
        assert_eq!(merged["limits"], json!({ "requests_per_second": { "per_second": 1, "burst": 1 } }));
        world.restart().await;
        world.post("/things", &key, &json!({})).await.expect(200);
        world.post("/things", &key, &json!({})).await.problem(429, "rate.limited");
        let cleared = patch(&world, &acme, &path, json!({ "limits": null, "allowed_networks": ["203.0.113.0/24"] })).await.expect(200);
        assert_eq!(cleared["limits"], json!({}));
        world.post("/things", &key, &json!({})).await.problem(403, "access.network");
        let until = json!({ "allowed_networks": null, "expires_at": "2999-01-01T00:00:00Z" });
        patch(&world, &acme, &path, until).await.expect(200);
        world.post("/things", &key, &json!({})).await.expect(200);

        // Nothing of a change that can't be is made.
        for wrong in [
            json!({ "name": "X", "scopes": ["things:fly"] }),
            json!({ "name": "X", "limits": { "members": 2 } }),
            json!({ "name": null }),
            json!({ "scopes": null }),
            json!({ "name": "X", "expires_at": "2001-01-01T00:00:00Z" }),
        ] {
            patch(&world, &acme, &path, wrong).await.problem(422, "request.invalid");
        }
        let shown = world.get(&acme.path(&path), &acme.token).await.expect(200);
        assert_eq!((&shown["name"], &shown["scopes"]), (&json!("Writer"), &json!(["things:write"])));
        let (_, manager) = world.key(&acme, &["keys:manage", "things:read"]).await;
        let beyond = world.api("PATCH", &acme.path(&path), &manager, &json!({ "name": "Mine" })).await;
        beyond.problem(403, "access.beyond_own");
        world.api("DELETE", &acme.path(&path), &acme.token, &Json::Null).await;
        patch(&world, &acme, &path, json!({ "name": "Late" })).await.problem(409, "api_key.not_active");
    }

    async fn a_team_has_people_and_projects(store) {
        let world = World::new(store).await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        let (buyers, owner) = (world.team(&acme, "Buyers").await, world.owner(&acme).await);
        world.post(&acme.path("/teams"), &acme.token, &json!({ "name": "BUYERS" })).await.problem(409, "team.name_taken");
        world.team(&acme, "Sellers").await;
        world.post(&acme.path("/teams"), &acme.token, &json!({ "name": "Third" })).await.problem(402, "plan.limit_reached");

        let members = format!("/teams/{buyers}/members");
        let member = acme.path(&format!("{members}/{owner}"));
        for role in ["member", "lead"] {
            let put = world.api("PUT", &member, &acme.token, &json!({ "role": role })).await.expect(200);
            assert_eq!((&put["user"], &put["role"]), (&json!(owner), &json!(role)));
        }
        let stranger = acme.path(&format!("{members}/{}", world.owner(&other).await));
        world.api("PUT", &stranger, &acme.token, &json!({ "role": "member" })).await.problem(404, "not_found");
        let listed = world.get(&acme.path(&members), &acme.token).await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);

        let project = world.project(&acme, "Catalogue").await;
        let placed = patch(&world, &acme, "/projects/catalogue", json!({ "team": buyers })).await.expect(200);
        assert_eq!(placed["team"], json!(buyers));
        let team = acme.path(&format!("/teams/{buyers}"));
        world.api("DELETE", &team, &acme.token, &Json::Null).await.problem(409, "team.has_projects");
        let moved = patch(&world, &acme, &format!("/projects/{project}"), json!({ "team": null })).await.expect(200);
        assert_eq!(moved["team"], Json::Null);
        let described = patch(&world, &acme, &format!("/teams/{buyers}"), json!({ "description": "They buy." })).await.expect(200);
        assert_eq!((&described["name"], &described["description"]), (&json!("Buyers"), &json!("They buy.")));
        for gone in [&member, &team] {
            assert_eq!(world.api("DELETE", gone, &acme.token, &Json::Null).await.status, 204);
            world.api("DELETE", gone, &acme.token, &Json::Null).await.problem(404, "not_found");
        }
        let teams = world.get(&acme.path("/teams?q=ell"), &acme.token).await.expect(200);
        assert_eq!(teams["items"][0]["name"], "Sellers");
        let (_, key) = world.key(&acme, &["projects:read"]).await;
        world.get(&acme.path("/projects"), &key).await.expect(200);
        world.post(&acme.path("/projects"), &key, &json!({ "name": "Mine" })).await.problem(403, "access.denied");
    }
}
