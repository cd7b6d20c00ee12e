//! The SQL of usage. Nobody else touches these tables.

mod archive;
mod billed;
mod query;

pub(crate) use archive::{next_rows, pack, packed_among, places, put_pack, remove_events, with_rows_before};
pub(crate) use billed::{
    beyond, billed_events, forget_late, late_days, member_count, members_of, meters_of, pieces, settled,
};
pub(crate) use query::{
    BilledRow, CheckedEvent, EventRow, HoldRow, Sum, TakenHoldRow, active_holds, crossings, current,
    day_events, day_meters, day_rollups, day_series, event, exact_totals, forget_holds, hold, key_uses,
    of_day, orgs_of_all, orgs_of_days, rollups, rollups_of_all, series, series_of, series_sums, totals,
    values,
};

use crate::{
    settle::{Crossed, Event, Member, Tally},
    usage::Step,
};
use insula_kernel::{Instant, OrgId};
use insula_storage::{PlatformTx, StoreError, StoreResult, Value, args, statements};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

/// What a sum that is `known` comes to with what is added to it, as its fold says: 0 they add up, 1 the greatest counts, 2
/// the latest, 3 different values. Neither engine may be let past the end of its integers: one would refuse the batch for
/// ever, the other go on in floating point.
macro_rules! folded {
    () => {
        "fold = excluded.fold,
             events = known.events + excluded.events,
             quantity = CASE
                 WHEN excluded.fold = 1 AND excluded.quantity > known.quantity THEN excluded.quantity
                 WHEN excluded.fold = 1 THEN known.quantity
                 WHEN excluded.fold = 2 AND (excluded.last_at, excluded.quantity) > (known.last_at, known.quantity)
                     THEN excluded.quantity
                 WHEN excluded.fold = 2 THEN known.quantity
                 WHEN known.quantity > 9223372036854775807 - excluded.quantity THEN 9223372036854775807
                 ELSE known.quantity + excluded.quantity END,
             last_at = CASE WHEN excluded.last_at > known.last_at THEN excluded.last_at ELSE known.last_at END"
    };
}

/// All that is known of an event, in the order of [`EventRow`].
macro_rules! event_columns {
    () => {
        "id, at, received_at, kind, operation, source, subject, project_id, team_id, key_id, user_id, service_id, \
         environment, quantities, groups, data, reserved, checks, blueprint, status, outcome, recovered, bytes_in, \
         bytes_out, duration_us, settled"
    };
}
use event_columns;

