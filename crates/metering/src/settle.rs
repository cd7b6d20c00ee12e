//! Settlement: the one writer that carries usage from the write-ahead log into the ledger.
//!
//! What must always hold:
//! - An event and what it adds to sums are written in one transaction, and a segment of the log is let go only after
//!   it committed. So an entry that is told twice (after a crash, or after a commit whose answer was lost) is counted
//!   once: the ledger knows requests by their id and reports by their key, and only those it didn't know add to sums.
//!   What is told of holds comes to the same however often and in whatever order it is told.
//! - What was read and couldn't be written is kept and tried again, and nothing more is read meanwhile: a ledger that is
//!   away for an hour makes the log longer, not the process larger.
//! - A request whose settlement is missing because its process died is charged as it was reserved, and marked.
//!
//! The settler is a task of its own that looks at the log every [`POLL_EVERY`], and at once when someone asks for a
//! [`flush`](SettlerHandle::flush). The log is read on the runtime's threads for blocking work, to which its tail is
//! lent for the call: a read comes out of the page cache and takes microseconds, but after a restart it may wait for
//! a disk, and a thread that carries other tasks must not. A thread of its own would wait for the database most of its
//! life.

mod batch;
mod event;
mod handle;
mod holds;
mod tally;
mod thresholds;

pub(crate) use event::{Event, Part, environment, quantities};
pub use handle::{Figures, SettlerHandle};
pub(crate) use tally::{DIGEST_MASK, Kind, Member, Sum, Tally, counted_at, digest};
pub(crate) use thresholds::Crossed;
pub use thresholds::{Bounded, LimitWindow, Thresholds};

use crate::log::{DamageKind, Tail};
use batch::Batch;
use event::Texts;
use handle::{Counters, Request};
use insula_kernel::{Env, Error, ErrorKind, Result, Span};
use insula_storage::{Storage, StoreError};
use std::{io, sync::Arc, time::Duration};
use thresholds::Watch;
use tokio::{sync::mpsc, task, time};

/// How often the log is looked at.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// The shortest and the longest time between two tries after a failure.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// How long one transaction may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is seen whether another process has left segments behind.
const ADOPT_EVERY: Duration = Duration::from_secs(2);

/// Carries usage from the log into the ledger. There is one per log.
pub struct Settler {
    storage: Storage,
    env: Env,
    /// Out on loan while it is read, with the texts that are kept between batches.
    tail: Option<(Tail, Texts)>,
    watch: Watch,
    /// Whether the last batch wasn't all there was.
    backlog: bool,
    /// Read, and not yet in the ledger.
    kept: Option<Batch>,
    adopt_at: time::Instant,
    counters: Arc<Counters>,
}

