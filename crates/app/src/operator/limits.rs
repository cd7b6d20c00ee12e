//! Limits that the operator sets for one organization alone, in force from its next request on.

use super::{TAG, organization};
use crate::{platform::Platform, subscriptions::refresh_entitlement};
use axum::extract::{Path, State as Extract};
use http::StatusCode;
use insula_access::OverrideLimits;
use insula_billing::overrides::{self, LimitOverride, NewOverride};
use insula_blueprint::{LimitKind, Per};
use insula_kernel::{Error, Page, Result};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) fn api() -> Api<Platform> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/operator/orgs/{org}/limits",
                "listLimitOverrides",
                TAG,
                "The limits that were set for an organization alone",
            )
            .allows_operator::<OverrideLimits>()
            .replies::<Page<LimitOverride>>(200),
            list_overrides,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/operator/orgs/{org}/limits",
                "overrideLimit",
                TAG,
                "Set how far a limit goes for an organization, at once",
            )
            .allows_operator::<OverrideLimits>()
            .body::<OverrideBody>()
            .replies::<LimitOverride>(200),
            override_limit,
        )
        .with(
            Endpoint::new(
                Method::Delete,
                "/v1/operator/orgs/{org}/limits/{limit}",
                "removeLimitOverride",
                TAG,
                "Let the plan decide again",
            )
            .allows_operator::<OverrideLimits>(),
            remove_override,
        )
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OverrideBody {
    /// The limit's name.
    limit: String,
    /// How far it goes, in whole units; null is unlimited.
    bound: Option<u64>,
    /// Why; it stands in the audit log.
    reason: String,
}

async fn list_overrides(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<OverrideLimits>,
    Path(org): Path<String>,
) -> Result<Json<Page<LimitOverride>>, Failure> {
    let org = organization(&platform, &org)?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let items = overrides::list(&mut tx, &proof, org).await?;
    Ok(Json(Page { items, next_cursor: None }))
}

async fn override_limit(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<OverrideLimits>,
    Path(org): Path<String>,
    info: RequestInfo,
    Json(body): Json<OverrideBody>,
) -> Result<Json<LimitOverride>, Failure> {
    let org = organization(&platform, &org)?;
    let reason = insula_tenancy::check_name(&body.reason, "/reason")?;
    check_limit(&platform, &body.limit)?;
    let actor = info.actor(proof.principal());
    let new = NewOverride { limit: &body.limit, bound: body.bound, reason: &reason };
    let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
    overrides::set(&mut tx, &platform.env, &actor, &proof, org, new).await?;
    let set = overrides::list(&mut tx, &proof, org).await?;
    tx.commit().await?;
    refresh_entitlement(&platform, org).await?;
    let set = set.into_iter().find(|set| set.limit == body.limit);
    Ok(Json(set.ok_or_else(|| Error::internal("what was set is not there"))?))
}

/// Refuses limits that no plan bounds.
fn check_limit(platform: &Platform, name: &str) -> Result<()> {
    let blueprint = platform.blueprint.load();
    let limit = blueprint.limit_index(name).and_then(|index| blueprint.limit(index));
    let limit = limit
        .ok_or_else(|| Error::invalid_field("/limit", "unknown", format!("There is no limit `{name}`.")))?;
    if matches!(limit.kind, LimitKind::Rate { per: Per::Address, .. }) {
        let detail = "A limit of network addresses counts before it is known whose request it is.";
        return Err(Error::invalid_field("/limit", "unsupported", detail));
    }
    Ok(())
}

async fn remove_override(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<OverrideLimits>,
    Path((org, limit)): Path<(String, String)>,
    info: RequestInfo,
) -> Result<StatusCode, Failure> {
    let org = organization(&platform, &org)?;
    let actor = info.actor(proof.principal());
    let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
    overrides::remove(&mut tx, &platform.env, &actor, &proof, org, &limit).await?;
    tx.commit().await?;
    refresh_entitlement(&platform, org).await?;
    Ok(StatusCode::NO_CONTENT)
}
