//! What is offered, as everyone is shown it.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use support::World;

fn blueprint(upstream: SocketAddr) -> String {
    let offers = r#"
[meters.tokens]
event = "tokens.used"
aggregate = "sum"
of = "tokens"
unit = "token"
[plans.pro_plus]
title = "Professional"
description = "For teams"
price = { USD = { month = "29", quarter = "80" } }
seats = { included = 2, limit = "members", USD = { month = "5", quarter = "14" } }
minimum = { USD = "100" }
limits = { requests_per_day = 10, requests_per_second = 10 }
overage = { requests_per_day = { USD = "0.005", per = 10 } }
usage = { tokens = { USD = "0.00002", included = 1000 } }
trial_days = 14
after_trial = "free"
[addons.priority_support]
price = { USD = { month = "199", quarter = "500" } }
plans = ["pro_plus"]
limits = { members = 1 }
features = { priority_support = true }
most = 3
[upstreams.things]
"#;
    support::blueprint(upstream).replace("[upstreams.things]\n", offers)
}

fn usd(amount: &str) -> Json {
    json!({ "amount": amount, "currency": "USD" })
}

on_both_engines! {
    async fn plans_say_what_they_cost_and_what_can_be_had_beside_them(store) {
        let world = World::with(store, blueprint).await;
        let plans = world.send("GET", "/v1/plans", &[], None).await.expect(200);
        let plan = |key: &str| -> Json {
            plans["items"].as_array().unwrap().iter().find(|plan| plan["key"] == key).unwrap().clone()
        };
        let free = plan("free");
        assert_eq!((&free["name"], &free["is_default"]), (&json!("Free"), &json!(true)));
        for nothing in ["description", "seats", "trial"] {
            assert_eq!(free[nothing], Json::Null, "{nothing}");
        }
        for nothing in ["minimum", "usage", "overage", "addons"] {
            assert_eq!(free[nothing], json!([]), "{nothing}");
        }
        let pro = plan("pro_plus");
        assert_eq!((&pro["name"], &pro["description"]), (&json!("Professional"), &json!("For teams")));
        assert_eq!(pro["prices"][1], json!({ "interval": "quarter", "price": usd("80.00") }));
        let seats = json!({
            "included": 2,
            "limit": "members",
            "prices": [
                { "interval": "month", "price": usd("5.00") },
                { "interval": "quarter", "price": usd("14.00") },
            ],
        });
        assert_eq!((&pro["seats"], &pro["minimum"]), (&seats, &json!([usd("100.00")])));
        assert_eq!(pro["trial"], json!({ "days": 14, "then": "free" }));
        let price = json!({ "model": "unit", "unit": "0.00002", "included": "1000" });
        let tokens = json!({ "meter": "tokens", "unit": "token", "prices": [{ "currency": "USD", "price": price }] });
        assert_eq!(pro["usage"], json!([tokens]));
        let beyond = json!({ "limit": "requests_per_day", "per": 10, "prices": [usd("0.005")] });
        assert_eq!(pro["overage"], json!([beyond]));
        let [add_on] = &pro["addons"].as_array().unwrap()[..] else { panic!("one add-on") };
        assert_eq!((&add_on["key"], &add_on["name"]), (&json!("priority_support"), &json!("Priority support")));
        assert_eq!((&add_on["limits"], &add_on["most"]), (&json!({ "members": 1 }), &json!(3)));
        assert_eq!(add_on["features"], json!({ "priority_support": true }));
    }
}
