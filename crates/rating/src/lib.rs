//! What usage and time cost: prices × quantities → amounts, shares of periods, the calendar of what is owed, and the
//! order in which a bill is added up. No I/O, no clock, no floats.
//!
//! What must always hold: every amount is computed exactly and rounded once, half away from zero, to the minor unit of
//! its currency; the same price and quantity give the same steps, to the byte; a boundary is computed from the anchor,
//! never from the boundary before it, so 31 January is followed by 28 or 29 February and then by 31 March; periods are
//! half open, and any two that follow each other meet; the shares of a split period add up to the whole.

mod bill;
mod exact;
mod period;
mod price;
mod proration;
mod revenue;

pub use bill::{Deductions, Item, Tax, TaxRate, Totals, total};
pub use exact::{Exact, TooLarge};
pub use period::{Anchor, Interval, Unknown};
pub use price::{Model, Price, PriceError, Rated, RatingError, Step, Tier, Tiers};
pub use proration::{Proration, Share, credit};
pub use revenue::{Recurring, monthly_recurring};
