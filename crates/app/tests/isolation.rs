//! Two organizations: neither sees, changes or learns of the other's things.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::{Kind, TestStore, on_both_engines};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use support::World;

/// Every operation of the document on an organization, with a body that is valid where one is needed.
fn operations() -> Vec<(String, String, Json)> {
    let document = insula_app::openapi();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let body = match operation["operationId"].as_str().unwrap() {
                "createApiKey" => {
                    json!({ "name": "X", "environment": "development", "scopes": ["things:read"] })
                }
                "rotateApiKey" => json!({ "overlap_seconds": 0 }),
                "updateOrganization" | "updateApiKey" | "updateProject" | "updateTeam" | "createProject"
                | "createTeam" => json!({ "name": "Taken over" }),
                "putTeamMember" => json!({ "role": "lead" }),
                "suspendOrganization" | "reactivateOrganization" => json!({ "reason": "X" }),
                "createInvitation" => json!({ "email": "thief@example.test", "role": "owner" }),
                "updateMember" => json!({ "role": "viewer" }),
                "createOrganization" => {
                    json!({ "name": "X", "slug": "xxx", "owner_email": "x@example.test" })
                }
                "inviteOwner" => json!({ "email": "thief@example.test" }),
                "revokeKeysEverywhere" => json!({ "org": "acme", "reason": "X" }),
                "applyBlueprint" => json!({ "source": "" }),
                "createService" => json!({ "upstream": "things" }),
                _ => Json::Null,
            };
            found.push((method.to_uppercase(), path.clone(), body));
        }
    }
    found
}

