//! A counter per calendar window that is exact at any concurrency.
//!
//! The current window is one immutable period with one atomic counter behind an [`ArcSwap`]. A
//! reservation is a compare-and-swap on the counter and holds the window it counted in; so a reservation that
//! outlives its window gives back to where it took from, and a new window starts at nothing without waiting
//! for anyone.
//!
//! Time only moves forward here. When the clock jumps back, the latest window seen goes on counting, which may
//! refuse early; an earlier window is never opened a second time, which would admit its bound twice.

use crate::Window;
use arc_swap::{ArcSwap, Guard};
use insula_kernel::{Instant, Period};
use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

/// How much of a window is spoken for, and until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Consumed and reserved, in the meter's smallest units.
    pub used: i64,
    /// The window.
    pub period: Period,
}

/// The bound left no room; nothing was reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exceeded {
    /// Consumed and reserved at the moment of the refusal.
    pub used: i64,
    /// The bound that was asked for.
    pub limit: i64,
    /// The window.
    pub period: Period,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} used until {}", self.used, self.limit, self.period.end)
    }
}

impl Error for Exceeded {}

/// What was used in the current window, by whomever it counts for. The window comes with each call, so that it is never
/// another than that of the limit in force.
#[derive(Debug)]
pub struct Quota {
    current: ArcSwap<Count>,
}

impl Default for Quota {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Count {
    period: Period,
    used: AtomicI64,
}

impl Quota {
    /// A quota of which nothing is used.
    #[must_use]
    pub fn new() -> Self {
        // A window before all time: whatever the first instant is, it lies after it.
        let never = Instant::from_micros(i64::MIN);
        Self { current: ArcSwap::from_pointee(Count::new(Period { start: never, end: never })) }
    }

    /// Takes `amount` out of `bound` in the window of `now`, or changes nothing.
    ///
    /// Both are in the meter's smallest units; a negative amount counts as none, `i64::MAX` is no bound. The
    /// sum of all that is reserved and consumed never passes `bound` by way of this call, however many
    /// make it at once.
    ///
    /// # Errors
    /// [`Exceeded`] when `amount` doesn't fit under `bound`.
    pub fn reserve(
        &self,
        now: Instant,
        window: &Window,
        amount: i64,
        bound: i64,
    ) -> Result<Reservation, Exceeded> {
        let amount = amount.max(0);
        let mut count = self.current.load();
        if now >= count.period.end {
            let next = window.containing(now);
            if amount > bound {
                return Err(Exceeded { used: 0, limit: bound, period: next });
            }
            count = self.open(next);
        }
        match count.take(amount, bound) {
            Ok(()) => Ok(Reservation { count: Guard::into_inner(count), amount }),
            Err(used) => Err(Exceeded { used, limit: bound, period: count.period }),
        }
    }

    /// Adds what was used, and can't be refused any more, in the window that holds `at`: what the ledger knows when the
    /// process starts, or what was reported. Usage of a window that has passed is ignored.
    pub fn add(&self, at: Instant, window: &Window, used: i64) {
        let period = window.containing(at);
        let count = self.open(period);
        if count.period == period {
            count.adjust(used.max(0));
        }
    }

    /// What is used of the window of `now`; changes nothing.
    #[must_use]
    pub fn snapshot(&self, now: Instant, window: &Window) -> Usage {
        let count = self.current.load();
        if now >= count.period.end {
            return Usage { used: 0, period: window.containing(now) };
        }
        count.usage()
    }

    /// Makes this window the current one unless a later one is, and returns the current one.
    fn open(&self, period: Period) -> Guard<Arc<Count>> {
        let mut current = self.current.load();
        if current.period.start >= period.start {
            return current;
        }
        let next = Arc::new(Count::new(period));
        loop {
            let before = self.current.compare_and_swap(&current, Arc::clone(&next));
            if Arc::ptr_eq(&before, &current) {
                return Guard::from_inner(next);
            }
            // Someone else opened a window: theirs will do unless it is an earlier one still.
            if before.period.start >= period.start {
                return before;
            }
            current = before;
        }
    }
}

impl Count {
    const fn new(period: Period) -> Self {
        Self { period, used: AtomicI64::new(0) }
    }

    /// Adds `amount` if the sum stays within `bound`, else tells what is used.
    ///
    /// The counter is the only shared datum and nothing is published through it, so `Relaxed` is enough.
    fn take(&self, amount: i64, bound: i64) -> Result<(), i64> {
        let mut used = self.used.load(Relaxed);
        loop {
            let Some(sum) = used.checked_add(amount).filter(|sum| *sum <= bound) else { return Err(used) };
            match self.used.compare_exchange_weak(used, sum, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => used = seen,
            }
        }
    }

    /// Adds a difference; a counter that reached the end of its range stays there, so it can't come to admit
    /// more than it should.
    fn adjust(&self, difference: i64) {
        let mut used = self.used.load(Relaxed);
        while used != i64::MAX {
            let sum = used.saturating_add(difference);
            match self.used.compare_exchange_weak(used, sum, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(seen) => used = seen,
            }
        }
    }

    fn usage(&self) -> Usage {
        Usage { used: self.used.load(Relaxed), period: self.period }
    }
}

/// An amount taken from one window, until it is settled. Dropped unsettled, it goes back whole.
#[derive(Debug)]
#[must_use = "a reservation that is dropped gives back what it took"]
pub struct Reservation {
    count: Arc<Count>,
    amount: i64,
}

impl Reservation {
    /// The amount taken.
    #[must_use]
    pub const fn amount(&self) -> i64 {
        self.amount
    }

    /// What is used now of the window this was taken from.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.count.usage()
    }

    /// Keeps what was really used and gives the rest back. More than was reserved is recorded too, past the
    /// bound if need be: it has happened and will be billed. A negative amount counts as none.
    pub fn settle(mut self, actual: i64) -> Usage {
        // Taken out of `self` first, so that the drop that follows gives nothing back.
        let reserved = std::mem::take(&mut self.amount);
        self.count.adjust(actual.max(0) - reserved);
        self.count.usage()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.amount != 0 {
            self.count.adjust(-self.amount);
        }
    }
}
