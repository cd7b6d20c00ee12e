//! Whatever happens in whatever order, what an organization used is what its settled events come to.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod facts;
mod support;

use facts::used;
use insula_kernel::{EventId, OrgId, Span};
use insula_metering::{
    Settler,
    log::{Charge, Groups, IntentTicket, Outcome, Report},
    reconcile,
};
use insula_storage::{Store, Worker};
use insula_testkit::{TestStore, on_both_engines};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};
use support::{NOON, Run, at, log_folder};

const CASES: u32 = 12;
const ORGS: usize = 3;

/// What can happen.
#[derive(Clone, Debug)]
enum Act {
    /// A request comes and goes.
    Request { org: usize, used: i64 },
    /// A request is admitted.
    Admit { org: usize, reserved: i64 },
    /// One of the requests in flight ends.
    End { which: usize, used: i64 },
    /// Nothing of one of them reached the upstream.
    Release { which: usize },
    /// An event is reported, perhaps not for the first time.
    Report { org: usize, key: u8 },
    /// The log is settled.
    Settle,
    /// The log is settled, and the process is killed before it lets go of what it read.
    SettleAndDie,
    /// The process is killed.
    Die,
    /// Time passes.
    Wait { minutes: i64 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..ORGS, 0..100_i64).prop_map(|(org, used)| Act::Request { org, used }),
        8 => (0..ORGS, 0..100_i64).prop_map(|(org, reserved)| Act::Admit { org, reserved }),
        6 => (0..8_usize, 0..100_i64).prop_map(|(which, used)| Act::End { which, used }),
        1 => (0..8_usize).prop_map(|which| Act::Release { which }),
        4 => (0..ORGS, 0..12_u8).prop_map(|(org, key)| Act::Report { org, key }),
        2 => Just(Act::Settle),
        1 => Just(Act::SettleAndDie),
        1 => Just(Act::Die),
        2 => (1..9_i64).prop_map(|minutes| Act::Wait { minutes }),
    ]
}

/// What a report of this key says: the same each time.
fn reported(key: u8) -> i64 {
    i64::from(key) * 7 + 1
}

/// The process and what ought to be in the ledger.
struct World<'s> {
    store: &'s TestStore,
    run: Run,
    settler: Settler,
    orgs: Vec<OrgId>,
    in_flight: Vec<(IntentTicket, usize, i64)>,
    used: [i64; ORGS],
    reports: BTreeSet<(usize, u8)>,
}

impl<'s> World<'s> {
    async fn new(store: &'s TestStore) -> Self {
        let (run, settler) = Run::start(store).await;
        let orgs = (0..ORGS).map(|_| OrgId::generate(&run.env)).collect();
        Self { store, run, settler, orgs, in_flight: Vec::new(), used: [0; ORGS], reports: BTreeSet::new() }
    }

    async fn act(mut self, act: &Act) -> Self {
        match *act {
            Act::Request { org, used } => {
                self.run.request(self.orgs[org], None, &[("tokens", used)]);
                self.used[org] += used;
            }
            Act::Admit { org, reserved } => {
                let ticket = self.run.admit(self.orgs[org], None, &[("tokens", reserved)]);
                self.in_flight.push((ticket, org, reserved));
            }
            Act::End { which, used } if !self.in_flight.is_empty() => {
                let (ticket, org, _) = self.in_flight.swap_remove(which % self.in_flight.len());
                self.run.end(ticket, Outcome::Completed, &[("tokens", used)]);
                self.used[org] += used;
            }
            Act::Release { which } if !self.in_flight.is_empty() => {
                let (ticket, ..) = self.in_flight.swap_remove(which % self.in_flight.len());
                self.run.end(ticket, Outcome::Released, &[]);
            }
            Act::End { .. } | Act::Release { .. } => {}
            Act::Report { org, key } => self.report(org, key),
            Act::Settle => drop(self.settler.catch_up().await.unwrap()),
            Act::SettleAndDie => {
                let segments = self.segments();
                self.settler.catch_up().await.unwrap();
                return self.die(segments).await;
            }
            Act::Die => return self.die(BTreeMap::new()).await,
            Act::Wait { minutes } => self.run.clock.advance(Span::from_mins(minutes)),
        }
        self
    }

    fn report(&mut self, org: usize, key: u8) {
        let charges = [Charge::add("tokens", reported(key))];
        let mut whole = [key; 32];
        whole[..16].copy_from_slice(self.orgs[org].uuid().as_bytes());
        let env = &self.run.env;
        let report = Report {
            id: EventId::generate(env),
            org: self.orgs[org],
            key: whole,
            body: [key; 16],
            kind: "job.finished",
            source: "/render",
            subject: None,
            at: env.now(),
            received_at: env.now(),
            project: None,
            team: None,
            key_id: None,
            user: None,
            service: None,
            environment: 0,
            groups: Groups::NONE,
            data: None,
            charges: (&charges).into(),
        };
        self.run.writer.append_report(&report).unwrap();
        if self.reports.insert((org, key)) {
            self.used[org] += reported(key);
        }
    }

    fn segments(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = fs::read_dir(log_folder(self.store)).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
    }

    /// Starts anew. What was in flight is charged as it was reserved; segments that were let go of in the last moment
    /// are there again.
    async fn die(self, segments: BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let Self { store, run, settler, orgs, in_flight, mut used, reports } = self;
        for (_, org, reserved) in in_flight {
            used[org] += reserved;
        }
        drop((run, settler));
        for (path, bytes) in segments {
            if !path.exists() {
                fs::write(path, bytes).unwrap();
            }
        }
        let (run, settler) = Run::start(store).await;
        Self { store, run, settler, orgs, in_flight: Vec::new(), used, reports }
    }

    async fn check(self) {
        let mut world = self.die(BTreeMap::new()).await;
        world.settler.catch_up().await.unwrap();
        let storage = &world.run.storage;
        for (org, expected) in world.orgs.iter().zip(world.used) {
            assert_eq!(used(storage, *org, "tokens").await, expected);
            let mut tx = storage.platform_read(Store::Ledger, &Worker::Settlement).await.unwrap();
            assert_eq!(reconcile::day(&mut tx, *org, at(NOON)).await.unwrap(), []);
        }
    }
}

on_both_engines! {
    async fn what_was_used_is_what_settled_events_come_to(store) {
        let runtime = tokio::runtime::Handle::current();
        let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
        let outcome = tokio::task::block_in_place(|| {
            runner.run(&prop::collection::vec(act(), 1..80), |acts| {
                runtime.block_on(async {
                    let mut world = World::new(&store).await;
                    for act in &acts {
                        world = world.act(act).await;
                    }
                    world.check().await;
                });
                Ok(())
            })
        });
        outcome.unwrap();
    }
}
