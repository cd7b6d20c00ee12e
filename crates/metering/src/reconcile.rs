//! The continuous check that what is charged is what was admitted.
//!
//! The sums of a day are computed once more from its events and compared with those that settlement kept: how much, how
//! many, and a digest of which. What differs is reported, never repaired: a sum that isn't that of its events means that
//! someone or something wrote to the ledger beside settlement, and people must find out which of the two is right.

use crate::{
    SettlerHandle,
    log::Fold,
    settle::{self, Kind, Sum, counted_at, digest},
    store,
    usage::Step,
};
use insula_kernel::{Instant, OrgId, Period, Span};
use insula_storage::{PlatformTx, Storage, Store, StoreError, StoreResult, Worker};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

/// How many events are read at once.
const EVENTS: u32 = 10_000;

/// A sum that isn't that of its events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Discrepancy {
    /// Whose.
    pub org: OrgId,
    /// The first instant of the day.
    pub day: Instant,
    /// Of which meter.
    pub meter: String,
    /// Which sum of that day.
    pub part: Part,
    /// What the events come to.
    pub expected: Figure,
    /// What stands in the ledger.
    pub found: Figure,
}

/// A sum of a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The sum of the window of this step that begins then.
    Window(Step, Instant),
    /// What the series of the hour that begins then come to together.
    Series(Instant),
}

/// What some events come to. Nothing, if there are none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Figure {
    /// How much; of series of a meter whose quantities don't add up, nothing.
    pub quantity: i64,
    /// How many events.
    pub events: i64,
    /// A digest of which; of series, nothing.
    pub digest: i64,
}

/// A sum: of which meter, in which part of the day.
type Key = (String, Part);

/// What the events of a day come to.
#[derive(Default)]
struct Expected {
    events: u64,
    sums: HashMap<Key, Sum>,
    /// The different values of each meter in each window.
    members: HashSet<(String, Part, [u8; 16])>,
}

impl Expected {
    fn add(&mut self, at: Instant, id: Uuid, part: &settle::Part) {
        let sum = Sum::one(part.fold, part.quantity, digest(id), at);
        let windows = Step::ALL.map(|step| Part::Window(step, step.start(at)));
        for window in windows {
            let mut sum = sum;
            if let Fold::Unique(member) = part.fold
                && self.members.insert((part.meter.to_string(), window, member))
            {
                sum.quantity = 1;
            }
            self.put((part.meter.to_string(), window), sum);
        }
        self.put((part.meter.to_string(), Part::Series(Step::Hour.start(at))), sum);
    }

    fn put(&mut self, key: Key, sum: Sum) {
        self.sums.entry(key).and_modify(|known| known.add(&sum)).or_insert(sum);
    }

    fn figures(&self) -> BTreeMap<Key, Figure> {
        let figure = |(key, sum): (&Key, &Sum)| {
            let is_series = matches!(key.1, Part::Series(_));
            let quantity = if is_series && sum.kind != Kind::Add { 0 } else { sum.quantity };
            let digest = if is_series { 0 } else { sum.digest };
            (key.clone(), Figure { quantity, events: sum.events, digest })
        };
        self.sums.iter().map(figure).collect()
    }
}

/// Compares the sums of an organization's day with its events. The day is the one that the instant lies in. Sums of a meter
/// that neither an event nor the sum of the day names are not looked at.
///
/// The transaction must be one that sees the ledger as it was at one instant, as reading ones do.
pub async fn day(tx: &mut PlatformTx, org: OrgId, day: Instant) -> StoreResult<Vec<Discrepancy>> {
    Ok(counted_day(tx, org, day).await?.1)
}

