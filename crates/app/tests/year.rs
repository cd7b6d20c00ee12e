//! A year of a small business: organizations come on different plans, use what they pay for, change their minds, pause
//! and come back, and report some of what they did too late. At the end of each month the books must add up.
//!
//! `INSULA_ORGANIZATIONS` says how many there are; 50 if it doesn't.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{Instant, Span};
use insula_testkit::{TestStore, on_both_engines};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::SocketAddr,
};
use support::{Organization, Reply, World};

const DAY: i64 = 86_400;
const MONTHS: i64 = 12;
/// How many clocks one request moves.
const CLOCKS: usize = 100;

fn blueprint(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
[billing]
grace = "2h"
payment_terms = "90d"
time_zone = "America/New_York"
[billing.taxes.vat]
name = "VAT"
percent = "8.25"
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
[meters.jobs]
event = "job.finished"
aggregate = "count"
[limits.jobs_per_day]
meter = "jobs"
window = "day"
on_exceed = "bill"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ jobs_per_day = "unlimited" }}
[plans.small]
price = {{ USD = {{ month = "29.99", year = "299" }} }}
limits = {{ jobs_per_day = 1 }}
overage = {{ jobs_per_day = {{ USD = "0.333" }} }}
usage = {{ seconds = {{ USD = "0.0017", included = 100 }} }}
seats = {{ included = 2, USD = {{ month = "7", year = "70" }} }}
[plans.large]
price = {{ USD = {{ month = "99", quarter = "279", year = "999" }} }}
limits = {{ jobs_per_day = 3 }}
overage = {{ jobs_per_day = {{ USD = "1", per = 2 }} }}
usage = {{ seconds = {{ model = "graduated", tiers = [{{ up_to = 500, unit = {{ USD = "0.002" }} }}, {{ unit = {{ USD = "0.001" }} }}] }} }}
minimum = {{ USD = "101" }}
[addons.reports]
price = {{ USD = {{ month = "10", quarter = "28", year = "100" }} }}
plans = ["small", "large"]
limits = {{ jobs_per_day = 1 }}
most = 3
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

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

struct Customer {
    org: Organization,
    /// What was reported: how many jobs, and how many thousandths of a second they took.
    jobs: i64,
    milliseconds: i64,
    /// Invoices that were read, as they stood.
    known: BTreeMap<String, Json>,
    /// Jobs that are known to the customer and will be reported late.
    late: Vec<Json>,
}

struct Year {
    world: World,
    operator: String,
    service: String,
    customers: Vec<Customer>,
    dice: Dice,
    start: Instant,
    events: u64,
}

