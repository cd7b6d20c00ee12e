//! Routes to Insula's own operations, and routes that nothing reaches.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_blueprint::{CallSegment, Compiled, Filler, Operations, RouteMatch};
use serde_json::{Value as Json, json};
use support::{Mistake, assert_each_is_found, assert_each_is_found_by, found, found_by};

/// A blueprint without mistakes, in which each test puts one.
const GOOD: &str = r#"[product]
name = "Jobs"
[plans.free]
price = { USD = { month = "0" } }
limits = { per_minute = 10 }
[limits.per_minute]
kind = "rate"
window = "minute"
routes = ["GET /jobs"]
[upstreams.jobs]
targets = ["http://127.0.0.1:7101"]

[[routes]]
match = "POST /admin/tenants/{id}"
api = "updateTenantOf"
params = { org = "$path.id", note = "$query.why" }
body = { name = "$.company", "owner.email" = "$.mail", plan = "free" }
response = { tenant_id = "$.id", "owner.mail" = "$.owner.email", ok = true }

[[routes]]
match = "GET /jobs"
upstream = "jobs"

[[routes]]
match = "GET /projects/{project}"
api = "getProject"
[[routes]]
match = "DELETE /projects/{project}"
api = "archiveProject"
"#;

fn operations() -> Operations {
    let parameter = |place: &str, name: &str| json!({ "in": place, "name": name });
    let json = |schema: Json| json!({ "content": { "application/json": { "schema": schema } } });
    let project = |id: &str, status: &str, reply: &Json| {
        let parameters = [parameter("path", "org"), parameter("path", "project"), parameter("query", "deep")];
        json!({ "operationId": id, "parameters": parameters, "responses": { status: reply } })
    };
    let tenant = json!({ "$ref": "#/components/schemas/Tenant" });
    Operations::of_openapi(&json!({
        "paths": {
            "/v1/operator/orgs/{org}": { "patch": {
                "operationId": "updateTenantOf",
                "parameters": [parameter("path", "org"), parameter("query", "note"), parameter("header", "Idempotency-Key")],
                "requestBody": json(tenant.clone()),
                "responses": { "200": json(tenant.clone()), "default": {} },
            }},
            "/v1/orgs/{org}/projects/{project}": {
                "get": project("getProject", "200", &json(tenant)),
                "delete": project("archiveProject", "204", &json!({})),
            },
        },
        "components": { "schemas": {
            "Tenant": {
                "type": "object",
                "required": ["name", "owner"],
                "additionalProperties": false,
                "properties": {
                    "id": {}, "name": {}, "plan": {}, "settings": { "type": "object" },
                    "owner": { "anyOf": [{ "$ref": "#/components/schemas/Person" }, { "type": "null" }] },
                },
            },
            "Person": { "type": "object", "properties": { "email": {} } },
        }},
    }))
}

fn compiled() -> Compiled {
    operations().check("blueprint.toml", GOOD).unwrap().compile()
}

fn call<'c>(compiled: &'c Compiled, method: &str, path: &str) -> &'c insula_blueprint::Call {
    match compiled.match_route(method, path).unwrap() {
        RouteMatch::Call(call) => call,
        other => panic!("{method} {path} leads to {other:?}"),
    }
}

#[test]
fn the_good_one_has_no_mistakes() {
    assert_eq!(found_by(&operations(), GOOD), []);
}

