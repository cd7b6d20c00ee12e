//! The single values of a blueprint that are written as text: lengths of time, sizes, amounts, bounds, names.

use crate::{
    diagnostics::{Place, Report, quoted},
    read::{Read, wrong_type},
};
use insula_kernel::{Decimal, Span};
use serde::Serialize;
use serde_json::Value as Json;
use toml::{Spanned, de::DeValue};

/// The longest time-out or interval that makes sense for one request.
const LONGEST: Span = Span::from_hours(24);

/// The shortest and the longest time for which something is held without being renewed.
const HELD: (Span, Span) = (Span::from_secs(1), Span::from_hours(30 * 24));

/// A length of time such as `"500ms"`, `"5s"`, `"2m"` or `"1h"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lasting(pub(crate) Span);

/// For how long something is held without being renewed, such as `"15m"` or `"30d"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ttl(pub(crate) Span);

/// A term such as `"1h"` or `"14d"`, or none at all: `"0d"`. How long it may be depends on what it is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term(pub(crate) Span);

/// A share of a hundred as text, such as `"2.9"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percent(pub(crate) Decimal);

/// A number of bytes such as `"10MB"` (decimal) or `"512KiB"` (binary).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) u64);

/// An amount of money in major units, as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount(pub(crate) Decimal);

/// A whole number above zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Positive(pub(crate) u64);

/// A whole number of at least zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Natural(pub(crate) u64);

/// Whatever JSON can say, written in TOML.
#[derive(Clone, Debug)]
pub(crate) struct Document(pub(crate) Json);

/// How far a limit goes on a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// There is none.
    Unlimited,
    /// So much and not one more.
    At(u64),
}

/// What a plan says about a feature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Feature {
    /// It is there or it isn't.
    Flag(bool),
    /// So many of it.
    Number(i64),
    /// A word or two for people and programs, such as a kind of support.
    Text(String),
}

impl Feature {
    /// Whether who is on the plan may use what needs this feature: it is true, or a text that says something other
    /// than `none`. A number says how many, not whether.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Number(_) => false,
            Self::Text(text) => !text.is_empty() && text != "none",
        }
    }
}

/// The feature that says how far back a plan shows usage: a number of days, such as `"30d"`. A plan without it shows all.
pub const RETENTION: &str = "analytics_retention";

/// How long usage is shown that a plan says this of: a whole number of days, at least one and at most ten thousand.
#[must_use]
pub fn retention(text: &str) -> Option<Span> {
    let (days, unit) = number_and_unit(text)?;
    let days = i64::try_from(days).ok().filter(|days| unit == "d" && (1..=10_000).contains(days))?;
    Some(Span::from_days(days))
}

/// Splits `"250ms"` into the number and the unit.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit))
}

fn span(text: &str) -> Option<Span> {
    let (number, unit) = number_and_unit(text)?;
    let micros = match unit {
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    Some(Span::from_micros(i64::try_from(number).ok()?.checked_mul(micros)?))
}

fn lasting(text: &str) -> Option<Span> {
    let within = |span: &Span| span.as_micros() > 0 && *span <= LONGEST;
    span(text).filter(|_| !text.ends_with('d')).filter(within)
}

fn ttl(text: &str) -> Option<Span> {
    span(text).filter(|span| (HELD.0..=HELD.1).contains(span))
}

impl Read for Document {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let json = match value {
            DeValue::String(text) => Some(Json::from(text.as_ref())),
            DeValue::Integer(_) => i64::read(value, at, report).map(Json::from),
            DeValue::Boolean(flag) => Some(Json::from(*flag)),
            DeValue::Datetime(time) => Some(Json::from(time.to_string())),
            DeValue::Float(number) => match number.as_str().parse::<serde_json::Number>() {
                Ok(number) => Some(Json::Number(number)),
                Err(_) => wrong_type("a number that JSON has", value, at, report),
            },
            DeValue::Array(items) => {
                let read = |item: &Spanned<DeValue<'_>>| {
                    Self::read(item.get_ref(), &item.span(), report).map(|item| item.0)
                };
                items.iter().map(read).collect::<Option<Vec<_>>>().map(Json::from)
            }
            DeValue::Table(fields) => {
                let mut object = serde_json::Map::new();
                for (name, field) in fields.iter() {
                    let field = Self::read(field.get_ref(), &field.span(), report)?;
                    object.insert(name.get_ref().to_string(), field.0);
                }
                Some(Json::Object(object))
            }
        };
        json.map(Self)
    }
}

