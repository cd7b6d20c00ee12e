//! Who acts.

use insula_kernel::{KeyId, ServiceId, SessionId, UserId};
use std::fmt;

/// Who acts, once they are authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Principal {
    /// A person, signed in.
    User {
        /// Who.
        user: UserId,
        /// By which session.
        session: SessionId,
    },
    /// A program with an API key.
    Key {
        /// Which.
        key: KeyId,
    },
    /// One of the operator's staff, signed in.
    Operator {
        /// Who.
        user: UserId,
        /// By which session.
        session: SessionId,
    },
    /// An upstream of the blueprint, which serves every organization.
    Service {
        /// Which credential of it.
        service: ServiceId,
    },
}

impl Principal {
    /// What kind it is, in one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::Key { .. } => "key",
            Self::Operator { .. } => "operator",
            Self::Service { .. } => "service",
        }
    }

    /// As the audit log names it: the kind and the id, the session too where there is one.
    #[must_use]
    pub fn describe(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::User { user, session } | Self::Operator { user, session } => {
                write!(f, "{kind} {user} in {session}")
            }
            Self::Key { key } => write!(f, "{kind} {key}"),
            Self::Service { service } => write!(f, "{kind} {service}"),
        }
    }
}
