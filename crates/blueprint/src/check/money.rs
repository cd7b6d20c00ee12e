//! Amounts of money: what is paid by interval, what units cost, and in which currencies.

use crate::{
    declared::RawPrice,
    diagnostics::{Place, Report, quoted},
    model::Price,
    read::{At, Map},
    values::Amount,
};
use insula_kernel::{Currency, Decimal, DecimalError, Money};
use insula_rating::Interval;

/// The most decimals of what a unit costs: finer than any currency, since much usage costs less than its smallest
/// amount.
const FINEST: u32 = 12;

/// What is paid again and again, in a fixed order.
pub(super) fn prices(declared: &Map<At<RawPrice>>, report: &mut Report<'_>) -> Vec<Price> {
    let mut prices = Vec::new();
    for entry in &declared.0 {
        let (code, Some(price)) = (&entry.name, &entry.value) else { continue };
        let Some(currency) = currency(code, report) else { continue };
        let At { value: price, at } = price;
        let amounts = Interval::ALL.into_iter().zip([&price.month, &price.quarter, &price.year]);
        if entry.clean && amounts.clone().all(|(_, amount)| amount.is_none()) {
            let message = format!("the price in {} has no interval", code.value);
            let help = "add `month = \"…\"`, `quarter = \"…\"` or `year = \"…\"`";
            report.error(at, "blueprint.price_missing", message, help);
        }
        for (interval, amount) in amounts {
            let amount = amount.as_ref().and_then(|amount| money(amount, currency, report));
            prices.extend(amount.map(|amount| Price { interval, amount }));
        }
    }
    prices.sort_by_key(|price| (price.amount.currency, price.interval));
    prices
}

/// The currencies of prices, each once.
pub(super) fn currencies(prices: &[Price]) -> Vec<Currency> {
    let mut currencies: Vec<_> = prices.iter().map(|price| price.amount.currency).collect();
    currencies.dedup();
    currencies
}

/// What one or a lot of something costs, by currency, in a fixed order.
pub(super) fn costs(declared: &Map<At<Amount>>, report: &mut Report<'_>) -> Vec<(Currency, Decimal)> {
    by_currency(declared, |amount, _, report| fine(amount, report), report)
}

/// Amounts that can be paid, by currency, in a fixed order.
pub(super) fn amounts(declared: &Map<At<Amount>>, report: &mut Report<'_>) -> Vec<(Currency, Decimal)> {
    let payable = |amount: &At<Amount>, currency, report: &mut Report<'_>| {
        money(amount, currency, report).map(|_| amount.value.0)
    };
    by_currency(declared, payable, report)
}

fn by_currency(
    declared: &Map<At<Amount>>,
    read: impl Fn(&At<Amount>, Currency, &mut Report<'_>) -> Option<Decimal>,
    report: &mut Report<'_>,
) -> Vec<(Currency, Decimal)> {
    let mut amounts = Vec::new();
    for entry in &declared.0 {
        let Some(currency) = currency(&entry.name, report) else { continue };
        let amount = entry.value.as_ref().and_then(|amount| read(amount, currency, report));
        amounts.extend(amount.map(|amount| (currency, amount)));
    }
    amounts.sort_by_key(|(currency, _)| *currency);
    amounts
}

/// Reports a table of prices that names none.
pub(super) fn check_any(at: &Place, declared: &Map<At<Amount>>, report: &mut Report<'_>) {
    if declared.0.is_empty() {
        let message = "no amount is named".to_owned();
        report.error(
            at,
            "blueprint.price_missing",
            message,
            "add one, such as `USD = \"1\"`, or remove this",
        );
    }
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

/// Something that is priced beside a plan's own price, and what is said where currencies don't fit.
pub(super) struct Beside<'a> {
    /// Where it is declared.
    pub(super) at: &'a Place,
    /// The currencies it is priced in.
    pub(super) codes: Vec<&'a At<String>>,
    /// The code of the warning.
    pub(super) code: &'static str,
    /// What it means that a currency is lacking: `the plan is sold in X, in which …`.
    pub(super) lacking: &'static str,
}

/// Subscriptions pay in one currency: what is priced beside a plan's own price needs a price in each in which the plan
/// is sold, and in no other.
pub(super) fn warn_about_currencies(what: &Beside<'_>, price: &Map<At<RawPrice>>, report: &mut Report<'_>) {
    // A plan without prices comes by an offer, in whatever currency that names. What is priced in no currency, or in
    // one that isn't known, is reported already.
    let priced = what.codes.iter().map(|code| code.value.as_str());
    let mut all = priced.clone().chain(price.names());
    if price.0.is_empty() || what.codes.is_empty() || all.any(|code| Currency::from_code(code).is_none()) {
        return;
    }
    let lacking: Vec<&str> =
        price.names().filter(|code| !priced.clone().any(|known| known == *code)).collect();
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        let message = format!("the plan is sold in {lacking}, in which {}", what.lacking);
        report.warning(what.at, what.code, message, format!("add a price in {lacking}"));
    }
    for code in what.codes.iter().filter(|code| !price.has(&code.value)) {
        let message = format!("the plan is not sold in {}, so nobody pays this", quoted(&code.value));
        let help = "remove it, or give the plan a price in this currency";
        report.warning(&code.at, what.code, message, help);
    }
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
