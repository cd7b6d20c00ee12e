//! Warnings when an organization comes near a limit: each once per limit, period and level.
//!
//! They are found where sums change, in the transaction that changes them, so none is missed and none is given for what
//! wasn't settled. What limits stand at is remembered between batches: the settler alone adds to the sums.

use super::tally::{Kind, Tally};
use crate::{
    store,
    usage::{Step, Wanted},
};
use insula_kernel::{Env, Instant, OrgId, Period, Span};
use insula_storage::{PlatformTx, StoreResult, journal::Message};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// Of how many limits it is remembered where they stand; when there are more, all are looked up anew.
const REMEMBERED: usize = 500_000;

/// The period of a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LimitWindow {
    /// Each hour of UTC.
    Hour,
    /// Each day of UTC.
    Day,
    /// The subscription's month that is current. What is settled for an earlier one gives no warning.
    Month(Period),
}

/// How far a limit goes for an organization.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounded {
    /// The limit's name in the blueprint.
    pub limit: Arc<str>,
    /// Its period.
    pub window: LimitWindow,
    /// How far it goes, in the meter's smallest units.
    pub bound: i64,
    /// At which percentages of it to warn.
    pub warn_at: Vec<u8>,
}

/// Which limits to warn of, and by whose clock.
pub trait Thresholds: Send + Sync {
    /// How far the organization's time is ahead of the real one: nothing for all but test organizations. Asked for each
    /// organization in each batch, so the answer must come from memory.
    fn ahead(&self, org: OrgId) -> Span;
    /// The limits on this meter that count for the organization as a whole. Asked for each meter of each organization in
    /// each batch, so the answer must come from memory.
    fn of(&self, org: OrgId, meter: &str) -> Vec<Bounded>;
}

/// No warnings, and no clock but the real one.
impl Thresholds for () {
    fn ahead(&self, _: OrgId) -> Span {
        Span::from_micros(0)
    }
    fn of(&self, _: OrgId, _: &str) -> Vec<Bounded> {
        Vec::new()
    }
}

/// A limit of an organization on a meter in one period.
type Watched = (OrgId, Arc<str>, Arc<str>, Instant);

/// What is known of it.
#[derive(Clone, Default, Debug)]
struct Standing {
    used: i64,
    /// The levels that were crossed.
    crossed: Vec<u8>,
}

/// A limit whose sum changed.
struct Changed {
    org: OrgId,
    meter: Arc<str>,
    bounded: Bounded,
    period: Period,
    /// By how much.
    by: i64,
}

/// A level that was crossed.
pub(crate) struct Crossed {
    pub(crate) org: OrgId,
    pub(crate) limit: Arc<str>,
    pub(crate) period: Period,
    pub(crate) level: u8,
    /// When, in the organization's time.
    pub(crate) at: Instant,
    used: i64,
    bound: i64,
}

/// Watches limits.
pub(super) struct Watch {
    thresholds: Arc<dyn Thresholds>,
    standings: HashMap<Watched, Standing>,
}

/// What to remember once the transaction has committed.
#[derive(Default)]
pub(super) struct News {
    standings: Vec<(Watched, Standing)>,
    /// How many warnings were given.
    pub(super) warnings: usize,
}

impl Watch {
    pub(super) fn new(thresholds: Arc<dyn Thresholds>) -> Self {
        Self { thresholds, standings: HashMap::new() }
    }

    /// What time it is for an organization.
    pub(super) fn now_of(&self, env: &Env, org: OrgId) -> Instant {
        env.now() + self.thresholds.ahead(org)
    }

