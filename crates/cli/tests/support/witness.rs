//! What callers were told, and whether it is still so.
//!
//! An act is begun before its request goes out and acknowledged when its reply has come. What lies between may have
//! happened or not; a client that reports events or takes leases does it again.

use super::{
    World,
    client::{Client, Reply},
};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

/// Where a lease stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Lease {
    Asked,
    Held(String),
    LettingGo(String),
    Gone(String),
}

/// Where a job stands, which a route holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Job {
    Asked,
    Held,
    /// Its end is reported.
    Ending,
    Gone,
}

/// Everything that was done and heard.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) requests_begun: i64,
    pub(crate) requests_acknowledged: i64,
    /// By number, which is what the event counts; the job that it ends.
    pub(crate) events: BTreeMap<i64, Option<String>>,
    pub(crate) events_acknowledged: BTreeSet<i64>,
    pub(crate) jobs: BTreeMap<String, Job>,
    /// By limit and key.
    pub(crate) leases: BTreeMap<(&'static str, String), Lease>,
    number: i64,
}

impl Told {
    /// A number that nothing else has.
    pub(crate) fn number(&mut self) -> i64 {
        self.number += 1;
        self.number
    }

    /// An event is about to be reported.
    pub(crate) fn event(&mut self, ends: Option<String>) -> i64 {
        let number = self.number();
        self.events.insert(number, ends);
        number
    }

    /// Events are known to be taken in.
    pub(crate) fn acknowledge(&mut self, numbers: &[i64]) {
        self.events_acknowledged.extend(numbers);
        for number in numbers {
            if let Some(Some(job)) = self.events.get(number) {
                self.jobs.insert(job.clone(), Job::Gone);
            }
        }
    }

    /// The event as it is sent, the same each time.
    pub(crate) fn text(&self, number: i64) -> Json {
        let mut event = json!({
            "specversion": "1.0", "id": format!("event-{number}"), "source": "/things", "type": "job.finished",
            "data": { "amount": number },
        });
        if let Some(job) = &self.events[&number] {
            event["subject"] = json!(job);
        }
        event
    }

    fn count_leases(&self, limit: &str, wanted: impl Fn(&Lease) -> bool) -> i64 {
        let found = self.leases.iter().filter(|((of, _), lease)| *of == limit && wanted(lease)).count();
        i64::try_from(found).unwrap()
    }

    fn count_jobs(&self, wanted: &[Job]) -> i64 {
        i64::try_from(self.jobs.values().filter(|job| wanted.contains(job)).count()).unwrap()
    }
}

/// Keeps what was done and heard, for many threads.
#[derive(Default)]
pub(crate) struct Witness(Mutex<Told>);