statements! {
    catalogue METERING_STATEMENTS of Platform;
    Ledger INSERT_REQUESTS(
        tenant: Id, id: Id, at: Int, operation: Text, project: Id, team: Id, key: Id, user: Id, environment: Int,
        quantities: Text, reserved: Text, checks: Bytes, blueprint: Int, status: Int, outcome: Text, recovered: Bool,
        bytes_in: Int, bytes_out: Int, duration_us: Int, settled: Int,
    ) =
        "INSERT INTO usage_event (tenant_id, id, at, operation, project_id, team_id, key_id, user_id, environment,
                                  quantities, reserved, checks, blueprint, status, outcome, recovered, bytes_in,
                                  bytes_out, duration_us, settled)
         VALUES {rows}
         ON CONFLICT (tenant_id, id) DO NOTHING";
    Ledger INSERT_REPORTS(
        tenant: Id, id: Id, at: Int, received: Int, kind: Text, operation: Text, source: Text, subject: Text,
        project: Id, team: Id, key: Id, user: Id, service: Id, environment: Int, quantities: Text, groups: Text,
        data: Text, settled: Int,
    ) =
        "INSERT INTO usage_event (tenant_id, id, at, received_at, kind, operation, source, subject, project_id, team_id,
                                  key_id, user_id, service_id, environment, quantities, groups, data, settled)
         VALUES {rows}
         ON CONFLICT (tenant_id, id) DO NOTHING";
    Ledger TAKE_NUMBERS(count: Int) =
        "UPDATE settlement_position SET last = last + $1 WHERE name = 'events' RETURNING last";
    Ledger SETTLED() = "SELECT last FROM settlement_position WHERE name = 'events' {lock}";
    Ledger NOTE_LATE(tenant: Id, day: Int) =
        "INSERT INTO late_usage (tenant_id, day) VALUES {rows} ON CONFLICT (tenant_id, day) DO NOTHING";
    Ledger LATE_DAYS(tenant: Id, before: Int) =
        "SELECT day FROM late_usage WHERE tenant_id = $1 AND day < $2 ORDER BY day";
    Ledger FORGET_LATE(tenant: Id, day: Int) = "DELETE FROM late_usage WHERE tenant_id = $1 AND day = $2";
    Ledger INSERT_KEYS(key: Bytes, body: Bytes, tenant: Id, event: Id) =
        "INSERT INTO event_key (key, body, tenant_id, event_id) VALUES {rows} ON CONFLICT (key) DO NOTHING";
    // Many rows are looked up by a join: SQLite would search the whole table for rows that are in a list of rows.
    Ledger KNOWN_EVENTS(tenant: Id, id: Id) =
        "WITH wanted (tenant_id, id) AS (VALUES {rows})
         SELECT e.tenant_id, e.id FROM wanted w JOIN usage_event e ON e.tenant_id = w.tenant_id AND e.id = w.id";
    Ledger BODIES_OF_KEYS(key: Bytes) =
        "WITH wanted (key) AS (VALUES {rows})
         SELECT k.key, k.body FROM wanted w JOIN event_key k ON k.key = w.key";
    Ledger HIGHEST_KEY(from: Bytes, to: Bytes) =
        "SELECT key FROM event_key WHERE key >= $1 AND key <= $2 ORDER BY key DESC LIMIT 1";
    Ledger KNOWN_KEYS(key: Bytes) = "SELECT key FROM event_key WHERE key IN (VALUES {rows})";
    Ledger ADD_TO_ROLLUPS(
        tenant: Id, meter: Text, span: Text, start: Int, fold: Int, quantity: Int, events: Int, digest: Int, last: Int,
    ) =
        concat!(
            "INSERT INTO usage_rollup AS known (tenant_id, meter, span, start_at, fold, quantity, events, digest, last_at)
             VALUES {rows}
             ON CONFLICT (tenant_id, meter, span, start_at) DO UPDATE SET
             digest = (known.digest + excluded.digest) & 4611686018427387903, ",
            folded!()
        );
    Ledger ADD_TO_SERIES(
        tenant: Id, meter: Text, start: Int, series: Bytes, dims: Text, fold: Int, quantity: Int, events: Int, last: Int,
    ) =
        concat!(
            "INSERT INTO usage_series AS known (tenant_id, meter, start_at, series, dims, fold, quantity, events, last_at)
             VALUES {rows}
             ON CONFLICT (tenant_id, meter, start_at, series) DO UPDATE SET ",
            folded!()
        );
    Ledger INSERT_MEMBERS(tenant: Id, meter: Text, span: Text, start: Int, member: Bytes) =
        "INSERT INTO usage_unique (tenant_id, meter, span, start_at, member)
         VALUES {rows}
         ON CONFLICT (tenant_id, meter, span, start_at, member) DO NOTHING
         RETURNING tenant_id, meter, span, start_at, member";
    Ledger NOTE_KEY_USE(tenant: Id, key: Id, at: Int) =
        "INSERT INTO key_use (tenant_id, key_id, last_used_at)
         VALUES {rows}
         ON CONFLICT (tenant_id, key_id) DO UPDATE SET last_used_at =
             CASE WHEN excluded.last_used_at > key_use.last_used_at THEN excluded.last_used_at
                  ELSE key_use.last_used_at END";
    // What is told of a hold in any order comes to the same: the first beginning fills it in, the latest promise and the
    // earliest end count.
    Ledger PUT_HOLDS(
        tenant: Id, id: Id, limit_name: Text, hold_key: Text, project: Id, team: Id, key: Id, until: Text, begun: Int,
        expires: Int, ended: Int,
    ) =
        "INSERT INTO hold (tenant_id, id, limit_name, hold_key, project_id, team_id, key_id, until, begun_at, expires_at,
                           ended_at)
         VALUES {rows}
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             limit_name = CASE WHEN hold.limit_name = '' THEN excluded.limit_name ELSE hold.limit_name END,
             hold_key = CASE WHEN hold.limit_name = '' THEN excluded.hold_key ELSE hold.hold_key END,
             project_id = CASE WHEN hold.limit_name = '' THEN excluded.project_id ELSE hold.project_id END,
             team_id = CASE WHEN hold.limit_name = '' THEN excluded.team_id ELSE hold.team_id END,
             key_id = CASE WHEN hold.limit_name = '' THEN excluded.key_id ELSE hold.key_id END,
             until = CASE WHEN hold.limit_name = '' THEN excluded.until ELSE hold.until END,
             begun_at = CASE WHEN hold.limit_name = '' THEN excluded.begun_at ELSE hold.begun_at END,
             expires_at = CASE WHEN hold.expires_at IS NULL OR excluded.expires_at > hold.expires_at
                               THEN excluded.expires_at ELSE hold.expires_at END,
             ended_at = CASE WHEN hold.ended_at IS NULL OR excluded.ended_at < hold.ended_at
                             THEN excluded.ended_at ELSE hold.ended_at END";
    Ledger INSERT_CROSSINGS(tenant: Id, limit_name: Text, subject: Text, period: Int, level: Int, at: Int) =
        "INSERT INTO threshold_crossing (tenant_id, limit_name, subject, period_start, level, crossed_at)
         VALUES {rows}
         ON CONFLICT (tenant_id, limit_name, subject, period_start, level) DO NOTHING
         RETURNING tenant_id, limit_name, period_start, level";
    Ledger CURRENT(hour: Int, day: Int) =
        "SELECT tenant_id, meter, span, start_at, quantity FROM usage_rollup WHERE span = 'hour' AND start_at >= $1
         UNION ALL
         SELECT tenant_id, meter, span, start_at, quantity FROM usage_rollup WHERE span = 'day' AND start_at >= $2
         ORDER BY 4, 1, 2";
    Ledger OF_DAY(tenant: Id, meter: Text, span: Text, start: Int) =
        "WITH wanted (tenant_id, meter, span, start_at) AS (VALUES {rows})
         SELECT r.tenant_id, r.quantity FROM wanted w JOIN usage_rollup r
             ON r.tenant_id = w.tenant_id AND r.meter = w.meter AND r.span = w.span AND r.start_at = w.start_at";
    // Sums of many large numbers, in two parts that can't get too large.
    Ledger TOTALS(number: Int, tenant: Id, meter: Text, span: Text, from: Int, to: Int) =
        "WITH wanted (number, tenant_id, meter, span, from_at, to_at) AS (VALUES {rows})
         SELECT w.number, CAST(sum(r.quantity / 4294967296) AS BIGINT), CAST(sum(r.quantity % 4294967296) AS BIGINT)
         FROM wanted w JOIN usage_rollup r ON r.tenant_id = w.tenant_id AND r.meter = w.meter AND r.span = w.span
             AND r.start_at >= w.from_at AND r.start_at < w.to_at
         GROUP BY w.number";
    Ledger EDGES(number: Int, tenant: Id, from: Int, to: Int) =
        "WITH wanted (number, tenant_id, from_at, to_at) AS (VALUES {rows})
         SELECT w.number, e.id, e.quantities FROM wanted w JOIN usage_event e
             ON e.tenant_id = w.tenant_id AND e.at >= w.from_at AND e.at < w.to_at";
    Ledger SERIES_OF(number: Int, tenant: Id, meter: Text, from: Int, to: Int) =
        "WITH wanted (number, tenant_id, meter, from_at, to_at) AS (VALUES {rows})
         SELECT w.number, min(s.dims), CAST(sum(s.quantity / 4294967296) AS BIGINT),
                CAST(sum(s.quantity % 4294967296) AS BIGINT)
         FROM wanted w JOIN usage_series s ON s.tenant_id = w.tenant_id AND s.meter = w.meter
             AND s.start_at >= w.from_at AND s.start_at < w.to_at
         GROUP BY w.number, s.series";
    Ledger PIECES(tenant: Id, meter: Text, span: Text, from: Int, to: Int) =
        "WITH wanted (tenant_id, meter, span, from_at, to_at) AS (VALUES {rows})
         SELECT r.fold, r.quantity, r.events, r.digest, r.last_at FROM wanted w JOIN usage_rollup r
             ON r.tenant_id = w.tenant_id AND r.meter = w.meter AND r.span = w.span
             AND r.start_at >= w.from_at AND r.start_at < w.to_at";
    // A period is one stretch of days at most, with one of hours and one of minutes on either side.
    Ledger MEMBERS(
        tenant: Id, meter: Text, from_1: Int, to_1: Int, from_2: Int, to_2: Int, from_3: Int, to_3: Int, from_4: Int,
        to_4: Int, from_5: Int, to_5: Int,
    ) =
        "SELECT count(*) FROM (
             SELECT member FROM usage_unique
             WHERE tenant_id = $1 AND meter = $2 AND span = 'day' AND start_at >= $3 AND start_at < $4
             UNION SELECT member FROM usage_unique
             WHERE tenant_id = $1 AND meter = $2 AND span = 'hour' AND start_at >= $5 AND start_at < $6
             UNION SELECT member FROM usage_unique
             WHERE tenant_id = $1 AND meter = $2 AND span = 'hour' AND start_at >= $7 AND start_at < $8
             UNION SELECT member FROM usage_unique
             WHERE tenant_id = $1 AND meter = $2 AND span = 'minute' AND start_at >= $9 AND start_at < $10
             UNION SELECT member FROM usage_unique
             WHERE tenant_id = $1 AND meter = $2 AND span = 'minute' AND start_at >= $11 AND start_at < $12
         ) AS members";
    // A value is looked up in each window that has a sum, not searched for among all values of all windows: `CROSS JOIN`
    // keeps SQLite from taking the tables in another order.
    Ledger MEMBERS_OF(tenant: Id, meter: Text, span: Text, from: Int, to: Int, member: Bytes) =
        "WITH wanted (tenant_id, meter, span, from_at, to_at, member) AS (VALUES {rows})
         SELECT DISTINCT w.member FROM wanted w CROSS JOIN usage_rollup r CROSS JOIN usage_unique u
         WHERE r.tenant_id = w.tenant_id AND r.meter = w.meter AND r.span = w.span
             AND r.start_at >= w.from_at AND r.start_at < w.to_at
             AND u.tenant_id = r.tenant_id AND u.meter = r.meter AND u.span = r.span AND u.start_at = r.start_at
             AND u.member = w.member";
    Ledger METERS_OF(tenant: Id, day: Int) =
        "WITH wanted (tenant_id, day) AS (VALUES {rows})
         SELECT DISTINCT r.meter FROM wanted w
         JOIN usage_rollup r ON r.span = 'day' AND r.start_at = w.day AND r.tenant_id = w.tenant_id";
    Ledger BEYOND(tenant: Id, meter: Text, span: Text, from: Int, to: Int, bound: Int) =
        "SELECT start_at, quantity FROM usage_rollup
         WHERE tenant_id = $1 AND meter = $2 AND span = $3 AND start_at >= $4 AND start_at < $5 AND quantity > $6
         ORDER BY start_at";
    Ledger ACTIVE_HOLDS(now: Int) =
        "SELECT tenant_id, id, limit_name, hold_key, project_id, team_id, key_id, until, begun_at, expires_at FROM hold
         WHERE ended_at IS NULL AND limit_name <> '' AND (expires_at IS NULL OR expires_at > $1)
         ORDER BY tenant_id, id";
    Ledger FORGET_HOLDS(before: Int, limit: Int) =
        "DELETE FROM hold WHERE (tenant_id, id) IN
             (SELECT tenant_id, id FROM hold WHERE COALESCE(ended_at, expires_at) < $1 LIMIT $2)";
    Ledger ROLLUPS_OF_ALL(meter: Text, span: Text, from: Int, to: Int) =
        "SELECT start_at, CAST(sum(quantity / 4294967296) AS BIGINT), CAST(sum(quantity % 4294967296) AS BIGINT)
         FROM usage_rollup WHERE meter = $1 AND span = $2 AND start_at >= $3 AND start_at < $4
         GROUP BY start_at ORDER BY start_at";
    Ledger ORGS_OF_ALL(meter: Text, span: Text, from: Int, to: Int) =
        "SELECT tenant_id, CAST(sum(quantity / 4294967296) AS BIGINT), CAST(sum(quantity % 4294967296) AS BIGINT)
         FROM usage_rollup WHERE meter = $1 AND span = $2 AND start_at >= $3 AND start_at < $4
         GROUP BY tenant_id";
    Ledger ORGS_OF_DAYS(from: Int, to: Int) =
        "SELECT DISTINCT tenant_id, start_at FROM usage_rollup WHERE span = 'day' AND start_at >= $1 AND start_at < $2
         ORDER BY tenant_id, start_at";
    Ledger DAY_EVENTS(tenant: Id, from: Int, from_id: Id, to: Int, limit: Int) =
        "SELECT at, id, quantities, settled FROM usage_event
         WHERE tenant_id = $1 AND (at, id) > ($2, $3) AND at < $4
         ORDER BY at, id LIMIT $5";
    Ledger NEXT_ROWS(tenant: Id, from: Int, from_id: Id, to: Int, limit: Int) =
        concat!(
            "SELECT ", event_columns!(), " FROM usage_event
             WHERE tenant_id = $1 AND (at, id) > ($2, $3) AND at < $4
             ORDER BY at, id LIMIT $5"
        );
    Ledger REMOVE_ROWS(tenant: Id, to: Int, to_id: Id) =
        "DELETE FROM usage_event WHERE tenant_id = $1 AND (at, id) <= ($2, $3)";
    Ledger INSERT_PACK(
        tenant: Id, id: Id, first_at: Int, last_at: Int, first_id: Id, last_id: Id, first_settled: Int,
        last_settled: Int, events: Int, digest: Int, checksum: Bytes, at: Int, body: Bytes,
    ) =
        "INSERT INTO usage_pack (tenant_id, id, first_at, last_at, first_id, last_id, first_settled, last_settled, events,
                                 digest, checksum, packed_at, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    Ledger ADD_TO_PLACES(name: Text, more: Int) =
        "UPDATE settlement_position SET last = last + $2 WHERE name = $1";
    Ledger PLACES() = "SELECT name, last FROM settlement_position";
    Ledger PACK(tenant: Id, id: Id) =
        "SELECT body, checksum, events, digest FROM usage_pack WHERE tenant_id = $1 AND id = $2";
    Ledger PACKS_IN(tenant: Id, from: Int, to: Int) =
        "SELECT id, first_at, first_settled, last_settled FROM usage_pack
         WHERE tenant_id = $1 AND last_at >= $2 AND first_at < $3
         ORDER BY first_at, id";
    Ledger PACKS_AT(number: Int, tenant: Id, from: Int, to: Int) =
        "WITH wanted (number, tenant_id, from_at, to_at) AS (VALUES {rows})
         SELECT p.tenant_id, p.id FROM wanted w JOIN usage_pack p
             ON p.tenant_id = w.tenant_id AND p.last_at >= w.from_at AND p.first_at < w.to_at";
    Ledger FIND_PACKED(tenant: Id, first: Id, last: Id) =
        "WITH wanted (tenant_id, first_id, last_id) AS (VALUES {rows})
         SELECT p.tenant_id, p.id FROM wanted w JOIN usage_pack p
             ON p.tenant_id = w.tenant_id AND p.last_id >= w.first_id AND p.first_id <= w.last_id";
    Ledger HAVE_ROWS_BEFORE(tenant: Id, before: Int) =
        "WITH wanted (tenant_id, before_at) AS (VALUES {rows})
         SELECT w.tenant_id, w.before_at FROM wanted w
         WHERE EXISTS (SELECT 1 FROM usage_event e WHERE e.tenant_id = w.tenant_id AND e.at < w.before_at)";
    Ledger DAY_METERS(tenant: Id, day: Int) =
        "SELECT meter FROM usage_rollup WHERE tenant_id = $1 AND span = 'day' AND start_at = $2";
    Ledger DAY_ROLLUPS(tenant: Id, meter: Text, span: Text, from: Int, to: Int) =
        "WITH wanted (tenant_id, meter, span, from_at, to_at) AS (VALUES {rows})
         SELECT r.meter, r.span, r.start_at, r.quantity, r.events, r.digest FROM wanted w JOIN usage_rollup r
             ON r.tenant_id = w.tenant_id AND r.meter = w.meter AND r.span = w.span
             AND r.start_at >= w.from_at AND r.start_at < w.to_at";
    Ledger DAY_SERIES(tenant: Id, meter: Text, from: Int, to: Int) =
        "WITH wanted (tenant_id, meter, from_at, to_at) AS (VALUES {rows})
         SELECT s.meter, s.start_at, s.quantity, s.events FROM wanted w JOIN usage_series s
             ON s.tenant_id = w.tenant_id AND s.meter = w.meter
             AND s.start_at >= w.from_at AND s.start_at < w.to_at";
}

