//! Plans of an organization's own: asked for, quoted, accepted.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::{TestStore, on_both_engines};
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use support::{Organization, Reply, World};

fn blueprint(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
[billing]
seller = "Test Inc."
grace = "1h"
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
[limits.requests_per_address]
kind = "rate"
window = "second"
per = "address"
default = 100000
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 3 }}
[plans.pro]
price = {{ USD = {{ month = "29", year = "290" }} }}
limits = {{ requests_per_day = 5 }}
usage = {{ tokens = {{ USD = "0.01" }} }}
[plans.enterprise]
title = "Enterprise"
self_service = false
limits = {{ requests_per_day = "unlimited", members = 500 }}
features = {{ sso = true, support = "phone" }}
[addons.reports]
price = {{ USD = {{ month = "10" }} }}
plans = ["pro"]
limits = {{ requests_per_day = 3 }}
[upstreams.things]
targets = ["http://{upstream}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
meter = {{ requests = 1 }}
"#
    )
}

/// An organization that negotiates, and the operator.
struct Table {
    world: World,
    org: Organization,
    operator: String,
}

impl Table {
    async fn set(store: TestStore, plan: &str) -> Self {
        let world = World::with(store, blueprint).await;
        let (operator, org) = (world.operator().await, world.subscriber("acme", plan).await);
        let table = Self { world, org, operator };
        let later = later(&table.now().await, 60);
        table.advance(&later).await;
        table
    }

    async fn get(&self, path: &str) -> Json {
        self.world.get(&self.org.path(path), &self.org.token).await.expect(200)
    }

    async fn post(&self, path: &str, body: Json) -> Reply {
        self.world.post(&self.org.path(path), &self.org.token, &body).await
    }

    async fn operate(&self, path: &str, body: Json) -> Reply {
        self.world.post(&format!("/v1/operator{path}"), &self.operator, &body).await
    }

    async fn subscription(&self) -> Json {
        self.get("/subscription").await
    }

    async fn now(&self) -> String {
        self.subscription().await["test_clock"].as_str().unwrap().to_owned()
    }

    async fn advance(&self, to: &str) {
        self.operate("/clock", json!({ "org": self.org.slug, "advance_to": to })).await.expect(200);
    }

    /// An offer that was asked for: its id.
    async fn ask(&self, plan: &str) -> String {
        let asked =
            self.post("/offers", json!({ "plan": plan, "message": "For 200 people" })).await.expect(201);
        assert_eq!((&asked["status"], &asked["terms"]), (&json!("requested"), &Json::Null));
        asked["id"].as_str().unwrap().to_owned()
    }

    async fn quote(&self, id: &str, quote: Json) -> Reply {
        self.operate(&format!("/offers/{id}/quote"), quote).await
    }

    async fn accept(&self, id: &str, body: Json) -> Reply {
        self.post(&format!("/offers/{id}/accept"), body).await
    }

    /// The last invoice, with its lines.
    async fn last_invoice(&self) -> Json {
        let listed = self.get("/invoices").await;
        let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
        self.get(&format!("/invoices/{id}")).await
    }

    async fn limit(&self, name: &str) -> Json {
        let limits = self.get("/limits").await;
        limits["items"].as_array().unwrap().iter().find(|limit| limit["key"] == name).unwrap()["limit"]
            .clone()
    }
}

fn later(instant: &str, seconds: i64) -> String {
    let instant: insula_kernel::Instant = instant.parse().unwrap();
    (instant + insula_kernel::Span::from_secs(seconds)).to_string()
}

fn usd(amount: &str) -> Json {
    json!({ "amount": amount, "currency": "USD" })
}

const DAY: i64 = 86_400;

/// A quote that is good until this instant, with other fields besides.
fn quote(until: &str, more: Json) -> Json {
    let mut quote =
        json!({ "currency": "USD", "interval": "month", "price": usd("500.00"), "expires_at": until });
    let Json::Object(more) = more else { panic!("fields of a quote") };
    quote.as_object_mut().unwrap().extend(more);
    quote
}

