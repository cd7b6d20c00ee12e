//! What an organization may do now.

use insula_kernel::{Instant, Span};
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

/// Whether an organization's requests are served, as its subscription has it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Service {
    /// They are.
    #[default]
    Served,
    /// They aren't until the subscription goes on.
    Paused,
    /// They aren't until there is a subscription again.
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
    /// How far back usage is shown; `None` shows all there is.
    pub retention: Option<Span>,
    /// Where billing periods begin.
    pub anchor: Anchor,
    /// How far the organization's time is ahead of the real one: nothing for all but test organizations, never less than
    /// nothing, and never less than it was.
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

    /// The organization's time when it is really this late: by it windows of hours, days and months turn, and usage has
    /// its time.
    #[must_use]
    pub fn time(&self, now: Instant) -> Instant {
        now + self.clock
    }

    /// From when on usage is shown when it is this late in the organization's time: from the beginning of a day in UTC.
    /// `None` shows all there is.
    #[must_use]
    pub fn retained_from(&self, now: Instant) -> Option<Instant> {
        Some((now - self.retention?).floor(Span::from_days(1)))
    }

    /// Whether the plan has a feature.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.features.get(feature).copied().unwrap_or(false)
    }
}
