//! What a request takes out of quotas before it goes on.

use super::{
    Gate, Snapshot,
    plan::{Plan, amount},
    rates::{Refused, subject_of},
    snapshot::{Slot, Tenant},
};
use crate::errors;
use insula_blueprint::{LimitKind, Per};
use insula_identity::LiveKey;
use insula_kernel::{Instant, Quantity, Span};
use insula_limits::{Bound, Entitlement, Exceeded, Quota, Reservation, Standing, Subjects, Usage};
use smallvec::SmallVec;
use std::sync::Arc;

/// What was taken out of quotas for one request: for which of its charges, and the reservation.
pub(super) type Reservations = SmallVec<[(usize, Reservation); 2]>;

/// How a limit was found, to be told when someone asks why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Checked {
    /// The limit's position.
    pub(crate) limit: usize,
    /// What is used of it, this request included.
    pub(crate) used: i64,
    /// How far it goes.
    pub(crate) bound: i64,
}

/// What was checked, in the order in which it was.
pub(crate) type Checks = SmallVec<[Checked; 4]>;

/// What a request took.
pub(super) struct Taken<'s> {
    pub(super) reservations: Reservations,
    /// Where the client stands with the strictest.
    pub(super) standing: Option<Standing<'s>>,
}

/// Where the quotas of a request are taken from.
pub(super) struct Purse<'s, 'a> {
    pub(super) gate: &'a Gate,
    pub(super) snapshot: &'s Snapshot,
    pub(super) tenant: &'a Tenant,
    pub(super) entitlement: &'a Entitlement,
    pub(super) subjects: &'a Subjects,
    pub(super) key: Option<&'a LiveKey>,
    /// The organization's time.
    pub(super) now: Instant,
}

/// The least of the bounds that apply to a counter, and the limit it comes from.
type Least = Option<(Bound, usize)>;