    /// Warns of the levels that are crossed with these sums, which are in the transaction already.
    pub(super) async fn look(&self, tx: &mut PlatformTx, env: &Env, tally: &Tally) -> StoreResult<News> {
        let changed = self.changed(tally);
        let unknown: Vec<&Changed> = changed.iter().filter(|one| self.known(one).is_none()).collect();
        let wanted: Vec<Wanted> = unknown
            .iter()
            .map(|one| Wanted { org: one.org, meter: Arc::clone(&one.meter), period: one.period })
            .collect();
        let mut looked_up = store::totals(tx, &wanted).await?.into_iter();
        let (mut news, mut crossed) = (News::default(), Vec::new());
        for one in &changed {
            let mut standing = match self.known(one) {
                Some(known) => Standing { used: known.used.saturating_add(one.by), ..known.clone() },
                None => Standing { used: looked_up.next().unwrap_or_default(), crossed: Vec::new() },
            };
            for &level in &one.bounded.warn_at {
                if !standing.crossed.contains(&level) && reaches(standing.used, one.bounded.bound, level) {
                    standing.crossed.push(level);
                    crossed.push(one.crossed(level, standing.used, self.now_of(env, one.org)));
                }
            }
            news.standings.push((one.watched(), standing));
        }
        let new = store::insert_crossings(tx, &crossed).await?;
        for one in crossed.iter().filter(|one| new.contains(&one.row())) {
            tx.publish(env, one.org, &one.message()).await?;
            news.warnings += 1;
        }
        Ok(news)
    }

    /// Remembers where limits stand.
    pub(super) fn remember(&mut self, news: News) {
        if self.standings.len() + news.standings.len() > REMEMBERED {
            self.standings.clear();
        }
        self.standings.extend(news.standings);
    }

    fn known(&self, changed: &Changed) -> Option<&Standing> {
        self.standings.get(&changed.watched())
    }

    /// The limits whose sums changed.
    fn changed(&self, tally: &Tally) -> Vec<Changed> {
        // Of each meter the minutes that something was added to: they are next to each other.
        let mut meters: BTreeMap<_, Vec<(Instant, i64)>> = BTreeMap::new();
        for ((org, meter, step, start), sum) in &tally.rollups {
            if *step == Step::Minute && sum.kind == Kind::Add {
                meters.entry((*org, meter)).or_default().push((*start, sum.quantity));
            }
        }
        let mut changed = Vec::new();
        for ((org, meter), minutes) in meters {
            for bounded in self.thresholds.of(org, meter) {
                for period in bounded.window.periods(&minutes) {
                    let within = minutes.iter().filter(|(start, _)| has_minute(period, *start));
                    let by = within.fold(0, |sum: i64, (_, quantity)| sum.saturating_add(*quantity));
                    changed.push(Changed {
                        org,
                        meter: Arc::clone(meter),
                        bounded: bounded.clone(),
                        period,
                        by,
                    });
                }
            }
        }
        changed
    }
}

/// Whether this is so much of the bound, in percent. Of nothing, nothing is reached by nothing.
fn reaches(used: i64, bound: i64, level: u8) -> bool {
    used > 0 && i128::from(used) * 100 >= i128::from(bound) * i128::from(level)
}

/// Whether the minute that begins then has a part in a period, as it has in sums over it.
fn has_minute(period: Period, start: Instant) -> bool {
    start < period.end && period.start < start + Step::Minute.span()
}

impl LimitWindow {
    /// The periods that these minutes lie in.
    fn periods(self, minutes: &[(Instant, i64)]) -> BTreeSet<Period> {
        let of = |step: Step| minutes.iter().map(move |(start, _)| step.containing(*start)).collect();
        match self {
            Self::Hour => of(Step::Hour),
            Self::Day => of(Step::Day),
            Self::Month(month) => {
                let any = minutes.iter().any(|(start, _)| has_minute(month, *start));
                any.then_some(month).into_iter().collect()
            }
        }
    }
}

impl Changed {
    fn watched(&self) -> Watched {
        (self.org, Arc::clone(&self.bounded.limit), Arc::clone(&self.meter), self.period.start)
    }

    fn crossed(&self, level: u8, used: i64, at: Instant) -> Crossed {
        let limit = Arc::clone(&self.bounded.limit);
        Crossed { org: self.org, limit, period: self.period, level, at, used, bound: self.bounded.bound }
    }
}

impl Crossed {
    /// What tells it from others.
    fn row(&self) -> (OrgId, String, Instant, i64) {
        (self.org, self.limit.to_string(), self.period.start, self.level.into())
    }

    fn message(&self) -> Message {
        let Self { limit, period, level, used, bound, .. } = self;
        let payload = json!({
            "limit": &**limit,
            "level": level,
            "used": used,
            "bound": bound,
            "period_start": period.start,
            "period_end": period.end,
        });
        Message { kind: "limit.threshold_reached", payload }
    }
}
