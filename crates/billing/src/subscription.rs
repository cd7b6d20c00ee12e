//! Subscriptions, in their first form: an organization is on one version of one plan from its sign-up on.
//!
//! Sign-up prepares the subscription before the organization exists for anyone; the message that the organization was
//! created makes it active; a sweep removes those whose organization never came to be.

use crate::{plan, store};
use insula_kernel::{Env, Error, Instant, OrgId, Result, SubscriptionId};
use insula_storage::{PlatformTx, StoreResult, TenantTx};

/// How many prepared subscriptions a sweep gets to see at once.
const SWEPT_AT_ONCE: u32 = 1_000;

/// Where a subscription stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// For an organization that can't be seen yet, or that was made visible a moment ago.
    Prepared,
    /// In force.
    Active,
}

/// The subscription of an organization.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The plan.
    pub plan: String,
    /// The version of the plan.
    pub plan_version: u32,
    /// Where it stands.
    pub status: Status,
    /// When it was taken.
    pub started_at: Instant,
}

/// Prepares the subscription of an organization that doesn't exist yet, to the version of the plan that is on offer.
///
/// # Errors
/// The plan was never put on offer, or the organization has a subscription: both are for the caller to rule out.
pub async fn prepare(tx: &mut PlatformTx, env: &Env, org: OrgId, plan: &str) -> Result<SubscriptionId> {
    let latest = store::latest_plan(tx, plan).await?;
    let (version, _) =
        latest.ok_or_else(|| Error::internal(format!("the plan {plan} was never put on offer")))?;
    let id = SubscriptionId::generate(env);
    store::insert_subscription(tx, org, id, (plan, version), env.now()).await?;
    Ok(id)
}

/// Makes the subscription of an organization active, now that the organization exists. May be done again.
///
/// # Errors
/// There is none.
pub async fn activate(tx: &mut PlatformTx, org: OrgId) -> Result<()> {
    if store::activate(tx, org).await? {
        return Ok(());
    }
    Err(Error::internal(format!("{org} was created without a subscription")))
}

/// Removes the subscription of an organization that never came to be; false if it has none that is only prepared.
pub async fn remove_prepared(tx: &mut PlatformTx, org: OrgId) -> StoreResult<bool> {
    store::remove_prepared(tx, org).await
}

/// The organizations whose subscriptions were prepared before this instant and not made active, the earliest first; not
/// more than a sweep can take on at once.
pub async fn list_prepared_before(tx: &mut PlatformTx, instant: Instant) -> StoreResult<Vec<OrgId>> {
    store::prepared_before(tx, instant, SWEPT_AT_ONCE).await
}

/// The organization's subscription.
///
/// # Errors
/// `not_found` if it has none.
pub async fn of(tx: &mut TenantTx) -> Result<Subscription> {
    let row = store::own_subscription(tx).await?.ok_or_else(|| Error::not_found("subscription"))?;
    let status = match row.status.as_str() {
        "prepared" => Status::Prepared,
        "active" => Status::Active,
        other => return Err(Error::internal(format!("a subscription with the unknown status {other}"))),
    };
    let plan_version = plan::number(row.plan_version)?;
    Ok(Subscription { id: row.id, plan: row.plan, plan_version, status, started_at: row.started_at })
}
