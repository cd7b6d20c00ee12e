//! Exact numbers: fractions of whole numbers of any size, so that nothing is lost before the one rounding.

use insula_kernel::{Currency, Decimal, Money};
use num_bigint::{BigInt, Sign};
use num_rational::BigRational;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};
use std::{
    fmt,
    iter::Sum,
    ops::{Add, Mul, Neg, Sub},
};

/// An exact number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Exact(BigRational);

/// An amount that no invoice can hold: beyond 2^63 minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the amount is too large")
    }
}

impl std::error::Error for TooLarge {}

impl Exact {
    /// Nothing.
    #[must_use]
    pub fn zero() -> Self {
        Self(BigRational::zero())
    }

    /// A fraction; `None` if its denominator is zero.
    #[must_use]
    pub fn ratio(numerator: i64, denominator: i64) -> Option<Self> {
        (denominator != 0).then(|| Self(BigRational::new(numerator.into(), denominator.into())))
    }

    /// An amount of money, in major units.
    #[must_use]
    pub fn money(amount: Money) -> Self {
        Self(BigRational::new(amount.minor.into(), ten_to(u32::from(amount.currency.decimals()))))
    }

    /// So many percent of it.
    #[must_use]
    pub fn percent(&self, percent: Decimal) -> Self {
        Self(&self.0 * Self::from(percent).0 / BigInt::from(100))
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// How often `divisor` fits in, a started time counting as a whole one; `None` if it is zero.
    #[must_use]
    pub fn started(&self, divisor: &Self) -> Option<Self> {
        (!divisor.is_zero()).then(|| Self((&self.0 / &divisor.0).ceil()))
    }

    /// Divided; `None` by zero.
    #[must_use]
    pub fn divided_by(&self, divisor: &Self) -> Option<Self> {
        (!divisor.is_zero()).then(|| Self(&self.0 / &divisor.0))
    }

    /// The amount in major units, rounded to the currency's minor unit: half goes away from zero.
    pub fn rounded(&self, currency: Currency) -> Result<Money, TooLarge> {
        let minor = (&self.0 * ten_to(u32::from(currency.decimals()))).round().to_integer();
        Ok(Money { minor: minor.to_i64().ok_or(TooLarge)?, currency })
    }
}

fn ten_to(places: u32) -> BigInt {
    BigInt::from(10).pow(places)
}

impl From<Decimal> for Exact {
    fn from(decimal: Decimal) -> Self {
        let (digits, places) = decimal.parts();
        Self(BigRational::new(digits.into(), ten_to(places)))
    }
}

impl From<i64> for Exact {
    fn from(whole: i64) -> Self {
        Self(BigRational::from_integer(whole.into()))
    }
}

impl Add for Exact {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Exact {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul for &Exact {
    type Output = Exact;
    fn mul(self, other: Self) -> Exact {
        Exact(&self.0 * &other.0)
    }
}

impl Neg for Exact {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Exact {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::zero(), Add::add)
    }
}

/// As a decimal where it has an end, else as a fraction in lowest terms.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(places) = decimal_places(self.0.denom()) else {
            return write!(f, "{}/{}", self.0.numer(), self.0.denom());
        };
        let digits = (&self.0 * ten_to(places)).to_integer();
        let sign = if digits.sign() == Sign::Minus { "-" } else { "" };
        let places = places as usize;
        let padded = format!("{:0>width$}", digits.magnitude().to_string(), width = places + 1);
        let (whole, fraction) = padded.split_at(padded.len() - places);
        if places == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
    }
}

/// How many decimal places a fraction with this denominator, in lowest terms, has; `None` if it never ends.
fn decimal_places(denominator: &BigInt) -> Option<u32> {
    let mut rest = denominator.clone();
    let mut exponent = |prime: u32| {
        let mut times = 0;
        while (&rest % prime).is_zero() {
            rest /= prime;
            times += 1;
        }
        times
    };
    let (twos, fives) = (exponent(2), exponent(5));
    (rest == BigInt::from(1)).then(|| twos.max(fives))
}

impl serde::Serialize for Exact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Exact {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Exact".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^-?\d+(\.\d+|/\d+)?$",
            "description": "An exact number: a decimal where it has an end, else a fraction.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> Exact {
        text.parse::<Decimal>().unwrap().into()
    }

    fn rounded(exact: &Exact, currency: &str) -> String {
        exact.rounded(Currency::from_code(currency).unwrap()).unwrap().amount()
    }

    #[test]
    fn a_product_is_rounded_once_to_what_the_currency_has() {
        let product = &exact("4.4556") * &exact("10.625");
        assert_eq!(product.to_string(), "47.34075");
        assert_eq!(rounded(&product, "USD"), "47.34");
        assert_eq!(rounded(&product, "JPY"), "47");
        assert_eq!(rounded(&product, "BHD"), "47.341");
    }

    #[test]
    fn half_goes_away_from_zero() {
        assert_eq!(rounded(&exact("0.005"), "USD"), "0.01");
        assert_eq!(rounded(&exact("-0.005"), "USD"), "-0.01");
        assert_eq!(rounded(&exact("0.00499999999999"), "USD"), "0.00");
        assert_eq!(rounded(&exact("2.5"), "JPY"), "3");
    }

    #[test]
    fn what_no_decimal_can_say_is_a_fraction() {
        assert_eq!(Exact::ratio(32, 91).unwrap().to_string(), "32/91");
        assert_eq!(Exact::ratio(-6, 9).unwrap().to_string(), "-2/3");
        assert_eq!(Exact::ratio(1, 1 << 20).unwrap().to_string(), "0.00000095367431640625");
        assert_eq!(Exact::from(-120).to_string(), "-120");
    }

    #[test]
    fn products_beyond_128_bits_stay_exact() {
        let most = exact("999999999999999999.999999999999999999");
        let product = &(&most * &most) * &most;
        assert!((product.clone() - product.clone()).is_zero());
        assert_eq!(product.rounded(Currency::from_code("USD").unwrap()), Err(TooLarge));
        let back = product.divided_by(&most).unwrap().divided_by(&most).unwrap();
        assert_eq!(back, most);
    }

    proptest! {
        #[test]
        fn rounding_moves_by_half_a_minor_unit_at_most(numerator in any::<i32>(), denominator in 1..1_000_000i64) {
            let exact = Exact::ratio(i64::from(numerator), denominator).unwrap();
            let usd = Currency::from_code("USD").unwrap();
            let moved = Exact::money(exact.rounded(usd).unwrap()) - exact;
            let half = Exact::ratio(1, 200).unwrap();
            prop_assert!(moved <= half && moved >= -half);
        }
    }
}
