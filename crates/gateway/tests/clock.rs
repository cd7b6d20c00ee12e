//! Organizations whose time is ahead of the real one, and those that aren't served.

mod common;

use common::{Setup, World, entitlement, within};
use insula_blueprint::{Compiled, QuotaWindow, check};
use insula_gateway::LeaseRequest;
use insula_kernel::{Clock as _, Instant, Span};
use insula_limits::{Service, Subjects};
use serde_json::json;
use std::net::SocketAddr;

/// Moves the clock of the first organization so far ahead of the real one.
fn set_ahead(world: &World, ahead: Span) {
    world.gate.put_entitlement(world.acme, |blueprint| insula_limits::Entitlement {
        clock: ahead,
        ..entitlement(blueprint, &[("per_day", 100), ("heavy_per_hour", 4), ("jobs_at_once", 2)])
    });
}

fn set_service(world: &World, service: Service) {
    world.gate.put_entitlement(world.acme, |blueprint| insula_limits::Entitlement {
        service,
        ..entitlement(blueprint, &[("per_day", 100), ("jobs_at_once", 2)])
    });
}

/// A blueprint with something that is held, and a rate.
fn jobs(app: SocketAddr) -> Compiled {
    let text = format!(
        r#"[product]
name = "Test"
[resources]
things = ["read", "write"]
[meters.requests]
event = "request"
aggregate = "count"
[meters.calls]
event = "request"
aggregate = "count"
[meters.jobs]
event = "job.finished"
aggregate = "count"
[limits.jobs_at_once]
kind = "hold"
[limits.per_day]
meter = "requests"
window = "day"
[limits.per_month]
meter = "calls"
window = "month"
[plans.one]
price = {{ USD = {{ month = "0" }} }}
limits = {{ jobs_at_once = 2, per_day = 100, per_month = 3 }}
[upstreams.app]
targets = ["http://{app}"]
[[routes]]
match = "POST /jobs/answer"
upstream = "app"
strip_prefix = "/jobs"
meter = {{ requests = 1 }}
hold = {{ limit = "jobs_at_once", key = "$.job.id", until = "job.finished", ttl = "15m" }}
[[routes]]
match = "GET /seen/{{*rest}}"
upstream = "app"
meter = {{ calls = 1 }}
"#
    );
    check("blueprint.toml", &text).unwrap_or_else(|found| panic!("{found}")).compile()
}

