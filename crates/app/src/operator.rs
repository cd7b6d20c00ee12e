//! Endpoints of the operator's staff: organizations, and the blueprint in force.

macro_rules! endpoint {
    ($method:ident $path:literal $id:literal $text:literal needs $operation:ident) => {
        Endpoint::new(Method::$method, concat!("/v1/operator/", $path), $id, TAG, $text)
            .allows_operator::<$operation>()
    };
}

pub(crate) mod billing;
mod keys;
mod ledger;
mod limits;
mod offers;
mod organizations;
mod overview;
mod plan;
mod usage;
mod users;

use crate::{blueprint, platform::Platform};
use axum::extract::State as Extract;
use insula_access::{ApplyBlueprint, ReadBlueprint};
use insula_blueprint::{Aggregate, Compiled, LimitKind, Meter};
use insula_kernel::{Error, ErrorKind, Instant, OrgId, Quantity};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const TAG: &str = "Operator";

pub(crate) fn api() -> Api<Platform> {
    Api::default()
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
        .merge(organizations::api())
        .merge(keys::api())
        .merge(usage::api())
        .merge(overview::api())
        .merge(users::api())
        .merge(limits::api())
        .merge(ledger::api())
        .merge(billing::api())
        .merge(offers::api())
        .merge(plan::api())
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

/// The meter whose usage stands for all of it: that of the limit to show first, or else the first.
fn headline(blueprint: &Compiled) -> Option<&Meter> {
    let limit = blueprint.product().headline_limit.and_then(|limit| blueprint.limit(limit));
    let meter = limit.and_then(|limit| match limit.kind {
        LimitKind::Quota { meter, .. } => blueprint.meter(meter),
        LimitKind::Rate { .. } | LimitKind::Hold { .. } | LimitKind::Stock => None,
    });
    meter.or_else(|| blueprint.meters().first())
}

/// Whether what several organizations or days used of a meter adds up.
const fn adds_up(meter: &Meter) -> bool {
    matches!(meter.aggregate, Aggregate::Count | Aggregate::Sum)
}

/// A quantity in whole units of its meter, rounded up.
fn whole(quantity: Quantity, meter: &Meter) -> i64 {
    let factor = meter.scale.factor();
    quantity.units().saturating_add(factor - 1).div_euclid(factor)
}

/// The organization of this id or slug.
pub(crate) fn organization(platform: &Platform, org: &str) -> Result<OrgId, Error> {
    let found = platform.organizations.find(org).ok_or_else(|| Error::not_found("organization"))?;
    Ok(found.id)
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
