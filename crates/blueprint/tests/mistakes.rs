//! Mistakes in blueprints: each is found, at its place, under its code.

mod support;

use insula_blueprint::{Diagnostics, Operations, Severity, check};
use insula_kernel::{Rng as _, SeededRng};
use support::{Mistake, assert_each_is_found, found};

/// A blueprint without mistakes, in which each test puts one.
const GOOD: &str = r#"[product]
name = "Jobs"
key_prefix = "job"
default_plan = "free"
headline_limit = "per_day"

[resources]
jobs = ["create", "read"]

[aliases]
"jobs:write" = ["jobs:create"]

[roles.reader]
permissions = ["jobs:read", "usage:read"]
[roles.writer]
includes = ["reader"]
permissions = ["jobs:write"]

[meters.requests]
event = "request"
aggregate = "count"

[limits.per_day]
meter = "requests"
window = "day"
warn_at = [50, 100]
[limits.per_second]
kind = "rate"
window = "second"
burst = 20

[plans.free]
price = { USD = { month = "0" }, JPY = { month = "0", year = "0" } }
limits = { per_day = 100, per_second = 10 }
[plans.pro]
price = { USD = { month = "29.00" } }
limits = { per_day = "unlimited", per_second = 100, members = 25 }
features = { support = "e-mail", sso = false, retention_days = 30 }
priority = 2

[upstreams.jobs]
targets = ["http://127.0.0.1:7101"]
timeouts = { response = "30s" }
max_connections = 64

[[routes]]
match = "POST /api/jobs"
upstream = "jobs"
permission = "jobs:create"
meter = { requests = 2 }

[[routes]]
match = "GET /api/jobs/{id}"
upstream = "jobs"
strip_prefix = "/api"
max_body = "1MB"
timeout = "5s"
"#;

#[test]
fn the_good_one_has_no_mistakes() {
    assert_eq!(found(GOOD), []);
}

