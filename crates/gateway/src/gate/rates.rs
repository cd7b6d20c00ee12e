//! How fast each key and each member of an organization may go on.
//!
//! What must always hold: who asks has one counter per window whatever the blueprint calls its limits, so no change
//! of blueprint or plan gives anyone a burst for nothing.

use super::Snapshot;
use crate::errors;
use insula_blueprint::RateWindow;
use insula_identity::RateOverride;
use insula_kernel::{Error, Instant, KeyId, LiveMap, OrgId, ServiceId, Span, UserId};
use insula_limits::{Entitlement, Rate, RatePolicy, Standing};
use parking_lot::Mutex;
use std::sync::Arc;

/// Who is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    Key(KeyId),
    Member(OrgId, UserId),
    Service(ServiceId),
}

/// Every counter.
#[derive(Default)]
pub(crate) struct Rates {
    counters: LiveMap<Asker, Arc<Counters>>,
    /// Held to make counters for someone new, so that two don't make them at once; never to count.
    making: Mutex<()>,
}

#[derive(Default)]
struct Counters {
    second: Rate,
    minute: Rate,
}

/// The policies that apply to a request, the limit of each, and what the plan says.
struct Policy {
    limit: usize,
    /// `None` admits nothing.
    rate: Option<RatePolicy>,
}

impl Rates {
    /// Counts a request, or tells which limit it goes beyond.
    pub(crate) fn check<'s>(
        &self,
        asker: Asker,
        snapshot: &'s Snapshot,
        entitlement: &Entitlement,
        own: Option<RateOverride>,
        now: Instant,
    ) -> Result<Option<Standing<'s>>, (Error, Standing<'s>)> {
        let second = second(snapshot, entitlement, own);
        let minute = strictest(snapshot, entitlement, RateWindow::Minute);
        if second.is_none() && minute.is_none() {
            return Ok(None);
        }
        let counters = self.of(asker);
        let mut standing: Option<Standing<'s>> = None;
        let both =
            [(second, &counters.second, RateWindow::Second), (minute, &counters.minute, RateWindow::Minute)];
        for (policy, rate, window) in both {
            let Some(policy) = policy else { continue };
            let name = snapshot.limit_name(policy.limit);
            let stands = count(rate, &policy, name, window, now)?;
            standing = Some(standing.map_or(stands, |other| other.strictest(stands)));
        }
        Ok(standing)
    }

    fn of(&self, asker: Asker) -> Arc<Counters> {
        if let Some(counters) = self.counters.get(&asker) {
            return counters;
        }
        let _alone = self.making.lock();
        self.counters.get(&asker).unwrap_or_else(|| {
            let counters = Arc::default();
            self.counters.insert(&asker, &counters);
            counters
        })
    }
}

fn count<'s>(
    rate: &Rate,
    policy: &Policy,
    name: &'s str,
    window: RateWindow,
    now: Instant,
) -> Result<Standing<'s>, (Error, Standing<'s>)> {
    let refused = |quota: u32, wait: Span| {
        let standing = Standing {
            name,
            quota: i64::from(quota),
            window: window.span(),
            remaining: 0,
            reset_after: wait,
        };
        (errors::rate_limited(name, wait), standing)
    };
    let Some(policy) = policy.rate else { return Err(refused(0, window.span())) };
    match rate.check(now, &policy) {
        Ok(state) => Ok(Standing::of_rate(name, &policy, state)),
        Err(limited) => Err(refused(policy.allowance(), limited.retry_after)),
    }
}

/// A key's own rate stands in for what the plan says per second.
fn second(snapshot: &Snapshot, entitlement: &Entitlement, own: Option<RateOverride>) -> Option<Policy> {
    let of_plan = strictest(snapshot, entitlement, RateWindow::Second);
    let Some(own) = own else { return of_plan };
    let named = snapshot.rates.iter().find(|rate| rate.window == RateWindow::Second);
    let limit = named.map_or(usize::MAX, |rate| rate.limit);
    Some(Policy { limit, rate: RatePolicy::new(own.per_second, RateWindow::Second.span(), own.burst) })
}

fn strictest(snapshot: &Snapshot, entitlement: &Entitlement, window: RateWindow) -> Option<Policy> {
    let of_window = snapshot.rates.iter().filter(|rate| rate.window == window);
    let bounded = of_window.filter_map(|rate| Some((entitlement.bound(rate.limit)?, rate)));
    let (bound, rate) = bounded.min_by_key(|&(bound, _)| bound)?;
    let allowance = u32::try_from(bound.max(0)).unwrap_or(u32::MAX);
    let burst = rate.burst.map_or(allowance, |burst| u32::try_from(burst).unwrap_or(u32::MAX));
    Some(Policy { limit: rate.limit, rate: RatePolicy::new(allowance, window.span(), burst) })
}
