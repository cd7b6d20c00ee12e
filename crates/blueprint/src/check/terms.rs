//! What a plan says of being paid, besides its prices: seats, the least that is due, trials, and how long it may stay
//! unpaid.

use super::{
    check_count,
    limits::limit_index,
    money::{self, Beside, check_any},
    plans::Known,
    price,
};
use crate::{
    declared::{RawPlan, RawPrice, RawSeats},
    diagnostics::{Report, quoted, suggest},
    model::{AfterTrial, LimitIndex, LimitKind, MeterIndex, PlanIndex, Price, Seats, Trial},
    read::{At, Entry},
};
use insula_kernel::{Currency, Decimal};
use insula_rating::Interval;

/// The word for a subscription that goes unpaid, under `after_trial`.
pub(super) const PAST_DUE: &str = "past_due";

/// The most days of a trial, and for which an organization may be past due.
const LONGEST_TRIAL: u32 = 365;
const LONGEST_GRACE: u32 = 90;

/// For how many days an organization may be past due where the plan doesn't say.
const USUAL_GRACE: u32 = 7;

/// The most meters that a plan can price.
const MOST_PRICED: usize = 200;

/// What usage costs from the first unit on, by meter in their order.
pub(super) fn usage(
    plan: &RawPlan,
    prices: &[Price],
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Vec<(MeterIndex, Vec<(Currency, insula_rating::Price)>)> {
    check_count(plan.usage.0.iter().map(|entry| &entry.name.at), MOST_PRICED, "priced meter", report);
    let sold = money::currencies(prices);
    let mut all = Vec::new();
    for entry in &plan.usage.0 {
        let index = super::meters::meter_index(&entry.name, known.raw, report);
        if let Some(index) = index {
            check_priced_once(entry, index, plan, known, report);
        }
        let meter = index.and_then(|index| known.meters.get(index.get())?.as_ref());
        let Some(price) = &entry.value else { continue };
        let context = price::Context { meter, sold: &sold, clean: entry.clean };
        let before = report.count();
        let resolved = price::resolve(price, &context, report);
        if entry.clean && report.count() == before {
            let beside = Beside {
                at: &entry.name.at,
                codes: price::codes(&price.value),
                code: "blueprint.price_currency",
                lacking: "this usage costs nothing",
            };
            money::warn_about_currencies(&beside, &plan.price, report);
        }
        all.extend(index.map(|index| (index, resolved)));
    }
    all.sort_by_key(|(index, _)| *index);
    all
}

/// A meter that is priced from its first unit on can't be priced beyond a quota too: it would be paid twice.
fn check_priced_once<T>(
    entry: &Entry<T>,
    meter: MeterIndex,
    plan: &RawPlan,
    known: Known<'_>,
    report: &mut Report<'_>,
) {
    let of_meter = |name: &&str| {
        let limit = known.limits.iter().find(|(known, _)| known == name);
        let kind = limit.and_then(|(_, limit)| limit.as_ref()).map(|limit| &limit.kind);
        matches!(kind, Some(LimitKind::Quota { meter: of, .. }) if *of == meter)
    };
    if let Some(quota) = plan.overage.names().find(of_meter) {
        let message = format!("`{}` has a price beyond `{quota}` already", entry.name.value);
        let help = "remove one of the two: what is priced under `usage` costs from the first unit on";
        report.error(&entry.name.at, "blueprint.usage_price", message, help);
    }
}

/// What each seat costs, and what having so many seats bounds.
pub(super) fn seats(plan: &RawPlan, known: Known<'_>, report: &mut Report<'_>) -> Option<Seats> {
    let declared = plan.seats.as_ref()?;
    let At { value: raw, at } = declared;
    let of_seats = money::prices(&raw.prices, report);
    if raw.prices.0.is_empty() {
        let message = "the seats have no price".to_owned();
        report.error(at, "blueprint.price_missing", message, "add one, such as `USD = { month = \"5\" }`");
    }
    let beside = Beside {
        at,
        codes: raw.prices.0.iter().map(|price| &price.name).collect(),
        code: "blueprint.price_currency",
        lacking: "more seats cost nothing",
    };
    money::warn_about_currencies(&beside, &plan.price, report);
    check_intervals(declared, plan, report);
    let limit = raw.limit.as_ref().and_then(|limit| seats_limit(limit, plan, known, report));
    Some(Seats { included: raw.included.map_or(0, |included| included.0), limit, prices: of_seats })
}

/// Seats are paid with the plan, so they have its intervals.
fn check_intervals(seats: &At<RawSeats>, plan: &RawPlan, report: &mut Report<'_>) {
    for entry in seats.value.prices.0.iter().filter(|entry| entry.clean) {
        let code = &entry.name.value;
        // In a currency in which the plan isn't sold, that is what a warning says.
        let of_plan = plan.price.0.iter().find(|price| price.name.value == *code && price.clean);
        let Some((of_plan, of_seats)) =
            of_plan.and_then(|price| price.value.as_ref()).zip(entry.value.as_ref())
        else {
            continue;
        };
        for (interval, in_plan, in_seats) in both(&of_plan.value, &of_seats.value) {
            let interval = interval.name();
            if in_seats && !in_plan {
                let message =
                    format!("the plan has no price per {interval} in {code}, so its seats can't have one");
                let help = format!("remove `{interval}`, or add it to the plan's `price`");
                report.error(&entry.name.at, "blueprint.price_interval", message, help);
            } else if in_plan && !in_seats {
                let message =
                    format!("the plan is sold per {interval} in {code}, where more seats cost nothing");
                let help = format!("add `{interval} = \"…\"`");
                report.warning(&entry.name.at, "blueprint.price_currency", message, help);
            }
        }
    }
}

/// The intervals with whether each price has them.
fn both(one: &RawPrice, other: &RawPrice) -> [(Interval, bool, bool); 3] {
    let has = |price: &RawPrice| [price.month.is_some(), price.quarter.is_some(), price.year.is_some()];
    let ([month, quarter, year], [other_month, other_quarter, other_year]) = (has(one), has(other));
    [
        (Interval::Month, month, other_month),
        (Interval::Quarter, quarter, other_quarter),
        (Interval::Year, year, other_year),
    ]
}

/// The stock whose bound is the number of seats; it isn't bounded otherwise.
fn seats_limit(
    limit: &At<String>,
    plan: &RawPlan,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Option<LimitIndex> {
    let index = limit_index(limit, known.limits, report)?;
    let kind = known.limits.get(index.get())?.1.as_ref().map(|limit| &limit.kind);
    if kind.is_some_and(|kind| !matches!(kind, LimitKind::Stock)) {
        let message = format!("`{}` is no stock, so there are no seats of it", limit.value);
        let help = "name a stock, such as \"members\"";
        report.error(&limit.at, "blueprint.seats_limit", message, help);
        return None;
    }
    if let Some(named) = plan.limits.0.iter().find(|entry| entry.name.value == limit.value) {
        let message = format!("how far `{}` goes is the number of seats", limit.value);
        let help = "remove it here, or the seats' `limit`";
        report.error(&named.name.at, "blueprint.seats_limit", message, help);
    }
    Some(index)
}

/// The least that a billing period comes to, by currency.
pub(super) fn minimum(plan: &RawPlan, report: &mut Report<'_>) -> Vec<(Currency, Decimal)> {
    let Some(At { value: raw, at }) = &plan.minimum else { return Vec::new() };
    check_any(at, raw, report);
    let beside = Beside {
        at,
        codes: raw.0.iter().map(|amount| &amount.name).collect(),
        code: "blueprint.price_currency",
        lacking: "there is no minimum",
    };
    money::warn_about_currencies(&beside, &plan.price, report);
    money::amounts(raw, report)
}

/// The trial of a plan, and what comes after it.
pub(super) fn trial(
    entry: &Entry<RawPlan>,
    plan: &RawPlan,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Option<Trial> {
    let days = plan.trial_days.as_ref().and_then(|days| days_of(days, 1, LONGEST_TRIAL, report));
    let then = plan.after_trial.as_ref().map(|after| after_trial(&entry.name, after, plan, known, report));
    if let Some(after) = plan.after_trial.as_ref().filter(|_| plan.trial_days.is_none() && entry.clean) {
        let message = "there is no trial that anything could come after".to_owned();
        report.error(&after.at, "blueprint.trial", message, "add `trial_days = …`, or remove this");
    }
    Some(Trial { days: days?, then: then.flatten().unwrap_or(AfterTrial::PastDue) })
}

fn after_trial(
    name: &At<String>,
    after: &At<String>,
    plan: &RawPlan,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Option<AfterTrial> {
    if after.value == PAST_DUE {
        return Some(AfterTrial::PastDue);
    }
    let plans = &known.raw.plans;
    let Some(position) = plans.names().position(|known| known == after.value) else {
        let message = format!("there is no plan {}", quoted(&after.value));
        let help = suggest(&after.value, plans.names().chain([PAST_DUE]), "value");
        report.error(&after.at, "blueprint.unknown_plan", message, help);
        return None;
    };
    let other = plans.get(&after.value);
    let lacking: Vec<&str> = other.map_or_else(Vec::new, |other| {
        plan.price.names().filter(|currency| !other.price.has(currency)).collect()
    });
    let wrong = if after.value == name.value {
        Some("this is the plan itself".to_owned())
    } else if other.is_some_and(|other| other.trial_days.is_some()) {
        Some(format!("`{}` begins with a trial itself", after.value))
    } else if other.is_some_and(|other| other.self_service == Some(false)) {
        Some(format!("`{}` can't be taken by self-service", after.value))
    } else if !lacking.is_empty() {
        Some(format!("`{}` has no price in {}", after.value, lacking.join(", ")))
    } else {
        None
    };
    if let Some(message) = wrong {
        let help = "use a plan for self-service without a trial, which has a price in each currency of this one, or \"past_due\"";
        report.error(&after.at, "blueprint.trial", message, help);
        return None;
    }
    Some(AfterTrial::Plan(PlanIndex::at(position)))
}

/// For how many days an organization may be past due.
pub(super) fn grace_days(plan: &RawPlan, report: &mut Report<'_>) -> u32 {
    let days = plan.grace_days.as_ref().and_then(|days| days_of(days, 0, LONGEST_GRACE, report));
    days.unwrap_or(USUAL_GRACE)
}

fn days_of(days: &At<i64>, least: u32, most: u32, report: &mut Report<'_>) -> Option<u32> {
    let found = u32::try_from(days.value).ok().filter(|found| (least..=most).contains(found));
    if found.is_none() {
        let message = format!("`{}` days can't stand here", days.value);
        let help = format!("use a whole number from {least} to {most}");
        report.error(&days.at, "blueprint.number_range", message, help);
    }
    found
}
