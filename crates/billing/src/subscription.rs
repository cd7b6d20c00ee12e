//! Subscriptions: which version of which plan an organization is on.

use crate::{
    plan::{Definition, small},
    store::{
        ACTIVATE, ALL_PLAN_VERSIONS, ALL_SUBSCRIPTIONS, CURRENT_PLAN, GET_SUBSCRIPTION, INSERT_SUBSCRIPTION,
        REMOVE_PREPARED,
    },
};
use insula_access::{Authorized, ReadSubscription};
use insula_blueprint::Compiled;
use insula_kernel::{Env, Error, Instant, OrgId, Result, SubscriptionId};
use insula_limits::Entitlement;
use insula_storage::{PlatformTx, TenantTx, args, row};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

row! {
    /// A subscription.
    #[derive(Clone, Debug, Serialize, JsonSchema)]
    pub struct Subscription {
        /// Its id.
        pub id: SubscriptionId,
        /// The plan.
        pub plan: String,
        /// The version of the plan.
        pub plan_version: i64,
        /// Where it stands.
        #[schemars(extend("enum" = ["prepared", "active"]))]
        pub status: String,
        /// When it began.
        pub started_at: Instant,
    }
}

/// Prepares the subscription of an organization that isn't visible yet, to the newest version of a plan, and says which
/// that is.
pub async fn prepare(tx: &mut PlatformTx, env: &Env, org: OrgId, plan: &str) -> Result<u32> {
    let current: Option<(i64, String)> = tx.fetch_optional(&CURRENT_PLAN, args![plan]).await?;
    let (version, _) = current.ok_or_else(|| Error::internal(format!("the plan {plan} has no version")))?;
    let id = SubscriptionId::generate(env);
    tx.execute(&INSERT_SUBSCRIPTION, args![org, id, plan, version, env.now()]).await?;
    small(version)
}

/// What an organization is entitled to from its first moment, before the ledger is asked: its plan as the blueprint in
/// force has it. `version` is the one that [`prepare`] subscribed it to.
#[must_use]
pub fn first_entitlement(plan: &str, version: u32, blueprint: &Compiled) -> Entitlement {
    match blueprint.plan_index(plan).and_then(|index| blueprint.plan(index)) {
        Some(offered) => Definition::of(offered, blueprint).entitlement(plan, version, blueprint),
        None => Entitlement { plan: plan.into(), plan_version: version, bounds: Box::default() },
    }
}

/// Begins a prepared subscription; one that has begun goes on.
pub async fn activate(tx: &mut PlatformTx, org: OrgId) -> Result<()> {
    tx.execute(&ACTIVATE, args![org]).await?;
    Ok(())
}

/// Removes a subscription whose organization never became visible; one that has begun stays.
pub async fn remove_prepared(tx: &mut PlatformTx, org: OrgId) -> Result<()> {
    tx.execute(&REMOVE_PREPARED, args![org]).await?;
    Ok(())
}

/// The organization's subscription.
pub async fn get(tx: &mut TenantTx, _proof: &Authorized<ReadSubscription>) -> Result<Subscription> {
    tx.fetch_optional(&GET_SUBSCRIPTION, args![]).await?.ok_or_else(|| Error::not_found("subscription"))
}

/// What every organization is entitled to, by the version of the plan it is on.
pub async fn entitlements(tx: &mut PlatformTx, blueprint: &Compiled) -> Result<Vec<(OrgId, Entitlement)>> {
    let versions: Vec<(String, i64, String)> = tx.fetch_all(&ALL_PLAN_VERSIONS, args![]).await?;
    let mut offers = HashMap::new();
    for (plan, version, definition) in versions {
        let definition: Definition = serde_json::from_str(&definition).map_err(|error| {
            Error::internal(format!("version {version} of {plan} can't be read: {error}"))
        })?;
        let entitlement = definition.entitlement(&plan, small(version)?, blueprint);
        offers.insert((plan, version), entitlement);
    }
    let subscriptions: Vec<(OrgId, String, i64)> = tx.fetch_all(&ALL_SUBSCRIPTIONS, args![]).await?;
    let entitled = |(org, plan, version)| offers.get(&(plan, version)).map(|offer| (org, offer.clone()));
    Ok(subscriptions.into_iter().filter_map(entitled).collect())
}
