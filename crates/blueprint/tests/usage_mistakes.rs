//! Mistakes in what a blueprint says about usage: each is found, at its place, under its code.

mod support;

use insula_blueprint::{Severity, check};
use support::{Mistake, assert_each_is_found, found};

/// A blueprint without mistakes, in which each test puts one.
const GOOD: &str = include_str!("usage.toml");

#[test]
fn the_good_one_has_no_mistakes() {
    assert_eq!(found(GOOD), []);
}

const IN_METERS: &[Mistake] = &[
    ("event = \"job.sampled\"", "event = »\"Job sampled\"", "event_type"),
    ("event = \"job.sampled\"", "event = »\"\"", "event_type"),
    ("event = \"job.sampled\"", "event = »7", "wrong_type"),
    (
        "event = \"job.sampled\"\naggregate = \"max\"",
        "»evnt = \"job.sampled\"\naggregate = \"max\"",
        "unknown_key",
    ),
    (
        "event = \"request\"\naggregate = \"count\"",
        "event = \"request\"\naggregate = »\"sum\"",
        "meter_shape",
    ),
    ("aggregate = \"max\"", "aggregate = »\"average\"", "unsupported"),
    ("aggregate = \"max\"", "aggregate = »\"maximum\"", "unknown_value"),
    (
        "aggregate = \"max\"\nof = \"memory_gb\"\nscale = 1",
        "aggregate = \"count\"\nof = »\"memory_gb\"",
        "meter_shape",
    ),
    (
        "[meters.sites]\nevent = \"job.finished\"\naggregate = \"unique\"\nof = \"site\"",
        "[meters.»sites]\nevent = \"job.finished\"\naggregate = \"unique\"",
        "meter_shape",
    ),
    ("of = \"memory_gb\"", "of = »\"$.memory_gb\"", "pointer"),
    ("of = \"memory_gb\"", "of = »\"memory..gb\"", "pointer"),
    ("of = \"memory_gb\"", "of = »[\"memory\"]", "wrong_type"),
    ("of = \"site\"", "of = \"site\"\nscale = »2", "meter_shape"),
    (
        "aggregate = \"count\"\nunit = \"token\"",
        "aggregate = \"count\"\nunit = \"token\"\nscale = »2",
        "meter_shape",
    ),
    ("scale = 1", "scale = »10", "number_range"),
    ("scale = 1", "scale = »-1", "number_range"),
    ("scale = 1", "scale = »\"1\"", "wrong_type"),
    ("unit = \"token\"", "unit = »\"\"", "invalid_name"),
    ("unit = \"token\"", "unit = »\" token\"", "invalid_name"),
    ("unit = \"token\"", "unit = \"token\"\ngroup_by = [»\"model\"]", "meter_shape"),
    ("[\"site\", \"worker.zone\"]", "[\"a\", \"b\", \"c\", \"d\", »\"e\"]", "too_many"),
    ("[\"site\", \"worker.zone\"]", "[\"site\", »\"site\"]", "duplicate"),
    ("[\"site\", \"worker.zone\"]", "[»\"project\"]", "reserved_name"),
    ("[\"site\", \"worker.zone\"]", "[\"site\", »\"worker zone\"]", "pointer"),
    ("JPY = \"0.5\"", "»JYP = \"0.5\"", "unknown_currency"),
    ("JPY = \"0.5\"", "JPY = »\"-0.5\"", "negative_price"),
    ("JPY = \"0.5\"", "JPY = »\"0.0000000000005\"", "price_precision"),
    ("JPY = \"0.5\"", "JPY = »\"10000000\"", "amount"),
    ("JPY = \"0.5\"", "JPY = »0.5", "wrong_type"),
];

