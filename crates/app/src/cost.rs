//! What usage costs: the price of one unit, as the blueprint declares it, times a quantity.
//!
//! What must always hold: a cost is exact; it is rounded once, where it is shown as money.

use insula_blueprint::Meter;
use insula_kernel::{Currency, Decimal, Error, Money, Quantity, Result, Scale};
use schemars::JsonSchema;
use serde::Serialize;

/// What something cost.
#[derive(Clone, Serialize, JsonSchema)]
pub(crate) struct Cost {
    /// Exactly, in major units: a decimal.
    pub(crate) exact: String,
    /// Rounded once to the currency's minor unit, half away from zero.
    pub(crate) amount: Money,
}

impl Cost {
    pub(crate) fn new(exact: Decimal, currency: Currency) -> Result<Self> {
        let amount = Money::rounded(exact, currency).map_err(|_| too_large())?;
        Ok(Self { exact: exact.to_string(), amount })
    }
}

/// What one unit of a meter costs.
#[derive(Clone, Copy)]
pub(crate) struct Price {
    pub(crate) currency: Currency,
    pub(crate) unit: Decimal,
    scale: Scale,
}

impl Price {
    /// In this currency, if it is declared.
    pub(crate) fn of(meter: &Meter, currency: Option<Currency>) -> Option<Self> {
        Self::all(meter).find(|price| Some(price.currency) == currency)
    }

    /// In each currency that is declared.
    pub(crate) fn all(meter: &Meter) -> impl Iterator<Item = Self> {
        meter.cost.iter().map(|(currency, unit)| Self {
            currency: *currency,
            unit: *unit,
            scale: meter.scale,
        })
    }

    pub(crate) fn exact(self, quantity: Quantity) -> Result<Decimal> {
        self.unit.checked_mul(quantity.decimal(self.scale)).ok_or_else(too_large)
    }

    pub(crate) fn cost(self, quantity: Quantity) -> Result<Cost> {
        Cost::new(self.exact(quantity)?, self.currency)
    }
}

/// The sum of two costs.
pub(crate) fn sum(one: Decimal, other: Decimal) -> Result<Decimal> {
    one.checked_add(other).ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::internal("what usage cost is beyond what can be represented")
}