impl Witness {
    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap()
    }

    /// Everything that was acknowledged is so, nothing else is but what may be, and nobody calls meanwhile.
    pub(crate) fn check(&self, world: &World) {
        self.check_requests(world);
        self.check_events(world);
        self.check_jobs(world);
        self.check_leases(world);
        let checked = world.ask_operator("/v1/operator/ledger/check");
        assert_eq!(checked["discrepancies"], json!([]));
    }

    fn check_requests(&self, world: &World) {
        let told = self.told();
        let may_be = told.requests_acknowledged..=told.requests_begun;
        let used = (world.used("requests_per_day"), world.usage("requests"));
        assert!(may_be.contains(&used.1), "{used:?} of {may_be:?}");
        assert_eq!(used.0, used.1, "the limit and the ledger agree");
        assert_eq!(world.used("calls_at_once"), 0, "what is held for a request is gone with it");
    }

    /// Before and after what wasn't acknowledged is sent again.
    fn check_events(&self, world: &World) {
        let mut told = self.told();
        let sum = |numbers: &mut dyn Iterator<Item = &i64>| numbers.copied().sum::<i64>();
        let least = sum(&mut told.events_acknowledged.iter());
        let most = sum(&mut told.events.keys());
        let used = world.usage("amounts");
        assert!((least..=most).contains(&used), "{least} acknowledged, {most} sent, {used} used");

        let (known, open): (Vec<i64>, Vec<i64>) =
            told.events.keys().partition(|number| told.events_acknowledged.contains(number));
        let mut client = world.client();
        report(&mut client, world, &told, &open, None);
        told.acknowledge(&open);
        report(&mut client, world, &told, &known, Some(0));
        let count = i64::try_from(told.events.len()).unwrap();
        assert_eq!((world.usage("amounts"), world.usage("finished")), (most, count), "each counts once");
        assert_eq!(world.used("amounts_per_day"), most, "the limit and the ledger agree");
    }

    fn check_jobs(&self, world: &World) {
        let told = self.told();
        let least = told.count_jobs(&[Job::Held]);
        // One whose beginning nobody heard of is held for its time to live.
        let most = told.count_jobs(&[Job::Held, Job::Asked]);
        let used = world.used("jobs_at_once");
        assert!((least..=most).contains(&used), "{least} to {most} jobs, {used} held");
    }

    /// Before and after what wasn't acknowledged is asked for again.
    fn check_leases(&self, world: &World) {
        let mut told = self.told();
        for limit in ["slots", "databases"] {
            let least = told.count_leases(limit, |lease| matches!(lease, Lease::Held(_)));
            let most = told.count_leases(limit, |lease| !matches!(lease, Lease::Gone(_)));
            let used = world.used(limit);
            assert!((least..=most).contains(&used), "{limit}: {least} to {most} leases, {used} held");
        }
        let mut client = world.client();
        for ((limit, key), lease) in &mut told.leases {
            match lease.clone() {
                Lease::Asked => {
                    let reply = acquire(&mut client, world, limit, key).unwrap();
                    assert!(matches!(reply.status, 200 | 201), "{reply:?}");
                    *lease = Lease::Held(reply.body["id"].as_str().unwrap().to_owned());
                }
                Lease::Held(id) => {
                    let reply = acquire(&mut client, world, limit, key).unwrap().expect(200);
                    assert_eq!(reply["id"], json!(id), "{limit} {key} is still held");
                }
                Lease::LettingGo(id) => {
                    let reply = let_go(&mut client, world, &id).unwrap();
                    assert!(matches!(reply.status, 204 | 404), "{reply:?}");
                    *lease = Lease::Gone(id);
                }
                Lease::Gone(id) => {
                    let_go(&mut client, world, &id).unwrap().expect(404);
                }
            }
        }
        for limit in ["slots", "databases"] {
            let held = told.count_leases(limit, |lease| matches!(lease, Lease::Held(_)));
            assert_eq!(world.used(limit), held, "{limit}");
        }
        // What is known to be gone needs no further look, or rounds would grow.
        told.leases.retain(|_, lease| !matches!(lease, Lease::Gone(_)));
    }
}

/// Reports events in batches; all are taken in, `new` of them as new ones if that is known.
fn report(client: &mut Client, world: &World, told: &Told, numbers: &[i64], new: Option<u64>) {
    for batch in numbers.chunks(1_000) {
        let events: Vec<Json> = batch.iter().map(|number| told.text(*number)).collect();
        let reply = send_events(client, world, &json!(events)).unwrap().expect(202);
        assert_eq!(reply["rejected"], json!([]));
        let accepted = reply["accepted"].as_u64().unwrap();
        assert!(new.is_none_or(|new| new == accepted), "{accepted} of {} were new", batch.len());
    }
}

/// Reports events; `None` if the connection broke.
pub(crate) fn send_events(client: &mut Client, world: &World, events: &Json) -> Option<Reply> {
    let media =
        if events.is_array() { "application/cloudevents-batch+json" } else { "application/cloudevents+json" };
    client.ask("POST", "/v1/orgs/acme/events", &world.service, media, &events.to_string())
}

/// What asks for a lease: of ten minutes, or of a stock.
pub(crate) fn lease_body(limit: &str, key: &str) -> Json {
    let mut body = json!({ "limit": limit, "key": key });
    if limit != "databases" {
        body["ttl_seconds"] = json!(600);
    }
    body
}

pub(crate) fn acquire(client: &mut Client, world: &World, limit: &str, key: &str) -> Option<Reply> {
    client.try_post("/v1/orgs/acme/leases", &world.service, &lease_body(limit, key))
}

pub(crate) fn let_go(client: &mut Client, world: &World, id: &str) -> Option<Reply> {
    client.ask("DELETE", &format!("/v1/orgs/acme/leases/{id}"), &world.service, "application/json", "")
}
