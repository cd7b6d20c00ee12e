//! What upstreams report: taken once, for life, and counted exactly.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, reason = "not all that settlement is tested with is needed here")]
mod support;

use insula_blueprint::{Compiled, check};
use insula_kernel::{HoldId, KeyId, OrgId, ProjectId, ServiceId, Span, TeamId};
use insula_metering::{
    SettlerHandle, billed,
    ingest::{Counted, Ingest, Live, Reporter, Taken},
    usage::{self, Step},
};
use insula_storage::{Store, Worker};
use insula_testkit::{TestStore, on_both_engines};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use support::Run;
use uuid::Uuid;

const BLUEPRINT: &str = r#"
[product]
name = "Test"
[meters.requests]
event = "request"
aggregate = "count"
[meters.jobs]
event = "job.finished"
aggregate = "count"
[meters.seconds]
event = "job.finished"
aggregate = "sum"
of = "usage.seconds"
scale = 3
group_by = ["site"]
[meters.sites]
event = "job.finished"
aggregate = "unique"
of = "site"
[plans.free]
price = { USD = { month = "0" } }
[upstreams.app]
targets = ["http://127.0.0.1:1"]
[limits.at_once]
kind = "hold"
default = 5
[[routes]]
match = "POST /jobs"
upstream = "app"
meter = {}
hold = { limit = "at_once", key = "$.job_id", until = "job.finished", ttl = "15m" }
"#;

/// What was told to whoever keeps counters.
#[derive(Clone)]
struct Told {
    said: Arc<Mutex<Vec<String>>>,
    /// How far the organization's time is ahead.
    ahead: Arc<Mutex<Span>>,
}

impl Default for Told {
    fn default() -> Self {
        Self { said: Arc::default(), ahead: Arc::new(Mutex::new(Span::from_micros(0))) }
    }
}

impl Live for Told {
    fn ahead(&self, _: OrgId) -> Span {
        *self.ahead.lock()
    }
    fn project(&self, _: OrgId, project: ProjectId) -> Option<Option<TeamId>> {
        (project == ProjectId::from_uuid(Uuid::from_u128(1))).then_some(None)
    }
    fn key(&self, _: OrgId, text: &str) -> Option<KeyId> {
        (text == "ak_known").then(|| KeyId::from_uuid(Uuid::from_u128(2)))
    }
    fn count(&self, counted: &Counted<'_>) {
        self.said.lock().push(format!("{} {}", counted.meter, counted.quantity));
    }
    fn end_holds(&self, _: OrgId, event: &str, key: &str) -> Vec<HoldId> {
        self.said.lock().push(format!("{event} ends {key}"));
        Vec::new()
    }
}

struct Upstream {
    run: Run,
    settler: SettlerHandle,
    ingest: Arc<Ingest>,
    told: Told,
    blueprint: Compiled,
    reporter: Reporter,
}

async fn upstream(store: &TestStore) -> Upstream {
    let (run, mut settler, log) = Run::with_log(store).await;
    settler.catch_up().await.unwrap();
    let settler = settler.start();
    let told = Told::default();
    let live = Box::new(told.clone());
    let ingest = Arc::new(Ingest::new(run.storage.clone(), run.env.clone(), log, settler.clone(), live));
    let blueprint = check("blueprint.toml", BLUEPRINT).unwrap_or_else(|found| panic!("{found}")).compile();
    let org = OrgId::from_uuid(Uuid::from_u128(7));
    let reporter = Reporter { org, service: Some(ServiceId::generate(&run.env)) };
    Upstream { run, settler, ingest, told, blueprint, reporter }
}

fn event(id: &str, seconds: &str) -> Json {
    json!({
        "specversion": "1.0", "id": id, "source": "/jobs", "type": "job.finished",
        "data": { "usage": { "seconds": seconds }, "site": "shop.example" },
    })
}