#[test]
fn a_call_knows_what_each_parameter_and_field_is() {
    let compiled = compiled();
    let update = call(&compiled, "POST", "/admin/tenants/acme");
    assert_eq!((update.operation.as_str(), update.method.as_str()), ("updateTenantOf", "PATCH"));
    let filled = update.path.iter().filter_map(|segment| match segment {
        CallSegment::Filled(filler) => Some(filler.clone()),
        CallSegment::Literal(_) => None,
    });
    assert_eq!(filled.collect::<Vec<_>>(), [Filler::Segment(2)]);
    assert_eq!(update.query, [("note".to_owned(), Filler::Query("why".to_owned()))]);
    // Neither goes on under its own name: the one was read, the other is set.
    assert_eq!(update.taken.iter().collect::<Vec<_>>(), ["note", "why"]);
    assert_eq!((update.body.as_ref().unwrap().len(), update.response.as_ref().unwrap().len()), (3, 3));
    let read = call(&compiled, "HEAD", "/projects/7");
    let filled = [CallSegment::Filled(Filler::Organization), CallSegment::Filled(Filler::Segment(1))];
    assert_eq!(format!("{:?}", [&read.path[2], &read.path[4]]), format!("{:?}", filled.each_ref()));
    let RouteMatch::Found(route) = compiled.match_route("GET", "/jobs").unwrap() else {
        panic!("an upstream")
    };
    let (_, rate) = compiled.indexed_limits().find(|(_, limit)| limit.name == "per_minute").unwrap();
    assert!(format!("{:?}", rate.kind).contains(&format!("{:?}", [route.index])), "{:?}", rate.kind);
}

const MISTAKES: &[Mistake] = &[
    ("api = \"updateTenantOf\"", "api = »\"updateTenantsOf\"", "unknown_operation"),
    ("api = \"updateTenantOf\"\n", "api = \"updateTenantOf\"\nupstream = »\"jobs\"\n", "route_api"),
    ("api = \"updateTenantOf\"\n", "api = \"updateTenantOf\"\npermission = »\"org:read\"\n", "route_api"),
    ("api = \"updateTenantOf\"\n", "api = \"updateTenantOf\"\nupgrade = »\"websocket\"\n", "route_api"),
    ("api = \"updateTenantOf\"\n", "api = »\"updateTenantOf\"\nmeter = {}\n", "route_api"),
    ("api = \"updateTenantOf\"\n", "api = »\"updateTenantOf\"\ntimeout = \"5s\"\n", "route_api"),
    ("\"POST /admin/tenants/{id}", "»\"* /admin/tenants/{id}", "route_method"),
    ("\"POST /admin/tenants/{id}", "»\"GET /admin/tenants/{id}", "route_method"),
    ("org = \"$path.id\"", "»orgg = \"$path.id\"", "unknown_param"),
    ("org = \"$path.id\", ", "", "missing_param"),
    ("org = \"$path.id\"", "org = »\"$path.tenant\"", "unknown_segment"),
    ("org = \"$path.id\"", "org = »\"$.id\"", "pointer"),
    ("org = \"$path.id\"", "org = »\"$paths.id\"", "pointer"),
    ("org = \"$path.id\"", "org = »\"\"", "pointer"),
    ("org = \"$path.id\"", "org = »[\"a\"]", "pointer"),
    ("org = \"$path.id\"", "org = »1.5", "wrong_type"),
    ("{ name = \"$.company\"", "{ nmae = 1, name = \"$.company\"", "unknown_field"),
    ("name = \"$.company\", ", "", "missing_field"),
    ("\"owner.email\"", "»\"owner.phone\"", "unknown_field"),
    ("\"owner.email\"", "\"settings.any\" = 1, \"owner.email\"", ""),
    ("plan = \"free\" }", "plan = \"free\", »owner = \"$.owner\" }", "duplicate"),
    ("plan = \"free\" }", "plan = \"free\", »\"a b\" = 1 }", "pointer"),
    ("\"$.owner.email\"", "»\"$.owner.mail\"", "unknown_field"),
    ("ok = true", "ok = »\"$org\"", "pointer"),
    ("api = \"getProject\"", "api = \"getProject\"\nbody = »{ a = 1 }", "route_api"),
    ("api = \"archiveProject\"", "api = \"archiveProject\"\nresponse = »{ a = 1 }", "route_api"),
    ("GET /projects/{project}", "GET /projects/{*project}", "missing_param"),
    ("routes = [\"GET /jobs\"]", "routes = [»\"GET /projects/{project}\"]", "limit_shape"),
    ("upstream = \"jobs\"", "upstream = \"jobs\"\nparams = »{ a = 1 }", "route_api"),
    ("match = \"GET /jobs\"\nupstream = \"jobs\"", "match = \"GET /jobs\"", "missing_key"),
    ("match = \"GET /jobs\"\nupstream", "match = \"GET /jobs\"\n»usptream", "unknown_key"),
];

