//! `GET /v1/orgs/{org}/limits`.

use super::State;
use crate::usage::{self, Scope, Step, Subject};
use axum::extract::State as From;
use insula_access::{Authorized, ReadLimits};
use insula_blueprint::{self as blueprint, Compiled, LimitIndex, LimitKind, OnExceed, Per, QuotaWindow};
use insula_kernel::{Instant, OrgId, Quantity, Result, Scope as _, Span};
use insula_rating::Anchor;
use insula_storage::Store;
use insula_web::{Failure, In, Json};
use schemars::JsonSchema;
use serde::Serialize;
use std::{pin::Pin, time::Duration};

/// How long the answer waits for usage to be settled.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where an organization stands with one limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiveLimit {
    /// How far the limit goes for the organization; `None` is unlimited.
    pub bound: Option<Quantity>,
    /// What is consumed and reserved of it. Nothing for a rate, which each key has for itself, and nothing for a limit of
    /// stock, which [`Stocks`] counts.
    pub used: Quantity,
    /// When its window ends, in the organization's time, if it has one.
    pub resets_at: Option<Instant>,
}

/// What the request path knows of limits.
pub trait LiveLimits: Send + Sync {
    /// How far the organization's time is ahead of the real one: nothing for all but test organizations.
    fn ahead(&self, org: OrgId) -> Span;
    /// Where the organization stands with this limit of the blueprint in force, when it is really `now`.
    fn standing(&self, org: OrgId, limit: LimitIndex, now: Instant) -> LiveLimit;

    /// From when on the organization is shown usage when it is this late in its time; `None` shows all there is.
    fn retained_from(&self, org: OrgId, now: Instant) -> Option<Instant>;

    /// Where the organization's billing periods begin; `None` if it isn't known.
    fn anchor(&self, org: OrgId) -> Option<Anchor>;
}

/// An answer that has to be looked up.
pub type Counted<'a> = Pin<Box<dyn Future<Output = Result<Quantity>> + Send + 'a>>;

/// Counts what limits of stock bound: members, API keys.
pub trait Stocks: Send + Sync {
    /// How many of this limit's things the organization has.
    fn count<'a>(&'a self, proof: &'a Authorized<ReadLimits>, limit: LimitIndex) -> Counted<'a>;
}

/// Every limit of an organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Limits {
    /// When it was so.
    pub as_of: Instant,
    /// The limits in the order of the blueprint.
    pub items: Vec<Limit>,
}

/// A limit, with what is used of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Limit {
    /// The limit's name in the blueprint.
    pub key: String,
    /// What it bounds: how often in a window that slides; how much in a window; how many are held at once; how many there
    /// are.
    #[schemars(extend("enum" = ["rate", "quota", "hold", "stock"]))]
    pub kind: &'static str,
    /// The window; null where there is none. A month is the subscription's billing period.
    #[schemars(extend("enum" = ["second", "minute", "hour", "day", "month", null]))]
    pub window: Option<&'static str>,
    /// The meter whose quantity it bounds; null for what isn't a quota.
    pub meter: Option<String>,
    /// Whom it counts for: each of them has all of it.
    #[schemars(extend("enum" = ["organization", "team", "project", "key", "address"]))]
    pub per: &'static str,
    /// What happens beyond it.
    #[schemars(extend("enum" = ["reject", "warn", "bill"]))]
    pub on_exceed: &'static str,
    /// What is used of it, in whole units of the meter rounded up. Of what counts for the organization as a whole, requests
    /// in flight are included; of a quota that counts for each project, team or key, it is what the `busiest` of them has
    /// used, by whole hours. Always 0 for a rate.
    pub used: i64,
    /// Who of those that a quota counts for has used most of it: a project, a team, a key by its public part, or a person
    /// who used no key. Null where it counts for the organization, or nobody used it.
    pub busiest: Option<String>,
    /// How far it goes; null is unlimited.
    pub limit: Option<i64>,
    /// What is left of it; null where it is unlimited, and for a rate.
    pub remaining: Option<i64>,
    /// When the window ends; null where there is none.
    pub resets_at: Option<Instant>,
    /// At which percentages a warning is due.
    pub warn_at: Vec<u8>,
    /// Whether it is the one to show first.
    pub headline: bool,
}