impl Upstream {
    async fn send(&self, events: &[Json]) -> Vec<Taken> {
        let texts: Vec<String> = events.iter().map(Json::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.ingest.take(self.reporter, &self.blueprint, &texts).await.unwrap()
    }

    /// The code of what was refused.
    async fn refused(&self, event: Json) -> &'static str {
        match self.send(&[event]).await.remove(0) {
            Taken::Rejected(rejection) => rejection.code,
            other => panic!("{other:?}"),
        }
    }

    /// What the ledger says was used of a meter today.
    async fn used(&self, meter: &str) -> i64 {
        self.settler.flush().await.unwrap();
        let mut tx = self.run.storage.platform_read(Store::Ledger, &Worker::Snapshot).await.unwrap();
        let all = usage::current(&mut tx, self.run.env.now()).await.unwrap();
        let of = all.iter().find(|used| used.meter == meter && used.window == Step::Day);
        of.map_or(0, |used| used.quantity.units())
    }
}

on_both_engines! {
    async fn the_time_of_an_event_is_the_organizations_own(store) {
        let upstream = upstream(&store).await;
        let now = upstream.run.env.now();
        let at = |id: &str, time: insula_kernel::Instant| {
            let mut event = event(id, "1");
            event["time"] = json!(time.to_string());
            event
        };
        assert_eq!(upstream.refused(at("a", now + Span::from_days(31))).await, "event.time");
        *upstream.told.ahead.lock() = Span::from_days(450);
        let own = now + Span::from_days(450);
        assert_eq!(upstream.send(&[at("a", own - Span::from_days(3)), event("b", "1")]).await, [Taken::Accepted, Taken::Accepted]);
        assert_eq!(upstream.refused(at("c", own + Span::from_days(1))).await, "event.time");
        assert_eq!(upstream.refused(at("d", now)).await, "event.time");
        upstream.settler.flush().await.unwrap();
        let mut tx = upstream.run.storage.platform_read(Store::Ledger, &Worker::Snapshot).await.unwrap();
        let jobs = async |tx: &mut insula_storage::PlatformTx, start| {
            let period = insula_kernel::Period { start, end: start + Span::from_micros(1) };
            billed::figure(tx, upstream.reporter.org, "jobs", period).await.unwrap().units
        };
        assert_eq!(jobs(&mut tx, own - Span::from_days(3)).await, 1);
        assert_eq!(jobs(&mut tx, own).await, 1, "without a time of its own it happened when it came");
    }

    async fn an_event_counts_once_however_often_it_is_sent(store) {
        let upstream = upstream(&store).await;
        assert_eq!(upstream.send(&[event("a", "1.5"), event("b", "0.25")]).await, [Taken::Accepted, Taken::Accepted]);
        // Before it is settled, twice in one batch, and after.
        assert_eq!(upstream.send(&[event("a", "1.5")]).await, [Taken::Duplicate]);
        assert_eq!(upstream.send(&[event("c", "1"), event("c", "1")]).await, [Taken::Accepted, Taken::Duplicate]);
        assert_eq!(upstream.used("seconds").await, 2_750);
        assert_eq!(upstream.send(&[event("b", "0.25"), event("d", "1")]).await, [Taken::Duplicate, Taken::Accepted]);
        assert_eq!((upstream.used("seconds").await, upstream.used("jobs").await), (3_750, 4));
        assert_eq!(upstream.used("sites").await, 1, "one site, however often");
        assert_eq!(*upstream.told.said.lock(), [
            "jobs 1", "seconds 1500", "jobs 1", "seconds 250", "jobs 1", "seconds 1000", "jobs 1", "seconds 1000",
        ]);
    }

    async fn the_same_id_with_another_content_is_a_conflict(store) {
        let upstream = upstream(&store).await;
        upstream.send(&[event("a", "1")]).await;
        assert_eq!(upstream.refused(event("a", "2")).await, "event.conflict");
        assert_eq!(upstream.used("seconds").await, 1_000);
        assert_eq!(upstream.refused(event("a", "2")).await, "event.conflict");
        // Of another source, or another organization, it is another event.
        let mut elsewhere = event("a", "2");
        elsewhere["source"] = json!("/other");
        assert_eq!(upstream.send(&[elsewhere]).await, [Taken::Accepted]);
        let other = Reporter { org: OrgId::from_uuid(Uuid::from_u128(8)), ..upstream.reporter };
        let text = event("a", "4").to_string();
        let taken = upstream.ingest.take(other, &upstream.blueprint, &[&text]).await.unwrap();
        assert_eq!(taken, [Taken::Accepted]);
    }

    async fn ids_that_follow_the_time_are_known_in_any_order(store) {
        let upstream = upstream(&store).await;
        let id = |n: u128| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n).to_string();
        let events: Vec<Json> = [5, 6, 9].map(|n| event(&id(n), "1")).into();
        upstream.send(&events).await;
        assert_eq!(upstream.send(&[event(&id(7), "1"), event(&id(6), "1"), event(&id(10), "1")]).await,
            [Taken::Accepted, Taken::Duplicate, Taken::Accepted]);
        assert_eq!(upstream.used("jobs").await, 5);
        upstream.run.clock.advance(Span::from_secs(10));
        assert_eq!(upstream.send(&[event(&id(1), "1"), event(&id(9), "1"), event(&id(7), "1")]).await,
            [Taken::Accepted, Taken::Duplicate, Taken::Duplicate]);
        assert_eq!(upstream.used("jobs").await, 6);
    }

    async fn what_was_taken_is_known_after_a_restart(store) {
        let before = upstream(&store).await;
        before.send(&[event("a", "1"), event("b", "1")]).await;
        // Killed before anything was settled: what is left is the log.
        let Upstream { run, settler, ingest, .. } = before;
        drop((settler, ingest));
        run.storage.close().await;
        drop(run);
        let after = upstream(&store).await;
        assert_eq!(after.used("seconds").await, 2_000);
        assert_eq!(after.send(&[event("a", "1"), event("c", "1")]).await, [Taken::Duplicate, Taken::Accepted]);
        assert_eq!(after.refused(event("b", "9")).await, "event.conflict");
        assert_eq!(after.used("seconds").await, 3_000);
    }

    async fn a_thousand_who_send_the_same_are_counted_once(store) {
        let upstream = upstream(&store).await;
        let senders: Vec<_> = (0..200)
            .map(|sender| {
                let (ingest, reporter) = (Arc::clone(&upstream.ingest), upstream.reporter);
                let blueprint = upstream.blueprint.clone();
                tokio::spawn(async move {
                    let batch: Vec<String> =
                        (0..5).map(|n| event(&format!("{}", (sender + n) % 10), "1").to_string()).collect();
                    let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
                    let taken = ingest.take(reporter, &blueprint, &batch).await.unwrap();
                    taken.iter().filter(|taken| **taken == Taken::Accepted).count()
                })
            })
            .collect();
        let mut accepted = 0;
        for sender in senders {
            accepted += sender.await.unwrap();
        }
        assert_eq!((accepted, upstream.used("jobs").await), (10, 10));
    }
}