const IN_LIMITS: &[Mistake] = &[
    // Quotas.
    ("meter = \"jobs\"", "meter = »\"job\"", "unknown_meter"),
    ("meter = \"jobs\"", "meter = »\"memory\"", "limit_shape"),
    ("meter = \"jobs\"", "meter = »\"stored\"", "limit_shape"),
    ("meter = \"jobs\"", "meter = »\"sites\"", "limit_shape"),
    ("[limits.jobs_per_hour]\nmeter = \"jobs\"\n", "[limits.»jobs_per_hour]\n", "limit_shape"),
    ("window = \"hour\"", "window = »\"minute\"", "limit_shape"),
    ("window = \"hour\"\nper = \"key\"", "window = \"hour\"\nper = »\"address\"", "limit_shape"),
    ("window = \"hour\"\nper = \"key\"", "window = \"hour\"\nper = »\"user\"", "unsupported"),
    ("window = \"hour\"", "window = \"hour\"\nburst = »5", "limit_shape"),
    ("window = \"hour\"", "window = \"hour\"\nroutes = »[\"POST /jobs\"]", "limit_shape"),
    ("default = 1000", "default = »-1", "negative_limit"),
    ("default = 1000", "default = »\"none\"", "bound"),
    ("default = 1000", "default = »true", "wrong_type"),
    ("default = \"unlimited\"", "default = »9223372036854776", "number_range"),
    ("on_exceed = \"warn\"", "on_exceed = »\"bill\"", "overage_missing"),
    ("on_exceed = \"warn\"", "on_exceed = »\"block\"", "unknown_value"),
    // Rates.
    ("routes = [\"POST /jobs\"]", "routes = [»\"POST /job\"]", "unknown_route"),
    ("routes = [\"POST /jobs\"]", "routes = [»\"POST  /jobs\"]", "unknown_route"),
    ("routes = [\"POST /jobs\"]", "routes = [\"POST /jobs\", »\"POST /jobs\"]", "duplicate"),
    ("routes = [\"POST /jobs\"]", "routes = »[]", "limit_shape"),
    ("routes = [\"POST /jobs\"]", "meter = »\"requests\"", "limit_shape"),
    ("routes = [\"POST /jobs\"]", "warn_at = »[90]", "limit_shape"),
    ("routes = [\"POST /jobs\"]", "on_exceed = »\"warn\"", "limit_shape"),
    ("window = \"minute\"", "window = »\"month\"", "limit_shape"),
    (
        "[limits.submissions]\nkind = \"rate\"\nwindow = \"minute\"",
        "[limits.»submissions]\nkind = \"rate\"",
        "limit_shape",
    ),
    ("per = \"address\"\ndefault = 50", "per = »\"address\"", "limit_shape"),
    ("per = \"address\"", "per = \"address\"\nroutes = »[\"POST /jobs\"]", "limit_shape"),
    ("burst = 100", "burst = »0", "not_positive"),
    // Holds.
    ("kind = \"hold\"\nper = \"project\"", "kind = \"hold\"\nper = »\"address\"", "limit_shape"),
    ("kind = \"hold\"\nper = \"project\"", "kind = \"hold\"\nmeter = »\"requests\"", "limit_shape"),
    ("kind = \"hold\"\nper = \"project\"", "kind = \"hold\"\nwindow = »\"day\"", "limit_shape"),
    ("kind = \"hold\"\nper = \"project\"", "kind = \"hold\"\nburst = »5", "limit_shape"),
    ("kind = \"hold\"\nper = \"project\"", "kind = \"hold\"\nroutes = »[\"POST /jobs\"]", "limit_shape"),
    ("kind = \"hold\"\nper = \"project\"", "kind = \"hold\"\nwarn_at = »[90]", "limit_shape"),
    ("kind = \"hold\"\nper = \"project\"", "kind = \"hold\"\non_exceed = »\"bill\"", "limit_shape"),
    // Stocks.
    ("kind = \"stock\"\ndefault = 1", "kind = \"stock\"\ndefault = 1\nmeter = »\"jobs\"", "limit_shape"),
    ("kind = \"stock\"\ndefault = 1", "kind = \"stock\"\ndefault = 1\nwindow = »\"day\"", "limit_shape"),
    ("kind = \"stock\"\ndefault = 1", "kind = \"stock\"\ndefault = 1\nper = »\"project\"", "limit_shape"),
    ("kind = \"stock\"\ndefault = 1", "kind = \"stock\"\ndefault = 1\nburst = »5", "limit_shape"),
    ("kind = \"stock\"\ndefault = 1", "kind = \"stock\"\ndefault = 1\nroutes = »[]", "limit_shape"),
    ("kind = \"stock\"\ndefault = 1", "kind = \"stock\"\ndefault = 1\non_exceed = »\"warn\"", "limit_shape"),
    ("[limits.members]\nkind = \"stock\"", "[limits.»teams]\nkind = \"hold\"", "reserved_name"),
    ("[limits.members]\nkind = \"stock\"", "[limits.members]\nkind = »\"stok\"", "unknown_value"),
    (
        "[limits.members]\nkind = \"stock\"",
        "[limits.members]\nkind = \"stock\"\nper = »\"team\"",
        "limit_shape",
    ),
];

