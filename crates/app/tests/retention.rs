//! How far back a plan shows usage, and the archive: what isn't shown, and what is packed, counts and is explained on every
//! invoice as before.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{Instant, Span};
use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use support::{Organization, Reply, World};

const DAY: i64 = 86_400;

fn blueprint(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
[billing]
grace = "1h"
payment_terms = "90d"
[resources]
things = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
[meters.jobs]
event = "job.finished"
aggregate = "count"
[meters.sites]
event = "job.finished"
aggregate = "unique"
of = "site"
[meters.peak]
event = "job.finished"
aggregate = "max"
of = "size"
[meters.level]
event = "job.finished"
aggregate = "last"
of = "size"
[limits.requests_per_day]
meter = "requests"
window = "day"
[plans.small]
price = {{ USD = {{ month = "10" }} }}
usage = {{ jobs = {{ USD = "0.10" }}, sites = {{ USD = "1" }}, peak = {{ USD = "0.01" }} }}
limits = {{ requests_per_day = 1000 }}
features = {{ analytics_retention = "7d" }}
[plans.large]
price = {{ USD = {{ month = "100" }} }}
usage = {{ jobs = {{ USD = "0.10" }} }}
limits = {{ requests_per_day = 1000 }}
[addons.memory]
price = {{ USD = {{ month = "5" }} }}
features = {{ analytics_retention = "30d" }}
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

struct Shop {
    world: World,
    org: Organization,
    operator: String,
    service: String,
    key: String,
    /// When it all began.
    start: Instant,
}

fn instant(json: &Json) -> Instant {
    json.as_str().unwrap().parse().unwrap()
}

impl Shop {
    async fn open(store: insula_testkit::TestStore) -> Self {
        let world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        let (_, service) = world.service().await;
        let org = world.subscriber("acme", "small").await;
        let (_, key) = world.key(&org, &["things:read"]).await;
        let begun = world.get(&org.path("/subscription"), &org.token).await.expect(200);
        // Noon, so that it is clear which day is meant.
        let start = instant(&begun["test_clock"]).floor(Span::from_days(1)) + Span::from_hours(36);
        let shop = Self { world, org, operator, service, key, start };
        shop.advance(start).await;
        shop
    }

    fn day(&self, day: i64) -> Instant {
        self.start + Span::from_secs(day * DAY)
    }

    async fn get(&self, path: &str) -> Json {
        self.world.get(&self.org.path(path), &self.org.token).await.expect(200)
    }

    async fn advance(&self, to: Instant) {
        let body = json!({ "org": self.org.slug, "advance_to": to });
        self.world.post("/v1/operator/clock", &self.operator, &body).await.expect(200);
    }

    async fn change(&self, body: Json) {
        self.world.post(&self.org.path("/subscription/change"), &self.org.token, &body).await.expect(200);
    }

    /// A request, by its id.
    async fn request(&self) -> String {
        let reply = self.world.get("/things", &self.key).await;
        reply.expect(200);
        reply.header("x-request-id").to_owned()
    }

    async fn report(&self, id: &str, at: Instant, site: &str, size: i64) -> Reply {
        let event = json!({
            "specversion": "1.0", "id": id, "source": "jobs", "type": "job.finished", "time": at,
            "data": { "site": site, "size": size },
        });
        let authorization = format!("Bearer {}", self.service);
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/cloudevents+json")];
        let body = event.to_string();
        self.world.send("POST", &self.org.path("/events"), &headers, Some(body.as_bytes())).await
    }

    /// Pays all that is owed.
    async fn pay(&self) {
        for invoice in self.get("/invoices?limit=200").await["items"].as_array().unwrap() {
            if invoice["status"] == "open" {
                let id = invoice["id"].as_str().unwrap();
                let path = format!("/v1/operator/orgs/acme/invoices/{id}/pay");
                self.world.post(&path, &self.operator, &Json::Null).await.expect(200);
            }
        }
    }

    /// How many events are at hand, and how many in the archive.
    async fn places(&self) -> (i64, i64) {
        let places = self.world.get("/v1/operator/ledger/archive", &self.operator).await.expect(200);
        (places["events"].as_i64().unwrap(), places["archived_events"].as_i64().unwrap())
    }

    /// What was used of a meter by the day, from the start on: the sum, and from when on usage is shown.
    async fn used(&self, meter: &str, more: &str) -> (i64, Json) {
        let from = self.start - Span::from_days(1);
        let usage = self.get(&format!("/usage?meter={meter}&from={from}{more}")).await;
        let values = usage["buckets"].as_array().unwrap().iter();
        let sum = values.map(|bucket| bucket["value"].as_str().unwrap().parse::<i64>().unwrap()).sum();
        (sum, usage["retained_from"].clone())
    }

    /// Every line of every invoice with all events behind it.
    async fn book(&self) -> Vec<(Json, Vec<Json>)> {
        let mut lines = Vec::new();
        for one in self.get("/invoices?statements=true").await["items"].as_array().unwrap().iter().rev() {
            let path = format!("/invoices/{}", one["id"].as_str().unwrap());
            let invoice = self.get(&path).await;
            if invoice["status"] == "draft" {
                continue;
            }
            for (line, position) in invoice["lines"].as_array().unwrap().iter().zip(1..) {
                let (mut events, mut cursor): (Vec<Json>, _) = (Vec::new(), String::new());
                loop {
                    let page = self.get(&format!("{path}/lines/{position}/events?limit=2{cursor}")).await;
                    events.extend(page["items"].as_array().unwrap().iter().cloned());
                    match page["next_cursor"].as_str() {
                        Some(next) => cursor = format!("&cursor={next}"),
                        None => break,
                    }
                }
                let counted = line["events"].as_u64().unwrap_or(0);
                assert_eq!(events.len() as u64, counted, "{line}");
                lines.push((line.clone(), events));
            }
        }
        lines
    }

    /// Every sum since the start is that of its events.
    async fn assert_sound(&self, to: Instant) {
        let path = format!("/v1/operator/ledger/check?from={}&to={to}", self.start);
        let checked = self.world.get(&path, &self.operator).await.expect(200);
        assert_eq!(checked["discrepancies"], json!([]));
    }
}

on_both_engines! {
    async fn a_plan_shows_so_many_days_and_says_so(store) {
        let shop = Shop::open(store).await;
        let early = shop.request().await;
        shop.report("one", shop.day(0), "a", 3).await.expect(202);
        shop.advance(shop.day(3)).await;
        let late = shop.request().await;
        shop.report("two", shop.day(3), "b", 5).await.expect(202);
        let from = |day: i64| json!((shop.day(day) - Span::from_days(7)).floor(Span::from_days(1)));
        assert_eq!(shop.used("requests", "").await, (2, from(3)));
        shop.advance(shop.day(9)).await;
        // The whole of the first day that is shown, and nothing before it, in whatever windows.
        for window in ["", "&window=hour", "&window=month", "&window=period", "&group_by=operation"] {
            assert_eq!(shop.used("requests", window).await, (1, from(9)), "{window}");
        }
        assert_eq!(shop.used("sites", "&window=period").await.0, 1);
        let (from_start, to) = (shop.start, shop.start + Span::from_hours(1));
        let day = shop.get(&format!("/usage?meter=requests&from={from_start}&to={to}")).await;
        assert_eq!((&day["buckets"], &day["retained_from"]), (&json!([]), &from(9)), "nothing of a day before");
        let report = shop.get("/usage/report").await;
        assert_eq!((&report["retained_from"], &report["period"]["start"]), (&from(9), &from(9)));
        let of = |report: &Json, meter: &str| {
            let meters = report["meters"].as_array().unwrap();
            meters.iter().find(|one| one["meter"] == meter).unwrap().clone()
        };
        assert_eq!(of(&report, "jobs")["quantity"], "1");
        assert_eq!((&of(&report, "jobs")["previous"], &of(&report, "jobs")["trend"]), (&json!("0"), &Json::Null));
        let explained = async |request: &str| {
            shop.world.get(&shop.org.path(&format!("/explain/{request}")), &shop.org.token).await
        };
        explained(&late).await.expect(200);
        explained(&early).await.problem(404, "usage.not_retained");
        // What counts now isn't what is shown.
        let upcoming = shop.get("/invoices/upcoming").await;
        let line = upcoming["lines"].as_array().unwrap().iter().find(|line| line["meter"] == "jobs").unwrap();
        assert_eq!(line["events"], 2);

        // An add-on shows more, as another plan does.
        shop.change(json!({ "add_ons": { "memory": 1 } })).await;
        let month = (shop.day(9) - Span::from_days(30)).floor(Span::from_days(1));
        assert_eq!(shop.used("requests", "").await, (2, json!(month)));
        explained(&early).await.expect(200);
        shop.change(json!({ "plan": "large", "add_ons": {} })).await;
        assert_eq!(shop.used("requests", "").await, (2, Json::Null));
        assert_eq!(shop.get("/usage/report").await["retained_from"], Json::Null);
    }

    async fn what_is_archived_counts_and_is_explained_as_before(store) {
        let shop = Shop::open(store).await;
        let request = shop.request().await;
        for day in 1..6 {
            shop.advance(shop.day(day)).await;
            for number in 0..3 {
                let site = ["a", "b", "c"][usize::try_from((day + number) % 3).unwrap()];
                let at = shop.day(day) - Span::from_hours(number);
                shop.report(&format!("{day}-{number}"), at, site, 10 * day + number).await.expect(202);
            }
        }
        assert_eq!(shop.places().await, (16, 0));
        let explained = shop.get(&format!("/explain/{request}")).await;
        // The first month is charged, and what it showed is over.
        let end = instant(&shop.get("/subscription").await["period"]["end"]);
        shop.advance(end).await;
        assert_eq!(shop.places().await, (16, 0), "a draft is not final");
        let upcoming = shop.get("/invoices?statements=true").await["items"][0].clone();
        let draft = shop.get(&format!("/invoices/{}", upcoming["id"].as_str().unwrap())).await;
        shop.advance(end + Span::from_hours(2)).await;
        assert_eq!(shop.places().await, (0, 16));
        let book = shop.book().await;
        let lines: Vec<_> = book.iter().map(|(line, _)| line.clone()).collect();
        let by_meter = |lines: &[Json], meter: &str, kind: &str| {
            lines.iter().find(|line| line["meter"] == meter && line["kind"] == kind).unwrap().clone()
        };
        for (meter, quantity) in [("jobs", "15"), ("sites", "3"), ("peak", "52"), ("level", "50")] {
            let line = by_meter(&lines, meter, "usage");
            assert_eq!((&line["quantity"], &line["events"]), (&json!(quantity), &json!(15)), "{meter}");
            assert_eq!(line["amount"], by_meter(draft["lines"].as_array().unwrap(), meter, "usage")["amount"]);
        }
        shop.assert_sound(end).await;

        // What is packed is known still, and what comes late is charged with it, in packs beside.
        let again = shop.report("3-0", shop.day(3), "a", 30).await.expect(202);
        assert_eq!(again["duplicates"], 1, "{again}");
        shop.report("late-1", shop.day(1), "d", 1_000).await.expect(202);
        shop.report("late-2", shop.day(2) + Span::from_micros(1), "a", 1).await.expect(202);
        assert_eq!(shop.places().await, (2, 16));
        shop.advance(end + Span::from_hours(3)).await;
        assert_eq!(shop.places().await, (0, 18));
        shop.assert_sound(end).await;
        let second = instant(&shop.get("/subscription").await["period"]["end"]);
        shop.advance(second + Span::from_hours(2)).await;
        let later = shop.book().await;
        assert_eq!(later[..book.len()], book, "what is final stays, down to its events");
        let late: Vec<_> = later[book.len()..].iter().map(|(line, _)| line.clone()).collect();
        for (meter, quantity) in [("jobs", "2"), ("sites", "1"), ("peak", "948"), ("level", "0")] {
            let line = by_meter(&late, meter, "adjustment");
            assert_eq!((&line["quantity"], &line["events"]), (&json!(quantity), &json!(2)), "{meter}");
        }

        // A year later, on a plan that shows all.
        shop.change(json!({ "plan": "large" })).await;
        for day in [120, 180, 240, 300, 360, 390] {
            shop.pay().await;
            shop.advance(shop.day(day)).await;
        }
        assert_eq!(shop.get(&format!("/explain/{request}")).await["used"], explained["used"]);
        assert_eq!(shop.used("jobs", "").await, (17, Json::Null));
        assert_eq!(shop.book().await[..later.len()], later);
        shop.request().await;
        assert_eq!(shop.places().await, (1, 18));
        shop.assert_sound(shop.day(20)).await;
        let metrics = shop.world.metrics().await;
        assert!(metrics.contains("insula_ledger_events{place=\"hot\"} 1\n"), "{metrics}");
        assert!(metrics.contains("insula_ledger_events{place=\"archived\"} 18\n"), "{metrics}");
    }
}
