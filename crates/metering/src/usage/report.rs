//! What a report of usage rests on: sums of a whole period, and the shares of who and what in them.

use super::{Scope, Step, Subject, Windows, buckets};
use crate::store;
use insula_kernel::{Error, Period, Quantity, Result};
use insula_storage::{StoreError, StoreResult, TenantTx};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// How many series one report may read of a meter.
const MOST_SERIES: u32 = 200_000;

/// What the organization used of a meter in a period of whole hours, whatever its aggregate.
pub async fn total(tx: &mut TenantTx, meter: &str, period: Period) -> StoreResult<Quantity> {
    let buckets = buckets(tx, meter, &Windows::one(period)).await?;
    Ok(buckets.first().map(|bucket| bucket.quantity).unwrap_or_default())
}

/// Who of those that a quota counts for used most of a meter that adds up in a period, by whole hours.
///
/// # Errors
/// As [`shares`].
pub async fn busiest(
    tx: &mut TenantTx,
    meter: &str,
    period: Period,
    scope: Scope,
) -> Result<Option<(Subject, Quantity)>> {
    let mut sums = BTreeMap::<Subject, i64>::new();
    for (dims, quantity, _) in series_sums(tx, meter, Step::Hour.whole(period)).await? {
        if let Some(subject) = scope.subject(&dims)? {
            let sum = sums.entry(subject).or_default();
            *sum = sum.saturating_add(quantity);
        }
    }
    let most = sums.into_iter().max_by_key(|(_, units)| *units);
    Ok(most.map(|(subject, units)| (subject, Quantity::from_units(units))))
}

/// What each series came to, and in how many events.
async fn series_sums(tx: &mut TenantTx, meter: &str, period: Period) -> Result<Vec<(String, i64, i64)>> {
    let rows = store::series_sums(tx, meter, period, MOST_SERIES + 1).await?;
    if rows.len() > usize::try_from(MOST_SERIES).unwrap_or(usize::MAX) {
        let detail = "There is too much to tell apart; ask for a shorter stretch.";
        return Err(Error::invalid_field("?from", "too_many_buckets", detail));
    }
    Ok(rows)
}

/// What one of those that usage can be told apart by used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// Its value; `None` for usage that has none.
    pub value: Option<String>,
    /// How much.
    pub quantity: Quantity,
    /// In how many events.
    pub events: i64,
}

/// What was used of a meter that adds up in a period of whole hours, told apart by each of these dimensions; the largest
/// share first.
///
/// # Errors
/// 422 when there is too much to tell apart.
pub async fn shares<const N: usize>(
    tx: &mut TenantTx,
    meter: &str,
    period: Period,
    by: [&str; N],
) -> Result<[Vec<Share>; N]> {
    let rows = series_sums(tx, meter, period).await?;
    let mut sums = [const { BTreeMap::<Option<String>, (i64, i64)>::new() }; N];
    for (dims, quantity, events) in rows {
        let dims: Map<String, Json> =
            serde_json::from_str(&dims).map_err(|error| StoreError::Failed(format!("dims: {error}")))?;
        for (sums, name) in sums.iter_mut().zip(by) {
            let value = dims.get(name).and_then(Json::as_str).map(str::to_owned);
            let sum = sums.entry(value).or_default();
            *sum = (sum.0.saturating_add(quantity), sum.1.saturating_add(events));
        }
    }
    Ok(sums.map(|sums| {
        let share = |(value, (units, events))| Share { value, quantity: Quantity::from_units(units), events };
        let mut shares: Vec<Share> = sums.into_iter().map(share).collect();
        shares.sort_by(|a, b| (b.quantity, &a.value).cmp(&(a.quantity, &b.value)));
        shares
    }))
}
