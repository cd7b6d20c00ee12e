//! `GET /v1/orgs/{org}/usage`.

use super::State;
use crate::usage::{self, EARLIEST, Step, Windows};
use axum::extract::State as From;
use insula_access::ReadUsage;
use insula_blueprint::Compiled;
use insula_kernel::{Error, Instant, Result, Scale, Span};
use insula_storage::Store;
use insula_web::{Failure, In, Json, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// How long a question waits for usage to be settled. After that it is answered with what is settled, and says as of when.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a meter counts: requests that were forwarded.
const UNIT: &str = "request";

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum WindowName {
    Hour,
    #[default]
    Day,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageQuery {
    /// The meter, by its name in the blueprint.
    #[schemars(required, with = "String")]
    meter: Option<String>,
    /// From when on; the whole window that this instant lies in is counted. If it isn't said, six days before the day
    /// of `to`.
    from: Option<Instant>,
    /// Until when; the whole window that ends at or after this instant is counted. If it isn't said, until now.
    to: Option<Instant>,
    /// The length of the windows of the calendar, in UTC, to add up; a day if it isn't said.
    #[serde(default)]
    window: WindowName,
}

impl UsageQuery {
    fn meter(&self, blueprint: &Compiled) -> Result<String> {
        let Some(name) = &self.meter else {
            return Err(Error::invalid_field("?meter", "missing", "Name the `meter` to read."));
        };
        if blueprint.meter_index(name).is_some() {
            return Ok(name.clone());
        }
        let known: Vec<_> = blueprint.meters().iter().map(|meter| format!("`{}`", meter.name)).collect();
        let detail = format!("There is no such meter. There are: {}.", known.join(", "));
        Err(Error::invalid_field("?meter", "unknown", detail))
    }

    fn windows(&self, now: Instant) -> Result<Windows> {
        let window = match self.window {
            WindowName::Hour => Step::Hour,
            WindowName::Day => Step::Day,
        };
        let to = self.to.unwrap_or(now);
        // Today and the six days before it.
        let from =
            self.from.unwrap_or_else(|| (to.floor(Span::from_days(1)) - Span::from_days(6)).max(EARLIEST));
        Windows::covering(from, to, window)
    }
}

/// What was used of a meter.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Usage {
    /// The meter.
    pub meter: String,
    /// What it counts.
    pub unit: &'static str,
    /// Everything acknowledged before this instant is included.
    pub as_of: Instant,
    /// The windows in the order of time, without gaps.
    pub buckets: Vec<UsageBucket>,
}

/// What was used in one window.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UsageBucket {
    /// The window's first instant.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
    /// By what it is told apart: nothing.
    pub group: BTreeMap<String, String>,
    /// How much, in the meter's unit: a decimal.
    pub value: String,
}

impl std::convert::From<usage::Bucket> for UsageBucket {
    fn from(bucket: usage::Bucket) -> Self {
        let usage::Bucket { start, end, quantity } = bucket;
        Self { start, end, group: BTreeMap::new(), value: quantity.display(Scale::WHOLE).to_string() }
    }
}

pub(super) async fn get_usage(
    From(state): From<State>,
    In(proof): In<ReadUsage>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Usage>, Failure> {
    let now = state.env.now();
    let meter = query.meter(&state.blueprint.load())?;
    let windows = query.windows(now)?;
    let settled = tokio::time::timeout(PATIENCE, state.settler.flush()).await;
    let as_of = if matches!(settled, Ok(Ok(()))) { now } else { state.settler.settled_until() };
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    let buckets = usage::buckets(&mut tx, &meter, windows).await?;
    let buckets = buckets.into_iter().map(UsageBucket::from).collect();
    Ok(Json(Usage { meter, unit: UNIT, as_of, buckets }))
}
