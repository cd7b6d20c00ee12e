//! The terms of a subscription: kept in the ledger, known to requests at once.

use crate::platform::Platform;
use axum::extract::State as Extract;
use insula_access::{ChangeSubscription, ReadSubscription};
use insula_billing::subscription::{self, Subscription};
use insula_kernel::{Error, OrgId, Result, Scope as _};
use insula_storage::{Store, Worker};
use insula_web::{Api, Endpoint, Failure, In, Json, Method, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) fn api() -> Api<Platform> {
    let change = Endpoint::new(
        Method::Patch,
        "/v1/orgs/{org}/subscription",
        "changeSubscription",
        "Billing",
        "Say whether usage may go beyond the limits that have a price for it",
    )
    .allows::<ChangeSubscription>()
    .body::<TermsBody>()
    .replies::<Subscription>(200);
    Api::default().with(change, change_subscription)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TermsBody {
    /// Whether usage may go beyond the limits that have a price for it; otherwise it is refused there.
    allows_overage: bool,
}

async fn change_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    In(reading): In<ReadSubscription>,
    info: RequestInfo,
    Json(body): Json<TermsBody>,
) -> Result<Json<Subscription>, Failure> {
    let actor = info.actor(proof.principal());
    let mut tx = platform.storage.write(Store::Ledger, &proof).await?;
    subscription::allow_overage(&mut tx, &platform.env, &actor, &proof, body.allows_overage).await?;
    let changed = subscription::get(&mut tx, &reading).await?;
    tx.commit().await?;
    refresh_entitlement(&platform, proof.organization()).await?;
    Ok(Json(changed))
}

/// Lets requests know what an organization may do now, as the ledger has it.
pub(crate) async fn refresh_entitlement(platform: &Platform, org: OrgId) -> Result<()> {
    // One after the other, so that what was read last is what stays; and no blueprint changes meanwhile.
    let _turn = platform.applying.lock().await;
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let entitlement = subscription::entitlement_of(&mut tx, org, &blueprint).await?;
    drop(tx);
    let entitlement = entitlement.ok_or_else(|| Error::internal("an organization without a subscription"))?;
    platform.gate.put_entitlement(org, |_| entitlement);
    Ok(())
}