async fn world_of_jobs() -> World {
    World::with(Setup { bounds: vec![("jobs_at_once", 2)], blueprint: Some(jobs), ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_turn_and_usage_falls_by_the_time_of_the_organization() {
    let world = World::new().await;
    let key = world.key();
    let now = world.clock.now();
    assert_eq!((world.gate.clock_of(world.acme), world.gate.now_of(world.acme)), (Span::from_micros(0), now));
    assert_eq!(world.get("/heavy", &key).await.status, 200);
    assert_eq!(world.get("/heavy", &key).await.problem(), (429, "quota.exhausted".to_owned()));

    // An hour and ten minutes: the hour is another, the day is the same. What is left of its hour is ten minutes less.
    let ahead = Span::from_mins(70);
    set_ahead(&world, ahead);
    assert_eq!((world.gate.clock_of(world.acme), world.gate.now_of(world.acme)), (ahead, now + ahead));
    assert_eq!(world.gate.now_of(world.other), now);
    let first = world.get("/heavy", &key).await;
    assert_eq!((first.status, first.field("x-quota-remaining")), (200, Some("98")));
    assert_eq!(first.field("ratelimit"), Some(r#""heavy_per_hour";r=1;t=2200"#));
    let refusal = world.get("/heavy", &key).await;
    assert_eq!(refusal.problem(), (429, "quota.exhausted".to_owned()));
    assert_eq!(refusal.field("retry-after"), Some("2200"));
    assert_eq!((world.used("per_day"), world.used("heavy_per_hour")), (2, 3));
    let told: Vec<Instant> = world.told().iter().map(|told| told.at).collect();
    assert_eq!(told, [now, now + ahead]);
    let refused = world.gate.latest_refusals(world.acme);
    assert_eq!(refused.iter().map(|refused| refused.at).collect::<Vec<_>>(), [now + ahead, now]);

    // The other organization has its own, real time.
    let (_, of_other) = world.key_with(world.other, &["things:read"], |_| ());
    assert_eq!(
        world.get("/heavy", &of_other).await.field("ratelimit"),
        Some(r#""heavy_per_hour";r=1;t=2800"#)
    );

    // Its clock and the real one go on together.
    world.clock.advance(Span::from_secs(2_200));
    assert_eq!(world.get("/heavy", &key).await.field("ratelimit"), Some(r#""heavy_per_hour";r=1;t=3600"#));

    // What was reported and what the ledger knows counts in windows of its time.
    set_ahead(&world, Span::from_days(10));
    assert_eq!(world.used("per_day"), 0);
    let own = world.gate.now_of(world.acme);
    world.gate.restore(world.acme, "requests", QuotaWindow::Day, own, 40);
    world.gate.add_usage(&Subjects::organization(world.acme), "requests", None, own, 50);
    world.gate.add_usage(&Subjects::organization(world.acme), "requests", None, world.clock.now(), 5);
    assert_eq!(world.get("/seen/a", &key).await.field("x-quota-remaining"), Some("9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_went_back_opens_no_window_again() {
    let world = World::new().await;
    let key = world.key();
    set_ahead(&world, Span::from_days(1));
    assert_eq!(world.get("/heavy", &key).await.status, 200);
    set_ahead(&world, Span::from_micros(0));
    assert_eq!(world.get("/heavy", &key).await.problem(), (429, "quota.exhausted".to_owned()));
    assert_eq!(world.get("/seen/a", &key).await.field("x-quota-remaining"), Some("98"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_over_by_the_organizations_time_is_over() {
    let world = world_of_jobs().await;
    let put = |ahead| {
        world.gate.put_entitlement(world.acme, |blueprint| insula_limits::Entitlement {
            clock: ahead,
            ..entitlement(blueprint, &[("per_month", 3)])
        });
    };
    put(Span::from_days(0));
    let key = world.key();
    for month in 0..3 {
        put(Span::from_days(31 * month));
        for _ in 0..3 {
            assert_eq!(world.get("/seen/a", &key).await.status, 200);
        }
        assert_eq!(world.get("/seen/a", &key).await.problem(), (429, "quota.exhausted".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_holds_and_credentials_know_the_real_time_alone() {
    let world = world_of_jobs().await;
    let key = world.key_at(1, 1);
    assert_eq!(world.get("/seen/a", &key).await.status, 200);
    set_ahead(&world, Span::from_days(400));
    assert_eq!(world.get("/seen/a", &key).await.problem(), (429, "rate.limited".to_owned()));

    let now = world.clock.now();
    let expires = Some(now + Span::from_mins(30));
    let (_, lasting) = world.key_with(world.acme, &["things:*"], |key| key.expires_at = expires);
    let job = |id: &str| json!({ "status": 202, "body": { "job": { "id": id } } });
    for id in ["1", "2"] {
        assert_eq!(world.post("/jobs/answer", &lasting, &job(id)).await.status, 202);
    }
    let full = world.post("/jobs/answer", &lasting, &job("3")).await;
    assert_eq!(full.problem(), (429, "hold.exhausted".to_owned()));
    // What is noted of a hold for a restart ends by the real time too.
    let told = world.told_of(3).await;
    let until: Vec<_> = told.iter().filter_map(|told| told.held_until).collect();
    assert_eq!(until, [now + Span::from_mins(15); 2]);
    world.clock.advance(Span::from_mins(15));
    assert_eq!(world.post("/jobs/answer", &lasting, &job("3")).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_paused_or_canceled_is_served_nothing_but_the_api() {
    let world = world_of_jobs().await;
    let key = world.key();
    let subjects = Subjects::organization(world.acme);
    let ttl = Some(Span::from_mins(5));
    let request = LeaseRequest { limit: "jobs_at_once", subjects: &subjects, key: Some("1"), ttl };
    let now = world.clock.now();
    let held = world.gate.lease(&request, None, now).unwrap().id;
    for (service, code) in
        [(Service::Paused, "subscription.paused"), (Service::Canceled, "subscription.canceled")]
    {
        set_service(&world, service);
        let refusal = world.get("/seen/a", &key).await;
        assert_eq!(refusal.problem(), (402, code.to_owned()));
        assert!(refusal.field("x-org-id").is_some());
        assert_eq!(world.gate.latest_refusals(world.acme)[0].code, code);
        assert_eq!(world.gate.lease(&request, None, now).unwrap_err().code(), code);
        // What is held can go on, and end.
        assert!(world.gate.renew_hold(world.acme, held, now + Span::from_mins(9), now).is_some());
        // Insula's own API answers all the same.
        let path = format!("/v1/orgs/{}", world.acme);
        let (_, _, token) = world.member(world.acme, "owner");
        let own = within(world.ask("GET", &path, &[&format!("Authorization: Bearer {token}")], "")).await;
        assert_eq!(own.status, 200);
    }
    assert_eq!((world.told().len(), world.upstream.requests()), (0, 0));
    set_service(&world, Service::Served);
    assert_eq!(world.get("/seen/a", &key).await.status, 200);
    assert!(world.gate.end_hold(world.acme, held, now));
}
