//! What was used, from the request to the ledger.
//!
//! What must always hold: what the request path admitted is what the ledger comes to hold, as sets, whatever
//! happens to the process in between; and nothing that was acknowledged is lost.

pub mod log;
