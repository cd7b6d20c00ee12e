//! What names a version of a plan: a digest of a canonical form of its offer.
//!
//! The form is JSON of structs in a fixed order with sorted maps, so equal offers have equal digests whatever the
//! order of the file. It covers what subscribers get and pay, the definitions of the limits and of the meters behind
//! them included; it leaves out what doesn't change the offer: at which percentages to warn, who may choose the plan,
//! and limits of addresses, which hold for everyone alike.

use crate::{
    declared::RawRoute,
    model::{
        Aggregate, Digest, Limit, LimitKind, Meter, OnExceed, Overage, Per, Plan, Price, QuotaWindow,
        RateWindow,
    },
    read::At,
    values::{Bound, Feature},
};
use insula_kernel::{Decimal, Scale};
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
    features: &'a BTreeMap<String, Feature>,
    priority: i64,
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

/// The digest of what a plan offers. `limits`, `meters` and `routes` are by their indexes.
pub(crate) fn of_plan(plan: &Plan, limits: &[&Limit], meters: &[&Meter], routes: &[At<RawRoute>]) -> Digest {
    let is_of_plan = |limit: &Limit| !matches!(limit.kind, LimitKind::Rate { per: Per::Address, .. });
    let bounds = limits.iter().zip(&plan.limits).filter(|(limit, _)| is_of_plan(limit));
    let define = |limit| definition(limit, meters, routes);
    let overage =
        plan.overage.iter().filter_map(|(index, overage)| Some((limits.get(index.get())?, overage)));
    let offer = Offer {
        version: 2,
        plan: &plan.name,
        prices: &plan.prices,
        limits: bounds
            .filter_map(|(limit, bound)| Some((limit.name.as_str(), (define(limit)?, *bound))))
            .collect(),
        overage: overage.map(|(limit, overage)| (limit.name.as_str(), lot(overage))).collect(),
        features: &plan.features,
        priority: plan.priority,
    };
    // Serializing to memory can't fail for such plain data; were it to, the empty form would still be stable.
    Digest::of(&serde_json::to_vec(&offer).unwrap_or_default())
}

/// What a limit is; `None` only for one that names what isn't there, which is reported where it does.
fn definition<'a>(
    limit: &'a Limit,
    meters: &[&'a Meter],
    routes: &'a [At<RawRoute>],
) -> Option<Definition<'a>> {
    Some(match &limit.kind {
        LimitKind::Quota { meter, window, per } => {
            let meter = meters.get(meter.get())?;
            let meter = Metered {
                name: &meter.name,
                event: &meter.event,
                aggregate: meter.aggregate,
                of: meter.of.as_ref().map(ToString::to_string),
                scale: meter.scale,
            };
            Definition::Quota { meter, window: *window, per: *per, on_exceed: limit.on_exceed }
        }
        LimitKind::Rate { window, burst, per, routes: counted } => {
            let pattern =
                |route: &'a At<RawRoute>| route.value.pattern.0.as_ref().map(|text| text.value.as_str());
            let mut routes: Vec<_> =
                counted.iter().filter_map(|index| pattern(routes.get(index.get())?)).collect();
            routes.sort_unstable();
            Definition::Rate { window: *window, per: *per, burst: *burst, routes }
        }
        LimitKind::Hold { per } => Definition::Hold { per: *per },
        LimitKind::Stock => Definition::Stock,
    })
}

fn lot(overage: &Overage) -> Lot<'_> {
    let prices = overage.prices.iter().map(|(currency, price)| (currency.code(), *price)).collect();
    Lot { prices, per: overage.per }
}
