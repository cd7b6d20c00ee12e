//! How fast each of those a request counts for may go on.

use super::{
    Gate, Snapshot,
    snapshot::{RateGroup, RateLimit},
};
use crate::errors;
use insula_blueprint::{Bound as DeclaredBound, Per, RateWindow};
use insula_identity::LiveKey;
use insula_kernel::{Error, Instant, Span};
use insula_limits::{Entitlement, Rate, RatePolicy, Standing, Subject, Subjects};
use smallvec::SmallVec;
use std::net::IpAddr;

/// A refusal: why, and where the client stands.
pub(crate) type Refused<'s> = (Error, Standing<'s>);

/// The policies that apply to a request, the limit of each, and what the plan says.
#[derive(Clone, Copy)]
struct Policy {
    limit: usize,
    window: RateWindow,
    allowance: u32,
    /// `None` admits nothing.
    rate: Option<RatePolicy>,
}

impl Policy {
    fn new(limit: usize, window: RateWindow, allowance: u32, burst: Option<u32>) -> Self {
        let rate = RatePolicy::new(allowance, window.span(), burst.unwrap_or(allowance));
        Self { limit, window, allowance, rate }
    }

    /// Of two, the one that admits less in the long run.
    fn stricter(self, other: Self) -> Self {
        let stricter = (other.allowance, other.rate.map(|rate| rate.burst()))
            < (self.allowance, self.rate.map(|rate| rate.burst()));
        if stricter { other } else { self }
    }
}

/// Those whom a request counts for, and what they may do.
pub(crate) struct Asker<'a> {
    pub(crate) subjects: &'a Subjects,
    pub(crate) key: Option<&'a LiveKey>,
    pub(crate) entitlement: &'a Entitlement,
    pub(crate) now: Instant,
}

impl Gate {
    /// Counts a request with each of these groups of rates, or with none; says where the client stands with the
    /// strictest, or with the one that has no room.
    pub(crate) fn count_rates<'s>(
        &self,
        snapshot: &'s Snapshot,
        groups: impl Iterator<Item = &'s RateGroup>,
        asker: &Asker<'_>,
    ) -> Result<Option<Standing<'s>>, Refused<'s>> {
        let mut strictest: Option<Standing<'s>> = None;
        let mut taken: SmallVec<[(Subject, u32, Policy); 4]> = SmallVec::new();
        for group in groups {
            let Some(subject) = subject_of(group.per, asker.subjects) else { continue };
            for window in [RateWindow::Second, RateWindow::Minute] {
                let Some(policy) = policy(group, window, snapshot, asker) else { continue };
                let rates = self.books.rates_of(subject, group.book);
                let rate = if window == RateWindow::Second { &rates.second } else { &rates.minute };
                match count(rate, &policy, snapshot.limit_name(policy.limit), asker.now) {
                    Ok(stands) => {
                        strictest = Some(strictest.map_or(stands, |other| other.strictest(stands)));
                        taken.push((subject, group.book, policy));
                    }
                    Err(refused) => {
                        self.give_back(&taken);
                        return Err(refused);
                    }
                }
            }
        }
        Ok(strictest)
    }

    fn give_back(&self, taken: &[(Subject, u32, Policy)]) {
        for (subject, book, policy) in taken {
            let rates = self.books.rates_of(*subject, *book);
            let rate = if policy.window == RateWindow::Second { &rates.second } else { &rates.minute };
            if let Some(policy) = &policy.rate {
                rate.give_back(policy);
            }
        }
    }

    /// Counts a request against the limits of its network address, before anyone is known.
    pub(crate) fn count_address(
        &self,
        snapshot: &Snapshot,
        address: IpAddr,
        now: Instant,
    ) -> Result<(), Error> {
        for group in snapshot.rates.iter().filter(|group| group.per == Per::Address) {
            for rate in &group.limits {
                let declared = snapshot.compiled.limits().get(rate.limit).and_then(|limit| limit.default);
                let Some(DeclaredBound::At(most)) = declared else { continue };
                let policy = Policy::new(rate.limit, rate.window, small(most), burst(rate));
                let is_minute = rate.window == RateWindow::Minute;
                let counted = match &policy.rate {
                    Some(rate) => {
                        self.books.count_address(address, group.book, is_minute, now, rate).map(drop)
                    }
                    None => Err(rate.window.span()),
                };
                counted.map_err(|wait| errors::rate_limited(snapshot.limit_name(policy.limit), wait))?;
            }
        }
        Ok(())
    }
}

/// Whom a limit counts for, of those whom a request counts for.
pub(crate) fn subject_of(per: Per, subjects: &Subjects) -> Option<Subject> {
    match per {
        Per::Address => None,
        Per::Key => subjects.credential,
        Per::Project => subjects.project.map(Subject::Project),
        Per::Team => subjects.team.map(Subject::Team),
        Per::Organization => Some(Subject::Organization(subjects.org)),
    }
}

fn count<'s>(rate: &Rate, policy: &Policy, name: &'s str, now: Instant) -> Result<Standing<'s>, Refused<'s>> {
    let refused = |wait: Span| {
        let standing = Standing {
            name,
            quota: i64::from(policy.allowance),
            window: Some(policy.window.span()),
            remaining: 0,
            reset_after: Some(wait),
        };
        (errors::rate_limited(name, wait), standing)
    };
    let Some(rated) = policy.rate else { return Err(refused(policy.window.span())) };
    match rate.check(now, &rated) {
        Ok(state) => Ok(Standing::of_rate(name, &rated, state)),
        Err(limited) => Err(refused(limited.retry_after)),
    }
}

/// The strictest policy of a group over a window: of the plan, and of the key itself.
fn policy(group: &RateGroup, window: RateWindow, snapshot: &Snapshot, asker: &Asker<'_>) -> Option<Policy> {
    let of_plan = group.limits.iter().filter(|rate| rate.window == window).filter_map(|rate| {
        let most = asker.entitlement.bound(rate.limit).most?;
        Some(Policy::new(rate.limit, window, small(u64::try_from(most).unwrap_or(0)), burst(rate)))
    });
    let is_own = group.per == Per::Key && group.routes.is_empty();
    let of_key = asker.key.filter(|_| is_own).into_iter().flat_map(|key| own(key, window, snapshot, group));
    of_plan.chain(of_key).reduce(Policy::stricter)
}

/// What a key's own limits say of a window.
fn own<'k>(
    key: &'k LiveKey,
    window: RateWindow,
    snapshot: &'k Snapshot,
    group: &'k RateGroup,
) -> impl Iterator<Item = Policy> + 'k {
    let named = group.limits.iter().find(|rate| rate.window == window).map_or(usize::MAX, |rate| rate.limit);
    let rate = key.rate.filter(|_| window == RateWindow::Second);
    let rate = rate.map(|rate| Policy::new(named, window, rate.per_second, Some(rate.burst)));
    let limits = key.limits.under(&snapshot.compiled).filter_map(move |(index, most)| {
        let position = index.get();
        let rate = group.limits.iter().find(|rate| rate.limit == position && rate.window == window)?;
        Some(Policy::new(position, window, small(u64::try_from(most).unwrap_or(0)), burst(rate)))
    });
    rate.into_iter().chain(limits)
}

fn small(most: u64) -> u32 {
    u32::try_from(most).unwrap_or(u32::MAX)
}

fn burst(rate: &RateLimit) -> Option<u32> {
    rate.burst.map(small)
}