impl Read for Lasting {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        const HELP: &str =
            "a number and one of ms, s, m, h, such as \"5s\"; more than nothing, at most \"24h\"";
        let Some(text) = value.as_str() else {
            return wrong_type("a length of time such as \"5s\"", value, at, report);
        };
        let span = lasting(text);
        if span.is_none() {
            let message = format!("{} is no length of time that can stand here", quoted(text));
            report.error(at, "blueprint.duration", message, HELP);
        }
        span.map(Self)
    }
}

impl Read for Ttl {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        const HELP: &str =
            "a number and one of s, m, h, d, such as \"15m\"; at least \"1s\", at most \"30d\"";
        let Some(text) = value.as_str() else {
            return wrong_type("a length of time such as \"15m\"", value, at, report);
        };
        let span = ttl(text);
        if span.is_none() {
            let message = format!("{} is not for how long something can be held", quoted(text));
            report.error(at, "blueprint.duration", message, HELP);
        }
        span.map(Self)
    }
}

impl Read for Term {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            return wrong_type("a length of time such as \"14d\"", value, at, report);
        };
        let span = span(text).filter(|_| !text.ends_with("ms"));
        if span.is_none() {
            let message = format!("{} is no length of time that can stand here", quoted(text));
            let help = "a number and one of s, m, h, d, such as \"1h\" or \"14d\"";
            report.error(at, "blueprint.duration", message, help);
        }
        span.map(Self)
    }
}

/// The most decimals of a percentage.
const PERCENT_PLACES: u32 = 4;

impl Read for Percent {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            return wrong_type("a percentage as text, such as \"2.9\"", value, at, report);
        };
        let percent = text.parse::<Decimal>().ok();
        let scaled = percent.and_then(|percent| percent.to_scaled(PERCENT_PLACES).ok());
        let most = 100 * 10i64.pow(PERCENT_PLACES);
        if !scaled.is_some_and(|scaled| (0..=most).contains(&scaled)) {
            let message = format!("{} is no percentage that can stand here", quoted(text));
            let help =
                format!("use \"0\" to \"100\" with at most {PERCENT_PLACES} decimals, such as \"2.9\"");
            report.error(at, "blueprint.percent", message, help);
            return None;
        }
        percent.map(Self)
    }
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    // Held in an i64 elsewhere, hence the second bound.
    number.checked_mul(factor).filter(|&bytes| i64::try_from(bytes).is_ok())
}

impl Read for Size {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            return wrong_type("a size such as \"10MB\"", value, at, report);
        };
        let bytes = size(text);
        if bytes.is_none() {
            let message = format!("{} is no size", quoted(text));
            let help = "a whole number and one of B, KB, MB, GB, KiB, MiB, GiB, such as \"10MB\"";
            report.error(at, "blueprint.size", message, help);
        }
        bytes.map(Self)
    }
}

impl Read for Amount {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            return wrong_type(
                "an amount as text, such as \"29.00\" (numbers would lose cents)",
                value,
                at,
                report,
            );
        };
        match text.parse::<Decimal>() {
            Ok(amount) => Some(Self(amount)),
            Err(error) => {
                let help = "write the amount in major units with a point, such as \"29.00\"";
                report.error(at, "blueprint.amount", format!("{}: {error}", quoted(text)), help);
                None
            }
        }
    }
}

impl Read for Positive {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let number = i64::read(value, at, report)?;
        let positive = u64::try_from(number).ok().filter(|&number| number > 0);
        if positive.is_none() {
            let message = format!("`{number}` is not above zero");
            report.error(at, "blueprint.not_positive", message, "use a whole number of at least 1");
        }
        positive.map(Self)
    }
}

impl Read for Natural {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let number = i64::read(value, at, report)?;
        let natural = u64::try_from(number).ok();
        if natural.is_none() {
            let message = format!("`{number}` is below zero");
            report.error(at, "blueprint.number_range", message, "use a whole number of at least 0");
        }
        natural.map(Self)
    }
}

