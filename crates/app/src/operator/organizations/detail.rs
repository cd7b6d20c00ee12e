//! Everything about one organization.

use super::{UsageNow, usage_now};
use crate::{operator::organization, platform::Platform, server::Standings};
use axum::extract::{Path, State as Extract};
use insula_access::{AuthorizedOperator, ReadOrganizationOf};
use insula_billing::{operator, subscription::Subscription};
use insula_blueprint::{Compiled, LimitIndex, LimitKind, Per, QuotaWindow};
use insula_identity::member;
use insula_kernel::{Error, Instant, OrgId, Period, Quantity, Result};
use insula_metering::{
    http::{Limit, LiveLimits as _, shown_limit},
    usage::{self, Scope, Step, Subject},
};
use insula_storage::{PlatformTx, Store};
use insula_tenancy::Organization;
use insula_web::{Failure, Json, Operator};
use schemars::JsonSchema;
use serde::Serialize;

/// Everything about one organization.
#[derive(Serialize, JsonSchema)]
pub(super) struct OrganizationDetail {
    #[serde(flatten)]
    organization: Organization,
    /// What it is subscribed to.
    subscription: Option<Subscription>,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    usage: UsageNow,
    /// Every limit, with what is used of it.
    limits: Vec<Limit>,
}

/// How many there are of an organization's parts.
#[derive(Clone, Copy, Serialize, JsonSchema)]
struct Counts {
    /// Members.
    members: i64,
    /// Invitations that can be accepted.
    invitations: i64,
    /// API keys in use.
    api_keys: i64,
    /// Projects in use.
    projects: i64,
    /// Teams.
    teams: i64,
}

impl Counts {
    /// How many there are of what a limit of stock bounds; `None` for the product's own, which are kept by holds.
    fn of(self, limit: LimitIndex) -> Option<i64> {
        match limit {
            LimitIndex::MEMBERS => Some(self.members + self.invitations),
            LimitIndex::API_KEYS => Some(self.api_keys),
            LimitIndex::PROJECTS => Some(self.projects),
            LimitIndex::TEAMS => Some(self.teams),
            _ => None,
        }
    }
}

pub(super) async fn get_organization_of(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadOrganizationOf>,
    Path(org): Path<String>,
) -> Result<Json<OrganizationDetail>, Failure> {
    let org = organization(&platform, &org)?;
    let mut tx = platform.storage.platform_read(Store::Directory, &proof).await?;
    let found = insula_tenancy::find(&mut tx, org).await?;
    let organization = found.ok_or_else(|| Error::not_found("organization"))?;
    let counts = counts(&platform, &mut tx, &proof, org).await?;
    drop(tx);
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let subscription = operator::subscription_of(&mut tx, &platform.env, &blueprint, &proof, org).await?;
    let mut usage = usage_now(&platform, &mut tx, &[org]).await?;
    let limits = limits(&platform, &mut tx, &blueprint, org, counts).await?;
    let usage = usage.remove(&org).unwrap_or_else(UsageNow::nothing);
    Ok(Json(OrganizationDetail { organization, subscription, counts, usage, limits }))
}

async fn counts(
    platform: &Platform,
    tx: &mut PlatformTx,
    proof: &AuthorizedOperator<ReadOrganizationOf>,
    org: OrgId,
) -> Result<Counts> {
    let (members, invitations, api_keys) = member::counts_of(tx, platform.env.now(), proof, org).await?;
    let (projects, teams) = insula_tenancy::parts_of(tx, proof, org).await?;
    Ok(Counts { members, invitations, api_keys, projects, teams })
}

/// Every limit of an organization, as its own people see it.
async fn limits(
    platform: &Platform,
    tx: &mut PlatformTx,
    blueprint: &Compiled,
    org: OrgId,
    counts: Counts,
) -> Result<Vec<Limit>> {
    let standings = Standings { platform: platform.clone() };
    let headline = blueprint.product().headline_limit;
    let now = platform.env.now();
    let mut shown = Vec::new();
    for (index, declared) in blueprint.indexed_limits() {
        let mut live = standings.standing(org, index, now);
        if declared.kind == LimitKind::Stock {
            let count = counts.of(index);
            let count = count.unwrap_or_else(|| platform.gate.held(org, &declared.name, now));
            live.used = Quantity::from_units(count);
        }
        let busiest = busiest(platform, tx, blueprint, org, &declared.kind).await?;
        if let Some((_, used, window)) = &busiest {
            live.used = *used;
            live.resets_at = Some(window.end);
        }
        let limit = shown_limit(declared, live, headline == Some(index), blueprint);
        let busiest = busiest.map(|(subject, _, _)| name(subject, blueprint));
        shown.push(Limit { busiest, ..limit });
    }
    Ok(shown)
}

/// Who of those that a quota counts for used most of it, and how much, in the window that is going on.
async fn busiest(
    platform: &Platform,
    tx: &mut PlatformTx,
    blueprint: &Compiled,
    org: OrgId,
    kind: &LimitKind,
) -> Result<Option<(Subject, Quantity, Period)>> {
    let LimitKind::Quota { meter, window, per } = *kind else { return Ok(None) };
    let scope = match per {
        Per::Project => Scope::Project,
        Per::Team => Scope::Team,
        Per::Key => Scope::Credential,
        Per::Organization | Per::Address => return Ok(None),
    };
    let (Some(meter), Some(entitlement)) = (blueprint.meter(meter), platform.gate.entitlement(org)) else {
        return Ok(None);
    };
    let own: Instant = platform.gate.now_of(org);
    let window = match window {
        QuotaWindow::Hour => Step::Hour.containing(own),
        QuotaWindow::Day => Step::Day.containing(own),
        QuotaWindow::Month => entitlement.anchor.month_containing(own),
    };
    let wanted = usage::Wanted { org, meter: meter.name.as_str().into(), period: window };
    let used = usage::scoped(tx, &[wanted], scope).await?;
    let most = used.into_iter().max_by_key(|used| used.quantity);
    Ok(most.map(|most| (most.subject, most.quantity, window)))
}

fn name(subject: Subject, blueprint: &Compiled) -> String {
    match subject {
        Subject::Project(id) => id.to_string(),
        Subject::Team(id) => id.to_string(),
        Subject::Key(id) => format!("{}_{}", blueprint.product().key_prefix, id.digits()),
        Subject::User(id) => id.to_string(),
    }
}
