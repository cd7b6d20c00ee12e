//! Counts what a job takes while it runs, so that what was used is known however it ends.

use crate::job::Usage;
use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// What one attempt at a job took so far.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    fetches: AtomicI64,
    bytes: AtomicI64,
    compute_us: AtomicI64,
}

/// Counts time as computing until it is dropped.
pub(crate) struct Computing<'m> {
    meter: &'m Meter,
    since: Instant,
}

impl Meter {
    pub(crate) fn fetched(&self) {
        self.fetches.fetch_add(1, Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(i64::try_from(bytes).unwrap_or(i64::MAX), Relaxed);
    }

    pub(crate) fn computing(&self) -> Computing<'_> {
        Computing { meter: self, since: Instant::now() }
    }

    pub(crate) fn computed(&self, time: Duration) {
        self.compute_us.fetch_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX), Relaxed);
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            fetches: self.fetches.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            compute_us: self.compute_us.load(Relaxed),
        }
    }
}

impl Drop for Computing<'_> {
    fn drop(&mut self) {
        self.meter.computed(self.since.elapsed());
    }
}
