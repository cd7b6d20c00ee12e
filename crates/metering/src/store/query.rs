//! Reading what settlement wrote.

use super::{
    ACTIVE_HOLDS, CURRENT, DAY_EVENTS, DAY_METERS, DAY_ROLLUPS, DAY_SERIES, EDGES, FORGET_HOLDS, OF_DAY,
    ORGS_OF_ALL, ORGS_OF_DAYS, ROLLUPS_OF_ALL, SERIES_OF, TOTALS,
    archive::{Merged, pack, packed_edges, packed_event, packs_in},
    event_columns, step,
};
use crate::{
    log::Fold,
    settle::{self, Kind},
    usage::{CurrentUsage, Step, Wanted, exact, pieces},
};
use insula_kernel::{HoldId, Instant, KeyId, OrgId, Period, ProjectId, Quantity, ServiceId, TeamId, UserId};
use insula_storage::{PlatformTx, StoreError, StoreResult, TenantTx, args, row, statements};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

statements! {
    catalogue METERING_TENANT_STATEMENTS of Tenant;
    Ledger ROLLUPS(tenant: Id, meter: Text, span: Text, from: Int, to: Int) =
        "SELECT start_at, fold, quantity FROM usage_rollup
         WHERE tenant_id = $1 AND meter = $2 AND span = $3 AND start_at >= $4 AND start_at < $5
         ORDER BY start_at";
    Ledger SERIES(tenant: Id, meter: Text, from: Int, to: Int, limit: Int) =
        "SELECT start_at, dims, quantity, last_at FROM usage_series
         WHERE tenant_id = $1 AND meter = $2 AND start_at >= $3 AND start_at < $4
         ORDER BY start_at LIMIT $5";
    Ledger SERIES_SUMS(tenant: Id, meter: Text, from: Int, to: Int, limit: Int) =
        "SELECT min(dims), CAST(sum(quantity / 4294967296) AS BIGINT), CAST(sum(quantity % 4294967296) AS BIGINT),
                CAST(sum(events) AS BIGINT)
         FROM usage_series WHERE tenant_id = $1 AND meter = $2 AND start_at >= $3 AND start_at < $4
         GROUP BY series LIMIT $5";
    Ledger VALUES_COUNTED(tenant: Id, meter: Text, span: Text, from: Int, to: Int) =
        "SELECT count(DISTINCT member) FROM usage_unique
         WHERE tenant_id = $1 AND meter = $2 AND span = $3 AND start_at >= $4 AND start_at < $5";
    Ledger KEY_USES(tenant: Id, first: Id, last: Id) =
        "SELECT key_id, last_used_at FROM key_use WHERE tenant_id = $1 AND key_id >= $2 AND key_id <= $3";
    Ledger EVENT(tenant: Id, id: Id) =
        concat!("SELECT ", event_columns!(), " FROM usage_event WHERE tenant_id = $1 AND id = $2");
    Ledger PACKS_WITH(tenant: Id, event: Id) =
        "SELECT id FROM usage_pack WHERE tenant_id = $1 AND last_id >= $2 AND first_id <= $2 ORDER BY last_id";
    Ledger PACK_OF(tenant: Id, id: Id) =
        "SELECT body, checksum, events, digest FROM usage_pack WHERE tenant_id = $1 AND id = $2";
    Ledger PACKS_OF(tenant: Id, from: Int, to: Int) =
        "SELECT id, first_at, first_settled, last_settled FROM usage_pack
         WHERE tenant_id = $1 AND last_at >= $2 AND first_at < $3
         ORDER BY first_at, id";
    Ledger BILLED_EVENTS(
        tenant: Id, from: Int, from_id: Id, to: Int, settled_after: Int, settled_to: Int, pattern: Text, limit: Int,
    ) =
        "SELECT id, at, operation, project_id, team_id, key_id, user_id, quantities, settled FROM usage_event
         WHERE tenant_id = $1 AND (at, id) > ($2, $3) AND at < $4 AND settled > $5 AND settled <= $6
             AND quantities LIKE $7 ESCAPE '!'
         ORDER BY at, id LIMIT $8";
    Ledger HOLD(tenant: Id, id: Id) =
        "SELECT limit_name, hold_key, until, begun_at, expires_at, ended_at FROM hold
         WHERE tenant_id = $1 AND id = $2 AND limit_name <> ''";
    Ledger CROSSINGS(tenant: Id, from: Int) =
        "SELECT limit_name, subject, period_start, level, crossed_at FROM threshold_crossing
         WHERE tenant_id = $1 AND crossed_at >= $2
         ORDER BY crossed_at DESC, limit_name, level DESC";
}

