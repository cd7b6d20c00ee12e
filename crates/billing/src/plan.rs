//! Plans and the blueprints they come from, every version kept.

use crate::store::{
    BLUEPRINT_VERSION, CURRENT_BLUEPRINT, CURRENT_PLAN, CURRENT_VERSIONS, INSERT_BLUEPRINT, INSERT_PLAN,
};
use crate::subscription::Terms;
use insula_blueprint::{Bound as Declared, Compiled, Limit, LimitIndex, LimitKind, OnExceed, Plan};
use insula_kernel::{BlueprintVersionId, Env, Error, Instant, Result, Scale};
use insula_limits::{Bound, Entitlement};
use insula_rating::Interval;
use insula_storage::{PlatformTx, args, row};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// What a version of a plan offers, in names: it can be read beside any later blueprint.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Definition {
    /// Prices by interval and currency.
    pub prices: Vec<Json>,
    /// How far each limit goes; null is unlimited.
    pub limits: BTreeMap<String, Option<u64>>,
    /// What it offers besides.
    pub features: Json,
    /// Its rank among plans.
    pub priority: i64,
}

impl Definition {
    /// What a plan of this blueprint offers.
    #[must_use]
    pub fn of(plan: &Plan, blueprint: &Compiled) -> Self {
        let limits =
            blueprint.indexed_limits().map(|(index, limit)| (limit.name.clone(), most(plan.bound(index))));
        let price =
            |interval: Interval, amount: Json| json!({ "interval": interval.name(), "price": amount });
        Self {
            prices: plan.prices.iter().map(|one| price(one.interval, json!(one.amount))).collect(),
            limits: limits.collect(),
            features: json!(plan.features),
            priority: plan.priority,
        }
    }

    /// What it entitles to under a blueprint, on these terms. For a limit that the version knew nothing of, what the plan
    /// offers now counts; where it is offered no more, the limit is closed until the operator moves its subscribers.
    /// What the operator has set for the organization alone comes before both.
    #[must_use]
    pub fn entitlement(&self, plan: &str, version: u32, blueprint: &Compiled, terms: &Terms) -> Entitlement {
        let offered = blueprint.plan_index(plan).and_then(|index| blueprint.plan(index));
        let now = |index| offered.map_or(Some(0), |offered| most(offered.bound(index)));
        let bound = |(index, limit): (LimitIndex, &Limit)| {
            let known = || self.limits.get(&limit.name).copied().unwrap_or_else(|| now(index));
            let units = terms.overrides.get(&limit.name).copied().unwrap_or_else(known);
            let priced = offered.is_some_and(|offered| offered.overage.iter().any(|(at, _)| *at == index));
            let is_hard = match limit.on_exceed {
                OnExceed::Reject => !(priced && terms.allows_overage),
                OnExceed::Warn | OnExceed::Bill => false,
            };
            Bound { most: units.map(|units| in_smallest(units, limit, blueprint)), is_hard }
        };
        Entitlement {
            plan: plan.into(),
            plan_version: version,
            priority: self.priority,
            bounds: blueprint.indexed_limits().map(bound).collect(),
            features: Arc::new(self.features()),
            anchor: terms.anchor.clone(),
        }
    }

    /// Whether each feature is there: a flag that is set, or a word other than `none`. A number offers nothing by itself.
    fn features(&self) -> BTreeMap<Box<str>, bool> {
        let is_there = |value: &Json| match value {
            Json::Bool(flag) => *flag,
            Json::String(text) => !text.is_empty() && text != "none",
            _ => false,
        };
        let features = self.features.as_object().into_iter().flatten();
        features.map(|(name, value)| (name.as_str().into(), is_there(value))).collect()
    }
}

/// A bound in the smallest units of what it bounds. Plans say whole units.
fn in_smallest(units: u64, limit: &Limit, blueprint: &Compiled) -> i64 {
    let scale = match limit.kind {
        LimitKind::Quota { meter, .. } => blueprint.meter(meter).map(|meter| meter.scale).unwrap_or_default(),
        _ => Scale::WHOLE,
    };
    i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(scale.factor())
}

