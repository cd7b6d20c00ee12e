//! Money in minor units with its currency, and exact decimals. No floats anywhere.

use std::{fmt, str::FromStr};

/// An exact decimal: `digits × 10^-places`. What is read has at most 18 places; a product has those of both factors. Equal
/// values are equal whatever their places.
#[derive(Clone, Copy, Default, Debug)]
pub struct Decimal {
    digits: i128,
    places: u32,
}

/// Why a text is not a decimal we can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecimalError {
    /// Not of the form `-12.34`.
    Syntax,
    /// More decimal places than can be kept.
    TooPrecise,
    /// Too large in magnitude.
    Overflow,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a decimal number such as \"12.50\"",
            Self::TooPrecise => "has more decimal places than can be kept",
            Self::Overflow => "is too large",
        })
    }
}

impl std::error::Error for DecimalError {}

impl Decimal {
    /// Decimal places kept at most.
    pub const MAX_PLACES: u32 = 18;
    const MAX_DIGITS: usize = 36;

    /// `value × 10^-places`.
    #[must_use]
    pub fn from_scaled(value: i64, places: u32) -> Self {
        Self { digits: i128::from(value), places }.normalized()
    }

    /// The value in units of `10^-places`, exactly, or why not.
    pub fn to_scaled(self, places: u32) -> Result<i64, DecimalError> {
        let value = self.normalized();
        let shift = places.checked_sub(value.places).ok_or(DecimalError::TooPrecise)?;
        let factor = 10i128.checked_pow(shift).ok_or(DecimalError::Overflow)?;
        let scaled = value.digits.checked_mul(factor).ok_or(DecimalError::Overflow)?;
        i64::try_from(scaled).map_err(|_| DecimalError::Overflow)
    }

    /// The digits and how many of them are decimal places: the value is `digits × 10^-places`.
    #[must_use]
    pub const fn parts(self) -> (i128, u32) {
        (self.digits, self.places)
    }

    /// Nothing.
    pub const ZERO: Self = Self { digits: 0, places: 0 };

    /// The sum, exactly, if it can be represented.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (one, two, places) = self.aligned(other)?;
        Some(Self { digits: one.checked_add(two)?, places }.normalized())
    }

    /// The product, exactly, if it can be represented.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let (one, two) = (self.normalized(), other.normalized());
        let digits = one.digits.checked_mul(two.digits)?;
        Some(Self { digits, places: one.places.checked_add(two.places)? }.normalized())
    }

    /// The quotient, rounded to so many places, half away from zero; `None` if the divisor is nothing, or if it can't be
    /// represented.
    #[must_use]
    pub fn quotient(self, divisor: Self, places: u32) -> Option<Self> {
        let (dividend, divisor, _) = self.aligned(divisor)?;
        if divisor == 0 {
            return None;
        }
        let dividend = dividend.checked_mul(10i128.checked_pow(places)?)?;
        Some(Self { digits: divided(dividend, divisor)?, places }.normalized())
    }

    /// The value in units of `10^-places`, rounded half away from zero.
    pub fn rounded(self, places: u32) -> Result<i64, DecimalError> {
        let value = self.normalized();
        let Some(finer) = value.places.checked_sub(places).filter(|finer| *finer > 0) else {
            return value.to_scaled(places);
        };
        let unit = 10i128.checked_pow(finer).ok_or(DecimalError::Overflow)?;
        let rounded = divided(value.digits, unit).ok_or(DecimalError::Overflow)?;
        i64::try_from(rounded).map_err(|_| DecimalError::Overflow)
    }

    /// The digits of both in the same number of places.
    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let (one, two) = (self.normalized(), other.normalized());
        let places = one.places.max(two.places);
        let of = |value: Self| value.digits.checked_mul(10i128.checked_pow(places - value.places)?);
        Some((of(one)?, of(two)?, places))
    }

    /// Whether the value is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.digits < 0
    }

    fn normalized(mut self) -> Self {
        while self.places > 0 && self.digits % 10 == 0 {
            self.digits /= 10;
            self.places -= 1;
        }
        self
    }
}

