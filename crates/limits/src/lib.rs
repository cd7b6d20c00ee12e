//! Counters that admit exactly what a plan allows, at any concurrency, without a lock shared by all requests.
//!
//! What must always hold:
//!
//! - A [`Quota`] never has more consumed and reserved in one window than the bound of the call that reserved
//!   last; what isn't used comes back, and it comes back to the window it was taken from.
//! - A [`Rate`] never admits more than its burst plus its allowance over the time that passed.
//! - The error is one-sided. A clock that jumps may make a limit refuse early; it never makes it admit one
//!   too many.
//! - A refusal leaves every counter as it was.
//!
//! Nothing here does I/O or reads a clock: the instant is a parameter, and so is the bound, so a change of plan
//! takes effect with the next call.

mod entitlement;
mod headers;
mod quota;
mod rate;
mod window;

pub use entitlement::Entitlement;
pub use headers::{Standing, retry_after};
pub use quota::{Exceeded, Quota, Reservation, Usage};
pub use rate::{Limited, Rate, RatePolicy, RateState};
pub use window::{Bounds, Window};