pub use query::METERING_TENANT_STATEMENTS;

/// Why events weren't inserted: some of them are known to the ledger, or stand twice among these.
pub(crate) struct Repeated;

/// Inserts the keys of reports, each of which must be new.
pub(crate) async fn insert_keys(tx: &mut PlatformTx, events: &[&Event]) -> StoreResult<Result<(), Repeated>> {
    let mut rows = Vec::new();
    events.iter().for_each(|event| event.put_key(&mut rows));
    insert_new(tx, &INSERT_KEYS, rows).await
}

/// Takes so many numbers of the order of settlement and says the first. Nobody else takes any until the transaction ends;
/// if it leaves no trace, they weren't taken.
pub(crate) async fn take_numbers(tx: &mut PlatformTx, count: usize) -> StoreResult<i64> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (last,): (i64,) = tx.fetch_one(&TAKE_NUMBERS, args![count]).await?;
    Ok(last - count + 1)
}

/// Notes the days of organizations that late events lie in.
pub(crate) async fn note_late(tx: &mut PlatformTx, days: &BTreeSet<(OrgId, Instant)>) -> StoreResult<()> {
    let rows = days.iter().flat_map(|&(org, day)| args![org, day]).collect();
    tx.execute_rows(&NOTE_LATE, rows).await.map(drop)
}