#[tokio::test]
async fn what_a_meter_cannot_count_is_refused_and_says_why() {
    let store = TestStore::new(insula_testkit::Kind::Sqlite).await;
    let upstream = upstream(&store).await;
    let with = |pointer: &str, value: Json| {
        let mut event = event("x", "1");
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    let seconds = "/data/usage/seconds";
    for (bad, code) in [
        (with(seconds, json!("-1")), "event.quantity"),
        (with(seconds, json!("much")), "event.quantity"),
        (with(seconds, json!([1])), "event.quantity"),
        (with(seconds, json!("1.0001")), "event.quantity_scale"),
        (with(seconds, json!("99999999999999999999")), "event.quantity_overflow"),
        (with(seconds, json!(null)), "event.quantity_missing"),
        (with("/data/usage", json!({})), "event.quantity_missing"),
        (with("/data", json!("text")), "event.quantity_missing"),
        (with("/data/site", json!("s".repeat(300))), "event.group"),
        (with("/data/site", json!("s".repeat(9_000))), "event.too_large"),
        (with("/type", json!("request")), "event.reserved_type"),
        (with("/type", json!("job.begun")), "event.unknown_type"),
        (with("/type", json!("")), "event.attribute"),
        (with("/id", json!("")), "event.attribute"),
        (with("/specversion", json!("0.3")), "event.attribute"),
        (with("/source", json!(7)), "event.malformed"),
        (json!([]), "event.malformed"),
    ] {
        assert_eq!(upstream.refused(bad.clone()).await, code, "{bad}");
    }
    let attribute = |name: &str, value: &str| {
        let mut event = event("x", "1");
        event[name] = json!(value);
        event
    };
    let later = (upstream.run.env.now() + Span::from_hours(1)).to_string();
    let long_ago = (upstream.run.env.now() - Span::from_days(401)).to_string();
    for (bad, code) in [
        (attribute("time", "yesterday"), "event.time"),
        (attribute("time", &later), "event.time"),
        (attribute("time", &long_ago), "event.time"),
        (attribute("project", "prj_x"), "event.attribute"),
        (attribute("project", &ProjectId::from_uuid(Uuid::from_u128(9)).to_string()), "event.attribute"),
        (attribute("apikey", "ak_strange"), "event.attribute"),
        (attribute("user", "nobody"), "event.attribute"),
        (attribute("data_base64", "AA=="), "event.attribute"),
    ] {
        assert_eq!(upstream.refused(bad.clone()).await, code, "{bad}");
    }
    assert_eq!(upstream.used("jobs").await, 0, "nothing that was refused counts");
}

#[tokio::test]
async fn numbers_are_read_as_they_are_written() {
    let store = TestStore::new(insula_testkit::Kind::Sqlite).await;
    let upstream = upstream(&store).await;
    let raw = |id: &str, number: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/jobs","type":"job.finished",
                "data":{{"usage":{{"seconds":{number}}},"site":"a"}}}}"#
        )
    };
    // As a double the first would be 9007199254740992.
    let texts = [raw("a", "9007199254740.993"), raw("b", "0.001")];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let taken = upstream.ingest.take(upstream.reporter, &upstream.blueprint, &texts).await.unwrap();
    assert_eq!(taken, [Taken::Accepted, Taken::Accepted]);
    assert_eq!(upstream.used("seconds").await, 9_007_199_254_740_994);
}