on_both_engines! {
    async fn every_operation_of_an_organization_is_closed_to_others(store) {
        let world = World::new(store).await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        let (acme_key, acme_secret) = world.key(&acme, &["things:read", "keys:manage", "keys:read"]).await;
        let (_, other_secret) = world.key(&other, &["things:read", "keys:manage", "keys:read", "usage:read", "org:read"]).await;
        let (project, team) = (world.project(&acme, "Catalogue").await, world.team(&acme, "Buyers").await);
        let owner = world.owner(&acme).await;
        let member = acme.path(&format!("/teams/{team}/members/{owner}"));
        world.api("PUT", &member, &acme.token, &json!({ "role": "lead" })).await.expect(200);
        let guest = json!({ "email": "guest@example.test", "role": "member" });
        let invitation = world.post(&acme.path("/invitations"), &acme.token, &guest).await.expect(201);
        let invitation = invitation["invitation"]["id"].as_str().unwrap().to_owned();
        let theirs = |path: &str| {
            let things = [
                ("{id}", &acme_key), ("{project}", &project), ("{team}", &team), ("{user}", &owner),
                ("{invitation}", &invitation),
            ];
            things.iter().fold(path.to_owned(), |path, (place, id)| path.replace(place, id))
        };
        let look = async || {
            let mut seen = Vec::new();
            for list in ["/api-keys", "/projects", "/teams", "/members", "/invitations", &format!("/teams/{team}/members")] {
                seen.push(world.get(&acme.path(list), &acme.token).await.expect(200));
            }
            seen
        };
        let before = look().await;
        let mut tried = 0;
        for (method, path, body) in operations().into_iter().filter(|(_, path, _)| path.starts_with("/v1/orgs/{org}")) {
            tried += 1;
            for name in [&acme.id, &acme.slug] {
                let path = theirs(&path.replace("{org}", name));
                let path = if path.ends_with("/usage") { format!("{path}?meter=requests") } else { path };
                world.api(&method, &path, "", &body).await.problem(401, "access.unauthenticated");
                for stranger in [&other.token, &other_secret, &world.operator().await] {
                    world.api(&method, &path, stranger, &body).await.problem(404, "not_found");
                }
            }
            // Its own organization in the path, another's things beside it.
            let path = path.replace("{org}", &other.slug);
            if theirs(&path) != path {
                let path = theirs(&path);
                world.api(&method, &path, &other.token, &body).await.problem(404, "not_found");
            }
        }
        assert!(tried >= 25, "only {tried} operations were tried");
        assert_eq!(look().await, before);
        world.get("/things", &acme_secret).await.expect(200);
        assert_eq!(world.used(&other).await, (0, 0));
    }

    async fn operations_of_the_operator_are_closed_to_everyone_else(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read", "org:update", "keys:manage"]).await;
        let (service, token) = world.service().await;
        let mut tried = 0;
        for (method, path, body) in operations().into_iter().filter(|(_, path, _)| path.starts_with("/v1/operator")) {
            tried += 1;
            let path = path.replace("{org}", &acme.slug).replace("{id}", &service);
            world.api(&method, &path, "", &body).await.problem(401, "access.unauthenticated");
            for stranger in [&acme.token, &key, &token] {
                world.api(&method, &path, stranger, &body).await.problem(403, "access.denied");
            }
        }
        assert!(tried >= 8, "only {tried} operations were tried");
        world.get("/things", &key).await.expect(200);
    }

    async fn a_host_or_header_that_contradicts_the_credential_is_refused(store) {
        let world = World::new(store).await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        let (_, key) = world.key(&acme, &["things:read"]).await;
        let authorization = format!("Bearer {key}");
        let call = async |extra: (&str, &str)| {
            world.send("GET", "/things", &[("authorization", &authorization), extra], None).await
        };
        call(("host", "acme.tenants.test")).await.expect(200);
        call(("x-org-id", &acme.id)).await.expect(200);
        for contradiction in [("host", "other.tenants.test"), ("host", "nobody.tenants.test"), ("x-org-id", other.id.as_str())] {
            call(contradiction).await.problem(403, "tenant.mismatch");
        }
        assert_eq!(world.used(&acme).await, (2, 2));
        // On an organization's own host there is no console and no API.
        assert_eq!(world.send("GET", "/v1/plans", &[("host", "acme.tenants.test")], None).await.status, 404);
    }

    async fn nobody_gives_a_key_what_they_lack(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["keys:manage", "things:read"]).await;
        let body = json!({ "name": "More", "environment": "development", "scopes": ["things:write"] });
        world.post(&acme.path("/api-keys"), &key, &body).await.problem(403, "access.beyond_own");
        let body = json!({ "name": "Same", "environment": "development", "scopes": ["things:read"] });
        world.post(&acme.path("/api-keys"), &key, &body).await.expect(201);
        for operators in ["operator:manage", "blueprint:apply"] {
            let body = json!({ "name": "Far more", "environment": "development", "scopes": [operators] });
            let refused = world.post(&acme.path("/api-keys"), &acme.token, &body).await;
            assert!(matches!(refused.status.as_u16(), 403 | 422), "{refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_sql_under_the_tenant_role_sees_the_current_tenant_alone() {
    let world = World::new(TestStore::new(Kind::Postgres).await).await;
    let (acme, other) = (world.organization("acme").await, world.organization("other").await);
    for organization in [&acme, &other] {
        let (_, key) = world.key(organization, &["things:read"]).await;
        world.get("/things", &key).await.expect(200);
        world.used(organization).await;
        world.project(organization, "Catalogue").await;
        let (team, owner) = (world.team(organization, "Buyers").await, world.owner(organization).await);
        let member = organization.path(&format!("/teams/{team}/members/{owner}"));
        world.api("PUT", &member, &organization.token, &json!({ "role": "lead" })).await.expect(200);
        let guest = json!({ "email": "guest@example.test", "role": "member" });
        world.post(&organization.path("/invitations"), &organization.token, &guest).await.expect(201);
    }
    let database = world.store.database().unwrap();
    let mut raw = database.connect("insula_tenant").await;
    let uuid = |id: &str| id.parse::<insula_kernel::OrgId>().unwrap().uuid().to_string();
    let nobody = "00000000-0000-7000-8000-000000000000".to_owned();
    let mut with_rows = BTreeSet::new();
    for store in insula_storage::Store::ALL {
        for (table, column) in insula_storage::tenant_tables(store) {
            let name = format!("{}.{table}", store.name());
            for (tenant, own) in [(None, false), (Some(nobody.clone()), false), (Some(uuid(&acme.id)), true)]
            {
                let set = tenant.as_ref().map(|tenant| format!("SET insula.tenant = '{tenant}'"));
                run(&mut raw, set.as_deref().unwrap_or("RESET insula.tenant")).await;
                let rows =
                    if own { format!("WHERE {column} <> '{}'", uuid(&acme.id)) } else { String::new() };
                let foreign = count(&mut raw, &format!("SELECT count(*) FROM {name} {rows}")).await;
                assert_eq!(foreign, 0, "{name} shows rows of others to {tenant:?}");
                if own && count(&mut raw, &format!("SELECT count(*) FROM {name}")).await > 0 {
                    with_rows.insert(name.clone());
                }
            }
        }
    }
    for expected in [
        "directory.organization",
        "directory.membership",
        "directory.invitation",
        "directory.api_key",
        "directory.project",
        "directory.team",
        "directory.team_member",
        "directory.audit",
        "directory.outbox",
        "ledger.subscription",
        "ledger.usage_event",
        "ledger.usage_rollup",
        "tenant.tenant_store",
    ] {
        assert!(with_rows.contains(expected), "{expected} was empty: nothing was shown");
    }
    // The people of others are as invisible, and the platform's own tables are closed altogether.
    run(&mut raw, &format!("SET insula.tenant = '{}'", uuid(&acme.id))).await;
    assert_eq!(count(&mut raw, "SELECT count(id) FROM directory.user_account").await, 1);
    for closed in [
        "directory.session",
        "directory.signing_key",
        "directory.service_credential",
        "directory.platform_audit",
        "ledger.blueprint_version",
    ] {
        let refused =
            sqlx::query(sqlx::AssertSqlSafe(format!("SELECT 1 FROM {closed}"))).fetch_all(&mut raw).await;
        assert!(refused.unwrap_err().to_string().contains("permission denied"), "{closed}");
    }
    let hashes = sqlx::query("SELECT password_hash FROM directory.user_account").fetch_all(&mut raw).await;
    assert!(hashes.unwrap_err().to_string().contains("permission denied"));
}

async fn run(raw: &mut sqlx::PgConnection, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(raw).await.unwrap();
}

async fn count(raw: &mut sqlx::PgConnection, sql: &str) -> i64 {
    use sqlx::Row as _;
    sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(raw).await.unwrap().try_get(0).unwrap()
}
