//! What a compiled blueprint answers.

use insula_blueprint::{
    Bound, Compiled, Cost, Feature, LimitIndex, LimitKind, Operations, PathError, Per, PermissionSet,
    QuotaWindow, RateWindow, RouteMatch, check, own, schema,
};
use insula_kernel::Span;
use insula_rating::Interval;
use std::path::Path;

const ROLES: &str = r#"
[roles.readonly]
permissions = ["scraping:read", "usage:read"]
[roles.member]
includes = ["readonly"]
permissions = ["scraping:write", "keys:*"]
[roles.reporter]
permissions = ["usage:ingest"]
"#;

fn compiled(more: &str) -> Compiled {
    let text = format!(
        r#"[product]
name = "Scraper"
[resources]
scraping = ["create", "read", "cancel"]
archive = ["read"]
[aliases]
"scraping:write" = ["scraping:create", "scraping:cancel"]
"users:manage" = ["members:*"]
[meters.requests]
event = "request"
aggregate = "count"
[meters.calls]
event = "request"
aggregate = "count"
[limits.per_day]
meter = "requests"
window = "day"
[limits.burst_rate]
kind = "rate"
window = "second"
[plans.zero]
price = {{ USD = {{ month = "0" }} }}
limits = {{ per_day = 100, burst_rate = 10 }}
features = {{ support = "community", retention = 7, sso = false }}
[plans.all]
price = {{ USD = {{ month = "29.00", year = "290" }}, JPY = {{ month = "4000" }} }}
limits = {{ per_day = "unlimited", burst_rate = 100, members = 25, api_keys = 10 }}
priority = 3
[upstreams.a]
targets = ["http://127.0.0.1:7101", "http://127.0.0.1:7102"]
timeouts = {{ response = "30s" }}
[[routes]]
match = "POST /api/jobs"
upstream = "a"
permission = "scraping:create"
[[routes]]
match = "GET /api/jobs/{{id}}"
upstream = "a"
permission = "scraping:read"
meter = {{ calls = 3 }}
strip_prefix = "/api"
max_body = "1KB"
timeout = "5s"
[[routes]]
match = "* /open/{{*rest}}"
upstream = "a"
meter = {{}}
{more}"#
    );
    check("blueprint.toml", &text).unwrap_or_else(|found| panic!("{found}")).compile()
}

fn names(blueprint: &Compiled, role: &str) -> Vec<String> {
    let set = blueprint.role(role).unwrap_or_else(|| panic!("no role {role}"));
    blueprint.permissions().names_of(set).into_iter().map(str::to_owned).collect()
}

#[test]
fn declared_roles_have_what_they_include_and_the_owner_has_what_any_role_has() {
    let blueprint = compiled(ROLES);
    assert_eq!(names(&blueprint, "readonly"), ["scraping:read", "usage:read"]);
    assert_eq!(
        names(&blueprint, "member"),
        ["keys:manage", "keys:read", "scraping:cancel", "scraping:create", "scraping:read", "usage:read"]
    );
    let owner = blueprint.role("owner").unwrap();
    assert!(blueprint.roles().iter().all(|role| role.permissions.is_subset(owner)));
    assert!(owner.contains(own::ORG_DELETE) && owner.contains(own::USAGE_INGEST));
    assert_eq!(blueprint.roles()[0].name, "owner");
    assert!(blueprint.role("admin").is_none());
}

#[test]
fn a_declared_owner_keeps_organization_members_and_billing() {
    let blueprint = compiled("[roles.owner]\npermissions = [\"scraping:read\"]\n");
    assert_eq!(
        names(&blueprint, "owner"),
        [
            "billing:manage",
            "billing:read",
            "members:manage",
            "members:read",
            "org:delete",
            "org:read",
            "org:update",
            "scraping:read",
        ]
    );
}

#[test]
fn without_declared_roles_there_are_the_usual_four() {
    let blueprint = compiled("");
    let roles: Vec<_> = blueprint.roles().iter().map(|role| role.name.as_str()).collect();
    assert_eq!(roles, ["owner", "admin", "member", "viewer"]);
    let set = |role| blueprint.role(role).unwrap();
    let only_owner = set("owner").difference(set("admin"));
    assert_eq!(blueprint.permissions().names_of(only_owner), ["billing:manage", "org:delete"]);
    let member = names(&blueprint, "member");
    assert!(member.contains(&"scraping:create".to_owned()) && member.contains(&"keys:read".to_owned()));
    assert!(!member.contains(&"keys:manage".to_owned()));
    assert!(names(&blueprint, "viewer").iter().all(|name| name.ends_with(":read")));
    assert!(names(&blueprint, "viewer").contains(&"archive:read".to_owned()));
    let nobodys = own::OPERATOR.with(own::USAGE_INGEST);
    assert!(blueprint.roles().iter().all(|role| role.permissions.intersection(nobodys).is_empty()));
}

