//! Events in packs: writing them, and reading them beside those that have rows.
//!
//! Rows are read before packs: what is moved in between is then seen twice, never missed, and put together by its id.

use super::{
    ADD_TO_PLACES, FIND_PACKED, HAVE_ROWS_BEFORE, INSERT_PACK, NEXT_ROWS, PACK, PACKS_AT, PACKS_IN, PLACES,
    REMOVE_ROWS,
    query::{EventRow, PACK_OF, PACKS_OF, PACKS_WITH},
};
use crate::{
    archive::{Places, pack},
    settle::Event,
};
use insula_kernel::{Instant, OrgId, Period};
use insula_storage::{PlatformTx, StoreError, StoreResult, TenantTx, args, row};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

row! {
    /// What a pack is known by.
    #[derive(Clone, Copy)]
    pub(super) struct PackHead {
        pub(super) id: Uuid,
        first_at: Instant,
        first_settled: i64,
        last_settled: i64,
    }
}

/// A pack as it stands: body, checksum, how many events, their digest.
type PackRow = (Vec<u8>, Vec<u8>, i64, i64);

fn unpack((body, sum, events, digest): &PackRow) -> StoreResult<Vec<EventRow>> {
    pack::decode(body, sum, *events, *digest)
}

impl PackHead {
    /// Whether some of its events may have numbers after the first of these and up to the second.
    pub(super) const fn meets(&self, (after, to): (i64, i64)) -> bool {
        self.last_settled > after && self.first_settled <= to
    }
}

