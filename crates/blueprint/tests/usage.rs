//! What a blueprint says about usage: how it is counted, bounded, held and charged.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use insula_blueprint::{
    Aggregate, BodySide, Bound, Compiled, Cost, LimitIndex, LimitKind, OnExceed, Per, Pointer, QuotaWindow,
    RateWindow, Route, RouteMatch, check,
};
use insula_kernel::{Currency, Decimal, Span};

/// One that uses everything there is about usage.
const USAGE: &str = include_str!("usage.toml");

fn compiled(text: &str) -> Compiled {
    let blueprint = check("blueprint.toml", text).unwrap_or_else(|found| panic!("{found}"));
    assert!(blueprint.warnings().is_empty(), "{}", blueprint.warnings());
    blueprint.compile()
}

fn route<'b>(blueprint: &'b Compiled, path: &str) -> &'b Route {
    let Ok(RouteMatch::Found(route)) = blueprint.match_route("POST", path) else { panic!("no route {path}") };
    route
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn limit(blueprint: &Compiled, name: &str) -> LimitIndex {
    blueprint.limit_index(name).unwrap_or_else(|| panic!("no limit {name}"))
}

#[test]
fn meters_say_how_events_become_quantities() {
    let blueprint = compiled(USAGE);
    let meter = |name: &str| blueprint.meter(blueprint.meter_index(name).unwrap()).unwrap();
    let seconds = meter("compute_seconds");
    assert_eq!((seconds.event.as_str(), seconds.aggregate), ("job.finished", Aggregate::Sum));
    assert_eq!(seconds.of.as_ref().map(Pointer::to_string).as_deref(), Some("usage.compute_seconds"));
    assert_eq!((seconds.scale.places(), seconds.unit.as_str()), (3, "second"));
    let groups: Vec<_> = seconds.group_by.iter().map(Pointer::to_string).collect();
    assert_eq!(groups, ["site", "worker.zone"]);
    let [jpy, usd] = ["JPY", "USD"].map(|code| Currency::from_code(code).unwrap());
    assert_eq!(seconds.cost, [(jpy, decimal("0.5")), (usd, decimal("0.000000000002"))]);
    let aggregates = ["sites", "memory", "stored", "jobs"].map(|name| meter(name).aggregate);
    assert_eq!(aggregates, [Aggregate::Unique, Aggregate::Max, Aggregate::Last, Aggregate::Count]);
    let units = ["requests", "tokens", "sites"].map(|name| meter(name).unit.as_str());
    assert_eq!(units, ["request", "token", "sites"]);
    assert!(meter("tokens").is_of_requests() && !meter("jobs").is_of_requests());
}

#[test]
fn limits_say_what_they_bound_for_whom_and_what_happens_beyond() {
    let blueprint = compiled(USAGE);
    let of = |name: &str| blueprint.limit(limit(&blueprint, name)).unwrap();
    let meter = |name: &str| blueprint.meter_index(name).unwrap();
    let quota = |name: &str, window, per| LimitKind::Quota { meter: meter(name), window, per };
    assert_eq!(of("requests_per_day").kind, quota("requests", QuotaWindow::Day, Per::Organization));
    assert_eq!(of("tokens_per_month").kind, quota("tokens", QuotaWindow::Month, Per::Project));
    assert_eq!(of("jobs_per_hour").kind, quota("jobs", QuotaWindow::Hour, Per::Key));
    let beyond = ["requests_per_day", "tokens_per_month", "compute_per_month"].map(|name| of(name).on_exceed);
    assert_eq!(beyond, [OnExceed::Reject, OnExceed::Bill, OnExceed::Warn]);
    let jobs = vec![route(&blueprint, "/jobs").index];
    let rate = |window, burst, per, routes| LimitKind::Rate { window, burst, per, routes };
    assert_eq!(of("submissions").kind, rate(RateWindow::Minute, None, Per::Team, jobs));
    assert_eq!(of("addresses").kind, rate(RateWindow::Second, Some(100), Per::Address, Vec::new()));
    assert_eq!(of("concurrent_jobs").kind, LimitKind::Hold { per: Per::Project });
    assert_eq!(of("open_requests").kind, LimitKind::Hold { per: Per::Organization });
    assert_eq!(of("databases").kind, LimitKind::Stock);
    assert_eq!(of("tokens_per_month").warn_at, [50]);
    assert_eq!(of("databases").warn_at, [80, 90, 100]);
    assert!(of("submissions").warn_at.is_empty() && of("concurrent_jobs").warn_at.is_empty());
}

#[test]
fn where_a_plan_is_silent_a_limits_default_holds() {
    let blueprint = compiled(USAGE);
    let [free, pro] = blueprint.plans() else { panic!("two plans") };
    let bounds = |name: &str| [free, pro].map(|plan| plan.bound(limit(&blueprint, name)));
    assert_eq!(bounds("compute_per_month"), [Bound::Unlimited; 2]);
    assert_eq!(bounds("submissions"), [Bound::At(60), Bound::At(600)]);
    assert_eq!(bounds("addresses"), [Bound::At(50); 2]);
    assert_eq!(bounds("databases"), [Bound::At(1), Bound::Unlimited]);
    assert_eq!(bounds("members"), [Bound::At(3); 2], "instead of the usual five");
    assert_eq!(bounds("projects"), [Bound::At(1), Bound::Unlimited]);
    assert_eq!(free.bound(LimitIndex::TEAMS), Bound::At(2));
    assert_eq!(blueprint.limit(limit(&blueprint, "addresses")).unwrap().default, Some(Bound::At(50)));
}

