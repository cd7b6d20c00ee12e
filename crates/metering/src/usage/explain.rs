//! What explains a figure: events with all that was known when they were decided, and warnings.

use crate::{
    log::{Check, Checks, Fold},
    settle, store,
};
use insula_kernel::{HoldId, Instant, KeyId, ProjectId, Quantity, ServiceId, TeamId, UserId};
use insula_storage::{StoreError, StoreResult, TenantTx};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A usage event, with all that the ledger knows of it.
#[derive(Clone, PartialEq, Debug)]
pub struct EventRecord {
    /// The digits of the admission, or of the report.
    pub id: Uuid,
    /// When it happened.
    pub at: Instant,
    /// When it was reported; `None` for a request.
    pub received_at: Option<Instant>,
    /// `request`, or the type that was reported.
    pub kind: String,
    /// The route's name, or the type that was reported.
    pub operation: String,
    /// Where it came from, as it says itself.
    pub source: Option<String>,
    /// What it is about, as it says itself.
    pub subject: Option<String>,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// The team it counts for.
    pub team: Option<TeamId>,
    /// The API key that was used.
    pub key: Option<KeyId>,
    /// The person who acted.
    pub user: Option<UserId>,
    /// The credential it was reported with.
    pub service: Option<ServiceId>,
    /// The project's environment.
    pub environment: Option<&'static str>,
    /// What was charged, by meter.
    pub quantities: BTreeMap<String, Amount>,
    /// What would have been charged without an end; `None` where it is the same, and for a report.
    pub reserved: Option<BTreeMap<String, Amount>>,
    /// By what its usage can be told apart.
    pub groups: Map<String, Json>,
    /// Its data.
    pub data: Option<Json>,
    /// Where limits stood when it was decided.
    pub checks: Vec<Check>,
    /// The number of the version of the blueprint that decided.
    pub blueprint: Option<i64>,
    /// The HTTP status that went to the client; 0 if none did.
    pub status: i64,
    /// How it ended: `completed`, `client_gone`, `upstream_failed`, `timed_out`, `unknown` or `reported`.
    pub outcome: String,
    /// Whether it was charged as reserved since its end wasn't seen.
    pub recovered: bool,
    /// Bytes of the request's body.
    pub bytes_in: i64,
    /// Bytes of the reply's body.
    pub bytes_out: i64,
    /// From admission to the end, in microseconds.
    pub duration_us: i64,
}

/// What an event counts on a meter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amount {
    /// How much; nothing for a value of which different ones are counted.
    pub quantity: Quantity,
    /// How it goes together with others.
    pub fold: Fold,
}

/// The event of this id, which has the digits of its admission or report; `None` if the organization has none.
pub async fn event(tx: &mut TenantTx, id: Uuid) -> StoreResult<Option<EventRecord>> {
    store::event(tx, id).await?.map(record).transpose()
}

fn record(row: store::EventRow) -> StoreResult<EventRecord> {
    let broken = |what: &str| StoreError::Failed(format!("the {what} of an event can't be read"));
    let amounts = |text: &str, what: &str| {
        let parts = settle::quantities(text).ok_or_else(|| broken(what))?;
        let amount = |part: settle::Part| {
            let quantity = Quantity::from_units(part.quantity);
            (part.meter.to_string(), Amount { quantity, fold: part.fold })
        };
        StoreResult::Ok(parts.into_iter().map(amount).collect())
    };
    let groups = row.groups.as_deref().map(serde_json::from_str).transpose();
    let data = row.data.as_deref().map(serde_json::from_str).transpose();
    Ok(EventRecord {
        id: row.id,
        at: row.at,
        received_at: row.received_at,
        kind: row.kind,
        operation: row.operation,
        source: row.source,
        subject: row.subject,
        project: row.project,
        team: row.team,
        key: row.key,
        user: row.user,
        service: row.service,
        environment: u8::try_from(row.environment).ok().and_then(settle::environment),
        quantities: amounts(&row.quantities, "quantities")?,
        reserved: row.reserved.as_deref().map(|text| amounts(text, "reservation")).transpose()?,
        groups: groups.map_err(|_| broken("groups"))?.unwrap_or_default(),
        data: data.map_err(|_| broken("data"))?,
        checks: Checks::decode(row.checks.as_deref().unwrap_or_default()).ok_or_else(|| broken("checks"))?,
        blueprint: row.blueprint,
        status: row.status,
        outcome: row.outcome,
        recovered: row.recovered,
        bytes_in: row.bytes_in,
        bytes_out: row.bytes_out,
        duration_us: row.duration_us,
    })
}

/// A hold that was taken, whether or not it goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakenHold {
    /// Of which limit, by its name in the blueprint.
    pub limit: String,
    /// By what its holder names it.
    pub key: Option<String>,
    /// The type of event that ends it.
    pub until: Option<String>,
    /// When it began.
    pub begun_at: Option<Instant>,
    /// When it ends by itself, or would have.
    pub expires_at: Option<Instant>,
    /// When it was ended.
    pub ended_at: Option<Instant>,
}

/// The hold of this id, which has the digits of the admission that took it; `None` if the organization has none, or if
/// it ended so long ago that it was forgotten.
pub async fn hold(tx: &mut TenantTx, id: HoldId) -> StoreResult<Option<TakenHold>> {
    let row = store::hold(tx, id).await?;
    Ok(row.map(|row| {
        let store::TakenHoldRow { limit, key, until, begun_at, expires_at, ended_at } = row;
        TakenHold { limit, key, until, begun_at, expires_at, ended_at }
    }))
}

/// A warning that was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Crossing {
    /// The limit's name in the blueprint.
    pub limit: String,
    /// Who came near it; empty for the organization.
    pub subject: String,
    /// The first instant of the period.
    pub period_start: Instant,
    /// The percentage that was reached.
    pub level: u8,
    /// When.
    pub at: Instant,
}

/// The warnings that were given since this instant, the latest first.
pub async fn crossings(tx: &mut TenantTx, since: Instant) -> StoreResult<Vec<Crossing>> {
    let rows = store::crossings(tx, since).await?;
    let crossing = |(limit, subject, period_start, level, at)| {
        let level = u8::try_from(level).unwrap_or(u8::MAX);
        Crossing { limit, subject, period_start, level, at }
    };
    Ok(rows.into_iter().map(crossing).collect())
}
