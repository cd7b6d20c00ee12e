//! The words every part of Insula speaks: typed ids, time, randomness, money, quantities, errors and pages.
//!
//! What must always hold: nothing here does I/O, reads a global clock or a global source of randomness
//! (except [`SystemClock`] and [`SystemRng`], the two places where the outside enters), and nothing here
//! knows a domain.

mod country;
mod error;
mod id;
mod keyring;
mod live;
mod money;
mod page;
mod quantity;
mod random;
mod scope;
mod secret;
mod time;

pub use country::is_country;
pub use error::{Error, ErrorKind, FieldError, Result};
pub use id::{
    AdmissionId, AuditId, BlueprintVersionId, ChangeId, DueId, EventId, HoldId, IdError, InvitationId, KeyId,
    MessageId, OrgId, ProjectId, RequestId, ServiceId, SessionId, SigningKeyId, SubscriptionId, TeamId,
    UserId, base32_decode, base32_encode,
};
pub use keyring::{Keyring, sha256};
pub use live::LiveMap;
pub use money::{Currency, Decimal, DecimalError, Money};
pub use page::{Cursor, Page, PageRequest};
pub use quantity::{Quantity, Scale};
pub use random::{Rng, SeededRng, SystemRng};
pub use scope::{Epoch, PlatformScope, Scope};
pub use secret::Secret;
pub use time::{Clock, Instant, ManualClock, Period, Span, SystemClock};

use std::sync::Arc;

/// The injected sources of time and randomness, handed to everything that needs either.
#[derive(Clone)]
pub struct Env {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub rng: Arc<dyn Rng>,
}

impl Env {
    /// The clock and the randomness of the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), rng: Arc::new(SystemRng) }
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }
}
