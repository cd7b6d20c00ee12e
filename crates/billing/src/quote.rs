//! What a quantity would cost, without selling it.

use crate::charges::unratable;
use insula_kernel::{Currency, Decimal, Error, FieldError, Money, Result};
use insula_rating::{Exact, Price, Rated, Step};
use schemars::JsonSchema;
use serde::Serialize;

/// What a quantity would cost, and how that comes about.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Quote {
    /// What it is made of, before it is rounded.
    pub lines: Vec<Step>,
    /// The sum of the lines.
    pub exact: Exact,
    /// The sum, rounded once.
    pub total: Money,
}

/// A price as it stands in a blueprint, in one currency.
pub fn price(written: &serde_json::Value, currency: Currency) -> Result<Price> {
    insula_blueprint::parse_price(written, currency.code()).map_err(|mistakes| {
        let field = |(pointer, message, help): (String, String, String)| FieldError {
            pointer: format!("/price{pointer}"),
            code: "malformed",
            detail: format!("{message}: {help}"),
        };
        Error::invalid(mistakes.into_iter().map(field).collect())
    })
}

/// Prices a quantity.
pub fn quote(price: &Price, quantity: &str, currency: Currency) -> Result<Quote> {
    let quantity: Decimal = quantity
        .parse()
        .map_err(|error| Error::invalid_field("/quantity", "malformed", format!("`{quantity}` {error}.")))?;
    if quantity.is_negative() {
        return Err(Error::invalid_field("/quantity", "negative", "A quantity below zero can't be rated."));
    }
    let Rated { steps, exact, amount } = price.rate(quantity, currency).map_err(unratable)?;
    Ok(Quote { lines: steps, exact, total: amount })
}
