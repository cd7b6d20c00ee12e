//! Add-ons: what can be taken besides a plan.

use super::{
    check_names, check_shown,
    limits::{check_bound, limit_index},
    money,
    plans::{Known, LONGEST_TITLE, check_features, features, is_of_addresses},
};
use crate::{
    declared::RawAddOn,
    diagnostics::{Report, quoted, suggest},
    digest,
    model::{AddOn, Digest, LimitIndex, Plan, PlanIndex},
    read::{At, Entry},
    values::Bound,
};
use insula_kernel::Currency;

/// How many of an add-on can be taken at most.
const MOST_TAKEN: u64 = 1_000;

/// Every add-on that could be read, as they are declared.
pub(super) fn add_ons(known: Known<'_>, plans: &[Plan], report: &mut Report<'_>) -> Vec<AddOn> {
    let raw = known.raw;
    check_names(&raw.addons, "add-on", report);
    for entry in raw.addons.0.iter().filter(|entry| raw.plans.has(&entry.name.value)) {
        let message = format!("`{}` is a plan's name", entry.name.value);
        report.error(&entry.name.at, "blueprint.duplicate", message, "give the add-on another name");
    }
    let read = |entry: &Entry<RawAddOn>, report: &mut Report<'_>| {
        entry.value.as_ref().map(|raw| resolve(entry, raw, known, plans, report))
    };
    let add_ons: Vec<_> = raw.addons.0.iter().filter_map(|entry| read(entry, report)).collect();
    // As for plans.
    let limits: Option<Vec<_>> = known.limits.iter().map(|(_, limit)| limit.as_ref()).collect();
    let meters: Option<Vec<_>> = known.meters.iter().map(Option::as_ref).collect();
    let (Some(limits), Some(meters)) = (limits, meters) else { return add_ons };
    let within = digest::Within { limits: &limits, meters: &meters, routes: &raw.routes, plans: &[] };
    add_ons.into_iter().map(|one| AddOn { digest: digest::of_add_on(&one, &within), ..one }).collect()
}

fn resolve(
    entry: &Entry<RawAddOn>,
    raw: &RawAddOn,
    known: Known<'_>,
    plans: &[Plan],
    report: &mut Report<'_>,
) -> AddOn {
    let name = &entry.name;
    check_features(&raw.features, report);
    if raw.price.0.is_empty() && entry.clean {
        let message = format!("add-on `{}` has no price", name.value);
        let help = "add `price = { USD = { month = \"9\" } }`, \"0\" if it costs nothing";
        report.error(&name.at, "blueprint.price_missing", message, help);
    }
    let prices = money::prices(&raw.price, report);
    let on = on_plans(raw, known, report);
    let most = raw.most.as_ref().map_or(1, |most| most.value.0);
    if let Some(most) = raw.most.as_ref().filter(|most| most.value.0 > MOST_TAKEN) {
        let message = format!("`{}` are more than can be taken", most.value.0);
        report.error(&most.at, "blueprint.number_range", message, format!("use at most {MOST_TAKEN}"));
    }
    let add_on = AddOn {
        name: name.value.clone(),
        title: raw.title.as_ref().map(|title| check_shown(title, LONGEST_TITLE, report)),
        limits: added(raw, known, report),
        features: features(&raw.features),
        most: u32::try_from(most).unwrap_or(u32::MAX),
        plans: on,
        prices,
        digest: Digest::of(&[]),
    };
    // What doesn't fit may only be wrong.
    if !report.has_errors() {
        warn_about_prices(name, &add_on, plans, report);
        warn_about_limits(raw, &add_on, known, plans, report);
    }
    add_on
}

/// The plans it can be had on; all of them if it doesn't say.
fn on_plans(raw: &RawAddOn, known: Known<'_>, report: &mut Report<'_>) -> Vec<PlanIndex> {
    let Some(listed) = &raw.plans else { return Vec::new() };
    if listed.value.is_empty() {
        let message = "no plan is listed, so nobody could have it".to_owned();
        let help = "list some, or leave `plans` out, and it can be had on all";
        report.error(&listed.at, "blueprint.empty_list", message, help);
    }
    let names = || known.raw.plans.names();
    let mut plans = Vec::new();
    for given in &listed.value {
        let Some(position) = names().position(|name| name == given.value) else {
            let message = format!("there is no plan {}", quoted(&given.value));
            let help = suggest(&given.value, names(), "plan");
            report.error(&given.at, "blueprint.unknown_plan", message, help);
            continue;
        };
        let index = PlanIndex::at(position);
        if plans.contains(&index) {
            let message = format!("{} is listed twice", quoted(&given.value));
            report.error(&given.at, "blueprint.duplicate", message, "remove one of the two");
        } else {
            plans.push(index);
        }
    }
    plans
}

