//! A counter per calendar window that is exact at any concurrency.
//!
//! The current window is one immutable pair of bounds with one atomic counter behind an [`ArcSwap`]. A
//! reservation is a compare-and-swap on the counter and holds the window it counted in; so a reservation that
//! outlives its window gives back to where it took from, and a new window starts at nothing without waiting
//! for anyone.
//!
//! Time only moves forward here. When the clock jumps back, the latest window seen goes on counting, which may
//! refuse early; an earlier window is never opened a second time, which would admit its bound twice.

use crate::{Bounds, Window};
use arc_swap::{ArcSwap, Guard};
use insula_kernel::Instant;
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
    /// When the next window begins.
    pub resets_at: Instant,
}

/// The bound left no room; nothing was reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exceeded {
    /// Consumed and reserved at the moment of the refusal.
    pub used: i64,
    /// The bound that was asked for.
    pub limit: i64,
    /// When the next window begins.
    pub resets_at: Instant,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} used until {}", self.used, self.limit, self.resets_at)
    }
}

impl Error for Exceeded {}

/// What one organization has used of one limit in the current window.
#[derive(Debug)]
pub struct Quota {
    window: Window,
    current: ArcSwap<Period>,
}

#[derive(Debug)]
struct Period {
    bounds: Bounds,
    used: AtomicI64,
}

impl Quota {
    /// A quota of which nothing is used.
    #[must_use]
    pub fn new(window: Window) -> Self {
        // A window before all time: whatever the first instant is, it lies after it.
        let never = Instant::from_micros(i64::MIN);
        Self { window, current: ArcSwap::from_pointee(Period::new(Bounds { start: never, end: never })) }
    }

    /// The window the quota counts over.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }

    /// Takes `amount` out of `bound` in the window of `now`, or changes nothing.
    ///
    /// Both are in the meter's smallest units; a negative amount counts as none, `i64::MAX` is no bound. The
    /// sum of all that is reserved and consumed never passes `bound` by way of this call, however many
    /// make it at once.
    ///
    /// # Errors
    /// [`Exceeded`] when `amount` doesn't fit under `bound`.
    pub fn reserve(&self, now: Instant, amount: i64, bound: i64) -> Result<Reservation, Exceeded> {
        let amount = amount.max(0);
        let mut period = self.current.load();
        if now >= period.bounds.end {
            let next = self.window.containing(now);
            if amount > bound {
                return Err(Exceeded { used: 0, limit: bound, resets_at: next.end });
            }
            period = self.open(next);
        }
        match period.take(amount, bound) {
            Ok(()) => Ok(Reservation { period: Guard::into_inner(period), amount }),
            Err(used) => Err(Exceeded { used, limit: bound, resets_at: period.bounds.end }),
        }
    }

    /// Adds what the ledger knows was used in the window that starts at `start` (any instant of the window
    /// will do). Called once per window and start of the process; usage of a window that has passed is ignored.
    pub fn restore(&self, start: Instant, used: i64) {
        let bounds = self.window.containing(start);
        let period = self.open(bounds);
        if period.bounds == bounds {
            period.adjust(used.max(0));
        }
    }

    /// What is used of the window of `now`; changes nothing.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Usage {
        let period = self.current.load();
        if now >= period.bounds.end {
            return Usage { used: 0, resets_at: self.window.containing(now).end };
        }
        period.usage()
    }

    /// Makes this window the current one unless a later one is, and returns the current one.
    fn open(&self, bounds: Bounds) -> Guard<Arc<Period>> {
        let mut current = self.current.load();
        if current.bounds.start >= bounds.start {
            return current;
        }
        let next = Arc::new(Period::new(bounds));
        loop {
            let before = self.current.compare_and_swap(&current, Arc::clone(&next));
            if Arc::ptr_eq(&before, &current) {
                return Guard::from_inner(next);
            }
            // Someone else opened a window: theirs will do unless it is an earlier one still.
            if before.bounds.start >= bounds.start {
                return before;
            }
            current = before;
        }
    }
}

impl Period {
    const fn new(bounds: Bounds) -> Self {
        Self { bounds, used: AtomicI64::new(0) }
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
        Usage { used: self.used.load(Relaxed), resets_at: self.bounds.end }
    }
}

/// An amount taken from one window, until it is settled. Dropped unsettled, it goes back whole.
#[derive(Debug)]
#[must_use = "a reservation that is dropped gives back what it took"]
pub struct Reservation {
    period: Arc<Period>,
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
        self.period.usage()
    }

    /// Keeps what was really used and gives the rest back. More than was reserved is recorded too, past the
    /// bound if need be: it has happened and will be billed. A negative amount counts as none.
    pub fn settle(mut self, actual: i64) -> Usage {
        // Taken out of `self` first, so that the drop that follows gives nothing back.
        let reserved = std::mem::take(&mut self.amount);
        self.period.adjust(actual.max(0) - reserved);
        self.period.usage()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.amount != 0 {
            self.period.adjust(-self.amount);
        }
    }
}
