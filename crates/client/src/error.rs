//! What can go wrong, and whether another try would help.

use serde::Deserialize;
use std::{fmt, time::Duration};

/// A problem that the installation answered with (RFC 9457).
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The status of the reply.
    pub status: u16,
    /// What is wrong, stable, for programs: `plan.limit_reached`.
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
    /// By which the log of the installation knows more.
    pub request_id: Option<String>,
    /// How long to wait, where the reply says.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// Why something didn't work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// The address or the credential is missing, or no good.
    Configuration(String),
    /// The installation can't be reached, or didn't answer in time.
    Unreachable(String),
    /// It answered with a problem.
    Refused(Problem),
    /// It answered what can't be understood.
    Unreadable(String),
    /// A token that says who calls is not to be believed: why.
    Identity(&'static str),
    /// The reporter has ended, with the runtime it ran on.
    Closed,
}

impl Error {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused(problem) => problem.status >= 500 || matches!(problem.status, 408 | 429),
            _ => false,
        }
    }

    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(problem) => problem.retry_after,
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(why) => f.write_str(why),
            Self::Unreachable(why) => write!(f, "Insula can't be reached: {why}"),
            Self::Refused(Problem { status, code, detail, .. }) => write!(f, "{detail} ({status} {code})"),
            Self::Unreadable(why) => write!(f, "the answer of Insula can't be understood: {why}"),
            Self::Identity(why) => write!(f, "the caller's identity is not to be believed: {why}"),
            Self::Closed => f.write_str("the reporter has ended"),
        }
    }
}

impl std::error::Error for Error {}
