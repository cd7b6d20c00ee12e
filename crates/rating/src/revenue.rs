//! Recurring revenue.

use crate::{Exact, Interval, TooLarge};
use insula_kernel::{Currency, Money};

/// A charge that comes back each interval: net of tax, of usage and of discounts that last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recurring {
    /// How much each time.
    pub amount: Money,
    /// How often.
    pub interval: Interval,
}

/// Monthly recurring revenue in one currency: a yearly price counts a twelfth, and the sum is rounded once. Charges in
/// other currencies don't count.
pub fn monthly_recurring(
    charges: impl IntoIterator<Item = Recurring>,
    currency: Currency,
) -> Result<Money, TooLarge> {
    let monthly = |charge: Recurring| {
        let months = Exact::ratio(1, charge.interval.months()).unwrap_or_else(Exact::zero);
        &Exact::money(charge.amount) * &months
    };
    let ours = charges.into_iter().filter(|charge| charge.amount.currency == currency);
    ours.map(monthly).sum::<Exact>().rounded(currency)
}
