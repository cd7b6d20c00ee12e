//! What another blueprint would change, told before it is put in force.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use support::World;

fn blueprint(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
[resources]
things = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
[meters.tokens]
event = "tokens.used"
aggregate = "sum"
of = "tokens"
[limits.requests_per_day]
meter = "requests"
window = "day"
[limits.jobs]
kind = "hold"
default = 5
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 3 }}
[plans.pro]
price = {{ USD = {{ month = "29" }}, EUR = {{ year = "290" }} }}
limits = {{ requests_per_day = 1000, members = 10 }}
features = {{ reports = true, support = "mail" }}
usage = {{ tokens = {{ USD = "0.01", EUR = "0.01" }} }}
seats = {{ included = 1, USD = {{ month = "5" }}, EUR = {{ year = "50" }} }}
[plans.team]
price = {{ USD = {{ month = "99" }} }}
limits = {{ requests_per_day = 2000 }}
[addons.extra]
price = {{ USD = {{ month = "10" }} }}
plans = ["pro"]
limits = {{ requests_per_day = 500 }}
[upstreams.things]
targets = ["http://{upstream}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
meter = {{ requests = 1 }}
[[routes]]
match = "GET /reports"
upstream = "things"
permission = "things:read"
feature = "reports"
meter = {{ requests = 1 }}
[[routes]]
match = "GET /old"
upstream = "things"
permission = "things:read"
meter = {{ requests = 1 }}
"#
    )
}

/// The blueprint with these parts in the place of others.
fn changed(upstream: SocketAddr, parts: &[(&str, &str)]) -> String {
    parts.iter().fold(blueprint(upstream), |text, (before, after)| {
        assert!(text.contains(before), "{before}");
        text.replace(before, after)
    })
}

async fn plan(world: &World, source: &str) -> Json {
    let body = json!({ "source": source });
    world.post("/v1/operator/blueprint/plan", &world.operator().await, &body).await.expect(200)
}

fn usd(amount: &str) -> Json {
    json!({ "amount": amount, "currency": "USD" })
}

fn change(field: &str, before: impl Into<Json>, after: impl Into<Json>) -> Json {
    let (before, after): (Json, Json) = (before.into(), after.into());
    json!({ "field": field, "before": before, "after": after })
}

fn of<'j>(list: &'j Json, field: &str, value: &str) -> &'j Json {
    list.as_array().unwrap().iter().find(|one| one[field] == value).unwrap()
}

