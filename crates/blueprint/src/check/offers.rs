//! Meters, limits and plans: what is counted, how far it goes and what it costs.

use super::check_names;
use crate::{
    declared::{RawBlueprint, RawKind, RawLimit, RawPlan, RawPrice, RawWindow},
    diagnostics::{Report, quoted, suggest},
    digest,
    model::{Digest, Interval, Limit, LimitKind, Meter, MeterIndex, Plan, Price, QuotaWindow, RateWindow},
    read::{At, Entry, Map},
    values::{Bound, Feature, Positive},
};
use insula_kernel::{Currency, DecimalError, Money};
use std::collections::BTreeMap;

/// Limits that exist in every blueprint, by their [`LimitIndex`], with what a plan allows that doesn't name them.
const BUILT_IN: [(&str, Bound); 4] = [
    ("members", Bound::At(5)),
    ("api_keys", Bound::Unlimited),
    ("projects", Bound::Unlimited),
    ("teams", Bound::Unlimited),
];

/// The percentages at which to warn where a limit doesn't say.
const USUAL_WARNINGS: [u8; 3] = [80, 90, 100];

/// A declared limit: its name and, unless a mistake was reported, the limit.
pub(super) type Declared = (String, Option<Limit>);

pub(super) fn meters(raw: &RawBlueprint, report: &mut Report<'_>) -> Vec<Meter> {
    check_names(&raw.meters, "meter", report);
    raw.meters.names().map(|name| Meter { name: name.to_owned() }).collect()
}

/// Every limit by its [`LimitIndex`]: the built-in ones, then the others as they are declared.
pub(super) fn limits(raw: &RawBlueprint, report: &mut Report<'_>) -> Vec<Declared> {
    check_names(&raw.limits, "limit", report);
    let built_in = BUILT_IN.iter().map(|(name, _)| {
        let warn_at =
            raw.limits.get(name).map_or_else(|| USUAL_WARNINGS.to_vec(), |limit| warn_at(limit, report));
        let kind = LimitKind::Stock;
        ((*name).to_owned(), Some(Limit { name: (*name).to_owned(), kind, warn_at }))
    });
    let mut limits: Vec<Declared> = built_in.collect();
    for entry in &raw.limits.0 {
        let is_built_in = BUILT_IN.iter().any(|(name, _)| *name == entry.name.value);
        let kind = entry.value.as_ref().and_then(|limit| kind(entry, limit, is_built_in, raw, report));
        if !is_built_in {
            let warn_at = entry.value.as_ref().map(|limit| warn_at(limit, report)).unwrap_or_default();
            let name = entry.name.value.clone();
            limits.push((name.clone(), kind.map(|kind| Limit { name, kind, warn_at })));
        }
    }
    limits
}

fn kind(
    entry: &Entry<RawLimit>,
    limit: &RawLimit,
    is_built_in: bool,
    raw: &RawBlueprint,
    report: &mut Report<'_>,
) -> Option<LimitKind> {
    let (name, kind) = (&entry.name, limit.kind.as_ref().map(|kind| kind.value));
    if is_built_in && kind != Some(RawKind::Stock) {
        let message = format!("`{}` is a limit of Insula's own, a stock", name.value);
        let help = "declare it with `kind = \"stock\"`, or not at all: plans can name it all the same";
        report.error(&name.at, "blueprint.reserved_name", message, help);
        return None;
    }
    match kind {
        None if !entry.clean => {
            // The kind may be among what is wrong, so nothing can be said of the shape.
            limit.meter.as_ref().and_then(|meter| meter_index(meter, raw, report));
            None
        }
        None => quota(entry, limit, raw, report),
        Some(RawKind::Rate) => rate(entry, limit, report),
        Some(RawKind::Stock) => stock(name, limit, is_built_in, report),
    }
}

fn misplaced<T>(key: &str, value: Option<&At<T>>, why: &str, report: &mut Report<'_>) {
    if let Some(value) = value {
        report.error(
            &value.at,
            "blueprint.limit_shape",
            format!("`{key}` does not belong here: {why}"),
            "remove it",
        );
    }
}

fn quota(
    entry: &Entry<RawLimit>,
    limit: &RawLimit,
    raw: &RawBlueprint,
    report: &mut Report<'_>,
) -> Option<LimitKind> {
    misplaced("per", limit.per.as_ref(), "only a rate counts for each key", report);
    misplaced("burst", limit.burst.as_ref(), "only a rate has a burst", report);
    let window = match limit.window.as_ref().map(|window| (window.value, window)) {
        Some((RawWindow::Hour, _)) => Some(QuotaWindow::Hour),
        Some((RawWindow::Day, _)) => Some(QuotaWindow::Day),
        Some((RawWindow::Second | RawWindow::Minute, window)) => {
            let message = "this window is too short for a quota".to_owned();
            let help = "use \"hour\" or \"day\", or make it a rate: `kind = \"rate\"` and no meter";
            report.error(&window.at, "blueprint.limit_shape", message, help);
            None
        }
        None => {
            missing(entry, "window", "`window = \"day\"`", report);
            None
        }
    };
    let Some(meter) = &limit.meter else {
        missing(entry, "meter", "`meter = …`, or `kind = \"rate\"`", report);
        return None;
    };
    let meter = meter_index(meter, raw, report);
    Some(LimitKind::Quota { meter: meter?, window: window? })
}

