//! What is charged for one event, by the plan that was in force.
//!
//! What must always hold: what events add to a month's usage, one after the other in the order of time, comes to what the
//! month is charged for it, before it is rounded and without what is due whatever is used.

use crate::engine::{Catalogue, Engine};
use insula_blueprint::Compiled;
use insula_kernel::{Env, Instant, Money, OrgId, Result};
use insula_rating::{Exact, Price};
use insula_storage::PlatformTx;
use schemars::JsonSchema;
use serde::Serialize;

/// What an event adds to what is charged for a meter.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Added {
    /// The meter.
    pub meter: String,
    /// The limit, where only what goes beyond it is charged.
    pub limit: Option<String>,
    /// The plan that was in force.
    pub plan: String,
    /// Its version, whose price this is.
    pub plan_version: i64,
    /// The price.
    pub price: Price,
    /// What the event adds to what was used before it in its month, exactly: nothing where that is included, or within the
    /// limit.
    pub exact: Exact,
    /// The same, rounded to the currency's smallest unit. An invoice rounds the whole line once.
    pub amount: Money,
}

/// What is charged for an event of this instant: of each of these meters, in its smallest units; meters that cost nothing
/// are left out. Nothing, in a trial or where there is no subscription.
pub async fn added(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    org: OrgId,
    at: Instant,
    used: &[(String, i64)],
) -> Result<Vec<Added>> {
    let mut catalogue = Catalogue::default();
    match Engine::look(tx, env, blueprint, &mut catalogue, org).await? {
        Some(mut engine) => engine.added(at, used).await,
        None => Ok(Vec::new()),
    }
}