const IN_PLANS: &[Mistake] = &[
    ("requests_per_day = 1000,", "requests_per_day = 1000, »addresses = 5,", "plan_limit"),
    (
        "requests_per_day = 1000,",
        "requests_per_day = 1000, compute_per_month = »9223372036854776,",
        "number_range",
    ),
    ("[plans.pro]\n", "[plans.pro]\n»isolation = \"database\"\n", "unsupported"),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "»request_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "unknown_limit",
    ),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "»concurrent_jobs = { USD = \"0.01\", JPY = \"1\" }",
        "overage",
    ),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "»members = { USD = \"0.01\", JPY = \"1\" }",
        "overage",
    ),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "»submissions = { USD = \"0.01\", JPY = \"1\" }",
        "overage",
    ),
    ("requests_per_day = 1000,", "requests_per_day = \"unlimited\",", "overage"),
    (
        "[plans.pro.overage]",
        "[plans.pro.overage]\n»compute_per_month = { USD = \"1\", JPY = \"9\" }",
        "overage",
    ),
    ("requests_per_day = { USD = \"0.01\", JPY = \"1\" }", "requests_per_day = »{ }", "price_missing"),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "requests_per_day = »{ per = 10 }",
        "price_missing",
    ),
    ("requests_per_day = { USD = \"0.01\", JPY = \"1\" }", "requests_per_day = »\"0.01\"", "wrong_type"),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "requests_per_day = { USD = \"0.01\", »YEN = \"1\" }",
        "unknown_currency",
    ),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "requests_per_day = { USD = \"0.01\", JPY = »\"-1\" }",
        "negative_price",
    ),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "requests_per_day = { USD = \"0.01\", JPY = »1 }",
        "wrong_type",
    ),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "requests_per_day = { USD = \"0.01\", JPY = »\"0.0000000000001\" }",
        "price_precision",
    ),
    ("per = 100000", "per = »0", "not_positive"),
    ("per = 100000", "per = »\"100k\"", "wrong_type"),
    ("JPY = { month = \"4400\" }", "»UDS = { month = \"4400\" }", "unknown_currency"),
    // Warnings.
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "»requests_per_day = { USD = \"0.01\" }",
        "overage_currency",
    ),
    (
        "requests_per_day = { USD = \"0.01\", JPY = \"1\" }",
        "requests_per_day = { USD = \"0.01\", JPY = \"1\", »EUR = \"1\" }",
        "overage_currency",
    ),
    (
        "[plans.free]\nprice = { USD = { month = \"0\" } }\nlimits = { requests_per_day = 100, tokens_per_month = \"unlimited\"",
        "[plans.»free]\nprice = { USD = { month = \"0\" } }\nlimits = { requests_per_day = 100, tokens_per_month = 500",
        "overage_free",
    ),
];

