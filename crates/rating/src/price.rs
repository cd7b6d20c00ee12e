//! Prices, and what a quantity costs at one.

use crate::{Exact, Share, TooLarge};
use insula_kernel::{Currency, Decimal, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A price in one currency: how a quantity becomes an amount. Amounts are decimals in major units.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UsagePrice")]
pub struct Price {
    /// How a quantity becomes an amount.
    #[serde(flatten)]
    pub model: Model,
    /// How much of the quantity costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub included: Option<Decimal>,
    /// The least it comes to: the commitment, due whatever the quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub minimum: Option<Decimal>,
}

/// How a quantity becomes an amount.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "lowercase")]
pub enum Model {
    /// An amount whatever the quantity.
    Flat {
        /// The amount.
        #[schemars(with = "String")]
        amount: Decimal,
    },
    /// Each unit costs the same, parts of a unit their part.
    Unit {
        /// What one costs.
        #[schemars(with = "String")]
        unit: Decimal,
    },
    /// Each started lot costs the same.
    Package {
        /// What a lot costs.
        #[schemars(with = "String")]
        unit: Decimal,
        /// How many units it has.
        #[schemars(with = "String")]
        per: Decimal,
    },
    /// Each tier's units cost what the tier says, once a tier is entered its flat amount is due.
    Graduated {
        /// The tiers.
        tiers: Tiers,
    },
    /// All units cost what the tier says in which the last of them lies.
    Volume {
        /// The tiers.
        tiers: Tiers,
    },
    /// A share of the quantity, which is an amount itself, and a flat amount.
    Percentage {
        /// The share, in percent.
        #[schemars(with = "String")]
        percent: Decimal,
        /// What is due besides, if there is any quantity.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        flat: Option<Decimal>,
    },
}

/// A tier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tier {
    /// The last unit of the tier; the last tier has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub up_to: Option<Decimal>,
    /// What a unit costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub unit: Option<Decimal>,
    /// What is due once the tier is entered. The first tier's is due at once, for nothing too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub flat: Option<Decimal>,
}

/// Tiers that follow each other without a gap and have no end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<Tier>", into = "Vec<Tier>")]
pub struct Tiers(Vec<Tier>);

/// What is wrong with a price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PriceError {
    /// A price, lot, percentage, minimum or included quantity below zero.
    Negative,
    /// A lot of nothing.
    EmptyLot,
    /// No tier at all.
    NoTiers,
    /// A tier that doesn't end after the one before.
    TiersOutOfOrder,
    /// A tier without an end that isn't the last, or a last one that has an end.
    OpenTier,
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "no part of a price may be below zero",
            Self::EmptyLot => "a lot must have more than nothing",
            Self::NoTiers => "there must be a tier",
            Self::TiersOutOfOrder => "each tier must end after the one before it",
            Self::OpenTier => "the last tier, and no other, goes on without end",
        })
    }
}

impl std::error::Error for PriceError {}

impl Tiers {
    /// The tiers, or what is wrong with them.
    pub fn new(tiers: Vec<Tier>) -> Result<Self, PriceError> {
        let (last, before) = tiers.split_last().ok_or(PriceError::NoTiers)?;
        if last.up_to.is_some() || before.iter().any(|tier| tier.up_to.is_none()) {
            return Err(PriceError::OpenTier);
        }
        let mut end = Exact::zero();
        for tier in before {
            let next = tier.up_to.map_or_else(Exact::zero, Exact::from);
            if next <= end {
                return Err(PriceError::TiersOutOfOrder);
            }
            end = next;
        }
        if tiers.iter().flat_map(|tier| [tier.unit, tier.flat]).flatten().any(Decimal::is_negative) {
            return Err(PriceError::Negative);
        }
        Ok(Self(tiers))
    }
}

impl TryFrom<Vec<Tier>> for Tiers {
    type Error = PriceError;
    fn try_from(tiers: Vec<Tier>) -> Result<Self, PriceError> {
        Self::new(tiers)
    }
}

impl From<Tiers> for Vec<Tier> {
    fn from(tiers: Tiers) -> Self {
        tiers.0
    }
}

/// What a quantity costs, and how that came about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rated {
    /// How it came about, in order; the steps' amounts add up to the amount before it is rounded.
    pub steps: Vec<Step>,
    /// The amount before it is rounded.
    pub exact: Exact,
    /// The amount.
    pub amount: Money,
}

/// A part of what a quantity costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Step {
    /// What it is for.
    #[schemars(extend("enum" = ["flat", "units", "lots", "included", "percentage", "minimum"]))]
    pub what: &'static str,
    /// The units after which it begins, in tiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Exact>,
    /// The last unit it goes to, in tiers that have an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Exact>,
    /// How many units, lots or, for a percentage, of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Exact>,
    /// What one of them costs; for a percentage, the percentage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Exact>,
    /// What it comes to, before rounding.
    pub amount: Exact,
}

/// Why a quantity can't be rated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RatingError {
    /// A quantity below zero.
    Negative,
    /// An amount that no invoice can hold.
    TooLarge,
}

impl fmt::Display for RatingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "a quantity can't be below zero",
            Self::TooLarge => "the amount is too large",
        })
    }
}

impl std::error::Error for RatingError {}

impl From<TooLarge> for RatingError {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl Price {
    /// A price of this model alone.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self { model, included: None, minimum: None }
    }

