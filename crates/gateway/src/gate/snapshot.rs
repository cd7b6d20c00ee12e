//! One blueprint with everything that is numbered by it: what a request is decided with, from beginning to end.
//!
//! What must always hold: positions of limits, meters, routes and permissions are used only beside the snapshot they
//! come from; counters outlive the snapshot, so that no change of blueprint forgets what was used.

use super::{
    books::Books,
    plan::Plan,
    targets::{ByUpstream, Targets},
};
use http::HeaderValue;
use insula_blueprint::{
    Compiled, Limit, LimitIndex, LimitKind, Per, QuotaWindow, RateWindow, Route, RouteIndex, Target,
};
use insula_kernel::{Instant, LiveMap, OrgId};
use insula_limits::{Bound, Entitlement, Quota, Window};
use smallvec::SmallVec;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Semaphore;

/// A blueprint in force, with the organizations' entitlements and counters under it.
pub struct Snapshot {
    pub(crate) compiled: Arc<Compiled>,
    /// The number of the blueprint's version.
    pub(crate) number: u32,
    pub(crate) tenants: LiveMap<OrgId, Arc<Tenant>>,
    pub(crate) slots: Box<[Slot]>,
    pub(crate) rates: Box<[RateGroup]>,
    /// Names of limits, by position.
    pub(crate) names: Box<[Arc<str>]>,
    /// The slot that a limit bounds, by the limit's position.
    bounded: Box<[Option<usize>]>,
    /// By route.
    plans: Box<[Plan]>,
    /// Requests in flight that a target takes, of all cores together.
    pub(crate) capacities: HashMap<Target, Arc<Semaphore>>,
    /// What is probed of upstreams, by their positions.
    pub(crate) probed: ByUpstream,
}

/// A counter of each of those it counts for: a meter over a window, which one or more limits bound.
pub(crate) struct Slot {
    pub(crate) meter: Box<str>,
    pub(crate) window: QuotaWindow,
    pub(crate) per: Per,
    pub(crate) limits: SmallVec<[usize; 2]>,
    /// The number of the counter in the books.
    pub(crate) book: u32,
}

/// Rates that count the same requests for the same subjects.
pub(crate) struct RateGroup {
    pub(crate) per: Per,
    /// The routes that are counted; all if empty.
    pub(crate) routes: Box<[RouteIndex]>,
    pub(crate) limits: SmallVec<[RateLimit; 2]>,
    /// The number of its counters in the books.
    pub(crate) book: u32,
}

/// A limit of the kind rate.
pub(crate) struct RateLimit {
    pub(crate) limit: usize,
    pub(crate) window: RateWindow,
    pub(crate) burst: Option<u64>,
}

/// What requests know of an organization's limits.
pub(crate) struct Tenant {
    /// What it may do. `None` until that is known: then nothing is admitted.
    pub(crate) entitlement: Option<Arc<Entitlement>>,
    /// By slot; none where the slot counts for others than the organization.
    pub(crate) counters: Box<[Option<Arc<Quota>>]>,
    /// The organization's billing period.
    month: Window,
    /// The organization's id.
    pub(crate) header: HeaderValue,
}

impl Tenant {
    /// The organization's time when it is really this late.
    pub(crate) fn time(&self, now: Instant) -> Instant {
        self.entitlement.as_ref().map_or(now, |entitlement| entitlement.time(now))
    }

    /// The window of a quota, on this organization's calendar.
    pub(crate) const fn window(&self, window: QuotaWindow) -> &Window {
        match window {
            QuotaWindow::Hour => &Window::Hour,
            QuotaWindow::Day => &Window::Day,
            QuotaWindow::Month => &self.month,
        }
    }
}

impl Snapshot {
    pub(crate) fn new(compiled: Arc<Compiled>, number: u32, books: &Books, targets: &Targets) -> Self {
        let slots = slots(&compiled, books);
        let rates = rate_groups(&compiled, books);
        let plans =
            compiled.routes().iter().map(|route| Plan::new(route, &compiled, &slots, &rates)).collect();
        let mut capacities = HashMap::new();
        for upstream in compiled.upstreams() {
            for (target, most) in upstream.targets.iter().zip(std::iter::repeat(upstream.max_connections)) {
                if let Some(most) = most {
                    let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
                    capacities.insert(target.clone(), Arc::new(Semaphore::new(most)));
                }
            }
        }
        let names = compiled.limits().iter().map(|limit| limit.name.as_str().into()).collect();
        let slot_of = |limit| slots.iter().position(|slot: &Slot| slot.limits.contains(&limit));
        let bounded = (0..compiled.limits().len()).map(slot_of).collect();
        let (slots, rates) = (slots.into(), rates.into());
        Self {
            tenants: LiveMap::default(),
            slots,
            rates,
            names,
            bounded,
            plans,
            capacities,
            probed: targets.under(&compiled),
            compiled,
            number,
        }
    }