impl<'s> Purse<'s, '_> {
    /// Takes what the route counts out of every quota, or nothing out of any.
    pub(super) fn reserve(&self, plan: &Plan, checks: &mut Checks) -> Result<Taken<'s>, Refused<'s>> {
        let mut taken = Taken { reservations: Reservations::new(), standing: None };
        for count in &plan.counts {
            let Some(slot) = self.snapshot.slots.get(count.slot) else { continue };
            let Some(counter) = self.counter(count.slot, slot) else { continue };
            let bound = self.bound(slot);
            self.take(&mut taken, plan, count.charge, slot, &counter, bound, checks)?;
        }
        for (slot, charge, bound) in self.own(plan) {
            let Some(subject) = self.subjects.credential else { break };
            let counter = self.gate.books.quota_of(subject, slot.book);
            self.take(&mut taken, plan, charge, slot, &counter, Some(bound), checks)?;
        }
        for &place in &plan.within {
            self.look(place)?;
        }
        Ok(taken)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `reserve`, which has all of them at hand")]
    fn take(
        &self,
        taken: &mut Taken<'s>,
        plan: &Plan,
        charge: usize,
        slot: &Slot,
        counter: &Quota,
        bound: Least,
        checks: &mut Checks,
    ) -> Result<(), Refused<'s>> {
        let Some((_, cost)) = plan.charges.get(charge) else { return Ok(()) };
        let ceiling = bound.map_or(i64::MAX, |(bound, _)| bound.ceiling());
        let window = self.tenant.window(slot.window);
        let reserved = counter.reserve(self.now, window, amount(cost.reserve()), ceiling);
        let reservation = reserved.map_err(|exceeded| {
            let Exceeded { used, period, .. } = exceeded;
            self.exhausted(slot, bound, Usage { used, period })
        })?;
        if let Some((Bound { most: Some(most), .. }, limit)) = bound {
            let usage = reservation.usage();
            let standing = Standing::of_quota(self.snapshot.limit_name(limit), most, usage, self.now);
            taken.standing = Some(taken.standing.map_or(standing, |other| other.strictest(standing)));
            checks.push(Checked { limit, used: usage.used, bound: most });
        }
        taken.reservations.push((charge, reservation));
        Ok(())
    }

    /// Refuses if a quota is used up that the request itself doesn't count on.
    fn look(&self, place: usize) -> Result<(), Refused<'s>> {
        let Some(slot) = self.snapshot.slots.get(place) else { return Ok(()) };
        let Some(counter) = self.counter(place, slot) else { return Ok(()) };
        let bound = self.bound(slot);
        let usage = counter.snapshot(self.now, self.tenant.window(slot.window));
        let is_open = bound.is_none_or(|(bound, _)| usage.used < bound.ceiling());
        if is_open { Ok(()) } else { Err(self.exhausted(slot, bound, usage)) }
    }

    /// What is left of the limit that is shown; `None` if nothing bounds it.
    pub(super) fn headline(&self) -> Option<i64> {
        let limit = self.snapshot.compiled.product().headline_limit?;
        let most = self.entitlement.bound(limit.get()).most?;
        let place = self.snapshot.slot_of(limit)?;
        let slot = self.snapshot.slots.get(place)?;
        let counter = self.counter(place, slot)?;
        Some(most.saturating_sub(counter.snapshot(self.now, self.tenant.window(slot.window)).used))
    }

    fn counter(&self, place: usize, slot: &Slot) -> Option<Arc<Quota>> {
        match slot.per {
            Per::Organization => self.tenant.counters.get(place)?.clone(),
            per => Some(self.gate.books.quota_of(subject_of(per, self.subjects)?, slot.book)),
        }
    }

    /// The least bound of a counter, the key's own included where the counter is the key's.
    fn bound(&self, slot: &Slot) -> Least {
        let of_plan = self.snapshot.bound(slot, self.entitlement);
        let key = self.key.filter(|_| slot.per == Per::Key);
        let own = key.into_iter().flat_map(|key| key.limits.under(&self.snapshot.compiled));
        let own = own.filter_map(|(index, most)| {
            let bound = Bound { most: Some(most), is_hard: true };
            slot.limits.contains(&index.get()).then_some((bound, index.get()))
        });
        of_plan.into_iter().chain(own).min_by_key(|(bound, _)| (bound.ceiling(), bound.most))
    }

    /// Quotas of the key's own which no counter of the plan is for: slot, charge and bound.
    fn own(&self, plan: &Plan) -> impl Iterator<Item = (&'s Slot, usize, (Bound, usize))> {
        let limits = self.key.into_iter().flat_map(|key| key.limits.under(&self.snapshot.compiled));
        limits.filter_map(|(index, most)| {
            let LimitKind::Quota { meter, per, .. } = self.snapshot.compiled.limit(index)?.kind else {
                return None;
            };
            if per == Per::Key {
                return None;
            }
            let slot = self.snapshot.slots.get(self.snapshot.slot_of(index)?)?;
            let charge = plan.charges.iter().position(|(charged, _)| *charged == meter.get())?;
            Some((slot, charge, (Bound { most: Some(most), is_hard: true }, index.get())))
        })
    }

    fn exhausted(&self, slot: &Slot, bound: Least, usage: Usage) -> Refused<'s> {
        let (most, limit) = bound.map_or((0, usize::MAX), |(bound, limit)| (bound.most.unwrap_or(0), limit));
        let name = self.snapshot.limit_name(limit);
        let standing = Standing::of_quota(name, most, usage, self.now);
        let scale = self.snapshot.compiled.meters().iter().find(|meter| *meter.name == *slot.meter);
        let scale = scale.map(|meter| meter.scale).unwrap_or_default();
        let shown = Quantity::from_units(most).display(scale);
        let wait = standing.reset_after.unwrap_or(Span::from_secs(1));
        (errors::quota_exhausted(name, &shown.to_string(), wait), standing)
    }
}
