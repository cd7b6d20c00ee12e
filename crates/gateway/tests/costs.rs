//! What a request counts: by route, by size, by what its reply says; and for whom.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod common;

use common::{Setup, World, within};
use insula_blueprint::{Compiled, check};
use insula_identity::OwnLimits;
use insula_kernel::{Clock as _, Span, TeamId};
use insula_limits::Subjects;
use insula_metering::log::Outcome;
use serde_json::json;
use std::net::SocketAddr;

fn blueprint(app: SocketAddr) -> Compiled {
    let text = format!(
        r#"[product]
name = "Test"
[resources]
things = ["read", "write"]
[meters.requests]
event = "request"
aggregate = "count"
[meters.tokens]
event = "request"
aggregate = "count"
[meters.kilobytes]
event = "request"
aggregate = "count"
[meters.compute]
event = "job.finished"
aggregate = "sum"
of = "seconds"
scale = 3
[limits.tokens_per_month]
meter = "tokens"
window = "month"
[limits.soft_per_day]
meter = "requests"
window = "day"
on_exceed = "warn"
[limits.kilobytes_per_hour]
meter = "kilobytes"
window = "hour"
[limits.per_project]
meter = "requests"
window = "day"
per = "project"
[limits.per_team]
meter = "requests"
window = "day"
per = "team"
[limits.compute_per_day]
meter = "compute"
window = "day"
[limits.burst]
kind = "rate"
window = "minute"
per = "organization"
routes = ["POST /once/answer"]
[limits.address]
kind = "rate"
window = "second"
per = "address"
default = 40
[plans.one]
price = {{ USD = {{ month = "0" }} }}
limits = {{ tokens_per_month = 1, soft_per_day = 1, kilobytes_per_hour = 1, per_project = 1, per_team = 1, compute_per_day = 1, burst = 1 }}
features = {{ fancy = true, plain = true }}
[upstreams.app]
targets = ["http://{app}"]
timeouts = {{ connect = "2s", response = "500ms", idle = "500ms" }}
[[routes]]
match = "POST /chat/answer"
strip_prefix = "/chat"
upstream = "app"
meter = {{ requests = 1, tokens = {{ reply_json = "$.usage.total", reserve = 100 }} }}
[[routes]]
match = "GET /talk/act/{{what}}"
strip_prefix = "/talk"
upstream = "app"
meter = {{ requests = 1, tokens = {{ reply_json = "$.usage.total", reserve = 100 }} }}
[[routes]]
match = "POST /headed/answer"
strip_prefix = "/headed"
upstream = "app"
meter = {{ tokens = {{ reply_header = "X-Tokens", reserve = 7 }} }}
[[routes]]
match = "POST /sized/answer"
strip_prefix = "/sized"
upstream = "app"
meter = {{ kilobytes = {{ bytes = "both", per = "1KB", reserve = 1 }} }}
[[routes]]
match = "POST /once/answer"
strip_prefix = "/once"
upstream = "app"
meter = {{}}
[[routes]]
match = "POST /fancy/answer"
strip_prefix = "/fancy"
upstream = "app"
meter = {{}}
feature = "fancy"
[[routes]]
match = "POST /plain/answer"
strip_prefix = "/plain"
upstream = "app"
meter = {{}}
feature = "plain"
[[routes]]
match = "POST /compute/answer"
strip_prefix = "/compute"
upstream = "app"
meter = {{}}
within = ["compute_per_day"]
durability = "sync"
"#
    );
    check("blueprint.toml", &text).unwrap_or_else(|found| panic!("{found}")).compile()
}

