//! What `insula up --demo` is to make.

mod support;

use insula_blueprint::{Operations, check};
use serde_json::json;
use support::{Mistake, assert_each_is_found, assert_each_is_found_by, found, found_by};

/// A blueprint without mistakes, in which each test puts one.
const GOOD: &str = r#"[product]
name = "Jobs"
[resources]
jobs = ["create", "read"]
[roles.reader]
permissions = ["jobs:read"]
[plans.free]
price = { USD = { month = "0" } }
limits = { api_keys = 2, projects = 1, members = 2 }
[plans.pro]
price = { USD = { month = "29" } }
[plans.custom]
self_service = false
[upstreams.jobs]
targets = ["http://127.0.0.1:7101"]
[upstreams.shop]
targets = ["http://127.0.0.1:7102"]
run = ["shop"]
[[routes]]
match = "POST /jobs"
upstream = "jobs"
[[routes]]
match = "GET /jobs/{id}"
upstream = "jobs"

[demo]
organization = "Spring Shop"
call = { request = "POST /jobs", body = { url = "http://127.0.0.1:7102/", selectors = { name = "h1" }, share = 0.50, deep = [true, 7] }, key = "crawler" }
[demo.projects.spring]
name = "Spring"
[demo.keys.crawler]
project = "spring"
environment = "production"
scopes = ["jobs:*"]
[demo.keys.reader]
[demo.members.mina]
role = "reader"
[[demo.calls]]
request = "GET /jobs/7?deep=1"
times = 20
"#;

#[test]
fn the_good_one_has_no_mistakes() {
    assert_eq!(found(GOOD), [], "not even of an upstream without routes, which is only started");
    assert_eq!(found_by(&Operations::default(), GOOD), []);
}

#[test]
fn what_is_made_is_as_it_was_written() {
    let compiled = check("blueprint.toml", GOOD).unwrap().compile();
    let demo = compiled.demo();
    assert_eq!((demo.organization.as_str(), demo.plan), ("Spring Shop", None));
    let call = demo.call.as_ref().unwrap();
    assert_eq!(
        (call.method.as_str(), call.target.as_str(), call.key.as_deref()),
        ("POST", "/jobs", Some("crawler"))
    );
    let body = json!({
        "url": "http://127.0.0.1:7102/", "selectors": { "name": "h1" }, "share": 0.5, "deep": [true, 7],
    });
    assert_eq!(call.body, Some(body));
    let keys: Vec<_> =
        demo.keys.iter().map(|key| (key.name.as_str(), key.environment, key.project.as_deref())).collect();
    assert_eq!(keys, [("crawler", "production", Some("spring")), ("reader", "development", None)]);
    assert_eq!(
        (demo.calls.len(), demo.calls[0].1, demo.calls[0].0.target.as_str()),
        (1, 20, "/jobs/7?deep=1")
    );
    assert_eq!((demo.members[0].name.as_str(), demo.members[0].role.as_str()), ("mina", "reader"));
    let nothing = check("blueprint.toml", GOOD.split_once("[demo]").unwrap().0).unwrap().compile();
    assert_eq!((nothing.demo().organization.as_str(), nothing.demo().keys.len()), ("Demo", 0));
}

const MISTAKES: &[Mistake] = &[
    ("organization = \"Spring Shop\"", "organization = »\"\"", "invalid_name"),
    ("organization = \"Spring Shop\"", "plan = »\"fre\"", "unknown_plan"),
    ("organization = \"Spring Shop\"", "plan = »\"custom\"", "default_plan"),
    ("request = \"POST /jobs\"", "request = »\"PUT /jobs\"", "unknown_route"),
    ("request = \"POST /jobs\"", "request = »\"POST /shop\"", "unknown_route"),
    ("request = \"POST /jobs\"", "request = »\"/jobs\"", "demo"),
    ("request = \"POST /jobs\"", "request = »\"POST /jobs a\"", "demo"),
    ("key = \"crawler\"", "key = »\"crawlers\"", "demo"),
    ("[demo.projects.spring]", "[demo.projects.»\"Spring Market\"]\n[demo.projects.spring]", "invalid_name"),
    ("[demo.projects.spring]", "[demo.projects.autumn]\n[demo.projects.»spring]", "demo"),
    ("project = \"spring\"", "project = »\"sprnig\"", "demo"),
    ("environment = \"production\"", "environment = »\"live\"", "unknown_value"),
    ("scopes = [\"jobs:*\"]", "scopes = [»\"jobs:craete\"]", "unknown_permission"),
    ("[demo.keys.reader]", "[demo.keys.reader]\n[demo.keys.»third]", "demo"),
    ("role = \"reader\"", "role = »\"raeder\"", "unknown_role"),
    ("role = \"reader\"", "role = \"reader\"\n[demo.members.»two]\nrole = \"reader\"", "demo"),
    ("times = 20", "times = »2000", "number_range"),
    ("GET /jobs/7?deep=1", "GET /jobs", "unknown_route"),
    ("share = 0.50", "share = »nan", "wrong_type"),
];

#[test]
fn what_can_not_be_made_is_found_where_it_is() {
    let (invalid, others): (Vec<_>, Vec<_>) =
        MISTAKES.iter().copied().partition(|(_, new, _)| new.contains("Market"));
    assert_each_is_found(GOOD, &others);
    // A larger plan has room for another project, of which only the name is wrong then.
    let roomy = GOOD.replace("organization = ", "plan = \"pro\"\norganization = ");
    assert_each_is_found_by(&Operations::default(), &roomy, &invalid);
}
