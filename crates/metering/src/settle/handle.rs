//! What the rest of the process knows of the settler.

use super::{
    batch::{Batch, Written},
    unsettled,
};
use crate::log::DamageKind;
use insula_kernel::{Env, Instant, OrgId, Result, Span};
use parking_lot::Mutex;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::{mpsc, oneshot};

/// How many may wait for a flush; more wait for their turn to ask.
const WAITING: usize = 256;

/// Asks the settler for things. Cheap to clone.
///
/// The settler stops when every handle is gone, without a last look at the log: what is there stays for the next run.
#[derive(Clone)]
pub struct SettlerHandle {
    requests: mpsc::Sender<Request>,
    counters: Arc<Counters>,
}

/// Someone who waits for the ledger to be up to date.
pub(super) struct Request {
    /// Whether the settler stops then.
    pub(super) last: bool,
    reply: oneshot::Sender<Result<()>>,
}

impl Request {
    pub(super) fn answer(self, outcome: Result<()>) {
        // Who no longer waits needs no answer.
        drop(self.reply.send(outcome));
    }
}

impl SettlerHandle {
    pub(super) fn new(counters: &Arc<Counters>) -> (Self, mpsc::Receiver<Request>) {
        let (requests, received) = mpsc::channel(WAITING);
        (Self { requests, counters: Arc::clone(counters) }, received)
    }

    /// Returns once everything that the log acknowledged before the call is in the ledger.
    ///
    /// # Errors
    /// `usage.unsettled` when it can't be brought there at the moment. The settler goes on trying.
    pub async fn flush(&self) -> Result<()> {
        self.ask(false).await
    }

    /// A last flush, after which the settler stops. To be called when nothing more is admitted.
    ///
    /// # Errors
    /// As [`flush`](Self::flush). What isn't in the ledger is in the log, and the next run settles it.
    pub async fn shutdown(&self) -> Result<()> {
        self.ask(true).await
    }

    async fn ask(&self, last: bool) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        let stopped = || unsettled("the settler has stopped".into());
        self.requests.send(Request { last, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// The latest instant of which it is known that everything acknowledged before is in the ledger.
    #[must_use]
    pub fn settled_until(&self) -> Instant {
        Instant::from_micros(self.counters.settled_until.load(Relaxed))
    }

    /// The days of organizations to which events were added, and which nobody has taken to check since.
    pub(crate) fn take_unchecked(&self) -> BTreeSet<(OrgId, Instant)> {
        std::mem::take(&mut *self.counters.unchecked.lock())
    }

    /// Gives back what was taken and not checked.
    pub(crate) fn put_unchecked(&self, days: BTreeSet<(OrgId, Instant)>) {
        self.counters.unchecked.lock().extend(days);
    }

    /// Another day was checked, with so many events, and so many sums found wrong.
    pub(crate) fn checked(&self, events: u64, mismatches: usize) {
        self.counters.checked(events, mismatches);
    }

    /// What the settler has done and how far it is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.counters.figures()
    }
}

/// What the settler has done since the start of the process, and how far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Figures {
    /// Events written into the ledger.
    pub events: u64,
    /// Events that were in the ledger before.
    pub duplicates: u64,
    /// Of both, those charged as reserved because their end wasn't seen.
    pub recovered: u64,
    /// Requests that were released, and so are no events.
    pub released: u64,
    /// What was told of holds, each hold once per batch.
    pub holds: u64,
    /// Warnings that were given of limits that are nearly reached.
    pub warnings: u64,
    /// Places of the log that can't be read.
    pub damaged: u64,
    /// Of those, segments in which other events were read than were written to them.
    pub miscounted: u64,
    /// Events that were read and are not yet in the ledger.
    pub pending: u64,
    /// Everything acknowledged before this instant is in the ledger.
    pub settled_until: Instant,
    /// How far that lies back.
    pub lag: Span,
    /// Days of organizations whose sums were compared with their events.
    pub checked: u64,
    /// The events of those days: what was admitted or reported.
    pub checked_events: u64,
    /// Sums that were found not to be those of their events.
    pub mismatches: u64,
    /// When sums were last compared; the epoch if they never were.
    pub checked_at: Instant,
}

