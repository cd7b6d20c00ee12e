//! What events add up to.

use super::event::{Dims, Event};
use crate::{
    log::Fold,
    usage::{EARLIEST, Step},
};
use insula_kernel::{Instant, KeyId, OrgId, sha256};
use insula_storage::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use uuid::Uuid;

/// Digests of sets are kept below this: two of them add up within a signed integer.
pub(crate) const DIGEST_MASK: i64 = (1 << 62) - 1;

/// What an event adds to the digest of a set. Digests of sets are sums, so those of disjoint sets add up.
pub(crate) fn digest(id: Uuid) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&sha256(id.as_bytes())[..8]);
    i64::from_be_bytes(first) & DIGEST_MASK
}

/// How a quantity goes together with others, without the value that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Add,
    Max,
    Last,
    Unique,
}

impl Kind {
    pub(crate) const fn of(fold: Fold) -> Self {
        match fold {
            Fold::Add => Self::Add,
            Fold::Max => Self::Max,
            Fold::Last => Self::Last,
            Fold::Unique(_) => Self::Unique,
        }
    }

    /// Reads what [`code`](Self::code) wrote; `None` for what isn't ours.
    pub(crate) const fn of_code(code: i64) -> Option<Self> {
        Some(match code {
            0 => Self::Add,
            1 => Self::Max,
            2 => Self::Last,
            3 => Self::Unique,
            _ => return None,
        })
    }

    /// As it stands in the ledger.
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Add => 0,
            Self::Max => 1,
            Self::Last => 2,
            Self::Unique => 3,
        }
    }
}

/// What some events come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sum {
    pub(crate) kind: Kind,
    /// Of kind `Unique`: how many of the values are new.
    pub(crate) quantity: i64,
    pub(crate) events: i64,
    pub(crate) digest: i64,
    pub(crate) last_at: Instant,
}

impl Sum {
    /// Of one event.
    pub(crate) fn one(fold: Fold, quantity: i64, digest: i64, at: Instant) -> Self {
        let kind = Kind::of(fold);
        Self {
            kind,
            quantity: if kind == Kind::Unique { 0 } else { quantity },
            events: 1,
            digest,
            last_at: at,
        }
    }

    /// Of these and those, in whatever order; the same rules as in the statement that writes it.
    pub(crate) fn add(&mut self, other: &Self) {
        self.quantity = match other.kind {
            Kind::Add | Kind::Unique => self.quantity.saturating_add(other.quantity),
            Kind::Max => self.quantity.max(other.quantity),
            Kind::Last => (self.last_at, self.quantity).max((other.last_at, other.quantity)).1,
        };
        self.kind = other.kind;
        self.events += other.events;
        self.digest = (self.digest + other.digest) & DIGEST_MASK;
        self.last_at = self.last_at.max(other.last_at);
    }
}

/// Adds to what stands under a key.
fn add<K: Ord>(sums: &mut BTreeMap<K, Sum>, key: K, sum: &Sum) {
    sums.entry(key).and_modify(|known| known.add(sum)).or_insert(*sum);
}

/// A sum of one meter in one window: whose, of which meter, in which step, from when on.
pub(crate) type RollupKey = (OrgId, Arc<str>, Step, Instant);
/// A sum of one meter in one hour and one series.
pub(crate) type SeriesKey = (OrgId, Arc<str>, Instant, [u8; 16]);

/// A value that counts once: in a window, or in a series of an hour.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Member {
    pub(crate) org: OrgId,
    pub(crate) meter: Arc<str>,
    /// `None` for a series.
    pub(crate) step: Option<Step>,
    pub(crate) start: Instant,
    pub(crate) member: Vec<u8>,
}

/// What events add up to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) rollups: BTreeMap<RollupKey, Sum>,
    pub(crate) series: BTreeMap<SeriesKey, (Arc<Dims>, Sum)>,
    pub(crate) members: BTreeSet<Member>,
    pub(crate) uses: BTreeMap<(OrgId, KeyId), Instant>,
}

/// An instant that makes no sense counts where it can be found.
pub(crate) fn counted_at(at: Instant) -> Instant {
    at.max(EARLIEST)
}

