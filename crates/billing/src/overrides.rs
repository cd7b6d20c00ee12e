//! Limits that the operator sets for one organization alone.

use crate::store::{ALL_OVERRIDES, LIST_OVERRIDES, OVERRIDES_OF, REMOVE_OVERRIDE, SET_OVERRIDE};
use insula_access::{AuthorizedOperator, OverrideLimits};
use insula_kernel::{Env, Error, Instant, OrgId, Result};
use insula_storage::{
    PlatformTx, args,
    journal::{Actor, AuditEntry},
    row,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;

row! {
    /// A limit that goes further, or less far, for one organization than its plan says.
    #[derive(Clone, Debug, Serialize, JsonSchema)]
    pub struct LimitOverride {
        /// The limit's name.
        pub limit: String,
        /// How far it goes, in whole units; null is unlimited.
        pub bound: Option<i64>,
        /// Why.
        pub reason: String,
        /// Who set it.
        pub set_by: String,
        /// When.
        pub set_at: Instant,
    }
}

/// How far a limit is to go for an organization.
#[derive(Clone, Copy, Debug)]
pub struct NewOverride<'a> {
    /// The limit's name.
    pub limit: &'a str,
    /// In whole units; `None` is unlimited.
    pub bound: Option<u64>,
    /// Why.
    pub reason: &'a str,
}

/// Sets how far a limit goes for an organization.
pub async fn set(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<OverrideLimits>,
    org: OrgId,
    new: NewOverride<'_>,
) -> Result<()> {
    let NewOverride { limit, bound, reason } = new;
    let stored = bound.map(|bound| i64::try_from(bound).unwrap_or(i64::MAX));
    tx.execute(&SET_OVERRIDE, args![org, limit, stored, reason, actor.name.as_str(), env.now()]).await?;
    let detail = json!({ "limit": limit, "bound": bound, "reason": reason });
    record(tx, env, actor, org, "limit.overridden", detail).await
}

/// Lets the plan decide again.
///
/// # Errors
/// 404 where nothing was set.
pub async fn remove(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<OverrideLimits>,
    org: OrgId,
    limit: &str,
) -> Result<()> {
    if tx.execute(&REMOVE_OVERRIDE, args![org, limit]).await? == 0 {
        return Err(Error::not_found("limit of the organization's own"));
    }
    record(tx, env, actor, org, "limit.override_removed", json!({ "limit": limit })).await
}

/// What is set for an organization.
pub async fn list(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<OverrideLimits>,
    org: OrgId,
) -> Result<Vec<LimitOverride>> {
    Ok(tx.fetch_all(&LIST_OVERRIDES, args![org]).await?)
}

async fn record(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    org: OrgId,
    action: &'static str,
    detail: serde_json::Value,
) -> Result<()> {
    Ok(tx.audit(env, org, actor, AuditEntry { action, target: org.to_string(), detail }).await?)
}

/// Limits by name, with how far they go.
type Bounds = HashMap<String, Option<u64>>;

fn bound(stored: Option<i64>) -> Option<u64> {
    stored.map(|bound| u64::try_from(bound).unwrap_or(0))
}

pub(crate) async fn of(tx: &mut PlatformTx, org: OrgId) -> Result<Bounds> {
    let rows: Vec<(String, Option<i64>)> = tx.fetch_all(&OVERRIDES_OF, args![org]).await?;
    Ok(rows.into_iter().map(|(limit, stored)| (limit, bound(stored))).collect())
}

pub(crate) async fn all(tx: &mut PlatformTx) -> Result<HashMap<OrgId, Bounds>> {
    let rows: Vec<(OrgId, String, Option<i64>)> = tx.fetch_all(&ALL_OVERRIDES, args![]).await?;
    let mut all: HashMap<OrgId, Bounds> = HashMap::new();
    for (org, limit, stored) in rows {
        all.entry(org).or_default().insert(limit, bound(stored));
    }
    Ok(all)
}
