//! What replies say of the organization and its limits, and refusals, which may know only part of it.

use super::Lane;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use insula_kernel::Error;
use insula_limits::Standing;

pub(crate) const X_ORG_ID: HeaderName = HeaderName::from_static("x-org-id");
const X_QUOTA_REMAINING: HeaderName = HeaderName::from_static("x-quota-remaining");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a reply tells its client of where it stands, as far as that is known.
#[derive(Clone, Default, Debug)]
pub struct Marks {
    pub(crate) org: Option<HeaderValue>,
    remaining: Option<HeaderValue>,
    limit: Option<(HeaderValue, HeaderValue)>,
}

impl Marks {
    pub(crate) fn of(org: HeaderValue) -> Self {
        Self { org: Some(org), remaining: None, limit: None }
    }

    pub(crate) fn note_remaining(&mut self, remaining: i64) {
        self.remaining = Some(HeaderValue::from(remaining.max(0)));
    }

    pub(crate) fn note(&mut self, lane: &Lane, standing: &Standing<'_>) {
        let policy = lane.header(|out| standing.write_policy(out));
        self.limit = Some((policy, lane.header(|out| standing.write_limit(out))));
    }

    /// Sets the header fields, and takes out those of them that somebody else set.
    pub(crate) fn replace(self, headers: &mut HeaderMap) {
        for (name, value) in self.fields() {
            match value {
                Some(value) => drop(headers.insert(name, value)),
                None => drop(headers.remove(name)),
            }
        }
    }

    fn fields(self) -> [(HeaderName, Option<HeaderValue>); 4] {
        let (policy, limit) = self.limit.unzip();
        [
            (X_ORG_ID, self.org),
            (X_QUOTA_REMAINING, self.remaining),
            (RATE_LIMIT_POLICY, policy),
            (RATE_LIMIT, limit),
        ]
    }

    /// Sets the header fields, in place of any that are there.
    pub fn write(self, headers: &mut HeaderMap) {
        for (name, value) in self.fields() {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
    }
}

/// Why a request isn't let through.
#[derive(Debug)]
pub struct Refusal {
    /// The reason.
    pub error: Error,
    /// What the reply says besides.
    marks: Option<Box<Marks>>,
    /// The methods that would be allowed.
    allow: Option<Box<HeaderValue>>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, marks: None, allow: None }
    }
}

impl Refusal {
    pub(crate) fn marked(mut self, marks: Marks) -> Self {
        self.marks = Some(Box::new(marks));
        self
    }

    pub(crate) fn allowing(mut self, methods: HeaderValue) -> Self {
        self.allow = Some(Box::new(methods));
        self
    }

    /// Sets the header fields that the reply has besides those of its problem.
    pub fn write(self, headers: &mut HeaderMap) {
        if let Some(marks) = self.marks {
            marks.write(headers);
        }
        if let Some(methods) = self.allow {
            headers.insert(header::ALLOW, *methods);
        }
    }
}