fn rate(entry: &Entry<RawLimit>, limit: &RawLimit, report: &mut Report<'_>) -> Option<LimitKind> {
    misplaced("meter", limit.meter.as_ref(), "a rate counts requests", report);
    misplaced("warn_at", limit.warn_at.as_ref(), "a rate recovers by itself", report);
    let burst = limit.burst.as_ref().map(|burst| burst.value.0);
    let Some(window) = &limit.window else {
        missing(entry, "window", "`window = \"second\"` or \"minute\"", report);
        return None;
    };
    let window = match window.value {
        RawWindow::Second => RateWindow::Second,
        RawWindow::Minute => RateWindow::Minute,
        RawWindow::Hour | RawWindow::Day => {
            let message = "this window is too long for a rate".to_owned();
            let help = "use \"second\" or \"minute\", or make it a quota: a meter and no kind";
            report.error(&window.at, "blueprint.limit_shape", message, help);
            return None;
        }
    };
    Some(LimitKind::Rate { window, burst })
}

fn stock(
    name: &At<String>,
    limit: &RawLimit,
    is_built_in: bool,
    report: &mut Report<'_>,
) -> Option<LimitKind> {
    const WHY: &str = "a stock counts what exists";
    misplaced("meter", limit.meter.as_ref(), WHY, report);
    misplaced("window", limit.window.as_ref(), WHY, report);
    misplaced("per", limit.per.as_ref(), WHY, report);
    misplaced("burst", limit.burst.as_ref(), WHY, report);
    if !is_built_in {
        let what = format!("a stock other than those of Insula's own, here {},", quoted(&name.value));
        crate::read::unsupported(&what, "leave it out", &name.at, report);
        return None;
    }
    Some(LimitKind::Stock)
}

fn missing(entry: &Entry<RawLimit>, key: &str, help: &str, report: &mut Report<'_>) {
    if entry.clean {
        let message = format!("limit `{}` has no `{key}`", entry.name.value);
        report.error(&entry.name.at, "blueprint.limit_shape", message, format!("add {help}"));
    }
}

fn meter_index(meter: &At<String>, raw: &RawBlueprint, report: &mut Report<'_>) -> Option<MeterIndex> {
    let position = raw.meters.names().position(|name| name == meter.value);
    if position.is_none() {
        let message = format!("there is no meter {}", quoted(&meter.value));
        let help = suggest(&meter.value, raw.meters.names(), "meter");
        report.error(&meter.at, "blueprint.unknown_meter", message, help);
    }
    position.map(MeterIndex::at)
}

/// The meters a route names, with what a request counts on each.
pub(super) fn counted(
    meters: &Map<Positive>,
    raw: &RawBlueprint,
    report: &mut Report<'_>,
) -> Vec<(MeterIndex, u64)> {
    let mut counted = Vec::new();
    for entry in &meters.0 {
        let index = meter_index(&entry.name, raw, report);
        counted.extend(index.zip(entry.value).map(|(index, count)| (index, count.0)));
    }
    counted
}

fn warn_at(limit: &RawLimit, report: &mut Report<'_>) -> Vec<u8> {
    let Some(list) = &limit.warn_at else {
        return USUAL_WARNINGS.to_vec();
    };
    let mut percentages = Vec::new();
    for item in &list.value {
        let percentage = u8::try_from(item.value).ok().filter(|percentage| (1..=100).contains(percentage));
        if let Some(percentage) = percentage.filter(|percentage| percentages.last() < Some(percentage)) {
            percentages.push(percentage);
        } else {
            let message = format!("`{}` can't stand here", item.value);
            report.error(
                &item.at,
                "blueprint.warn_at",
                message,
                "list percentages from 1 to 100, each above the last",
            );
        }
    }
    percentages
}

pub(super) fn plans(raw: &RawBlueprint, limits: &[Declared], report: &mut Report<'_>) -> Vec<Plan> {
    check_names(&raw.plans, "plan", report);
    let plans: Vec<_> =
        raw.plans.iter().map(|(name, plan)| resolve_plan(name, plan, limits, report)).collect();
    // Digests cover the definitions of limits, which exist only if none of them is wrong.
    let limits: Option<Vec<&Limit>> = limits.iter().map(|(_, limit)| limit.as_ref()).collect();
    let Some(limits) = limits else { return plans };
    let digested = |plan: Plan| Plan { digest: digest::of_plan(&plan, &limits, &raw.meters), ..plan };
    plans.into_iter().map(digested).collect()
}