impl EventRow {
    /// Roughly how much text it comes to.
    pub(crate) fn text_bytes(&self) -> usize {
        let texts = [&self.groups, &self.data, &self.reserved, &self.source, &self.subject];
        300 + self.quantities.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// The events of a page: the first so many in the order of time and id, wherever they stand.
pub(super) struct Merged<T> {
    found: BTreeMap<(Instant, Uuid), T>,
    most: usize,
}

impl<T> Merged<T> {
    pub(super) fn new(rows: impl Iterator<Item = ((Instant, Uuid), T)>, most: u32) -> Self {
        Self { found: rows.collect(), most: usize::try_from(most).unwrap_or(usize::MAX) }
    }

    /// Whether no event from this instant on could be among them. To be asked for packs in the order of their beginnings.
    pub(super) fn is_full_before(&self, head: &PackHead) -> bool {
        let last = self.found.last_key_value();
        self.found.len() >= self.most && last.is_some_and(|((at, _), _)| *at < head.first_at)
    }

    /// Takes in what a pack has of the stretch after a position and before an instant.
    pub(super) fn add(
        &mut self,
        events: Vec<EventRow>,
        after: (Instant, Uuid),
        to: Instant,
        take: impl Fn(EventRow) -> Option<T>,
    ) {
        for event in events {
            let place = (event.at, event.id);
            if place > after && event.at < to {
                self.found.extend(take(event).map(|taken| (place, taken)));
            }
        }
        while self.found.len() > self.most {
            self.found.pop_last();
        }
    }

    pub(super) fn into_events(self) -> Vec<T> {
        self.found.into_values().collect()
    }
}

/// The packs of an organization that may have events of a stretch, in the order of their beginnings.
pub(super) async fn packs_in(tx: &mut PlatformTx, org: OrgId, stretch: Period) -> StoreResult<Vec<PackHead>> {
    tx.fetch_all(&PACKS_IN, args![org, stretch.start, stretch.end]).await
}

/// The same within the organization.
pub(super) async fn packs_of(tx: &mut TenantTx, stretch: Period) -> StoreResult<Vec<PackHead>> {
    tx.fetch_all(&PACKS_OF, args![stretch.start, stretch.end]).await
}

/// The events of a pack.
pub(crate) async fn pack(tx: &mut PlatformTx, org: OrgId, id: Uuid) -> StoreResult<Vec<EventRow>> {
    unpack(&tx.fetch_one(&PACK, args![org, id]).await?)
}

/// The same within the organization.
pub(super) async fn pack_of(tx: &mut TenantTx, id: Uuid) -> StoreResult<Vec<EventRow>> {
    unpack(&tx.fetch_one(&PACK_OF, args![id]).await?)
}

/// An event of the organization that stands in a pack.
pub(super) async fn packed_event(tx: &mut TenantTx, id: Uuid) -> StoreResult<Option<EventRow>> {
    let packs: Vec<(Uuid,)> = tx.fetch_all(&PACKS_WITH, args![id]).await?;
    for (pack,) in packs {
        let events = pack_of(tx, pack).await?;
        if let Some(event) = events.into_iter().find(|event| event.id == id) {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

/// What packed events of these stretches are charged: the position of the stretch, the event, and the quantities, as JSON.
pub(super) async fn packed_edges(
    tx: &mut PlatformTx,
    edges: &[(i64, OrgId, Period)],
) -> StoreResult<Vec<(i64, Uuid, String)>> {
    let rows = edges.iter().flat_map(|&(number, org, Period { start, end })| args![number, org, start, end]);
    let mut packs: Vec<(OrgId, Uuid)> = tx.fetch_rows(&PACKS_AT, rows.collect()).await?;
    packs.sort_unstable();
    packs.dedup();
    let mut found = Vec::new();
    for (org, id) in packs {
        let events = pack(tx, org, id).await?;
        for &(number, _, edge) in edges.iter().filter(|(_, whose, _)| *whose == org) {
            let within = events.iter().filter(|event| edge.contains(event.at));
            found.extend(within.map(|event| (number, event.id, event.quantities.clone())));
        }
    }
    Ok(found)
}

/// Which of these events stand in packs. Nearly always none: packs are looked into only where they have ids as late as
/// the earliest of an organization's.
pub(crate) async fn packed_among(
    tx: &mut PlatformTx,
    events: impl Iterator<Item = &Event>,
) -> StoreResult<HashSet<(OrgId, Uuid)>> {
    let mut wanted: HashMap<OrgId, HashSet<Uuid>> = HashMap::new();
    for event in events.filter(|event| event.key().is_none()) {
        wanted.entry(event.org).or_default().insert(event.id);
    }
    let bounds = wanted.iter().filter_map(|(org, ids)| Some((*org, *ids.iter().min()?, *ids.iter().max()?)));
    let rows = bounds.flat_map(|(org, first, last)| args![org, first, last]).collect();
    let packs: Vec<(OrgId, Uuid)> = tx.fetch_rows(&FIND_PACKED, rows).await?;
    let mut found = HashSet::new();
    for (org, id) in packs {
        let Some(ids) = wanted.get(&org) else { continue };
        let packed = pack(tx, org, id).await?;
        found.extend(packed.into_iter().filter(|event| ids.contains(&event.id)).map(|event| (org, event.id)));
    }
    Ok(found)
}

/// Those of these organizations that have rows of events before the instant beside them.
pub(crate) async fn with_rows_before(
    tx: &mut PlatformTx,
    orgs: &[(OrgId, Instant)],
) -> StoreResult<Vec<(OrgId, Instant)>> {
    let rows = orgs.iter().flat_map(|&(org, before)| args![org, before]).collect();
    tx.fetch_rows(&HAVE_ROWS_BEFORE, rows).await
}

/// The next rows of events of an organization before an instant, in the order of time.
pub(crate) async fn next_rows(
    tx: &mut PlatformTx,
    org: OrgId,
    after: Option<(Instant, Uuid)>,
    before: Instant,
    limit: u32,
) -> StoreResult<Vec<EventRow>> {
    let (at, id) = after.unwrap_or((Instant::from_micros(i64::MIN), Uuid::nil()));
    tx.fetch_all(&NEXT_ROWS, args![org, at, id, before, limit]).await
}

/// Writes a pack of these events, which are in the order of time; it is known by the first of them.
pub(crate) async fn put_pack(
    tx: &mut PlatformTx,
    org: OrgId,
    events: &[EventRow],
    digest: i64,
    body: Vec<u8>,
    now: Instant,
) -> StoreResult<()> {
    let none = || StoreError::Failed("a pack of nothing".to_owned());
    let (first, last) = events.first().zip(events.last()).ok_or_else(none)?;
    let ids = events.iter().map(|event| event.id);
    let numbers = events.iter().map(|event| event.settled);
    let (first_id, last_id) = ids.clone().min().zip(ids.max()).ok_or_else(none)?;
    let (first_settled, last_settled) = numbers.clone().min().zip(numbers.max()).ok_or_else(none)?;
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
    let checksum = pack::checksum(&body);
    let values = args![
        org,
        first.id,
        first.at,
        last.at,
        first_id,
        last_id,
        first_settled,
        last_settled,
        count,
        digest,
        checksum.as_slice(),
        now,
        body.as_slice(),
    ];
    tx.execute(&INSERT_PACK, values).await?;
    for (name, more) in [("packed", count), ("packs", 1), ("pack_bytes", bytes)] {
        tx.execute(&ADD_TO_PLACES, args![name, more]).await?;
    }
    Ok(())
}

/// Removes the rows of an organization's events up to this one in the order of time, and says how many there were.
pub(crate) async fn remove_events(
    tx: &mut PlatformTx,
    org: OrgId,
    (at, id): (Instant, Uuid),
) -> StoreResult<u64> {
    tx.execute(&REMOVE_ROWS, args![org, at, id]).await
}

/// Where the events of all organizations are.
pub(crate) async fn places(tx: &mut PlatformTx) -> StoreResult<Places> {
    let rows: Vec<(String, i64)> = tx.fetch_all(&PLACES, args![]).await?;
    let of = |wanted: &str| rows.iter().find(|(name, _)| name == wanted).map_or(0, |(_, last)| *last);
    let packed = of("packed");
    Ok(Places {
        hot: of("events").saturating_sub(packed).max(0),
        packed,
        packs: of("packs"),
        pack_bytes: of("pack_bytes"),
    })
}
