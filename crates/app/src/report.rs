//! `GET /v1/orgs/{org}/usage/report`: what was used in a period, what it cost, against the period before, and what that
//! suggests.
//!
//! What must always hold: every figure is a sum of the ledger's; what is one price times one quantity is exact, and
//! rounded once where it is shown as money. What is advised says on which figures it rests.

mod advice;
mod figures;

use crate::{cost::Cost, platform::Platform};
use advice::Recommendation;
use axum::extract::State as Extract;
use figures::{MeterReport, OperationCost};
use insula_access::{Authorized, ReadUsage};
use insula_blueprint::Compiled;
use insula_kernel::{Currency, Error, Instant, Period, Result, Scope as _, Span};
use insula_metering::usage::Step;
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, In, Json, Method, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

/// How long a report waits for usage to be settled.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many days one report covers at most: a quarter, and the days by which it is off.
const MOST_DAYS: i64 = 100;

pub(crate) fn api() -> Api<Platform> {
    let report = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/usage/report",
        "getUsageReport",
        "Usage",
        "What was used of every meter, what it cost, how that compares with the time before, and what it suggests",
    )
    .allows::<ReadUsage>()
    .query::<ReportQuery>()
    .replies::<UsageReport>(200);
    Api::default().with(report, get_usage_report)
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ReportQuery {
    /// From when on, the whole hour included; from the start of the billing period that `to` lies in if it isn't said.
    from: Option<Instant>,
    /// Until when, the whole hour included; until now if it isn't said.
    to: Option<Instant>,
    /// The currency of costs, by its ISO 4217 code; the one that most meters have a cost in if it isn't said.
    currency: Option<String>,
}

/// What was used in a period.
#[derive(Serialize, JsonSchema)]
struct UsageReport {
    /// Everything acknowledged before this instant is included.
    as_of: Instant,
    /// From when on the plan shows usage: nothing before it is in the figures, and `period` and `previous` begin with it at
    /// the earliest. Null where the plan shows all there is.
    retained_from: Option<Instant>,
    /// What is reported: whole hours.
    period: Stretch,
    /// What it is compared with: as long, right before it; shorter, or nothing, where the plan shows no more. Then no trend
    /// is said.
    previous: Stretch,
    /// The subscription's billing period that the end of the report lies in.
    billing_period: Stretch,
    /// The currency of costs; null where no meter has a cost.
    currency: Option<String>,
    /// What everything cost together; null where no meter has a cost in this currency. The exact costs are added up and
    /// rounded once.
    cost: Option<Cost>,
    /// Each meter, in the order of the blueprint.
    meters: Vec<MeterReport>,
    /// What each operation cost over all meters that add up, the dearest first; those without a cost last.
    operations: Vec<OperationCost>,
    /// What the figures suggest; nothing, if nothing stands out.
    recommendations: Vec<Recommendation>,
}

/// A half-open stretch of time.
#[derive(Clone, Copy, Serialize, JsonSchema)]
struct Stretch {
    /// The first instant.
    start: Instant,
    /// The first instant after it.
    end: Instant,
}

impl From<Period> for Stretch {
    fn from(Period { start, end }: Period) -> Self {
        Self { start, end }
    }
}

/// What is asked for.
struct Asked {
    /// When it is, in the organization's time.
    now: Instant,
    period: Period,
    previous: Period,
    /// Whether the time before is shown as a whole.
    is_comparable: bool,
    retained_from: Option<Instant>,
    billing: Period,
}

impl ReportQuery {
    fn asked(&self, platform: &Platform, proof: &Authorized<ReadUsage>, now: Instant) -> Result<Asked> {
        let out_of_range =
            |pointer, detail: String| Err(Error::invalid_field(pointer, "out_of_range", detail));
        let entitlement = platform.gate.entitlement(proof.organization());
        let entitlement =
            entitlement.ok_or_else(|| Error::internal("an organization has no subscription"))?;
        // What happened at this instant is in.
        let to = self.to.unwrap_or(now + Span::from_micros(1));
        let billing = entitlement.anchor.month_containing(to);
        let from = self.from.unwrap_or(billing.start);
        for (instant, pointer) in [(to, "?to"), (from, "?from")] {
            if instant < Instant::from_secs(0) || instant > now + Span::from_days(366) {
                return out_of_range(pointer, "Name a stretch from 1970 to a year from now.".to_owned());
            }
        }
        if from >= to {
            return out_of_range("?from", format!("`from` must be before `to`, which is {to}."));
        }
        let end = Step::Hour.containing(to - Span::from_micros(1)).end;
        let period = Period { start: Step::Hour.start(from), end };
        if period.length() > Span::from_days(MOST_DAYS) {
            return out_of_range("?from", format!("A report covers at most {MOST_DAYS} days."));
        }
        let retained_from = entitlement.retained_from(now);
        let shown = |period: Period| match retained_from {
            Some(from) => Period { start: period.start.max(from), end: period.end.max(from) },
            None => period,
        };
        let whole = Period { start: period.start - period.length(), end: period.start };
        let (period, previous) = (shown(period), shown(whole));
        Ok(Asked { now, period, previous, is_comparable: previous == whole, retained_from, billing })
    }

    fn currency(&self, blueprint: &Compiled) -> Result<Option<Currency>> {
        let Some(code) = &self.currency else {
            let mut named: BTreeMap<Currency, usize> = BTreeMap::new();
            let all = blueprint.meters().iter().flat_map(|meter| &meter.cost);
            all.for_each(|(currency, _)| *named.entry(*currency).or_default() += 1);
            return Ok(named
                .into_iter()
                .max_by_key(|(code, times)| (*times, Reverse(*code)))
                .map(|(currency, _)| currency));
        };
        let detail = "Name a currency by its ISO 4217 code, such as USD.";
        let unknown = || Error::invalid_field("?currency", "unknown", detail);
        Currency::from_code(code).ok_or_else(unknown).map(Some)
    }
}

async fn get_usage_report(
    Extract(platform): Extract<Platform>,
    In(proof): In<ReadUsage>,
    Query(query): Query<ReportQuery>,
) -> Result<Json<UsageReport>, Failure> {
    let ahead = platform.gate.clock_of(proof.organization());
    let now = platform.env.now() + ahead;
    let blueprint = platform.blueprint.load_full();
    let asked = query.asked(&platform, &proof, now)?;
    let currency = query.currency(&blueprint)?;
    let settled = tokio::time::timeout(PATIENCE, platform.settler.flush()).await;
    let as_of = if matches!(settled, Ok(Ok(()))) { now } else { platform.settler.settled_until() + ahead };
    let mut tx = platform.storage.read(Store::Ledger, &proof).await?;
    let figures = figures::collect(&mut tx, &blueprint, &asked, currency).await?;
    let mut recommendations = advice::on_limits(&platform, &mut tx, &blueprint, &proof, &asked).await?;
    recommendations.extend(advice::on_costs(&figures));
    recommendations.extend(advice::on_keys(&platform, tx, &blueprint, &proof, platform.env.now()).await?);
    let figures::Figures { meters, operations, cost } = figures;
    Ok(Json(UsageReport {
        as_of,
        retained_from: asked.retained_from,
        period: asked.period.into(),
        previous: asked.previous.into(),
        billing_period: asked.billing.into(),
        currency: currency.map(|currency| currency.code().to_owned()),
        cost,
        meters,
        operations,
        recommendations,
    }))
}
