//! Reading what is billed.

use super::{
    BEYOND, BilledRow, EventRow, FORGET_LATE, LATE_DAYS, MEMBERS, MEMBERS_OF, METERS_OF, PIECES, SETTLED,
    archive::{Merged, pack_of, packs_of},
    query::BILLED_EVENTS,
};
use crate::usage::Step;
use insula_kernel::Period;
use insula_kernel::{Instant, OrgId};
use insula_storage::{PlatformTx, StoreResult, TenantTx, args};
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

/// A sum of a window: fold, quantity, events, digest, when the latest was.
pub(crate) type Piece = (i64, i64, i64, i64, Instant);

/// The number of the last settled event, which stays the last until the transaction ends.
pub(crate) async fn settled(tx: &mut PlatformTx) -> StoreResult<i64> {
    let (last,) = tx.fetch_one(&SETTLED, args![]).await?;
    Ok(last)
}

/// The sums of all windows of these stretches.
pub(crate) async fn pieces(
    tx: &mut PlatformTx,
    org: OrgId,
    meter: &Arc<str>,
    stretches: &[(Step, Period)],
) -> StoreResult<Vec<Piece>> {
    let rows = stretches
        .iter()
        .flat_map(|(step, Period { start, end })| args![org, Arc::clone(meter), step.text(), *start, *end]);
    tx.fetch_rows(&PIECES, rows.collect()).await
}

/// How many different values these stretches have between them.
pub(crate) async fn member_count(
    tx: &mut PlatformTx,
    org: OrgId,
    meter: &Arc<str>,
    stretches: &[(Step, Period)],
) -> StoreResult<i64> {
    let mut values = args![org, Arc::clone(meter)];
    for (step, most) in [(Step::Day, 1), (Step::Hour, 2), (Step::Minute, 2)] {
        let of_step = stretches.iter().filter(|(other, _)| *other == step);
        let mut bounds: Vec<Instant> = of_step.flat_map(|(_, piece)| [piece.start, piece.end]).collect();
        bounds.resize(2 * most, Instant::from_secs(0));
        values.extend(bounds.into_iter().map(Into::into));
    }
    let (count,) = tx.fetch_one(&MEMBERS, values).await?;
    Ok(count)
}

/// Which of these values any of these stretches has.
pub(crate) async fn members_of(
    tx: &mut PlatformTx,
    org: OrgId,
    meter: &Arc<str>,
    stretches: &[(Step, Period)],
    members: &BTreeSet<[u8; 16]>,
) -> StoreResult<BTreeSet<Vec<u8>>> {
    let mut rows = Vec::new();
    for (step, Period { start, end }) in stretches {
        for member in members {
            rows.extend(args![org, Arc::clone(meter), step.text(), *start, *end, member.as_slice()]);
        }
    }
    let found: Vec<(Vec<u8>,)> = tx.fetch_rows(&MEMBERS_OF, rows).await?;
    Ok(found.into_iter().map(|(member,)| member).collect())
}

/// The meters that were used on any of these days.
pub(crate) async fn meters_of(
    tx: &mut PlatformTx,
    org: OrgId,
    days: impl Iterator<Item = Instant>,
) -> StoreResult<BTreeSet<String>> {
    let rows = days.flat_map(|day| args![org, day]).collect();
    let meters: Vec<(String,)> = tx.fetch_rows(&METERS_OF, rows).await?;
    Ok(meters.into_iter().map(|(meter,)| meter).collect())
}

/// The windows that begin in this period and whose quantity is above this.
pub(crate) async fn beyond(
    tx: &mut PlatformTx,
    org: OrgId,
    meter: &str,
    step: Step,
    period: Period,
    bound: i64,
) -> StoreResult<Vec<(Instant, i64)>> {
    tx.fetch_all(&BEYOND, args![org, meter, step.text(), period.start, period.end, bound]).await
}

/// The days before this instant that late events lie in.
pub(crate) async fn late_days(tx: &mut PlatformTx, org: OrgId, before: Instant) -> StoreResult<Vec<Instant>> {
    let days: Vec<(Instant,)> = tx.fetch_all(&LATE_DAYS, args![org, before]).await?;
    Ok(days.into_iter().map(|(day,)| day).collect())
}

/// Forgets that late events lie in this day.
pub(crate) async fn forget_late(tx: &mut PlatformTx, org: OrgId, day: Instant) -> StoreResult<()> {
    tx.execute(&FORGET_LATE, args![org, day]).await.map(drop)
}

/// The next events of a period after this one, of those settled under these numbers (after, up to) that may count on a
/// meter, in the order of time.
pub(crate) async fn billed_events(
    tx: &mut TenantTx,
    after: (Instant, Uuid),
    to: Instant,
    settled: (i64, i64),
    meter: &str,
    limit: u32,
) -> StoreResult<Vec<BilledRow>> {
    let named = format!("{}:", serde_json::Value::from(meter));
    let values = args![after.0, after.1, to, settled.0, settled.1, pattern(&named), limit];
    let rows: Vec<BilledRow> = tx.fetch_all(&BILLED_EVENTS, values).await?;
    let mut events = Merged::new(rows.into_iter().map(|event| ((event.at, event.id), event)), limit);
    for head in packs_of(tx, Period { start: after.0, end: to }).await? {
        if events.is_full_before(&head) {
            break;
        }
        if head.meets(settled) {
            let packed = pack_of(tx, head.id).await?;
            events.add(packed, after, to, |event| {
                let counts = event.settled > settled.0 && event.settled <= settled.1;
                (counts && event.quantities.contains(&named)).then(|| event.into())
            });
        }
    }
    Ok(events.into_events())
}

/// What texts look like that have this in them.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

impl From<EventRow> for BilledRow {
    fn from(event: EventRow) -> Self {
        let EventRow { id, at, operation, project, team, key, user, quantities, settled, .. } = event;
        Self { id, at, operation, project, team, key, user, quantities, settled }
    }
}