/// How far a bound goes; `None` is unlimited.
const fn most(bound: Declared) -> Option<u64> {
    match bound {
        Declared::Unlimited => None,
        Declared::At(most) => Some(most),
    }
}

row! {
    /// A version of the blueprint that was put in force.
    #[derive(Clone, Debug)]
    pub struct BlueprintVersion {
        /// Its number, from 1.
        pub number: i64,
        /// The digest of its text.
        pub digest: String,
        /// Its text.
        pub source: String,
        /// When it was put in force.
        pub applied_at: Instant,
    }
}

/// What putting a blueprint in force came to.
#[derive(Clone, Debug)]
pub struct AppliedBlueprint {
    /// The number of the version that is in force.
    pub number: i64,
    /// Whether it is another than before.
    pub changed: bool,
    /// Its plans, in its order.
    pub plans: Vec<AppliedPlan>,
}

/// What became of one plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppliedPlan {
    /// Its name.
    pub plan: String,
    /// The version that new subscriptions get.
    pub version: u32,
    /// Whether that version is a new one.
    pub changed: bool,
}

/// The blueprint in force, if one was put in force.
pub async fn current_blueprint(tx: &mut PlatformTx) -> Result<Option<BlueprintVersion>> {
    Ok(tx.fetch_optional(&CURRENT_BLUEPRINT, args![]).await?)
}

/// A version of the blueprint that was put in force at some time.
pub async fn blueprint_version(tx: &mut PlatformTx, number: i64) -> Result<Option<BlueprintVersion>> {
    Ok(tx.fetch_optional(&BLUEPRINT_VERSION, args![number]).await?)
}

/// Puts a blueprint in force. The same text again changes nothing; a plan gets a new version only where what it offers
/// has changed, and those on the old one stay there.
pub async fn apply_blueprint(
    tx: &mut PlatformTx,
    env: &Env,
    source: &str,
    blueprint: &Compiled,
    by: &str,
) -> Result<AppliedBlueprint> {
    let before = current_blueprint(tx).await?;
    let digest = blueprint.digest().to_string();
    let changed = before.as_ref().is_none_or(|before| before.digest != digest);
    let number = before.map_or(0, |before| before.number) + i64::from(changed);
    if changed {
        let id = BlueprintVersionId::generate(env);
        tx.execute(&INSERT_BLUEPRINT, args![number, id, digest, source, env.now(), by]).await?;
    }
    let mut plans = Vec::new();
    for plan in blueprint.plans() {
        plans.push(apply_plan(tx, env, plan, blueprint).await?);
    }
    Ok(AppliedBlueprint { number, changed, plans })
}

async fn apply_plan(
    tx: &mut PlatformTx,
    env: &Env,
    plan: &Plan,
    blueprint: &Compiled,
) -> Result<AppliedPlan> {
    let current: Option<(i64, String)> = tx.fetch_optional(&CURRENT_PLAN, args![plan.name.as_str()]).await?;
    let digest = plan.digest.to_string();
    let changed = current.as_ref().is_none_or(|(_, known)| *known != digest);
    let version = current.map_or(0, |(version, _)| version) + i64::from(changed);
    if changed {
        let definition = json!(Definition::of(plan, blueprint)).to_string();
        tx.execute(&INSERT_PLAN, args![plan.name.as_str(), version, digest, definition, env.now()]).await?;
    }
    Ok(AppliedPlan { plan: plan.name.clone(), version: small(version)?, changed })
}

/// The version of each plan that new subscriptions get.
pub async fn current_versions(tx: &mut PlatformTx) -> Result<HashMap<String, u32>> {
    let rows: Vec<(String, i64)> = tx.fetch_all(&CURRENT_VERSIONS, args![]).await?;
    rows.into_iter().map(|(plan, version)| Ok((plan, small(version)?))).collect()
}

pub(crate) fn small(version: i64) -> Result<u32> {
    u32::try_from(version).map_err(|_| Error::internal("a plan has a version that can't be"))
}
