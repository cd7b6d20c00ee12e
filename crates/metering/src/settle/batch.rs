//! What the log told, in the form of the ledger.

use crate::{
    log::{Charges, Damage, Entry, Intent, Mark, Outcome, Settlement, Tail},
    store::{self, RollupKey},
    usage::EARLIEST,
};
use insula_blueprint::QuotaWindow;
use insula_kernel::{AdmissionId, Instant, KeyId, OrgId, UserId};
use insula_storage::{Storage, Store, StoreResult, Value, Worker, args};
use std::{
    collections::{BTreeMap, HashSet},
    io,
};

/// How many entries are read and written at once: enough that a transaction's fixed costs don't count, few enough that
/// others who write into the ledger needn't wait long.
const ENTRIES: usize = 4_000;
/// What every event of the gateway is called.
const REQUEST: &str = "request";

/// An admitted request that was consumed.
#[derive(Debug)]
pub(crate) struct Event {
    id: AdmissionId,
    org: OrgId,
    at: Instant,
    route: String,
    key: Option<KeyId>,
    user: Option<UserId>,
    /// By meter; nothing below zero.
    quantities: BTreeMap<String, i64>,
    end: End,
}

/// How a request ended.
#[derive(Debug)]
struct End {
    status: u32,
    outcome: &'static str,
    recovered: bool,
    bytes_in: i64,
    bytes_out: i64,
    duration_us: i64,
}

/// The end of a request whose process ended before it.
const UNSEEN: End =
    End { status: 0, outcome: "unknown", recovered: true, bytes_in: 0, bytes_out: 0, duration_us: 0 };

impl Event {
    fn new(intent: &Intent<'_>, charges: Charges<'_>, end: End) -> Self {
        let Intent { admission: id, org, at, route, key, user, .. } = *intent;
        Self { id, org, at, route: route.to_owned(), key, user, quantities: sums(charges), end }
    }

    /// What a request became; `None` if it was released.
    fn settled(intent: &Intent<'_>, settlement: &Settlement<'_>) -> Option<Self> {
        let outcome = match settlement.outcome {
            Outcome::Released => return None,
            Outcome::Completed => "completed",
            Outcome::ClientGone => "client_gone",
            Outcome::UpstreamFailed => "upstream_failed",
            Outcome::TimedOut => "timed_out",
        };
        let int = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let end = End {
            status: settlement.status.into(),
            outcome,
            recovered: false,
            bytes_in: int(settlement.bytes_in),
            bytes_out: int(settlement.bytes_out),
            duration_us: int(settlement.duration_us),
        };
        Some(Self::new(intent, settlement.used, end))
    }

    /// The event as a row of the ledger.
    pub(crate) fn values(&self) -> Vec<Value> {
        // Names and numbers can always be written.
        let quantities = serde_json::to_string(&self.quantities).unwrap_or_default();
        let Self { id, org, at, route, key, user, end, .. } = self;
        args![
            *org,
            *id,
            *at,
            REQUEST,
            route.as_str(),
            *key,
            *user,
            quantities,
            end.status,
            end.outcome,
            end.recovered,
            end.bytes_in,
            end.bytes_out,
            end.duration_us
        ]
    }
}

/// The sums of charges. A meter named twice counts with its sum; less than nothing counts as nothing, as it does for
/// limits.
fn sums(charges: Charges<'_>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::<String, i64>::new();
    for charge in charges.iter() {
        let sum = sums.entry(charge.meter.to_owned()).or_default();
        *sum = sum.saturating_add(charge.quantity.max(0));
    }
    sums
}

/// What one poll of the log told. It is kept until it is in the ledger.
pub(super) struct Batch {
    events: Vec<Event>,
    /// Requests that were released.
    pub(super) released: usize,
    /// Places that can't be read.
    pub(super) damage: Vec<Damage>,
    /// How many of the events are of requests whose end nobody saw.
    pub(super) recovered: usize,
    /// What to confirm afterwards.
    pub(super) mark: Mark,
    /// Whether it was all there was.
    pub(super) complete: bool,
}

impl Batch {
    /// Reads what the log has to tell.
    pub(super) fn read(tail: &mut Tail) -> io::Result<Self> {
        let (mut events, mut damage, mut released, mut recovered) = (Vec::new(), Vec::new(), 0, 0);
        let polled = tail.poll(ENTRIES, |entry| match entry {
            Entry::Settled { intent, settlement } => match Event::settled(&intent, &settlement) {
                Some(event) => events.push(event),
                None => released += 1,
            },
            Entry::Recovered { intent } => {
                recovered += 1;
                events.push(Event::new(&intent, intent.reserved, UNSEEN));
            }
            // Nobody appends these yet.
            Entry::Reported(_) | Entry::Hold(_) => {}
            Entry::Damaged(place) => damage.push(place),
        })?;
        Ok(Self { events, released, damage, recovered, mark: polled.mark, complete: polled.complete })
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Writes the events with what follows from them, in one transaction, and says how many were new. Those that were
    /// in the ledger before add to nothing, so the same batch may be written again and again.
    pub(super) async fn write(&self, storage: &Storage) -> StoreResult<usize> {
        if self.events.is_empty() {
            return Ok(0);
        }
        let mut tx = storage.platform_write(Store::Ledger, &Worker::Settlement).await?;
        let inserted = store::insert_events(&mut tx, &self.events).await?;
        let new = inserted.len();
        let tally = Tally::of(&self.events, inserted);
        let full = store::add_to_rollups(&mut tx, &tally.sums).await?;
        store::note_key_use(&mut tx, &tally.uses).await?;
        tx.commit().await?;
        if full {
            tracing::error!("a roll-up has reached the largest number there is; its events are exact");
        }
        Ok(new)
    }
}

/// What events add up to.
struct Tally<'a> {
    sums: BTreeMap<RollupKey<'a>, i64>,
    uses: BTreeMap<(OrgId, KeyId), Instant>,
}

impl<'a> Tally<'a> {
    /// The tally of those events that were inserted, each once however often it is listed.
    fn of(events: &'a [Event], mut inserted: HashSet<(OrgId, AdmissionId)>) -> Self {
        let mut tally = Self { sums: BTreeMap::new(), uses: BTreeMap::new() };
        for event in events {
            if inserted.remove(&(event.org, event.id)) {
                tally.add(event);
            }
        }
        tally
    }

    fn add(&mut self, event: &'a Event) {
        for (meter, &quantity) in event.quantities.iter().filter(|(_, quantity)| **quantity > 0) {
            for window in [QuotaWindow::Hour, QuotaWindow::Day] {
                // An instant that makes no sense counts where it can be found.
                let start = event.at.max(EARLIEST).floor(window.span());
                let sum = self.sums.entry((event.org, meter, window.name(), start)).or_default();
                *sum = sum.saturating_add(quantity);
            }
        }
        if let Some(key) = event.key {
            let last = self.uses.entry((event.org, key)).or_insert(event.at);
            *last = event.at.max(*last);
        }
    }
}
