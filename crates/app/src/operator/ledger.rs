//! Whether what was charged is what was admitted, and how far settlement is.

use super::TAG;
use crate::platform::Platform;
use axum::extract::State as Extract;
use insula_access::{CheckLedger, ReadHealth};
use insula_billing::books::{self, Difference};
use insula_gateway::TargetHealth;
use insula_kernel::{Error, Instant, InvoiceId, OrgId, Period, Result, Span};
use insula_metering::{
    archive::{self, Places},
    reconcile::{self, Discrepancy, Figure, Part},
    usage::Step,
};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many days one check covers at most.
const MOST_DAYS: i64 = 400;

pub(super) fn api() -> Api<Platform> {
    let check = Endpoint::new(
        Method::Get,
        "/v1/operator/ledger/check",
        "checkLedger",
        TAG,
        "Compute every sum and invoice of some days once more from its events, and say which differ",
    )
    .allows_operator::<CheckLedger>()
    .query::<CheckQuery>()
    .replies::<Checked>(200);
    let health = Endpoint::new(
        Method::Get,
        "/v1/operator/health",
        "getPlatformHealth",
        TAG,
        "How far settlement is, what the continuous check of the ledger has found, and how upstreams do",
    )
    .allows_operator::<ReadHealth>()
    .replies::<PlatformHealth>(200);
    let archive = Endpoint::new(
        Method::Get,
        "/v1/operator/ledger/archive",
        "getArchive",
        TAG,
        "How many events are at hand, and how many stand in the archive",
    )
    .allows_operator::<ReadHealth>()
    .replies::<Archive>(200);
    Api::default().with(check, check_ledger).with(health, get_health).with(archive, get_archive)
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct CheckQuery {
    /// The first day is the one this instant lies in; yesterday if it isn't said.
    from: Option<Instant>,
    /// The last day is the one this instant lies in; today if it isn't said.
    to: Option<Instant>,
}

/// What a check has come to.
#[derive(Serialize, JsonSchema)]
struct Checked {
    /// The start of the first day that was checked.
    from: Instant,
    /// The end of the last.
    to: Instant,
    /// The sums that aren't those of their events; none if all is well.
    discrepancies: Vec<WrongSum>,
    /// How many final invoices and statements have usage of these days.
    invoices: u64,
    /// Where such an invoice isn't that of its events; none if all is well.
    differences: Vec<WrongInvoice>,
}

/// Where an invoice isn't that of its events.
#[derive(Serialize, JsonSchema)]
struct WrongInvoice {
    org: OrgId,
    invoice: InvoiceId,
    meter: String,
    /// A line's events aren't those it names, events stand on no line, or events stand on several.
    #[schemars(extend("enum" = ["line", "missing", "twice"]))]
    fault: &'static str,
    /// How many events the line names.
    billed: i64,
    /// How many there are.
    found: i64,
}

impl From<Difference> for WrongInvoice {
    fn from(wrong: Difference) -> Self {
        let Difference { org, invoice, meter, fault, billed, found } = wrong;
        Self { org, invoice, meter, fault: fault.name(), billed, found }
    }
}

/// A sum that isn't that of its events.
#[derive(Serialize, JsonSchema)]
struct WrongSum {
    org: OrgId,
    meter: String,
    /// Which sum: of a window of this length, or of the series of an hour.
    #[schemars(extend("enum" = ["minute", "hour", "day", "series"]))]
    part: &'static str,
    /// The start of its window.
    start: Instant,
    /// What the events come to.
    expected: Come,
    /// What stands in the ledger.
    found: Come,
}

/// What some events come to.
#[derive(Serialize, JsonSchema)]
struct Come {
    /// How much, in the meter's smallest units.
    quantity: i64,
    /// How many events.
    events: i64,
    /// A digest of which.
    digest: i64,
}

/// Where the events of all organizations are. All of them count, and can be asked for, alike.
#[derive(Serialize, JsonSchema)]
struct Archive {
    /// Events that have a row of their own.
    events: i64,
    /// Events that stand in packs: they are older than their organization's plan shows, or than a year, and what they are
    /// charged is final.
    archived_events: i64,
    /// How many packs there are.
    packs: i64,
    /// How many bytes the packs take.
    bytes: i64,
}

/// How far settlement is.
#[derive(Serialize, JsonSchema)]
struct PlatformHealth {
    /// Everything acknowledged before this instant is in the ledger.
    settled_until: Instant,
    /// How far that lies back, in microseconds.
    lag_us: i64,
    /// Requests let through since the start.
    admissions: u64,
    /// Of those, how many haven't ended.
    in_flight: u64,
    /// What is held at this moment, over all limits.
    holds: u64,
    /// Events that were settled since the start.
    events: u64,
    /// Of those that were told, how many were known.
    duplicates: u64,
    /// Requests charged as reserved because their process ended first.
    recovered: u64,
    /// Requests that cost nothing because they reached no upstream.
    released: u64,
    /// Events that were read and aren't in the ledger yet.
    pending: u64,
    /// Places of the log that can't be read.
    damaged: u64,
    /// Organizations' days whose sums were compared with their events.
    days_checked: u64,
    /// The events of those days.
    events_checked: u64,
    /// Sums that weren't those of their events. Above zero, somebody has to look.
    mismatches: u64,
    /// When the last comparison was.
    checked_at: Instant,
    /// How the targets of upstreams do that are probed.
    upstreams: Vec<UpstreamTarget>,
}

/// How a target of an upstream does.
#[derive(Serialize, JsonSchema)]
struct UpstreamTarget {
    /// The upstream.
    upstream: String,
    /// Where the target listens.
    target: String,
    /// Whether requests go there.
    healthy: bool,
    /// When it became so; null where it wasn't asked yet.
    since: Option<Instant>,
    /// How often it was asked since the start.
    probes: u64,
    /// Why the last probe failed; null where it didn't.
    reason: Option<String>,
}

impl From<TargetHealth> for UpstreamTarget {
    fn from(health: TargetHealth) -> Self {
        let TargetHealth { upstream, target, healthy, since, probes, reason } = health;
        Self { upstream, target, healthy, since, probes, reason }
    }
}

impl From<Figure> for Come {
    fn from(Figure { quantity, events, digest }: Figure) -> Self {
        Self { quantity, events, digest }
    }
}

impl From<Discrepancy> for WrongSum {
    fn from(wrong: Discrepancy) -> Self {
        let Discrepancy { org, meter, part, expected, found, .. } = wrong;
        let (part, start) = match part {
            Part::Window(step, start) => (step.name(), start),
            Part::Series(start) => ("series", start),
        };
        Self { org, meter, part, start, expected: expected.into(), found: found.into() }
    }
}

impl CheckQuery {
    fn period(&self, now: Instant) -> Result<Period> {
        let to = self.to.unwrap_or(now);
        let from = self.from.unwrap_or(to - Span::from_days(1));
        let period = Step::Day.containing(from);
        let period = Period { end: Step::Day.containing(to).end, ..period };
        let days = period.length().as_micros() / Span::from_days(1).as_micros();
        if from > to || days > MOST_DAYS {
            let detail = format!("Name a stretch of at most {MOST_DAYS} days.");
            return Err(Error::invalid_field("?from", "out_of_range", detail));
        }
        Ok(period)
    }
}

async fn check_ledger(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<CheckLedger>,
    Query(query): Query<CheckQuery>,
) -> Result<Json<Checked>, Failure> {
    let period = query.period(platform.env.now())?;
    platform.settler.flush().await?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let found = reconcile::days(&mut tx, period).await?;
    let discrepancies = found.into_iter().map(WrongSum::from).collect();
    let (invoices, found) = books::between(&mut tx, period).await?;
    let differences = found.into_iter().map(WrongInvoice::from).collect();
    Ok(Json(Checked { from: period.start, to: period.end, discrepancies, invoices, differences }))
}

async fn get_archive(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadHealth>,
) -> Result<Json<Archive>, Failure> {
    platform.settler.flush().await?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let Places { hot: events, packed: archived_events, packs, pack_bytes: bytes } =
        archive::places(&mut tx).await?;
    Ok(Json(Archive { events, archived_events, packs, bytes }))
}

async fn get_health(
    Extract(platform): Extract<Platform>,
    Operator(_proof): Operator<ReadHealth>,
) -> Result<Json<PlatformHealth>, Failure> {
    let (figures, traffic) = (platform.settler.figures(), platform.gate.traffic());
    Ok(Json(PlatformHealth {
        settled_until: figures.settled_until,
        lag_us: figures.lag.as_micros(),
        admissions: traffic.admitted,
        in_flight: traffic.in_flight,
        holds: platform.gate.holds(platform.env.now()),
        events: figures.events,
        duplicates: figures.duplicates,
        recovered: figures.recovered,
        released: figures.released,
        pending: figures.pending,
        damaged: figures.damaged,
        days_checked: figures.checked,
        events_checked: figures.checked_events,
        mismatches: figures.mismatches,
        checked_at: figures.checked_at,
        upstreams: platform.gate.target_health().into_iter().map(UpstreamTarget::from).collect(),
    }))
}
