//! How the installation stands as a whole.

use super::{TAG, adds_up, headline, whole};
use crate::platform::Platform;
use axum::extract::State as Extract;
use insula_access::{ReadOverview, ReadUsageOfAll};
use insula_identity::user;
use insula_kernel::{Instant, Period, Result};
use insula_metering::usage::{self, Step, Windows};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) fn api() -> Api<Platform> {
    let overview = endpoint!(Get "overview" "getOverview" "How many organizations, users and keys there are, and what was used today" needs ReadOverview)
        .replies::<Overview>(200);
    Api::default().with(overview, get_overview)
}

#[derive(Serialize, JsonSchema)]
struct Overview {
    /// When it was so.
    as_of: Instant,
    /// The organizations.
    organizations: OrganizationCounts,
    /// How many people have an account, the operator's staff included.
    users: i64,
    /// How many API keys are in use.
    api_keys: i64,
    /// The meter that stands for all usage: of the limit to show first, or else the first of the blueprint.
    usage_meter: Option<String>,
    /// The meters whose quantities add up over organizations, in the order of the blueprint: those that `getUsageOfAll` answers.
    meters: Vec<String>,
    /// What all organizations used of `usage_meter` since midnight, UTC; null where what organizations use doesn't add up.
    usage_today: Option<i64>,
}

#[derive(Default, Serialize, JsonSchema)]
struct OrganizationCounts {
    /// All there are, closed ones included.
    total: i64,
    /// How many stand where.
    by_status: BTreeMap<String, i64>,
    /// How many are on which plan, of those that aren't closed.
    by_plan: BTreeMap<String, i64>,
}

async fn get_overview(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadOverview>,
    Operator(reading): Operator<ReadUsageOfAll>,
) -> Result<Json<Overview>, Failure> {
    let as_of = platform.env.now();
    let mut tx = platform.storage.platform_read(Store::Directory, &proof).await?;
    let mut organizations = OrganizationCounts::default();
    for (status, plan, count) in insula_tenancy::count_all(&mut tx, &proof).await? {
        organizations.total += count;
        *organizations.by_status.entry(status.to_string()).or_default() += count;
        if status.enters() {
            *organizations.by_plan.entry(plan).or_default() += count;
        }
    }
    let (users, api_keys) = user::count_all(&mut tx, as_of, &proof).await?;
    drop(tx);
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let meter = headline(&blueprint);
    let usage_today = match meter.filter(|meter| adds_up(meter)) {
        Some(meter) => {
            let Period { start, end } = Step::Day.containing(as_of);
            let today = Windows::covering(start, end, Step::Day)?;
            let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
            let used = usage::of_all(&mut tx, &reading, &meter.name, &today).await?;
            used.first().map(|bucket| whole(bucket.quantity, meter))
        }
        None => None,
    };
    let usage_meter = meter.map(|meter| meter.name.clone());
    let adding = blueprint.meters().iter().filter(|meter| adds_up(meter));
    let meters = adding.map(|meter| meter.name.clone()).collect();
    Ok(Json(Overview { as_of, organizations, users, api_keys, usage_meter, meters, usage_today }))
}