/// Inserts events, each of which must be new, with numbers from this one on.
pub(crate) async fn insert_events(
    tx: &mut PlatformTx,
    events: &[&Event],
    first: i64,
) -> StoreResult<Result<(), Repeated>> {
    let (mut requests, mut reports) = (Vec::new(), Vec::new());
    requests.reserve(events.len() * INSERT_REQUESTS.params().len());
    for (event, number) in events.iter().zip(first..) {
        event.put_request(number, &mut requests);
        event.put_report(number, &mut reports);
    }
    if insert_new(tx, &INSERT_REQUESTS, requests).await?.is_err() {
        return Ok(Err(Repeated));
    }
    insert_new(tx, &INSERT_REPORTS, reports).await
}

async fn insert_new(
    tx: &mut PlatformTx,
    statement: &'static insula_storage::Statement<insula_storage::Platform>,
    values: Vec<Value>,
) -> StoreResult<Result<(), Repeated>> {
    let rows = values.len() / statement.params().len();
    let inserted = tx.execute_rows(statement, values).await?;
    Ok(if usize::try_from(inserted) == Ok(rows) { Ok(()) } else { Err(Repeated) })
}

/// Which of these events the ledger knows.
pub(crate) async fn known_events(
    tx: &mut PlatformTx,
    events: &[Event],
) -> StoreResult<HashSet<(OrgId, Uuid)>> {
    let rows = events.iter().flat_map(|event| [event.org.into(), event.id.into()]).collect();
    Ok(tx.fetch_rows(&KNOWN_EVENTS, rows).await?.into_iter().collect())
}

