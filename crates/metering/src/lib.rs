//! What was used, from the request to the ledger.
//!
//! What must always hold:
//! - What the request path admitted and consumed is what the ledger comes to hold, as sets, whatever happens to the
//!   process in between; nothing that was acknowledged is lost, and nothing counts twice.
//! - A request that was released, because nothing of it reached the upstream, is no usage event: it leaves no trace in
//!   the ledger, as it costs nothing.
//! - A roll-up is the sum of the events of its window. Both are written in one transaction.

pub mod http;
pub mod log;
mod settle;
mod store;
pub mod usage;

pub use settle::{Figures, Settler, SettlerHandle};
pub use store::{METERING_STATEMENTS, METERING_TENANT_STATEMENTS};
