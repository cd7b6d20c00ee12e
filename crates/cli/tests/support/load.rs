//! Callers of every kind at once, until the program dies or they have done enough.

use super::{
    World,
    client::{Client, Reply},
    witness::{Job, Lease, Witness, acquire, lease_body, let_go, send_events},
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

/// What callers do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Act {
    Call,
    Job,
    End,
    Event,
    Batch,
    Acquire,
    Renew,
    LetGo,
    Flash,
    Twins,
}

impl Act {
    const ALL: [Self; 10] = [
        Self::Call,
        Self::Job,
        Self::End,
        Self::Event,
        Self::Batch,
        Self::Acquire,
        Self::Renew,
        Self::LetGo,
        Self::Flash,
        Self::Twins,
    ];
}

/// Callers of a program that runs.
pub(crate) struct Load<'a> {
    world: &'a World,
    witness: &'a Witness,
    enough: AtomicBool,
}

/// What one caller works with.
struct Caller<'a> {
    load: &'a Load<'a>,
    client: Option<Client>,
    done: mpsc::Sender<Act>,
}

type Step = fn(&mut Caller<'_>) -> Option<()>;

impl<'a> Load<'a> {
    pub(crate) fn new(world: &'a World, witness: &'a Witness) -> Self {
        Self { world, witness, enough: AtomicBool::new(false) }
    }

    /// Lets callers go on until every kind of act was done so often, then does `end`, and waits until all callers are
    /// done. Ends earlier where the program does.
    pub(crate) fn run(&self, least: usize, end: impl FnOnce()) {
        let steps: [Step; 8] = [call, call, call, job, event, batch, lease, twins];
        thread::scope(|scope| {
            let (done, heard) = mpsc::channel();
            for step in steps {
                let done = done.clone();
                scope.spawn(move || Caller { load: self, client: None, done }.go_on(step));
            }
            drop(done);
            let mut acts: BTreeMap<Act, usize> = BTreeMap::new();
            while let Ok(act) = heard.recv() {
                *acts.entry(act).or_default() += 1;
                if Act::ALL.iter().all(|act| acts.get(act).is_some_and(|count| *count >= least)) {
                    break;
                }
            }
            end();
            self.enough.store(true, Relaxed);
            // Acts that are done meanwhile are heard by nobody.
            while heard.recv().is_ok() {}
        });
    }
}

impl<'a> Caller<'a> {
    /// Does the step again and again. A connection that breaks is made anew, as long as the program listens.
    fn go_on(&mut self, step: Step) {
        while !self.load.enough.load(Relaxed) {
            if self.client.is_none() {
                let Ok(client) = Client::connect(self.load.world.address()) else { return };
                self.client = Some(client);
            }
            if step(self).is_none() {
                self.client = None;
            }
        }
    }

    fn did(&self, act: Act) {
        let _ = self.done.send(act);
    }

    fn witness(&self) -> &'a Witness {
        self.load.witness
    }

    fn client(&mut self) -> (&mut Client, &'a World) {
        (self.client.as_mut().unwrap(), self.load.world)
    }
}

/// The reply, if it isn't that of a handler which panicked, or of a database that is too busy: those acknowledge no more
/// than a broken connection does.
fn answered(reply: Reply) -> Option<Reply> {
    (!matches!(reply.status, 500 | 503)).then_some(reply)
}

fn call(caller: &mut Caller<'_>) -> Option<()> {
    caller.witness().told().requests_begun += 1;
    let (client, world) = caller.client();
    client.get_if_whole("/things", &world.key)?.expect(200);
    caller.witness().told().requests_acknowledged += 1;
    caller.did(Act::Call);
    Some(())
}

/// Begins jobs, and reports the end of every other one.
fn job(caller: &mut Caller<'_>) -> Option<()> {
    let name = {
        let mut told = caller.witness().told();
        told.requests_begun += 1;
        let name = format!("job-{}", told.number());
        told.jobs.insert(name.clone(), Job::Asked);
        name
    };
    let (client, world) = caller.client();
    client.try_post(&format!("/jobs/{name}"), &world.key, &json!({}))?.expect(200);
    let event = {
        let mut told = caller.witness().told();
        told.requests_acknowledged += 1;
        let is_to_end = told.number() % 2 == 0;
        told.jobs.insert(name.clone(), if is_to_end { Job::Ending } else { Job::Held });
        is_to_end.then(|| told.event(Some(name)))
    };
    caller.did(Act::Job);
    let Some(event) = event else { return Some(()) };
    report(caller, &[event])?;
    caller.did(Act::End);
    Some(())
}

