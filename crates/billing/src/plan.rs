//! Versions of plans, and what an organization may do by the version it is on.

use crate::store;
use insula_blueprint::{Bound, Compiled, Feature, Plan, Price};
use insula_kernel::{Error, Instant, OrgId, Result};
use insula_limits::Entitlement;
use insula_storage::PlatformTx;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// What became of a plan when its blueprint was applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppliedPlan {
    /// The plan's name.
    pub plan: String,
    /// The version that is on offer from now on. The first is 1.
    pub version: u32,
    /// Whether it is a new one.
    pub changed: bool,
}

/// Puts the plans of a blueprint on offer, in their order. One whose terms are those on offer already keeps its version;
/// any other gets the next, also when an earlier version had the same terms, so that the highest is always the one on
/// offer. Earlier versions stay for who is on them.
pub async fn apply_plans(
    tx: &mut PlatformTx,
    blueprint: &Compiled,
    now: Instant,
) -> Result<Vec<AppliedPlan>> {
    let mut applied = Vec::with_capacity(blueprint.plans().len());
    for plan in blueprint.plans() {
        let digest = plan.digest.to_string();
        let latest = store::latest_plan(tx, &plan.name).await?;
        let changed = latest.as_ref().is_none_or(|(_, latest)| *latest != digest);
        let mut version = latest.map_or(Ok(0), |(version, _)| number(version))?;
        if changed {
            version += 1;
            let definition = Definition::write(plan, blueprint)?;
            store::insert_plan(tx, (&plan.name, version), digest, definition, now).await?;
        }
        applied.push(AppliedPlan { plan: plan.name.clone(), version, changed });
    }
    Ok(applied)
}

pub(crate) fn number(version: i64) -> Result<u32> {
    u32::try_from(version).map_err(|_| Error::internal(format!("{version} is no version of a plan")))
}

/// How far a limit goes, as the ledger keeps it: null is unlimited.
pub(crate) fn units(bound: Bound) -> Option<i64> {
    match bound {
        Bound::Unlimited => None,
        Bound::At(bound) => Some(i64::try_from(bound).unwrap_or(i64::MAX)),
    }
}

/// A plan's terms as the ledger keeps them: whatever they refer to by name, so that they can be understood beside any
/// other blueprint.
#[derive(Serialize)]
struct Terms<'a> {
    prices: &'a [Price],
    limits: BTreeMap<&'a str, Option<i64>>,
    features: &'a BTreeMap<String, Feature>,
    priority: i64,
}

/// What is read back of it.
#[derive(Deserialize)]
struct Definition {
    limits: HashMap<String, Option<i64>>,
}

impl Definition {
    fn write(plan: &Plan, blueprint: &Compiled) -> Result<String> {
        let limits = blueprint
            .indexed_limits()
            .map(|(index, limit)| (limit.name.as_str(), units(plan.bound(index))))
            .collect();
        let terms = Terms { prices: &plan.prices, limits, features: &plan.features, priority: plan.priority };
        serde_json::to_string(&terms).map_err(|error| Error::internal(error.to_string()))
    }

    fn read(plan: &str, version: u32, text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::internal(format!("version {version} of the plan {plan} can't be read")).caused_by(error)
        })
    }

    /// How far each limit of this blueprint goes for who is on this version of the plan.
    ///
    /// A limit that is newer than the version goes as far as on the plan that is on offer: subscribers aren't cut off by
    /// it, nor are they left without it. Where the plan is gone too, nobody has said that anything is allowed.
    fn bounds(&self, plan: &str, blueprint: &Compiled) -> Box<[Option<i64>]> {
        let on_offer = blueprint.plan_index(plan).and_then(|index| blueprint.plan(index));
        blueprint
            .indexed_limits()
            .map(|(index, limit)| match self.limits.get(&limit.name) {
                Some(bound) => *bound,
                None => on_offer.map_or(Some(0), |plan| units(plan.bound(index))),
            })
            .collect()
    }
}

/// What an organization may do that takes this plan of the blueprint in force now; `version` is the one that
/// [`apply_plans`] gave it. `None` if the blueprint has no such plan.
#[must_use]
pub fn entitlement_for(plan: &str, blueprint: &Compiled, version: u32) -> Option<Entitlement> {
    let terms = blueprint.plan(blueprint.plan_index(plan)?)?;
    let bounds = blueprint.indexed_limits().map(|(index, _)| units(terms.bound(index))).collect();
    Some(Entitlement { plan: plan.into(), plan_version: version, bounds })
}

/// What every organization may do under this blueprint, by the version of the plan it is on. Organizations on the same
/// version share one value.
///
/// Subscriptions that are prepared are included: until the organization can be seen nobody asks, and from then on its
/// requests must be served, though the message that makes the subscription active may still be on its way.
pub async fn entitlements(
    tx: &mut PlatformTx,
    blueprint: &Compiled,
) -> Result<Vec<(OrgId, Arc<Entitlement>)>> {
    let mut versions = HashMap::new();
    for (plan, version, text) in store::all_plans(tx).await? {
        let version_number = number(version)?;
        let bounds = Definition::read(&plan, version_number, &text)?.bounds(&plan, blueprint);
        let name = plan.as_str().into();
        let entitlement = Entitlement { plan: name, plan_version: version_number, bounds };
        versions.insert((plan, version), Arc::new(entitlement));
    }
    let mut entitlements = Vec::new();
    for (org, plan, version) in store::all_subscriptions(tx).await? {
        let found = versions.get(&(plan, version)).cloned();
        let entitlement = found
            .ok_or_else(|| Error::internal(format!("{org} is on a version of a plan that isn't there")))?;
        entitlements.push((org, entitlement));
    }
    Ok(entitlements)
}
