//! What metering asks of the request path: which limits to warn of, whose projects and keys there are, and that what was
//! reported counts.

use arc_swap::ArcSwap;
use insula_blueprint::{Compiled, LimitKind, Per, QuotaWindow};
use insula_gateway::Gate;
use insula_identity::{KeyToken, Live as Identities};
use insula_kernel::{Env, HoldId, KeyId, OrgId, ProjectId, Span, TeamId};
use insula_limits::{Subject, Subjects};
use insula_metering::{
    Bounded, LimitWindow, Thresholds,
    ingest::{Counted, Live},
};
use insula_tenancy::{Live as Organizations, ProjectStatus};
use std::sync::{Arc, OnceLock};

/// Which limits to warn of. The gate is there only after the log of an earlier run was settled; until then, nothing is
/// warned of.
#[derive(Default)]
pub(crate) struct Warnings(OnceLock<Arc<Gate>>);

impl Warnings {
    pub(crate) fn of(&self, gate: Arc<Gate>) {
        // Said once, at the start.
        let _ = self.0.set(gate);
    }
}

impl Thresholds for Warnings {
    fn ahead(&self, org: OrgId) -> Span {
        self.0.get().map_or(Span::from_micros(0), |gate| gate.clock_of(org))
    }

    fn of(&self, org: OrgId, meter: &str) -> Vec<Bounded> {
        let Some(gate) = self.0.get() else { return Vec::new() };
        let Some(entitlement) = gate.entitlement(org) else { return Vec::new() };
        let snapshot = gate.snapshot();
        let blueprint = snapshot.compiled();
        let bounded = |(index, limit): (insula_blueprint::LimitIndex, &insula_blueprint::Limit)| {
            let LimitKind::Quota { meter: of, window, per: Per::Organization } = limit.kind else {
                return None;
            };
            let named = blueprint.meter(of).is_some_and(|of| of.name == meter);
            let bound = entitlement.bound(index.get()).most.filter(|_| named)?;
            let window = match window {
                QuotaWindow::Hour => LimitWindow::Hour,
                QuotaWindow::Day => LimitWindow::Day,
                QuotaWindow::Month => {
                    LimitWindow::Month(entitlement.anchor.month_containing(gate.now_of(org)))
                }
            };
            let warn_at = limit.warn_at.clone();
            Some(Bounded { limit: limit.name.as_str().into(), window, bound, warn_at })
        };
        blueprint.indexed_limits().filter_map(bounded).collect()
    }
}

/// What reports are checked against, and where they count.
pub(crate) struct Reports {
    pub(crate) gate: Arc<Gate>,
    pub(crate) blueprint: Arc<ArcSwap<Compiled>>,
    pub(crate) organizations: Arc<Organizations>,
    pub(crate) identity: Arc<Identities>,
    pub(crate) env: Env,
}

impl Live for Reports {
    fn ahead(&self, org: OrgId) -> Span {
        self.gate.clock_of(org)
    }

    fn project(&self, org: OrgId, project: ProjectId) -> Option<Option<TeamId>> {
        let project = self.organizations.project(project).filter(|project| project.org == org)?;
        // What ran in a project before it was archived is still to be reported.
        matches!(project.status, ProjectStatus::Active | ProjectStatus::Archived).then_some(project.team)
    }

    fn key(&self, org: OrgId, text: &str) -> Option<KeyId> {
        let id = KeyToken::public_id(text, &self.blueprint.load().product().key_prefix)?;
        // A key that was revoked meanwhile isn't known any more, and was this organization's for all anyone can tell.
        let elsewhere = self.identity.key(id).is_some_and(|key| key.org != org);
        (!elsewhere).then_some(id)
    }

    fn count(&self, counted: &Counted<'_>) {
        let Counted { org, at, project, team, key, meter, quantity } = *counted;
        let subjects = Subjects { org, team, project, credential: key.map(Subject::Key) };
        self.gate.add_usage(&subjects, meter, None, at, quantity);
    }

    fn end_holds(&self, org: OrgId, event: &str, key: &str) -> Vec<HoldId> {
        self.gate.end_holds_of(org, event, key, self.env.now()).to_vec()
    }
}
