//! Plans: how far limits go, what is offered besides, and what it costs.

use super::{
    check_names,
    limits::{self, check_bound, limit_index},
    meters, money,
};
use crate::{
    declared::{RawBlueprint, RawOverage, RawPlan},
    diagnostics::{Report, quoted},
    digest,
    model::{Digest, Limit, LimitIndex, LimitKind, OnExceed, Overage, Per, Plan},
    read::{At, Entry},
    values::{Bound, Feature},
};
use insula_kernel::Currency;
use std::collections::BTreeMap;

/// What plans are checked against.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) raw: &'a RawBlueprint,
    pub(super) meters: &'a [meters::Declared],
    pub(super) limits: &'a [limits::Declared],
}

/// Every plan that could be read, as they are declared.
pub(super) fn plans(known: Known<'_>, report: &mut Report<'_>) -> Vec<Plan> {
    let raw = known.raw;
    check_names(&raw.plans, "plan", report);
    let plans: Vec<_> =
        raw.plans.iter().map(|(name, plan)| resolve_plan(name, plan, known, report)).collect();
    check_billed(known, report);
    // Digests cover the definitions of limits and meters, which exist only if none of them is wrong.
    let limits: Option<Vec<_>> = known.limits.iter().map(|(_, limit)| limit.as_ref()).collect();
    let meters: Option<Vec<_>> = known.meters.iter().map(Option::as_ref).collect();
    let (Some(limits), Some(meters)) = (limits, meters) else { return plans };
    let digested =
        |plan: Plan| Plan { digest: digest::of_plan(&plan, &limits, &meters, &raw.routes), ..plan };
    plans.into_iter().map(digested).collect()
}

fn resolve_plan(name: &At<String>, plan: &RawPlan, known: Known<'_>, report: &mut Report<'_>) -> Plan {
    check_names(&plan.features, "feature", report);
    let self_service = plan.self_service.unwrap_or(true);
    let prices = money::prices(&plan.price, report);
    if self_service && plan.price.0.is_empty() {
        let message = format!("plan `{}` has no price", name.value);
        let help =
            "add `price = { USD = { month = \"29.00\" } }`, or `self_service = false` if it comes by offer";
        report.error(&name.at, "blueprint.price_missing", message, help);
    }
    let features: BTreeMap<String, Feature> =
        plan.features.iter().map(|(name, feature)| (name.value.clone(), feature.clone())).collect();
    let priority = plan.priority.as_ref().map_or(1, |priority| priority.value);
    if let Some(given) = plan.priority.as_ref().filter(|given| !(0..=1_000).contains(&given.value)) {
        let message = format!("`{}` is no priority", given.value);
        report.error(&given.at, "blueprint.priority", message, "use a whole number from 0 to 1000");
    }
    Plan {
        name: name.value.clone(),
        title: None,
        description: None,
        prices,
        usage: Vec::new(),
        seats: None,
        minimum: Vec::new(),
        trial: None,
        grace_days: 7,
        overage: overage(plan, known, report),
        limits: bounds(name, plan, known, report),
        features,
        priority,
        self_service,
        digest: Digest::of(&[]),
    }
}

/// How far each limit goes on a plan. One without a default that isn't named would be unlimited by accident, so it
/// must be.
fn bounds(name: &At<String>, plan: &RawPlan, known: Known<'_>, report: &mut Report<'_>) -> Vec<Bound> {
    for entry in &plan.limits.0 {
        let index = limit_index(&entry.name, known.limits, report);
        let limit = index.and_then(|index| known.limits.get(index.get())?.1.as_ref());
        if let Some(limit) = limit {
            check_bounded(entry, limit, known, report);
        }
    }
    let mut missing = Vec::new();
    let mut bounds = Vec::new();
    for (limit, declared) in known.limits {
        let named = plan.limits.get(limit).map(|bound| bound.value);
        let default = declared.as_ref().and_then(|declared| declared.default);
        let is_of_plans = declared.as_ref().is_some_and(|declared| !is_of_addresses(declared));
        if is_of_plans && default.is_none() && !plan.limits.has(limit) {
            missing.push(limit.as_str());
        }
        bounds.push(named.or(default).unwrap_or(Bound::At(0)));
    }
    if let Some(first) = missing.first() {
        let message = format!("plan `{}` does not say how far `{}` goes", name.value, missing.join("`, `"));
        let help = format!(
            "add `{first} = …` to its limits, a whole number or \"unlimited\", or give the limit a `default`"
        );
        report.error(&name.at, "blueprint.limit_missing", message, help);
    }
    bounds
}

/// Whether it holds before anyone is known, and so whatever the plan.
const fn is_of_addresses(limit: &Limit) -> bool {
    matches!(limit.kind, LimitKind::Rate { per: Per::Address, .. })
}

fn check_bounded(entry: &Entry<At<Bound>>, limit: &Limit, known: Known<'_>, report: &mut Report<'_>) {
    if is_of_addresses(limit) {
        let message = format!("`{}` holds before anyone's plan is known", limit.name);
        let help = "remove it here; how far it goes is the limit's own `default`";
        report.error(&entry.name.at, "blueprint.plan_limit", message, help);
    } else if let Some(bound) = &entry.value {
        check_bound(bound, &limit.kind, known.meters, report);
    }
}

