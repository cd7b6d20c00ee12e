//! Shares of periods.

use crate::{Anchor, Exact, TooLarge};
use insula_kernel::{Money, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How time is counted in a share of a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proration {
    /// By whole seconds.
    #[default]
    Second,
    /// By the days of the local calendar: a day belongs to what begins on it.
    Day,
}

/// A share of a whole period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Seconds or days of the part.
    pub part: i64,
    /// Seconds or days of the whole.
    pub whole: i64,
}

impl Share {
    /// All of it.
    pub const ALL: Self = Self { part: 1, whole: 1 };

    /// How much of `whole` lies in `part`. The denominator is the whole period, whatever was used of it; what of the part
    /// lies outside doesn't count. A period of no length is all there.
    #[must_use]
    pub fn of(part: Period, whole: Period, proration: Proration, anchor: &Anchor) -> Self {
        let count = |period: Period| match proration {
            Proration::Second => period.end.as_secs() - period.start.as_secs(),
            Proration::Day => anchor.days_between(period.start, period.end),
        };
        let inside = Period { start: part.start.max(whole.start), end: part.end.min(whole.end) };
        let all = count(whole);
        if all <= 0 {
            return Self::ALL;
        }
        Self { part: count(inside).clamp(0, all), whole: all }
    }

    /// As a number from 0 to 1.
    #[must_use]
    pub fn exact(self) -> Exact {
        Exact::ratio(self.part, self.whole).unwrap_or_else(Exact::zero)
    }

    /// This share of an amount, rounded once.
    pub fn of_amount(self, whole: Money) -> Result<Money, TooLarge> {
        (&Exact::money(whole) * &self.exact()).rounded(whole.currency)
    }
}

/// What is given back for the rest of a period that isn't used: the share of what the whole period was debited at, and
/// never more than what of `paid` wasn't `credited` before. Neither is below zero, and so isn't the credit; it is taken
/// off a bill.
pub fn credit(whole: Money, remaining: Share, paid: Money, credited: Money) -> Result<Money, TooLarge> {
    let share = remaining.of_amount(whole)?;
    let left = paid.minor.saturating_sub(credited.minor).max(0);
    Ok(Money { minor: share.minor.clamp(0, left), ..share })
}
