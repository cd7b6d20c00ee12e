//! One blueprint with everything that is numbered by it: what a request is decided with, from beginning to end.
//!
//! What must always hold: positions of limits, meters, routes and permissions are used only beside the snapshot they
//! come from; counters outlive the snapshot, so that no change of blueprint forgets what was used.

use http::HeaderValue;
use insula_blueprint::{Compiled, LimitIndex, LimitKind, QuotaWindow, RateWindow, Route, RouteIndex, Target};
use insula_kernel::{LiveMap, OrgId};
use insula_limits::{Entitlement, Quota, Window};
use insula_metering::log::{Charge, NAME_MAX};
use smallvec::SmallVec;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Semaphore;

/// A blueprint in force, with the organizations' entitlements and counters under it.
pub struct Snapshot {
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) tenants: LiveMap<OrgId, Arc<Tenant>>,
    pub(crate) slots: Box<[Slot]>,
    pub(crate) rates: Box<[RateLimit]>,
    /// By route.
    plans: Box<[Plan]>,
    /// Requests in flight that a target takes, of all cores together.
    pub(crate) capacities: HashMap<Target, Arc<Semaphore>>,
}

/// A counter of each organization: a meter over a window, which one or more limits bound.
pub(crate) struct Slot {
    pub(crate) meter: Box<str>,
    pub(crate) window: Window,
    pub(crate) limits: SmallVec<[usize; 2]>,
}

/// A limit of the kind rate.
pub(crate) struct RateLimit {
    pub(crate) limit: usize,
    pub(crate) window: RateWindow,
    pub(crate) burst: Option<u64>,
}

/// What a route counts.
pub(crate) struct Plan {
    /// The name in the log.
    pub(crate) name: Box<str>,
    /// The route's meters by position, and how much.
    pub(crate) charges: Box<[(usize, i64)]>,
    /// Counters by slot, and how much.
    pub(crate) counts: Box<[(usize, i64)]>,
}

/// What requests know of an organization's limits.
pub(crate) struct Tenant {
    /// What it may do. `None` until that is known: then nothing is admitted.
    pub(crate) entitlement: Option<Arc<Entitlement>>,
    /// By slot.
    pub(crate) counters: Box<[Arc<Quota>]>,
    /// The organization's id.
    pub(crate) header: HeaderValue,
}

impl Snapshot {
    pub(crate) fn new(compiled: Arc<Compiled>) -> Self {
        let slots = slots(&compiled);
        let plans = compiled.routes().iter().map(|route| Plan::new(route, &compiled, &slots)).collect();
        let rates =
            compiled.limits().iter().enumerate().filter_map(|(limit, declared)| match declared.kind {
                LimitKind::Rate { window, burst } => Some(RateLimit { limit, window, burst }),
                LimitKind::Quota { .. } | LimitKind::Stock => None,
            });
        let mut capacities = HashMap::new();
        for upstream in compiled.upstreams() {
            for (target, most) in upstream.targets.iter().zip(std::iter::repeat(upstream.max_connections)) {
                if let Some(most) = most {
                    let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
                    capacities.insert(target.clone(), Arc::new(Semaphore::new(most)));
                }
            }
        }
        let rates = rates.collect();
        Self { tenants: LiveMap::default(), slots: slots.into(), rates, plans, capacities, compiled }
    }

    /// The blueprint.
    #[must_use]
    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }

    /// The name of a limit.
    pub(crate) fn limit_name(&self, limit: usize) -> &str {
        self.compiled.limits().get(limit).map_or("limit", |limit| limit.name.as_str())
    }

    /// A route and what it counts.
    pub(crate) fn route(&self, index: RouteIndex) -> Option<(&Route, &Plan)> {
        self.compiled.routes().get(index.get()).zip(self.plans.get(index.get()))
    }

    /// What a request to a route is charged.
    pub(crate) fn charges<'s>(&'s self, plan: &Plan) -> SmallVec<[Charge<'s>; 4]> {
        let meters = self.compiled.meters();
        let charge =
            |&(meter, quantity): &(usize, i64)| Some(Charge::add(meters.get(meter)?.name.as_str(), quantity));
        plan.charges.iter().filter_map(charge).collect()
    }

    /// The bound of a counter: the least of those of its limits, with the limit it comes from.
    pub(crate) fn bound(&self, slot: &Slot, entitlement: &Entitlement) -> Option<(i64, usize)> {
        let bounds = slot.limits.iter().filter_map(|&limit| Some((entitlement.bound(limit)?, limit)));
        bounds.min_by_key(|&(bound, _)| bound)
    }

    /// The counter that a limit bounds.
    pub(crate) fn slot_of(&self, limit: LimitIndex) -> Option<usize> {
        self.slots.iter().position(|slot| slot.limits.contains(&limit.get()))
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
            let same = |old: &Slot| old.meter == slot.meter && old.window == slot.window;
            tenant.counters.get(snapshot.slots.iter().position(same)?).cloned()
        };
        let fresh = |slot: &Slot| Arc::new(Quota::new(slot.window));
        let counters = self.slots.iter().map(|slot| known(slot).unwrap_or_else(|| fresh(slot))).collect();
        let header = match before {
            Some((_, tenant)) => tenant.header.clone(),
            None => HeaderValue::from_maybe_shared(bytes::Bytes::from(org.to_string()))
                .unwrap_or_else(|_| HeaderValue::from_static("")),
        };
        Arc::new(Tenant { entitlement, counters, header })
    }
}

impl Plan {
    fn new(route: &Route, compiled: &Compiled, slots: &[Slot]) -> Self {
        let amount = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        let charges: Box<[_]> =
            route.meters.iter().map(|&(meter, quantity)| (meter.get(), amount(quantity))).collect();
        let counts = slots.iter().enumerate().filter_map(|(at, slot)| {
            let metered = |&&(meter, _): &&(usize, i64)| {
                compiled.meters().get(meter).is_some_and(|meter| meter.name == *slot.meter)
            };
            charges.iter().find(metered).map(|&(_, quantity)| (at, quantity))
        });
        let mut end = route.pattern.len().min(NAME_MAX);
        while !route.pattern.is_char_boundary(end) {
            end -= 1;
        }
        Self { name: route.pattern[..end].into(), counts: counts.collect(), charges }
    }
}

/// Limits that bound the same meter over the same window share a counter.
fn slots(compiled: &Compiled) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    for (limit, declared) in compiled.limits().iter().enumerate() {
        let LimitKind::Quota { meter, window } = declared.kind else { continue };
        let Some(meter) = compiled.meter(meter) else { continue };
        let window = match window {
            QuotaWindow::Hour => Window::Hour,
            QuotaWindow::Day => Window::Day,
        };
        match slots.iter_mut().find(|slot| *slot.meter == *meter.name && slot.window == window) {
            Some(slot) => slot.limits.push(limit),
            None => {
                let limits = SmallVec::from_slice(&[limit]);
                slots.push(Slot { meter: meter.name.as_str().into(), window, limits });
            }
        }
    }
    slots
}