fn organizations() -> usize {
    env::var("INSULA_ORGANIZATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

fn minor(money: &Json) -> i64 {
    money["amount"].as_str().unwrap().replace('.', "").parse().unwrap()
}

fn at(json: &Json) -> Instant {
    json.as_str().unwrap().parse().unwrap()
}

/// A quantity with three decimals at most, in thousandths.
fn thousandths(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    whole.parse::<i64>().unwrap() * 1_000 + sign * format!("{fraction:0<3}").parse::<i64>().unwrap()
}

impl Year {
    async fn begin(store: TestStore) -> Self {
        let world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        let (_, service) = world.service().await;
        let mut dice = Dice(7);
        let mut customers = Vec::new();
        for number in 0..organizations() {
            let plan = dice.pick(&["free", "small", "small", "large"]);
            let org = world.subscriber(&format!("customer-{number}"), plan).await;
            customers.push(Customer {
                org,
                jobs: 0,
                milliseconds: 0,
                known: BTreeMap::new(),
                late: Vec::new(),
            });
        }
        let first =
            world.get(&customers[0].org.path("/subscription"), &customers[0].org.token).await.expect(200);
        // All of them have begun by then. Nothing falls due at the moments that follow from it: billing knows whole hours.
        let start = at(&first["started_at"]) + Span::from_mins(90);
        let mut year = Self { world, operator, service, customers, dice, start, events: 0 };
        year.advance(start).await;
        year
    }

    async fn advance(&mut self, to: Instant) {
        self.operator = self.world.operator().await;
        let slugs: Vec<&str> = self.customers.iter().map(|customer| customer.org.slug.as_str()).collect();
        for some in slugs.chunks(CLOCKS) {
            let body = json!({ "orgs": some, "advance_to": to });
            self.world.post("/v1/operator/clock", &self.operator, &body).await.expect(200);
        }
    }

    async fn post(&self, customer: usize, path: &str, body: &Json) -> Reply {
        let org = &self.customers[customer].org;
        self.world.post(&org.path(path), &org.token, body).await
    }

    async fn get(&self, customer: usize, path: &str) -> Json {
        let org = &self.customers[customer].org;
        self.world.get(&org.path(path), &org.token).await.expect(200)
    }

    /// Some jobs of the month that is ending now, most of them reported in time.
    async fn work(&mut self, customer: usize, now: Instant) {
        let mut due: Vec<Json> = std::mem::take(&mut self.customers[customer].late);
        for _ in 0..=self.dice.below(12) {
            self.events += 1;
            let ago = Span::from_secs(i64::try_from(self.dice.below(25 * 86_400)).unwrap());
            let took = i64::try_from(self.dice.below(400_000)).unwrap();
            let seconds = format!("{}.{:03}", took / 1_000, took % 1_000);
            let seconds: serde_json::Number = serde_json::from_str(&seconds).unwrap();
            let event = json!({
                "specversion": "1.0", "id": format!("job-{}", self.events), "source": "jobs", "type": "job.finished",
                "time": now - ago, "data": { "seconds": seconds },
            });
            if self.dice.below(5) == 0 { self.customers[customer].late.push(event) } else { due.push(event) }
        }
        for event in &due {
            let took = event["data"]["seconds"].to_string();
            self.customers[customer].jobs += 1;
            self.customers[customer].milliseconds += thousandths(&took);
        }
        let org = &self.customers[customer].org;
        let authorization = format!("Bearer {}", self.service);
        let kind = "application/cloudevents-batch+json";
        let headers = [("authorization", authorization.as_str()), ("content-type", kind)];
        let body = Json::from(due).to_string();
        let reply = self.world.send("POST", &org.path("/events"), &headers, Some(body.as_bytes())).await;
        assert_eq!(reply.expect(202)["rejected"], json!([]));
    }

    /// Most of what is owed is paid.
    async fn pay(&mut self, customer: usize) {
        let slug = self.customers[customer].org.slug.clone();
        for invoice in self.get(customer, "/invoices?limit=200").await["items"].as_array().unwrap() {
            if invoice["status"] == "open" && self.dice.below(10) > 0 {
                let id = invoice["id"].as_str().unwrap();
                let path = format!("/v1/operator/orgs/{slug}/invoices/{id}/pay");
                self.world.post(&path, &self.operator, &Json::Null).await.expect(200);
            }
        }
    }

    /// A change of mind, or none.
    async fn decide(&mut self, customer: usize) {
        let subscription = self.get(customer, "/subscription").await;
        match (subscription["status"].as_str().unwrap(), self.dice.below(12)) {
            ("paused", 0..6) => {
                self.post(customer, "/subscription/resume", &Json::Null).await.expect(200);
            }
            ("canceled", 0..4) => {
                self.post(customer, "/subscription/reactivate", &Json::Null).await.expect(200);
            }
            ("active", 0) => {
                self.post(customer, "/subscription/pause", &Json::Null).await.expect(200);
            }
            ("active", 1) => {
                self.post(customer, "/subscription/cancel", &json!({})).await.expect(200);
            }
            ("active", 2..7) => {
                let plan = self.dice.pick(&["free", "small", "large"]);
                let mut wanted = json!({ "plan": plan, "interval": "month" });
                if plan != "free" {
                    wanted["interval"] = json!(self.dice.pick(&["month", "month", "year"]));
                    wanted["add_ons"] = json!({ "reports": self.dice.below(3) });
                }
                if plan == "small" {
                    wanted["seats"] = json!(1 + self.dice.below(6));
                }
                self.change_as_previewed(customer, wanted).await;
            }
            _ => {}
        }
    }

    /// What is previewed is what is charged.
    async fn change_as_previewed(&self, customer: usize, mut wanted: Json) {
        let preview = self.post(customer, "/subscription/preview", &wanted).await;
        if preview.status != 200 {
            let code = preview.json()["code"].as_str().unwrap().to_owned();
            let known = ["subscription.unchanged", "subscription.canceled", "subscription.past_due"];
            assert!(known.contains(&code.as_str()), "{code}");
            self.post(customer, "/subscription/change", &wanted)
                .await
                .problem(preview.status.as_u16(), &code);
            return;
        }
        let preview = preview.json();
        wanted["prorated_at"] = preview["prorated_at"].clone();
        self.post(customer, "/subscription/change", &wanted).await.expect(200);
        if preview["invoice"].is_null() {
            return;
        }
        // Time goes on: a period may have ended since, and its invoice be the latest.
        let listed = self.get(customer, "/invoices?statements=true&limit=10").await;
        let is_it = |one: &&Json| ["reason", "created_at"].iter().all(|of| one[of] == preview["invoice"][of]);
        let made = listed["items"].as_array().unwrap().iter().find(is_it).unwrap_or_else(|| {
            panic!("what was previewed isn't there: {preview:#} {listed:#}");
        });
        let made = self.get(customer, &format!("/invoices/{}", made["id"].as_str().unwrap())).await;
        for part in ["lines", "taxes", "total", "balance_used", "due"] {
            assert_eq!(made[part], preview["invoice"][part], "{part}");
        }
    }

    /// The invoices and statements of a customer, the earliest first.
    async fn invoices(&mut self, customer: usize) -> Vec<Json> {
        let listed = self.get(customer, "/invoices?statements=true&limit=200").await;
        assert_eq!(listed["next_cursor"], Json::Null);
        let mut all = Vec::new();
        for one in listed["items"].as_array().unwrap().iter().rev() {
            let id = one["id"].as_str().unwrap();
            let known = self.customers[customer].known.get(id);
            let invoice =
                match known.filter(|known| known["status"] == one["status"] && one["status"] != "draft") {
                    Some(known) => known.clone(),
                    None => self.get(customer, &format!("/invoices/{id}")).await,
                };
            if let Some(known) = self.customers[customer].known.insert(id.to_owned(), invoice.clone()) {
                let was_final = known["status"] != "draft";
                assert!(!was_final || known["lines"] == invoice["lines"], "what is final stays: {id}");
            }
            all.push(invoice);
        }
        all
    }

    /// The books of everyone add up, and the numbers of invoices have no gap.
    async fn check(&mut self, from: Instant, to: Instant) {
        let mut numbers = BTreeSet::new();
        for customer in 0..self.customers.len() {
            let invoices = self.invoices(customer).await;
            let mut balance = 0;
            for invoice in &invoices {
                check_sums(invoice);
                if invoice["status"] != "draft" {
                    balance -= minor(&invoice["balance_used"]);
                    balance += (-minor(&invoice["total"])).max(0);
                }
                if let Some(number) = invoice["number"].as_str() {
                    assert!(numbers.insert(number.to_owned()), "{number} was given twice");
                }
            }
            check_charges_once(&invoices);
            let profile = self.get(customer, "/billing-profile").await;
            assert_eq!(minor(&profile["balance"]), balance, "what was given back was used or is there");
            self.check_usage(customer, &invoices).await;
        }
        for (number, expected) in numbers.iter().zip(1..) {
            assert_eq!(*number, format!("TEST-INV-{expected:06}"));
        }
        // Of their own time, which is ahead of the real one.
        let path = format!("/v1/operator/ledger/check?from={from}&to={to}");
        let checked = self.world.get(&path, &self.operator).await.expect(200);
        assert!(at(&checked["from"]) <= from && at(&checked["to"]) >= to, "{checked}");
        assert_eq!(checked["discrepancies"], json!([]));
        assert_eq!(checked["differences"], json!([]));
    }

    /// Everything that was reported stands on one invoice, or on none yet.
    async fn check_usage(&self, customer: usize, invoices: &[Json]) {
        let Customer { org, jobs, milliseconds, .. } = &self.customers[customer];
        let upcoming = self.world.get(&org.path("/invoices/upcoming"), &org.token).await;
        if upcoming.status != 200 {
            return;
        }
        let mut billed: BTreeMap<String, i64> = BTreeMap::new();
        let mut used = 0;
        let upcoming = upcoming.json();
        for line in
            invoices.iter().chain([&upcoming]).flat_map(|invoice| invoice["lines"].as_array().unwrap())
        {
            if let Some(meter) = line["meter"].as_str() {
                *billed.entry(meter.to_owned()).or_default() += line["events"].as_i64().unwrap();
                used += if meter == "seconds" { thousandths(line["quantity"].as_str().unwrap()) } else { 0 };
            }
        }
        assert_eq!(used, *milliseconds, "customer {customer}: and so is all the time they took");
        for meter in ["seconds", "jobs"] {
            let events = billed.get(meter).copied().unwrap_or(0);
            assert_eq!(events, *jobs, "customer {customer}: each job is on one line of {meter}");
        }
    }
}

/// An invoice is the sum of its lines, its tax, and what was taken off.
fn check_sums(invoice: &Json) {
    let lines = invoice["lines"].as_array().unwrap();
    let sum: i64 = lines.iter().map(|line| minor(&line["amount"])).sum();
    let subtotal = minor(&invoice["subtotal"]);
    let taxes: i64 = invoice["taxes"].as_array().unwrap().iter().map(|tax| minor(&tax["amount"])).sum();
    assert_eq!(subtotal, sum, "{invoice}");
    assert_eq!(minor(&invoice["total"]), subtotal + taxes, "{invoice}");
    // 8.25 %, rounded once, half away from zero.
    let exact = subtotal * 825;
    assert_eq!(taxes, (exact.abs() + 5_000) / 10_000 * exact.signum(), "{invoice}");
    if invoice["status"] == "open" {
        assert_eq!(minor(&invoice["due"]), minor(&invoice["total"]) - minor(&invoice["balance_used"]));
    }
}

/// No two charges for the same stand for the same time, except where the rest of the first was given back.
fn check_charges_once(invoices: &[Json]) {
    let mut charged: BTreeMap<(String, i64), Vec<(Instant, Instant)>> = BTreeMap::new();
    let lines = || invoices.iter().flat_map(|invoice| invoice["lines"].as_array().unwrap());
    let key = |line: &Json| (line["item"].as_str().unwrap().to_owned(), line["version"].as_i64().unwrap());
    for line in lines().filter(|line| line["kind"] == "charge") {
        let (start, mut end) = (at(&line["period"]["start"]), at(&line["period"]["end"]));
        let given_back = lines().filter(|credit| credit["kind"] == "credit" && key(credit) == key(line));
        for credit in given_back {
            let from = at(&credit["period"]["start"]);
            if at(&credit["period"]["end"]) == end && from >= start {
                end = end.min(from);
            }
        }
        charged.entry(key(line)).or_default().push((start, end));
    }
    for spans in charged.values_mut() {
        spans.retain(|(start, end)| start < end);
        spans.sort_unstable();
        for pair in spans.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "charged twice: {pair:?}");
        }
    }
}

on_both_engines! {
    async fn the_books_add_up_at_the_end_of_every_month(store) {
        let mut year = Year::begin(store).await;
        for month in 1..=MONTHS {
            // A little later each month: a period that began with an act of an earlier one never ends amid those of this.
            let half = year.start + Span::from_secs(month * 30 * DAY - 4 * DAY) + Span::from_mins(8 * month);
            year.advance(half).await;
            for customer in 0..year.customers.len() {
                if year.customers.len() > 100 {
                    // So many take longer than an access token lasts.
                    let token = year.world.fresh(&year.customers[customer].org).await;
                    year.customers[customer].org.token = token;
                    if customer % 100 == 0 {
                        year.operator = year.world.operator().await;
                    }
                }
                year.work(customer, half).await;
                year.pay(customer).await;
                year.decide(customer).await;
            }
            let end = year.start + Span::from_secs(month * 30 * DAY + 3 * DAY);
            year.advance(end).await;
            // The sums of the month; at the end those of all, with what came late.
            year.check(end - Span::from_days(if month == MONTHS { 395 } else { 33 }), end).await;
        }
    }
}