/// The same, with how many events the day had.
async fn counted_day(tx: &mut PlatformTx, org: OrgId, day: Instant) -> StoreResult<(u64, Vec<Discrepancy>)> {
    let period = Step::Day.containing(counted_at(day));
    let expected = expected(tx, org, period).await?;
    let adds_up: HashSet<&str> = (expected.sums.iter())
        .filter(|(_, sum)| sum.kind == Kind::Add)
        .map(|((meter, _), _)| meter.as_str())
        .collect();
    let mut meters: BTreeSet<Arc<str>> =
        expected.sums.keys().map(|(meter, _)| meter.as_str().into()).collect();
    meters.extend(store::day_meters(tx, org, period.start).await?.into_iter().map(Arc::from));
    let meters: Vec<_> = meters.into_iter().collect();
    let mut found: BTreeMap<Key, Figure> = BTreeMap::new();
    for row in store::day_rollups(tx, org, &meters, period).await? {
        let part = Part::Window(store::step(&row.span)?, row.start);
        if row.quantity == i64::MAX {
            tracing::error!(%org, meter = row.meter, ?part, "a sum has reached the largest number there is; its events are exact");
        }
        let figure = Figure { quantity: row.quantity, events: row.events, digest: row.digest };
        found.insert((row.meter, part), figure);
    }
    for (meter, hour, quantity, events) in store::day_series(tx, org, &meters, period).await? {
        let quantity = if adds_up.contains(meter.as_str()) { quantity } else { 0 };
        let sum = found.entry((meter, Part::Series(hour))).or_default();
        sum.quantity = sum.quantity.saturating_add(quantity);
        sum.events = sum.events.saturating_add(events);
    }
    let events = expected.events;
    let mut expected = expected.figures();
    let mut differ = Vec::new();
    let mut compare = |(meter, part): Key, expected: Figure, found: Figure| {
        if expected != found {
            differ.push(Discrepancy { org, day: period.start, meter, part, expected, found });
        }
    };
    for (key, found) in found {
        let expected = expected.remove(&key).unwrap_or_default();
        compare(key, expected, found);
    }
    for (key, expected) in expected {
        compare(key, expected, Figure::default());
    }
    Ok((events, differ))
}

async fn expected(tx: &mut PlatformTx, org: OrgId, period: Period) -> StoreResult<Expected> {
    let mut expected = Expected::default();
    // What can't be charged by its time is charged at the beginning of time.
    let first = if period.start == counted_at(Instant::from_micros(i64::MIN)) {
        Instant::from_micros(i64::MIN)
    } else {
        period.start
    };
    let mut after = (first, Uuid::nil());
    loop {
        let events = store::day_events(tx, org, after, period.end, EVENTS).await?;
        for (at, id, quantities, _) in &events {
            let parts = settle::quantities(quantities).ok_or_else(|| {
                StoreError::Failed(format!("the quantities of the event {id} of {org} can't be read"))
            })?;
            expected.events += 1;
            parts.iter().for_each(|part| expected.add(counted_at(*at), *id, part));
        }
        match events.last() {
            Some((at, id, ..)) if events.len() >= EVENTS as usize => after = (*at, *id),
            _ => return Ok(expected),
        }
    }
}

/// Compares the sums of all organizations that used anything on the days that begin in this period.
pub async fn days(tx: &mut PlatformTx, period: Period) -> StoreResult<Vec<Discrepancy>> {
    let mut differ = Vec::new();
    for (org, start) in store::orgs_of_days(tx, period.start, period.end).await? {
        differ.extend(day(tx, org, start).await?);
    }
    Ok(differ)
}

/// Compares what was settled since the last call; on the first, today and yesterday. What differs goes to the error log
/// and into the [figures](crate::Figures) too. To be called every few minutes.
///
/// # Errors
/// When the ledger can't be read; what wasn't compared is so on the next call.
pub async fn round(
    storage: &Storage,
    settler: &SettlerHandle,
    now: Instant,
) -> StoreResult<Vec<Discrepancy>> {
    let mut found = Vec::new();
    let mut left = settler.take_unchecked();
    if settler.figures().checked == 0 {
        let today = Step::Day.containing(now);
        let days = async {
            let mut tx = storage.platform_read(Store::Ledger, &Worker::Settlement).await?;
            store::orgs_of_days(&mut tx, today.start - Span::from_days(1), today.end).await
        };
        match days.await {
            Ok(days) => left.extend(days),
            Err(error) => {
                settler.put_unchecked(left);
                return Err(error);
            }
        }
    }
    while let Some((org, start)) = left.pop_first() {
        // Each in a transaction of its own: none may keep what it sees alive for long.
        let compared = async {
            let mut tx = storage.platform_read(Store::Ledger, &Worker::Settlement).await?;
            counted_day(&mut tx, org, start).await
        };
        match compared.await {
            Ok((events, differ)) => {
                settler.checked(events, differ.len());
                for one in &differ {
                    let Discrepancy { org, day, meter, part, expected, found } = one;
                    tracing::error!(%org, %day, meter, ?part, ?expected, ?found, "a sum isn't that of its events");
                }
                found.extend(differ);
            }
            Err(error) => {
                left.insert((org, start));
                settler.put_unchecked(left);
                return Err(error);
            }
        }
    }
    Ok(found)
}