#[tokio::test]
async fn an_event_ends_what_it_names_in_its_data_or_its_subject() {
    let store = TestStore::new(insula_testkit::Kind::Sqlite).await;
    let upstream = upstream(&store).await;
    let mut named = event("a", "1");
    named["data"]["job_id"] = json!("job_1");
    named["subject"] = json!("job_1");
    let mut about = event("b", "1");
    about["subject"] = json!("job_2");
    upstream.send(&[named, about]).await;
    let told = upstream.told.said.lock().clone();
    let ends: Vec<_> = told.iter().filter(|told| told.contains("ends")).collect();
    assert_eq!(ends, ["job.finished ends job_1", "job.finished ends job_2"]);
}

#[tokio::test]
async fn late_events_count_when_they_happened() {
    let store = TestStore::new(insula_testkit::Kind::Sqlite).await;
    let upstream = upstream(&store).await;
    let mut late = event("a", "1");
    late["time"] = json!((upstream.run.env.now() - Span::from_days(3)).to_string());
    assert_eq!(upstream.send(&[late]).await, [Taken::Accepted]);
    assert_eq!(upstream.used("jobs").await, 0, "not today");
    let mut tx = upstream.run.storage.platform_read(Store::Ledger, &Worker::Snapshot).await.unwrap();
    let then = upstream.run.env.now() - Span::from_days(3);
    let all = usage::current(&mut tx, then).await.unwrap();
    assert!(all.iter().any(|used| used.meter == "jobs" && used.quantity.units() == 1));
}
