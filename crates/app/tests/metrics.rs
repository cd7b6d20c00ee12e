//! What Prometheus reads of an installation.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use support::World;

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
[meters.jobs]
event = "job.finished"
aggregate = "count"
[limits.requests_per_day]
meter = "requests"
window = "day"
[limits.jobs_at_once]
kind = "hold"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 5, jobs_at_once = 3 }}
[upstreams.things]
targets = ["http://{upstream}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
[[routes]]
match = "POST /jobs"
upstream = "things"
permission = "things:write"
meter = {{}}
hold = {{ limit = "jobs_at_once", key = "$.job_id", until = "job.finished", ttl = "15m" }}
"#
    )
}

/// The value of a line that begins with this name and these labels.
#[track_caller]
fn value(page: &str, name: &str) -> String {
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in:\n{page}")).to_owned()
}

/// The same, probed: a second target refuses every connection.
fn probed(upstream: SocketAddr) -> String {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let targets = format!(
        "targets = [\"http://{upstream}\", \"http://{nobody}\"]\nhealth = {{ path = \"/\", every = \"20ms\" }}"
    );
    blueprint(upstream).replace(&format!("targets = [\"http://{upstream}\"]"), &targets)
}

on_both_engines! {
    async fn how_upstreams_do_is_told_to_the_operator(store) {
        let world = World::with(store, probed).await;
        let operator = world.operator().await;
        let targets = loop {
            let health = world.get("/v1/operator/health", &operator).await.expect(200);
            let targets = health["upstreams"].as_array().unwrap().clone();
            if targets[0]["probes"] != 0 && targets[1]["healthy"] == false {
                break targets;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((&targets[0]["upstream"], &targets[0]["healthy"]), (&json!("things"), &json!(true)));
        assert!(targets[1]["reason"].as_str().unwrap().contains("can't be connected to"), "{targets:?}");
        let page = world.metrics().await;
        for (target, healthy) in [(&targets[0], "1"), (&targets[1], "0")] {
            let name = format!("insula_upstream_healthy{{target=\"{}\"}}", target["target"].as_str().unwrap());
            assert_eq!(value(&page, &name), healthy);
        }
        world.get("/v1/operator/health", &world.organization("acme").await.token).await.problem(403, "access.denied");
    }

    async fn what_is_scraped_is_what_happened(store) {
        let mut world = World::with(store, blueprint).await;
        let acme = world.organization("acme").await;
        let ((_, key), (_, token)) = (world.key(&acme, &["things:*"]).await, world.service().await);
        for _ in 0..5 {
            world.get("/things", &key).await.expect(200);
        }
        for _ in 0..2 {
            world.get("/things", &key).await.problem(429, "quota.exhausted");
        }
        world.get("/things", "nonsense").await.expect(401);
        world.get("/nowhere", &key).await.problem(404, "not_found");
        world.post("/jobs", &key, &json!({})).await.expect(200);
        let event = |id: &str, data: Json| json!({
            "specversion": "1.0", "id": id, "source": "/things", "type": "job.finished", "data": data });
        let batch = json!([event("1", json!({})), event("2", json!({})), event("1", json!({})), event("1", json!({ "other": 1 }))]);
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/cloudevents-batch+json")];
        world.send("POST", &acme.path("/events"), &headers, Some(batch.to_string().as_bytes())).await.expect(202);
        // Whoever asks for usage has everything settled first.
        world.used(&acme).await;

        let page = world.metrics().await;
        for (name, expected) in [
            ("insula_admissions_total", "6"),
            ("insula_refusals_total{class=\"quota\"}", "2"),
            ("insula_refusals_total{class=\"access\"}", "1"),
            ("insula_refusals_total{class=\"not_found\"}", "1"),
            ("insula_requests_in_flight", "0"),
            ("insula_holds", "1"),
            ("insula_log_unsettled_events", "0"),
            ("insula_settled_events_total", "8"),
            ("insula_recovered_events_total", "0"),
            ("insula_ingested_events_total{outcome=\"accepted\"}", "2"),
            ("insula_ingested_events_total{outcome=\"duplicate\"}", "1"),
            ("insula_ingested_events_total{outcome=\"conflict\"}", "1"),
            ("insula_ingested_events_total{outcome=\"rejected\"}", "0"),
            ("insula_ledger_differences_total", "0"),
            ("insula_ledger_checked_events_total", "0"),
            ("insula_ledger_check_last_run_timestamp_seconds", "0"),
        ] {
            assert_eq!(value(&page, name), expected, "{name}");
        }
        assert!(value(&page, "insula_log_bytes").parse::<u64>().unwrap() > 0);
        assert!(value(&page, "process_resident_memory_bytes").parse::<u64>().unwrap() > 1 << 20);
        value(&page, "insula_settlement_lag_seconds");
        for store in ["directory", "ledger"] {
            value(&page, &format!("insula_outbox_messages{{store=\"{store}\"}}"));
        }
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(page.contains(&format!("# TYPE {name} ")) && page.contains(&format!("# HELP {name} ")), "{line}");
        }
        assert!(!page.contains("acme") && !page.contains(&acme.id), "nothing tells tenants apart");

        // Tenants can't reach it: at the address of the gateway it is a path like any other.
        world.get("/metrics", &key).await.problem(404, "not_found");
        world.restart().await;
        assert_eq!(value(&world.metrics().await, "insula_admissions_total"), "0", "counters begin with the process");
    }
}
