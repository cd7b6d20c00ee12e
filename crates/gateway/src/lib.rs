//! The request path: from the socket to the upstream and back.
//!
//! What must always hold:
//!
//! - Nothing reaches an upstream without an [`Admission`]: authenticated, of one organization, permitted, within its
//!   limits, and noted in the write-ahead log before the first byte goes out.
//! - What was admitted is settled exactly once, before the last byte of the reply goes out, and on disconnects,
//!   time-outs and panics too. What never reached the upstream costs nothing.
//! - A refusal consumes no quota.
//! - Each request is decided by one snapshot of the blueprint, from its route to the names in its identity token.
//! - What a client says of itself in headers never reaches an upstream as if Insula had said it.
//! - No lock is shared by all requests, and an admitted request waits for no database.

mod errors;
mod gate;
mod headers;
mod host;
mod server;

pub use gate::{
    Admission, Asked, Ending, Gate, GateParts, Lane, Lease, LeaseRequest, Marks, PartUsage, Refusal,
    RefusedRequest, Snapshot, TargetHealth, Traffic,
};
pub use host::HostRules;
pub use server::{Bound, Control, GatewayParts, Running, Settings};

use std::{io, net::ToSocketAddrs};

/// The gateway of one node.
pub struct Gateway;

impl Gateway {
    /// Takes the address, before anything else is started, so that a port that is taken is one clear error.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Bound> {
        Bound::listen(address)
    }
}