#[test]
fn mistakes_in_calls_are_found_where_they_are() {
    let (wrong, right): (Vec<_>, Vec<_>) =
        MISTAKES.iter().copied().partition(|(_, _, code)| !code.is_empty());
    assert_each_is_found_by(&operations(), GOOD, &wrong);
    for (old, new, _) in right {
        assert_eq!(found_by(&operations(), &GOOD.replacen(old, new, 1)), [], "{new}");
    }
}

#[test]
fn an_operation_that_is_misspelt_is_named() {
    let text = GOOD.replace("getProject", "getProjects");
    let mistakes = operations().check("blueprint.toml", &text).unwrap_err();
    assert_eq!(mistakes.iter().next().unwrap().help, "did you mean `getProject`?");
}

/// The good blueprint with these routes instead.
fn with_routes(routes: &[&str]) -> String {
    let routes: String = routes
        .iter()
        .map(|route| format!("[[routes]]\nmatch = \"{route}\"\nupstream = \"jobs\"\n"))
        .collect();
    let (head, _) = GOOD.split_once("[[routes]]").unwrap();
    head.replace("routes = [\"GET /jobs\"]\n", "") + &routes
}

/// What is found in a blueprint with these routes: its code, and of which route.
fn of_routes(routes: &[&str]) -> Vec<(String, String)> {
    let text = with_routes(routes);
    let line = |at: usize| text.lines().nth(at - 1).unwrap().replace("match = ", "").replace('"', "");
    let found = found(&text).into_iter();
    found.map(|(code, at, _)| (code.replace("blueprint.", ""), line(at))).collect()
}

#[test]
fn where_there_are_no_operations_none_is_known() {
    let api = ("upstream = \"jobs\"", "api = »\"getProject\"", "unknown_operation");
    assert_each_is_found(&with_routes(&["GET /projects/{project}"]), &[api]);
}

#[test]
fn a_route_that_no_request_reaches_is_a_mistake() {
    let unreachable = |pattern: &str| vec![("route_unreachable".to_owned(), pattern.to_owned())];
    assert_eq!(of_routes(&["GET /a/{*rest}", "GET /a", "GET /a/{x}/{*rest}"]), unreachable("GET /a/{*rest}"));
    assert_eq!(of_routes(&["GET /a/{*rest}", "* /a", "* /a/{x}/{*rest}"]), unreachable("GET /a/{*rest}"));
    let steps = ["POST /a/{*rest}", "POST /a", "POST /a/{x}", "* /a/{x}/{y}/{*rest}"];
    assert_eq!(of_routes(&steps), unreachable("POST /a/{*rest}"));
    // Each of these has requests of its own: another method, one segment, none.
    assert_eq!(of_routes(&["* /a/{*rest}", "GET /a", "GET /a/{x}/{*rest}"]), []);
    assert_eq!(of_routes(&["GET /a/{*rest}", "GET /a/{x}/{*rest}"]), []);
    assert_eq!(of_routes(&["GET /a/{*rest}", "GET /a", "GET /a/b/{*rest}"]), []);
    assert_eq!(of_routes(&["GET /a/{*rest}", "GET /a", "GET /a/{x}", "* /{*rest}"]), []);
}

#[test]
fn routes_that_insula_stands_before_on_a_bare_address_are_named() {
    let shadowed = |pattern: &str| vec![("route_shadowed".to_owned(), pattern.to_owned())];
    let behind =
        ["GET /", "* /v1/x", "GET /console/{*rest}", "GET /healthz", "GET /readyz", "GET /.well-known/x"];
    for route in behind {
        assert_eq!(of_routes(&[route]), shadowed(route));
    }
    for free in ["GET /healthz/deep", "GET /{*rest}", "GET /{x}", "GET /v10", "GET /api/v1"] {
        assert_eq!(of_routes(&[free]), [], "{free}");
    }
}

#[test]
fn methods_that_are_never_served_are_refused() {
    for method in ["CONNECT", "TRACE", "BREW"] {
        let route = format!("{method} /a");
        assert_eq!(of_routes(&[&route]), [("route_pattern".to_owned(), route.clone())]);
    }
}
