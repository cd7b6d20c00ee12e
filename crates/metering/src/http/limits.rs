//! `GET /v1/orgs/{org}/limits`.

use super::State;
use axum::extract::State as From;
use insula_access::{Authorized, ReadLimits};
use insula_blueprint::{self as blueprint, LimitIndex, LimitKind};
use insula_kernel::{Instant, OrgId, Quantity, Result, Scope as _};
use insula_web::{Failure, In, Json};
use schemars::JsonSchema;
use serde::Serialize;
use std::pin::Pin;

/// Where an organization stands with one limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiveLimit {
    /// How far the limit goes for the organization; `None` is unlimited.
    pub bound: Option<Quantity>,
    /// What is consumed and reserved of it. Nothing for a rate, which each key has for itself, and nothing for a limit of
    /// stock, which [`Stocks`] counts.
    pub used: Quantity,
    /// When its window ends, if it has one.
    pub resets_at: Option<Instant>,
}

/// What the request path knows of limits.
pub trait LiveLimits: Send + Sync {
    /// Where the organization stands with this limit of the blueprint in force, at this instant.
    fn standing(&self, org: OrgId, limit: LimitIndex, now: Instant) -> LiveLimit;
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
    /// What it bounds: how often in a window that slides, for each key; how much in a window of the calendar; how many
    /// there are.
    #[schemars(extend("enum" = ["rate", "quota", "stock"]))]
    pub kind: &'static str,
    /// The window; null for a stock.
    #[schemars(extend("enum" = ["second", "minute", "hour", "day", null]))]
    pub window: Option<&'static str>,
    /// What is used of it, requests in flight included. Always 0 for a rate, which each key has for itself.
    pub used: i64,
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

fn limit(declared: &blueprint::Limit, live: LiveLimit, headline: bool) -> Limit {
    let (kind, window) = match declared.kind {
        LimitKind::Quota { window, .. } => ("quota", Some(window.name())),
        LimitKind::Rate { window, .. } => ("rate", Some(window.name())),
        LimitKind::Stock => ("stock", None),
    };
    let (used, bound) = (live.used.units(), live.bound.map(Quantity::units));
    Limit {
        key: declared.name.clone(),
        kind,
        window,
        used,
        limit: bound,
        remaining: bound.filter(|_| kind != "rate").map(|bound| bound.saturating_sub(used).max(0)),
        resets_at: live.resets_at,
        warn_at: declared.warn_at.clone(),
        headline,
    }
}

pub(super) async fn list_limits(
    From(state): From<State>,
    In(proof): In<ReadLimits>,
) -> Result<Json<Limits>, Failure> {
    let as_of = state.env.now();
    let blueprint = state.blueprint.load_full();
    let headline = blueprint.product().headline_limit;
    let mut items = Vec::new();
    for (index, declared) in blueprint.indexed_limits() {
        let mut live = state.limits.standing(proof.organization(), index, as_of);
        if declared.kind == LimitKind::Stock {
            live.used = state.stocks.count(&proof, index).await?;
        }
        items.push(limit(declared, live, headline == Some(index)));
    }
    Ok(Json(Limits { as_of, items }))
}