async fn world(bounds: &[(&'static str, i64)]) -> World {
    World::with(Setup { bounds: bounds.to_vec(), blueprint: Some(blueprint), ..Setup::default() }).await
}

fn used(world: &World) -> Vec<(String, i64)> {
    world.told().last().unwrap().used.clone()
}

fn exhausted() -> (u16, String) {
    (429, "quota.exhausted".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_says_what_it_cost_and_what_was_reserved_comes_back() {
    let world = world(&[("tokens_per_month", 1_000)]).await;
    let key = world.key();
    let said = |total: serde_json::Value| json!({ "body": { "usage": { "total": total } } });
    assert_eq!(world.post("/chat/answer", &key, &said(json!(30))).await.status, 200);
    assert_eq!(used(&world), [("requests".to_owned(), 1), ("tokens".to_owned(), 30)]);
    assert_eq!(world.used("tokens_per_month"), 30);
    assert_eq!(world.post("/chat/answer", &key, &said(json!("45"))).await.status, 200);
    assert_eq!(world.used("tokens_per_month"), 75);
    // What says nothing that can be counted costs what was reserved.
    for nothing in [json!(null), json!(-5), json!(1.5), json!({}), json!("many")] {
        assert_eq!(world.post("/chat/answer", &key, &said(nothing)).await.status, 200);
    }
    assert_eq!(world.used("tokens_per_month"), 575);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_without_a_figure_costs_what_was_reserved() {
    let world = world(&[("tokens_per_month", 250)]).await;
    let key = world.key();
    assert_eq!(world.post("/chat/answer", &key, &json!({ "body": "no JSON" })).await.status, 200);
    assert_eq!(world.used("tokens_per_month"), 100);
    assert_eq!(world.post("/headed/answer", &key, &json!({ "body": "" })).await.status, 200);
    assert_eq!(world.used("tokens_per_month"), 107);
    let headed = json!({ "fields": { "X-Tokens": "13" }, "body": "" });
    assert_eq!(world.post("/headed/answer", &key, &headed).await.status, 200);
    assert_eq!(world.used("tokens_per_month"), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_client_leaves_early_costs_what_was_reserved() {
    let world = world(&[("tokens_per_month", 1_000)]).await;
    let key = format!("X-Api-Key: {}", world.key());
    let mut client = world.client().await;
    client.request("GET", "/talk/act/stream", &[&key], "").await;
    world.upstream.seen.parts.0.add_permits(1);
    assert_eq!(client.head().await.status, 200);
    // The end of the reply would have said what it cost.
    assert_eq!(client.chunk().await.unwrap(), b"hello");
    assert_eq!(world.used("tokens_per_month"), 100, "reserved");
    drop(client);
    world.upstream.seen.parts.0.add_permits(100_000);
    within(world.upstream.seen.gone.notified()).await;
    let told = world.told_of(1).await.remove(0);
    assert_eq!((told.outcome, told.status), (Outcome::ClientGone, 200));
    assert_eq!(told.used, [("requests".to_owned(), 1), ("tokens".to_owned(), 100)]);
    assert_eq!(world.used("tokens_per_month"), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_costs_what_was_reserved() {
    let world = world(&[("tokens_per_month", 1_000)]).await;
    let key = world.key();
    for (count, (what, status, outcome)) in (1..).zip([
        ("truncate", 200, Outcome::UpstreamFailed),
        ("truncate-chunked", 200, Outcome::UpstreamFailed),
        ("stall", 200, Outcome::TimedOut),
        ("reset", 502, Outcome::UpstreamFailed),
        ("silence", 504, Outcome::TimedOut),
    ]) {
        let reply = world.get(&format!("/talk/act/{what}"), &key).await;
        assert_eq!((reply.status, reply.whole), (status, status != 200), "{what}");
        let last = world.told().pop().unwrap();
        assert_eq!((last.status, last.outcome), (status, outcome), "{what}");
        assert_eq!(last.used, [("requests".to_owned(), 1), ("tokens".to_owned(), 100)], "{what}");
        assert_eq!(world.used("tokens_per_month"), 100 * count, "{what}");
    }
    // Nothing of it stays reserved: what is left can be used to the last.
    let rest = json!({ "body": { "usage": { "total": 500 } } });
    assert_eq!(world.post("/chat/answer", &key, &rest).await.status, 200);
    assert_eq!(world.used("tokens_per_month"), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_does_not_fit_is_refused_and_an_expensive_reply_counts_past_the_bound() {
    let world = world(&[("tokens_per_month", 120)]).await;
    let key = world.key();
    let dear = json!({ "body": { "usage": { "total": 500 } } });
    assert_eq!(world.post("/chat/answer", &key, &dear).await.status, 200);
    assert_eq!(world.used("tokens_per_month"), 500, "it has happened");
    let refused = world.post("/chat/answer", &key, &dear).await;
    assert_eq!(refused.problem(), exhausted());
    assert_eq!(refused.field("ratelimit-policy").unwrap().split(';').next(), Some("\"tokens_per_month\""));
    // The month is the subscription's, not the calendar's: 30 days from 3 November 2023.
    world.clock.advance(Span::from_days(18));
    assert_eq!(world.post("/chat/answer", &key, &dear).await.problem(), exhausted());
    world.clock.advance(Span::from_days(1));
    assert_eq!(world.post("/chat/answer", &key, &dear).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_count_by_started_pieces() {
    let world = world(&[("kilobytes_per_hour", 5)]).await;
    let key = world.key();
    let reply = "x".repeat(1_500);
    let body = json!({ "body": reply });
    let sent = body.to_string().len() + reply.len();
    assert_eq!(world.post("/sized/answer", &key, &body).await.status, 200);
    assert_eq!(world.used("kilobytes_per_hour"), i64::try_from(sent.div_ceil(1_000)).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_limit_lets_through_and_says_that_nothing_is_left() {
    let world = world(&[("soft_per_day", 1), ("tokens_per_month", 10_000)]).await;
    let key = world.key();
    for _ in 0..3 {
        let reply = world.post("/chat/answer", &key, &json!({ "body": {} })).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.field("ratelimit").unwrap().split(';').nth(1), Some("r=0"));
    }
    assert_eq!(world.used("soft_per_day"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_and_teams_count_for_themselves_and_the_strictest_is_named() {
    let bounds =
        [("per_project", 2), ("per_team", 3), ("tokens_per_month", 100_000), ("soft_per_day", 1_000)];
    let world = world(&bounds).await;
    let team = TeamId::generate(&world.env);
    let projects = [world.project(Some(team)), world.project(Some(team))];
    let key_of = |project| {
        world
            .key_with(world.acme, &["things:*"], |key| (key.project, key.team) = (Some(project), Some(team)))
            .1
    };
    let [one, two] = projects.map(key_of);
    let named = |reply: &common::client::Reply| {
        reply.field("ratelimit").unwrap().split(';').next().unwrap().trim_matches('"').to_owned()
    };
    let call = async |key: &str| world.post("/chat/answer", key, &json!({ "body": {} })).await;
    assert_eq!(named(&call(&one).await), "per_project");
    assert_eq!(call(&one).await.status, 200);
    let refused = call(&one).await;
    assert_eq!((refused.problem(), named(&refused)), (exhausted(), "per_project".to_owned()));
    let third = call(&two).await;
    assert_eq!((third.status, named(&third)), (200, "per_team".to_owned()), "the team has none left");
    assert_eq!(named(&call(&two).await), "per_team");
    // Who is in no project counts for none.
    assert_eq!(call(&world.key()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_names_a_project_of_the_organization_and_no_other() {
    let world = world(&[("per_project", 1), ("tokens_per_month", 10_000), ("soft_per_day", 100)]).await;
    let project = world.project(None);
    let (_, _, token) = world.member(world.acme, "owner");
    let (_, _, stranger) = world.member(world.other, "owner");
    let ask = async |token: &str, project: &str| {
        let fields = [format!("Authorization: Bearer {token}"), format!("X-Project-Id: {project}")];
        world.ask("POST", "/chat/answer", &[&fields[0], &fields[1]], "{}").await
    };
    assert_eq!(ask(&token, &project.to_string()).await.status, 200);
    assert_eq!(ask(&token, &project.to_string()).await.problem(), exhausted());
    let mismatch = (403, "project.mismatch".to_owned());
    assert_eq!(ask(&stranger, &project.to_string()).await.problem(), mismatch);
    assert_eq!(ask(&token, "prj_x").await.problem(), mismatch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_quotas_of_its_own() {
    let world = world(&[("tokens_per_month", 10_000), ("soft_per_day", 100)]).await;
    let (_, narrow) = world.key_with(world.acme, &["things:*"], |key| {
        key.limits = OwnLimits::compile([("soft_per_day".into(), 2)], world.gate.snapshot().compiled());
    });
    let call = async |key: &str| world.post("/chat/answer", key, &json!({ "body": {} })).await;
    assert_eq!(call(&narrow).await.status, 200);
    assert_eq!(call(&narrow).await.status, 200);
    assert_eq!(call(&narrow).await.problem(), exhausted());
    assert_eq!(world.used("soft_per_day"), 2, "what is refused counts nowhere");
    assert_eq!(call(&world.key()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn features_and_reported_quotas_open_and_close_routes() {
    let world = world(&[("compute_per_day", 2_500)]).await;
    let key = world.key();
    let missing = world.post("/plain/answer", &key, &json!({})).await;
    assert_eq!(missing.problem(), (402, "plan.feature_missing".to_owned()));
    assert_eq!(world.post("/fancy/answer", &key, &json!({})).await.status, 200);

    let subjects = Subjects::organization(world.acme);
    let report = |amount| world.gate.add_usage(&subjects, "compute", None, world.clock.now(), amount);
    report(2_499);
    assert_eq!(world.post("/compute/answer", &key, &json!({})).await.status, 200);
    report(1);
    let closed = world.post("/compute/answer", &key, &json!({})).await;
    assert_eq!(closed.problem(), exhausted());
    assert!(closed.json()["detail"].as_str().unwrap().contains("The 2.5 of the limit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_count_for_routes_and_addresses() {
    let world = world(&[("burst", 2)]).await;
    let keys = [world.key(), world.key()];
    assert_eq!(world.post("/once/answer", &keys[0], &json!({})).await.status, 200);
    assert_eq!(world.post("/once/answer", &keys[1], &json!({})).await.status, 200);
    let limited = (429, "rate.limited".to_owned());
    assert_eq!(world.post("/once/answer", &keys[0], &json!({})).await.problem(), limited);
    assert_eq!(world.post("/fancy/answer", &keys[0], &json!({})).await.status, 200, "another route");
    // An address is counted before anyone is known: guesses of keys too.
    let mut refused = 0;
    for _ in 0..60 {
        let reply = world.post("/fancy/answer", "ak_dev_nonsense", &json!({})).await;
        match reply.problem() {
            (401, _) => {}
            (429, code) => {
                assert_eq!(code, "rate.limited");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 60 - (40 - 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_can_be_looked_up() {
    let world = world(&[("tokens_per_month", 10)]).await;
    let refused = world.post("/chat/answer", &world.key(), &json!({})).await;
    assert_eq!(refused.problem(), exhausted());
    let id = refused.field("x-request-id").unwrap().parse().unwrap();
    let found = world.gate.refused(world.acme, id).unwrap();
    assert_eq!((found.code, found.status, &*found.route), ("quota.exhausted", 429, "POST /chat/answer"));
    assert_eq!(found.limit, Some(("tokens_per_month".into(), 10, 10)));
    assert!(world.gate.refused(world.other, id).is_none());
}