impl Read for Bound {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        const HELP: &str = "use a whole number of at least 0, or \"unlimited\"";
        match value {
            DeValue::String(text) if text == "unlimited" => Some(Self::Unlimited),
            DeValue::String(text) => {
                report.error(at, "blueprint.bound", format!("{} is no bound", quoted(text)), HELP);
                None
            }
            DeValue::Integer(_) => {
                let number = i64::read(value, at, report)?;
                let bound = u64::try_from(number).ok();
                if bound.is_none() {
                    report.error(at, "blueprint.negative_limit", format!("`{number}` is below zero"), HELP);
                }
                bound.map(Self::At)
            }
            _ => wrong_type("a whole number or \"unlimited\"", value, at, report),
        }
    }
}

impl Read for Feature {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        match value {
            DeValue::String(text) => Some(Self::Text(text.to_string())),
            DeValue::Boolean(flag) => Some(Self::Flag(*flag)),
            DeValue::Integer(_) => i64::read(value, at, report).map(Self::Number),
            _ => wrong_type("a text, true or false, or a whole number", value, at, report),
        }
    }
}

/// The longest name of anything in a blueprint.
const LONGEST_NAME: usize = 63;

/// Whether the text can name something: lower-case letters, digits, `_` and `-`, a letter first.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// Says how values that are one text, number or flag stand in the JSON Schema.
macro_rules! schemas {
    ($($type:ty: $name:literal = $schema:tt;)+) => {$(
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    )+};
}

pub(crate) use schemas;

schemas! {
    Lasting: "Duration" = { "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$", "examples": ["500ms", "5s", "2m"] };
    Ttl: "Ttl" = { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "examples": ["15m", "30d"] };
    Term: "Term" = { "type": "string", "pattern": "^[0-9]+(s|m|h|d)$", "examples": ["1h", "14d"] };
    Percent: "Percent" = { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$", "examples": ["10", "2.9"] };
    Size: "Size" = { "type": "string", "pattern": "^[0-9]+(B|KB|kB|MB|GB|KiB|MiB|GiB)$", "examples": ["10MB", "512KiB"] };
    Amount: "Amount" = { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$", "examples": ["0", "29.00"] };
    Positive: "Positive" = { "type": "integer", "minimum": 1 };
    Natural: "Natural" = { "type": "integer", "minimum": 0 };
    Bound: "Bound" = { "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": "unlimited" }], "examples": [100, "unlimited"] };
    Document: "Document" = { "description": "Any JSON.", "examples": [{ "url": "https://example.com" }] };
    Feature: "Feature" = { "type": ["string", "boolean", "integer"], "examples": ["community", true, 30] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit_and_a_bound() {
        assert_eq!(lasting("500ms"), Some(Span::from_millis(500)));
        assert_eq!(lasting("24h"), Some(Span::from_hours(24)));
        for bad in [
            "",
            "5",
            "s",
            "0s",
            "25h",
            "1d",
            "1.5s",
            "-1s",
            "5 s",
            "5S",
            "99999999999999999999s",
            "9223372036854775807h",
        ] {
            assert_eq!(lasting(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_held_lasts_from_a_second_to_a_month() {
        assert_eq!(ttl("1s"), Some(Span::from_secs(1)));
        assert_eq!(ttl("30d"), Some(Span::from_hours(720)));
        for bad in ["", "15", "0s", "999ms", "31d", "721h", "1w", "-1d"] {
            assert_eq!(ttl(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_feature_is_offered_or_it_is_not() {
        let text = |text: &str| Feature::Text(text.to_owned());
        assert!(Feature::Flag(true).is_offered() && text("e-mail").is_offered());
        for not in [Feature::Flag(false), Feature::Number(3), text(""), text("none")] {
            assert!(!not.is_offered(), "{not:?}");
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        assert_eq!(size("10MB"), Some(10_000_000));
        assert_eq!(size("1KiB"), Some(1_024));
        for bad in ["", "10", "10mb", "1.5MB", "10 MB", "18446744073709551615GB", "10000000000GB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!(is_name("requests_per_day") && is_name("a-1"));
        for bad in ["", "A", "1a", "a b", "a:b", "ä", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