impl Tally {
    /// What these events add up to.
    pub(crate) fn of<'e>(events: impl Iterator<Item = &'e Event>) -> Self {
        let mut tally = Self::default();
        // By the minute first: the longer steps are sums of those.
        let mut minutes: HashMap<(OrgId, &Arc<str>, Instant), Sum> = HashMap::new();
        let mut series: HashMap<_, (&Arc<Dims>, Sum)> = HashMap::new();
        let mut uses: HashMap<(OrgId, KeyId), Instant> = HashMap::new();
        for event in events {
            let (at, digest) = (counted_at(event.at), digest(event.id));
            let hour = Step::Hour.start(at);
            for part in &event.charged.parts {
                let sum = Sum::one(part.fold, part.quantity, digest, at);
                let minute = (event.org, &part.meter, Step::Minute.start(at));
                minutes.entry(minute).and_modify(|known| known.add(&sum)).or_insert(sum);
                let key = (event.org, &part.meter, hour, event.dims.series);
                series.entry(key).and_modify(|(_, known)| known.add(&sum)).or_insert((&event.dims, sum));
                if let Fold::Unique(member) = part.fold {
                    tally.add_member(event, &part.meter, at, member);
                }
            }
            if let Some(key) = event.api_key() {
                let last = uses.entry((event.org, key)).or_insert(event.at);
                *last = event.at.max(*last);
            }
        }
        for ((org, meter, minute), sum) in minutes {
            for step in Step::ALL {
                add(&mut tally.rollups, (org, Arc::clone(meter), step, step.start(minute)), &sum);
            }
        }
        tally.series = series
            .into_iter()
            .map(|((org, meter, hour, name), (dims, sum))| {
                ((org, Arc::clone(meter), hour, name), (Arc::clone(dims), sum))
            })
            .collect();
        tally.uses = uses.into_iter().collect();
        tally
    }

    fn add_member(&mut self, event: &Event, meter: &Arc<str>, at: Instant, member: [u8; 16]) {
        let new = |step: Option<Step>, start, member: Vec<u8>| Member {
            org: event.org,
            meter: Arc::clone(meter),
            step,
            start,
            member,
        };
        for step in Step::ALL {
            self.members.insert(new(Some(step), step.start(at), member.to_vec()));
        }
        let of_series = [event.dims.series, member].concat();
        self.members.insert(new(None, Step::Hour.start(at), of_series));
    }

    /// Takes in which values are new to the ledger.
    pub(crate) fn count_members(&mut self, new: impl Iterator<Item = Member>) {
        for Member { org, meter, step, start, member } in new {
            let sum = match step {
                Some(step) => self.rollups.get_mut(&(org, meter, step, start)),
                None => member.first_chunk().and_then(|series| {
                    self.series.get_mut(&(org, meter, start, *series)).map(|(_, sum)| sum)
                }),
            };
            if let Some(sum) = sum {
                sum.quantity += 1;
            }
        }
    }

    /// The rows of roll-ups.
    pub(crate) fn rollup_values(&self) -> Vec<Value> {
        let mut rows = Vec::with_capacity(self.rollups.len() * 9);
        for ((org, meter, step, start), sum) in &self.rollups {
            rows.extend([
                (*org).into(),
                Arc::clone(meter).into(),
                step.text().into(),
                (*start).into(),
                sum.kind.code().into(),
                sum.quantity.into(),
                sum.events.into(),
                sum.digest.into(),
                sum.last_at.into(),
            ]);
        }
        rows
    }

    /// The rows of series.
    pub(crate) fn series_values(&self) -> Vec<Value> {
        let mut rows = Vec::with_capacity(self.series.len() * 9);
        for ((org, meter, hour, series), (dims, sum)) in &self.series {
            rows.extend([
                (*org).into(),
                Arc::clone(meter).into(),
                (*hour).into(),
                series.as_slice().into(),
                Arc::clone(&dims.json).into(),
                sum.kind.code().into(),
                sum.quantity.into(),
                sum.events.into(),
                sum.last_at.into(),
            ]);
        }
        rows
    }

    /// The rows of values that count once.
    pub(crate) fn member_values(&self) -> Vec<Value> {
        let mut rows = Vec::with_capacity(self.members.len() * 5);
        for member in &self.members {
            rows.extend([
                member.org.into(),
                Arc::clone(&member.meter).into(),
                member.step.map_or_else(|| "series".into(), Step::text).into(),
                member.start.into(),
                member.member.as_slice().into(),
            ]);
        }
        rows
    }
}
