//! What organizations are charged, through the whole installation and in their own time.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{Env, ManualClock, Span, SystemRng};
use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::{net::SocketAddr, sync::Arc};
use support::{Organization, Reply, World, signup};

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
[meters.seconds]
event = "job.finished"
aggregate = "sum"
of = "seconds"
scale = 3
unit = "second"
[limits.requests_per_day]
meter = "requests"
window = "day"
on_exceed = "bill"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 100 }}
[plans.pro]
title = "Pro"
price = {{ USD = {{ month = "29", year = "290" }} }}
limits = {{ requests_per_day = 5, members = 10 }}
overage = {{ requests_per_day = {{ USD = "0.01" }} }}
usage = {{ seconds = {{ USD = "0.10", included = 2 }} }}
seats = {{ included = 1, USD = {{ month = "5" }} }}
[plans.team]
price = {{ USD = {{ month = "99" }} }}
limits = {{ requests_per_day = 1000 }}
[plans.trial]
price = {{ USD = {{ month = "49" }} }}
limits = {{ requests_per_day = 1000 }}
trial_days = 14
grace_days = 7
[addons.reports]
title = "Reports"
price = {{ USD = {{ month = "10" }} }}
plans = ["pro", "team"]
limits = {{ requests_per_day = 3 }}
features = {{ reports = true }}
most = 2
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

/// An organization whose time can be moved, and who moves it.
struct Book {
    world: World,
    org: Organization,
    operator: String,
}

impl Book {
    async fn open(store: insula_testkit::TestStore, plan: &str) -> Self {
        let world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        let org = world.subscriber("acme", plan).await;
        let book = Self { world, org, operator };
        // The first thing that is asked of a subscription begins it, if the ledger hasn't heard of its organization yet.
        book.advance(&later(&book.now().await, 60)).await;
        book
    }

    async fn subscription(&self) -> Json {
        self.get("/subscription").await
    }

    async fn get(&self, path: &str) -> Json {
        self.world.get(&self.org.path(path), &self.org.token).await.expect(200)
    }

    async fn post(&self, path: &str, body: Json) -> Reply {
        self.world.post(&self.org.path(path), &self.org.token, &body).await
    }

    async fn now(&self) -> String {
        self.subscription().await["test_clock"].as_str().unwrap().to_owned()
    }

    async fn advance(&self, to: &str) {
        let body = json!({ "org": self.org.slug, "advance_to": to });
        self.world.post("/v1/operator/clock", &self.operator, &body).await.expect(200);
    }

    /// Pays all that is owed.
    async fn pay(&self) {
        for invoice in self.invoices().await.iter().filter(|invoice| invoice["status"] == "open") {
            let id = invoice["id"].as_str().unwrap();
            let path = format!("/v1/operator/orgs/acme/invoices/{id}/pay");
            self.world.post(&path, &self.operator, &Json::Null).await.expect(200);
        }
    }

    /// Invoices with their lines, the earliest first.
    async fn invoices(&self) -> Vec<Json> {
        let listed = self.get("/invoices?statements=true").await;
        let mut invoices = Vec::new();
        for one in listed["items"].as_array().unwrap().iter().rev() {
            invoices.push(self.get(&format!("/invoices/{}", one["id"].as_str().unwrap())).await);
        }
        invoices
    }
}

/// Kind, item, quantity and amount of each line.
fn lines(invoice: &Json) -> Vec<[String; 4]> {
    let text = |line: &Json, name: &str| line[name].as_str().unwrap().to_owned();
    let line = |line: &Json| {
        let amount = line["amount"]["amount"].as_str().unwrap().to_owned();
        [text(line, "kind"), text(line, "item"), text(line, "quantity"), amount]
    };
    invoice["lines"].as_array().unwrap().iter().map(line).collect()
}

fn amount(invoice: &Json, of: &str) -> String {
    invoice[of]["amount"].as_str().unwrap().to_owned()
}

fn later(instant: &str, seconds: i64) -> String {
    let instant: insula_kernel::Instant = instant.parse().unwrap();
    (instant + Span::from_secs(seconds)).to_string()
}

const DAY: i64 = 86_400;

