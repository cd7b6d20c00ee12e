//! Questions about what was used.
//!
//! The answers come from roll-ups, so they cover what is settled: who needs what was acknowledged a moment ago flushes
//! the [settler](crate::SettlerHandle::flush) first.

pub mod billed;
mod everyone;
mod explain;
mod grouped;
mod report;
mod restore;
mod step;
mod windows;

pub use everyone::{most, of_all};
pub use explain::{Crossing, EventRecord, TakenHold, crossings, event, hold};
pub use grouped::{GroupedBucket, Grouping, Together, grouped};
pub use report::{Share, busiest, shares, total};
pub use restore::{
    ActiveHold, CurrentUsage, HOLDS_KEPT, Scope, ScopedUsage, Subject, Wanted, active_holds, current,
    forget_holds, scoped, totals,
};
pub use step::Step;
pub(crate) use step::{exact, pieces};
pub(crate) use windows::{EARLIEST, LATEST};
pub use windows::{MAX_BUCKETS, Windows};

use crate::store;
use insula_kernel::{Instant, KeyId, OrgId, Period, Quantity};
use insula_storage::{PlatformTx, StoreResult, TenantTx};
use std::collections::HashMap;

/// What was used in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// The window's first instant.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
    /// How much.
    pub quantity: Quantity,
}

/// What the organization used of a meter in each of these windows, those without usage included.
pub async fn buckets(tx: &mut TenantTx, meter: &str, windows: &Windows) -> StoreResult<Vec<Bucket>> {
    let Period { start, end } = windows.steps();
    let mut sums: HashMap<Period, store::Sum> = HashMap::new();
    for (start, sum) in store::rollups(tx, meter, windows.step, start, end).await? {
        if let Some(window) = windows.of_step(start) {
            sums.entry(window).and_modify(|known| *known = known.then(sum)).or_insert(sum);
        }
    }
    if windows.are_composed() {
        for (window, sum) in sums.iter_mut().filter(|(_, sum)| sum.counts_values()) {
            // A value that came in several steps counts once.
            let steps = windows.steps_of(*window);
            sum.quantity = store::values(tx, meter, windows.step, steps).await?;
        }
    }
    let bucket = |window: Period| Bucket {
        start: window.start,
        end: window.end,
        quantity: sums.get(&window).map(|sum| sum.quantity).unwrap_or_default(),
    };
    Ok(windows.iter().map(bucket).collect())
}

/// When each key of the organization was last used, of those with ids from `first` to `last`; a key that never was is left
/// out.
pub async fn last_use(tx: &mut TenantTx, first: KeyId, last: KeyId) -> StoreResult<HashMap<KeyId, Instant>> {
    Ok(store::key_uses(tx, first, last).await?.into_iter().collect())
}

/// What each of these organizations used of a meter on the day that its instant lies in; those that used nothing are left
/// out.
pub async fn today(
    tx: &mut PlatformTx,
    orgs: &[(OrgId, Instant)],
    meter: &str,
) -> StoreResult<HashMap<OrgId, Quantity>> {
    let days = orgs.iter().map(|&(org, now)| (org, Step::Day.start(now)));
    Ok(store::of_day(tx, days, meter).await?.into_iter().collect())
}