on_both_engines! {
    async fn the_same_blueprint_changes_nothing(store) {
        let world = World::with(store, blueprint).await;
        world.subscriber("acme", "pro").await;
        let effects = plan(&world, &blueprint(world.upstream)).await;
        assert_eq!((&effects["changed"], &effects["organizations"]), (&json!(false), &json!([])));
        assert!(effects["plans"].as_array().unwrap().iter().all(|plan| plan["change"] == "unchanged"), "{effects}");
        assert_eq!(effects["counts"]["touched"], 0);
    }

    async fn it_says_who_gains_loses_and_pays_what(store) {
        let world = World::with(store, blueprint).await;
        let pro = world.subscriber("acme", "free").await;
        world.subscriber("small", "free").await;
        world.subscriber("large", "team").await;
        let wanted = json!({ "plan": "pro", "currency": "USD", "interval": "month", "seats": 3, "add_ons": { "extra": 1 } });
        world.post(&pro.path("/subscription/change"), &pro.token, &wanted).await.expect(200);
        let next = changed(world.upstream, &[
            (r#"price = { USD = { month = "29" }, EUR = { year = "290" } }"#, r#"price = { USD = { month = "39" } }"#),
            (r#"EUR = { year = "50" } }"#, "}"),
            ("limits = { requests_per_day = 1000, members = 10 }", "limits = { requests_per_day = 500, members = 20 }"),
            (r#"features = { reports = true, support = "mail" }"#, r#"features = { api = true, support = "phone" }"#),
            (r#"tokens = { USD = "0.01", EUR = "0.01" }"#, r#"tokens = { USD = "0.02" }"#),
            (r#"5" }, }"#, r#"5" } }"#),
            ("[plans.team]\nprice = { USD = { month = \"99\" } }\nlimits = { requests_per_day = 2000 }\n", ""),
            ("[limits.jobs]\nkind = \"hold\"\ndefault = 5\n", "[limits.exports]\nkind = \"hold\"\ndefault = 2\n"),
            ("match = \"GET /old\"", "match = \"GET /new\""),
            ("feature = \"reports\"\n", "feature = \"api\"\n"),
        ]);
        let effects = plan(&world, &next).await;
        let changed = of(&effects["plans"], "key", "pro");
        assert_eq!((&changed["change"], &changed["version"], &changed["next_version"]), (&json!("changed"), &json!(1), &json!(2)));
        let price = of(&changed["fields"], "field", "prices.USD.month");
        assert_eq!(price, &change("prices.USD.month", "29.00", "39.00"));
        let gone = of(&effects["plans"], "key", "team");
        assert_eq!((&gone["change"], &gone["subscribers"]), (&json!("gone"), &json!(1)));
        let everyone = &effects["everyone"];
        assert_eq!((&everyone["limits"]["new"], &everyone["limits"]["gone"]), (&json!(["exports"]), &json!(["jobs"])));
        assert_eq!((&everyone["routes"]["new"], &everyone["routes"]["gone"]), (&json!(["GET /new"]), &json!(["GET /old"])));

        let acme = of(&effects["organizations"], "slug", "acme");
        let moved = &acme["if_moved"];
        // Two further seats and the add-on cost what they did.
        assert_eq!((&moved["before"], &moved["after"], &moved["difference"]), (&usd("49.00"), &usd("59.00"), &usd("10.00")));
        assert_eq!(moved["limits_up"], json!([change("members", 10, 20)]));
        assert_eq!(moved["limits_down"], json!([change("requests_per_day", 1500, 1000)]));
        assert_eq!((&moved["features_gained"], &moved["features_lost"]), (&json!(["api"]), &json!(["reports"])));
        of(&moved["terms"], "field", "usage.tokens.USD");
        assert_eq!(acme["at_once"]["routes_lost"], json!(["GET /reports"]));
        assert_eq!(acme["at_once"]["limits_down"], json!([change("exports", Json::Null, 2)]));
        assert_eq!(acme["at_once"]["limits_up"], json!([change("jobs", 5, Json::Null)]));
        // Nothing is known of the new limit on a plan that is gone: it is closed there.
        let large = of(&effects["organizations"], "slug", "large");
        assert_eq!((&large["plan_gone"], &large["if_moved"]), (&json!(true), &Json::Null));
        assert_eq!(large["at_once"]["limits_down"], json!([change("exports", Json::Null, 0)]));
        let counts = &effects["counts"];
        assert_eq!((&counts["touched"], &counts["would_pay_more"], &counts["immovable"]), (&json!(3), &json!(1), &json!(1)));

        // Nothing of it has happened; and once it is in force, it is as it was told.
        assert_eq!(plan(&world, &next).await, effects);
        world.post("/v1/operator/blueprint", &world.operator().await, &json!({ "source": next })).await.expect(200);
        let limits = world.get(&pro.path("/limits"), &pro.token).await.expect(200);
        assert_eq!((&of(&limits["items"], "key", "exports")["limit"], &of(&limits["items"], "key", "requests_per_day")["limit"]), (&json!(2), &json!(1500)));
        let (_, key) = world.key(&pro, &["things:read"]).await;
        world.get("/reports", &key).await.problem(402, "plan.feature_missing");
    }

    async fn a_blueprint_with_mistakes_has_no_effects(store) {
        let world = World::with(store, blueprint).await;
        let body = json!({ "source": "[product]" });
        world.post("/v1/operator/blueprint/plan", &world.operator().await, &body).await.problem(422, "blueprint.invalid");
    }
}
