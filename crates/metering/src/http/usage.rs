//! `GET /v1/orgs/{org}/usage`.

use super::State;
use crate::usage::{self, EARLIEST, Grouping, Step, Together, Windows};
use axum::extract::State as From;
use insula_access::ReadUsage;
use insula_blueprint::{Aggregate, Compiled, Meter};
use insula_kernel::{Error, Instant, KeyId, Quantity, Result, Scope as _, Span};
use insula_rating::Anchor;
use insula_storage::Store;
use insula_web::{Failure, In, Json, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// How long a question waits for usage to be settled. After that it is answered with what is settled, and says as of when.
const PATIENCE: Duration = Duration::from_secs(2);
/// The dimensions by which usage of every meter can be told apart.
const DIMENSIONS: [&str; 6] = ["project", "team", "key", "user", "operation", "environment"];
/// How many dimensions one question may tell apart.
const MOST_GROUPS: usize = 3;

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum WindowName {
    Minute,
    Hour,
    #[default]
    Day,
    Month,
    Period,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageQuery {
    /// The meter, by its name in the blueprint.
    #[schemars(required, with = "String")]
    meter: Option<String>,
    /// From when on; the whole window that this instant lies in is counted. If it isn't said, six days before the day
    /// of `to`; of minutes an hour, of months and billing periods 62 days before `to`.
    from: Option<Instant>,
    /// Until when; the whole window that ends at or after this instant is counted. If it isn't said, until now.
    to: Option<Instant>,
    /// The windows to add up, in UTC: minutes, hours, days or months of the calendar, or billing periods. A day if it isn't
    /// said. Usage is kept by the hour: where billing periods meet within one, it counts for the later.
    #[serde(default)]
    window: WindowName,
    /// By what to tell usage apart, up to three with commas between them: `project`, `team`, `key`, `user`, `operation`,
    /// `environment`, or a property that the meter's `group_by` names. Windows and groups without usage are left out then.
    group_by: Option<String>,
    /// Only usage of this project.
    project: Option<String>,
    /// Only usage of this API key, by its public part.
    key: Option<String>,
    /// Only usage of this person.
    user: Option<String>,
    /// Only usage of this operation: a route, or the type of a reported event.
    operation: Option<String>,
    /// Only usage of this environment.
    environment: Option<String>,
    /// Only usage with this property: `name:value`.
    property: Option<String>,
}

impl UsageQuery {
    /// By what usage is told apart, and which of it is asked for.
    fn grouping(&self, blueprint: &Compiled, meter: &Meter) -> Result<Grouping> {
        let own: Vec<String> = meter.group_by.iter().map(ToString::to_string).collect();
        let check = |name: &str, pointer: &'static str| {
            if DIMENSIONS.contains(&name) || own.iter().any(|own| own == name) {
                return Ok(name.to_owned());
            }
            let known: Vec<_> = DIMENSIONS.into_iter().chain(own.iter().map(String::as_str)).collect();
            let detail = format!("Usage isn't told apart by `{name}`. There are: {}.", known.join(", "));
            Err(Error::invalid_field(pointer, "unknown", detail))
        };
        let asked = self.group_by.as_deref().into_iter().flat_map(|names| names.split(','));
        let by = asked.map(|name| check(name.trim(), "?group_by")).collect::<Result<Vec<_>>>()?;
        if by.len() > MOST_GROUPS {
            let detail = format!("Usage can be told apart by {MOST_GROUPS} at a time.");
            return Err(Error::invalid_field("?group_by", "length", detail));
        }
        let named = [
            ("project", &self.project),
            ("user", &self.user),
            ("operation", &self.operation),
            ("environment", &self.environment),
        ];
        let mut filter: Vec<(String, String)> =
            named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        if let Some(text) = &self.key {
            let digits =
                text.strip_prefix(&blueprint.product().key_prefix).and_then(|rest| rest.strip_prefix('_'));
            let id = digits.and_then(|digits| KeyId::from_digits(digits.as_bytes()));
            let id = id
                .ok_or_else(|| Error::invalid_field("?key", "unknown", "This is no public part of a key."))?;
            filter.push(("key".to_owned(), id.to_string()));
        }
        if let Some(property) = &self.property {
            let (name, value) = property.split_once(':').ok_or_else(|| {
                Error::invalid_field("?property", "syntax", "Write a property as `name:value`.")
            })?;
            filter.push((check(name, "?property")?, value.to_owned()));
        }
        if meter.aggregate == Aggregate::Unique && !(by.is_empty() && filter.is_empty()) {
            let detail = "Different values of several groups don't add up, so this meter isn't told apart.";
            return Err(Error::invalid_field("?group_by", "unsupported", detail));
        }
        Ok(Grouping { by, filter })
    }

    fn meter<'b>(&self, blueprint: &'b Compiled) -> Result<&'b Meter> {
        let Some(name) = &self.meter else {
            return Err(Error::invalid_field("?meter", "missing", "Name the `meter` to read."));
        };
        if let Some(meter) = blueprint.meter_index(name).and_then(|index| blueprint.meter(index)) {
            return Ok(meter);
        }
        let known: Vec<_> = blueprint.meters().iter().map(|meter| format!("`{}`", meter.name)).collect();
        let detail = format!("There is no such meter. There are: {}.", known.join(", "));
        Err(Error::invalid_field("?meter", "unknown", detail))
    }

    /// What is asked for; `billing` is where the organization's billing periods begin.
    fn windows(&self, now: Instant, billing: Option<&Anchor>) -> Result<Windows> {
        let to = self.to.unwrap_or(now);
        // Today and the six days before it; of minutes, the last hour; of months, the current one and the two before it.
        let usual = match self.window {
            WindowName::Minute => to - Span::from_hours(1),
            WindowName::Hour | WindowName::Day => to.floor(Span::from_days(1)) - Span::from_days(6),
            WindowName::Month | WindowName::Period => to - Span::from_days(62),
        };
        let from = self.from.unwrap_or_else(|| usual.max(EARLIEST));
        match (self.window, billing) {
            (WindowName::Minute, _) => Windows::covering(from, to, Step::Minute),
            (WindowName::Hour, _) => Windows::covering(from, to, Step::Hour),
            (WindowName::Day, _) => Windows::covering(from, to, Step::Day),
            (WindowName::Period, Some(anchor)) => Windows::months(anchor, from, to),
            (WindowName::Month | WindowName::Period, _) => Windows::months(&Anchor::utc(EARLIEST), from, to),
        }
    }
}

