//! What the log told, and how it gets into the ledger.

use super::{
    event::{Event, Texts},
    holds::Holds,
    tally::{Tally, counted_at},
    thresholds::{News, Watch},
};
use crate::{
    failpoint::{self, Failpoint},
    log::{Damage, Entry, Mark, Tail},
    store::{self, Repeated},
    usage::Step,
};
use insula_kernel::{Env, Instant, OrgId};
use insula_storage::{PlatformTx, Storage, Store, StoreError, StoreResult, Worker};
use std::{
    collections::{BTreeSet, HashSet},
    io,
};

/// How many entries are read and written at once where there is no backlog, and where there is: enough that a
/// transaction's fixed costs don't count and that many events share a row of a sum, few enough that others who write into
/// the ledger wait less than a second.
const ENTRIES: [usize; 2] = [4_000, 64_000];

/// What one poll of the log told. It is kept until it is in the ledger.
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    pub(super) holds: Holds,
    /// Requests that were released.
    pub(super) released: usize,
    /// Places that can't be read.
    pub(super) damage: Vec<Damage>,
    /// What to confirm afterwards.
    pub(super) mark: Mark,
    /// Whether it was all there was.
    pub(super) complete: bool,
}

/// What a batch added to the ledger.
pub(super) struct Written {
    /// Events that weren't there before.
    pub(super) new: usize,
    /// What to remember of limits.
    pub(super) news: News,
}

impl Batch {
    /// Reads what the log has to tell.
    pub(super) fn read(tail: &mut Tail, texts: &mut Texts, backlog: bool) -> io::Result<Self> {
        let (mut events, mut holds) = (Vec::new(), Holds::default());
        let (mut damage, mut released) = (Vec::new(), 0);
        let polled = tail.poll(ENTRIES[usize::from(backlog)], |entry| match entry {
            Entry::Settled { intent, settlement } => {
                match Event::settled(&intent, &settlement, texts) {
                    Some(event) => events.push(event),
                    None => released += 1,
                }
                holds.settled(&intent, &settlement);
            }
            Entry::Recovered { intent } => {
                events.push(Event::recovered(&intent, texts));
                holds.recovered(&intent);
            }
            Entry::Reported(report) => events.push(Event::reported(&report, texts)),
            Entry::Hold(change) => holds.changed(&change),
            Entry::Damaged(place) => damage.push(place),
        })?;
        Ok(Self { events, holds, released, damage, mark: polled.mark, complete: polled.complete })
    }

    /// How many events are of requests whose end nobody saw.
    pub(super) fn recovered(&self) -> usize {
        self.events.iter().filter(|event| event.is_recovered()).count()
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The days of organizations that the events lie in.
    pub(super) fn days(&self) -> BTreeSet<(OrgId, Instant)> {
        self.events.iter().map(|event| (event.org, Step::Day.start(counted_at(event.at)))).collect()
    }

    /// Writes the events with all that follows from them, in one transaction. Those that were in the ledger before add to
    /// nothing, so the same batch may be written again and again.
    pub(super) async fn write(&self, storage: &Storage, env: &Env, watch: &Watch) -> StoreResult<Written> {
        let mut news = News::default();
        if self.events.is_empty() && self.holds.len() == 0 {
            return Ok(Written { new: 0, news });
        }
        failpoint::reached(Failpoint::SettleRead);
        // Nearly always all are new. Where one isn't, the transaction is given up and made anew with those that are.
        let mut suspicious = false;
        loop {
            let mut tx = storage.platform_write(Store::Ledger, &Worker::Settlement).await?;
            let mut new =
                if suspicious { self.unknown(&mut tx).await? } else { self.events.iter().collect() };
            // In the order of the keys, so that neighbours go to the same pages.
            new.sort_unstable_by_key(|event| (event.org, event.id));
            match write_events(&mut tx, &new, |org| watch.now_of(env, org)).await? {
                Ok(()) => {}
                Err(Repeated) if suspicious => {
                    return Err(StoreError::Failed("events are neither new nor known".into()));
                }
                Err(Repeated) => {
                    suspicious = true;
                    continue;
                }
            }
            if !new.is_empty() {
                let mut tally = Tally::of(new.iter().copied());
                let members = store::insert_members(&mut tx, &tally).await?;
                tally.count_members(members.into_iter());
                store::add_sums(&mut tx, &tally).await?;
                news = watch.look(&mut tx, env, &tally).await?;
            }
            store::put_holds(&mut tx, self.holds.values()).await?;
            failpoint::reached(Failpoint::SettleWritten);
            tx.commit().await?;
            failpoint::reached(Failpoint::SettleCommitted);
            return Ok(Written { new: new.len(), news });
        }
    }

    /// The events that the ledger doesn't know, each once however often it is listed.
    async fn unknown(&self, tx: &mut PlatformTx) -> StoreResult<Vec<&Event>> {
        let mut events = store::known_events(tx, &self.events).await?;
        events.extend(store::packed_among(tx, self.events.iter()).await?);
        let mut keys: HashSet<Vec<u8>> = store::known_keys(tx, &self.events).await?;
        let new = self.events.iter().filter(|event| {
            // A report is known by its key alone: it may have been taken in twice, under two ids.
            match event.key() {
                Some(key) => keys.insert(key.to_vec()),
                None => events.insert((event.org, event.id)),
            }
        });
        Ok(new.collect())
    }
}

async fn write_events(
    tx: &mut PlatformTx,
    events: &[&Event],
    now_of: impl Fn(OrgId) -> Instant,
) -> StoreResult<Result<(), Repeated>> {
    if events.is_empty() {
        return Ok(Ok(()));
    }
    // First of all, so that who holds the position knows that no event with a number appears meanwhile.
    let first = store::take_numbers(tx, events.len()).await?;
    // A key tells of a report whether it is known; of a request, its id among the rows does, and among the packs.
    if !store::packed_among(tx, events.iter().copied()).await?.is_empty() {
        return Ok(Err(Repeated));
    }
    if store::insert_keys(tx, events).await?.is_err() {
        return Ok(Err(Repeated));
    }
    if store::insert_events(tx, events, first).await?.is_err() {
        return Ok(Err(Repeated));
    }
    let mut days = BTreeSet::new();
    for of_one in events.chunk_by(|event, next| event.org == next.org) {
        let now = now_of(of_one[0].org);
        let late = of_one.iter().filter(|event| event.is_late(now));
        days.extend(late.map(|event| (event.org, Step::Day.start(counted_at(event.at)))));
    }
    store::note_late(tx, &days).await?;
    Ok(Ok(()))
}
