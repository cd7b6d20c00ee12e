//! Whatever the order in which usage is reported, and however late: what it comes to is the same.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{Instant, Span};
use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, net::SocketAddr};
use support::{Organization, World};

/// How many customers report the same, each in an order of its own.
const ORDERS: usize = 6;
const JOBS: usize = 24;
const DAY: i64 = 86_400;

fn blueprint(upstream: SocketAddr) -> String {
    support::blueprint(upstream).replace(
        "[resources]",
        r#"[billing]
grace = "1h"
payment_terms = "90d"
[meters.seconds]
event = "job.finished"
aggregate = "sum"
of = "seconds"
scale = 3
[meters.jobs]
event = "job.finished"
aggregate = "count"
[meters.longest]
event = "job.finished"
aggregate = "max"
of = "seconds"
scale = 3
[meters.sites]
event = "job.finished"
aggregate = "unique"
of = "site"
[limits.jobs_per_day]
meter = "jobs"
window = "day"
on_exceed = "bill"
default = "unlimited"
[plans.metered]
price = { USD = { month = "10" } }
limits = { jobs_per_day = 2, requests_per_day = 5, requests_per_second = 1000 }
overage = { jobs_per_day = { USD = "0.07" } }
[plans.metered.usage]
seconds = { model = "graduated", tiers = [{ up_to = 100, unit = { USD = "0.013" } }, { up_to = 900, unit = { USD = "0.007" } }, { unit = { USD = "0.0011" } }] }
longest = { USD = "0.031" }
sites = { model = "volume", tiers = [{ up_to = 3, unit = { USD = "0.50" } }, { unit = { USD = "0.21" } }] }
[resources]"#,
    )
}

fn at(json: &Json) -> Instant {
    json.as_str().unwrap().parse().unwrap()
}

/// The jobs of the first month: times early in it, several on the same days.
fn jobs(start: Instant) -> Vec<Json> {
    let job = |number: usize| {
        let n = i64::try_from(number).unwrap();
        let time = start + Span::from_secs(n % 7 * DAY + n * 613);
        json!({
            "specversion": "1.0", "id": format!("job-{number}"), "source": "jobs", "type": "job.finished", "time": time,
            "data": { "seconds": 17 + n * n % 89, "site": format!("site-{}", n % 5) },
        })
    };
    (0..JOBS).map(job).collect()
}

/// The same things in another order for each seed (Fisher and Yates, by a linear congruential generator).
fn shuffled(mut things: Vec<Json>, seed: usize) -> Vec<Json> {
    let mut state = u64::try_from(seed).unwrap() * 977 + 5;
    for last in (1..things.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        things.swap(last, usize::try_from(state >> 33).unwrap() % (last + 1));
    }
    things
}

async fn report(world: &World, org: &Organization, service: &str, events: &[Json]) {
    let authorization = format!("Bearer {service}");
    let kind = "application/cloudevents-batch+json";
    let headers = [("authorization", authorization.as_str()), ("content-type", kind)];
    let body = Json::from(events).to_string();
    let reply = world.send("POST", &org.path("/events"), &headers, Some(body.as_bytes())).await;
    assert_eq!(reply.expect(202)["rejected"], json!([]));
}