const IN_ROUTES: &[Mistake] = &[
    // What is counted.
    ("requests = 1\n", "»request = 1\n", "unknown_meter"),
    ("requests = 1\n", "»compute_seconds = 1\n", "route_meter"),
    ("requests = 1\n", "requests = »-1\n", "not_positive"),
    ("requests = 1\n", "requests = »\"1\"\n", "wrong_type"),
    ("{ reply_header = \"X-Units\", reserve = 0 }", "»{ reserve = 1 }", "cost_shape"),
    (
        "{ reply_header = \"X-Units\", reserve = 0 }",
        "»{ reply_header = \"X-Units\", bytes = \"reply\" }",
        "cost_shape",
    ),
    (
        "{ reply_header = \"X-Units\", reserve = 0 }",
        "{ reply_header = \"X-Units\", per = »\"1KB\" }",
        "cost_shape",
    ),
    ("{ reply_header = \"X-Units\", reserve = 0 }", "{ reply_header = »\"X Units\" }", "header"),
    (
        "{ reply_header = \"X-Units\", reserve = 0 }",
        "{ »reply_trailer = \"X-Units\" , bytes = \"reply\" }",
        "unknown_key",
    ),
    (
        "{ reply_header = \"X-Units\", reserve = 0 }",
        "{ reply_header = \"X-Units\", reserve = »-1 }",
        "number_range",
    ),
    ("\"$.usage.total_tokens\"", "»\"usage.total_tokens\"", "pointer"),
    ("\"$.usage.total_tokens\"", "»\"$.choices[0]\"", "pointer"),
    ("\"$.usage.total_tokens\"", "»\"$\"", "pointer"),
    ("bytes = \"both\"", "bytes = »\"all\"", "unknown_value"),
    ("per = \"1KB\"", "per = »\"0KB\"", "not_positive"),
    ("per = \"1KB\"", "per = »1000", "wrong_type"),
    // What is held.
    ("limit = \"concurrent_jobs\"", "limit = »\"concurent_jobs\"", "unknown_limit"),
    ("limit = \"concurrent_jobs\"", "limit = »\"requests_per_day\"", "hold_shape"),
    ("limit = \"open_requests\"", "limit = »\"submissions\"", "hold_shape"),
    ("limit = \"databases\"", "limit = »\"members\"", "hold_shape"),
    ("{ limit = \"open_requests\" }", "»{ }", "missing_key"),
    (
        "{ limit = \"open_requests\" }",
        "{ limit = \"open_requests\", until = »\"job.finished\" }",
        "hold_shape",
    ),
    ("{ limit = \"open_requests\" }", "{ limit = \"open_requests\", ttl = »\"5m\" }", "hold_shape"),
    ("{ limit = \"open_requests\" }", "{ limit = »\"databases\" }", "hold_shape"),
    (
        "limit = \"concurrent_jobs\", key = \"$.job.id\", until = \"job.finished\", ttl = \"15m\"",
        "limit = »\"concurrent_jobs\", key = \"$.job.id\", until = \"job.finished\"",
        "hold_shape",
    ),
    ("until = \"database.deleted\"", "until = \"database.deleted\", ttl = »\"1d\"", "hold_shape"),
    ("limit = \"databases\", key = \"$.id\"", "limit = »\"databases\"", "hold_shape"),
    ("until = \"database.deleted\"", "until = »\"request\"", "event_type"),
    ("until = \"database.deleted\"", "until = »\"Database deleted\"", "event_type"),
    ("key = \"$.job.id\"", "key = »\"job.id\"", "pointer"),
    ("ttl = \"15m\"", "ttl = »\"31d\"", "duration"),
    ("ttl = \"15m\"", "ttl = »\"500ms\"", "duration"),
    ("ttl = \"15m\"", "ttl = »15", "wrong_type"),
    // What is needed.
    ("within = [\"compute_per_month\"]", "within = [»\"compute_per_day\"]", "unknown_limit"),
    ("within = [\"compute_per_month\"]", "within = [»\"concurrent_jobs\"]", "within"),
    ("within = [\"compute_per_month\"]", "within = [»\"submissions\"]", "within"),
    (
        "within = [\"compute_per_month\"]",
        "within = [\"compute_per_month\", »\"compute_per_month\"]",
        "duplicate",
    ),
    ("within = [\"compute_per_month\"]", "within = »\"compute_per_month\"", "wrong_type"),
    ("feature = \"api_access\"", "feature = »\"api_acess\"", "unknown_feature"),
    ("{ api_access = \"full\" }", "{ api_access = false }", "route_feature"),
    ("{ api_access = \"full\" }", "{ api_access = 7 }", "route_feature"),
    ("durability = \"sync\"", "durability = »\"async\"", "unknown_value"),
    ("durability = \"sync\"", "»approval = \"manager\"", "unsupported"),
];