row! {
    /// An event as it stands in the ledger.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub(crate) struct EventRow {
        pub(crate) id: Uuid,
        pub(crate) at: Instant,
        pub(crate) received_at: Option<Instant>,
        pub(crate) kind: String,
        pub(crate) operation: String,
        pub(crate) source: Option<String>,
        pub(crate) subject: Option<String>,
        pub(crate) project: Option<ProjectId>,
        pub(crate) team: Option<TeamId>,
        pub(crate) key: Option<KeyId>,
        pub(crate) user: Option<UserId>,
        pub(crate) service: Option<ServiceId>,
        pub(crate) environment: i64,
        pub(crate) quantities: String,
        pub(crate) groups: Option<String>,
        pub(crate) data: Option<String>,
        pub(crate) reserved: Option<String>,
        pub(crate) checks: Option<Vec<u8>>,
        pub(crate) blueprint: Option<i64>,
        pub(crate) status: i64,
        pub(crate) outcome: String,
        pub(crate) recovered: bool,
        pub(crate) bytes_in: i64,
        pub(crate) bytes_out: i64,
        pub(crate) duration_us: i64,
        pub(crate) settled: i64,
    }
}

row! {
    /// An event as what was billed for it is explained.
    pub(crate) struct BilledRow {
        pub(crate) id: Uuid,
        pub(crate) at: Instant,
        pub(crate) operation: String,
        pub(crate) project: Option<ProjectId>,
        pub(crate) team: Option<TeamId>,
        pub(crate) key: Option<KeyId>,
        pub(crate) user: Option<UserId>,
        pub(crate) quantities: String,
        pub(crate) settled: i64,
    }
}

row! {
    /// A hold that goes on.
    pub(crate) struct HoldRow {
        pub(crate) org: OrgId,
        pub(crate) id: HoldId,
        pub(crate) limit: String,
        pub(crate) key: Option<String>,
        pub(crate) project: Option<ProjectId>,
        pub(crate) team: Option<TeamId>,
        pub(crate) api_key: Option<KeyId>,
        pub(crate) until: Option<String>,
        pub(crate) begun_at: Option<Instant>,
        pub(crate) expires_at: Option<Instant>,
    }
}

row! {
    /// A hold of an organization, ended ones included.
    pub(crate) struct TakenHoldRow {
        pub(crate) limit: String,
        pub(crate) key: Option<String>,
        pub(crate) until: Option<String>,
        pub(crate) begun_at: Option<Instant>,
        pub(crate) expires_at: Option<Instant>,
        pub(crate) ended_at: Option<Instant>,
    }
}

row! {
    /// A sum of a window.
    pub(crate) struct RollupRow {
        pub(crate) meter: String,
        pub(crate) span: String,
        pub(crate) start: Instant,
        pub(crate) quantity: i64,
        pub(crate) events: i64,
        pub(crate) digest: i64,
    }
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
            Ok(CurrentUsage { org, meter, window: step(&span)?, start, quantity })
        })
        .collect()
}

/// Sums of one day each, of those organizations that have any.
pub(crate) async fn of_day(
    tx: &mut PlatformTx,
    days: impl Iterator<Item = (OrgId, Instant)>,
    meter: &str,
) -> StoreResult<Vec<(OrgId, Quantity)>> {
    let meter: Arc<str> = meter.into();
    let rows = days
        .flat_map(|(org, day)| [org.into(), Arc::clone(&meter).into(), Step::Day.text().into(), day.into()]);
    tx.fetch_rows(&OF_DAY, rows.collect()).await
}

