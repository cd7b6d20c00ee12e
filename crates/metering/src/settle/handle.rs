//! What the rest of the process knows of the settler.

use super::{batch::Batch, unsettled};
use insula_kernel::{Instant, Result};
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
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
    /// Places of the log that can't be read.
    pub damaged: u64,
    /// Events that were read and are not yet in the ledger.
    pub pending: u64,
    /// Everything acknowledged before this instant is in the ledger. How far it lies back is the lag.
    pub settled_until: Instant,
}

/// The figures, as the settler counts them.
#[derive(Default)]
pub(super) struct Counters {
    events: AtomicU64,
    duplicates: AtomicU64,
    recovered: AtomicU64,
    released: AtomicU64,
    damaged: AtomicU64,
    pending: AtomicU64,
    settled_until: AtomicI64,
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Counters {
    pub(super) fn read(&self, batch: &Batch) {
        self.recovered.fetch_add(count(batch.recovered), Relaxed);
        self.released.fetch_add(count(batch.released), Relaxed);
        self.damaged.fetch_add(count(batch.damage.len()), Relaxed);
        self.pending.store(count(batch.len()), Relaxed);
    }

    pub(super) fn written(&self, batch: &Batch, new: usize) {
        self.events.fetch_add(count(new), Relaxed);
        self.duplicates.fetch_add(count(batch.len().saturating_sub(new)), Relaxed);
        self.pending.store(0, Relaxed);
    }

    pub(super) fn settled_until(&self, at: Instant) {
        self.settled_until.store(at.as_micros(), Relaxed);
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            events: self.events.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            recovered: self.recovered.load(Relaxed),
            released: self.released.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            pending: self.pending.load(Relaxed),
            settled_until: Instant::from_micros(self.settled_until.load(Relaxed)),
        }
    }
}
