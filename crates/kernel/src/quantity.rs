//! Quantities: whole numbers of a meter's smallest unit.

use crate::money::{Decimal, DecimalError};
use std::fmt;

/// How many decimal places a meter keeps, at most 9.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Scale(u8);

impl Scale {
    /// Whole units only.
    pub const WHOLE: Self = Self(0);

    /// A scale of 0 to 9 decimal places.
    #[must_use]
    pub const fn new(places: u8) -> Option<Self> {
        if places <= 9 { Some(Self(places)) } else { None }
    }

    /// The number of decimal places.
    #[must_use]
    pub const fn places(self) -> u8 {
        self.0
    }

    /// How many smallest units one unit has.
    #[must_use]
    pub const fn factor(self) -> i64 {
        10i64.pow(self.0 as u32)
    }
}

/// A quantity in the smallest units of its meter's [`Scale`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Quantity(i64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many smallest units.
    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    /// The number of smallest units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Reads a decimal in units of the meter; more places than the scale has, or overflow, is an error.
    pub fn parse(text: &str, scale: Scale) -> Result<Self, DecimalError> {
        text.parse::<Decimal>()?.to_scaled(u32::from(scale.places())).map(Self)
    }

    /// The quantity as a decimal in units of the meter, without trailing zeros.
    #[must_use]
    pub fn display(self, scale: Scale) -> impl fmt::Display {
        self.decimal(scale)
    }

    /// The quantity in units of the meter, exactly.
    #[must_use]
    pub fn decimal(self, scale: Scale) -> Decimal {
        Decimal::from_scaled(self.0, u32::from(scale.places()))
    }

    /// The sum, if it can be represented.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_keeps_its_decimals_exactly() {
        let scale = Scale::new(3).unwrap();
        let quantity = Quantity::parse("1.5", scale).unwrap();
        assert_eq!(quantity.units(), 1_500);
        assert_eq!(quantity.display(scale).to_string(), "1.5");
        assert!(Quantity::parse("1.0005", scale).is_err());
        assert!(Quantity::parse("9223372036854775807", scale).is_err());
    }
}