const MISTAKES: &[Mistake] = &[
    // Shape.
    ("name = \"Jobs\"", "name = »7", "wrong_type"),
    ("name = \"Jobs\"", "name = »\"\"", "invalid_name"),
    ("[product]\nname = \"Jobs\"", "»[product]", "missing_key"),
    ("key_prefix = ", "»key_prefx = ", "unknown_key"),
    ("[product]", "»signups = true\n[product]", "unknown_key"),
    ("default_plan = \"free\"", "default_plan = »[\"free\"]", "wrong_type"),
    ("meter = \"requests\"\nwindow", "meter = »{ a = 1 }\nwindow", "wrong_type"),
    ("priority = 2", "priority = »2.5", "wrong_type"),
    ("priority = 2", "priority = »99999999999999999999", "number_range"),
    ("priority = 2", "priority = »-1", "priority"),
    ("name = \"Jobs\"", "name = \"Jobs\"\n»name = \"Jobs\"", "syntax"),
    ("[resources]", "[resources»", "syntax"),
    // Product.
    ("key_prefix = \"job\"", "key_prefix = »\"J\"", "key_prefix"),
    ("key_prefix = \"job\"", "key_prefix = »\"a_b\"", "key_prefix"),
    ("key_prefix = \"job\"", "key_prefix = »\"org\"", "reserved_name"),
    ("key_prefix = \"job\"", "base_domain = »\"Jobs.example\"", "base_domain"),
    ("key_prefix = \"job\"", "base_domain = »\"a..b\"", "base_domain"),
    ("key_prefix = \"job\"", "base_domain = »\"10.0.0.1\"", "base_domain"),
    ("default_plan = \"free\"", "default_plan = »\"fre\"", "unknown_plan"),
    ("headline_limit = \"per_day\"", "headline_limit = »\"per_dya\"", "unknown_limit"),
    ("headline_limit = \"per_day\"", "headline_limit = »\"per_second\"", "headline_limit"),
    // Access.
    ("jobs = [\"create\", \"read\"]", "jobs = [\"create\", \"read\"]\n»org = [\"x\"]", "reserved_name"),
    ("jobs = [\"create\", \"read\"]", "jobs = [\"create\", \"read\"]\n»Job = [\"x\"]", "invalid_name"),
    ("jobs = [\"create\", \"read\"]", "jobs = [\"create\", \"read\", »\"Do It\"]", "invalid_name"),
    ("jobs = [\"create\", \"read\"]", "jobs = [\"create\", \"read\", »\"read\"]", "duplicate"),
    ("\"jobs:write\" = ", "»\"jobs:read\" = []\n\"jobs:write\" = ", "duplicate"),
    ("\"jobs:write\" = ", "»\"Jobs write\" = []\n\"jobs:write\" = ", "invalid_name"),
    ("\"jobs:write\" = ", "\"more\" = [»\"jobs:write\"]\n\"jobs:write\" = ", "alias_of_alias"),
    ("[\"jobs:create\"]", "[»\"jobs:craete\"]", "unknown_permission"),
    ("[\"jobs:create\"]", "[»\"job:*\"]", "unknown_permission"),
    ("\"usage:read\"]", "»\"usage:raed\"]", "unknown_permission"),
    ("\"usage:read\"]", "»\"operator:read\"]", "operator_permission"),
    ("\"usage:read\"]", "»\"blueprint:*\"]", "operator_permission"),
    ("includes = [\"reader\"]", "includes = [»\"raeder\"]", "unknown_role"),
    ("includes = [\"reader\"]", "includes = [»\"writer\"]", "role_cycle"),
    ("[roles.reader]", "[roles.reader]\nincludes = [\"writer\"]", "role_cycle"),
    ("[roles.writer]", "[roles.»operator]", "reserved_name"),
    ("[roles.writer]", "[roles.»\"x y\"]", "invalid_name"),
    // Meters and limits.
    ("event = \"request\"", "event = »\"Job finished\"", "event_type"),
    ("aggregate = \"count\"", "aggregate = »\"sum\"", "meter_shape"),
    ("aggregate = \"count\"", "aggregate = »\"cuont\"", "unknown_value"),
    ("aggregate = \"count\"", "aggregate = \"count\"\nof = »\"bytes\"", "meter_shape"),
    ("event = \"request\"\naggregate", "aggregate", "missing_key"),
    ("meter = \"requests\"\nwindow", "meter = »\"reqests\"\nwindow", "unknown_meter"),
    ("window = \"day\"", "window = »\"second\"", "limit_shape"),
    ("window = \"day\"", "window = »\"minute\"", "limit_shape"),
    ("window = \"day\"", "window = »\"fortnight\"", "unknown_value"),
    ("window = \"day\"", "window = \"day\"\nburst = »7", "limit_shape"),
    ("window = \"day\"", "window = \"day\"\non_exceed = »\"bill\"", "overage_missing"),
    ("[limits.per_day]\nmeter = \"requests\"", "[limits.»per_day]", "limit_shape"),
    ("window = \"second\"", "window = »\"day\"", "limit_shape"),
    ("window = \"second\"", "window = \"second\"\nmeter = »\"requests\"", "limit_shape"),
    ("window = \"second\"", "window = \"second\"\nper = »\"user\"", "unsupported"),
    ("kind = \"rate\"", "kind = »\"holding\"", "unknown_value"),
    ("burst = 20", "burst = »0", "not_positive"),
    ("warn_at = [50, 100]", "warn_at = [50, »40]", "warn_at"),
    ("warn_at = [50, 100]", "warn_at = [50, »101]", "warn_at"),
    ("[plans.free]", "[limits.»projects]\nkind = \"hold\"\n[plans.free]", "reserved_name"),
    (
        "[plans.free]",
        "[limits.»members]\nkind = \"rate\"\nwindow = \"second\"\n[plans.free]",
        "reserved_name",
    ),
    // Plans.
    ("{ USD = { month = \"29.00\" } }", "{ USD = { month = »29.00 } }", "wrong_type"),
    ("\"29.00\"", "»\"29.001\"", "price_precision"),
    ("year = \"0\"", "year = »\"0.5\"", "price_precision"),
    ("\"29.00\"", "»\"-1\"", "negative_price"),
    ("\"29.00\"", "»\"1e3\"", "amount"),
    ("\"29.00\"", "»\"99999999999999999999\"", "amount"),
    ("{ USD = { month = \"29.00\" } }", "{ »UDS = { month = \"29.00\" } }", "unknown_currency"),
    ("{ USD = { month = \"29.00\" } }", "{ USD = »{ } }", "price_missing"),
    ("{ USD = { month = \"29.00\" } }", "{ USD = { »week = \"29.00\" } }", "unsupported"),
    ("[plans.pro]\nprice = { USD = { month = \"29.00\" } }", "[plans.»pro]", "price_missing"),
    ("per_day = 100,", "per_day = »-1,", "negative_limit"),
    ("per_day = 100,", "per_day = »\"unlimted\",", "bound"),
    ("members = 25", "»member = 25", "unknown_limit"),
    ("[plans.free]", "[plans.free]\n»isolation = \"database\"", "unsupported"),
    ("[plans.free]", "[plans.free]\nself_service = false", "default_plan"),
    // Upstreams.
    ("targets = [\"http://127.0.0.1:7101\"]", "targets = »[]", "upstream_no_targets"),
    ("targets = [\"http://127.0.0.1:7101\"]\n", "", "missing_key"),
    ("[\"http://127.0.0.1:7101\"]", "[»\"127.0.0.1:7101\"]", "upstream_url"),
    ("[\"http://127.0.0.1:7101\"]", "[»\"http://127.0.0.1:7101/x\"]", "upstream_url"),
    ("[\"http://127.0.0.1:7101\"]", "[»\"https://127.0.0.1:7101\"]", "unsupported"),
    ("[\"http://127.0.0.1:7101\"]", "[\"http://127.0.0.1:7101\", »\"http://127.0.0.1:7101/\"]", "duplicate"),
    ("response = \"30s\"", "response = »\"30\"", "duration"),
    ("response = \"30s\"", "response = »30", "wrong_type"),
    ("max_connections = 64", "max_connections = »0", "not_positive"),
    ("max_connections = 64", "max_connections = »70000", "number_range"),
    ("max_connections = 64", "run = »[]", "run"),
    ("max_connections = 64", "health = { path = »\"healthz\" }", "path"),
    ("max_connections = 64", "health = { path = \"/h\", every = »\"0s\" }", "duration"),
    // Routes.
    ("\"POST /api/jobs\"", "»\"POST api/jobs\"", "route_pattern"),
    ("\"POST /api/jobs\"", "»\"SEND /api/jobs\"", "route_pattern"),
    ("\"POST /api/jobs\"", "»\"POST /api/{a}/{a}\"", "route_pattern"),
    ("match = \"POST /api/jobs\"", "match = \"GET /api/jobs/{other}\"", "route_duplicate"),
    ("\"POST /api/jobs\"", "»\"POST /v1/jobs\"", "route_shadowed"),
    ("upstream = \"jobs\"\npermission", "upstream = »\"job\"\npermission", "unknown_upstream"),
    ("permission = \"jobs:create\"", "permission = »\"jobs:delete\"", "unknown_permission"),
    ("permission = \"jobs:create\"", "permission = »\"jobs:write\"", "route_permission"),
    ("permission = \"jobs:create\"", "permission = »\"operator:read\"", "operator_permission"),
    ("upstream = \"jobs\"\npermission", "»upsteam = \"jobs\"\npermission", "unknown_key"),
    ("permission = \"jobs:create\"", "»public = true", "unsupported"),
    ("permission = \"jobs:create\"", "upgrade = »\"websocket\"", "route_upgrade"),
    ("permission = \"jobs:create\"", "upgrade = »\"h2c\"", "unknown_value"),
    ("max_body = \"1MB\"", "max_body = \"1MB\"\nupgrade = »\"websocket\"", "route_upgrade"),
    (
        "max_body = \"1MB\"",
        "upgrade = »\"websocket\"\nmeter = { requests = { reply_json = \"$.n\" } }",
        "route_upgrade",
    ),
    ("permission = \"jobs:create\"", "hold = { limit = »\"x\" }", "unknown_limit"),
    ("meter = { requests = 2 }", "meter = { »reqs = 2 }", "unknown_meter"),
    ("meter = { requests = 2 }", "meter = { requests = »0 }", "not_positive"),
    ("strip_prefix = \"/api\"", "strip_prefix = »\"/ap\"", "strip_prefix"),
    ("strip_prefix = \"/api\"", "strip_prefix = »\"/api/\"", "strip_prefix"),
    ("max_body = \"1MB\"", "max_body = »\"1 MB\"", "size"),
    ("timeout = \"5s\"", "timeout = »\"5 s\"", "duration"),
    ("[meters.requests]", "[»coupons.x]\n[meters.requests]", "unsupported"),
];

