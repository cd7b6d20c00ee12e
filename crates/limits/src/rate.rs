//! Requests per stretch of time, as the generic cell rate algorithm (GCRA) in one atomic.
//!
//! The source is ITU-T Recommendation I.371, annex A, the *virtual scheduling* form: one number, the
//! theoretical arrival time (TAT), says when the bucket would be full again. A request conforms if adding its
//! share to the TAT leaves it no further ahead of now than a whole burst.
//!
//! Time is kept in nanoseconds, and the share of one request is rounded up, so rounding never admits more.

use insula_kernel::{Instant, Span};
use std::{
    error::Error,
    fmt,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

const NANOS_PER_MICRO: i64 = 1_000;
/// The longest burst, in time. Keeps every sum far from the end of an `i64` of nanoseconds.
const MAX_BURST_NANOS: i64 = 366 * 86_400 * 1_000_000_000;
/// How far beyond a whole burst the TAT may lie before the clock is taken to have jumped back. Threads read
/// the clock at slightly different moments; the tolerance keeps that from looking like a jump.
const JUMP_NANOS: i64 = 1_000_000_000;

/// How often something may happen: `allowance` times `per` span, and `burst` times at once after a rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RatePolicy {
    allowance: u32,
    per: Span,
    burst: u32,
    /// Time that one request uses up, in nanoseconds, rounded up.
    interval: i64,
    /// Time that a whole burst uses up, in nanoseconds.
    tolerance: i64,
}

impl RatePolicy {
    /// The policy; `None` if one of the three is zero or negative (what admits nothing is no rate), or if a
    /// burst would take more than a year to come back.
    #[must_use]
    pub const fn new(allowance: u32, per: Span, burst: u32) -> Option<Self> {
        if allowance == 0 || burst == 0 || per.as_micros() <= 0 {
            return None;
        }
        let Some(per_nanos) = per.as_micros().checked_mul(NANOS_PER_MICRO) else { return None };
        let interval = (per_nanos - 1) / allowance as i64 + 1;
        let Some(tolerance) = interval.checked_mul(burst as i64) else { return None };
        if tolerance > MAX_BURST_NANOS {
            return None;
        }
        Some(Self { allowance, per, burst, interval, tolerance })
    }

    /// How many in each span.
    #[must_use]
    pub const fn allowance(&self) -> u32 {
        self.allowance
    }

    /// The span.
    #[must_use]
    pub const fn per(&self) -> Span {
        self.per
    }

    /// How many at once after a rest.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }
}

/// Where a rate stands after it admitted a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateState {
    /// How many more would be admitted at this very moment.
    pub remaining: u32,
    /// How long until a whole burst is there again.
    pub reset_after: Span,
}

/// The rate left no room; nothing was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limited {
    /// How long until one request would be admitted if no other came first.
    pub retry_after: Span,
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many requests; try again in {} s", self.retry_after.ceil_secs())
    }
}

impl Error for Limited {}

/// How far one principal has used up a rate. The policy comes with each call.
#[derive(Debug)]
pub struct Rate {
    /// The theoretical arrival time in nanoseconds since the epoch.
    arrival: AtomicI64,
}

impl Default for Rate {
    fn default() -> Self {
        Self::new()
    }
}

impl Rate {
    /// A rate of which nothing is used.
    #[must_use]
    pub const fn new() -> Self {
        Self { arrival: AtomicI64::new(i64::MIN) }
    }

    /// Takes one request out of the policy, or changes nothing.
    ///
    /// When the clock jumps back by more than a second, the bucket counts as empty at the new time and fills
    /// at its rate from there: it refuses more than it would have to, but not until the clock has caught up.
    ///
    /// # Errors
    /// [`Limited`] when the request doesn't conform.
    pub fn check(&self, now: Instant, policy: &RatePolicy) -> Result<RateState, Limited> {
        let now = now.as_micros().saturating_mul(NANOS_PER_MICRO);
        let horizon = now.saturating_add(policy.tolerance);
        let mut arrival = self.arrival.load(Relaxed);
        loop {
            let next = arrival.max(now).saturating_add(policy.interval);
            let changed = if next <= horizon {
                self.arrival.compare_exchange_weak(arrival, next, Relaxed, Relaxed)
            } else if arrival > horizon.saturating_add(JUMP_NANOS) {
                // No sequence of calls leads here: the clock went back, or the policy became tighter.
                self.arrival.compare_exchange_weak(arrival, horizon, Relaxed, Relaxed)
            } else {
                return Err(Limited { retry_after: micros_up(next - horizon) });
            };
            match changed {
                Ok(_) if next <= horizon => return Ok(policy.state(next, now, horizon)),
                Ok(_) => arrival = horizon,
                Err(seen) => arrival = seen,
            }
        }
    }
}