/// Why not all that the log told is in the ledger.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the ledger can't be written: {0}")]
    Ledger(#[from] StoreError),
    #[error("a transaction of the ledger took too long")]
    TooSlow,
    #[error("the write-ahead log can't be read: {0}")]
    Log(#[from] io::Error),
    #[error("reading the write-ahead log was broken off")]
    TailLost,
}

impl Failure {
    fn to_error(&self) -> Error {
        unsettled(self.to_string())
    }
}

/// The answer to who needs the ledger to be up to date when it can't be.
fn unsettled(cause: String) -> Error {
    let detail = "Usage can't be brought up to date at the moment; none of it is lost. Try again.";
    Error::new(ErrorKind::Unavailable, "usage.unsettled", detail)
        .retry_after(Span::from_secs(2))
        .caused_by(cause)
}

impl Settler {
    /// A settler for this log, which writes into this ledger.
    #[must_use]
    pub fn new(storage: Storage, tail: Tail, env: Env) -> Self {
        let counters = Arc::new(Counters::new(env.clone()));
        Self {
            storage,
            env,
            tail: Some((tail, Texts::default())),
            watch: Watch::new(Arc::new(())),
            backlog: false,
            kept: None,
            adopt_at: time::Instant::now(),
            counters,
        }
    }

    /// The same, which warns of these limits.
    #[must_use]
    pub fn with_thresholds(mut self, thresholds: Arc<dyn Thresholds>) -> Self {
        self.watch = Watch::new(thresholds);
        self
    }

    /// Settles everything that former runs left behind: to be awaited before limits are restored from the ledger and
    /// traffic is let in.
    ///
    /// # Errors
    /// `usage.unsettled` when the log can't be read or the ledger can't be written. Nothing is lost; it may be called
    /// again. A call that isn't awaited to its end leaves the settler unable to go on.
    pub async fn catch_up(&mut self) -> Result<Figures> {
        self.round().await.map_err(|failure| failure.to_error())?;
        Ok(self.counters.figures())
    }

    /// Goes to work, on a task of its own.
    pub fn start(self) -> SettlerHandle {
        let (handle, requests) = SettlerHandle::new(&self.counters);
        tokio::spawn(self.run(requests));
        handle
    }

    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut failures = 0;
        loop {
            let wait = if failures == 0 { POLL_EVERY } else { back_off(failures) };
            let mut waiting = match time::timeout(wait, requests.recv()).await {
                Ok(Some(request)) => vec![request],
                // Nobody is left who could ask. What is in the log stays there for the next run.
                Ok(None) => return,
                Err(_) => Vec::new(),
            };
            while let Ok(request) = requests.try_recv() {
                waiting.push(request);
            }
            let outcome = self.round().await;
            failures = if outcome.is_ok() { 0 } else { failures + 1 };
            let last = waiting.iter().any(|request| request.last);
            if last {
                // Who waits for the end may want to open the log anew at once.
                self.tail = None;
            }
            for request in waiting {
                request.answer(outcome.as_ref().copied().map_err(Failure::to_error));
            }
            match outcome {
                _ if last => return,
                Err(Failure::TailLost) => {
                    return tracing::error!("settlement has stopped: restart the process");
                }
                Err(failure) => tracing::error!(%failure, failures, "usage is not settled"),
                Ok(()) => {}
            }
        }
    }

    /// Brings everything that was acknowledged before the call into the ledger.
    async fn round(&mut self) -> Result<(), Failure> {
        loop {
            if let Some(kept) = self.kept.take() {
                self.write(kept).await?;
            }
            let asked = self.env.now();
            let batch = self.read().await?;
            let complete = batch.complete;
            self.write(batch).await?;
            if complete {
                self.counters.settled_until(asked);
                return Ok(());
            }
        }
    }

    async fn read(&mut self) -> Result<Batch, Failure> {
        let (adopt, backlog) = (self.adopt_at <= time::Instant::now(), self.backlog);
        let batch = self
            .with_tail(move |tail, texts| {
                if adopt {
                    adopt_left_behind(tail);
                }
                Batch::read(tail, texts, backlog)
            })
            .await??;
        self.backlog = !batch.complete;
        if adopt {
            self.adopt_at = time::Instant::now() + ADOPT_EVERY;
        }
        for damage in &batch.damage {
            let (segment, offset_bytes, length_bytes) =
                (damage.segment.display(), damage.offset, damage.length);
            match damage.kind {
                DamageKind::Torn => {
                    tracing::info!(%segment, offset_bytes, length_bytes, "a last write was cut short; it was never acknowledged");
                }
                DamageKind::Miscounted => {
                    tracing::error!(%segment, length_bytes, "other events were read from the write-ahead log than were written to it");
                }
                kind => {
                    tracing::error!(%segment, offset_bytes, length_bytes, ?kind, "the write-ahead log is damaged");
                }
            }
        }
        self.counters.read(&batch);
        Ok(batch)
    }

    /// Writes a batch and lets go of its segments, or keeps it.
    async fn write(&mut self, batch: Batch) -> Result<(), Failure> {
        let writing = batch.write(&self.storage, &self.env, &self.watch);
        let written = match time::timeout(PATIENCE, writing).await {
            Ok(written) => written.map_err(Failure::from),
            Err(_) => Err(Failure::TooSlow),
        };
        match written {
            Ok(written) => {
                self.counters.written(&batch, &written);
                self.watch.remember(written.news);
                let mark = batch.mark;
                if let Err(error) = self.with_tail(move |tail, _| tail.confirm(mark)).await? {
                    // All it held is in the ledger; the next call tries again.
                    tracing::warn!(%error, "a settled segment of the write-ahead log can't be removed");
                }
                Ok(())
            }
            Err(failure) => {
                self.kept = Some(batch);
                Err(failure)
            }
        }
    }

    /// Lends the tail to a thread that may block.
    async fn with_tail<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Tail, &mut Texts) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (mut tail, mut texts) = self.tail.take().ok_or(Failure::TailLost)?;
        let lent = task::spawn_blocking(move || {
            let result = act(&mut tail, &mut texts);
            ((tail, texts), result)
        });
        let (tail, result) = lent.await.map_err(|_| Failure::TailLost)?;
        self.tail = Some(tail);
        Ok(result)
    }
}

/// Takes over what a process that ended meanwhile has left: after a restart that hands the listener over, the older one
/// drains for a while.
fn adopt_left_behind(tail: &mut Tail) {
    match tail.adopt() {
        Ok(0) => {}
        Ok(segments) => tracing::info!(segments, "segments of the write-ahead log were left behind"),
        Err(error) => tracing::error!(%error, "the folder of the write-ahead log can't be read"),
    }
}

/// Twice as long after each failure, within bounds.
fn back_off(failures: u32) -> Duration {
    let [shortest, longest] = BACK_OFF;
    shortest.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_further_apart_within_bounds() {
        let waits: Vec<_> = [1, 2, 3, 6, 7, 40, u32::MAX].map(|n| back_off(n).as_millis()).into();
        assert_eq!(waits, [100, 200, 400, 3_200, 5_000, 5_000, 5_000]);
    }
}