/// Which of these reports' keys the ledger knows.
pub(crate) async fn known_keys(tx: &mut PlatformTx, events: &[Event]) -> StoreResult<HashSet<Vec<u8>>> {
    let keys = events.iter().filter_map(|event| Some(event.key()?.as_slice().into()));
    let known: Vec<(Vec<u8>,)> = tx.fetch_rows(&KNOWN_KEYS, keys.collect()).await?;
    Ok(known.into_iter().map(|(key,)| key).collect())
}

/// Inserts the values that count once, and says which are new.
pub(crate) async fn insert_members(tx: &mut PlatformTx, tally: &Tally) -> StoreResult<Vec<Member>> {
    let new: Vec<(OrgId, String, String, Instant, Vec<u8>)> =
        tx.fetch_rows(&INSERT_MEMBERS, tally.member_values()).await?;
    let member = |(org, meter, span, start, member): (OrgId, String, String, Instant, Vec<u8>)| {
        let step = if span == "series" { None } else { Some(step(&span)?) };
        Ok(Member { org, meter: meter.into(), step, start, member })
    };
    new.into_iter().map(member).collect()
}

/// The step of this name.
pub(crate) fn step(name: &str) -> StoreResult<Step> {
    Step::ALL
        .into_iter()
        .find(|step| step.name() == name)
        .ok_or_else(|| StoreError::Failed(format!("a roll-up of an unknown span: {name}")))
}

