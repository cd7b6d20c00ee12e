//! What was used, from the request to the ledger.
//!
//! What must always hold:
//! - What the request path admitted and consumed is what the ledger comes to hold, as sets, whatever happens to the
//!   process in between; nothing that was acknowledged is lost, and nothing counts twice.
//! - A request that was released, because nothing of it reached the upstream, is no usage event: it leaves no trace in
//!   the ledger, as it costs nothing.
//! - A roll-up is what the events of its window come to. Both are written in one transaction, and [`reconcile`] finds out
//!   where they aren't the same.

pub mod archive;
pub mod failpoint;
pub mod http;
pub mod ingest;
pub mod log;
pub mod reconcile;
mod settle;
mod store;
pub mod usage;

pub use settle::{Bounded, Figures, LimitWindow, Settler, SettlerHandle, Thresholds};
pub use store::{METERING_STATEMENTS, METERING_TENANT_STATEMENTS};
pub use usage::billed;
