//! Usage told apart by who and what: from the series of each hour.

use super::{Step, Windows};
use crate::store;
use insula_kernel::{Error, Instant, Period, Quantity, Result};
use insula_storage::{StoreError, TenantTx};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, HashMap};

/// How many sums of series one question may read.
const MOST_SERIES: u32 = 200_000;
/// How many sums one answer may have.
const MOST_BUCKETS: usize = 10_000;

/// How the quantities of several series and hours go together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Together {
    /// They add up.
    Add,
    /// The greatest counts.
    Max,
    /// The latest counts.
    Last,
}

/// By what usage is told apart, and which of it is asked for.
#[derive(Clone, Debug, Default)]
pub struct Grouping {
    /// The names of dimensions: `project`, `team`, `key`, `user`, `operation`, `environment`, and the properties by which
    /// the blueprint tells usage apart.
    pub by: Vec<String>,
    /// Dimensions that must have these values.
    pub filter: Vec<(String, String)>,
}

/// What was used in one window by one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupedBucket {
    /// The window's first instant.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
    /// The value of each dimension; one that the usage doesn't have is left out.
    pub group: BTreeMap<String, String>,
    /// How much.
    pub quantity: Quantity,
}

/// A sum in the making: how much, and when the latest of it was.
type Sum = (i64, Instant);

/// What the organization used of a meter in these windows, told apart by group; windows and groups without usage are
/// left out.
///
/// # Errors
/// 422 when the windows are shorter than an hour, or when there is too much to tell apart.
pub async fn grouped(
    tx: &mut TenantTx,
    meter: &str,
    together: Together,
    windows: &Windows,
    grouping: &Grouping,
) -> Result<Vec<GroupedBucket>> {
    if windows.step == Step::Minute {
        let detail = "Usage is told apart by the hour: ask for windows of an hour or a day.";
        return Err(Error::invalid_field("?window", "out_of_range", detail));
    }
    let Period { start, end } = windows.steps();
    let rows = store::series(tx, meter, start, end, MOST_SERIES + 1).await?;
    let too_many = || {
        let detail = "There is too much to tell apart; ask for a shorter stretch, or filter.";
        Error::invalid_field("?from", "too_many_buckets", detail)
    };
    if rows.len() > usize::try_from(MOST_SERIES).unwrap_or(usize::MAX) {
        return Err(too_many());
    }
    let mut groups: HashMap<String, Option<BTreeMap<String, String>>> = HashMap::new();
    let mut sums: BTreeMap<(Period, BTreeMap<String, String>), Sum> = BTreeMap::new();
    for (start, dims, quantity, last_at) in rows {
        if !groups.contains_key(&dims) {
            groups.insert(dims.clone(), grouping.group(&dims)?);
        }
        let Some(Some(group)) = groups.get(&dims) else { continue };
        let Some(window) = windows.of_step(start) else { continue };
        let place = (window, group.clone());
        let sum =
            sums.get(&place).map_or((quantity, last_at), |known| together.fold(*known, (quantity, last_at)));
        sums.insert(place, sum);
        if sums.len() > MOST_BUCKETS {
            return Err(too_many());
        }
    }
    let bucket =
        |((window, group), (quantity, _)): ((Period, BTreeMap<String, String>), Sum)| GroupedBucket {
            start: window.start,
            end: window.end,
            group,
            quantity: Quantity::from_units(quantity),
        };
    Ok(sums.into_iter().map(bucket).collect())
}

impl Together {
    fn fold(self, known: Sum, other: Sum) -> Sum {
        match self {
            Self::Add => (known.0.saturating_add(other.0), known.1.max(other.1)),
            Self::Max => (known.0.max(other.0), known.1.max(other.1)),
            Self::Last if other.1 >= known.1 => other,
            Self::Last => known,
        }
    }
}

impl Grouping {
    /// Whether nothing is told apart.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.by.is_empty() && self.filter.is_empty()
    }

    /// The group of a series; `None` if it isn't asked for.
    fn group(&self, dims: &str) -> Result<Option<BTreeMap<String, String>>> {
        let dims: Map<String, Json> =
            serde_json::from_str(dims).map_err(|error| StoreError::Failed(format!("dims: {error}")))?;
        let value = |name: &str| dims.get(name).and_then(Json::as_str);
        if !self.filter.iter().all(|(name, wanted)| value(name) == Some(wanted)) {
            return Ok(None);
        }
        let of = |name: &String| Some((name.clone(), value(name)?.to_owned()));
        Ok(Some(self.by.iter().filter_map(of).collect()))
    }
}
