//! What names a version of a plan or an add-on: a digest of a canonical form of its offer.
//!
//! The form is JSON of structs in a fixed order with sorted maps, so equal offers have equal digests whatever the
//! order of the file. It covers what subscribers get and pay, the definitions of the limits and of the meters behind
//! them included; it leaves out what doesn't change the offer: how it is called and described, at which
//! percentages to warn, who may choose it and how often, and limits of addresses, which hold for everyone alike.

use crate::{
    declared::RawRoute,
    model::{
        AddOn, AfterTrial, Aggregate, Digest, Limit, LimitIndex, LimitKind, Meter, OnExceed, Overage, Per,
        Plan, Price, QuotaWindow, RateWindow, Seats,
    },
    read::Item,
    values::{Bound, Feature},
};
use insula_kernel::{Currency, Decimal, Scale};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Offer<'a> {
    /// Of this form; a change of it makes a new version of every plan.
    version: u8,
    plan: &'a str,
    prices: &'a [Price],
    limits: BTreeMap<&'a str, (Definition<'a>, Bound)>,
    overage: BTreeMap<&'a str, Lot<'a>>,
    usage: BTreeMap<&'a str, (Metered<'a>, BTreeMap<&'a str, &'a insula_rating::Price>)>,
    seats: Option<PerSeat<'a>>,
    minimum: BTreeMap<&'a str, Decimal>,
    trial: Option<(u32, Option<&'a str>)>,
    grace_days: u32,
    features: &'a BTreeMap<String, Feature>,
    priority: i64,
}

#[derive(Serialize)]
struct Addition<'a> {
    /// Of this form, as for plans.
    version: u8,
    add_on: &'a str,
    prices: &'a [Price],
    limits: BTreeMap<&'a str, (Definition<'a>, u64)>,
    features: &'a BTreeMap<String, Feature>,
}

#[derive(Serialize)]
struct PerSeat<'a> {
    included: u64,
    limit: Option<&'a str>,
    prices: &'a [Price],
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Definition<'a> {
    Quota { meter: Metered<'a>, window: QuotaWindow, per: Per, on_exceed: OnExceed },
    Rate { window: RateWindow, per: Per, burst: Option<u64>, routes: Vec<&'a str> },
    Hold { per: Per },
    Stock,
}

#[derive(Serialize)]
struct Metered<'a> {
    name: &'a str,
    event: &'a str,
    aggregate: Aggregate,
    of: Option<String>,
    scale: Scale,
}

#[derive(Serialize)]
struct Lot<'a> {
    prices: BTreeMap<&'a str, Decimal>,
    per: u64,
}

/// What offers name, by their indexes.
pub(crate) struct Within<'a> {
    pub(crate) limits: &'a [&'a Limit],
    pub(crate) meters: &'a [&'a Meter],
    pub(crate) routes: &'a [Item<RawRoute>],
    pub(crate) plans: &'a [&'a str],
}

impl<'a> Within<'a> {
    fn limit(&self, index: LimitIndex) -> Option<&'a Limit> {
        self.limits.get(index.get()).copied()
    }
}

/// The digest of what a plan offers.
pub(crate) fn of_plan(plan: &Plan, within: &Within<'_>) -> Digest {
    let is_of_plan = |limit: &Limit| !matches!(limit.kind, LimitKind::Rate { per: Per::Address, .. });
    let bounds = within.limits.iter().zip(&plan.limits).filter(|(limit, _)| is_of_plan(limit));
    let overage = plan.overage.iter().filter_map(|(index, overage)| Some((within.limit(*index)?, overage)));
    let usage = plan.usage.iter().filter_map(|(index, prices)| {
        let meter = within.meters.get(index.get())?;
        let prices = prices.iter().map(|(currency, price)| (currency.code(), price));
        Some((meter.name.as_str(), (metered(meter), prices.collect())))
    });
    let trial = plan.trial.map(|trial| match trial.then {
        AfterTrial::PastDue => (trial.days, None),
        AfterTrial::Plan(then) => (trial.days, within.plans.get(then.get()).copied()),
    });
    let offer = Offer {
        version: 3,
        plan: &plan.name,
        prices: &plan.prices,
        limits: bounds
            .filter_map(|(limit, bound)| Some((limit.name.as_str(), (definition(limit, within)?, *bound))))
            .collect(),
        overage: overage.map(|(limit, overage)| (limit.name.as_str(), lot(overage))).collect(),
        usage: usage.collect(),
        seats: plan.seats.as_ref().map(|seats| per_seat(seats, within)),
        minimum: by_code(&plan.minimum),
        trial,
        grace_days: plan.grace_days,
        features: &plan.features,
        priority: plan.priority,
    };
    digest(&offer)
}

/// The digest of what an add-on offers.
pub(crate) fn of_add_on(add_on: &AddOn, within: &Within<'_>) -> Digest {
    let added = |(index, more): &(LimitIndex, u64)| {
        let limit = within.limit(*index)?;
        Some((limit.name.as_str(), (definition(limit, within)?, *more)))
    };
    digest(&Addition {
        version: 1,
        add_on: &add_on.name,
        prices: &add_on.prices,
        limits: add_on.limits.iter().filter_map(added).collect(),
        features: &add_on.features,
    })
}

fn digest(offer: &impl Serialize) -> Digest {
    // Serializing to memory can't fail for such plain data; were it to, the empty form would still be stable.
    Digest::of(&serde_json::to_vec(offer).unwrap_or_default())
}

/// What a limit is; `None` only for one that names what isn't there, which is reported where it does.
fn definition<'a>(limit: &'a Limit, within: &Within<'a>) -> Option<Definition<'a>> {
    Some(match &limit.kind {
        LimitKind::Quota { meter, window, per } => {
            let meter = metered(within.meters.get(meter.get())?);
            Definition::Quota { meter, window: *window, per: *per, on_exceed: limit.on_exceed }
        }
        LimitKind::Rate { window, burst, per, routes: counted } => {
            let pattern =
                |route: &'a Item<RawRoute>| route.value.pattern.0.as_ref().map(|text| text.value.as_str());
            let of_upstreams: Vec<_> =
                within.routes.iter().filter(|route| route.value.api.is_none()).collect();
            let mut routes: Vec<_> =
                counted.iter().filter_map(|index| pattern(of_upstreams.get(index.get())?)).collect();
            routes.sort_unstable();
            Definition::Rate { window: *window, per: *per, burst: *burst, routes }
        }
        LimitKind::Hold { per } => Definition::Hold { per: *per },
        LimitKind::Stock => Definition::Stock,
    })
}

fn lot(overage: &Overage) -> Lot<'_> {
    Lot { prices: by_code(&overage.prices), per: overage.per }
}

fn metered(meter: &Meter) -> Metered<'_> {
    Metered {
        name: &meter.name,
        event: &meter.event,
        aggregate: meter.aggregate,
        of: meter.of.as_ref().map(ToString::to_string),
        scale: meter.scale,
    }
}

fn per_seat<'a>(seats: &'a Seats, within: &Within<'a>) -> PerSeat<'a> {
    let limit = seats.limit.and_then(|limit| within.limit(limit));
    PerSeat { included: seats.included, limit: limit.map(|limit| limit.name.as_str()), prices: &seats.prices }
}

fn by_code(amounts: &[(Currency, Decimal)]) -> BTreeMap<&'static str, Decimal> {
    amounts.iter().map(|(currency, amount)| (currency.code(), *amount)).collect()
}