#[test]
fn each_mistake_is_found_at_its_place_and_makes_no_other() {
    assert_each_is_found(GOOD, MISTAKES);
}

#[test]
fn a_plan_must_say_how_far_each_limit_goes() {
    let found = found(&GOOD.replace("per_day = 100, ", ""));
    assert_eq!(found, [("blueprint.limit_missing".to_owned(), 32, 8)]);
}

#[test]
fn without_plans_there_is_nothing_to_be_on() {
    let (before, rest) = GOOD.split_once("[plans.free]").unwrap();
    let (_, after) = rest.split_once("[upstreams.jobs]").unwrap();
    let text = format!("{before}[upstreams.jobs]{after}").replace("default_plan = \"free\"\n", "");
    assert_eq!(found(&text), [("blueprint.no_plan".to_owned(), 1, 1)]);
}

#[test]
fn a_role_that_nobody_can_give_is_a_warning() {
    let text = GOOD.replace("[roles.reader]", "[roles.owner]\nincludes = [\"reader\"]\n[roles.reader]");
    let blueprint = check("blueprint.toml", &text).unwrap();
    let [warning] = blueprint.warnings().iter().collect::<Vec<_>>()[..] else { panic!("one warning") };
    assert_eq!((warning.severity, warning.code), (Severity::Warning, "blueprint.role_ungrantable"));
    assert!(warning.message.contains("jobs:create"), "{}", warning.message);
}