/// What all organizations used together in the windows that begin in a stretch of time, those that have any. Meters that
/// add up.
pub(crate) async fn rollups_of_all(
    tx: &mut PlatformTx,
    meter: &str,
    step: Step,
    period: Period,
) -> StoreResult<Vec<(Instant, i64)>> {
    let values = args![meter, step.text(), period.start, period.end];
    let rows: Vec<(Instant, i64, i64)> = tx.fetch_all(&ROLLUPS_OF_ALL, values).await?;
    Ok(rows.into_iter().map(|(start, high, low)| (start, joined(high, low))).collect())
}

/// What each organization used in them, in no order.
pub(crate) async fn orgs_of_all(
    tx: &mut PlatformTx,
    meter: &str,
    step: Step,
    period: Period,
) -> StoreResult<Vec<(OrgId, i64)>> {
    let values = args![meter, step.text(), period.start, period.end];
    let rows: Vec<(OrgId, i64, i64)> = tx.fetch_all(&ORGS_OF_ALL, values).await?;
    Ok(rows.into_iter().map(|(org, high, low)| (org, joined(high, low))).collect())
}

/// A number that was summed up in two parts, kept within what can be represented.
fn joined(high: i64, low: i64) -> i64 {
    i64::try_from((i128::from(high) << 32) + i128::from(low)).unwrap_or(i64::MAX)
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// What was used of each of these, in their order; of minutes that only a part of lies in a period, all of it.
pub(crate) async fn totals(tx: &mut PlatformTx, wanted: &[Wanted]) -> StoreResult<Vec<i64>> {
    let stretches: Vec<_> = wanted.iter().map(|one| pieces(one.period, Step::Minute)).collect();
    summed(tx, wanted, &stretches).await
}

/// What was used of each of these to the microsecond, in their order. Meters that add up.
pub(crate) async fn exact_totals(tx: &mut PlatformTx, wanted: &[Wanted]) -> StoreResult<Vec<i64>> {
    let (stretches, edges): (Vec<_>, Vec<_>) = wanted.iter().map(|one| exact(one.period)).unzip();
    let mut totals = summed(tx, wanted, &stretches).await?;
    let edges: Vec<(i64, OrgId, Period)> = (wanted.iter().zip(edges).enumerate())
        .flat_map(|(index, (one, edges))| edges.into_iter().map(move |edge| (number(index), one.org, edge)))
        .collect();
    let rows = edges.iter().flat_map(|(index, org, Period { start, end })| args![*index, *org, *start, *end]);
    let rows: Vec<(i64, Uuid, String)> = tx.fetch_rows(&EDGES, rows.collect()).await?;
    let packed = packed_edges(tx, &edges).await?;
    let events: BTreeMap<(i64, Uuid), String> =
        rows.into_iter().chain(packed).map(|(index, id, quantities)| ((index, id), quantities)).collect();
    for ((index, _), quantities) in events {
        let Some(index) = usize::try_from(index).ok().filter(|index| *index < wanted.len()) else { continue };
        let parts = settle::quantities(&quantities)
            .ok_or_else(|| StoreError::Failed("the quantities of an event can't be read".to_owned()))?;
        let counted = parts.iter().find(|part| part.meter == wanted[index].meter && part.fold == Fold::Add);
        totals[index] = totals[index].saturating_add(counted.map_or(0, |part| part.quantity));
    }
    Ok(totals)
}

/// The sums of the windows that these stretches are made of, for each in its order.
async fn summed(
    tx: &mut PlatformTx,
    wanted: &[Wanted],
    stretches: &[Vec<(Step, Period)>],
) -> StoreResult<Vec<i64>> {
    let mut rows = Vec::new();
    for (index, (one, stretches)) in wanted.iter().zip(stretches).enumerate() {
        for (step, piece) in stretches {
            let meter = Arc::clone(&one.meter);
            rows.extend(args![number(index), one.org, meter, step.text(), piece.start, piece.end]);
        }
    }
    let parts: Vec<(i64, i64, i64)> = tx.fetch_rows(&TOTALS, rows).await?;
    let mut totals = vec![0_i64; wanted.len()];
    for (index, high, low) in parts {
        if let Some(total) = usize::try_from(index).ok().and_then(|index| totals.get_mut(index)) {
            *total = total.saturating_add(joined(high, low));
        }
    }
    Ok(totals)
}

/// What was used of one of several in one series: its position, what its events have in common, as JSON, and how much.
pub(crate) type SeriesSum = (usize, String, i64);

/// What was used of each of these, by series; a series may come more than once.
pub(crate) async fn series_of(tx: &mut PlatformTx, wanted: &[Wanted]) -> StoreResult<Vec<SeriesSum>> {
    let mut rows = Vec::new();
    for (index, one) in wanted.iter().enumerate() {
        let Period { start, end } = Step::Hour.whole(one.period);
        let meter = Arc::clone(&one.meter);
        rows.extend([number(index).into(), one.org.into(), meter.into(), start.into(), end.into()]);
    }
    let parts: Vec<(i64, String, i64, i64)> = tx.fetch_rows(&SERIES_OF, rows).await?;
    let sum = |(index, dims, high, low)| Some((usize::try_from(index).ok()?, dims, joined(high, low)));
    Ok(parts.into_iter().filter_map(sum).collect())
}

/// Holds that go on at this instant.
pub(crate) async fn active_holds(tx: &mut PlatformTx, now: Instant) -> StoreResult<Vec<HoldRow>> {
    tx.fetch_all(&ACTIVE_HOLDS, args![now]).await
}

/// Removes holds that were over before an instant, so many at most, and says how many there were.
pub(crate) async fn forget_holds(tx: &mut PlatformTx, before: Instant, limit: u32) -> StoreResult<u64> {
    tx.execute(&FORGET_HOLDS, args![before, limit]).await
}

/// The organizations that used anything on the days that begin in a half-open stretch of time, with those days.
pub(crate) async fn orgs_of_days(
    tx: &mut PlatformTx,
    from: Instant,
    to: Instant,
) -> StoreResult<Vec<(OrgId, Instant)>> {
    tx.fetch_all(&ORGS_OF_DAYS, args![from, to]).await
}

/// An event as a check needs it: when, which, what it is charged, as JSON, and its number.
pub(crate) type CheckedEvent = (Instant, Uuid, String, i64);

/// The next events of an organization in the order of time, after this one and before that instant.
pub(crate) async fn day_events(
    tx: &mut PlatformTx,
    org: OrgId,
    after: (Instant, Uuid),
    to: Instant,
    limit: u32,
) -> StoreResult<Vec<CheckedEvent>> {
    let rows: Vec<CheckedEvent> = tx.fetch_all(&DAY_EVENTS, args![org, after.0, after.1, to, limit]).await?;
    let mut events = Merged::new(rows.into_iter().map(|event| ((event.0, event.1), event)), limit);
    for head in packs_in(tx, org, Period { start: after.0, end: to }).await? {
        if events.is_full_before(&head) {
            break;
        }
        let packed = pack(tx, org, head.id).await?;
        events.add(packed, after, to, |event| Some((event.at, event.id, event.quantities, event.settled)));
    }
    Ok(events.into_events())
}

/// The meters that an organization used on the day that begins then.
pub(crate) async fn day_meters(tx: &mut PlatformTx, org: OrgId, day: Instant) -> StoreResult<Vec<String>> {
    let meters: Vec<(String,)> = tx.fetch_all(&DAY_METERS, args![org, day]).await?;
    Ok(meters.into_iter().map(|(meter,)| meter).collect())
}

/// The sums of an organization on these meters, of all windows that begin in this period.
pub(crate) async fn day_rollups(
    tx: &mut PlatformTx,
    org: OrgId,
    meters: &[Arc<str>],
    day: Period,
) -> StoreResult<Vec<RollupRow>> {
    let rows = meters.iter().flat_map(|meter| {
        Step::ALL
            .into_iter()
            .flat_map(move |step| args![org, Arc::clone(meter), step.text(), day.start, day.end])
    });
    tx.fetch_rows(&DAY_ROLLUPS, rows.collect()).await
}

/// The sums of an organization on these meters, of the series of hours that begin in this period: meter, hour, quantity,
/// events.
pub(crate) async fn day_series(
    tx: &mut PlatformTx,
    org: OrgId,
    meters: &[Arc<str>],
    day: Period,
) -> StoreResult<Vec<(String, Instant, i64, i64)>> {
    let rows = meters.iter().flat_map(|meter| args![org, Arc::clone(meter), day.start, day.end]);
    tx.fetch_rows(&DAY_SERIES, rows.collect()).await
}

/// What some steps, one after the other, come to.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    /// How they go together, as it stands in the ledger.
    fold: i64,
    pub(crate) quantity: Quantity,
}

