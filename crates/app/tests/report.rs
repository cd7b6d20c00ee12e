//! What an organization used, what that cost, and what it suggests, through the whole installation.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{Env, ManualClock, Span, SystemRng};
use insula_testkit::{TestStore, on_both_engines};
use serde_json::{Value as Json, json};
use std::{net::SocketAddr, sync::Arc};
use support::{Organization, World};

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
cost = {{ USD = "0.0005", JPY = "0.4" }}
[meters.units]
event = "request"
aggregate = "count"
cost = {{ USD = "0.001" }}
[meters.seconds]
event = "job.finished"
aggregate = "sum"
of = "seconds"
scale = 3
unit = "second"
cost = {{ USD = "0.0003" }}
[meters.peak]
event = "job.finished"
aggregate = "max"
of = "seconds"
scale = 3
unit = "second"
[limits.requests_per_month]
meter = "requests"
window = "month"
[limits.units_per_day]
meter = "units"
window = "day"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_month = 100, units_per_day = 1000, api_keys = 40, projects = 3 }}
[upstreams.things]
targets = ["http://{upstream}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
meter = {{ requests = 1 }}
[[routes]]
match = "POST /things"
upstream = "things"
permission = "things:write"
meter = {{ requests = 1, units = 10 }}
"#
    )
}

/// An installation with a clock that stands, at the beginning of a billing period.
async fn world(store: TestStore) -> (World, Arc<ManualClock>, Organization) {
    let clock = Arc::new(ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap()));
    let env = Env { clock: clock.clone(), rng: Arc::new(SystemRng) };
    let world = World::in_time(store, blueprint, env).await;
    let acme = world.organization("acme").await;
    (world, clock, acme)
}

async fn asked(world: &World, acme: &Organization, query: &str) -> Json {
    let token = world.sign_in("owner@acme.test").await;
    world.get(&acme.path(&format!("/usage/report{query}")), &token).await.expect(200)
}

async fn send(world: &World, key: &str, method: &str, times: usize) {
    for _ in 0..times {
        world.api(method, "/things", key, &Json::Null).await.expect(200);
    }
}

fn cost(exact: &str, amount: &str) -> Json {
    json!({ "exact": exact, "amount": { "amount": amount, "currency": "USD" } })
}

fn codes(report: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let all = report["recommendations"].as_array().unwrap().iter();
    all.map(|one| (text(&one["code"]), text(&one["subject"]))).collect()
}