/// The quotient of two whole numbers, rounded half away from zero; the divisor isn't 0.
fn divided(dividend: i128, divisor: i128) -> Option<i128> {
    let (quotient, rest) = (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?.unsigned_abs());
    let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
    // The same as twice the rest, which might not fit.
    if rest >= divisor.unsigned_abs() - rest { quotient.checked_add(away) } else { Some(quotient) }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.normalized(), other.normalized());
        (a.digits, a.places) == (b.digits, b.places)
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (a, b) = (self.normalized(), other.normalized());
        // Where one can't be written in the places of the other, the whole parts are far apart.
        let whole =
            |value: Self| 10i128.checked_pow(value.places).map_or(0, |unit| value.digits.div_euclid(unit));
        match a.aligned(b) {
            Some((a, b, _)) => a.cmp(&b),
            None => whole(a).cmp(&whole(b)),
        }
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) {
            return Err(DecimalError::Syntax);
        }
        let fraction = fraction.trim_end_matches('0');
        let places = u32::try_from(fraction.len()).map_err(|_| DecimalError::TooPrecise)?;
        if places > Self::MAX_PLACES {
            return Err(DecimalError::TooPrecise);
        }
        let joined = format!("{}{fraction}", whole.trim_start_matches('0'));
        if joined.len() > Self::MAX_DIGITS {
            return Err(DecimalError::Overflow);
        }
        let magnitude: i128 =
            if joined.is_empty() { 0 } else { joined.parse().map_err(|_| DecimalError::Overflow)? };
        Ok(Self { digits: if negative { -magnitude } else { magnitude }, places })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.normalized();
        let sign = if value.digits < 0 { "-" } else { "" };
        let digits = value.digits.unsigned_abs().to_string();
        let places = value.places as usize;
        if places == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = padded.split_at(padded.len() - places);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

impl serde::Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A currency by its ISO 4217 code, with the number of decimals of its minor unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Currency {
    code: &'static str,
    decimals: u8,
}

/// The currencies in use, by ISO 4217 with the decimals of their minor units.
const CURRENCIES: &[(&str, u8)] = &[
    ("AUD", 2),
    ("BHD", 3),
    ("BRL", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CLP", 0),
    ("CNY", 2),
    ("CZK", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("HUF", 2),
    ("IDR", 2),
    ("ILS", 2),
    ("INR", 2),
    ("JOD", 3),
    ("JPY", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("MXN", 2),
    ("MYR", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("OMR", 3),
    ("PHP", 2),
    ("PLN", 2),
    ("RON", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("THB", 2),
    ("TND", 3),
    ("TRY", 2),
    ("TWD", 2),
    ("USD", 2),
    ("VND", 0),
    ("ZAR", 2),
];

impl Currency {
    /// The currency of this code, if it is one we know.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        CURRENCIES.iter().find(|(known, _)| *known == code).map(|&(code, decimals)| Self { code, decimals })
    }

    /// The ISO 4217 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.code
    }

    /// Decimals of the minor unit: 2 for USD, 0 for JPY, 3 for BHD.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.decimals
    }
}

/// An amount in the minor unit of its currency.
///
/// Written as `{"amount": "29.00", "currency": "USD"}`: a decimal string in major units with the currency's own
/// number of decimals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    /// The amount in minor units.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// Reads an amount in major units; more decimals than the currency has is an error.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, DecimalError> {
        let minor = amount.parse::<Decimal>()?.to_scaled(u32::from(currency.decimals()))?;
        Ok(Self { minor, currency })
    }

    /// An exact amount in major units, rounded once to the minor unit, half away from zero.
    pub fn rounded(amount: Decimal, currency: Currency) -> Result<Self, DecimalError> {
        Ok(Self { minor: amount.rounded(u32::from(currency.decimals()))?, currency })
    }

    /// The amount in major units with exactly the currency's number of decimals.
    #[must_use]
    pub fn amount(self) -> String {
        let decimals = usize::from(self.currency.decimals());
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

impl serde::Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("Money", 2)?;
        object.serialize_field("amount", &self.amount())?;
        object.serialize_field("currency", self.currency.code())?;
        object.end()
    }
}