/// Adds to the sums of windows and of series, and notes when keys were used.
pub(crate) async fn add_sums(tx: &mut PlatformTx, tally: &Tally) -> StoreResult<()> {
    tx.execute_rows(&ADD_TO_ROLLUPS, tally.rollup_values()).await?;
    tx.execute_rows(&ADD_TO_SERIES, tally.series_values()).await?;
    let uses = tally.uses.iter().flat_map(|(&(org, key), &at)| [org.into(), key.into(), at.into()]);
    tx.execute_rows(&NOTE_KEY_USE, uses.collect()).await?;
    Ok(())
}

/// Takes in what is told of holds.
pub(crate) async fn put_holds(tx: &mut PlatformTx, rows: Vec<Value>) -> StoreResult<()> {
    tx.execute_rows(&PUT_HOLDS, rows).await.map(drop)
}

/// Notes levels that were crossed, and says which of them are new: whose, of which limit, in the period from when on,
/// which level.
pub(crate) async fn insert_crossings(
    tx: &mut PlatformTx,
    crossed: &[Crossed],
) -> StoreResult<HashSet<(OrgId, String, Instant, i64)>> {
    let rows = crossed.iter().flat_map(|one| {
        let limit = Arc::clone(&one.limit);
        args![one.org, limit, "", one.period.start, u32::from(one.level), one.at]
    });
    Ok(tx.fetch_rows(&INSERT_CROSSINGS, rows.collect()).await?.into_iter().collect())
}

