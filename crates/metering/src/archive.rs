//! The archive: events that are over, many together and compressed, in the place of a row each.
//!
//! What must always hold:
//! - An event stands in exactly one place: as a row, or in one pack. A pack is written, read back and compared before its
//!   rows go, in the transaction in which they go, so a crash leaves either all of one or all of the other.
//! - Whoever reads events reads both places and sees the same as before. Packs may overlap in time, ids and numbers:
//!   what came late gets a pack of its own.
//! - Nothing is forgotten: each event stands on a line of an invoice or statement, and that opens down to it for as long as
//!   it exists. How far back a plan shows usage is another matter, see [`EventRecord`](crate::usage::EventRecord).

pub(crate) mod pack;

use crate::{
    failpoint::{self, Failpoint},
    store,
};
use insula_kernel::{Env, Instant, OrgId};
use insula_storage::{PlatformTx, Storage, Store, StoreError, StoreResult, Worker};

/// How many events a pack takes at most, and how many bytes of text: few enough that one is read in a millisecond and
/// that settlement doesn't wait long for its turn.
const MOST_EVENTS: usize = 2_000;
const MOST_BYTES: usize = 1 << 20;
/// How many events are read at once.
const READ: u32 = 250;

/// Where the events are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Places {
    /// How many events have a row of their own.
    pub hot: i64,
    /// How many stand in packs.
    pub packed: i64,
    /// How many packs there are.
    pub packs: i64,
    /// How many bytes the packs take.
    pub pack_bytes: i64,
}

/// Where the events of all organizations are.
pub async fn places(tx: &mut PlatformTx) -> StoreResult<Places> {
    store::places(tx).await
}

/// Those of these organizations that have rows of events before the instant beside them.
pub async fn waiting(tx: &mut PlatformTx, orgs: &[(OrgId, Instant)]) -> StoreResult<Vec<(OrgId, Instant)>> {
    store::with_rows_before(tx, orgs).await
}

/// Packs the oldest events of an organization that lie before an instant, as many as go into one pack, and says how many
/// they were; 0 when all are packed. In a transaction of its own.
pub async fn pack_some(storage: &Storage, env: &Env, org: OrgId, before: Instant) -> StoreResult<u64> {
    let mut tx = storage.platform_write(Store::Ledger, &Worker::Archive).await?;
    // First of all: settlement and whoever makes invoices wait until the events are in their new place.
    store::settled(&mut tx).await?;
    let events = oldest(&mut tx, org, before).await?;
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(0) };
    let (id, until) = (first.id, (last.at, last.id));
    let body = pack::encode(&events);
    store::put_pack(&mut tx, org, &events, pack::digest_of(&events), body, env.now()).await?;
    if store::pack(&mut tx, org, id).await? != events {
        return Err(StoreError::Failed(format!("a pack of {org} isn't read as it was written")));
    }
    failpoint::reached(Failpoint::ArchivePacked);
    let removed = store::remove_events(&mut tx, org, until).await?;
    if usize::try_from(removed) != Ok(events.len()) {
        let packed = events.len();
        return Err(StoreError::Failed(format!("{packed} events of {org} were packed, {removed} removed")));
    }
    failpoint::reached(Failpoint::ArchiveRemoved);
    tx.commit().await?;
    failpoint::reached(Failpoint::ArchiveCommitted);
    Ok(removed)
}

/// The oldest events that have a row, in the order of time.
async fn oldest(tx: &mut PlatformTx, org: OrgId, before: Instant) -> StoreResult<Vec<store::EventRow>> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    let mut after = None;
    while events.len() < MOST_EVENTS && bytes < MOST_BYTES {
        let some = store::next_rows(tx, org, after, before, READ).await?;
        let is_last = some.len() < READ as usize;
        after = some.last().map(|event| (event.at, event.id));
        bytes += some.iter().map(store::EventRow::text_bytes).sum::<usize>();
        events.extend(some);
        if is_last {
            break;
        }
    }
    Ok(events)
}