#[test]
fn overage_has_a_price_for_each_lot() {
    let blueprint = compiled(USAGE);
    let [free, pro] = blueprint.plans() else { panic!("two plans") };
    assert!(free.overage.is_empty());
    let [(requests, by_one), (tokens, by_lot)] = pro.overage.as_slice() else { panic!("two prices") };
    assert_eq!(*requests, limit(&blueprint, "requests_per_day"));
    assert_eq!(*tokens, limit(&blueprint, "tokens_per_month"));
    let [jpy, usd] = ["JPY", "USD"].map(|code| Currency::from_code(code).unwrap());
    assert_eq!((by_one.per, by_lot.per), (1, 100_000));
    assert_eq!(by_one.prices, [(jpy, decimal("1")), (usd, decimal("0.01"))]);
    assert_eq!(by_lot.prices, [(jpy, decimal("75")), (usd, decimal("0.5"))]);
}

#[test]
fn a_request_counts_what_its_bodies_and_its_reply_say() {
    let blueprint = compiled(USAGE);
    let chat = route(&blueprint, "/chat");
    let cost = |name: &str| {
        let index = blueprint.meter_index(name).unwrap();
        chat.meters.iter().find(|(meter, _)| *meter == index).map(|(_, cost)| cost).unwrap()
    };
    assert_eq!(*cost("requests"), Cost::Fixed(1));
    let Cost::ReplyJson { at, reserve: 1000 } = cost("tokens") else { panic!("{:?}", cost("tokens")) };
    let reply = serde_json::json!({ "usage": { "total_tokens": 7 } });
    assert_eq!(at.find(&reply), Some(&7.into()));
    assert_eq!(*cost("kilobytes"), Cost::Bytes { of: BodySide::Both, per: 1_000, reserve: 10 });
    assert_eq!(*cost("units"), Cost::ReplyHeader { name: "x-units".to_owned(), reserve: 0 });
    let [(_, only)] = route(&blueprint, "/databases").meters.as_slice() else { panic!("one meter") };
    assert_eq!(*only, Cost::Bytes { of: BodySide::Request, per: 1, reserve: 0 });
    let usual = &route(&blueprint, "/jobs").meters;
    assert_eq!(usual.len(), 4, "one on every meter of requests, and on none that upstreams report");
    assert!(usual.iter().all(|(_, cost)| *cost == Cost::Fixed(1)));
}

#[test]
fn a_route_says_what_is_held_and_what_it_needs() {
    let blueprint = compiled(USAGE);
    let jobs = route(&blueprint, "/jobs");
    let hold = jobs.hold.as_ref().unwrap();
    assert_eq!(hold.limit, limit(&blueprint, "concurrent_jobs"));
    let lasting = hold.lasting.as_ref().unwrap();
    assert_eq!(lasting.key.to_string(), "job.id");
    assert_eq!((lasting.until.as_deref(), lasting.ttl), (Some("job.finished"), Some(Span::from_mins(15))));
    assert_eq!(jobs.within, [limit(&blueprint, "compute_per_month")]);
    assert_eq!((jobs.feature.as_deref(), jobs.is_durable), (Some("api_access"), true));

    let chat = route(&blueprint, "/chat");
    assert!(chat.hold.as_ref().unwrap().lasting.is_none(), "as long as the request");
    assert!(chat.within.is_empty() && chat.feature.is_none() && !chat.is_durable);

    let databases = route(&blueprint, "/databases").hold.as_ref().unwrap();
    assert_eq!(databases.limit, limit(&blueprint, "databases"));
    let lasting = databases.lasting.as_ref().unwrap();
    assert_eq!((lasting.until.as_deref(), lasting.ttl), (Some("database.deleted"), None));
}

#[test]
fn a_plan_has_a_new_version_when_what_its_subscribers_get_or_pay_changes() {
    let digests = |text: &str| {
        let blueprint = compiled(text);
        [blueprint.plans()[0].digest, blueprint.plans()[1].digest]
    };
    let before = digests(USAGE);
    let changed = |old: &str, new: &str| {
        assert!(USAGE.contains(old), "{old}");
        let after = digests(&USAGE.replacen(old, new, 1));
        [after[0] != before[0], after[1] != before[1]]
    };
    for (old, new) in [
        ("scale = 3", "scale = 2"),
        ("of = \"usage.compute_seconds\"", "of = \"usage.seconds\""),
        ("on_exceed = \"warn\"", "on_exceed = \"reject\""),
        ("window = \"month\"\nper = \"project\"", "window = \"month\"\nper = \"team\""),
        ("kind = \"hold\"\nper = \"project\"", "kind = \"hold\"\nper = \"key\""),
        ("routes = [\"POST /jobs\"]", "routes = [\"POST /chat\"]"),
        ("per = \"team\"", "per = \"organization\""),
        ("default = 1000", "default = 2000"),
        ("default = 3", "default = 4"),
    ] {
        assert_eq!(changed(old, new), [true, true], "{new}");
    }
    // The price of one plan, and a default that only the other falls back to.
    assert_eq!(changed("USD = \"0.50\"", "USD = \"0.60\""), [false, true]);
    assert_eq!(changed("per = 100000", "per = 10000"), [false, true]);
    assert_eq!(changed("default = 60", "default = 61"), [true, false]);
    // What no subscriber gets or pays: reports, warnings, what holds for every address, how it is written.
    for (old, new) in [
        ("USD = \"0.000000000002\"", "USD = \"0.1\""),
        ("group_by = [\"site\", \"worker.zone\"]", "group_by = []"),
        ("warn_at = [50]", "warn_at = [60]"),
        ("default = 50", "default = 500"),
        ("USD = \"0.50\"", "USD = \"0.5\""),
    ] {
        assert_eq!(changed(old, new), [false, false], "{new}");
    }
}