/// Those of these keys that are in the ledger, with the digest of the body each is there with.
pub(crate) async fn bodies_of(
    tx: &mut PlatformTx,
    keys: &[[u8; 32]],
) -> StoreResult<HashMap<[u8; 32], [u8; 16]>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let values = keys.iter().map(|key| key.as_slice().into()).collect();
    let known: Vec<(Vec<u8>, Vec<u8>)> = tx.fetch_rows(&BODIES_OF_KEYS, values).await?;
    let read = |(key, body): (Vec<u8>, Vec<u8>)| Some((key.try_into().ok()?, body.try_into().ok()?));
    let cut_off = || StoreError::Failed("a key of an event is cut off".to_owned());
    known.into_iter().map(|row| read(row).ok_or_else(cut_off)).collect()
}

/// The highest key in the ledger of a source; zeros if it has none.
pub(crate) async fn highest_key(tx: &mut PlatformTx, source: &[u8; 16]) -> StoreResult<[u8; 32]> {
    let (mut from, mut to) = ([0; 32], [0xff; 32]);
    from[..16].copy_from_slice(source);
    to[..16].copy_from_slice(source);
    let found: Option<(Vec<u8>,)> = tx.fetch_optional(&HIGHEST_KEY, args![&from[..], &to[..]]).await?;
    Ok(found.and_then(|(key,)| key.try_into().ok()).unwrap_or([0; 32]))
}