    /// Whether every part of it makes sense, or what doesn't.
    pub fn check(&self) -> Result<(), PriceError> {
        let (parts, lot): (Vec<Option<Decimal>>, Option<Decimal>) = match &self.model {
            Model::Flat { amount } => (vec![Some(*amount)], None),
            Model::Unit { unit } => (vec![Some(*unit)], None),
            Model::Package { unit, per } => (vec![Some(*unit), Some(*per)], Some(*per)),
            Model::Percentage { percent, flat } => (vec![Some(*percent), *flat], None),
            // Tiers can't be made with anything wrong in them.
            Model::Graduated { .. } | Model::Volume { .. } => (Vec::new(), None),
        };
        let limits = [self.included, self.minimum];
        if parts.iter().chain(&limits).flatten().any(|part| part.is_negative()) {
            return Err(PriceError::Negative);
        }
        if lot.is_some_and(|per| Exact::from(per).is_zero()) {
            return Err(PriceError::EmptyLot);
        }
        Ok(())
    }

    /// What a quantity costs.
    pub fn rate(&self, quantity: Decimal, currency: Currency) -> Result<Rated, RatingError> {
        self.rate_share(quantity, Share::ALL, currency)
    }

    /// What a quantity costs that was used in a share of a period: the same share of what is included, and of the least
    /// it comes to, counts.
    pub fn rate_share(
        &self,
        quantity: Decimal,
        share: Share,
        currency: Currency,
    ) -> Result<Rated, RatingError> {
        if quantity.is_negative() {
            return Err(RatingError::Negative);
        }
        let part = |whole: Decimal| &Exact::from(whole) * &share.exact();
        let (quantity, mut steps) = beyond_included(quantity.into(), self.included.map(part));
        steps.extend(self.model.steps(&quantity));
        let so_far: Exact = steps.iter().map(|step| step.amount.clone()).sum();
        if let Some(minimum) = self.minimum.map(part).filter(|minimum| *minimum > so_far) {
            steps.push(Step { price: Some(minimum.clone()), ..Step::of("minimum", minimum - so_far) });
        }
        let exact: Exact = steps.iter().map(|step| step.amount.clone()).sum();
        let amount = exact.rounded(currency)?;
        Ok(Rated { steps, exact, amount })
    }
}

/// The quantity that costs something, and the step that says what doesn't.
fn beyond_included(quantity: Exact, included: Option<Exact>) -> (Exact, Vec<Step>) {
    let Some(included) = included.filter(|included| !included.is_zero()) else {
        return (quantity, Vec::new());
    };
    let free = included.clone().min(quantity.clone());
    let step =
        Step { quantity: Some(free.clone()), up_to: Some(included), ..Step::of("included", Exact::zero()) };
    (quantity - free, vec![step])
}

impl Model {
    fn steps(&self, quantity: &Exact) -> Vec<Step> {
        match self {
            Self::Flat { amount } => vec![Step::of("flat", (*amount).into())],
            Self::Unit { unit } => vec![Step::priced("units", quantity.clone(), (*unit).into())],
            Self::Package { unit, per } => {
                let lots = quantity.started(&Exact::from(*per)).unwrap_or_else(Exact::zero);
                vec![Step::priced("lots", lots, (*unit).into())]
            }
            Self::Graduated { tiers } => tiers.graduated(quantity),
            Self::Volume { tiers } => tiers.volume(quantity),
            Self::Percentage { percent, flat } => {
                let share = quantity.percent(*percent);
                let of_it = Step {
                    quantity: Some(quantity.clone()),
                    price: Some((*percent).into()),
                    ..Step::of("percentage", share)
                };
                let flat = flat.filter(|_| !quantity.is_zero());
                let flat = flat.map(|flat| Step::of("flat", flat.into()));
                std::iter::once(of_it).chain(flat).collect()
            }
        }
    }
}

impl Tiers {
    /// The tiers with the units after which each begins.
    fn spans(&self) -> impl Iterator<Item = (Exact, Option<Exact>, &Tier)> {
        let mut from = Exact::zero();
        self.0.iter().map(move |tier| {
            let up_to = tier.up_to.map(Exact::from);
            let next = up_to.clone().unwrap_or_else(Exact::zero);
            (std::mem::replace(&mut from, next), up_to, tier)
        })
    }

    fn graduated(&self, quantity: &Exact) -> Vec<Step> {
        let entered = self.spans().filter(|(from, ..)| from.is_zero() || quantity > from);
        let steps = entered.flat_map(|(from, up_to, tier)| {
            let end = up_to.clone().map_or_else(|| quantity.clone(), |up_to| up_to.min(quantity.clone()));
            tier.steps(end - from.clone(), &from, up_to.as_ref())
        });
        steps.collect()
    }

    fn volume(&self, quantity: &Exact) -> Vec<Step> {
        let holds = |up_to: &Option<Exact>| up_to.as_ref().is_none_or(|up_to| quantity <= up_to);
        let tier = self.spans().find(|(_, up_to, _)| holds(up_to));
        tier.map_or_else(Vec::new, |(from, up_to, tier)| tier.steps(quantity.clone(), &from, up_to.as_ref()))
    }
}

impl Tier {
    fn steps(&self, quantity: Exact, from: &Exact, up_to: Option<&Exact>) -> Vec<Step> {
        let flat = self.flat.map(|flat| Step::of("flat", flat.into()));
        let unit = self.unit.map(|unit| Step::priced("units", quantity, unit.into()));
        let placed = |step| Step { from: Some(from.clone()), up_to: up_to.cloned(), ..step };
        flat.into_iter().chain(unit).map(placed).collect()
    }
}

impl Step {
    const fn of(what: &'static str, amount: Exact) -> Self {
        Self { what, from: None, up_to: None, quantity: None, price: None, amount }
    }

    fn priced(what: &'static str, quantity: Exact, price: Exact) -> Self {
        let amount = &quantity * &price;
        Self { quantity: Some(quantity), price: Some(price), ..Self::of(what, amount) }
    }
}