/// Pointers and codes of everything that is wrong.
fn mistakes(reply: &Reply) -> Vec<(String, String)> {
    let problem = reply.problem(422, "request.invalid");
    let text = |field: &Json, name: &str| field[name].as_str().unwrap().to_owned();
    problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(one, "pointer"), text(one, "code")))
        .collect()
}

on_both_engines! {
    async fn what_was_quoted_is_what_is_accepted(store) {
        let table = Table::set(store, "free").await;
        let id = table.ask("enterprise").await;
        table.accept(&id, json!({})).await.problem(409, "offer.not_open");
        let waiting = table.world.get("/v1/operator/offers?status=requested", &table.operator).await.expect(200);
        assert_eq!((&waiting["items"][0]["id"], &waiting["items"][0]["message"]), (&json!(id), &json!("For 200 people")));
        let until = later(&table.now().await, 7 * DAY);
        let terms = json!({
            "limits": { "requests_per_day": 4, "members": null },
            "features": { "support": "dedicated" },
            "usage": { "tokens": { "model": "graduated", "tiers": [{ "up_to": 5, "unit": { "USD": "1" } }, { "unit": { "USD": "0.50" } }] } },
            "overage": { "requests_per_day": { "USD": "0.10", "per": 10 } },
            "minimum": usd("600.00"),
        });
        let offered = table.quote(&id, quote(&until, terms)).await.expect(200);
        assert_eq!((&offered["status"], &offered["terms"]["price"]), (&json!("offered"), &usd("500.00")));
        assert_eq!((&offered["terms"]["title"], &offered["terms"]["minimum"]), (&json!("Enterprise"), &usd("600.00")));
        assert_eq!(offered["terms"]["features"], json!({ "sso": true, "support": "dedicated" }));
        table.quote(&id, quote(&until, json!({}))).await.problem(409, "offer.not_open");
        let listed = table.get("/offers").await;
        assert_eq!(listed["items"][0], offered);

        let accepted = table.accept(&id, json!({})).await.expect(200);
        let plan = offered["terms"]["plan"].as_str().unwrap();
        assert_eq!((&accepted["offer"]["status"], &accepted["subscription"]["plan"]), (&json!("accepted"), &json!(plan)));
        assert_eq!(accepted["subscription"]["plan_version"], 1);
        let line = &table.last_invoice().await["lines"][0];
        assert_eq!(line["description"], "Enterprise, per month");
        assert_eq!((table.limit("requests_per_day").await, table.limit("members").await), (json!(4), Json::Null));
        table.accept(&id, json!({})).await.problem(409, "offer.not_open");
        table.post(&format!("/offers/{id}/decline"), json!(null)).await.problem(409, "offer.not_open");
        // The same after a restart, and another blueprint leaves it alone.
        let mut table = table;
        table.world.restart().await;
        assert_eq!(table.limit("requests_per_day").await, json!(4));
    }

    async fn an_accepted_offer_is_of_one_organization_alone(store) {
        let table = Table::set(store, "free").await;
        let until = later(&table.now().await, DAY);
        let offer = json!({ "plan": "pro", "message": "Stay", "quote": quote(&until, json!({ "price": usd("1.00") })) });
        let made = table.operate("/orgs/acme/offers", offer).await.expect(201);
        let (id, plan) = (made["id"].as_str().unwrap(), made["terms"]["plan"].as_str().unwrap());
        let other = table.world.subscriber("other", "free").await;
        let steal = async |plan: &str| {
            let path = other.path("/subscription/change");
            mistakes(&table.world.post(&path, &other.token, &json!({ "plan": plan })).await)
        };
        let unknown = vec![("/plan".to_owned(), "unknown".to_owned())];
        assert_eq!(steal(plan).await, unknown);
        // Nor by itself, before it was accepted or after it was left.
        assert_eq!(mistakes(&table.post("/subscription/change", json!({ "plan": plan })).await), unknown);
        table.accept(id, json!({ "when": "now" })).await.expect(200);
        assert_eq!(steal(plan).await, unknown);
        let strange = other.path(&format!("/offers/{id}/accept"));
        table.world.post(&strange, &other.token, &json!({})).await.problem(404, "not_found");
        table.world.post(&other.path(&format!("/offers/{id}/decline")), &other.token, &Json::Null).await.problem(404, "not_found");
        assert_eq!(table.world.get(&other.path("/offers"), &other.token).await.expect(200)["items"], json!([]));
        let later = later(&table.now().await, 60);
        table.advance(&later).await;
        table.post("/subscription/change", json!({ "plan": "free", "when": "now" })).await.expect(200);
        let again = mistakes(&table.post("/subscription/change", json!({ "plan": plan })).await);
        assert_eq!(again, [("/plan".to_owned(), "by_offer".to_owned())]);
    }

    async fn what_is_taken_besides_the_plan_stays(store) {
        let table = Table::set(store, "pro").await;
        table.post("/subscription/change", json!({ "add_ons": { "reports": 1 } })).await.expect(200);
        let until = later(&table.now().await, DAY);
        let offer = json!({ "plan": "pro", "quote": quote(&until, json!({ "title": "Pro for Acme", "limits": { "requests_per_day": 50 } })) });
        let made = table.operate("/orgs/acme/offers", offer).await.expect(201);
        assert_eq!(made["terms"]["usage"]["tokens"], json!({ "model": "unit", "unit": "0.01" }));
        let later = later(&table.now().await, 60);
        table.advance(&later).await;
        let accepted = table.accept(made["id"].as_str().unwrap(), json!({ "when": "now" })).await.expect(200);
        assert_eq!(accepted["subscription"]["add_ons"], json!({ "reports": 1 }));
        assert_eq!(table.limit("requests_per_day").await, json!(53));
    }

    async fn an_offer_waits_for_the_period_to_end_if_asked(store) {
        let table = Table::set(store, "pro").await;
        let until = later(&table.now().await, DAY);
        let id = table.ask("pro").await;
        let offered = table.quote(&id, quote(&until, json!({ "price": usd("20.00") }))).await.expect(200);
        // It is less than what is paid, so it isn't taken back what was paid for.
        let accepted = table.accept(&id, json!({})).await.expect(200);
        let pending = &accepted["subscription"]["pending"];
        assert_eq!((&accepted["subscription"]["plan"], &pending["plan"]), (&json!("pro"), &offered["terms"]["plan"]));
        table.advance(&later(pending["at"].as_str().unwrap(), 2 * 3_600)).await;
        assert_eq!(table.subscription().await["plan"], offered["terms"]["plan"]);
        assert_eq!(table.last_invoice().await["total"], usd("20.00"));
    }

    async fn a_trial_that_was_offered_costs_nothing_until_it_is_over(store) {
        let table = Table::set(store, "pro").await;
        let until = later(&table.now().await, DAY);
        let id = table.ask("enterprise").await;
        table.quote(&id, quote(&until, json!({ "trial_days": 10 }))).await.expect(200);
        let late = table.accept(&id, json!({ "when": "period_end" })).await;
        assert_eq!(mistakes(&late), [("/when".to_owned(), "begins_with_trial".to_owned())]);
        let begun = table.accept(&id, json!({})).await.expect(200)["subscription"].clone();
        assert_eq!(begun["status"], "trialing");
        // Nearly all of the month that was paid for is given back.
        let balance = table.get("/billing-profile").await["balance"]["amount"].as_str().unwrap().to_owned();
        assert!(balance.starts_with("28.") || balance == "29.00", "{balance}");
        table.advance(&later(begun["trial_end"].as_str().unwrap(), 2 * 3_600)).await;
        assert_eq!(table.subscription().await["status"], "active");
        let invoice = table.last_invoice().await;
        assert_eq!((&invoice["reason"], &invoice["subtotal"]), (&json!("start"), &usd("500.00")));
        assert_eq!(invoice["balance_used"]["amount"], json!(balance));
    }

    async fn offers_end(store) {
        let table = Table::set(store, "free").await;
        let until = later(&table.now().await, DAY);
        let [late, declined, withdrawn, taken_back] =
            [table.ask("pro").await, table.ask("pro").await, table.ask("pro").await, table.ask("pro").await];
        for id in [&late, &declined, &withdrawn] {
            table.quote(id, quote(&until, json!({}))).await.expect(200);
        }
        table.post(&format!("/offers/{taken_back}/decline"), json!(null)).await.expect(200);
        table.quote(&taken_back, quote(&until, json!({}))).await.problem(409, "offer.not_open");
        let answer = table.post(&format!("/offers/{declined}/decline"), json!(null)).await.expect(200);
        assert_eq!(answer["status"], "declined");
        let answer = table.operate(&format!("/offers/{withdrawn}/withdraw"), json!(null)).await.expect(200);
        assert_eq!(answer["status"], "withdrawn");
        table.operate(&format!("/offers/{declined}/withdraw"), json!(null)).await.problem(409, "offer.not_open");
        for id in [&declined, &withdrawn, &taken_back] {
            table.accept(id, json!({})).await.problem(409, "offer.not_open");
        }
        table.advance(&until).await;
        table.accept(&late, json!({})).await.problem(409, "offer.expired");
        assert_eq!(table.subscription().await["plan"], "free");
        for _ in 0..19 {
            table.ask("pro").await;
        }
        table.post("/offers", json!({ "plan": "pro" })).await.problem(409, "offer.too_many");
    }

    async fn quotes_that_can_not_be(store) {
        let table = Table::set(store, "free").await;
        mistakes(&table.post("/offers", json!({ "plan": "gold" })).await);
        mistakes(&table.post("/offers", json!({ "plan": "pro", "message": "x".repeat(2_001) })).await);
        let (id, now) = (table.ask("pro").await, table.now().await);
        let until = later(&now, DAY);
        for (more, pointer, code) in [
            (json!({ "expires_at": now }), "/expires_at", "past"),
            (json!({ "price": usd("-1.00") }), "/price/amount", "negative"),
            (json!({ "price": { "amount": "1.00", "currency": "EUR" } }), "/price/currency", "mismatch"),
            (json!({ "limits": { "nothing": 1 } }), "/limits/nothing", "unknown"),
            (json!({ "limits": { "requests_per_address": 1 } }), "/limits/requests_per_address", "not_by_plan"),
            (json!({ "features": { "sso": [] } }), "/features/sso", "wrong_type"),
            (json!({ "features": { "analytics_retention": "always" } }), "/features/analytics_retention", "malformed"),
            (json!({ "features": { "analytics_retention": 30 } }), "/features/analytics_retention", "malformed"),
            (json!({ "usage": { "nothing": { "USD": "1" } } }), "/usage/nothing", "unknown"),
            (json!({ "usage": { "tokens": { "USD": "many" } } }), "/usage/tokens/USD", "malformed"),
            (json!({ "overage": { "members": { "USD": "1" } } }), "/overage/members", "unknown"),
            (json!({ "usage": { "requests": { "USD": "1" } }, "overage": { "requests_per_day": { "USD": "1" } } }), "/usage/requests", "priced_twice"),
            (json!({ "trial_days": 0 }), "/trial_days", "out_of_range"),
            (json!({ "title": " " }), "/title", "length"),
            // Tokens cost something in dollars; in euros that mustn't come to nothing unsaid.
            (json!({ "currency": "EUR", "price": { "amount": "1.00", "currency": "EUR" } }), "/usage/tokens", "required"),
        ] {
            let wrong = mistakes(&table.quote(&id, quote(&until, more)).await);
            assert_eq!(wrong, [(pointer.to_owned(), code.to_owned())]);
        }
        let euros = json!({ "currency": "EUR", "price": { "amount": "1.00", "currency": "EUR" }, "usage": { "tokens": null } });
        let offered = table.quote(&id, quote(&until, euros)).await.expect(200);
        assert_eq!((&offered["terms"]["usage"], &offered["terms"]["price"]["currency"]), (&json!({}), &json!("EUR")));
        table.quote("off_00000000000000000000000000", quote(&until, json!({}))).await.problem(404, "not_found");
    }
}