on_both_engines! {
    async fn a_period_is_paid_in_advance_and_its_usage_afterwards(store) {
        let book = Book::open(store, "pro").await;
        let first = book.invoices().await;
        assert_eq!(first.len(), 1, "{first:?}");
        assert_eq!(lines(&first[0]), [["charge", "plan:pro", "1", "29.00"].map(str::to_owned)]);
        assert_eq!((first[0]["status"].as_str(), first[0]["number"].as_str()), (Some("open"), Some("TEST-INV-000001")));

        let (_, key) = book.world.key(&book.org, &["things:read"]).await;
        for _ in 0..8 {
            book.world.get("/things", &key).await.expect(200);
        }
        let subscription = book.subscription().await;
        let end = subscription["period"]["end"].as_str().unwrap().to_owned();
        let upcoming = book.get("/invoices/upcoming").await;
        assert_eq!(lines(&upcoming), [
            ["charge", "plan:pro", "1", "29.00"], ["overage", "requests_per_day", "3", "0.03"],
        ].map(|line| line.map(str::to_owned)));

        book.advance(&end).await;
        let draft = &book.invoices().await[1];
        assert_eq!((draft["status"].as_str(), &draft["number"], amount(draft, "total")), (Some("draft"), &Json::Null, "29.03".to_owned()));
        book.advance(&later(&end, 3_600)).await;
        let invoice = &book.invoices().await[1];
        assert_eq!((invoice["status"].as_str(), invoice["number"].as_str()), (Some("open"), Some("TEST-INV-000002")));
        assert_eq!(lines(invoice), lines(&upcoming));
        let line = &invoice["lines"][1];
        assert_eq!((line["events"].as_i64(), line["meter"].as_str()), (Some(8), Some("requests")));
        let id = invoice["id"].as_str().unwrap();
        let events = book.get(&format!("/invoices/{id}/lines/2/events?limit=5")).await;
        assert_eq!((events["items"].as_array().unwrap().len(), &events["digest"]), (5, &line["digest"]));
        let rest = format!("/invoices/{id}/lines/2/events?cursor={}", events["next_cursor"].as_str().unwrap());
        assert_eq!(book.get(&rest).await["items"].as_array().unwrap().len(), 3);
    }

    async fn a_request_says_what_the_plan_charges_for_it(store) {
        let book = Book::open(store, "pro").await;
        let (_, key) = book.world.key(&book.org, &["things:read"]).await;
        let call = async || {
            let reply = book.world.get("/things", &key).await;
            reply.expect(200);
            format!("/explain/{}", reply.header("x-request-id"))
        };
        let mut calls = Vec::new();
        for _ in 0..8 {
            calls.push(call().await);
        }
        let mut all = Vec::new();
        for call in &calls {
            let why = book.get(call).await;
            assert_eq!((&why["reserved"], &why["used"]), (&json!({ "requests": "1" }), &json!({ "requests": "1" })));
            let [charge] = why["charges"].as_array().unwrap().as_slice() else { panic!("{why}") };
            assert_eq!((&charge["meter"], &charge["limit"]), (&json!("requests"), &json!("requests_per_day")));
            assert_eq!((&charge["plan"], &charge["plan_version"]), (&json!("pro"), &json!(1)));
            assert_eq!((&charge["price"]["unit"], &charge["amount"]["currency"]), (&json!("0.01"), &json!("USD")));
            all.push(charge["exact"].as_str().unwrap().to_owned());
        }
        // Together what the line says.
        assert_eq!(all, ["0", "0", "0", "0", "0", "0.01", "0.01", "0.01"]);
        let upcoming = book.get("/invoices/upcoming").await;
        assert!(lines(&upcoming).contains(&["overage", "requests_per_day", "3", "0.03"].map(str::to_owned)));
        // Another plan, and what was before it stays.
        book.advance(&later(&book.now().await, 60)).await;
        book.post("/subscription/change", json!({ "plan": "team" })).await.expect(200);
        assert_eq!(book.get(&call().await).await["charges"], json!([]));
        assert_eq!(book.get(&calls[7]).await["charges"][0]["exact"], "0.01");
    }

    async fn a_change_is_charged_as_it_was_previewed(store) {
        let book = Book::open(store, "pro").await;
        let start = book.subscription().await["period"].clone();
        let half = later(start["start"].as_str().unwrap(), 15 * DAY);
        book.advance(&half).await;
        let wanted = json!({ "plan": "team" });
        let preview = book.post("/subscription/preview", wanted).await.expect(200);
        assert_eq!(preview["when"], "now");
        let same = book.subscription().await;
        assert_eq!(same["plan"], "pro");
        let at = preview["prorated_at"].as_str().unwrap();
        book.advance(&later(at, 120)).await;
        let wanted = json!({ "plan": "team", "prorated_at": at });
        let changed = book.post("/subscription/change", wanted).await.expect(200);
        assert_eq!((changed["plan"].as_str(), &changed["period"]), (Some("team"), &start));
        let invoices = book.invoices().await;
        let invoice = invoices.iter().find(|invoice| invoice["reason"] == "change").unwrap();
        assert_eq!(lines(invoice), lines(&preview["invoice"]));
        assert_eq!(invoice["total"], preview["invoice"]["total"]);
        assert_eq!(lines(invoice).iter().map(|line| line[0].as_str()).collect::<Vec<_>>(), ["credit", "charge"]);
        // The rest of the old and the rest of the new, each rounded once.
        let days = |name: &str| start[name].as_str().unwrap().parse::<insula_kernel::Instant>().unwrap().as_secs();
        let (whole, rest) = (days("end") - days("start"), days("end") - at.parse::<insula_kernel::Instant>().unwrap().as_secs());
        let cents = |price: i64| (price * rest * 2 + whole) / (whole * 2);
        let total = cents(9_900) - cents(2_900);
        assert_eq!(amount(invoice, "total"), format!("{}.{:02}", total / 100, total % 100));
    }

    async fn less_begins_with_the_next_period(store) {
        let book = Book::open(store, "team").await;
        let end = book.subscription().await["period"]["end"].as_str().unwrap().to_owned();
        book.advance(&later(&end, -5 * DAY)).await;
        let changed = book.post("/subscription/change", json!({ "plan": "pro", "seats": 3 })).await.expect(200);
        assert_eq!((changed["plan"].as_str(), &changed["pending"]["plan"]), (Some("team"), &json!("pro")));
        book.advance(&later(&end, 2 * 3_600)).await;
        assert_eq!(book.subscription().await["plan"], "pro");
        let invoices = book.invoices().await;
        let last = invoices.last().unwrap();
        assert_eq!(lines(last), [
            ["charge", "plan:pro", "1", "29.00"], ["charge", "seats:pro", "2", "10.00"],
        ].map(|line| line.map(str::to_owned)));
    }

    async fn a_trial_without_a_way_to_pay_is_past_due_and_then_suspended(store) {
        let book = Book::open(store, "trial").await;
        let begun = book.subscription().await;
        assert_eq!((begun["status"].as_str(), book.invoices().await.len()), (Some("trialing"), 0));
        let end = begun["trial_end"].as_str().unwrap().to_owned();
        book.advance(&end).await;
        assert_eq!(book.subscription().await["status"], "past_due");
        let (_, key) = book.world.key(&book.org, &["things:read"]).await;
        book.world.get("/things", &key).await.expect(200);
        book.advance(&later(&end, 7 * DAY)).await;
        book.world.until_answered(&key, 403).await;
        // Its people can still sign in and pay.
        let paid = book.post("/subscription/activate", json!({})).await.expect(200);
        assert_eq!((paid["status"].as_str(), &paid["trial_end"]), (Some("active"), &Json::Null));
        let invoices = book.invoices().await;
        assert_eq!(lines(invoices.last().unwrap()), [["charge", "plan:trial", "1", "49.00"].map(str::to_owned)]);
        book.world.until_answered(&key, 200).await;
    }

    async fn a_pause_gives_the_rest_back_and_stops_requests(store) {
        let book = Book::open(store, "team").await;
        let (_, key) = book.world.key(&book.org, &["things:read"]).await;
        let period = book.subscription().await["period"].clone();
        let start = period["start"].as_str().unwrap();
        book.advance(&later(start, 10 * DAY)).await;
        book.post("/subscription/pause", json!(null)).await.expect(200);
        book.world.get("/things", &key).await.problem(402, "subscription.paused");
        let balance = book.get("/billing-profile").await["balance"]["amount"].as_str().unwrap().to_owned();
        assert!(balance.starts_with("66.") || balance.starts_with("67.") || balance.starts_with("63."), "{balance}");
        book.advance(&later(start, 60 * DAY)).await;
        book.post("/subscription/resume", json!(null)).await.expect(200);
        book.world.get("/things", &key).await.expect(200);
        let invoices = book.invoices().await;
        let last = invoices.last().unwrap();
        assert_eq!((last["reason"].as_str(), last["lines"][0]["kind"].as_str()), (Some("resume"), Some("charge")));
        assert_ne!(amount(last, "balance_used"), "0.00");
    }

    async fn what_ends_can_be_taken_back_until_it_has_ended(store) {
        let book = Book::open(store, "pro").await;
        let (_, key) = book.world.key(&book.org, &["things:read"]).await;
        let end = book.subscription().await["period"]["end"].as_str().unwrap().to_owned();
        let canceled = book.post("/subscription/cancel", json!({})).await.expect(200);
        assert_eq!((canceled["status"].as_str(), canceled["cancel_at"].as_str()), (Some("active"), Some(&*end)));
        book.post("/subscription/reactivate", json!(null)).await.expect(200);
        book.post("/subscription/cancel", json!({})).await.expect(200);
        book.world.get("/things", &key).await.expect(200);
        book.advance(&later(&end, 2 * 3_600)).await;
        assert_eq!(book.subscription().await["status"], "canceled");
        book.world.get("/things", &key).await.problem(402, "subscription.canceled");
        let last = book.invoices().await.pop().unwrap();
        assert_eq!((last["reason"].as_str(), last["kind"].as_str()), (Some("final"), Some("statement")));
        book.post("/subscription/reactivate", json!(null)).await.expect(200);
        book.world.get("/things", &key).await.expect(200);
        assert_eq!(amount(&book.invoices().await.pop().unwrap(), "total"), "29.00");
    }

    async fn an_end_comes_with_the_period_that_is_paid_for(store) {
        let book = Book::open(store, "pro").await;
        let (_, key) = book.world.key(&book.org, &["things:read"]).await;
        let month = book.subscription().await["period"]["end"].as_str().unwrap().to_owned();
        book.post("/subscription/cancel", json!({})).await.expect(200);
        book.advance(&later(&book.now().await, 60)).await;
        let changed = book.post("/subscription/change", json!({ "interval": "year", "when": "now" })).await.expect(200);
        let year = changed["period"]["end"].as_str().unwrap().to_owned();
        assert!(year > later(&month, 300 * DAY), "{changed}");
        assert_eq!(changed["cancel_at"], year, "the end is still wanted, and what was paid for isn't lost");
        book.pay().await;
        book.advance(&later(&month, DAY)).await;
        let running = book.subscription().await;
        assert_eq!((running["status"].as_str(), running["cancel_at"].as_str()), (Some("active"), Some(&*year)));
        book.world.get("/things", &key).await.expect(200);
        book.advance(&later(&year, 2 * 3_600)).await;
        let ended = book.subscription().await;
        assert_eq!((ended["status"].as_str(), ended["canceled_at"].as_str()), (Some("canceled"), Some(&*year)));
    }

    async fn what_comes_late_is_billed_as_an_adjustment(store) {
        let book = Book::open(store, "pro").await;
        let (_, service) = book.world.service().await;
        let start = book.subscription().await["period"]["start"].as_str().unwrap().to_owned();
        let end = book.subscription().await["period"]["end"].as_str().unwrap().to_owned();
        let report = async |id: &str, time: &str, seconds: &str| {
            let event = json!({
                "specversion": "1.0", "id": id, "source": "jobs", "type": "job.finished", "time": time,
                "data": { "seconds": seconds.parse::<i64>().unwrap() },
            });
            let authorization = format!("Bearer {service}");
            let headers =
                [("authorization", authorization.as_str()), ("content-type", "application/cloudevents+json")];
            book.world.send("POST", &book.org.path("/events"), &headers, Some(event.to_string().as_bytes())).await
        };
        report("one", &later(&start, 5 * DAY), "5").await.problem(422, "event.time");
        book.advance(&later(&start, 6 * DAY)).await;
        report("one", &later(&start, 5 * DAY), "5").await.expect(202);
        book.advance(&later(&end, 3_600)).await;
        let usage = |invoice: &Json| {
            lines(invoice).into_iter().filter(|line| line[1] == "seconds").collect::<Vec<_>>()
        };
        let invoices = book.invoices().await;
        // Two of five are included.
        assert_eq!(usage(&invoices[1]), [["usage", "seconds", "5", "0.30"].map(str::to_owned)]);
        report("two", &later(&start, 7 * DAY), "10").await.expect(202);
        let second = book.subscription().await["period"]["end"].as_str().unwrap().to_owned();
        book.advance(&later(&second, 3_600)).await;
        let invoices = book.invoices().await;
        assert_eq!(usage(&invoices[2]), [["adjustment", "seconds", "10", "1.00"].map(str::to_owned)]);
        let id = invoices[2]["id"].as_str().unwrap();
        let position = lines(&invoices[2]).iter().position(|line| line[0] == "adjustment").unwrap() + 1;
        let events = book.get(&format!("/invoices/{id}/lines/{position}/events")).await;
        assert_eq!((events["events"].as_i64(), events["items"].as_array().unwrap().len()), (Some(1), 1));
        // The line that was final stays with its own.
        let id = invoices[1]["id"].as_str().unwrap();
        let position = lines(&invoices[1]).iter().position(|line| line[1] == "seconds").unwrap() + 1;
        let events = book.get(&format!("/invoices/{id}/lines/{position}/events")).await;
        assert_eq!(events["items"].as_array().unwrap().len(), 1);
    }

    async fn bad_asks_change_nothing(store) {
        let book = Book::open(store, "pro").await;
        let refused = async |body: Json, status: u16, code: &str| {
            let before = (book.subscription().await, book.invoices().await.len());
            for path in ["/subscription/preview", "/subscription/change"] {
                book.post(path, body.clone()).await.problem(status, code);
            }
            assert_eq!((book.subscription().await["sequence"].clone(), book.invoices().await.len()), (before.0["sequence"].clone(), before.1));
        };
        refused(json!({ "plan": "pro" }), 409, "subscription.unchanged").await;
        refused(json!({ "plan": "gold" }), 422, "request.invalid").await;
        refused(json!({ "currency": "JPY" }), 422, "request.invalid").await;
        refused(json!({ "currency": "XXX" }), 422, "request.invalid").await;
        refused(json!({ "plan": "team", "interval": "year" }), 422, "request.invalid").await;
        refused(json!({ "seats": 0 }), 422, "request.invalid").await;
        refused(json!({ "add_ons": { "reports": 3 } }), 422, "request.invalid").await;
        refused(json!({ "add_ons": { "nothing": 1 } }), 422, "request.invalid").await;
        refused(json!({ "plan": "free", "add_ons": { "reports": 1 } }), 422, "request.invalid").await;
        refused(json!({ "plan": "team", "prorated_at": "2020-01-01T00:00:00Z" }), 409, "subscription.preview_stale").await;
        let clock = json!({ "org": "acme", "advance_to": "2020-01-01T00:00:00Z" });
        book.world.post("/v1/operator/clock", &book.operator, &clock).await.problem(422, "request.invalid");
        let real = book.world.organization("real").await;
        let clock = json!({ "org": real.slug, "advance_to": "2090-01-01T00:00:00Z" });
        book.world.post("/v1/operator/clock", &book.operator, &clock).await.problem(409, "clock.real");
        for (price, quantity) in [
            (json!({ "USD": "0.01" }), "-1"), (json!({ "USD": "-0.01" }), "1"), (json!({ "EUR": "1" }), "1"),
            (json!({ "USD": "9999999999999999" }), "9999999999999999"), (json!({ "USD": "1" }), "many"),
        ] {
            let body = json!({ "currency": "USD", "price": price, "quantity": quantity });
            let reply = book.world.post("/v1/operator/quote", &book.operator, &body).await;
            assert_eq!(reply.status, 422, "{price} {quantity}");
        }
    }

    async fn invoices_are_paid_voided_and_credited_to_the_cent(store) {
        let book = Book::open(store, "pro").await;
        let first = book.invoices().await[0]["id"].as_str().unwrap().to_owned();
        let on = |invoice: &str, what: &str| format!("/v1/operator/orgs/acme/invoices/{invoice}/{what}");
        let post = async |path: String, body: Json| book.world.post(&path, &book.operator, &body).await;
        let money = |amount: &str| json!({ "amount": amount, "currency": "USD" });
        let note = |amount: &str| json!({ "amount": money(amount), "reason": "An outage" });
        let credited = post(on(&first, "credit-notes"), note("4.00")).await.expect(200);
        assert_eq!((amount(&credited, "due"), credited["credit_notes"][0]["number"].as_str()), ("25.00".to_owned(), Some("TEST-CN-000001")));
        post(on(&first, "credit-notes"), note("25.01")).await.problem(422, "request.invalid");
        let paid = post(on(&first, "pay"), json!(null)).await.expect(200);
        assert_eq!((paid["status"].as_str(), amount(&paid, "due")), (Some("paid"), "0.00".to_owned()));
        post(on(&first, "void"), json!(null)).await.problem(409, "invoice.not_open");
        post(on(&first, "credit-notes"), note("5.00")).await.expect(200);
        assert_eq!(book.get("/billing-profile").await["balance"], money("5.00"));
        let item = json!({ "description": "Training", "amount": money("120.00"), "invoice_now": true });
        let made = post("/v1/operator/orgs/acme/invoice-items".to_owned(), item).await.expect(200);
        assert_eq!((amount(&made["invoice"], "total"), amount(&made["invoice"], "due")), ("120.00".to_owned(), "115.00".to_owned()));
        let id = made["invoice"]["id"].as_str().unwrap();
        let voided = post(on(id, "void"), json!(null)).await.expect(200);
        assert_eq!((voided["status"].as_str(), &voided["number"]), (Some("void"), &made["invoice"]["number"]));
        assert_eq!(book.get("/billing-profile").await["balance"], money("5.00"));
    }

    async fn one_that_cannot_be_billed_holds_up_no_other(store) {
        let clock = Arc::new(ManualClock::at("2026-03-10T09:00:00Z".parse().unwrap()));
        let env = Env { clock: clock.clone(), rng: Arc::new(SystemRng) };
        let world = World::in_time(store, blueprint, env).await;
        for (slug, plan) in [("acme", "pro"), ("bolt", "team"), ("crow", "pro")] {
            let mut body = signup(slug);
            body["organization"]["plan"] = json!(plan);
            world.post("/v1/signup", "", &body).await.expect(201);
            until_billed(&world, slug, 1).await;
            let id = bills(&world, slug).await[0]["id"].as_str().unwrap().to_owned();
            let pay = format!("/v1/operator/orgs/{slug}/invoices/{id}/pay");
            world.post(&pay, &world.operator().await, &Json::Null).await.expect(200);
        }
        let pending = |value: &'static str| move |table: &str| format!("UPDATE {table} SET pending = {value} WHERE plan = 'team'");
        world.store.tamper("subscription", pending("'nonsense'")).await;
        clock.advance(Span::from_days(32));
        until_billed(&world, "acme", 2).await;
        until_billed(&world, "crow", 2).await;
        assert_eq!(bills(&world, "bolt").await.len(), 1);

        // Tried again once what was wrong is mended; no number is missing, and none was given twice.
        world.store.tamper("subscription", pending("NULL")).await;
        clock.advance(Span::from_mins(2));
        until_billed(&world, "bolt", 2).await;
        let mut numbers = Vec::new();
        for slug in ["acme", "bolt", "crow"] {
            numbers.extend(bills(&world, slug).await.iter().map(|bill| bill["number"].as_str().unwrap().to_owned()));
        }
        numbers.sort();
        let expected: Vec<String> = (1..=6).map(|number| format!("INV-{number:06}")).collect();
        assert_eq!(numbers, expected);
    }
}

/// The invoices of an organization that are final.
async fn bills(world: &World, slug: &str) -> Vec<Json> {
    let token = world.sign_in(&format!("owner@{slug}.test")).await;
    let listed = world.get(&format!("/v1/orgs/{slug}/invoices"), &token).await.expect(200);
    let all = listed["items"].as_array().unwrap().iter();
    all.filter(|invoice| invoice["number"].is_string()).cloned().collect()
}

async fn until_billed(world: &World, slug: &str, times: usize) {
    while bills(world, slug).await.len() < times {
        tokio::task::yield_now().await;
    }
}
