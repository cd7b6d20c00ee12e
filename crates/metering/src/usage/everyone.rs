//! What all organizations used together, for the operator. Meters that add up.

use super::{Bucket, Windows};
use crate::store;
use insula_access::{AuthorizedOperator, ReadUsageOfAll};
use insula_kernel::{OrgId, Period, Quantity};
use insula_storage::{PlatformTx, StoreResult};
use std::{cmp::Reverse, collections::HashMap};

/// What all organizations used of a meter in each of these windows, those without usage included.
pub async fn of_all(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadUsageOfAll>,
    meter: &str,
    windows: &Windows,
) -> StoreResult<Vec<Bucket>> {
    let mut sums: HashMap<Period, i64> = HashMap::new();
    for (start, units) in store::rollups_of_all(tx, meter, windows.step, windows.steps()).await? {
        if let Some(window) = windows.of_step(start) {
            let sum = sums.entry(window).or_default();
            *sum = sum.saturating_add(units);
        }
    }
    let bucket = |window: Period| Bucket {
        start: window.start,
        end: window.end,
        quantity: Quantity::from_units(sums.get(&window).copied().unwrap_or_default()),
    };
    Ok(windows.iter().map(bucket).collect())
}

/// The organizations that used most of a meter in all of these windows together, so many at most, the first of them first.
pub async fn most(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadUsageOfAll>,
    meter: &str,
    windows: &Windows,
    limit: usize,
) -> StoreResult<Vec<(OrgId, Quantity)>> {
    let mut sums = store::orgs_of_all(tx, meter, windows.step, windows.steps()).await?;
    sums.sort_unstable_by_key(|(org, units)| (Reverse(*units), *org));
    sums.truncate(limit);
    Ok(sums.into_iter().map(|(org, units)| (org, Quantity::from_units(units))).collect())
}