#[test]
fn a_term_is_a_permission_an_alias_or_a_wildcard() {
    let blueprint = compiled("");
    let permissions = blueprint.permissions();
    let expanded = |term: &str| permissions.expand(term).map(|set| permissions.names_of(set));
    assert_eq!(expanded("scraping:read"), Some(vec!["scraping:read"]));
    assert_eq!(expanded("scraping:write"), Some(vec!["scraping:cancel", "scraping:create"]));
    assert_eq!(expanded("users:manage"), Some(vec!["members:manage", "members:read"]));
    assert_eq!(expanded("archive:*"), Some(vec!["archive:read"]));
    assert_eq!(expanded("usage:*"), Some(vec!["usage:read"]), "what writes the bill must be named");
    for unknown in ["", "*", ":*", "scraping", "scraping:", "scraping:*:*", "nothing:*"] {
        assert_eq!(expanded(unknown), None, "{unknown}");
    }
    assert_eq!(permissions.id("org:read"), Some(own::ORG_READ));
    assert!(permissions.iter().all(|(name, id)| permissions.name(id) == name));
}

#[test]
fn plans_keep_their_order_and_bound_every_limit() {
    let blueprint = compiled("");
    let plans: Vec<_> = blueprint.plans().iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(plans, ["zero", "all"]);
    assert_eq!(blueprint.plan(blueprint.product().default_plan).unwrap().name, "zero");
    let (day, rate) =
        (blueprint.limit_index("per_day").unwrap(), blueprint.limit_index("burst_rate").unwrap());
    let [zero, all] = blueprint.plans() else { panic!("two plans") };
    assert_eq!((zero.bound(day), zero.bound(rate)), (Bound::At(100), Bound::At(10)));
    assert_eq!((all.bound(day), all.bound(rate)), (Bound::Unlimited, Bound::At(100)));
    assert_eq!(zero.bound(LimitIndex::MEMBERS), Bound::At(5), "five members where the plan is silent");
    assert_eq!(zero.bound(LimitIndex::API_KEYS), Bound::Unlimited);
    assert_eq!(all.bound(LimitIndex::MEMBERS), Bound::At(25));
    let built_in = [LimitIndex::MEMBERS, LimitIndex::API_KEYS, LimitIndex::PROJECTS, LimitIndex::TEAMS];
    let built_in: Vec<_> = built_in.map(|limit| blueprint.limit(limit).unwrap().name.as_str()).into();
    assert_eq!(built_in, ["members", "api_keys", "projects", "teams"]);
    let meter = blueprint.meter_index("requests").unwrap();
    assert_eq!(
        blueprint.limit(day).unwrap().kind,
        LimitKind::Quota { meter, window: QuotaWindow::Day, per: Per::Organization }
    );
    assert_eq!(
        blueprint.limit(rate).unwrap().kind,
        LimitKind::Rate { window: RateWindow::Second, burst: None, per: Per::Key, routes: Vec::new() }
    );
    assert_eq!(blueprint.product().headline_limit, Some(day), "the only quota");
    let prices: Vec<_> = all
        .prices
        .iter()
        .map(|price| (price.amount.currency.code(), price.interval, price.amount.minor))
        .collect();
    assert_eq!(
        prices,
        [("JPY", Interval::Month, 4000), ("USD", Interval::Month, 2900), ("USD", Interval::Year, 29000)]
    );
    assert_eq!(zero.features["support"], Feature::Text("community".to_owned()));
    assert_eq!((zero.priority, all.priority), (1, 3));
}

