//! What a job is: what was asked for, by whom, and what became of it.

mod spec;

pub(crate) use spec::{Field, Spec};

use insula_client::Identity;
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Whose a job is: all that decides who may see it, and whom its usage counts for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Owner {
    pub(crate) org: String,
    /// Empty where the job is for no project.
    pub(crate) project: String,
    /// Empty where it wasn't a key that submitted it.
    pub(crate) environment: String,
    pub(crate) api_key: Option<String>,
    pub(crate) user: Option<String>,
}

impl Owner {
    pub(crate) fn of(caller: &Identity) -> Self {
        Self {
            org: caller.org_id.clone(),
            project: caller.project_id.clone().unwrap_or_default(),
            environment: caller.environment.clone().unwrap_or_default(),
            api_key: caller.key_id.clone(),
            user: caller.user_id.clone(),
        }
    }
}

/// Names one job for good.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct JobKey {
    pub(crate) org: String,
    pub(crate) project: String,
    pub(crate) id: String,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.id, self.org)
    }
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Queued,
    Running,
    Succeeded,
    Failed,
    Canceled,
}

impl Status {
    pub(crate) const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Canceled];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

/// What a job took, all its attempts together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Usage {
    /// Requests to sites, those for their robots.txt included.
    pub(crate) fetches: i64,
    /// Bytes of what they answered.
    pub(crate) bytes: i64,
    /// Microseconds of fetching and reading; waiting for a turn isn't counted.
    pub(crate) compute_us: i64,
}

impl Usage {
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            fetches: self.fetches.saturating_add(other.fetches),
            bytes: self.bytes.saturating_add(other.bytes),
            compute_us: self.compute_us.saturating_add(other.compute_us),
        }
    }

    /// Seconds with three decimals, rounded up.
    pub(crate) fn compute_seconds(self) -> String {
        thousandths(self.compute_us.saturating_add(999) / 1_000)
    }

    /// Thousands of bytes with three decimals.
    pub(crate) fn data_kb(self) -> String {
        thousandths(self.bytes)
    }
}

/// A count of thousandths as a decimal number.
pub(crate) fn thousandths(count: i64) -> String {
    format!("{}.{:03}", count / 1_000, count % 1_000)
}

/// What a job found: of each field, the values in the order in which they stand on the pages.
pub(crate) type Found = BTreeMap<String, Vec<String>>;

/// Why a job failed: a stable code, and words for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct JobError {
    pub(crate) code: &'static str,
    pub(crate) detail: String,
}

impl JobError {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// How a job ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Succeeded(Found),
    Failed(JobError),
    Canceled,
}

impl Outcome {
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Succeeded(_) => Status::Succeeded,
            Self::Failed(_) => Status::Failed,
            Self::Canceled => Status::Canceled,
        }
    }
}