impl Sum {
    /// With what comes later.
    pub(crate) fn then(self, later: Self) -> Self {
        let (known, units) = (self.quantity.units(), later.quantity.units());
        let is = |kind: Kind| later.fold == i64::from(kind.code());
        let units = if is(Kind::Max) {
            known.max(units)
        } else if is(Kind::Last) {
            units
        } else {
            known.saturating_add(units)
        };
        Self { quantity: Quantity::from_units(units), ..later }
    }

    /// Whether different values are counted, so that several sums don't add up.
    pub(crate) fn counts_values(self) -> bool {
        self.fold == i64::from(Kind::Unique.code())
    }
}

/// How many different values a meter had in the steps of this kind that begin in a period.
pub(crate) async fn values(
    tx: &mut TenantTx,
    meter: &str,
    step: Step,
    period: Period,
) -> StoreResult<Quantity> {
    let counted = tx.fetch_one(&VALUES_COUNTED, args![meter, step.text(), period.start, period.end]).await?;
    let (values,): (i64,) = counted;
    Ok(Quantity::from_units(values))
}

/// What series came to in the hours that begin in a period: what their events have in common, as JSON, how much, and how
/// many events.
pub(crate) async fn series_sums(
    tx: &mut TenantTx,
    meter: &str,
    period: Period,
    limit: u32,
) -> StoreResult<Vec<(String, i64, i64)>> {
    let rows: Vec<(String, i64, i64, i64)> =
        tx.fetch_all(&SERIES_SUMS, args![meter, period.start, period.end, limit]).await?;
    Ok(rows.into_iter().map(|(dims, high, low, events)| (dims, joined(high, low), events)).collect())
}

