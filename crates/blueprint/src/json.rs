//! Parts of the language that are written in JSON: read by the same readers, each mistake with a JSON Pointer
//! (RFC 6901) to its place.

use crate::{
    check,
    declared::RawUsagePrice,
    diagnostics::{Diagnostic, Place, Report, quoted},
    read::{At, Read as _},
};
use insula_kernel::Currency;
use insula_rating::Price;
use serde_json::Value;
use std::{borrow::Cow, slice};
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

/// Reads a price of usage as a blueprint says it, in one currency: `{"USD": "0.50", "per": 1000}`, or any of the models.
/// A share that names no currency is one of this.
///
/// # Errors
///
/// Every mistake: a JSON Pointer to its place, what is wrong, and what would be right.
pub fn parse_price(json: &Value, currency: &str) -> Result<Price, Vec<(String, String, String)>> {
    let whole = |message: String, help: &str| vec![(String::new(), message, help.to_owned())];
    let Some(wanted) = Currency::from_code(currency) else {
        let help = "use a code of ISO 4217 in capitals, such as USD, EUR or JPY";
        return Err(whole(format!("{} is no currency that Insula knows", quoted(currency)), help));
    };
    let mut written = Vec::new();
    numbers(json, &mut written);
    let mut places = Places { pointers: Vec::new(), numbers: written.iter() };
    let (at, value) = match places.value(json, String::new()) {
        Ok(value) => value,
        Err(pointer) => {
            let help = "leave the key out, or give it a value";
            return Err(vec![(pointer, "null says nothing here".to_owned(), help.to_owned())]);
        }
    };
    // One character for each place, so that a mistake's place tells which it is.
    let text = " ".repeat(places.pointers.len());
    let mut report = Report::new("price", &text);
    let price = At::<RawUsagePrice>::read(&value, &at, &mut report);
    let clean = report.count() == 0;
    let prices = price.as_ref().map(|price| check::price(price, wanted, clean, &mut report));
    let mistakes = report.errors();
    if !mistakes.is_empty() {
        let pointed = |(start, mistake): (usize, Diagnostic)| {
            (places.pointers.get(start).cloned().unwrap_or_default(), mistake.message, mistake.help)
        };
        return Err(mistakes.into_iter().map(pointed).collect());
    }
    let mut prices = prices.unwrap_or_default();
    if let Some((other, _)) = prices.iter().find(|(known, _)| *known != wanted) {
        let message = format!("there is a price in {}, but this is paid in {currency}", other.code());
        return Err(whole(message, "name no other currency"));
    }
    let (_, price) = prices.pop().ok_or_else(|| {
        whole(format!("there is no price in {currency}"), "add one under the currency's code")
    })?;
    Ok(price)
}

/// Where each value and key stands, by the number that is its place while it is read.
struct Places<'n> {
    pointers: Vec<String>,
    /// The numbers that are to come, which values of TOML borrow.
    numbers: slice::Iter<'n, String>,
}

impl<'n> Places<'n> {
    fn place(&mut self, pointer: &str) -> Place {
        let place = self.pointers.len();
        self.pointers.push(pointer.to_owned());
        place..place + 1
    }

    /// The value of TOML that says the same with its place, or where there is a null, which TOML can't say.
    fn value(&mut self, json: &Value, pointer: String) -> Result<(Place, DeValue<'n>), String> {
        let at = self.place(&pointer);
        let value = match json {
            Value::Null => return Err(pointer),
            Value::Bool(flag) => DeValue::Boolean(*flag),
            Value::String(text) => DeValue::String(Cow::Owned(text.clone())),
            Value::Number(_) => {
                let parsed = self.numbers.next().and_then(|number| DeValue::parse(number).ok());
                parsed.map_or(DeValue::Boolean(false), Spanned::into_inner)
            }
            Value::Array(items) => {
                let mut array = DeArray::new();
                for (position, item) in items.iter().enumerate() {
                    let (at, item) = self.value(item, format!("{pointer}/{position}"))?;
                    array.push(Spanned::new(at, item));
                }
                DeValue::Array(array)
            }
            Value::Object(object) => {
                let mut table = DeTable::new();
                for (key, inner) in object {
                    let inner_pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    let key_at = self.place(&inner_pointer);
                    let (at, inner) = self.value(inner, inner_pointer)?;
                    table.insert(Spanned::new(key_at, Cow::Owned(key.clone())), Spanned::new(at, inner));
                }
                DeValue::Table(table)
            }
        };
        Ok((at, value))
    }
}

/// The numbers of a value in the order in which [`Places::value`] comes to them, written as both languages do.
fn numbers(json: &Value, found: &mut Vec<String>) {
    match json {
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| numbers(item, found)),
        Value::Object(object) => object.values().for_each(|inner| numbers(inner, found)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