/// What all invoices together charge for each meter and limit, in cents, and how many events they name.
async fn charged(world: &World, org: &Organization) -> BTreeMap<String, (i64, i64)> {
    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let listed = world.get(&org.path("/invoices?statements=true"), &org.token).await.expect(200);
    for one in listed["items"].as_array().unwrap() {
        let invoice =
            world.get(&org.path(&format!("/invoices/{}", one["id"].as_str().unwrap())), &org.token).await;
        for line in
            invoice.expect(200)["lines"].as_array().unwrap().iter().filter(|line| line["meter"].is_string())
        {
            let cents = line["amount"]["amount"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
            let sum = sums.entry(line["item"].as_str().unwrap().to_owned()).or_default();
            *sum = (sum.0 + cents, sum.1 + line["events"].as_i64().unwrap());
        }
    }
    sums
}

on_both_engines! {
    async fn any_order_of_late_events_comes_to_the_same(store) {
        let world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        let (_, service) = world.service().await;
        let mut customers = Vec::new();
        for number in 0..ORDERS {
            customers.push(world.subscriber(&format!("customer-{number}"), "metered").await);
        }
        let slugs: Vec<&str> = customers.iter().map(|customer| customer.slug.as_str()).collect();
        let advance = async |to: Instant| {
            world.post("/v1/operator/clock", &operator, &json!({ "orgs": slugs, "advance_to": to })).await.expect(200);
        };
        let mut periods = Vec::new();
        for customer in &customers {
            let subscription = world.get(&customer.path("/subscription"), &customer.token).await.expect(200);
            periods.push((at(&subscription["period"]["start"]), at(&subscription["period"]["end"])));
        }
        let ends = periods.iter().map(|(_, end)| *end).max().unwrap();
        // In time, within the days of grace, a month late, and later: how many of each differs from customer to customer.
        let moments = [ends - Span::from_days(1), ends + Span::from_mins(5), ends + Span::from_days(20), ends + Span::from_days(45)];
        let orders: Vec<Vec<Json>> = periods.iter().zip(0..).map(|((start, _), seed)| shuffled(jobs(*start), seed)).collect();
        for (moment, &time) in moments.iter().enumerate() {
            advance(time).await;
            for (number, customer) in customers.iter().enumerate() {
                let share = |at: usize| if at == moments.len() { JOBS } else { at * (number + 2) };
                let part = &orders[number][share(moment)..share(moment + 1)];
                for events in part.chunks(1 + number) {
                    report(&world, customer, &service, events).await;
                }
            }
        }
        advance(ends + Span::from_days(64)).await;
        let first = charged(&world, &customers[0]).await;
        let jobs = i64::try_from(JOBS).unwrap();
        assert!(["seconds", "longest", "sites"].iter().all(|meter| first[*meter].1 == jobs), "{first:?}");
        assert!(first.values().all(|(cents, _)| *cents > 0), "{first:?}");
        for customer in &customers[1..] {
            assert_eq!(charged(&world, customer).await, first, "{}", customer.slug);
        }
        let check = format!("/v1/operator/ledger/check?from={}&to={ends}", periods[0].0);
        let checked = world.get(&check, &operator).await.expect(200);
        assert_eq!(checked["discrepancies"], json!([]), "{checked}");
        assert_eq!(checked["differences"], json!([]), "{checked}");
        let invoices = checked["invoices"].as_u64().unwrap();
        assert!(invoices >= u64::try_from(ORDERS).unwrap(), "each has an invoice with usage: {invoices}");
    }
    async fn an_invoice_that_is_not_of_its_events_is_found(store) {
        let world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        let (_, service) = world.service().await;
        let customer = world.subscriber("customer", "metered").await;
        let subscription = world.get(&customer.path("/subscription"), &customer.token).await.expect(200);
        let (start, end) = (at(&subscription["period"]["start"]), at(&subscription["period"]["end"]));
        let advance = async |to: Instant| {
            let body = json!({ "org": customer.slug, "advance_to": to });
            world.post("/v1/operator/clock", &operator, &body).await.expect(200);
        };
        advance(end - Span::from_days(1)).await;
        report(&world, &customer, &service, &jobs(start)).await;
        advance(end + Span::from_hours(2)).await;
        let faults = async || {
            let path = format!("/v1/operator/ledger/check?from={start}&to={end}");
            let checked = world.get(&path, &operator).await.expect(200);
            let fault = |wrong: &Json| {
                assert_eq!(wrong["org"], json!(customer.id));
                let text = |name: &str| wrong[name].as_str().unwrap().to_owned();
                (text("meter"), text("fault"), wrong["billed"].as_i64().unwrap(), wrong["found"].as_i64().unwrap())
            };
            let mut found: Vec<_> = checked["differences"].as_array().unwrap().iter().map(fault).collect();
            found.sort();
            found
        };
        assert_eq!(faults().await, []);
        let jobs = i64::try_from(JOBS).unwrap();
        let wrong = |meter: &str, fault: &str, billed: i64, found: i64| {
            (meter.to_owned(), fault.to_owned(), billed, found)
        };

        // Someone takes the lines of a meter off the invoice, then puts their events on another's.
        world.store.tamper("invoice_line", |lines| format!("UPDATE {lines} SET meter = 'gone' WHERE meter = 'sites'")).await;
        assert_eq!(faults().await, [wrong("gone", "line", jobs, 0), wrong("sites", "missing", 0, jobs)]);
        world.store.tamper("invoice_line", |lines| format!("UPDATE {lines} SET meter = 'longest' WHERE meter = 'gone'")).await;
        assert_eq!(faults().await, [wrong("longest", "twice", 0, jobs), wrong("sites", "missing", 0, jobs)]);
        world.store.tamper("invoice_line", |lines| format!("UPDATE {lines} SET meter = 'sites' WHERE item = 'sites'")).await;
        assert_eq!(faults().await, []);

        // Someone removes an event: its lines name one more than there is.
        world.store.tamper("usage_event", |events| format!("DELETE FROM {events} WHERE at = (SELECT min(at) FROM {events} WHERE kind = 'job.finished')")).await;
        let found = faults().await;
        assert!(found.len() >= 3 && found.iter().all(|(_, fault, billed, found)| fault == "line" && *found == billed - 1), "{found:?}");
    }
}
