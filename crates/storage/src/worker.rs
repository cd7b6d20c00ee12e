//! The platform's own hands: the few places that touch rows across tenants without an operator asking.

use insula_kernel::PlatformScope;

/// A named worker of the platform. Each use is listed in a test of the workspace, and the list may only shrink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worker {
    /// Prepares the system at start: migrations' follow-up, signing keys, the first operator.
    Start,
    /// Makes organizations visible.
    SignUp,
    /// Finds users and sessions before any organization is known.
    SignIn,
    /// Loads what the request path keeps in memory.
    Snapshot,
    /// Writes usage into the ledger.
    Settlement,
    /// Moves events that are over into packs.
    Archive,
    /// Looks up which reported events are known.
    Ingestion,
    /// Moves subscriptions on as their time comes, and writes invoices.
    Billing,
    /// Delivers messages from outboxes.
    Relay,
    /// Carries out due work and removes what was prepared and never made visible.
    Sweep,
}

impl PlatformScope for Worker {
    fn authority(&self) -> &'static str {
        match self {
            Self::Start => "worker:start",
            Self::SignUp => "worker:sign-up",
            Self::SignIn => "worker:sign-in",
            Self::Snapshot => "worker:snapshot",
            Self::Settlement => "worker:settlement",
            Self::Archive => "worker:archive",
            Self::Ingestion => "worker:ingestion",
            Self::Billing => "worker:billing",
            Self::Relay => "worker:relay",
            Self::Sweep => "worker:sweep",
        }
    }
}
