//! The API of usage and limits, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, reason = "not all that settlement is tested with is needed here")]
mod support;

use arc_swap::ArcSwap;
use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use insula_access::{Authorized, Caller, OperatorCaller, Principal, ReadLimits};
use insula_blueprint::{LimitIndex, PermissionSet, own};
use insula_kernel::{Epoch, Error, Instant, OrgId, Quantity, Result, SessionId, Span, UserId};
use insula_metering::{
    SettlerHandle,
    http::{Counted, LiveLimit, LiveLimits, State, Stocks, api},
    ingest::{self, Ingest},
};
use insula_rating::Anchor;
use insula_testkit::{TestStore, on_both_engines};
use insula_web::{Credential, Entrance};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{NOON, Run};
use tower::ServiceExt as _;

const BLUEPRINT: &str = r#"
[product]
name = "Hello"
headline_limit = "requests_per_day"
[resources]
greetings = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
[limits.requests_per_day]
meter = "requests"
window = "day"
warn_at = [50, 100]
[limits.requests_per_second]
kind = "rate"
window = "second"
[plans.free]
price = { USD = { month = "0" } }
limits = { requests_per_day = 100, requests_per_second = 10 }
[upstreams.hello]
targets = ["http://127.0.0.1:7101"]
[[routes]]
match = "GET /hello"
upstream = "hello"
permission = "greetings:read"
"#;

/// One organization, in which callers have these permissions.
struct Door {
    org: OrgId,
    permissions: PermissionSet,
}

impl Entrance for Door {
    fn caller(&self, credential: &Credential, organization: &str) -> Result<Caller> {
        if organization != "acme" {
            return Err(Error::not_found("organization"));
        }
        Ok(Caller::authenticated(credential.principal, self.org, Epoch(0), self.permissions))
    }

    fn operator(&self, _: &Credential) -> Result<OperatorCaller> {
        Err(Error::not_found("place"))
    }
}

/// Counters and stocks that stand still, by a clock that is so far ahead.
struct Fixed {
    ahead: Span,
    /// From when on usage is shown.
    retained_from: Option<Instant>,
}

impl LiveLimits for Fixed {
    fn ahead(&self, _: OrgId) -> Span {
        self.ahead
    }

    fn standing(&self, _: OrgId, limit: LimitIndex, now: Instant) -> LiveLimit {
        let quantity = Quantity::from_units;
        let none = LiveLimit { bound: None, used: Quantity::ZERO, resets_at: None };
        match limit.get() {
            0 => LiveLimit { bound: Some(quantity(2)), ..none },
            1..=3 => none,
            4 => {
                let resets_at = Some((now + self.ahead).floor(Span::from_days(1)) + Span::from_days(1));
                LiveLimit { bound: Some(quantity(100)), used: quantity(30), resets_at }
            }
            _ => LiveLimit { bound: Some(quantity(10)), ..none },
        }
    }

    fn retained_from(&self, _: OrgId, _: Instant) -> Option<Instant> {
        self.retained_from
    }

    fn anchor(&self, _: OrgId) -> Option<Anchor> {
        Some(Anchor::utc(support::at("2026-01-31T10:30:00Z")))
    }
}

impl Stocks for Fixed {
    fn count<'a>(&'a self, _: &'a Authorized<ReadLimits>, limit: LimitIndex) -> Counted<'a> {
        let count = if limit == LimitIndex::MEMBERS { 3 } else { 1 };
        Box::pin(async move { Ok(Quantity::from_units(count)) })
    }
}

/// Nobody counts what is reported here.
struct Nobody;