/// The figures, as the settler counts them.
pub(super) struct Counters {
    env: Env,
    /// When the process began to settle: until it has, the lag is counted from then.
    since: Instant,
    events: AtomicU64,
    duplicates: AtomicU64,
    recovered: AtomicU64,
    released: AtomicU64,
    holds: AtomicU64,
    warnings: AtomicU64,
    damaged: AtomicU64,
    miscounted: AtomicU64,
    pending: AtomicU64,
    settled_until: AtomicI64,
    checked: AtomicU64,
    checked_events: AtomicU64,
    mismatches: AtomicU64,
    checked_at: AtomicI64,
    /// Days of organizations to which events were added and which weren't checked since.
    unchecked: Mutex<BTreeSet<(OrgId, Instant)>>,
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Counters {
    pub(super) fn new(env: Env) -> Self {
        Self {
            since: env.now(),
            env,
            events: AtomicU64::default(),
            duplicates: AtomicU64::default(),
            recovered: AtomicU64::default(),
            released: AtomicU64::default(),
            holds: AtomicU64::default(),
            warnings: AtomicU64::default(),
            damaged: AtomicU64::default(),
            miscounted: AtomicU64::default(),
            pending: AtomicU64::default(),
            settled_until: AtomicI64::default(),
            checked: AtomicU64::default(),
            checked_events: AtomicU64::default(),
            mismatches: AtomicU64::default(),
            checked_at: AtomicI64::default(),
            unchecked: Mutex::default(),
        }
    }

    pub(super) fn read(&self, batch: &Batch) {
        let miscounted = batch.damage.iter().filter(|place| place.kind == DamageKind::Miscounted);
        self.recovered.fetch_add(count(batch.recovered()), Relaxed);
        self.released.fetch_add(count(batch.released), Relaxed);
        self.damaged.fetch_add(count(batch.damage.len()), Relaxed);
        self.miscounted.fetch_add(count(miscounted.count()), Relaxed);
        self.pending.store(count(batch.len()), Relaxed);
    }

    pub(super) fn written(&self, batch: &Batch, written: &Written) {
        self.events.fetch_add(count(written.new), Relaxed);
        self.duplicates.fetch_add(count(batch.len().saturating_sub(written.new)), Relaxed);
        self.holds.fetch_add(count(batch.holds.len()), Relaxed);
        self.warnings.fetch_add(count(written.news.warnings), Relaxed);
        self.pending.store(0, Relaxed);
        self.unchecked.lock().extend(batch.days());
    }

    pub(super) fn checked(&self, events: u64, mismatches: usize) {
        self.checked.fetch_add(1, Relaxed);
        self.checked_events.fetch_add(events, Relaxed);
        self.mismatches.fetch_add(count(mismatches), Relaxed);
        self.checked_at.store(self.env.now().as_micros(), Relaxed);
    }

    pub(super) fn settled_until(&self, at: Instant) {
        self.settled_until.store(at.as_micros(), Relaxed);
    }

    pub(super) fn figures(&self) -> Figures {
        let settled_until = Instant::from_micros(self.settled_until.load(Relaxed));
        Figures {
            events: self.events.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            recovered: self.recovered.load(Relaxed),
            released: self.released.load(Relaxed),
            holds: self.holds.load(Relaxed),
            warnings: self.warnings.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            miscounted: self.miscounted.load(Relaxed),
            pending: self.pending.load(Relaxed),
            settled_until,
            lag: self.env.now().saturating_since(settled_until.max(self.since)),
            checked: self.checked.load(Relaxed),
            checked_events: self.checked_events.load(Relaxed),
            mismatches: self.mismatches.load(Relaxed),
            checked_at: Instant::from_micros(self.checked_at.load(Relaxed)),
        }
    }
}