impl Rate {
    /// Gives back what one [`check`](Rate::check) under this policy took, because the request was refused for another
    /// reason. Never gives back more than that.
    pub fn give_back(&self, policy: &RatePolicy) {
        self.arrival.fetch_sub(policy.interval, Relaxed);
    }
}

impl RatePolicy {
    fn state(&self, arrival: i64, now: i64, horizon: i64) -> RateState {
        let remaining = (horizon - arrival) / self.interval;
        RateState {
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset_after: micros_up(arrival - now),
        }
    }
}

/// Rounded up, so that who waits that long has waited long enough.
fn micros_up(nanos: i64) -> Span {
    Span::from_micros(nanos.max(0).saturating_add(NANOS_PER_MICRO - 1) / NANOS_PER_MICRO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Instant {
        Instant::from_secs(1_700_000_000) + Span::from_micros(micros)
    }

    #[test]
    fn a_burst_then_the_rate() {
        let policy = RatePolicy::new(10, Span::from_secs(1), 3).unwrap();
        let rate = Rate::new();
        let states: Vec<_> = (0..3).map(|_| rate.check(at(0), &policy).unwrap()).collect();
        assert_eq!(states.iter().map(|s| s.remaining).collect::<Vec<_>>(), [2, 1, 0]);
        assert_eq!(states[2].reset_after, Span::from_millis(300));
        assert_eq!(rate.check(at(0), &policy), Err(Limited { retry_after: Span::from_millis(100) }));
        assert!(rate.check(at(99_999), &policy).is_err());
        assert!(rate.check(at(100_000), &policy).is_ok());
        assert!(rate.check(at(100_000), &policy).is_err());
    }

    #[test]
    fn a_refusal_names_the_first_moment_that_will_do() {
        let policy = RatePolicy::new(3, Span::from_secs(1), 1).unwrap();
        let rate = Rate::new();
        assert!(rate.check(at(0), &policy).is_ok());
        let wait = rate.check(at(1), &policy).unwrap_err().retry_after;
        assert!(rate.check(at(1) + wait - Span::from_micros(1), &policy).is_err());
        assert!(rate.check(at(1) + wait, &policy).is_ok());
    }

    #[test]
    fn a_clock_set_back_neither_refills_nor_refuses_for_long() {
        let policy = RatePolicy::new(10, Span::from_secs(1), 5).unwrap();
        let rate = Rate::new();
        assert!(rate.check(at(0), &policy).is_ok());
        let back = at(0) - Span::from_hours(1);
        let wait = rate.check(back, &policy).unwrap_err().retry_after;
        assert_eq!(wait, Span::from_millis(100));
        assert!(rate.check(back + wait, &policy).is_ok());
        assert!(rate.check(back + wait, &policy).is_err());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_once() {
        let policy = RatePolicy::new(1, Span::from_secs(1), 2).unwrap();
        let rate = Rate::new();
        assert!(rate.check(at(0), &policy).is_ok());
        assert!(rate.check(at(0), &policy).is_ok());
        rate.give_back(&policy);
        assert!(rate.check(at(0), &policy).is_ok());
        assert!(rate.check(at(0), &policy).is_err());
    }

    #[test]
    fn a_wider_policy_takes_effect_at_once() {
        let tight = RatePolicy::new(1, Span::from_mins(1), 10).unwrap();
        let rate = Rate::new();
        for _ in 0..10 {
            assert!(rate.check(at(0), &tight).is_ok());
        }
        let wide = RatePolicy::new(100, Span::from_secs(1), 10).unwrap();
        let wait = rate.check(at(0), &wide).unwrap_err().retry_after;
        assert_eq!(wait, Span::from_millis(10));
    }

    #[test]
    fn what_admits_nothing_is_no_rate() {
        for (allowance, per, burst) in
            [(0, Span::from_secs(1), 1), (1, Span::from_secs(0), 1), (1, Span::from_secs(1), 0)]
        {
            assert_eq!(RatePolicy::new(allowance, per, burst), None);
        }
        assert_eq!(RatePolicy::new(1, Span::from_days(1), 1_000), None);
    }
}