impl<'de> serde::Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            amount: String,
            currency: Currency,
        }
        let Written { amount, currency } = Written::deserialize(deserializer)?;
        Self::parse(&amount, currency).map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom("no currency that is known by its ISO 4217 code");
        Self::from_code(&code).ok_or_else(unknown)
    }
}

impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$", "description": "The ISO 4217 code." })
    }
}

impl schemars::JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "amount": { "type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "Major units, with the currency's own number of decimals." },
                "currency": { "type": "string", "pattern": "^[A-Z]{3}$" },
            },
            "required": ["amount", "currency"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, code: &str) -> Result<Money, DecimalError> {
        Money::parse(amount, Currency::from_code(code).unwrap())
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        assert_eq!(money("29", "USD").unwrap().amount(), "29.00");
        assert_eq!(money("29800", "JPY").unwrap().amount(), "29800");
        assert_eq!(money("-0.005", "BHD").unwrap().amount(), "-0.005");
        assert_eq!(money("0.05", "USD").unwrap().minor, 5);
    }

    #[test]
    fn an_amount_finer_than_the_minor_unit_is_refused() {
        assert_eq!(money("0.001", "USD"), Err(DecimalError::TooPrecise));
        assert_eq!(money("1.5", "JPY"), Err(DecimalError::TooPrecise));
        assert_eq!(money("1.50", "USD").map(|m| m.minor), Ok(150));
    }

    #[test]
    fn a_price_times_a_quantity_is_exact_and_rounded_once() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        let product = decimal("4.4556").checked_mul(decimal("10.625")).unwrap();
        assert_eq!(product.to_string(), "47.34075");
        let rounded = |code| Money::rounded(product, Currency::from_code(code).unwrap()).unwrap().amount();
        assert_eq!((rounded("USD"), rounded("JPY")), ("47.34".to_owned(), "47".to_owned()));
        assert_eq!((decimal("0.125").rounded(2), decimal("-0.125").rounded(2)), (Ok(13), Ok(-13)));
        assert_eq!((decimal("0.1249").rounded(2), decimal("7").rounded(2)), (Ok(12), Ok(700)));
        let finest =
            Decimal::from_scaled(i64::MAX, 12).checked_mul(Decimal::from_scaled(i64::MAX, 9)).unwrap();
        assert_eq!(finest.to_string(), "85070591730234615.847396907784232501249");
        assert_eq!(decimal("0.1").checked_add(decimal("0.02")), Some(decimal("0.12")));
        assert!(decimal("0.1") > decimal("0.09") && decimal("-1") < Decimal::ZERO);
    }

    #[test]
    fn a_quotient_is_rounded_half_away_from_zero() {
        let quotient = |one: &str, two: &str, places| {
            let quotient = one.parse::<Decimal>().unwrap().quotient(two.parse().unwrap(), places);
            quotient.map(|quotient| quotient.to_string())
        };
        assert_eq!(quotient("1", "3", 4).as_deref(), Some("0.3333"));
        assert_eq!(quotient("2", "0.3", 2).as_deref(), Some("6.67"));
        assert_eq!(quotient("-1", "8", 2).as_deref(), Some("-0.13"));
        assert_eq!(quotient("1", "0", 2), None);
    }

    #[test]
    fn texts_that_are_not_decimals_are_refused() {
        for bad in ["", "-", ".", "1.", ".5", "1e3", "+1", " 1", "0x1", "1_000", "٣"] {
            assert_eq!(bad.parse::<Decimal>(), Err(DecimalError::Syntax), "{bad:?}");
        }
        assert_eq!(money("92233720368547758.08", "USD"), Err(DecimalError::Overflow));
    }
}
