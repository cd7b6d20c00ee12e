//! Subscriptions: which version of which plan an organization is on.

use crate::{
    overrides,
    plan::{Definition, small},
    store::{
        ACTIVATE, ALL_PLAN_VERSIONS, ALL_SUBSCRIPTIONS, ALLOW_OVERAGE, CURRENT_PLAN, GET_SUBSCRIPTION,
        INSERT_SUBSCRIPTION, PLAN_VERSION, REMOVE_PREPARED, SUBSCRIPTION_OF,
    },
};
use insula_access::{Authorized, ChangeSubscription, ReadSubscription};
use insula_blueprint::Compiled;
use insula_kernel::{Env, Error, Instant, OrgId, Result, Scope as _, SubscriptionId};
use insula_limits::Entitlement;
use insula_rating::Anchor;
use insula_storage::{
    PlatformTx, TenantTx, args,
    journal::{Actor, AuditEntry},
    row,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
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
        #[schemars(extend("enum" = ["active"]))]
        pub status: String,
        /// When it began: where its billing periods are counted from.
        pub started_at: Instant,
        /// Whether usage may go beyond the limits that have a price for it.
        pub allows_overage: bool,
    }
}

/// What besides its plan decides what an organization may do.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where billing periods begin.
    pub anchor: Anchor,
    /// Whether the organization lets usage go beyond limits that have a price for it.
    pub allows_overage: bool,
    /// What the operator has set for the organization alone, in whole units; `None` is unlimited.
    pub overrides: HashMap<String, Option<u64>>,
}

impl Terms {
    /// Those of a new subscription that begins now.
    #[must_use]
    pub fn beginning(at: Instant) -> Self {
        Self { anchor: Anchor::utc(at), allows_overage: false, overrides: HashMap::new() }
    }
}

/// Prepares the subscription of an organization that isn't visible yet, to the newest version of a plan, and says which
/// that is and on which terms.
pub async fn prepare(tx: &mut PlatformTx, env: &Env, org: OrgId, plan: &str) -> Result<(u32, Terms)> {
    let current: Option<(i64, String)> = tx.fetch_optional(&CURRENT_PLAN, args![plan]).await?;
    let (version, _) = current.ok_or_else(|| Error::internal(format!("the plan {plan} has no version")))?;
    let (id, now) = (SubscriptionId::generate(env), env.now());
    tx.execute(&INSERT_SUBSCRIPTION, args![org, id, plan, version, now]).await?;
    Ok((small(version)?, Terms::beginning(now)))
}

/// What an organization is entitled to from its first moment, before the ledger is asked: its plan as the blueprint in
/// force has it. `version` and `terms` are those that [`prepare`] subscribed it to.
#[must_use]
pub fn first_entitlement(plan: &str, version: u32, terms: &Terms, blueprint: &Compiled) -> Entitlement {
    match blueprint.plan_index(plan).and_then(|index| blueprint.plan(index)) {
        Some(offered) => Definition::of(offered, blueprint).entitlement(plan, version, blueprint, terms),
        // The plan went away in between; the ledger knows the version that was subscribed to.
        None => Definition::default().entitlement(plan, version, blueprint, terms),
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
    let found: Option<Subscription> = tx.fetch_optional(&GET_SUBSCRIPTION, args![]).await?;
    let mut subscription = found.ok_or_else(|| Error::not_found("subscription"))?;
    // Whoever can ask is a member, so the organization is visible: only the ledger hasn't heard of it yet.
    "active".clone_into(&mut subscription.status);
    Ok(subscription)
}

/// Says whether usage may go beyond the limits that have a price for it.
pub async fn allow_overage(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    proof: &Authorized<ChangeSubscription>,
    allowed: bool,
) -> Result<()> {
    tx.execute(&ALLOW_OVERAGE, args![allowed]).await?;
    let action = if allowed { "subscription.overage_allowed" } else { "subscription.overage_refused" };
    let target = proof.organization().to_string();
    tx.audit(env, actor, AuditEntry { action, target, detail: json!({}) }).await?;
    Ok(())
}

/// What every organization is entitled to, by the version of the plan it is on.
pub async fn entitlements(tx: &mut PlatformTx, blueprint: &Compiled) -> Result<Vec<(OrgId, Entitlement)>> {
    let offers = definitions(tx).await?;
    let subscriptions: Vec<SubscriptionRow> = tx.fetch_all(&ALL_SUBSCRIPTIONS, args![]).await?;
    let mut overrides = overrides::all(tx).await?;
    let entitled = |row: SubscriptionRow| {
        let SubscriptionRow { org, plan, version, started_at, allows_overage } = row;
        let overrides = overrides.remove(&org).unwrap_or_default();
        let terms = Terms { anchor: Anchor::utc(started_at), allows_overage, overrides };
        let definition = offers.get(&(plan.clone(), version))?;
        let version = u32::try_from(version).ok()?;
        Some((org, definition.entitlement(&plan, version, blueprint, &terms)))
    };
    Ok(subscriptions.into_iter().filter_map(entitled).collect())
}

/// What one organization is entitled to; `None` if it has no subscription.
pub async fn entitlement_of(
    tx: &mut PlatformTx,
    org: OrgId,
    blueprint: &Compiled,
) -> Result<Option<Entitlement>> {
    let found: Option<SubscriptionRow> = tx.fetch_optional(&SUBSCRIPTION_OF, args![org]).await?;
    let Some(SubscriptionRow { plan, version, started_at, allows_overage, .. }) = found else {
        return Ok(None);
    };
    let (text,): (String,) = tx.fetch_one(&PLAN_VERSION, args![plan.as_str(), version]).await?;
    let overrides = overrides::of(tx, org).await?;
    let terms = Terms { anchor: Anchor::utc(started_at), allows_overage, overrides };
    let definition = read(&plan, version, &text)?;
    Ok(Some(definition.entitlement(&plan, small(version)?, blueprint, &terms)))
}

row! {
    struct SubscriptionRow {
        org: OrgId,
        plan: String,
        version: i64,
        started_at: Instant,
        allows_overage: bool,
    }
}

async fn definitions(tx: &mut PlatformTx) -> Result<HashMap<(String, i64), Definition>> {
    let versions: Vec<(String, i64, String)> = tx.fetch_all(&ALL_PLAN_VERSIONS, args![]).await?;
    let known = versions.into_iter().map(|(plan, version, text)| {
        let definition = read(&plan, version, &text)?;
        Ok(((plan, version), definition))
    });
    known.collect()
}

fn read(plan: &str, version: i64, text: &str) -> Result<Definition> {
    serde_json::from_str(text)
        .map_err(|error| Error::internal(format!("version {version} of {plan} can't be read: {error}")))
}
