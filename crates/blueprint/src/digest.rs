//! What names a version of a plan: a digest of a canonical form of its offer.
//!
//! The form is JSON of structs in a fixed order with sorted maps, so equal offers have equal digests whatever the
//! order of the file. It covers what subscribers get and pay, the definitions of the limits included; it leaves out
//! what doesn't change the offer: at which percentages to warn, and who may choose the plan.

use crate::{
    declared::RawMeter,
    model::{Digest, Limit, LimitKind, Plan, Price, QuotaWindow, RateWindow},
    read::Map,
    values::{Bound, Feature},
};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Offer<'a> {
    /// Of this form; a change of it makes a new version of every plan.
    version: u8,
    plan: &'a str,
    prices: &'a [Price],
    limits: BTreeMap<&'a str, (Definition<'a>, Bound)>,
    features: &'a BTreeMap<String, Feature>,
    priority: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Definition<'a> {
    Quota { meter: &'a str, window: QuotaWindow },
    Rate { window: RateWindow, per: &'static str, burst: Option<u64> },
    Hold,
    Stock,
}

/// The digest of what a plan offers.
pub(crate) fn of_plan(plan: &Plan, limits: &[&Limit], meters: &Map<RawMeter>) -> Digest {
    let definition = |limit: &Limit| match &limit.kind {
        LimitKind::Quota { meter, window, .. } => {
            Definition::Quota { meter: meters.names().nth(meter.get()).unwrap_or_default(), window: *window }
        }
        LimitKind::Rate { window, burst, .. } => {
            Definition::Rate { window: *window, per: "key", burst: *burst }
        }
        LimitKind::Hold { .. } => Definition::Hold,
        LimitKind::Stock => Definition::Stock,
    };
    let bounds = limits.iter().zip(&plan.limits);
    let offer = Offer {
        version: 1,
        plan: &plan.name,
        prices: &plan.prices,
        limits: bounds.map(|(limit, bound)| (limit.name.as_str(), (definition(limit), *bound))).collect(),
        features: &plan.features,
        priority: plan.priority,
    };
    // Serializing to memory can't fail for such plain data; were it to, the empty form would still be stable.
    Digest::of(&serde_json::to_vec(&offer).unwrap_or_default())
}