on_both_engines! {
    async fn a_report_says_what_was_used_and_what_it_cost_to_the_last_digit(store) {
        let (world, clock, acme) = world(store).await;
        let (id, key) = world.key(&acme, &["things:*"]).await;
        let (_, no_usage) = world.key(&acme, &["things:*"]).await;
        let (_, service) = world.service().await;
        send(&world, &key, "GET", 4).await;
        clock.advance(Span::from_days(1));
        send(&world, &key, "GET", 3).await;
        send(&world, &key, "POST", 2).await;
        let event = json!({ "specversion": "1.0", "id": "1", "source": "/things", "type": "job.finished",
                            "data": { "seconds": "1.234" } });
        let authorization = format!("Bearer {service}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/cloudevents+json")];
        world.send("POST", &acme.path("/events"), &headers, Some(event.to_string().as_bytes())).await.expect(202);

        let report = asked(&world, &acme, "").await;
        assert_eq!(report["as_of"], "2026-03-02T00:00:00Z");
        assert_eq!(report["period"], json!({ "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T01:00:00Z" }));
        assert_eq!(report["meters"][0]["quantity"], "9", "the calls of this moment included");

        let report = asked(&world, &acme, "?from=2026-03-01T23:59:59Z&to=2026-03-02T00:30:00Z").await;
        assert_eq!(report["period"], json!({ "start": "2026-03-01T23:00:00Z", "end": "2026-03-02T01:00:00Z" }));

        let report = asked(&world, &acme, "?from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z").await;
        assert_eq!(report["previous"], json!({ "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z" }));
        assert_eq!(report["billing_period"], json!({ "start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z" }));
        assert_eq!(report["currency"], "USD");
        let [requests, units, seconds, peak] = [0, 1, 2, 3].map(|place| &report["meters"][place]);
        assert_eq!((&requests["quantity"], &requests["previous"], &requests["trend"]), (&json!("5"), &json!("4"), &json!("25")));
        assert_eq!(requests["cost"], cost("0.0025", "0.00"));
        assert_eq!((&units["quantity"], &units["trend"], &units["cost"]), (&json!("20"), &Json::Null, &cost("0.02", "0.02")));
        assert_eq!((&seconds["quantity"], &seconds["cost"]), (&json!("1.234"), &cost("0.0003702", "0.00")));
        assert_eq!((&peak["quantity"], &peak["cost"], &peak["breakdown"]), (&json!("1.234"), &Json::Null, &Json::Null));
        assert_eq!(report["cost"], cost("0.0228702", "0.02"), "added up, and then rounded once");
        assert_eq!(requests["days"], json!([{ "start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z", "value": "5" }]));

        let share = |value: &str, quantity: &str, events: i64, share: &str, exact: &str| json!({
            "value": value, "quantity": quantity, "events": events, "share": share, "cost": cost(exact, "0.00") });
        assert_eq!(requests["breakdown"]["operation"], json!({ "other": null, "items": [
            share("GET /things", "3", 3, "60", "0.0015"), share("POST /things", "2", 2, "40", "0.001") ] }));
        assert_eq!(requests["breakdown"]["key"]["items"], json!([share(&id, "5", 5, "100", "0.0025")]));
        assert_eq!(requests["breakdown"]["project"]["items"][0]["value"], Json::Null);
        assert_eq!(report["operations"], json!([
            { "operation": "POST /things", "events": 2, "cost": cost("0.021", "0.02"), "cost_per_event": "0.0105", "share": "91.8" },
            { "operation": "GET /things", "events": 3, "cost": cost("0.0015", "0.00"), "cost_per_event": "0.0005", "share": "6.6" },
            { "operation": "job.finished", "events": 1, "cost": cost("0.0003702", "0.00"), "cost_per_event": "0.0003702", "share": "1.6" },
        ]));
        assert_eq!(codes(&report), [("operation.dominant".to_owned(), "POST /things".to_owned())]);

        let yen = asked(&world, &acme, "?from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&currency=JPY").await;
        assert_eq!(yen["cost"], json!({ "exact": "2", "amount": { "amount": "2", "currency": "JPY" } }));
        let none = asked(&world, &acme, "?currency=EUR").await;
        assert_eq!((&none["cost"], &none["operations"][0]["cost"]), (&Json::Null, &Json::Null));
        let token = world.sign_in("owner@acme.test").await;
        for (query, pointer) in [
            ("currency=Taler", "?currency"), ("from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z", "?from"),
            ("from=2025-01-01T00:00:00Z", "?from"), ("to=2099-01-01T00:00:00Z", "?to"), ("meter=requests", "?"),
        ] {
            let refused = world.get(&acme.path(&format!("/usage/report?{query}")), &token).await.expect(422);
            assert!(refused["errors"][0]["pointer"].as_str().unwrap().starts_with(pointer), "{query}: {refused}");
        }
        world.get(&acme.path("/usage/report"), &no_usage).await.problem(403, "access.denied");
    }

    async fn a_report_suggests_what_its_figures_support(store) {
        let (world, clock, acme) = world(store).await;
        let (_, key) = world.key(&acme, &["things:*"]).await;
        let (idle, _) = world.key(&acme, &["things:*"]).await;
        send(&world, &key, "GET", 10).await;
        // In the first minutes, ten requests say nothing about the month.
        clock.advance(Span::from_mins(5));
        assert_eq!(codes(&asked(&world, &acme, "").await), []);
        clock.advance(Span::from_mins(76 * 60 - 5));
        send(&world, &key, "GET", 1).await;
        let report = asked(&world, &acme, "").await;
        assert_eq!(codes(&report), [("limit.projected".to_owned(), "requests_per_month".to_owned())]);
        let advice = &report["recommendations"][0];
        // 11 in 76 hours, of 31 days.
        assert_eq!((&advice["figures"]["projected"], &advice["figures"]["percent"]), (&json!("107"), &json!("107")));
        assert!(advice["text"].as_str().unwrap().contains("comes to 107 of 100 by 2026-04-01T00:00:00Z"), "{advice}");

        // A month on: the last whole period needed 11 of 100 requests, no day a unit; one key was never used.
        clock.set("2026-04-02T00:00:00Z".parse().unwrap());
        let report = asked(&world, &acme, "").await;
        let named = |code: &str, subject: &str| (code.to_owned(), subject.to_owned());
        let expected = [
            named("limit.oversized", "requests_per_month"), named("limit.oversized", "units_per_day"), named("key.unused", &idle),
        ];
        assert_eq!(codes(&report), expected);
        assert_eq!(report["recommendations"][0]["figures"]["most_used"], "11");
        assert_eq!(report["recommendations"][2]["figures"], json!({ "made_at": "2026-03-01T00:00:00Z" }));
        send(&world, &key, "GET", 1).await;
        clock.set("2026-05-20T00:00:00Z".parse().unwrap());
        assert!(codes(&asked(&world, &acme, "").await).iter().filter(|(code, _)| code == "key.unused").count() == 2);
    }
}