#[test]
fn a_plan_has_a_new_version_only_when_its_offer_changes() {
    let text = include_str!("../../../blueprints/hello/blueprint.toml");
    let digests = |text: &str| {
        let blueprint = check("b", text).unwrap_or_else(|found| panic!("{found}")).compile();
        (blueprint.digest(), blueprint.plans()[0].digest, blueprint.plans()[1].digest)
    };
    let (whole, free, pro) = digests(text);
    let change = |old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        digests(&text.replacen(old, new, 1))
    };
    assert_eq!(digests(text), (whole, free, pro));
    assert_eq!(whole.to_string().len(), 64);
    // A remark changes the text alone.
    let remark = change("# A product", "# The product");
    assert!(remark.0 != whole && (remark.1, remark.2) == (free, pro));
    // The order in which limits are named changes nothing.
    let order = change(
        "requests_per_day = 100, requests_per_second = 10",
        "requests_per_second = 10, requests_per_day = 100",
    );
    assert_eq!((order.1, order.2), (free, pro));
    let price = change("\"29.00\"", "\"30.00\"");
    assert!(price.1 == free && price.2 != pro);
    let definition = change("window = \"day\"", "window = \"hour\"");
    assert!(definition.1 != free && definition.2 != pro);
    let warnings = change("window = \"day\"", "window = \"day\"\nwarn_at = [50]");
    assert_eq!((warnings.1, warnings.2), (free, pro));
}

#[test]
fn a_route_says_what_a_request_needs_and_counts() {
    let blueprint = compiled("");
    let RouteMatch::Found(create) = blueprint.match_route("POST", "/api/jobs").unwrap() else {
        panic!("found")
    };
    assert_eq!(create.permission, blueprint.permissions().id("scraping:create"));
    let counted: Vec<_> = create.meters.iter().map(|(meter, by)| (meter.get(), by.clone())).collect();
    assert_eq!(counted, [(0, Cost::Fixed(1)), (1, Cost::Fixed(1))], "one on every meter of requests");
    assert_eq!((create.max_body, create.response_timeout), (10_000_000, Span::from_secs(30)));
    assert_eq!(create.upstream_path("/api/jobs"), "/api/jobs");

    let RouteMatch::Found(read) = blueprint.match_route("HEAD", "/api/jobs/7").unwrap() else {
        panic!("found")
    };
    assert_eq!(read.meters, [(blueprint.meter_index("calls").unwrap(), Cost::Fixed(3))]);
    assert_eq!((read.max_body, read.response_timeout), (1_000, Span::from_secs(5)));
    assert_eq!(read.upstream_path("/api/jobs/7"), "/jobs/7");
    assert_eq!(blueprint.upstream(read.upstream).unwrap().targets.len(), 2);

    let RouteMatch::Found(open) = blueprint.match_route("PURGE", "/open").unwrap() else { panic!("found") };
    assert!(open.permission.is_none() && open.meters.is_empty());

    let RouteMatch::MethodNotAllowed(allowed) = blueprint.match_route("PUT", "/api/jobs").unwrap() else {
        panic!("a method that isn't there")
    };
    assert_eq!(allowed.to_string(), "POST");
    assert!(matches!(blueprint.match_route("GET", "/nothing").unwrap(), RouteMatch::NotFound));
    assert_eq!(blueprint.match_route("GET", "/open/../api/jobs").map(drop), Err(PathError::DotSegment));
}

#[test]
fn the_hello_blueprint_is_good() {
    let directory = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../blueprints/hello");
    let blueprint = Operations::default().load(&directory).unwrap_or_else(|found| panic!("{found}"));
    assert!(blueprint.warnings().is_empty(), "{}", blueprint.warnings());
    let blueprint = blueprint.compile();
    assert_eq!(blueprint.product().key_prefix, "ak");
    assert_eq!(blueprint.plans()[1].prices[0].amount.amount(), "29.00");
    assert_eq!(
        Operations::default().load(Path::new("/nowhere")).map(drop).unwrap_err().iter().next().unwrap().code,
        "blueprint.unreadable"
    );
}

