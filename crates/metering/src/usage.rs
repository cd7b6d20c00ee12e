//! Questions about what was used.
//!
//! The answers come from roll-ups, so they cover what is settled: who needs what was acknowledged a moment ago flushes
//! the [settler](crate::SettlerHandle::flush) first.

pub mod billed;
mod explain;
mod grouped;
mod restore;
mod step;

pub use explain::{Crossing, EventRecord, crossings, event};
pub use grouped::{GroupedBucket, Grouping, Together, grouped};
pub use restore::{
    ActiveHold, CurrentUsage, Scope, ScopedUsage, Subject, Wanted, active_holds, current, scoped, totals,
};
pub use step::{Period, Step};

use crate::store;
use insula_kernel::{Error, Instant, KeyId, OrgId, Quantity, Result};
use insula_storage::{PlatformTx, StoreResult, TenantTx};
use std::collections::HashMap;

/// Windows that one question may cover at most.
pub const MAX_BUCKETS: i64 = 1_000;

/// Usage can be asked for the years 1970 to 2999.
pub(crate) const EARLIEST: Instant = Instant::from_secs(0);
const LATEST: Instant = Instant::from_secs(32_503_680_000);

/// Whole windows, one after the other, at least one and at most [`MAX_BUCKETS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Windows {
    step: Step,
    first: Instant,
    end: Instant,
}

impl Windows {
    /// The windows that have a part in the half-open stretch from `from` to `to`.
    ///
    /// # Errors
    /// 422, pointing at `?from` or `?to`, when there are none or too many of them.
    pub fn covering(from: Instant, to: Instant, step: Step) -> Result<Self> {
        for (instant, pointer) in [(to, "?to"), (from, "?from")] {
            if !(EARLIEST..LATEST).contains(&instant) {
                let detail = format!("Usage can be asked for from {EARLIEST} to {LATEST}.");
                return Err(Error::invalid_field(pointer, "out_of_range", detail));
            }
        }
        if from >= to {
            let detail = format!("The stretch from {from} to {to} is empty: `from` must be before `to`.");
            return Err(Error::invalid_field("?from", "out_of_range", detail));
        }
        let span = step.span().as_micros();
        let first = from.floor(step.span());
        let last = Instant::from_micros(to.as_micros() - 1).floor(step.span());
        let windows = Self { step, first, end: last + step.span() };
        let count = (windows.end.as_micros() - first.as_micros()) / span;
        if count > MAX_BUCKETS {
            let name = step.name();
            let detail =
                format!("By the {name}, that is {count} values; at most {MAX_BUCKETS} can be asked for.");
            return Err(Error::invalid_field("?from", "too_many_buckets", detail));
        }
        Ok(windows)
    }

    fn starts(self) -> impl Iterator<Item = Instant> {
        std::iter::successors(Some(self.first), move |start| Some(*start + self.step.span()))
            .take_while(move |start| *start < self.end)
    }
}

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
pub async fn buckets(tx: &mut TenantTx, meter: &str, windows: Windows) -> StoreResult<Vec<Bucket>> {
    let rollups = store::rollups(tx, meter, windows.step, windows.first, windows.end).await?;
    let used: HashMap<Instant, Quantity> = rollups.into_iter().collect();
    let bucket = |start| Bucket {
        start,
        end: start + windows.step.span(),
        quantity: used.get(&start).copied().unwrap_or_default(),
    };
    Ok(windows.starts().map(bucket).collect())
}

/// When each key of the organization was last used; a key that never was is left out.
pub async fn last_use(tx: &mut TenantTx) -> StoreResult<HashMap<KeyId, Instant>> {
    Ok(store::key_uses(tx).await?.into_iter().collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn error(from: &str, to: &str, step: Step) -> (String, &'static str) {
        let error = Windows::covering(at(from), at(to), step).unwrap_err();
        (error.fields()[0].pointer.clone(), error.fields()[0].code)
    }

    #[test]
    fn windows_cover_the_stretch_and_no_more() {
        let starts = |from, to, step| {
            let windows = Windows::covering(at(from), at(to), step).unwrap();
            windows.starts().map(|start| start.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            starts("2026-03-01T10:30:00Z", "2026-03-01T12:00:00Z", Step::Hour),
            ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"]
        );
        assert_eq!(
            starts("2026-02-28T23:59:59Z", "2026-03-01T00:00:00.000001Z", Step::Day),
            ["2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"]
        );
    }

    #[test]
    fn too_many_windows_or_none_are_refused() {
        let (hour, day) = (Step::Hour, Step::Day);
        let day_0 = "2026-01-01T00:00:00Z";
        assert_eq!(error(day_0, day_0, day), ("?from".into(), "out_of_range"));
        assert_eq!(error(day_0, "2026-02-11T17:00:00Z", hour), ("?from".into(), "too_many_buckets"));
        assert!(Windows::covering(at(day_0), at("2026-02-11T16:00:00Z"), hour).is_ok());
        assert_eq!(error("1969-12-31T23:59:59Z", day_0, day), ("?from".into(), "out_of_range"));
        assert_eq!(error(day_0, "3000-01-01T00:00:00Z", day), ("?to".into(), "out_of_range"));
    }
}