impl ingest::Live for Nobody {
    fn ahead(&self, _: OrgId) -> Span {
        Span::from_micros(0)
    }
    fn project(&self, _: OrgId, _: insula_kernel::ProjectId) -> Option<Option<insula_kernel::TeamId>> {
        None
    }
    fn key(&self, _: OrgId, _: &str) -> Option<insula_kernel::KeyId> {
        None
    }
    fn count(&self, _: &ingest::Counted<'_>) {}
    fn end_holds(&self, _: OrgId, _: &str, _: &str) -> Vec<insula_kernel::HoldId> {
        Vec::new()
    }
}

struct Server {
    run: Run,
    org: OrgId,
    settler: SettlerHandle,
    router: Router,
}

async fn server(store: &TestStore, permissions: &[insula_blueprint::PermissionId]) -> Server {
    server_ahead(store, permissions, Span::from_micros(0)).await
}

/// A server for an organization whose time is so far ahead.
async fn server_ahead(
    store: &TestStore,
    permissions: &[insula_blueprint::PermissionId],
    ahead: Span,
) -> Server {
    let (run, settler, log) = Run::with_log(store).await;
    let settler = settler.start();
    let org = OrgId::generate(&run.env);
    let state = State {
        storage: run.storage.clone(),
        env: run.env.clone(),
        settler: settler.clone(),
        ingest: Arc::new(Ingest::new(
            run.storage.clone(),
            run.env.clone(),
            log,
            settler.clone(),
            Box::new(Nobody),
        )),
        blueprint: Arc::new(ArcSwap::from_pointee(
            insula_blueprint::check("blueprint.toml", BLUEPRINT).unwrap().compile(),
        )),
        limits: Arc::new(Fixed { ahead, retained_from: None }),
        stocks: Arc::new(Fixed { ahead, retained_from: None }),
    };
    let permissions = permissions.iter().copied().collect();
    let door: Arc<dyn Entrance> = Arc::new(Door { org, permissions });
    let user = UserId::generate(&run.env);
    let principal = Principal::User { user, session: SessionId::generate(&run.env) };
    let credential = Credential { principal, organization: Some(org) };
    let router =
        api().into_router().with_state(state).layer(axum::Extension(door)).layer(axum::Extension(credential));
    Server { run, org, settler, router }
}

impl Server {
    /// The status with the reply, or with the error's code, pointer and the code of the field.
    async fn get(&self, path: &str) -> (u16, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::OK {
            let body = body.collect().await.unwrap().to_bytes();
            return (200, serde_json::from_slice(&body).unwrap());
        }
        let error = parts.extensions.get::<Arc<Error>>().unwrap();
        let field = error.fields().first().map(|field| json!([field.pointer, field.code]));
        (parts.status.as_u16(), field.unwrap_or_else(|| json!(error.code())))
    }

