//! What the log tells of holds, merged so that the order in which it is told makes no difference.
//!
//! The first beginning fills a row in, the latest promise says when it ends by itself, the earliest end ends it. So a row
//! comes out the same however often and in whatever order its story is told: it may lie in several segments, and be told
//! again after a crash.

use crate::log::{HoldChange, HoldOutcome, HoldStep, Intent, Settlement};
use insula_kernel::{HoldId, Instant, KeyId, OrgId, ProjectId, Span, TeamId};
use insula_storage::Value;
use std::{collections::BTreeMap, sync::Arc};

/// What is known of a hold.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Hold {
    /// Empty if its beginning isn't known.
    limit: Arc<str>,
    key: Option<Arc<str>>,
    project: Option<ProjectId>,
    team: Option<TeamId>,
    api_key: Option<KeyId>,
    until: Option<Arc<str>>,
    begun_at: Option<Instant>,
    expires_at: Option<Instant>,
    ended_at: Option<Instant>,
}

/// What a batch tells of holds.
#[derive(Default)]
pub(super) struct Holds(BTreeMap<(OrgId, HoldId), Hold>);

impl Holds {
    /// A request has ended. What it held is of interest only if it outlives it.
    pub(super) fn settled(&mut self, intent: &Intent<'_>, settlement: &Settlement<'_>) {
        if settlement.hold == HoldOutcome::Kept {
            self.kept(intent, settlement.hold_key);
        }
    }

    /// A request's end was not seen: what might outlive it is taken to have done so, for its time to live. Without one
    /// it would be held for ever, since nobody knows its name; so it ends, as it does where a reply names nothing.
    pub(super) fn recovered(&mut self, intent: &Intent<'_>) {
        if intent.hold.is_some_and(|hold| hold.ttl_us.is_some()) {
            self.kept(intent, None);
        }
    }

    fn kept(&mut self, intent: &Intent<'_>, key: Option<&str>) {
        let Some(hold) = intent.hold else { return };
        let begun = Hold {
            limit: hold.limit.into(),
            key: key.map(Into::into),
            project: intent.project,
            team: intent.team,
            api_key: intent.key,
            until: hold.until.map(Into::into),
            begun_at: Some(intent.at),
            expires_at: hold.ttl_us.map(|ttl| intent.at + Span::from_micros(ttl)),
            ended_at: None,
        };
        self.merge(intent.org, HoldId::from_uuid(intent.admission.uuid()), begun);
    }

    /// Something happened to a hold outside of a request that took it.
    pub(super) fn changed(&mut self, change: &HoldChange<'_>) {
        let told = match change.what {
            HoldStep::Begun { limit, key, project, team, api_key, at, expires_at } => Hold {
                limit: limit.into(),
                key: key.map(Into::into),
                project,
                team,
                api_key,
                until: None,
                begun_at: Some(at),
                expires_at,
                ended_at: None,
            },
            HoldStep::Renewed { expires_at } => Hold { expires_at: Some(expires_at), ..Hold::default() },
            HoldStep::Ended { at } => Hold { ended_at: Some(at), ..Hold::default() },
        };
        self.merge(change.org, change.hold, told);
    }

    /// Takes in what is told of a hold; the same rules as in the statement that writes it.
    fn merge(&mut self, org: OrgId, id: HoldId, told: Hold) {
        let known = self.0.entry((org, id)).or_default();
        if known.limit.is_empty() && !told.limit.is_empty() {
            let Hold { expires_at, ended_at, .. } = *known;
            *known = Hold { expires_at: expires_at.max(told.expires_at), ended_at, ..told };
            return;
        }
        known.expires_at = known.expires_at.max(told.expires_at);
        known.ended_at = match (known.ended_at, told.ended_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// How many holds something was told of.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The rows of the ledger.
    pub(super) fn values(&self) -> Vec<Value> {
        let mut rows = Vec::with_capacity(self.0.len() * 11);
        for (&(org, id), hold) in &self.0 {
            rows.extend([
                org.into(),
                id.into(),
                Arc::clone(&hold.limit).into(),
                hold.key.clone().into(),
                hold.project.into(),
                hold.team.into(),
                hold.api_key.into(),
                hold.until.clone().into(),
                hold.begun_at.into(),
                hold.expires_at.into(),
                hold.ended_at.into(),
            ]);
        }
        rows
    }
}
