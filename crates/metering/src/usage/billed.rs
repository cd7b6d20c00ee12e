//! What billing asks: how much was used in a period, exactly, and which events that was.
//!
//! What must always hold: figures of periods that meet add up to that of the whole, and the digest of a figure is that of
//! the events that are listed for it. Both cover what is settled. Events are numbered in the order in which they are
//! settled, without gaps, so a period and a range of numbers name a set of events that never changes again.

use super::{EARLIEST, LATEST, Step, step::exact};
use crate::{
    log::Fold,
    settle::{self, DIGEST_MASK, Kind, Part, Sum, counted_at, digest},
    store,
};
use insula_kernel::{EventId, Instant, KeyId, OrgId, Period, ProjectId, TeamId, UserId};
use insula_storage::{PlatformTx, StoreError, StoreResult, TenantTx};
use schemars::JsonSchema;
use serde::Serialize;
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

/// How many events are read at once.
const EVENTS: u32 = 10_000;

/// What was used of a meter in a period: exact to the microsecond, its events as a set.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Figure {
    /// How much, in the meter's smallest units; of a meter that counts different values, how many there are.
    pub units: i64,
    /// How many events.
    pub events: i64,
    /// Which events: [`digest_of`] their ids.
    pub digest: i64,
}

/// The digest of a set of events, by their ids in any order. Digests of disjoint sets add up, modulo 2^62.
pub fn digest_of(ids: impl IntoIterator<Item = Uuid>) -> i64 {
    ids.into_iter().fold(0, joined)
}

/// The number of the last settled event; 0 where there is none. Until the transaction ends, which must be one that writes,
/// nothing more is settled: what it reads are the events up to this number. It should come first in a transaction.
pub async fn settled(tx: &mut PlatformTx) -> StoreResult<i64> {
    store::settled(tx).await
}

/// What an organization used of a meter in a period.
///
/// Whole minutes come from their sums, what is left at the period's ends from the events themselves.
pub async fn figure(tx: &mut PlatformTx, org: OrgId, meter: &str, period: Period) -> StoreResult<Figure> {
    let (stretches, edges) = exact(within(period));
    let meter: Arc<str> = meter.into();
    let mut total: Option<Sum> = None;
    let mut add = |sum: Sum| match &mut total {
        None => total = Some(sum),
        Some(total) => total.add(&sum),
    };
    for (code, quantity, events, digest, last_at) in store::pieces(tx, org, &meter, &stretches).await? {
        let kind = Kind::of_code(code)
            .ok_or_else(|| StoreError::Failed(format!("a sum of an unknown kind: {code}")))?;
        add(Sum { kind, quantity, events, digest, last_at });
    }
    let mut members = BTreeSet::new();
    for edge in edges {
        for (at, id, part) in events_of(tx, org, &meter, edge).await? {
            add(Sum::one(part.fold, part.quantity, digest(id), at));
            if let Fold::Unique(member) = part.fold {
                members.insert(member);
            }
        }
    }
    let Some(Sum { kind, mut quantity, events, digest, .. }) = total else { return Ok(Figure::default()) };
    if kind == Kind::Unique {
        let known = store::members_of(tx, org, &meter, &stretches, &members).await?;
        members.retain(|member| !known.contains(member.as_slice()));
        let new = i64::try_from(members.len()).unwrap_or(i64::MAX);
        quantity = store::member_count(tx, org, &meter, &stretches).await?.saturating_add(new);
    }
    Ok(Figure { units: quantity, events, digest })
}

/// The part of the period in which usage can lie.
fn within(period: Period) -> Period {
    Period { start: period.start.max(EARLIEST), end: period.end.min(LATEST) }
}

/// What the events of a short stretch charge of a meter.
async fn events_of(
    tx: &mut PlatformTx,
    org: OrgId,
    meter: &str,
    stretch: Period,
) -> StoreResult<Vec<(Instant, Uuid, Part)>> {
    let mut found = Vec::new();
    let mut after = (stretch.start, Uuid::nil());
    loop {
        let events = store::day_events(tx, org, after, stretch.end, EVENTS).await?;
        for (at, id, quantities, _) in &events {
            found.extend(part_of(*id, quantities, meter)?.map(|part| (*at, *id, part)));
        }
        match events.last() {
            Some((at, id, ..)) if events.len() >= EVENTS as usize => after = (*at, *id),
            _ => return Ok(found),
        }
    }
}

/// What an event charges of a meter, if anything.
fn part_of(id: Uuid, quantities: &str, meter: &str) -> StoreResult<Option<Part>> {
    Ok(parts(id, quantities)?.into_iter().find(|part| &*part.meter == meter))
}

/// What an event charges, by meter.
fn parts(id: Uuid, quantities: &str) -> StoreResult<Vec<Part>> {
    settle::quantities(quantities)
        .ok_or_else(|| StoreError::Failed(format!("the quantities of the event {id} can't be read")))
}

/// An event as it stands beside the lines of an invoice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When it happened.
    pub at: Instant,
    /// Which it is.
    pub id: Uuid,
    /// Its number in the order in which events were settled.
    pub settled: i64,
    /// The meters that it counts on.
    pub meters: Vec<Arc<str>>,
}

/// The next events of an organization in a period, in the order of time, after this one; none when there are no more.
pub async fn entries(
    tx: &mut PlatformTx,
    org: OrgId,
    period: Period,
    after: Option<(Instant, Uuid)>,
) -> StoreResult<Vec<Entry>> {
    let after = after.unwrap_or((period.start, Uuid::nil()));
    let events = store::day_events(tx, org, after, period.end, EVENTS).await?;
    let entry = |(at, id, quantities, settled): store::CheckedEvent| {
        let meters = parts(id, &quantities)?.into_iter().map(|part| part.meter).collect();
        Ok(Entry { at, id, settled, meters })
    };
    events.into_iter().map(entry).collect()
}

