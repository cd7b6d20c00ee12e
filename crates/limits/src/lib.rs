//! Counters that admit exactly what a plan allows, at any concurrency, without a lock shared by all requests.
//!
//! What must always hold:
//!
//! - A [`Quota`] never has more consumed and reserved in one window than the bound of the call that reserved
//!   last; what isn't used comes back, and it comes back to the window it was taken from.
//! - A [`Rate`] never admits more than its burst plus its allowance over the time that passed.
//! - [`Holds`] never has more held at once than each bound of the call that came last; what was held until some moment
//!   is free from that moment on.
//! - The error is one-sided. A clock that jumps may make a limit refuse early; it never makes it admit one
//!   too many.
//! - A refusal leaves every counter as it was.
//!
//! Nothing here does I/O or reads a clock: the instant is a parameter, and so is the bound, so a change of plan
//! takes effect with the next call.

mod entitlement;
mod headers;
mod hold;
mod quota;
mod rate;
mod subject;
mod window;

pub use entitlement::{Bound, Entitlement, Service};
pub use headers::{Standing, retry_after};
pub use hold::{Begin, Ceiling, Full, Hold, Holds, Named};
pub use quota::{Exceeded, Quota, Reservation, Usage};
pub use rate::{Limited, Rate, RatePolicy, RateState};
pub use subject::{Subject, Subjects};
pub use window::Window;
