//! What usage costs: a price of one of several models, for each currency it is named in.

use super::{
    check_count,
    limits::check_units,
    money::{self, check_any},
};
use crate::{
    declared::{RawModel, RawTier, RawUsagePrice},
    diagnostics::{Place, Report},
    model::Meter,
    read::{At, Entry, Map},
    values::Amount,
};
use insula_kernel::{Currency, Decimal};
use insula_rating::{Model, Price, Tier, Tiers};
use std::collections::{BTreeMap, BTreeSet};

/// The most tiers of a price.
const MOST_TIERS: usize = 100;

/// What a price is checked against.
pub(super) struct Context<'a> {
    /// What is priced, where that is known.
    pub(super) meter: Option<&'a Meter>,
    /// The currencies of a share that names none itself.
    pub(super) sold: &'a [Currency],
    /// Whether nothing in the price was reported, so that what is missing isn't merely wrong.
    pub(super) clean: bool,
}

type Amounts = BTreeMap<Currency, Decimal>;

/// The price in each currency, in a fixed order; none if a mistake was reported.
pub(super) fn resolve(
    price: &At<RawUsagePrice>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<(Currency, Price)> {
    let raw = &price.value;
    let before = report.count();
    // What the keys go with may be among what couldn't be read.
    if context.clean {
        check_keys(raw, report);
    }
    let minimum = optional(raw.minimum.as_ref(), report);
    let models = match raw.model.as_ref().map(|model| model.value) {
        None => simple(price, context, report),
        Some(model @ (RawModel::Graduated | RawModel::Volume)) => tiered(price, model, context, report),
        Some(RawModel::Percentage) => percentage(price, &minimum, context, report),
    };
    if let Some(units) = &raw.included {
        check_units((units.value.0, &units.at), context.meter, report);
    }
    let included = raw.included.as_ref().and_then(|units| whole(units.value.0));
    let priced: BTreeSet<Currency> = models.iter().map(|(currency, _)| *currency).collect();
    // What seems to be lacking may only be wrong.
    if context.clean && report.count() == before {
        check_minimum(raw, &minimum, &priced, report);
    }
    models
        .into_iter()
        .map(|(currency, model)| {
            (currency, Price { model, included, minimum: minimum.get(&currency).copied() })
        })
        .collect()
}

/// The currencies that a price names, each once, where it is named first.
pub(super) fn codes(raw: &RawUsagePrice) -> Vec<&At<String>> {
    let tiers = raw.tiers.iter().flat_map(|tiers| &tiers.value);
    let of_tiers = tiers.flat_map(|tier| [&tier.value.unit, &tier.value.flat]);
    let nested = of_tiers.chain([&raw.flat, &raw.minimum]).flatten().map(|map| &map.value);
    let mut codes: Vec<&At<String>> = Vec::new();
    for entry in std::iter::once(&raw.prices).chain(nested).flat_map(|map| &map.0) {
        if !codes.iter().any(|known| known.value == entry.name.value) {
            codes.push(&entry.name);
        }
    }
    codes
}

/// Reports keys that don't go with the model.
fn check_keys(raw: &RawUsagePrice, report: &mut Report<'_>) {
    let model = raw.model.as_ref().map(|model| model.value);
    let tiered = matches!(model, Some(RawModel::Graduated | RawModel::Volume));
    let share = model == Some(RawModel::Percentage);
    let mut wrong = |at: Option<&Place>, message: &str, help: &str| {
        if let Some(at) = at {
            report.error(at, "blueprint.price_shape", message.to_owned(), help);
        }
    };
    let own = raw.prices.0.first().map(|price| &price.name.at);
    let tiers = raw.tiers.as_ref().map(|tiers| &tiers.at);
    let (per, percent) =
        (raw.per.as_ref().map(|per| &per.at), raw.percent.as_ref().map(|percent| &percent.at));
    let flat = raw.flat.as_ref().map(|flat| &flat.at);
    if tiered {
        wrong(own, "with tiers, each tier says what it costs", "move it into the tiers, under `unit`");
        wrong(flat, "with tiers, each tier says what it costs", "move it into the tiers");
    } else {
        let help = "add `model = \"graduated\"` or `model = \"volume\"`, or remove them";
        wrong(tiers, "without a model that has tiers, these say nothing", help);
    }
    if share {
        wrong(own, "what a share costs is said in percent", "remove it, or name it under `flat`");
    } else {
        wrong(percent, "only a share is said in percent", "add `model = \"percentage\"`, or remove it");
    }
    if !tiered && !share {
        let help = "add `model = \"percentage\"`, or use tiers, which can have a flat amount each";
        wrong(flat, "a price of units has no flat amount", help);
    }
    if model.is_some() {
        wrong(per, "only a price of units is one of lots", "remove it, or `model`");
    }
}

/// Units, or started lots of them.
fn simple(
    price: &At<RawUsagePrice>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<(Currency, Model)> {
    let raw = &price.value;
    let is_other = raw.tiers.is_some() || raw.percent.is_some();
    if raw.prices.0.is_empty() && context.clean && !is_other {
        let message = "the usage has no price".to_owned();
        report.error(&price.at, "blueprint.price_missing", message, "add one, such as `USD = \"0.01\"`");
    }
    if let Some(per) = &raw.per {
        check_units((per.value.0, &per.at), context.meter, report);
    }
    let per = raw.per.as_ref().and_then(|per| whole(per.value.0));
    let model = |unit| per.map_or(Model::Unit { unit }, |per| Model::Package { unit, per });
    money::costs(&raw.prices, report).into_iter().map(|(currency, unit)| (currency, model(unit))).collect()
}

/// A share, with a flat amount in the currencies that name one.
fn percentage(
    price: &At<RawUsagePrice>,
    minimum: &Amounts,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<(Currency, Model)> {
    let raw = &price.value;
    let before = report.count();
    let flat = optional(raw.flat.as_ref(), report);
    let Some(percent) = &raw.percent else {
        if context.clean {
            let message = "the share isn't said".to_owned();
            report.error(&price.at, "blueprint.price_shape", message, "add `percent = \"…\"`");
        }
        return Vec::new();
    };
    let named: BTreeSet<Currency> = flat.keys().chain(minimum.keys()).copied().collect();
    let currencies = if named.is_empty() { context.sold.iter().copied().collect() } else { named };
    if currencies.is_empty() && context.clean {
        let message = "it isn't said of which currency this is a share".to_owned();
        let help = "add `flat = { USD = \"0\" }`, or give the plan a price";
        report.error(&price.at, "blueprint.price_missing", message, help);
    }
    if let Some(declared) = raw.flat.as_ref().filter(|_| report.count() == before) {
        warn_lacking(declared, &flat, &currencies, "there is no flat amount", report);
    }
    let percent = percent.value.0;
    let model = |currency: Currency| Model::Percentage { percent, flat: flat.get(&currency).copied() };
    currencies.into_iter().map(|currency| (currency, model(currency))).collect()
}

/// Tiers that follow each other, each with a price in every currency that any of them names.
fn tiered(
    price: &At<RawUsagePrice>,
    model: RawModel,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<(Currency, Model)> {
    let Some(declared) = &price.value.tiers else {
        if context.clean {
            let message = "the tiers are missing".to_owned();
            let help = "add `tiers = [{ up_to = 10, unit = { USD = \"2\" } }, { unit = { USD = \"1\" } }]`";
            report.error(&price.at, "blueprint.price_shape", message, help);
        }
        return Vec::new();
    };
    if declared.value.is_empty() && context.clean {
        let message = "no tier is listed".to_owned();
        report.error(&declared.at, "blueprint.price_shape", message, "list one without `up_to` at least");
    }
    check_count(declared.value.iter().map(|tier| &tier.at), MOST_TIERS, "tier", report);
    check_order(&declared.value, context, report);
    let before = report.count();
    let read = |tier: &At<RawTier>, report: &mut Report<'_>| {
        let unit = optional(tier.value.unit.as_ref(), report);
        (unit, optional(tier.value.flat.as_ref(), report))
    };
    let tiers: Vec<(Amounts, Amounts)> = declared.value.iter().map(|tier| read(tier, report)).collect();
    let named = |(unit, flat): &(Amounts, Amounts)| unit.keys().chain(flat.keys()).copied().collect();
    let currencies: BTreeSet<Currency> = tiers.iter().flat_map::<BTreeSet<Currency>, _>(named).collect();
    if context.clean && report.count() == before {
        for (tier, priced) in declared.value.iter().zip(&tiers) {
            check_tier(tier, &named(priced), &currencies, report);
        }
    }
    let in_currency = |currency: Currency| {
        let tier = |(declared, (unit, flat)): (&At<RawTier>, &(Amounts, Amounts))| Tier {
            up_to: declared.value.up_to.as_ref().and_then(|up_to| whole(up_to.value.0)),
            unit: unit.get(&currency).copied(),
            flat: flat.get(&currency).copied(),
        };
        // What is wrong with them is reported above.
        let tiers = Tiers::new(declared.value.iter().zip(&tiers).map(tier).collect()).ok()?;
        Some((
            currency,
            if model == RawModel::Volume { Model::Volume { tiers } } else { Model::Graduated { tiers } },
        ))
    };
    currencies.iter().copied().filter_map(in_currency).collect()
}

/// Each tier must end after the one before it, but for the last, which goes on.
fn check_order(tiers: &[At<RawTier>], context: &Context<'_>, report: &mut Report<'_>) {
    let mut end = 0;
    for (position, tier) in tiers.iter().enumerate() {
        let is_last = position + 1 == tiers.len();
        match &tier.value.up_to {
            Some(up_to) if is_last => {
                let message = "beyond the last tier, nothing says what usage costs".to_owned();
                let help = "remove its `up_to`, or add a tier without one";
                report.error(&up_to.at, "blueprint.price_shape", message, help);
            }
            Some(up_to) => {
                check_units((up_to.value.0, &up_to.at), context.meter, report);
                if up_to.value.0 <= end {
                    let message =
                        format!("the tier ends at {}, but the one before it at {end}", up_to.value.0);
                    let help = format!("let each tier end after the one before it: use more than {end}");
                    report.error(&up_to.at, "blueprint.price_shape", message, help);
                }
                end = end.max(up_to.value.0);
            }
            None if !is_last && context.clean => {
                let message = "only the last tier goes on without end".to_owned();
                report.error(&tier.at, "blueprint.price_shape", message, "add `up_to = …`");
            }
            None => {}
        }
    }
}

fn check_tier(
    tier: &At<RawTier>,
    priced: &BTreeSet<Currency>,
    currencies: &BTreeSet<Currency>,
    report: &mut Report<'_>,
) {
    let lacking: Vec<&str> = currencies.difference(priced).map(|currency| currency.code()).collect();
    let example = lacking.first().copied().unwrap_or("USD");
    let message = if priced.is_empty() {
        "the tier doesn't say what it costs".to_owned()
    } else if lacking.is_empty() {
        return;
    } else {
        format!("the tier has no price in {}, in which others have one", lacking.join(", "))
    };
    let help = format!("add `unit = {{ {example} = \"…\" }}`, \"0\" if it costs nothing");
    report.error(&tier.at, "blueprint.price_missing", message, help);
}

/// Amounts that may be left out, but not be empty.
fn optional(declared: Option<&At<Map<At<Amount>>>>, report: &mut Report<'_>) -> Amounts {
    let Some(declared) = declared else { return Amounts::new() };
    check_any(&declared.at, &declared.value, report);
    money::costs(&declared.value, report).into_iter().collect()
}

/// A minimum needs a price that it is the least of, and where one currency has it, the others should.
fn check_minimum(
    raw: &RawUsagePrice,
    minimum: &Amounts,
    priced: &BTreeSet<Currency>,
    report: &mut Report<'_>,
) {
    let Some(declared) = &raw.minimum else { return };
    let is_priced = |entry: &&Entry<At<Amount>>| {
        Currency::from_code(&entry.name.value).is_some_and(|currency| priced.contains(&currency))
    };
    for entry in declared.value.0.iter().filter(|entry| !is_priced(entry)) {
        let message = format!("in {} there is no price of which this could be the least", entry.name.value);
        let help = "remove it, or add a price in this currency";
        report.error(&entry.name.at, "blueprint.price_shape", message, help);
    }
    warn_lacking(declared, minimum, priced, "there is no minimum", report);
}

fn warn_lacking(
    declared: &At<Map<At<Amount>>>,
    named: &Amounts,
    currencies: &BTreeSet<Currency>,
    what: &str,
    report: &mut Report<'_>,
) {
    let lacking = currencies.iter().filter(|currency| !named.contains_key(currency));
    let lacking: Vec<&str> = lacking.map(|currency| currency.code()).collect();
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        let message = format!("it is priced in {lacking} too, in which {what}");
        let help = format!("add an amount in {lacking}, \"0\" if that is meant");
        report.warning(&declared.at, "blueprint.price_currency", message, help);
    }
}

/// A whole number as a quantity. Those of a blueprint fit.
fn whole(number: u64) -> Option<Decimal> {
    i64::try_from(number).ok().map(|number| Decimal::from_scaled(number, 0))
}