#[test]
fn more_permissions_than_fit_are_refused() {
    let verbs: Vec<String> = (0..250).map(|n| format!("\"v{n}\"")).collect();
    let text = GOOD.replace("[resources]", &format!("[resources]\nmany = [\n{}\n]", verbs.join(",\n")));
    let found = found(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "blueprint.too_many_permissions");
}

#[test]
fn what_is_no_text_is_refused_before_it_is_read() {
    let only = |found: Result<_, Diagnostics>| {
        let found = found.map(drop).unwrap_err();
        assert_eq!(found.len(), 1);
        let first = found.iter().next().unwrap();
        (first.code, first.line, first.column)
    };
    assert_eq!(only(check("f", "a = 1\nb\0")), ("blueprint.encoding", 2, 2));
    assert_eq!(
        only(Operations::default().check_bytes("f", b"a = 1\nb = \xff")),
        ("blueprint.encoding", 2, 5)
    );
    assert_eq!(only(check("f", &" ".repeat((1 << 20) + 1))), ("blueprint.too_large", 1, 1));
    assert!(check("f", &"[".repeat(100_000)).is_err());
    assert!(check("f", "").is_err());
}

#[test]
fn many_mistakes_are_shown_together() {
    let text = include_str!("many_mistakes.toml");
    let shown = check("many_mistakes.toml", text).map(drop).unwrap_err().to_string();
    let expected = include_str!("many_mistakes.txt");
    if std::env::var_os("INSULA_UPDATE_SNAPSHOTS").is_some() {
        let path = format!("{}/tests/many_mistakes.txt", std::env::var("CARGO_MANIFEST_DIR").unwrap());
        std::fs::write(path, &shown).unwrap();
    } else {
        assert_eq!(shown, expected, "run with INSULA_UPDATE_SNAPSHOTS=1 if the change is meant");
    }
}

#[test]
fn diagnostics_are_plain_data_for_programs() {
    let found = check("b.toml", &GOOD.replace("key_prefix = ", "key_prefx = ")).map(drop).unwrap_err();
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(
        json,
        serde_json::json!([{
            "file": "b.toml", "line": 3, "column": 1, "length": 9, "severity": "error",
            "code": "blueprint.unknown_key",
            "message": "there is no key `key_prefx` here",
            "help": "did you mean `key_prefix`?",
        }])
    );
}

#[test]
fn no_damage_to_a_blueprint_makes_the_check_panic() {
    const SCRAPS: &[&str] = &[
        "",
        "\"",
        "[",
        "]]",
        "{",
        "}",
        "=",
        ".",
        "\n",
        "'''",
        "é",
        "\u{1F980}",
        "-1",
        "[[routes]]\n",
        "a.b = 1\n",
        "\r",
        "\0",
    ];
    let rng = SeededRng::new(3);
    let pick = |below: usize| {
        let mut bytes = [0u8; 4];
        rng.fill(&mut bytes);
        u32::from_le_bytes(bytes) as usize % below
    };
    let whole = [GOOD, include_str!("usage.toml"), include_str!("billing.toml")];
    for good in whole.into_iter().cycle().take(4_500) {
        let mut text = good.to_owned();
        for _ in 0..=pick(3) {
            let start = pick(text.len());
            let end = (start + pick(12)).min(text.len());
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                text.replace_range(start..end, SCRAPS[pick(SCRAPS.len())]);
            }
        }
        if let Err(found) = check("b.toml", &text) {
            assert!(found.has_errors() && !found.to_string().is_empty());
            assert!(
                found.iter().all(|d| d.line <= text.lines().count() + 1 && d.column >= 1 && d.length >= 1)
            );
        }
    }
}