#[test]
fn each_mistake_is_found_at_its_place_and_makes_no_other() {
    for mistakes in [IN_METERS, IN_LIMITS, IN_PLANS, IN_ROUTES] {
        assert_each_is_found(GOOD, mistakes);
    }
}

/// So many more meters of an event.
fn meters(event: &str, count: usize) -> String {
    let meter = |n: usize| format!("[meters.more{n}]\nevent = \"{event}\"\naggregate = \"count\"\n");
    (1..=count).map(meter).collect()
}

fn codes(text: &str) -> Vec<String> {
    found(text).into_iter().map(|(code, _, _)| code).collect()
}

#[test]
fn one_event_counts_on_at_most_sixteen_meters() {
    let with = |event: &str, count| format!("{GOOD}{}", meters(event, count));
    // Three meters count `job.finished` already.
    assert_eq!(found(&with("job.finished", 13)), []);
    assert_eq!(codes(&with("job.finished", 14)), ["blueprint.too_many"]);
    // Four count requests, on all of which the first route counts, which names none.
    assert_eq!(found(&with("request", 12)), []);
    assert_eq!(codes(&with("request", 13)), ["blueprint.too_many"]);
    let named = |count: usize| {
        let counted: Vec<String> = (1..=count).map(|n| format!("more{n} = 1")).collect();
        let meter = format!("durability = \"sync\"\nmeter = {{ {} }}", counted.join(", "));
        with("request", 17).replace("durability = \"sync\"", &meter)
    };
    assert_eq!(found(&named(16)), []);
    assert_eq!(codes(&named(17)), ["blueprint.too_many"]);
}

#[test]
fn a_lot_can_be_counted_in_the_smallest_units_of_its_meter() {
    let overage = "compute_per_month = { USD = \"1\", JPY = \"9\", per = 9223372036854776 }";
    let text = GOOD
        .replace("[plans.pro.overage]", &format!("[plans.pro.overage]\n{overage}"))
        .replace("on_exceed = \"warn\"\ndefault = \"unlimited\"", "default = 100");
    assert_eq!(codes(&text), ["blueprint.number_range"]);
}

#[test]
fn without_plans_nothing_is_said_of_what_plans_lack() {
    let (before, rest) = GOOD.split_once("[plans.free]").unwrap_or_else(|| panic!("no plan"));
    let (_, after) = rest.split_once("[upstreams.a]").unwrap_or_else(|| panic!("no upstream"));
    assert_eq!(codes(&format!("{before}[upstreams.a]{after}")), ["blueprint.no_plan"]);
}

#[test]
fn what_works_though_perhaps_not_as_was_meant_is_a_warning() {
    let text = GOOD.replace("tokens_per_month = \"unlimited\"", "tokens_per_month = 500");
    let blueprint = check("blueprint.toml", &text).unwrap_or_else(|found| panic!("{found}"));
    let [warning] = blueprint.warnings().iter().collect::<Vec<_>>()[..] else { panic!("one warning") };
    assert_eq!(warning.severity, Severity::Warning);
    assert_eq!(warning.message, "on plan `free`, going beyond `tokens_per_month` costs nothing");
}

#[test]
fn a_plan_that_is_silent_is_told_of_the_default_it_could_fall_back_to() {
    let text = GOOD.replace("kind = \"stock\"\ndefault = 1\n", "kind = \"stock\"\n");
    let Err(found) = check("blueprint.toml", &text) else { panic!("a limit that plan free doesn't name") };
    let [missing] = found.iter().collect::<Vec<_>>()[..] else { panic!("{found}") };
    assert_eq!(missing.message, "plan `free` does not say how far `databases` goes");
    assert!(missing.help.ends_with("or give the limit a `default`"), "{}", missing.help);
}

#[test]
fn ids_of_insula_begin_with_what_no_key_does() {
    for prefix in ["team", "hold", "svc", "evt", "prj"] {
        let text =
            GOOD.replace("name = \"Scraper\"", &format!("name = \"Scraper\"\nkey_prefix = \"{prefix}\""));
        assert_eq!(codes(&text), ["blueprint.reserved_name"], "{prefix}");
    }
}
