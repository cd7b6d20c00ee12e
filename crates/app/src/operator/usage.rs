//! What all organizations used together.

use super::{TAG, adds_up};
use crate::platform::Platform;
use axum::extract::State as Extract;
use insula_access::ReadUsageOfAll;
use insula_blueprint::{Compiled, Meter};
use insula_kernel::{Error, Instant, OrgId, PageRequest, Quantity, Result, Span};
use insula_metering::usage::{self, Step, Windows};
use insula_rating::Anchor;
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) fn api() -> Api<Platform> {
    let all = endpoint!(Get "usage" "getUsageOfAll" "What all organizations used of a meter, and which of them most" needs ReadUsageOfAll)
        .query::<UsageOfAllQuery>()
        .replies::<UsageOfAll>(200);
    Api::default().with(all, get_usage_of_all)
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Window {
    Minute,
    Hour,
    #[default]
    Day,
    Month,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum GroupBy {
    Org,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UsageOfAllQuery {
    /// The meter, by its name in the blueprint; one whose quantities add up.
    #[schemars(required, with = "String")]
    meter: Option<String>,
    /// From when on; the whole window that this instant lies in is counted. If it isn't said, six days before the day
    /// of `to`; of minutes an hour, of months 62 days before `to`.
    from: Option<Instant>,
    /// Until when; the whole window that ends at or after this instant is counted. If it isn't said, until now.
    to: Option<Instant>,
    /// The windows to add up, in UTC: minutes, hours, days or months of the calendar. A day if it isn't said.
    #[serde(default)]
    window: Window,
    /// `org`: also which organizations used most in all of the windows together.
    group_by: Option<GroupBy>,
    /// How many organizations at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
}

impl UsageOfAllQuery {
    fn meter<'b>(&self, blueprint: &'b Compiled) -> Result<&'b Meter> {
        let Some(name) = &self.meter else {
            return Err(Error::invalid_field("?meter", "missing", "Name the `meter` to read."));
        };
        let meter = blueprint.meter_index(name).and_then(|index| blueprint.meter(index));
        let meter = meter.ok_or_else(|| {
            let known: Vec<_> = blueprint.meters().iter().map(|meter| format!("`{}`", meter.name)).collect();
            let detail = format!("There is no such meter. There are: {}.", known.join(", "));
            Error::invalid_field("?meter", "unknown", detail)
        })?;
        if adds_up(meter) {
            return Ok(meter);
        }
        let detail = "What several organizations used of this meter doesn't add up.";
        Err(Error::invalid_field("?meter", "unsupported", detail))
    }

    fn windows(&self, now: Instant) -> Result<Windows> {
        let to = self.to.unwrap_or(now);
        let beginning = Instant::from_secs(0);
        let usual = match self.window {
            Window::Minute => to - Span::from_hours(1),
            Window::Hour | Window::Day => to.floor(Span::from_days(1)) - Span::from_days(6),
            Window::Month => to - Span::from_days(62),
        };
        let from = self.from.unwrap_or_else(|| usual.max(beginning));
        match self.window {
            Window::Minute => Windows::covering(from, to, Step::Minute),
            Window::Hour => Windows::covering(from, to, Step::Hour),
            Window::Day => Windows::covering(from, to, Step::Day),
            Window::Month => Windows::months(&Anchor::utc(beginning), from, to),
        }
    }
}

/// What was used of a meter by all organizations.
#[derive(Serialize, JsonSchema)]
struct UsageOfAll {
    /// The meter.
    meter: String,
    /// What one of it is called.
    unit: String,
    /// Everything acknowledged before this instant is included.
    as_of: Instant,
    /// The windows in the order of time, without gaps.
    buckets: Vec<BucketOfAll>,
    /// The organizations that used most, the first of them first, where `group_by` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    organizations: Option<Vec<OrganizationShare>>,
}

/// What was used in one window.
#[derive(Serialize, JsonSchema)]
struct BucketOfAll {
    /// The window's first instant.
    start: Instant,
    /// The first instant after it.
    end: Instant,
    /// How much, in the meter's unit: a decimal.
    value: String,
}

/// What one organization used.
#[derive(Serialize, JsonSchema)]
struct OrganizationShare {
    /// The organization.
    org: OrgId,
    /// What people call it.
    name: String,
    /// What addresses call it.
    slug: String,
    /// How much, in the meter's unit: a decimal.
    value: String,
}

async fn get_usage_of_all(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadUsageOfAll>,
    Query(query): Query<UsageOfAllQuery>,
) -> Result<Json<UsageOfAll>, Failure> {
    let blueprint = platform.blueprint.load_full();
    let meter = query.meter(&blueprint)?;
    let as_of = platform.env.now();
    let windows = query.windows(as_of)?;
    let limit = PageRequest::new(query.limit, None)?.limit;
    platform.settler.flush().await?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let value = |quantity: Quantity| quantity.display(meter.scale).to_string();
    let buckets = usage::of_all(&mut tx, &proof, &meter.name, &windows).await?;
    let most = match query.group_by {
        Some(GroupBy::Org) => {
            Some(usage::most(&mut tx, &proof, &meter.name, &windows, limit as usize).await?)
        }
        None => None,
    };
    drop(tx);
    let organizations = match most {
        Some(most) => {
            let mut tx = platform.storage.platform_read(Store::Directory, &proof).await?;
            let mut shares = Vec::new();
            for (org, quantity) in most {
                if let Some(found) = insula_tenancy::find(&mut tx, org).await? {
                    let (name, slug) = (found.name, found.slug);
                    shares.push(OrganizationShare { org, name, slug, value: value(quantity) });
                }
            }
            Some(shares)
        }
        None => None,
    };
    let bucket = |usage::Bucket { start, end, quantity }| BucketOfAll { start, end, value: value(quantity) };
    Ok(Json(UsageOfAll {
        meter: meter.name.clone(),
        unit: meter.unit.clone(),
        as_of,
        buckets: buckets.into_iter().map(bucket).collect(),
        organizations,
    }))
}