/// Sums of the windows that begin in a half-open stretch of time, those that have any, in their order.
pub(crate) async fn rollups(
    tx: &mut TenantTx,
    meter: &str,
    step: Step,
    from: Instant,
    to: Instant,
) -> StoreResult<Vec<(Instant, Sum)>> {
    let rows: Vec<(Instant, i64, Quantity)> =
        tx.fetch_all(&ROLLUPS, args![meter, step.text(), from, to]).await?;
    Ok(rows.into_iter().map(|(start, fold, quantity)| (start, Sum { fold, quantity })).collect())
}

/// When each key of the organization was last used, of those with ids in this range, ends included.
pub(crate) async fn key_uses(
    tx: &mut TenantTx,
    first: KeyId,
    last: KeyId,
) -> StoreResult<Vec<(KeyId, Instant)>> {
    tx.fetch_all(&KEY_USES, args![first, last]).await
}

/// An event of the organization.
pub(crate) async fn event(tx: &mut TenantTx, id: Uuid) -> StoreResult<Option<EventRow>> {
    match tx.fetch_optional(&EVENT, args![id]).await? {
        Some(event) => Ok(Some(event)),
        None => packed_event(tx, id).await,
    }
}

/// A hold of the organization whose beginning is known.
pub(crate) async fn hold(tx: &mut TenantTx, id: HoldId) -> StoreResult<Option<TakenHoldRow>> {
    tx.fetch_optional(&HOLD, args![id]).await
}

/// Levels that were crossed at this instant or later, the latest first: limit, subject, period's start, level, when.
pub(crate) async fn crossings(
    tx: &mut TenantTx,
    from: Instant,
) -> StoreResult<Vec<(String, String, Instant, i64, Instant)>> {
    tx.fetch_all(&CROSSINGS, args![from]).await
}

/// Sums of the series of the hours that begin in a half-open stretch of time: the hour, the dimensions, how much, and when
/// the latest was.
pub(crate) async fn series(
    tx: &mut TenantTx,
    meter: &str,
    from: Instant,
    to: Instant,
    limit: u32,
) -> StoreResult<Vec<(Instant, String, i64, Instant)>> {
    tx.fetch_all(&SERIES, args![meter, from, to, limit]).await
}
