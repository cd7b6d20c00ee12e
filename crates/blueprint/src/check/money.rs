//! Prices, and what usage costs.

use crate::{
    declared::RawPrice,
    diagnostics::{Report, quoted},
    model::Price,
    read::{At, Map},
    values::Amount,
};
use insula_kernel::{Currency, Decimal, DecimalError, Money};
use insula_rating::Interval;

/// The most decimals of what a unit costs: finer than any currency, since much usage costs less than its smallest
/// amount.
const FINEST: u32 = 12;

/// The prices of a plan, in a fixed order.
pub(super) fn prices(declared: &Map<At<RawPrice>>, report: &mut Report<'_>) -> Vec<Price> {
    let mut prices = Vec::new();
    for entry in &declared.0 {
        let (code, Some(price)) = (&entry.name, &entry.value) else { continue };
        let Some(currency) = currency(code, report) else { continue };
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

/// What one or a lot of something costs, by currency, in a fixed order.
pub(super) fn costs(declared: &Map<At<Amount>>, report: &mut Report<'_>) -> Vec<(Currency, Decimal)> {
    let mut costs = Vec::new();
    for entry in &declared.0 {
        let currency = currency(&entry.name, report);
        let amount = entry.value.as_ref().and_then(|amount| fine(amount, report));
        costs.extend(currency.zip(amount));
    }
    costs.sort_by_key(|(currency, _)| *currency);
    costs
}

fn currency(code: &At<String>, report: &mut Report<'_>) -> Option<Currency> {
    let currency = Currency::from_code(&code.value);
    if currency.is_none() {
        let message = format!("{} is no currency that Insula knows", quoted(&code.value));
        let upper = code.value.to_ascii_uppercase();
        let help = match Currency::from_code(&upper) {
            Some(_) => format!("did you mean `{upper}`?"),
            None => "use a code of ISO 4217 in capitals, such as USD, EUR or JPY".to_owned(),
        };
        report.error(&code.at, "blueprint.unknown_currency", message, help);
    }
    currency
}

fn money(amount: &At<Amount>, currency: Currency, report: &mut Report<'_>) -> Option<Money> {
    let code = currency.code();
    let too_precise = |given: Decimal| {
        let message = format!("`{given}` is finer than the smallest amount of {code}");
        let help = match currency.decimals() {
            0 => format!("{code} has no decimals: use a whole number"),
            decimals => format!("{code} has {decimals} decimals"),
        };
        (message, help)
    };
    let minor = scaled(amount, u32::from(currency.decimals()), too_precise, report)?;
    Some(Money { minor, currency })
}

fn fine(amount: &At<Amount>, report: &mut Report<'_>) -> Option<Decimal> {
    let too_precise = |given: Decimal| {
        let help = "use fewer, or name the price of a larger number of units";
        (format!("`{given}` has more than {FINEST} decimals"), help.to_owned())
    };
    scaled(amount, FINEST, too_precise, report).map(|_| amount.value.0)
}

/// The amount in units of so many decimals, if it is one that can be asked for.
fn scaled(
    amount: &At<Amount>,
    places: u32,
    too_precise: impl FnOnce(Decimal) -> (String, String),
    report: &mut Report<'_>,
) -> Option<i64> {
    let given = amount.value.0;
    if given.is_negative() {
        let message = format!("`{given}` is below zero");
        report.error(&amount.at, "blueprint.negative_price", message, "use 0 or more");
        return None;
    }
    match given.to_scaled(places) {
        Ok(scaled) => Some(scaled),
        Err(DecimalError::TooPrecise) => {
            let (message, help) = too_precise(given);
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
