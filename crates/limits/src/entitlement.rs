//! What an organization may do now.

use insula_kernel::Span;
use insula_rating::Anchor;
use std::{collections::BTreeMap, sync::Arc};

/// How far a limit goes for an organization.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    /// So much; `None` is unlimited.
    pub most: Option<i64>,
    /// Whether what would go beyond it is refused; otherwise it is let through, and warned of or billed.
    pub is_hard: bool,
}

impl Bound {
    /// Nothing at all.
    pub const CLOSED: Self = Self { most: Some(0), is_hard: true };
    /// No end to it.
    pub const UNLIMITED: Self = Self { most: None, is_hard: true };

    /// What a counter must not go beyond; `i64::MAX` if it may go on.
    #[must_use]
    pub fn ceiling(self) -> i64 {
        self.most.filter(|_| self.is_hard).unwrap_or(i64::MAX)
    }
}

/// Whether requests of an organization are served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// They are.
    Served,
    /// They aren't while its subscription is paused.
    Paused,
    /// They aren't since its subscription was canceled.
    Canceled,
}

/// What an organization may do now: its plan's version, what the operator and the organization itself have set besides,
/// and the calendar of its subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entitlement {
    /// The plan's name.
    pub plan: Arc<str>,
    /// The version of the plan.
    pub plan_version: u32,
    /// The plan's rank; higher is served first.
    pub priority: i64,
    /// How far each limit goes, in the order of the limits of the blueprint in force.
    pub bounds: Box<[Bound]>,
    /// Whether each feature is there.
    pub features: Arc<BTreeMap<Box<str>, bool>>,
    /// Where billing periods begin.
    pub anchor: Anchor,
    /// How far the organization's own time is ahead: nothing but for those with a test clock.
    pub clock: Span,
    /// Whether its requests are served.
    pub service: Service,
}

impl Entitlement {
    /// How far the limit at this place goes. A limit that the plan knows nothing of is closed.
    #[must_use]
    pub fn bound(&self, limit: usize) -> Bound {
        self.bounds.get(limit).copied().unwrap_or(Bound::CLOSED)
    }

    /// Whether the plan has a feature.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.features.get(feature).copied().unwrap_or(false)
    }
}