/// Checks a value against the parts of JSON Schema that the blueprint's schema uses.
fn conforms(
    schema: &serde_json::Value,
    root: &serde_json::Value,
    value: &serde_json::Value,
) -> Result<(), String> {
    use serde_json::Value;
    if let Some(reference) = schema["$ref"].as_str() {
        let found = root.pointer(reference.trim_start_matches('#')).ok_or(format!("no {reference}"))?;
        return conforms(found, root, value);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        conforms(part, root, value)?;
    }
    if let Some(choices) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array())
        && !choices.iter().any(|choice| conforms(choice, root, value).is_ok())
    {
        return Err(format!("{value} is none of {choices:?}"));
    }
    let of_type = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("unexpected type {other}"),
    };
    let typed = match &schema["type"] {
        Value::String(name) => of_type(name),
        Value::Array(names) => names.iter().any(|name| name.as_str().is_some_and(of_type)),
        _ => true,
    };
    if !typed || schema.get("const").is_some_and(|wanted| wanted != value) {
        return Err(format!("{value} is not {schema}"));
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(key), schema.get("additionalProperties")) {
            (Some(property), _) => {
                conforms(property, root, inner).map_err(|error| format!("{key}: {error}"))?;
            }
            (None, Some(Value::Bool(false))) => return Err(format!("{key} is not declared")),
            (None, Some(additional)) => {
                conforms(additional, root, inner).map_err(|error| format!("{key}: {error}"))?;
            }
            (None, None) => {}
        }
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(required).is_none() {
            return Err(format!("{required} is missing"));
        }
    }
    value.as_array().into_iter().flatten().try_for_each(|item| conforms(&schema["items"], root, item))
}

#[test]
fn the_schema_describes_the_language() {
    let schema = schema();
    let hello: serde_json::Value =
        toml::from_str(include_str!("../../../blueprints/hello/blueprint.toml")).unwrap();
    conforms(&schema, &schema, &hello).unwrap();
    let usage: serde_json::Value = toml::from_str(include_str!("usage.toml")).unwrap();
    conforms(&schema, &schema, &usage).unwrap();
    for (place, value) in [
        ("/routes/1/meter/requests", "one".into()),
        ("/routes/1/meter/tokens/reserve", "many".into()),
        ("/routes/1/meter/kilobytes/bytes", "all".into()),
        ("/plans/pro/overage/tokens_per_month/per", "lot".into()),
        ("/plans/pro/overage/tokens_per_month/USD", 1.into()),
        ("/meters/memory/aggregate", "average".into()),
        ("/limits/addresses/default", "none".into()),
    ] {
        let mut wrong = usage.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        conforms(&schema, &schema, &wrong).unwrap_err();
    }
    let billing: serde_json::Value = toml::from_str(include_str!("billing.toml")).unwrap();
    conforms(&schema, &schema, &billing).unwrap();
    for (place, value) in [
        ("/billing/anchor", "move".into()),
        ("/billing/taxes/vat/percent", 7.into()),
        ("/plans/pro/seats/included", "three".into()),
        ("/plans/pro/seats/JPY", "750".into()),
        ("/plans/pro/minimum/USD", 100.into()),
        ("/plans/pro/usage/tokens/USD", 1.into()),
        ("/plans/pro/usage/sales/model", "flat".into()),
        ("/plans/scale/usage/tokens/tiers/0/up_to", "5".into()),
        ("/addons/analytics/most", "many".into()),
    ] {
        let mut wrong = billing.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        conforms(&schema, &schema, &wrong).unwrap_err();
    }
    let mut wrong = hello.clone();
    wrong["product"]["nam"] = "x".into();
    assert!(conforms(&schema, &schema, &wrong).unwrap_err().contains("nam is not declared"));
    let mut wrong = hello;
    wrong["limits"]["requests_per_day"]["window"] = "year".into();
    conforms(&schema, &schema, &wrong).unwrap_err();

    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["title"], "Insula blueprint");
    assert_eq!(schema["required"], serde_json::json!(["product"]));
    let kind = &schema["definitions"]["Limit"]["properties"]["kind"];
    assert_eq!(
        kind["allOf"],
        serde_json::json!([{ "$ref": "#/definitions/Kind" }]),
        "beside its description"
    );
    let route = &schema["definitions"]["Route"];
    assert_eq!(route["additionalProperties"], false);
    assert_eq!(route["required"], serde_json::json!(["match"]));
    assert!(route["properties"]["match"]["description"].as_str().unwrap().contains("Method and path"));
    let text = schema.to_string();
    assert!(!text.contains("\"null\"") && !text.contains("Raw"), "nothing TOML can't say, no inner names");
    undescribed(&schema["definitions"]);
}

/// Every key that can be written is described, so that editors can explain it.
fn undescribed(definitions: &serde_json::Value) {
    for (name, definition) in definitions.as_object().into_iter().flatten() {
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{key} has no description: {property}");
        }
    }
}

#[test]
fn sets_of_one_blueprint_can_be_told_by_their_names() {
    let blueprint = compiled("");
    let permissions = blueprint.permissions();
    let every: PermissionSet = permissions.iter().map(|(_, id)| id).collect();
    assert_eq!(permissions.names_of(every).len(), own::ALL.len() + 4);
}