    async fn refused(&self, query: &str) -> (String, String) {
        let (status, field) = self.get(&format!("/v1/orgs/acme/usage?{query}")).await;
        assert_eq!(status, 422, "{query}: {field}");
        (field[0].as_str().unwrap().to_owned(), field[1].as_str().unwrap().to_owned())
    }
}

on_both_engines! {
    async fn usage_includes_the_call_of_a_moment_ago(store) {
        let mut server = server(&store, &[own::USAGE_READ]).await;
        for count in 1..=3 {
            server.run.request(server.org, None, &[("requests", 1)]);
            let (status, usage) = server.get("/v1/orgs/acme/usage?meter=requests").await;
            assert_eq!(status, 200);
            assert_eq!(usage["as_of"], NOON);
            let buckets = usage["buckets"].as_array().unwrap();
            assert_eq!(buckets.len(), 7);
            assert_eq!(
                buckets[6],
                json!({ "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z", "group": {}, "value": count.to_string() })
            );
            assert_eq!((&buckets[0]["start"], &buckets[0]["value"]), (&json!("2026-02-23T00:00:00Z"), &json!("0")));
        }
        let range = "from=2026-03-01T10:30:00Z&to=2026-03-01T13:30:00%2B01:00&window=hour&meter=requests";
        let (_, usage) = server.get(&format!("/v1/orgs/acme/usage?{range}")).await;
        let values: Vec<_> =
            usage["buckets"].as_array().unwrap().iter().map(|bucket| (&bucket["start"], &bucket["value"])).collect();
        let [ten, eleven, twelve] =
            [10, 11, 12].map(|hour| json!(format!("2026-03-01T{hour}:00:00Z")));
        assert_eq!(values, [(&ten, &json!("0")), (&eleven, &json!("0")), (&twelve, &json!("3"))]);
        assert_eq!((&usage["meter"], &usage["unit"]), (&json!("requests"), &json!("request")));
    }

    async fn months_are_those_of_the_calendar_or_of_the_subscription(store) {
        let mut server = server(&store, &[own::USAGE_READ]).await;
        // Billing periods begin at half past ten of the last day of each month, the first on 31 January.
        for (moment, requests) in [
            ("2026-02-01T00:00:00Z", 1), ("2026-02-28T09:59:59Z", 2), ("2026-02-28T10:10:00Z", 4),
            ("2026-02-28T10:40:00Z", 8), ("2026-03-01T00:00:00Z", 16), ("2026-03-31T23:00:00Z", 32),
        ] {
            server.run.clock.set(support::at(moment));
            server.run.request(server.org, None, &[("requests", requests)]);
        }
        let asked = async |window: &str, more: &str| {
            let range = "from=2026-02-01T00:00:00Z&to=2026-04-01T00:00:00Z&meter=requests";
            let (status, usage) = server.get(&format!("/v1/orgs/acme/usage?{range}&window={window}{more}")).await;
            assert_eq!(status, 200, "{usage}");
            let told = |bucket: &Value| json!([bucket["start"], bucket["end"], bucket["value"]]);
            Value::from_iter(usage["buckets"].as_array().unwrap().iter().map(told))
        };
        for more in ["", "&group_by=operation"] {
            assert_eq!(asked("month", more).await, json!([
                ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", "15"],
                ["2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "48"],
            ]));
            assert_eq!(asked("period", more).await, json!([
                ["2026-01-31T10:30:00Z", "2026-02-28T10:30:00Z", "3"],
                ["2026-02-28T10:30:00Z", "2026-03-31T10:30:00Z", "28"],
                ["2026-03-31T10:30:00Z", "2026-04-30T10:30:00Z", "32"],
            ]));
        }
        let early = "meter=requests&to=2026-01-31T10:30:00Z&window=period";
        assert_eq!(server.refused(early).await, ("?to".to_owned(), "out_of_range".to_owned()));
    }

    async fn a_test_organization_is_told_of_its_own_time(store) {
        let mut server = server_ahead(&store, &[own::USAGE_READ], Span::from_days(40)).await;
        server.run.clock.advance(Span::from_days(40));
        server.run.request(server.org, None, &[("requests", 1)]);
        server.run.clock.set(support::at(NOON));
        let (status, usage) = server.get("/v1/orgs/acme/usage?meter=requests").await;
        let bucket = json!({ "start": "2026-04-10T00:00:00Z", "end": "2026-04-11T00:00:00Z", "group": {}, "value": "1" });
        assert_eq!((status, &usage["as_of"], &usage["buckets"][6]), (200, &json!("2026-04-10T12:00:00Z"), &bucket));
        let (_, limits) = server.get("/v1/orgs/acme/limits").await;
        assert_eq!(limits["as_of"], "2026-04-10T12:00:00Z");
        assert_eq!(limits["items"][4]["resets_at"], "2026-04-11T00:00:00Z");
        server.settler.shutdown().await.unwrap();
        let (_, usage) = server.get("/v1/orgs/acme/usage?meter=requests").await;
        assert_eq!(usage["as_of"], "2026-04-10T12:00:00Z");
    }

    async fn usage_that_is_not_settled_is_not_claimed(store) {
        let mut server = server(&store, &[own::USAGE_READ]).await;
        server.settler.shutdown().await.unwrap();
        server.run.clock.advance(Span::from_secs(60));
        server.run.request(server.org, None, &[("requests", 1)]);
        let (status, usage) = server.get("/v1/orgs/acme/usage?meter=requests").await;
        assert_eq!((status, &usage["as_of"], &usage["buckets"][6]["value"]), (200, &json!(NOON), &json!("0")));
    }

    async fn a_question_that_makes_no_sense_is_refused(store) {
        let server = server(&store, &[own::USAGE_READ]).await;
        let field = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        assert_eq!(server.refused("meter=tokens").await, field("?meter", "unknown"));
        assert_eq!(server.refused("").await, field("?meter", "missing"));
        assert_eq!(server.refused("meter=requests&from=2026-03-02T00:00:00Z").await, field("?from", "out_of_range"));
        assert_eq!(server.refused("meter=requests&to=9999-12-30T22:00:00Z").await, field("?to", "out_of_range"));
        let long = "meter=requests&from=2026-01-01T00:00:00Z&window=hour";
        assert_eq!(server.refused(long).await, field("?from", "too_many_buckets"));
        assert_eq!(server.refused("meter=requests&from=yesterday").await, field("?from", "malformed"));
        assert_eq!(server.refused("meter=requests&window=week").await, field("?window", "malformed"));
        assert_eq!(server.refused("meter=requests&windows=day").await.1, "malformed");
    }

    async fn only_who_may_see_usage_sees_it(store) {
        let server = server(&store, &[own::BILLING_READ]).await;
        for path in ["usage?meter=requests", "usage?meter=nonsense", "limits"] {
            assert_eq!(server.get(&format!("/v1/orgs/acme/{path}")).await, (403, json!("access.denied")));
            assert_eq!(server.get(&format!("/v1/orgs/other/{path}")).await, (404, json!("not_found")));
        }
    }

    async fn limits_are_told_with_what_is_used_of_them(store) {
        let server = server(&store, &[own::USAGE_READ]).await;
        let (status, limits) = server.get("/v1/orgs/acme/limits").await;
        assert_eq!((status, &limits["as_of"]), (200, &json!(NOON)));
        let limit = |key, kind, window: Option<&str>, used, limit: Option<i64>, remaining: Option<i64>| {
            let headline = key == "requests_per_day";
            let warn_at = if headline { json!([50, 100]) } else { json!([80, 90, 100]) };
            let resets_at = headline.then_some("2026-03-02T00:00:00Z");
            json!({ "key": key, "kind": kind, "window": window, "meter": headline.then_some("requests"),
                    "per": if kind == "rate" { "key" } else { "organization" }, "on_exceed": "reject", "used": used, "busiest": null, "limit": limit, "remaining": remaining,
                    "resets_at": resets_at, "warn_at": warn_at, "headline": headline })
        };
        let mut rate = limit("requests_per_second", "rate", Some("second"), 0, Some(10), None);
        rate["warn_at"] = limits["items"][5]["warn_at"].clone();
        let expected = json!([
            limit("members", "stock", None, 3, Some(2), Some(0)),
            limit("api_keys", "stock", None, 1, None, None),
            limit("projects", "stock", None, 1, None, None),
            limit("teams", "stock", None, 1, None, None),
            limit("requests_per_day", "quota", Some("day"), 30, Some(100), Some(70)),
            rate,
        ]);
        assert_eq!(limits["items"], expected);
    }
}

#[test]
fn the_document_says_what_may_be_asked() {
    let document = insula_web::document(api().endpoints(), "Insula", "0");
    let parameters = &document["paths"]["/v1/orgs/{org}/usage"]["get"]["parameters"];
    let of = |name: &str| {
        let all = parameters.as_array().unwrap();
        all.iter().find(|parameter| parameter["name"] == name).unwrap().clone()
    };
    assert_eq!((&of("meter")["required"], &of("meter")["schema"]["type"]), (&json!(true), &json!("string")));
    assert_eq!(of("from")["required"], false);
    assert_eq!(of("window")["required"], false);
    let limit = &document["components"]["schemas"]["Limit"]["properties"];
    assert_eq!(limit["kind"]["enum"], json!(["rate", "quota", "hold", "stock"]));
}