    /// The blueprint.
    #[must_use]
    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }

    /// The number of the blueprint's version.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The name of a limit.
    pub(crate) fn limit_name(&self, limit: usize) -> &str {
        self.names.get(limit).map_or("limit", |name| name)
    }

    /// The limit of this name, with its position.
    pub(crate) fn limit(&self, name: &str) -> Option<(usize, &Limit)> {
        self.compiled.limits().iter().enumerate().find(|(_, limit)| limit.name == name)
    }

    /// A route and what it counts.
    pub(crate) fn route(&self, index: RouteIndex) -> Option<(&Route, &Plan)> {
        self.compiled.routes().get(index.get()).zip(self.plans.get(index.get()))
    }

    /// The bound of a counter: that of its limits which is reached first, with the limit it comes from.
    pub(crate) fn bound(&self, slot: &Slot, entitlement: &Entitlement) -> Option<(Bound, usize)> {
        let bounds = slot.limits.iter().map(|&limit| (entitlement.bound(limit), limit));
        bounds
            .filter(|(bound, _)| bound.most.is_some())
            .min_by_key(|(bound, _)| (bound.ceiling(), bound.most))
    }

    /// The counter that a limit bounds.
    pub(crate) fn slot_of(&self, limit: LimitIndex) -> Option<usize> {
        *self.bounded.get(limit.get())?
    }

    /// The place for an organization, with the counters that it had under another snapshot.
    pub(crate) fn tenant(
        &self,
        org: OrgId,
        entitlement: Option<Arc<Entitlement>>,
        before: Option<(&Self, &Tenant)>,
    ) -> Arc<Tenant> {
        let known = |slot: &Slot| {
            let (snapshot, tenant) = before?;
            let same = |old: &Slot| old.book == slot.book && old.per == slot.per;
            tenant.counters.get(snapshot.slots.iter().position(same)?)?.clone()
        };
        let counter = |slot: &Slot| (slot.per == Per::Organization).then(|| known(slot).unwrap_or_default());
        let counters = self.slots.iter().map(counter).collect();
        let header = match before {
            Some((_, tenant)) => tenant.header.clone(),
            None => HeaderValue::from_maybe_shared(bytes::Bytes::from(org.to_string()))
                .unwrap_or_else(|_| HeaderValue::from_static("")),
        };
        // Without an entitlement nothing is admitted, so nothing is counted by this window either.
        let month = match (&entitlement, before) {
            (Some(entitlement), _) => Window::Month(entitlement.anchor.clone()),
            (None, Some((_, tenant))) => tenant.month.clone(),
            (None, None) => Window::Day,
        };
        Arc::new(Tenant { entitlement, counters, month, header })
    }
}

/// Limits that bound the same meter over the same window for the same subjects share a counter.
fn slots(compiled: &Compiled, books: &Books) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    for (limit, declared) in compiled.limits().iter().enumerate() {
        let LimitKind::Quota { meter, window, per } = declared.kind else { continue };
        let Some(meter) = compiled.meter(meter) else { continue };
        let same = |slot: &&mut Slot| *slot.meter == *meter.name && slot.window == window && slot.per == per;
        match slots.iter_mut().find(same) {
            Some(slot) => slot.limits.push(limit),
            None => {
                let limits = SmallVec::from_slice(&[limit]);
                let book = books.quota(&meter.name, window);
                slots.push(Slot { meter: meter.name.as_str().into(), window, per, limits, book });
            }
        }
    }
    slots
}

/// Rates of the same subjects and routes share their counters, whatever they are called.
fn rate_groups(compiled: &Compiled, books: &Books) -> Vec<RateGroup> {
    // Always there, since a key may have a rate of its own.
    let all = RateGroup {
        per: Per::Key,
        routes: Box::default(),
        limits: SmallVec::new(),
        book: books.rate(Per::Key, &[]),
    };
    let mut groups = vec![all];
    for (limit, declared) in compiled.limits().iter().enumerate() {
        let LimitKind::Rate { window, burst, per, routes } = &declared.kind else { continue };
        let rate = RateLimit { limit, window: *window, burst: *burst };
        match groups.iter_mut().find(|group| group.per == *per && *group.routes == **routes) {
            Some(group) => group.limits.push(rate),
            None => {
                let pattern = |route: &RouteIndex| {
                    compiled.routes().get(route.get()).map(|route| route.pattern.as_str())
                };
                let patterns: Vec<&str> = routes.iter().filter_map(pattern).collect();
                let book = books.rate(*per, &patterns);
                let (per, routes) = (*per, routes.clone().into());
                groups.push(RateGroup { per, routes, limits: SmallVec::from_iter([rate]), book });
            }
        }
    }
    groups
}
