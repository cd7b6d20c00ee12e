//! Endpoints of the operator's staff: organizations, and the blueprint in force.

pub(crate) mod billing;
mod ledger;
mod limits;
mod offers;
mod plan;

use crate::{blueprint, platform::Platform};
use axum::extract::{Path, State as Extract};
use insula_access::{ApplyBlueprint, ListOrganizations, ReadBlueprint, SuspendOrganization};
use insula_blueprint::Compiled;
use insula_kernel::{Error, ErrorKind, Instant, OrgId, Page, PageRequest};
use insula_storage::Store;
use insula_tenancy::{Organization, Status};
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator, Query, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const TAG: &str = "Operator";

pub(crate) fn api() -> Api<Platform> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/operator/orgs",
                "listOrganizations",
                TAG,
                "All organizations, with today's usage",
            )
            .allows_operator::<ListOrganizations>()
            .query::<OrganizationsQuery>()
            .replies::<Page<OrganizationWithUsage>>(200),
            list_organizations,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/operator/orgs/{org}/suspend",
                "suspendOrganization",
                TAG,
                "Take an organization out of service, at once",
            )
            .allows_operator::<SuspendOrganization>()
            .body::<ReasonRequest>()
            .replies::<Organization>(200),
            suspend_organization,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/operator/orgs/{org}/reactivate",
                "reactivateOrganization",
                TAG,
                "Put an organization back into service",
            )
            .allows_operator::<SuspendOrganization>()
            .body::<ReasonRequest>()
            .replies::<Organization>(200),
            reactivate_organization,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/operator/blueprint",
                "getBlueprint",
                TAG,
                "The blueprint in force",
            )
            .allows_operator::<ReadBlueprint>()
            .replies::<BlueprintInForce>(200),
            get_blueprint,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/operator/blueprint",
                "applyBlueprint",
                TAG,
                "Put another version of the blueprint in force",
            )
            .allows_operator::<ApplyBlueprint>()
            .body::<BlueprintRequest>()
            .replies::<BlueprintReply>(200),
            apply_blueprint,
        )
        .merge(limits::api())
        .merge(ledger::api())
        .merge(billing::api())
        .merge(offers::api())
        .merge(plan::api())
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct OrganizationsQuery {
    /// Part of a name or an address.
    q: Option<String>,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct OrganizationWithUsage {
    #[serde(flatten)]
    organization: Organization,
    /// Requests since midnight, UTC.
    usage_today: i64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReasonRequest {
    /// Why; it stands in the audit log.
    reason: String,
}

#[derive(Serialize, JsonSchema)]
struct BlueprintInForce {
    version: i64,
    digest: String,
    applied_at: Instant,
    source: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BlueprintRequest {
    /// The text of `blueprint.toml`.
    source: String,
}

#[derive(Serialize, JsonSchema)]
struct BlueprintReply {
    version: i64,
    /// Whether it differs from the version before.
    changed: bool,
    plans: Vec<PlanReply>,
}

#[derive(Serialize, JsonSchema)]
struct PlanReply {
    key: String,
    version: u32,
    changed: bool,
}

/// The organization of this id or slug.
pub(crate) fn organization(platform: &Platform, org: &str) -> Result<OrgId, Error> {
    let found = platform.organizations.find(org).ok_or_else(|| Error::not_found("organization"))?;
    Ok(found.id)
}

async fn list_organizations(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ListOrganizations>,
    Query(query): Query<OrganizationsQuery>,
) -> Result<Json<Page<OrganizationWithUsage>>, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let mut tx = platform.storage.platform_read(Store::Directory, &proof).await?;
    let listed = insula_tenancy::list(&mut tx, &proof, query.q.as_deref().unwrap_or_default(), page).await?;
    drop(tx);
    platform.settler.flush().await?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let orgs = listed.items.iter().map(|organization| organization.id);
    let shown: Vec<(OrgId, Instant)> = orgs.map(|org| (org, platform.gate.now_of(org))).collect();
    let today = match platform.blueprint.load_full().meters().first() {
        Some(meter) => insula_metering::usage::today(&mut tx, &shown, &meter.name).await?,
        None => HashMap::new(),
    };
    Ok(Json(listed.map(|organization| {
        let usage_today = today.get(&organization.id).map_or(0, |used| used.units());
        OrganizationWithUsage { organization, usage_today }
    })))
}

async fn suspend_organization(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<SuspendOrganization>,
    Path(org): Path<String>,
    info: RequestInfo,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<Organization>, Failure> {
    Ok(Json(set_status(&platform, &proof, &org, &info, Status::Suspended, &request.reason).await?))
}

async fn reactivate_organization(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<SuspendOrganization>,
    Path(org): Path<String>,
    info: RequestInfo,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<Organization>, Failure> {
    Ok(Json(set_status(&platform, &proof, &org, &info, Status::Active, &request.reason).await?))
}

async fn set_status(
    platform: &Platform,
    proof: &insula_access::AuthorizedOperator<SuspendOrganization>,
    org: &str,
    info: &RequestInfo,
    status: Status,
    reason: &str,
) -> Result<Organization, Error> {
    let reason = insula_tenancy::check_name(reason, "/reason")?;
    let id = organization(platform, org)?;
    let actor = info.actor(proof.principal());
    let mut tx = platform.storage.platform_write(Store::Directory, proof).await?;
    let changed =
        insula_tenancy::set_status(&mut tx, &platform.env, &actor, proof, id, status, &reason).await?;
    tx.commit().await?;
    platform.organizations.change(id, |live| live.status = status);
    Ok(changed)
}

async fn get_blueprint(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadBlueprint>,
) -> Result<Json<BlueprintInForce>, Failure> {
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let current =
        insula_billing::current_blueprint(&mut tx).await?.ok_or_else(|| Error::not_found("blueprint"))?;
    Ok(Json(BlueprintInForce {
        version: current.number,
        digest: current.digest,
        applied_at: current.applied_at,
        source: current.source,
    }))
}

/// The blueprint of a text that has no mistakes.
fn checked(source: &str) -> Result<Compiled, Error> {
    let checked = crate::operations()
        .check(insula_blueprint::FILE_NAME, source)
        .map_err(|mistakes| Error::new(ErrorKind::Invalid, "blueprint.invalid", mistakes.to_string()))?;
    Ok(checked.compile())
}

async fn apply_blueprint(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ApplyBlueprint>,
    info: RequestInfo,
    Json(request): Json<BlueprintRequest>,
) -> Result<Json<BlueprintReply>, Failure> {
    let compiled = checked(&request.source)?;
    let actor = info.actor(proof.principal());
    let applied = blueprint::apply(&platform, &proof, compiled, &request.source, &actor).await?;
    Ok(Json(BlueprintReply {
        version: applied.number,
        changed: applied.changed,
        plans: applied
            .plans
            .into_iter()
            .map(|plan| PlanReply { key: plan.plan, version: plan.version, changed: plan.changed })
            .collect(),
    }))
}