/// What was used of a meter.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Usage {
    /// The meter.
    pub meter: String,
    /// What one of it is called.
    pub unit: String,
    /// Everything acknowledged before this instant is included.
    pub as_of: Instant,
    /// From when on the plan shows usage: windows before it are left out, and one that it lies in begins with it. Null
    /// where the plan shows all there is.
    pub retained_from: Option<Instant>,
    /// The windows in the order of time; without gaps where nothing is told apart.
    pub buckets: Vec<UsageBucket>,
}

/// What was used in one window.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UsageBucket {
    /// The window's first instant.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
    /// By what it is told apart; what the usage doesn't have is left out.
    pub group: BTreeMap<String, String>,
    /// How much, in the meter's unit: a decimal.
    pub value: String,
}

pub(super) async fn get_usage(
    From(state): From<State>,
    In(proof): In<ReadUsage>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Usage>, Failure> {
    let ahead = state.limits.ahead(proof.organization());
    let now = state.env.now() + ahead;
    let blueprint = state.blueprint.load_full();
    let meter = query.meter(&blueprint)?;
    let billing = state.limits.anchor(proof.organization());
    let (windows, grouping) = (query.windows(now, billing.as_ref())?, query.grouping(&blueprint, meter)?);
    let settled = tokio::time::timeout(PATIENCE, state.settler.flush()).await;
    let as_of = if matches!(settled, Ok(Ok(()))) { now } else { state.settler.settled_until() + ahead };
    let retained_from = state.limits.retained_from(proof.organization(), now);
    let (meter_name, unit) = (meter.name.clone(), meter.unit.clone());
    let usage = |buckets| Json(Usage { meter: meter_name, unit, as_of, retained_from, buckets });
    let Some(windows) = windows.since(retained_from.unwrap_or(EARLIEST)) else {
        return Ok(usage(Vec::new()));
    };
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    let value = |quantity: Quantity| quantity.display(meter.scale).to_string();
    let buckets = if grouping.is_plain() {
        let plain = |usage::Bucket { start, end, quantity }| UsageBucket {
            start,
            end,
            group: BTreeMap::new(),
            value: value(quantity),
        };
        usage::buckets(&mut tx, &meter.name, &windows).await?.into_iter().map(plain).collect()
    } else {
        let together = match meter.aggregate {
            Aggregate::Max => Together::Max,
            Aggregate::Last => Together::Last,
            Aggregate::Count | Aggregate::Sum | Aggregate::Unique => Together::Add,
        };
        let told = usage::grouped(&mut tx, &meter.name, together, &windows, &grouping).await?;
        let prefix = &blueprint.product().key_prefix;
        let bucket = |usage::GroupedBucket { start, end, mut group, quantity }| {
            if let Some(key) = group.get_mut("key")
                && let Ok(id) = key.parse::<KeyId>()
            {
                *key = format!("{prefix}_{}", id.digits());
            }
            UsageBucket { start, end, group, value: value(quantity) }
        };
        told.into_iter().map(bucket).collect()
    };
    Ok(usage(buckets))
}
