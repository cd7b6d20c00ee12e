//! Limits of every kind through the whole installation: what upstreams report and hold, what operators set, and why.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::OrgId;
use insula_storage::{Store, Worker, args, statements};
use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::{net::SocketAddr, sync::Arc};
use support::{Organization, Reply, World};

fn blueprint(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
[resources]
things = ["read", "write"]
[meters.requests]
event = "request"
aggregate = "count"
cost = {{ USD = "0.00125", JPY = "0.2" }}
[meters.seconds]
event = "job.finished"
aggregate = "sum"
of = "seconds"
scale = 3
unit = "second"
group_by = ["site"]
[limits.requests_per_day]
meter = "requests"
window = "day"
[limits.requests_per_month]
meter = "requests"
window = "month"
on_exceed = "bill"
[limits.seconds_per_day]
meter = "seconds"
window = "day"
[limits.jobs_at_once]
kind = "hold"
[limits.databases]
kind = "stock"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 20, requests_per_month = 5, seconds_per_day = 10, jobs_at_once = 100, databases = 2 }}
overage = {{ requests_per_month = {{ USD = "0.01" }}, seconds_per_day = {{ USD = "0.10" }} }}
[upstreams.things]
targets = ["http://{upstream}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
meter = {{ requests = 1 }}
within = ["seconds_per_day"]
[[routes]]
match = "POST /jobs"
upstream = "things"
permission = "things:write"
meter = {{}}
hold = {{ limit = "jobs_at_once", key = "$.job_id", until = "job.finished", ttl = "15m" }}
"#
    )
}

/// Limits that each key and each project has for itself.
fn shared_out(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
[resources]
things = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
[limits.of_key]
meter = "requests"
window = "day"
per = "key"
[limits.of_project]
meter = "requests"
window = "month"
per = "project"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ of_key = 4, of_project = 100, projects = 3, api_keys = 9 }}
[upstreams.things]
targets = ["http://{upstream}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
"#
    )
}

statements! {
    catalogue PROBES of Platform;
    Ledger WARNED() = "SELECT tenant_id, payload FROM outbox WHERE kind = 'limit.threshold_reached'";
}

async fn limit(world: &World, org: &Organization, name: &str) -> Json {
    let limits = world.get(&org.path("/limits"), &org.token).await.expect(200);
    limits["items"].as_array().unwrap().iter().find(|limit| limit["key"] == name).unwrap().clone()
}

async fn report(world: &World, org: &Organization, token: &str, events: &Json) -> Reply {
    let kind =
        if events.is_array() { "application/cloudevents-batch+json" } else { "application/cloudevents+json" };
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", kind)];
    world.send("POST", &org.path("/events"), &headers, Some(events.to_string().as_bytes())).await
}

fn finished(id: &str, job: &str, seconds: &str) -> Json {
    json!({ "specversion": "1.0", "id": id, "source": "/things", "type": "job.finished", "subject": job,
            "data": { "seconds": seconds } })
}