fn resolve_plan(name: &At<String>, plan: &RawPlan, limits: &[Declared], report: &mut Report<'_>) -> Plan {
    check_names(&plan.features, "feature", report);
    let self_service = plan.self_service.unwrap_or(true);
    let prices = prices(&plan.price, report);
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
        prices,
        limits: bounds(name, plan, limits, report),
        features,
        priority,
        self_service,
        digest: Digest::of(&[]),
    }
}

/// How far each limit goes on a plan. A limit that isn't named would be unlimited by accident, so it must be.
fn bounds(name: &At<String>, plan: &RawPlan, limits: &[Declared], report: &mut Report<'_>) -> Vec<Bound> {
    for entry in &plan.limits.0 {
        if !limits.iter().any(|(known, _)| *known == entry.name.value) {
            let message = format!("there is no limit {}", quoted(&entry.name.value));
            let help = suggest(&entry.name.value, limits.iter().map(|(known, _)| known.as_str()), "limit");
            report.error(&entry.name.at, "blueprint.unknown_limit", message, help);
        }
    }
    let missing: Vec<&str> = limits
        .iter()
        .skip(BUILT_IN.len())
        .filter(|(name, limit)| limit.is_some() && !plan.limits.has(name))
        .map(|(name, _)| name.as_str())
        .collect();
    if !missing.is_empty() {
        let message = format!("plan `{}` does not say how far `{}` goes", name.value, missing.join("`, `"));
        let help = format!("add `{} = …` to its limits: a whole number or \"unlimited\"", missing[0]);
        report.error(&name.at, "blueprint.limit_missing", message, help);
    }
    let silent = |index: usize| BUILT_IN.get(index).map_or(Bound::At(0), |(_, bound)| *bound);
    let named = |limit: &str| plan.limits.get(limit).map(|bound| bound.value);
    limits
        .iter()
        .enumerate()
        .map(|(index, (limit, _))| named(limit).unwrap_or_else(|| silent(index)))
        .collect()
}

fn prices(declared: &Map<At<RawPrice>>, report: &mut Report<'_>) -> Vec<Price> {
    let mut prices = Vec::new();
    for entry in &declared.0 {
        let (code, Some(price)) = (&entry.name, &entry.value) else { continue };
        let Some(currency) = Currency::from_code(&code.value) else {
            let message = format!("{} is no currency that Insula knows", quoted(&code.value));
            let upper = code.value.to_ascii_uppercase();
            let help = match Currency::from_code(&upper) {
                Some(_) => format!("did you mean `{upper}`?"),
                None => "use a code of ISO 4217 in capitals, such as USD, EUR or JPY".to_owned(),
            };
            report.error(&code.at, "blueprint.unknown_currency", message, help);
            continue;
        };
        let At { value: price, at } = price;
        if entry.clean && price.month.is_none() && price.year.is_none() {
            let message = format!("the price in {} has no interval", code.value);
            report.error(at, "blueprint.price_missing", message, "add `month = \"…\"` or `year = \"…\"`");
        }
        for (interval, amount) in [(Interval::Month, &price.month), (Interval::Year, &price.year)] {
            let amount = amount.as_ref().and_then(|amount| money(amount, currency, report));
            prices.extend(amount.map(|amount| Price { interval, amount }));
        }
    }
    prices.sort_by_key(|price| (price.amount.currency, price.interval));
    prices
}

fn money(amount: &At<crate::values::Amount>, currency: Currency, report: &mut Report<'_>) -> Option<Money> {
    let (given, code) = (amount.value.0, currency.code());
    if given.is_negative() {
        report.error(
            &amount.at,
            "blueprint.negative_price",
            format!("`{given}` is below zero"),
            "use 0 or more",
        );
        return None;
    }
    match given.to_scaled(u32::from(currency.decimals())) {
        Ok(minor) => Some(Money { minor, currency }),
        Err(DecimalError::TooPrecise) => {
            let message = format!("`{given}` is finer than the smallest amount of {code}");
            let help = match currency.decimals() {
                0 => format!("{code} has no decimals: use a whole number"),
                decimals => format!("{code} has {decimals} decimals"),
            };
            report.error(&amount.at, "blueprint.price_precision", message, help);
            None
        }
        Err(error) => {
            let message = format!("`{given}` {error}");
            report.error(&amount.at, "blueprint.amount", message, "use a smaller amount");
            None
        }
    }
}