/// What each one taken adds to bounds, in the order of the limits.
fn added(raw: &RawAddOn, known: Known<'_>, report: &mut Report<'_>) -> Vec<(LimitIndex, u64)> {
    let mut all = Vec::new();
    for entry in &raw.limits.0 {
        let index = limit_index(&entry.name, known.limits, report);
        let limit = index.and_then(|index| known.limits.get(index.get())?.1.as_ref());
        let Some(more) = &entry.value else { continue };
        if let Some(limit) = limit {
            if is_of_addresses(limit) {
                let message = format!("`{}` holds before it is known who has the add-on", limit.name);
                let help = "remove it here; how far it goes is the limit's own `default`";
                report.error(&entry.name.at, "blueprint.plan_limit", message, help);
            }
            let units = At { value: Bound::At(more.value.0), at: more.at.clone() };
            check_bound(&units, &limit.kind, known.meters, report);
        }
        all.extend(index.map(|index| (index, more.value.0)));
    }
    all.sort_by_key(|(index, _)| *index);
    all
}

/// The plans it can be had on.
fn its_plans<'p>(add_on: &AddOn, plans: &'p [Plan]) -> impl Iterator<Item = &'p Plan> {
    let indexed = plans.iter().enumerate();
    indexed.filter(|(position, _)| add_on.is_for(PlanIndex::at(*position))).map(|(_, plan)| plan)
}

/// An add-on is paid with the plan: in its currency and at its interval.
fn warn_about_prices(name: &At<String>, add_on: &AddOn, plans: &[Plan], report: &mut Report<'_>) {
    const CODE: &str = "blueprint.price_currency";
    let mut sold: Vec<_> = its_plans(add_on, plans)
        .flat_map(|plan| &plan.prices)
        .map(|price| (price.amount.currency, price.interval))
        .collect();
    sold.sort_unstable();
    sold.dedup();
    if sold.is_empty() {
        return;
    }
    let words = |sold: &[(Currency, insula_rating::Interval)]| {
        let word = |(currency, interval): &(Currency, insula_rating::Interval)| {
            format!("{} per {}", currency.code(), interval.name())
        };
        sold.iter().map(word).collect::<Vec<_>>().join(", ")
    };
    let own: Vec<_> = add_on.prices.iter().map(|price| (price.amount.currency, price.interval)).collect();
    let lacking: Vec<_> = sold.iter().filter(|one| !own.contains(one)).copied().collect();
    if !lacking.is_empty() {
        let message = format!("who pays in {} can't have add-on `{}`", words(&lacking), name.value);
        let help = "add these prices, or list the plans it is for under `plans`";
        report.warning(&name.at, CODE, message, help);
    }
    let unused: Vec<_> = own.iter().filter(|one| !sold.contains(one)).copied().collect();
    if !unused.is_empty() {
        let message = format!("none of its plans is sold in {}, so nobody pays that", words(&unused));
        report.warning(&name.at, CODE, message, "remove these prices, or give a plan such a price");
    }
}

/// What is unlimited can't grow.
fn warn_about_limits(
    raw: &RawAddOn,
    add_on: &AddOn,
    known: Known<'_>,
    plans: &[Plan],
    report: &mut Report<'_>,
) {
    for entry in &raw.limits.0 {
        let position = known.limits.iter().position(|(name, _)| *name == entry.name.value);
        let mut bounds = its_plans(add_on, plans).filter_map(|plan| plan.limits.get(position?)).peekable();
        if bounds.peek().is_some() && bounds.all(|bound| *bound == Bound::Unlimited) {
            let message =
                format!("`{}` is unlimited wherever this can be had, so it adds nothing", entry.name.value);
            let help = "remove it, or bound the limit on a plan";
            report.warning(&entry.name.at, "blueprint.addon_limit", message, help);
        }
    }
}