/// What it costs to go beyond limits, in their order.
fn overage(plan: &RawPlan, known: Known<'_>, report: &mut Report<'_>) -> Vec<(LimitIndex, Overage)> {
    let mut all = Vec::new();
    for entry in &plan.overage.0 {
        let index = limit_index(&entry.name, known.limits, report);
        let limit = index.and_then(|index| known.limits.get(index.get())?.1.as_ref());
        if let Some(limit) = limit {
            check_overage(entry, limit, plan, report);
        }
        let Some(raw) = &entry.value else { continue };
        let prices = money::costs(&raw.prices, report);
        if entry.clean && raw.prices.0.is_empty() {
            let message = "the overage has no price".to_owned();
            report.error(&raw.at, "blueprint.price_missing", message, "add one, such as `USD = \"0.01\"`");
        }
        warn_about_currencies(entry, plan, report);
        if let (Some(per), Some(limit)) = (&raw.per, limit) {
            let units = At { value: Bound::At(per.value.0), at: per.at.clone() };
            check_bound(&units, &limit.kind, known.meters, report);
        }
        let per = raw.per.as_ref().map_or(1, |per| per.value.0);
        all.extend(index.map(|index| (index, Overage { prices, per })));
    }
    all.sort_by_key(|(index, _)| *index);
    all
}

fn check_overage(entry: &Entry<RawOverage>, limit: &Limit, plan: &RawPlan, report: &mut Report<'_>) {
    let name = &limit.name;
    let bound = plan.limits.get(name).map(|bound| bound.value).or(limit.default);
    let wrong = if !matches!(limit.kind, LimitKind::Quota { .. }) {
        Some((
            format!("`{name}` is no quota, so nothing goes beyond it"),
            "only quotas have overage; remove it",
        ))
    } else if limit.on_exceed == OnExceed::Warn {
        let help = "let its `on_exceed` be \"bill\", or \"reject\" if organizations may let it go on; or remove this";
        Some((format!("what goes beyond `{name}` is only warned of"), help))
    } else if bound == Some(Bound::Unlimited) {
        let help = "remove it, or say under `limits` from where on it costs more";
        Some((format!("`{name}` is unlimited on this plan, so nothing goes beyond it"), help))
    } else {
        None
    };
    if let Some((message, help)) = wrong {
        report.error(&entry.name.at, "blueprint.overage", message, help);
    }
}

/// Subscriptions pay in one currency: overage needs a price in each in which the plan is sold, and in no other.
fn warn_about_currencies(entry: &Entry<RawOverage>, plan: &RawPlan, report: &mut Report<'_>) {
    // A plan without prices comes by an offer, in whatever currency that names.
    let Some(raw) = entry.value.as_ref().filter(|_| !plan.price.0.is_empty()) else { return };
    // What is priced in no currency, or in one that isn't known, is reported already.
    let mut codes = raw.prices.names().chain(plan.price.names());
    if raw.prices.0.is_empty() || codes.any(|code| Currency::from_code(code).is_none()) {
        return;
    }
    let lacking: Vec<&str> = plan.price.names().filter(|code| !raw.prices.has(code)).collect();
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        let message = format!("the plan is sold in {lacking}, in which going beyond costs nothing");
        let help = format!("add a price in {lacking}");
        report.warning(&entry.name.at, "blueprint.overage_currency", message, help);
    }
    for price in raw.prices.0.iter().filter(|price| !plan.price.has(&price.name.value)) {
        let message = format!("the plan is not sold in {}, so nobody pays this", quoted(&price.name.value));
        let help = "remove it, or give the plan a price in this currency";
        report.warning(&price.name.at, "blueprint.overage_currency", message, help);
    }
}

/// What is billed beyond its bound needs a price.
fn check_billed(known: Known<'_>, report: &mut Report<'_>) {
    let raw = known.raw;
    // Where plans are missing or have mistakes, that is what must be mended first.
    if raw.plans.0.is_empty() || raw.plans.0.iter().any(|plan| !plan.clean) {
        return;
    }
    let limits = known.limits.iter().filter_map(|(_, limit)| limit.as_ref());
    for limit in limits.filter(|limit| limit.on_exceed == OnExceed::Bill) {
        let place = raw.limits.get(&limit.name).and_then(|limit| limit.on_exceed.as_ref());
        let Some(place) = place else { continue };
        if !raw.plans.iter().any(|(_, plan)| plan.overage.has(&limit.name)) {
            let message = format!("no plan says what it costs to go beyond `{}`", limit.name);
            let help = format!("add `overage = {{ {} = {{ USD = \"…\" }} }}` to a plan", limit.name);
            report.error(&place.at, "blueprint.overage_missing", message, help);
            continue;
        }
        for (name, plan) in raw.plans.iter().filter(|(_, plan)| !plan.overage.has(&limit.name)) {
            let bound = plan.limits.get(&limit.name).map(|bound| bound.value).or(limit.default);
            if matches!(bound, Some(Bound::At(_))) {
                let message =
                    format!("on plan `{}`, going beyond `{}` costs nothing", name.value, limit.name);
                let help =
                    "give it a price under the plan's `overage`, or let the limit be \"unlimited\" there";
                report.warning(&name.at, "blueprint.overage_free", message, help);
            }
        }
    }
}
