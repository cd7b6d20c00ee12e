//! Plans and the blueprints they come from, every version kept.

use crate::{
    definition::{AddOnDefinition, Definition},
    store::{
        BLUEPRINT_VERSION, CURRENT_BLUEPRINT, CURRENT_PLAN, CURRENT_VERSIONS, INSERT_BLUEPRINT, INSERT_PLAN,
    },
};
use insula_blueprint::Compiled;
use insula_kernel::{BlueprintVersionId, Env, Error, Instant, Result};
use insula_storage::{PlatformTx, args, row};
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;

/// What stands before the name of an add-on where its versions are kept with those of plans, whose names have no colon.
const ADD_ON: &str = "addon:";

/// The add-on whose versions are kept under this name, if it is one's.
pub(crate) fn add_on_name(key: &str) -> Option<&str> {
    key.strip_prefix(ADD_ON)
}

/// The name under which the versions of an add-on are kept.
pub(crate) fn add_on_key(name: &str) -> String {
    format!("{ADD_ON}{name}")
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
        let definition = Definition::of(plan, blueprint);
        let (version, changed) =
            apply_version(tx, env, &plan.name, &plan.digest.to_string(), &definition).await?;
        plans.push(AppliedPlan { plan: plan.name.clone(), version, changed });
    }
    for add_on in blueprint.add_ons() {
        let definition = AddOnDefinition::of(add_on, blueprint);
        apply_version(tx, env, &add_on_key(&add_on.name), &add_on.digest.to_string(), &definition).await?;
    }
    Ok(AppliedBlueprint { number, changed, plans })
}

/// Keeps a version of a plan or an add-on, if it is another than the one before: which it is, and whether it is new.
async fn apply_version(
    tx: &mut PlatformTx,
    env: &Env,
    name: &str,
    digest: &str,
    definition: &impl Serialize,
) -> Result<(u32, bool)> {
    let current: Option<(i64, String)> = tx.fetch_optional(&CURRENT_PLAN, args![name]).await?;
    let changed = current.as_ref().is_none_or(|(_, known)| known != digest);
    let version = current.map_or(0, |(version, _)| version) + i64::from(changed);
    if changed {
        tx.execute(&INSERT_PLAN, args![name, version, digest, json!(definition).to_string(), env.now()])
            .await?;
    }
    Ok((small(version)?, changed))
}

/// The version of a plan, or by its key of an add-on, that new subscriptions get.
pub(crate) async fn current_version(tx: &mut PlatformTx, name: &str) -> Result<u32> {
    let current: Option<(i64, String)> = tx.fetch_optional(&CURRENT_PLAN, args![name]).await?;
    let (version, _) = current.ok_or_else(|| Error::internal(format!("{name} has no version")))?;
    small(version)
}

/// The version of each plan that new subscriptions get.
pub async fn current_versions(tx: &mut PlatformTx) -> Result<HashMap<String, u32>> {
    let rows: Vec<(String, i64)> = tx.fetch_all(&CURRENT_VERSIONS, args![]).await?;
    rows.into_iter().map(|(plan, version)| Ok((plan, small(version)?))).collect()
}

pub(crate) fn small(version: i64) -> Result<u32> {
    u32::try_from(version).map_err(|_| Error::internal("a plan has a version that can't be"))
}