/// A limit as it is shown, with where an organization stands with it.
#[must_use]
pub fn shown(declared: &blueprint::Limit, live: LiveLimit, headline: bool, blueprint: &Compiled) -> Limit {
    let (kind, window, per, meter) = match declared.kind {
        LimitKind::Quota { window, per, meter } => {
            ("quota", Some(window.name()), per, blueprint.meter(meter))
        }
        LimitKind::Rate { window, per, .. } => ("rate", Some(window.name()), per, None),
        LimitKind::Hold { per } => ("hold", None, per, None),
        LimitKind::Stock => ("stock", None, Per::Organization, None),
    };
    let factor = meter.map_or(1, |meter| meter.scale.factor());
    let used = live.used.units().saturating_add(factor - 1).div_euclid(factor);
    let bound = live.bound.map(|bound| bound.units() / factor);
    Limit {
        key: declared.name.clone(),
        kind,
        window,
        meter: meter.map(|meter| meter.name.clone()),
        per: per.name(),
        on_exceed: match declared.on_exceed {
            OnExceed::Reject => "reject",
            OnExceed::Warn => "warn",
            OnExceed::Bill => "bill",
        },
        used,
        busiest: None,
        limit: bound,
        remaining: bound.filter(|_| kind != "rate").map(|bound| bound.saturating_sub(used).max(0)),
        resets_at: live.resets_at,
        warn_at: declared.warn_at.clone(),
        headline,
    }
}

/// Who used most of a quota that counts for each of several.
struct Busiest {
    who: String,
    used: Quantity,
    resets_at: Instant,
}

impl State {
    async fn busiest(
        &self,
        proof: &Authorized<ReadLimits>,
        declared: &blueprint::Limit,
        blueprint: &Compiled,
        now: Instant,
    ) -> Result<Option<Busiest>> {
        let LimitKind::Quota { meter, window, per } = declared.kind else { return Ok(None) };
        let scope = match per {
            Per::Project => Scope::Project,
            Per::Team => Scope::Team,
            Per::Key => Scope::Credential,
            Per::Organization | Per::Address => return Ok(None),
        };
        let anchor = self.limits.anchor(proof.organization());
        let (Some(meter), Some(anchor)) = (blueprint.meter(meter), anchor) else { return Ok(None) };
        let window = match window {
            QuotaWindow::Hour => Step::Hour.containing(now),
            QuotaWindow::Day => Step::Day.containing(now),
            QuotaWindow::Month => anchor.month_containing(now),
        };
        let mut tx = self.storage.read(Store::Ledger, proof).await?;
        let busiest = usage::busiest(&mut tx, &meter.name, window, scope).await?;
        Ok(busiest.map(|(subject, used)| {
            let who = match subject {
                Subject::Project(id) => id.to_string(),
                Subject::Team(id) => id.to_string(),
                Subject::Key(id) => format!("{}_{}", blueprint.product().key_prefix, id.digits()),
                Subject::User(id) => id.to_string(),
            };
            Busiest { who, used, resets_at: window.end }
        }))
    }
}

pub(super) async fn list_limits(
    From(state): From<State>,
    In(proof): In<ReadLimits>,
) -> Result<Json<Limits>, Failure> {
    let now = state.env.now();
    let blueprint = state.blueprint.load_full();
    let headline = blueprint.product().headline_limit;
    let per_part = |limit: &blueprint::Limit| matches!(limit.kind, LimitKind::Quota { per, .. } if per != Per::Organization);
    if blueprint.limits().iter().any(per_part) {
        // Who used most is known of what is settled; if that takes long, of what was settled before.
        drop(tokio::time::timeout(PATIENCE, state.settler.flush()).await);
    }
    let mut items = Vec::new();
    for (index, declared) in blueprint.indexed_limits() {
        let mut live = state.limits.standing(proof.organization(), index, now);
        if declared.kind == LimitKind::Stock {
            live.used = state.stocks.count(&proof, index).await?;
        }
        let own = now + state.limits.ahead(proof.organization());
        let busiest = state.busiest(&proof, declared, &blueprint, own).await?;
        if let Some(busiest) = &busiest {
            live.used = busiest.used;
            live.resets_at = Some(busiest.resets_at);
        }
        let shown = shown(declared, live, headline == Some(index), &blueprint);
        items.push(Limit { busiest: busiest.map(|busiest| busiest.who), ..shown });
    }
    Ok(Json(Limits { as_of: now + state.limits.ahead(proof.organization()), items }))
}