on_both_engines! {
    async fn a_job_is_held_from_its_request_to_its_event_across_a_restart(store) {
        let mut world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:*"]).await;
        let (_, token) = world.service().await;
        let first = world.post("/jobs", &key, &json!({})).await.expect(200)["job_id"].as_str().unwrap().to_owned();
        let second = world.post("/jobs", &key, &json!({})).await.expect(200)["job_id"].as_str().unwrap().to_owned();
        assert_eq!(limit(&world, &acme, "jobs_at_once").await["used"], 2);

        let taken = report(&world, &acme, &token, &json!([finished("1", &first, "1.5")])).await.expect(202);
        assert_eq!(taken, json!({ "accepted": 1, "duplicates": 0, "rejected": [] }));
        assert_eq!(limit(&world, &acme, "jobs_at_once").await["used"], 1);

        world.restart().await;
        assert_eq!(limit(&world, &acme, "jobs_at_once").await["used"], 1, "the other one still runs");
        assert_eq!(limit(&world, &acme, "seconds_per_day").await["used"], 2, "1.5, in whole ones");
        // The same event again, and the other job's.
        let again = json!([finished("1", &first, "1.5"), finished("2", &second, "0.5"), finished("1", &first, "9")]);
        let taken = report(&world, &acme, &token, &again).await.expect(202);
        assert_eq!((&taken["accepted"], &taken["duplicates"]), (&json!(1), &json!(1)));
        assert_eq!((&taken["rejected"][0]["index"], &taken["rejected"][0]["code"]), (&json!(2), &json!("event.conflict")));
        assert_eq!(limit(&world, &acme, "jobs_at_once").await["used"], 0);
        report(&world, &acme, &token, &finished("1", &first, "9")).await.problem(409, "event.conflict");
        report(&world, &acme, &token, &finished("3", &first, "-1")).await.problem(422, "event.quantity");
        report(&world, &acme, &key, &finished("3", &first, "1")).await.problem(403, "access.denied");
    }

    async fn a_thousand_who_ask_for_a_lease_get_exactly_as_many_as_there_are(store) {
        let world = Arc::new(World::with(store, blueprint).await);
        let acme = world.organization("acme").await;
        let (_, token) = world.service().await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (world, acme, token) = (Arc::clone(&world), acme.clone(), token.clone());
            calls.spawn(async move {
                let mut ids = Vec::new();
                for _ in 0..20 {
                    let body = json!({ "limit": "jobs_at_once", "ttl_seconds": 600 });
                    let reply = world.post(&acme.path("/leases"), &token, &body).await;
                    if reply.status == 201 {
                        ids.push(reply.json()["id"].as_str().unwrap().to_owned());
                    } else {
                        reply.problem(429, "hold.exhausted");
                    }
                }
                ids
            });
        }
        let ids: Vec<String> = calls.join_all().await.concat();
        assert_eq!(ids.len(), 100);
        assert_eq!(limit(&world, &acme, "jobs_at_once").await["used"], 100);
        let lease = acme.path(&format!("/leases/{}", ids[0]));
        let renewed = world.post(&format!("{lease}/renew"), &token, &json!({ "ttl_seconds": 60 })).await.expect(200);
        assert!(renewed["expires_at"].is_string());
        assert_eq!(world.api("DELETE", &lease, &token, &Json::Null).await.status, 204);
        world.api("DELETE", &lease, &token, &Json::Null).await.problem(404, "not_found");
        world.post(&format!("{lease}/renew"), &token, &json!({ "ttl_seconds": 60 })).await.problem(404, "not_found");
        assert_eq!(limit(&world, &acme, "jobs_at_once").await["used"], 99);
    }

    async fn a_stock_of_the_product_lasts_across_restarts_until_it_is_let_go(store) {
        let mut world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        let (_, token) = world.service().await;
        let lease = |key: &str| json!({ "limit": "databases", "key": key });
        let made = world.post(&acme.path("/leases"), &token, &lease("db1")).await.expect(201);
        let again = world.post(&acme.path("/leases"), &token, &lease("db1")).await.expect(200);
        assert_eq!(again["id"], made["id"], "one thing is held once");
        world.post(&acme.path("/leases"), &token, &lease("db2")).await.expect(201);
        world.restart().await;
        world.post(&acme.path("/leases"), &token, &lease("db3")).await.problem(402, "plan.limit_reached");
        world.post(&acme.path("/leases"), &token, &lease("db1")).await.expect(200);
        let path = acme.path(&format!("/leases/{}", made["id"].as_str().unwrap()));
        assert_eq!(world.api("DELETE", &path, &token, &Json::Null).await.status, 204);
        world.restart().await;
        world.post(&acme.path("/leases"), &token, &lease("db3")).await.expect(201);
        let with_ttl = json!({ "limit": "databases", "key": "x", "ttl_seconds": 5 });
        world.post(&acme.path("/leases"), &token, &with_ttl).await.problem(422, "request.invalid");
    }

    async fn what_operators_and_organizations_set_counts_from_the_next_request_on(store) {
        let mut world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:*"]).await;
        let (operator, (_, token)) = (world.operator().await, world.service().await);
        let overrides = format!("/v1/operator/orgs/{}/limits", acme.slug);
        let set = |bound: Option<u32>| json!({ "limit": "requests_per_day", "bound": bound, "reason": "A trial run" });
        for _ in 0..6 {
            world.get("/things", &key).await.expect(200);
        }
        assert_eq!(limit(&world, &acme, "requests_per_month").await["remaining"], 0, "what is beyond is billed");
        world.post(&overrides, &operator, &set(Some(6))).await.expect(200);
        world.get("/things", &key).await.problem(429, "quota.exhausted");
        world.restart().await;
        world.get("/things", &key).await.problem(429, "quota.exhausted");
        let operator = world.operator().await;
        world.post(&overrides, &operator, &set(None)).await.expect(200);
        world.get("/things", &key).await.expect(200);
        assert_eq!(world.get(&overrides, &operator).await.expect(200)["items"][0]["bound"], Json::Null);
        let path = format!("{overrides}/requests_per_day");
        assert_eq!(world.api("DELETE", &path, &operator, &Json::Null).await.status, 204);
        world.api("DELETE", &path, &operator, &Json::Null).await.problem(404, "not_found");
        assert_eq!(limit(&world, &acme, "requests_per_day").await["limit"], 20);
        let nonsense = json!({ "limit": "nonsense", "bound": 1, "reason": "x" });
        world.post(&overrides, &operator, &nonsense).await.problem(422, "request.invalid");

        report(&world, &acme, &token, &finished("1", "j", "10")).await.expect(202);
        world.get("/things", &key).await.problem(429, "quota.exhausted");
        let subscription = acme.path("/subscription");
        let terms = world.api("PATCH", &subscription, &acme.token, &json!({ "allows_overage": true })).await.expect(200);
        assert_eq!(terms["allows_overage"], true);
        world.get("/things", &key).await.expect(200);
        world.api("PATCH", &subscription, &acme.token, &json!({ "allows_overage": false })).await.expect(200);
        world.get("/things", &key).await.problem(429, "quota.exhausted");
    }

    async fn of_a_limit_that_each_has_for_itself_the_busiest_is_shown(store) {
        let world = World::with(store, shared_out).await;
        let acme = world.organization("acme").await;
        let shown = async |name: &str| {
            let limit = limit(&world, &acme, name).await;
            (limit["used"].clone(), limit["remaining"].clone(), limit["busiest"].clone())
        };
        assert_eq!(shown("of_key").await, (json!(0), json!(4), Json::Null));
        let (one, first) = world.key(&acme, &["things:read"]).await;
        let (_, second) = world.key(&acme, &["things:read"]).await;
        let project = world.project(&acme, "Shoes").await;
        for (key, requests) in [(&first, 4), (&second, 2)] {
            for _ in 0..requests {
                world.get("/things", key).await.expect(200);
            }
        }
        world.get("/things", &first).await.problem(429, "quota.exhausted");
        assert_eq!(shown("of_key").await, (json!(4), json!(0), json!(one)));
        assert_eq!(shown("of_project").await, (json!(0), json!(100), Json::Null));
        let authorization = format!("Bearer {}", acme.token);
        let headers = [("authorization", authorization.as_str()), ("x-project-id", project.as_str())];
        world.send("GET", "/things", &headers, None).await.expect(200);
        assert_eq!(shown("of_project").await, (json!(1), json!(99), json!(project)));
        assert!(limit(&world, &acme, "of_project").await["resets_at"].is_string());
    }

    async fn every_request_can_be_explained(store) {
        let world = World::with(store, blueprint).await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        let (id, key) = world.key(&acme, &["things:read"]).await;
        let reply = world.get("/things", &key).await;
        reply.expect(200);
        let path = |org: &Organization, reply: &Reply| org.path(&format!("/explain/{}", reply.header("x-request-id")));
        let why = world.get(&path(&acme, &reply), &acme.token).await.expect(200);
        assert_eq!((&why["decision"], &why["route"], &why["status"]), (&json!("admitted"), &json!("GET /things"), &json!(200)));
        assert_eq!((&why["key"], &why["used"]), (&json!(id), &json!({ "requests": "1" })));
        assert_eq!(why["checks"][0], json!({ "limit": "requests_per_day", "used": 1, "bound": 20 }));
        world.get(&path(&other, &reply), &other.token).await.problem(404, "not_found");
        let cost = |currency: &str, amount: &str, exact: &str| json!({
            "exact": exact, "amount": { "amount": amount, "currency": currency }, "meters": { "requests": exact } });
        assert_eq!(why["costs"], json!([cost("JPY", "0", "0.2"), cost("USD", "0.00", "0.00125")]));
        assert_eq!(why["hold"], Json::Null);

        let denied = world.post("/jobs", &key, &json!({})).await;
        denied.problem(403, "access.denied");
        let why = world.get(&path(&acme, &denied), &acme.token).await.expect(200);
        assert_eq!((&why["decision"], &why["outcome"], &why["status"]), (&json!("refused"), &json!("access.denied"), &json!(403)));
        world.get(&path(&other, &denied), &other.token).await.problem(404, "not_found");
        world.get(&acme.path("/explain/req_nonsense"), &acme.token).await.problem(404, "not_found");
    }

    async fn a_request_that_began_a_job_says_what_it_holds_and_when_that_ended(store) {
        let world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        let ((_, key), (_, token)) = (world.key(&acme, &["things:*"]).await, world.service().await);
        let reply = world.post("/jobs", &key, &json!({})).await;
        let job = reply.expect(200)["job_id"].as_str().unwrap().to_owned();
        let why = async || {
            let path = acme.path(&format!("/explain/{}", reply.header("x-request-id")));
            world.get(&path, &acme.token).await.expect(200)
        };
        let explained = why().await;
        let hold = &explained["hold"];
        assert_eq!((&hold["limit"], &hold["key"], &hold["until"]), (&json!("jobs_at_once"), &json!(job), &json!("job.finished")));
        assert_eq!((&hold["held"], &hold["begun_at"], &hold["ended_at"]), (&json!(true), &explained["at"], &Json::Null));
        assert!(hold["id"].as_str().unwrap().starts_with("hold_") && hold["expires_at"].is_string(), "{hold}");
        assert_eq!(explained["costs"], json!([]), "it counts on nothing");

        report(&world, &acme, &token, &finished("1", &job, "1.5")).await.expect(202);
        let ended = why().await;
        assert_eq!(ended["hold"]["held"], false);
        assert!(ended["hold"]["ended_at"].as_str() >= hold["begun_at"].as_str(), "{ended}");
        assert_eq!(ended["hold"]["id"], hold["id"]);
    }

    async fn usage_is_told_apart_by_who_and_what(store) {
        let world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        let (project, (_, token)) = (world.project(&acme, "Shoes").await, world.service().await);
        let (id, key) = world.key(&acme, &["things:read"]).await;
        for _ in 0..2 {
            world.get("/things", &key).await.expect(200);
        }
        world.get("/things", &acme.token).await.expect(200);
        let mut of_site = [finished("1", "a", "1.5"), finished("2", "b", "2"), finished("3", "c", "0.25")];
        of_site[0]["data"]["site"] = json!("a.example");
        of_site[1]["data"]["site"] = json!("b.example");
        of_site[2]["data"]["site"] = json!("a.example");
        of_site[0]["project"] = json!(project);
        report(&world, &acme, &token, &json!(of_site)).await.expect(202);

        let ask = async |query: &str| {
            let usage = world.get(&acme.path(&format!("/usage?{query}")), &acme.token).await.expect(200);
            let buckets = usage["buckets"].as_array().unwrap().clone();
            buckets.into_iter().map(|bucket| (bucket["group"].clone(), bucket["value"].clone())).collect::<Vec<_>>()
        };
        let by_key = ask("meter=requests&group_by=key").await;
        assert_eq!(by_key, [(json!({}), json!("1")), (json!({ "key": id }), json!("2"))]);
        let by_site = ask("meter=seconds&group_by=site").await;
        assert_eq!(by_site, [(json!({ "site": "a.example" }), json!("1.75")), (json!({ "site": "b.example" }), json!("2"))]);
        let of_project = ask(&format!("meter=seconds&group_by=site,operation&project={project}")).await;
        assert_eq!(of_project, [(json!({ "site": "a.example", "operation": "job.finished" }), json!("1.5"))]);
        assert_eq!(ask("meter=seconds&property=site:b.example&window=hour").await, [(json!({}), json!("2"))]);
        assert_eq!(ask(&format!("meter=requests&key={id}")).await, [(json!({}), json!("2"))]);
        let minutes: i64 = ask("meter=requests&window=minute").await.iter()
            .map(|(_, value)| value.as_str().unwrap().parse::<i64>().unwrap()).sum();
        assert_eq!(minutes, 3);

        let wrong = async |query: &str| {
            let reply = world.get(&acme.path(&format!("/usage?{query}")), &acme.token).await;
            reply.problem(422, "request.invalid")["errors"][0]["pointer"].as_str().unwrap().to_owned()
        };
        assert_eq!(wrong("meter=requests&group_by=site").await, "?group_by");
        assert_eq!(wrong("meter=requests&group_by=key&window=minute").await, "?window");
        assert_eq!(wrong("meter=requests&key=nonsense").await, "?key");
        assert_eq!(wrong("meter=seconds&property=site").await, "?property");
    }

    async fn each_warning_is_given_once_whatever_comes_after_it(store) {
        let mut world = World::with(store, blueprint).await;
        let (acme, other) = (world.organization("acme").await, world.organization("other").await);
        let ((_, key), (_, others)) = (world.key(&acme, &["things:*"]).await, world.key(&other, &["things:*"]).await);
        for _ in 0..15 {
            world.get("/things", &key).await.expect(200);
        }
        world.get("/things", &others).await.expect(200);
        // Settled in between, and by the next process.
        limit(&world, &acme, "requests_per_day").await;
        for _ in 0..3 {
            world.get("/things", &key).await.expect(200);
        }
        world.restart().await;
        for _ in 0..2 {
            world.get("/things", &key).await.expect(200);
        }
        for _ in 0..3 {
            world.get("/things", &key).await.problem(429, "quota.exhausted");
        }
        limit(&world, &acme, "requests_per_day").await;
        world.restart().await;
        world.get("/things", &key).await.problem(429, "quota.exhausted");
        limit(&world, &acme, "requests_per_day").await;
        world.stop().await;
        let storage = world.store.open().await;
        let mut tx = storage.platform_read(Store::Ledger, &Worker::Relay).await.unwrap();
        let sent: Vec<(OrgId, String)> = tx.fetch_all(&WARNED, args![]).await.unwrap();
        let mut warned: Vec<(String, i64)> = Vec::new();
        for (org, payload) in sent {
            assert_eq!(org.to_string(), acme.id, "the other has used next to nothing");
            let message: Json = serde_json::from_str(&payload).unwrap();
            warned.push((message["limit"].as_str().unwrap().to_owned(), message["level"].as_i64().unwrap()));
        }
        warned.sort();
        let each = ["requests_per_day", "requests_per_month"].into_iter().flat_map(|limit| [80, 90, 100].map(|level| (limit.to_owned(), level)));
        assert_eq!(warned, each.collect::<Vec<_>>());
    }

    async fn the_operator_sees_that_sums_are_those_of_their_events(store) {
        let world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        let ((_, key), (_, token)) = (world.key(&acme, &["things:*"]).await, world.service().await);
        for _ in 0..3 {
            world.get("/things", &key).await.expect(200);
        }
        report(&world, &acme, &token, &json!([finished("1", "a", "1"), finished("2", "b", "2")])).await.expect(202);
        let operator = world.operator().await;
        let checked = world.get("/v1/operator/ledger/check", &operator).await.expect(200);
        assert_eq!(checked["discrepancies"], json!([]));
        let health = world.get("/v1/operator/health", &operator).await.expect(200);
        assert_eq!((&health["events"], &health["mismatches"], &health["damaged"]), (&json!(5), &json!(0), &json!(0)));
        let years = "/v1/operator/ledger/check?from=2020-01-01T00:00:00Z";
        world.get(years, &operator).await.problem(422, "request.invalid");
    }
}