/// The digest of a set of events, of which this is the digest, with one more.
#[must_use]
pub fn joined(of_the_others: i64, id: Uuid) -> i64 {
    (of_the_others + digest(id)) & DIGEST_MASK
}

/// The meters that an organization used on any of the days, in UTC, that have a part in the period, in the order of their
/// names.
pub async fn meters(tx: &mut PlatformTx, org: OrgId, period: Period) -> StoreResult<Vec<String>> {
    let whole = Step::Day.whole(within(period));
    let next = |day: &Instant| Some(*day + Step::Day.span());
    let days = std::iter::successors(Some(whole.start), next).take_while(|day| *day < whole.end);
    Ok(store::meters_of(tx, org, days).await?.into_iter().collect())
}

/// The whole windows of this step that begin in the period and in which more than the bound was used, with how much, in
/// the order of time.
pub async fn beyond(
    tx: &mut PlatformTx,
    org: OrgId,
    meter: &str,
    step: Step,
    period: Period,
    bound: i64,
) -> StoreResult<Vec<(Instant, i64)>> {
    store::beyond(tx, org, meter, step, within(period), bound).await
}

/// The days before this instant, in UTC, that events were added to more than half an hour late, in the order of time.
pub async fn late_days(tx: &mut PlatformTx, org: OrgId, before: Instant) -> StoreResult<Vec<Instant>> {
    store::late_days(tx, org, before).await
}

/// Forgets that events were added to these days late. Those that are added later still are noted again, so
/// [`settled`] must have been called before what the days come to was looked at, in the same transaction.
pub async fn forget_late(tx: &mut PlatformTx, org: OrgId, days: &[Instant]) -> StoreResult<()> {
    for day in days {
        store::forget_late(tx, org, *day).await?;
    }
    Ok(())
}

/// An event behind a figure.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct BilledEvent {
    /// The event; a request's has the digits of the request.
    pub id: EventId,
    /// When it happened.
    pub at: Instant,
    /// The route, or the type that was reported.
    pub operation: String,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// The team it counts for.
    pub team: Option<TeamId>,
    /// The API key that was used.
    pub key: Option<KeyId>,
    /// The person who acted.
    pub user: Option<UserId>,
    /// What it counts on the meter, in the meter's smallest units; 0 where different values are counted.
    pub units: i64,
    /// Where different values are counted, what stands for this event's: the same for the same value.
    pub value: Option<String>,
    /// Its number in the order in which events were settled, over all organizations.
    pub settled: i64,
}

impl BilledEvent {
    /// Where it stands in the order of a list: what the next page begins after.
    #[must_use]
    pub const fn position(&self) -> (Instant, Uuid) {
        (self.at, self.id.uuid())
    }

    fn new(row: store::BilledRow, part: &Part) -> Self {
        let store::BilledRow { id, at, operation, project, team, key, user, settled, .. } = row;
        let value = match part.fold {
            Fold::Unique(member) => Some(Uuid::from_bytes(member).simple().to_string()),
            Fold::Add | Fold::Max | Fold::Last => None,
        };
        let id = EventId::from_uuid(id);
        Self { id, at, operation, project, team, key, user, units: part.quantity, value, settled }
    }
}

/// The events of the organization that count on a meter, of a period and with numbers after the first of these and up to
/// the second, in the order of time and id; at most so many, after this position. Fewer than asked for: there are no more.
pub async fn events(
    tx: &mut TenantTx,
    meter: &str,
    period: Period,
    settled: (i64, i64),
    after: Option<(Instant, Uuid)>,
    limit: u32,
) -> StoreResult<Vec<BilledEvent>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for stretch in used_hours(tx, meter, period, after).await? {
        let mut from = (stretch.start, Uuid::nil());
        if let Some(after) = after {
            from = from.max(after);
        }
        loop {
            let wanted = limit - found.len();
            if wanted == 0 {
                return Ok(found);
            }
            let rows = store::billed_events(
                tx,
                from,
                stretch.end,
                settled,
                meter,
                u32::try_from(wanted).unwrap_or(u32::MAX),
            )
            .await?;
            let is_last = rows.len() < wanted;
            if let Some(last) = rows.last() {
                from = (last.at, last.id);
            }
            for row in rows {
                if let Some(part) = part_of(row.id, &row.quantities, meter)? {
                    found.push(BilledEvent::new(row, &part));
                }
            }
            if is_last {
                break;
            }
        }
    }
    Ok(found)
}

/// The stretches of a period in whose every hour there are events that count on the meter, after this position: a meter that
/// is seldom used isn't searched for in all that was used.
async fn used_hours(
    tx: &mut TenantTx,
    meter: &str,
    period: Period,
    after: Option<(Instant, Uuid)>,
) -> StoreResult<Vec<Period>> {
    let mut period = within(period);
    if let Some((at, _)) = after {
        period.start = period.start.max(counted_at(at));
    }
    let whole = Step::Hour.whole(period);
    let mut stretches: Vec<Period> = Vec::new();
    for (start, _) in store::rollups(tx, meter, Step::Hour, whole.start, whole.end).await? {
        let end = (start + Step::Hour.span()).min(period.end);
        match stretches.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => stretches.push(Period { start: start.max(period.start), end }),
        }
    }
    // What makes no sense for its time counts at the beginning of time, and is listed there.
    if let Some(first) = stretches.first_mut()
        && first.start == EARLIEST
    {
        first.start = Instant::from_micros(i64::MIN);
    }
    Ok(stretches)
}
