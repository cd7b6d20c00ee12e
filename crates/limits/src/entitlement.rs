//! What an organization may do now.

use std::sync::Arc;

/// What an organization may do now, by the version of the plan it is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entitlement {
    /// The plan's name.
    pub plan: Arc<str>,
    /// The version of the plan.
    pub plan_version: u32,
    /// How far each limit goes, in the order of the limits of the blueprint in force; `None` is unlimited.
    pub bounds: Box<[Option<i64>]>,
}

impl Entitlement {
    /// How far the limit at this place goes; `None` is unlimited. A limit that the plan knows nothing of is closed.
    #[must_use]
    pub fn bound(&self, limit: usize) -> Option<i64> {
        self.bounds.get(limit).copied().unwrap_or(Some(0))
    }
}
