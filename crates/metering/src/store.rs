//! The SQL of usage. Nobody else touches these tables.

use crate::{settle::Event, usage::CurrentUsage};
use insula_blueprint::QuotaWindow;
use insula_kernel::{AdmissionId, Instant, KeyId, OrgId, Quantity};
use insula_storage::{
    FromRow, PlatformTx, Statement, StoreError, StoreResult, TenantTx, Value, args, statements,
};
use std::collections::{BTreeMap, HashSet};

statements! {
    catalogue METERING_STATEMENTS of Platform;
    Ledger INSERT_EVENTS(
        tenant: Id, id: Id, at: Int, kind: Text, route: Text, key: Id, user: Id, quantities: Text, status: Int,
        outcome: Text, recovered: Bool, bytes_in: Int, bytes_out: Int, duration_us: Int,
    ) =
        "INSERT INTO usage_event (tenant_id, id, at, kind, route, key_id, user_id, quantities, status, outcome, recovered,
                                  bytes_in, bytes_out, duration_us)
         VALUES {rows}
         ON CONFLICT (tenant_id, id) DO NOTHING
         RETURNING tenant_id, id";
    // Neither engine may be let past the end of its integers: one would refuse the batch for ever, the other go on in
    // floating point.
    Ledger ADD_TO_ROLLUPS(tenant: Id, meter: Text, span: Text, start: Int, quantity: Int) =
        "INSERT INTO usage_rollup (tenant_id, meter, span, start_at, quantity)
         VALUES {rows}
         ON CONFLICT (tenant_id, meter, span, start_at) DO UPDATE SET quantity =
             CASE WHEN usage_rollup.quantity > 9223372036854775807 - excluded.quantity THEN 9223372036854775807
                  ELSE usage_rollup.quantity + excluded.quantity END
         RETURNING quantity";
    Ledger NOTE_KEY_USE(tenant: Id, key: Id, at: Int) =
        "INSERT INTO key_use (tenant_id, key_id, last_used_at)
         VALUES {rows}
         ON CONFLICT (tenant_id, key_id) DO UPDATE SET last_used_at =
             CASE WHEN excluded.last_used_at > key_use.last_used_at THEN excluded.last_used_at
                  ELSE key_use.last_used_at END";
    Ledger CURRENT(hour: Int, day: Int) =
        "SELECT tenant_id, meter, span, start_at, quantity FROM usage_rollup
         WHERE (span = 'hour' AND start_at >= $1) OR (span = 'day' AND start_at >= $2)
         ORDER BY start_at, tenant_id, meter";
    Ledger OF_DAY(tenant: Id, meter: Text, span: Text, start: Int) =
        "SELECT tenant_id, quantity FROM usage_rollup WHERE (tenant_id, meter, span, start_at) IN (VALUES {rows})";
}

statements! {
    catalogue METERING_TENANT_STATEMENTS of Tenant;
    Ledger ROLLUPS(tenant: Id, meter: Text, span: Text, from: Int, to: Int) =
        "SELECT start_at, quantity FROM usage_rollup
         WHERE tenant_id = $1 AND meter = $2 AND span = $3 AND start_at >= $4 AND start_at < $5
         ORDER BY start_at";
    Ledger KEY_USES(tenant: Id) = "SELECT key_id, last_used_at FROM key_use WHERE tenant_id = $1";
}

/// How many rows go into one statement. Few different numbers, since each is a statement of its own that the engines
/// keep prepared.
const PIECES: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];

async fn in_pieces<T: FromRow>(
    tx: &mut PlatformTx,
    statement: &'static Statement<insula_storage::Platform>,
    mut rows: Vec<Vec<Value>>,
) -> StoreResult<Vec<T>> {
    let mut returned = Vec::new();
    while let Some(piece) = PIECES.into_iter().find(|piece| *piece <= rows.len()) {
        returned.extend(tx.fetch_rows(statement, rows.drain(..piece).collect()).await?);
    }
    Ok(returned)
}

/// Writes the events that aren't there yet, and says which they were.
pub(crate) async fn insert_events(
    tx: &mut PlatformTx,
    events: &[Event],
) -> StoreResult<HashSet<(OrgId, AdmissionId)>> {
    let rows = events.iter().map(Event::values).collect();
    Ok(in_pieces(tx, &INSERT_EVENTS, rows).await?.into_iter().collect())
}

/// A sum of one meter in one window: whose, of which meter, the window's name and its start.
pub(crate) type RollupKey<'a> = (OrgId, &'a str, &'static str, Instant);

/// Adds to sums. True if one of them has come to the end of what can be represented, and stays there.
pub(crate) async fn add_to_rollups(
    tx: &mut PlatformTx,
    sums: &BTreeMap<RollupKey<'_>, i64>,
) -> StoreResult<bool> {
    let rows = sums.iter().map(|(&(org, meter, span, start), &sum)| args![org, meter, span, start, sum]);
    let sums: Vec<(i64,)> = in_pieces(tx, &ADD_TO_ROLLUPS, rows.collect()).await?;
    Ok(sums.contains(&(i64::MAX,)))
}

/// Notes when keys were used, unless a later use is known.
pub(crate) async fn note_key_use(
    tx: &mut PlatformTx,
    uses: &BTreeMap<(OrgId, KeyId), Instant>,
) -> StoreResult<()> {
    let rows = uses.iter().map(|(&(org, key), &at)| args![org, key, at]).collect();
    in_pieces::<(i64,)>(tx, &NOTE_KEY_USE, rows).await.map(drop)
}

/// Sums of the windows that begin at these instants or later.
pub(crate) async fn current(
    tx: &mut PlatformTx,
    hour: Instant,
    day: Instant,
) -> StoreResult<Vec<CurrentUsage>> {
    let rows: Vec<(OrgId, String, String, Instant, Quantity)> =
        tx.fetch_all(&CURRENT, args![hour, day]).await?;
    rows.into_iter()
        .map(|(org, meter, span, start, quantity)| {
            Ok(CurrentUsage { org, meter, window: window(&span)?, start, quantity })
        })
        .collect()
}

fn window(span: &str) -> StoreResult<QuotaWindow> {
    [QuotaWindow::Hour, QuotaWindow::Day]
        .into_iter()
        .find(|window| window.name() == span)
        .ok_or_else(|| StoreError::Failed(format!("a roll-up of an unknown span: {span}")))
}

/// Sums of one day, of those organizations that have any.
pub(crate) async fn of_day(
    tx: &mut PlatformTx,
    orgs: &[OrgId],
    meter: &str,
    day: Instant,
) -> StoreResult<Vec<(OrgId, Quantity)>> {
    let rows = orgs.iter().map(|&org| args![org, meter, QuotaWindow::Day.name(), day]).collect();
    in_pieces(tx, &OF_DAY, rows).await
}

/// Sums of the windows that begin in a half-open stretch of time, those that have any.
pub(crate) async fn rollups(
    tx: &mut TenantTx,
    meter: &str,
    window: QuotaWindow,
    from: Instant,
    to: Instant,
) -> StoreResult<Vec<(Instant, Quantity)>> {
    tx.fetch_all(&ROLLUPS, args![meter, window.name(), from, to]).await
}

/// When each key of the organization was last used.
pub(crate) async fn key_uses(tx: &mut TenantTx) -> StoreResult<Vec<(KeyId, Instant)>> {
    tx.fetch_all(&KEY_USES, args![]).await
}