fn report(caller: &mut Caller<'_>, numbers: &[i64]) -> Option<()> {
    let events = {
        let told = caller.witness().told();
        let events: Vec<Json> = numbers.iter().map(|number| told.text(*number)).collect();
        if let [one] = &*events { one.clone() } else { json!(events) }
    };
    let (client, world) = caller.client();
    let reply = answered(send_events(client, world, &events)?)?.expect(202);
    assert_eq!(reply["accepted"], json!(numbers.len()), "{reply}");
    caller.witness().told().acknowledge(numbers);
    Some(())
}

fn event(caller: &mut Caller<'_>) -> Option<()> {
    let number = caller.witness().told().event(None);
    report(caller, &[number])?;
    caller.did(Act::Event);
    Some(())
}

fn batch(caller: &mut Caller<'_>) -> Option<()> {
    let numbers: Vec<i64> = {
        let mut told = caller.witness().told();
        (0..20).map(|_| told.event(None)).collect()
    };
    report(caller, &numbers)?;
    caller.did(Act::Batch);
    Some(())
}

/// Takes a lease, renews it, and lets most of them go; and one that soon ends by itself.
fn lease(caller: &mut Caller<'_>) -> Option<()> {
    let (number, limit) = {
        let mut told = caller.witness().told();
        let number = told.number();
        (number, if number % 2 == 0 { "slots" } else { "databases" })
    };
    let place = (limit, format!("lease-{number}"));
    let stands = |lease| drop(caller.load.witness.told().leases.insert(place.clone(), lease));
    stands(Lease::Asked);
    let world = caller.load.world;
    let client = caller.client.as_mut().unwrap();
    let made = answered(acquire(client, world, limit, &place.1)?)?.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    stands(Lease::Held(id.clone()));
    let _ = caller.done.send(Act::Acquire);
    if limit == "slots" {
        let path = format!("/v1/orgs/acme/leases/{id}/renew");
        answered(client.try_post(&path, &world.service, &json!({ "ttl_seconds": 900 }))?)?.expect(200);
        let _ = caller.done.send(Act::Renew);
    }
    if number % 5 != 0 {
        stands(Lease::LettingGo(id.clone()));
        answered(let_go(client, world, &id)?)?.expect(204);
        stands(Lease::Gone(id));
        let _ = caller.done.send(Act::LetGo);
    }
    let flash = json!({ "limit": "flashes", "ttl_seconds": 1 });
    answered(client.try_post("/v1/orgs/acme/leases", &world.service, &flash)?)?.expect(201);
    let _ = caller.done.send(Act::Flash);
    Some(())
}

/// Two ask at once for the same: whoever is answered holds it, and both hold the same.
fn twins(caller: &mut Caller<'_>) -> Option<()> {
    let place = ("databases", format!("twin-{}", caller.witness().told().number()));
    let stands = |lease| drop(caller.load.witness.told().leases.insert(place.clone(), lease));
    stands(Lease::Asked);
    let world = caller.load.world;
    let mut other = Client::connect(world.address()).ok()?;
    let body = lease_body(place.0, &place.1).to_string();
    let one = caller.client.as_mut().unwrap();
    for client in [&mut *one, &mut other] {
        client.send("POST", "/v1/orgs/acme/leases", &world.service, "application/json", &body);
    }
    let replies = [other.receive(), one.receive()];
    let mut ids = Vec::new();
    for reply in replies.into_iter().flatten().filter_map(answered) {
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        ids.push(reply.body["id"].as_str().unwrap().to_owned());
    }
    let id = ids.first()?.clone();
    assert!(ids.iter().all(|other| *other == id), "{ids:?}");
    stands(Lease::Held(id.clone()));
    if ids.len() < 2 {
        return None;
    }
    stands(Lease::LettingGo(id.clone()));
    answered(let_go(one, world, &id)?)?.expect(204);
    stands(Lease::Gone(id));
    let _ = caller.done.send(Act::Twins);
    Some(())
}
