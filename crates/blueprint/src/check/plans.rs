//! Plans: how far limits go, what is offered besides, and what it costs.

use super::{
    check_names, check_shown,
    limits::{self, check_bound, limit_index},
    meters, money,
    overage::{check_billed, overage},
    terms,
};
use crate::{
    declared::{RawBlueprint, RawPlan},
    diagnostics::Report,
    digest,
    model::{Digest, Limit, LimitKind, Per, Plan, Seats},
    read::{At, Entry, Map},
    values::{Bound, Feature, RETENTION, retention},
};
use std::collections::BTreeMap;

/// The longest title and description, in characters.
pub(super) const LONGEST_TITLE: usize = 100;
const LONGEST_DESCRIPTION: usize = 500;

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
    for entry in raw.plans.0.iter().filter(|entry| entry.name.value == terms::PAST_DUE) {
        let message = format!("`{}` is what comes after a trial without a plan", terms::PAST_DUE);
        report.error(&entry.name.at, "blueprint.reserved_name", message, "choose another name");
    }
    let plans: Vec<_> = raw.plans.0.iter().filter_map(|entry| resolve_plan(entry, known, report)).collect();
    check_billed(known, report);
    // Digests cover the definitions of limits and meters, which exist only if none of them is wrong.
    let limits: Option<Vec<_>> = known.limits.iter().map(|(_, limit)| limit.as_ref()).collect();
    let meters: Option<Vec<_>> = known.meters.iter().map(Option::as_ref).collect();
    let (Some(limits), Some(meters)) = (limits, meters) else { return plans };
    let names: Vec<&str> = raw.plans.names().collect();
    let within = digest::Within { limits: &limits, meters: &meters, routes: &raw.routes, plans: &names };
    plans.into_iter().map(|plan| Plan { digest: digest::of_plan(&plan, &within), ..plan }).collect()
}

fn resolve_plan(entry: &Entry<RawPlan>, known: Known<'_>, report: &mut Report<'_>) -> Option<Plan> {
    let (name, plan) = (&entry.name, entry.value.as_ref()?);
    check_features(&plan.features, report);
    let self_service = plan.self_service.unwrap_or(true);
    let prices = money::prices(&plan.price, report);
    if self_service && plan.price.0.is_empty() {
        let message = format!("plan `{}` has no price", name.value);
        let help =
            "add `price = { USD = { month = \"29.00\" } }`, or `self_service = false` if it comes by offer";
        report.error(&name.at, "blueprint.price_missing", message, help);
    }
    let priority = plan.priority.as_ref().map_or(1, |priority| priority.value);
    if let Some(given) = plan.priority.as_ref().filter(|given| !(0..=1_000).contains(&given.value)) {
        let message = format!("`{}` is no priority", given.value);
        report.error(&given.at, "blueprint.priority", message, "use a whole number from 0 to 1000");
    }
    let seats = terms::seats(plan, known, report);
    Some(Plan {
        name: name.value.clone(),
        title: plan.title.as_ref().map(|title| check_shown(title, LONGEST_TITLE, report)),
        description: plan.description.as_ref().map(|text| check_shown(text, LONGEST_DESCRIPTION, report)),
        usage: terms::usage(plan, &prices, known, report),
        overage: overage(plan, known, report),
        limits: bounds(name, plan, seats.as_ref(), known, report),
        seats,
        minimum: terms::minimum(plan, report),
        trial: terms::trial(entry, plan, known, report),
        grace_days: terms::grace_days(plan, report),
        prices,
        features: features(&plan.features),
        priority,
        self_service,
        digest: Digest::of(&[]),
    })
}

/// What features say, by their names.
pub(super) fn features(raw: &Map<At<Feature>>) -> BTreeMap<String, Feature> {
    raw.iter().map(|(name, feature)| (name.value.clone(), feature.value.clone())).collect()
}

/// Features have names, and the one that this program reads itself says what it can read.
pub(super) fn check_features(features: &Map<At<Feature>>, report: &mut Report<'_>) {
    check_names(features, "feature", report);
    let Some(kept) = features.get(RETENTION) else { return };
    if !matches!(&kept.value, Feature::Text(text) if retention(text).is_some()) {
        let message = format!("`{RETENTION}` says for how many days usage is shown");
        let help = "use a number of days such as \"30d\", at most \"10000d\", or leave it out to show all";
        report.error(&kept.at, "blueprint.duration", message, help);
    }
}

/// How far each limit goes on a plan. One without a default that isn't named would be unlimited by accident, so it
/// must be.
fn bounds(
    name: &At<String>,
    plan: &RawPlan,
    seats: Option<&Seats>,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Vec<Bound> {
    for entry in &plan.limits.0 {
        let index = limit_index(&entry.name, known.limits, report);
        let limit = index.and_then(|index| known.limits.get(index.get())?.1.as_ref());
        if let Some(limit) = limit {
            check_bounded(entry, limit, known, report);
        }
    }
    let mut missing = Vec::new();
    let mut bounds = Vec::new();
    for (position, (limit, declared)) in known.limits.iter().enumerate() {
        if let Some(seats) = seats.filter(|seats| seats.limit.is_some_and(|limit| limit.get() == position)) {
            // Nobody has less than one seat: not who has just come either.
            bounds.push(Bound::At(seats.included.max(1)));
            continue;
        }
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
pub(super) const fn is_of_addresses(limit: &Limit) -> bool {
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
