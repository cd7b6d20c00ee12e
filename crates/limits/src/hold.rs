//! What is held at once: running jobs, open sessions, things that exist.
//!
//! One organization has one [`Holds`], behind one short lock that no other organization's requests take. That makes a
//! hold which counts for several at once (the organization, a project, a key) one indivisible step, and a hold's end the
//! end of all its counts.
//!
//! A hold with a time to live is free from that moment on, whether or not anyone looks. One without lasts until it is
//! ended.

use crate::Subject;
use insula_kernel::{HoldId, Instant, Span};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    error::Error,
    fmt,
    sync::Arc,
};

/// How many ends are remembered whose hold isn't named yet, and for how long.
const EARLY_ENDS: usize = 1_024;
const EARLY_FOR: Span = Span::from_mins(5);

/// How many of one limit a subject may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ceiling {
    /// Who.
    pub subject: Subject,
    /// So many; `i64::MAX` is unlimited.
    pub most: i64,
}

/// What is to be held.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The limit's name.
    pub limit: Arc<str>,
    /// For whom it counts, and how many each may hold.
    pub ceilings: SmallVec<[Ceiling; 2]>,
    /// From when on it no longer counts; never, if `None`.
    pub expires_at: Option<Instant>,
}

/// A hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The limit's name.
    pub limit: Arc<str>,
    /// What the product calls it: a job's id.
    pub key: Option<Box<str>>,
    /// The type of the event that ends it.
    pub until: Option<Arc<str>>,
    /// For whom it counts.
    pub subjects: SmallVec<[Subject; 2]>,
    /// From when on it no longer counts.
    pub expires_at: Option<Instant>,
}

/// There is no room for another hold; nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full {
    /// Who has no room.
    pub subject: Subject,
    /// How many are held.
    pub used: i64,
    /// How many may be.
    pub limit: i64,
    /// When the first of them ends by itself at the latest, if one does.
    pub frees_at: Option<Instant>,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} held", self.used, self.limit)
    }
}

impl Error for Full {}

/// What came of giving a hold its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// It goes on under this name.
    Kept,
    /// The event that ends it had come before; it has ended.
    Ended,
    /// Another hold of the same limit has this name, so the thing is held already; this one has ended.
    Known(HoldId),
    /// There is no such hold: it has ended.
    Gone,
}

/// Everything that an organization holds.
#[derive(Debug, Default)]
pub struct Holds(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    holds: HashMap<HoldId, Hold>,
    /// By what the product calls them.
    names: HashMap<Box<str>, SmallVec<[HoldId; 1]>>,
    expiries: BTreeSet<(Instant, HoldId)>,
    counts: HashMap<(Arc<str>, Subject), i64>,
    early_ends: VecDeque<(Box<str>, Box<str>, Instant)>,
}

impl Holds {
    /// Holds one more, or changes nothing.
    ///
    /// # Errors
    /// [`Full`] when one of those it counts for has no room.
    pub fn begin(&self, id: HoldId, now: Instant, begin: Begin) -> Result<i64, Full> {
        let mut state = self.0.lock();
        state.expire(now);
        let mut most_used = 0;
        for &Ceiling { subject, most } in &begin.ceilings {
            let used = state.count(&begin.limit, subject);
            if used >= most {
                let frees_at = state.first_expiry(&begin.limit, subject);
                return Err(Full { subject, used, limit: most, frees_at });
            }
            most_used = most_used.max(used + 1);
        }
        let subjects = begin.ceilings.iter().map(|ceiling| ceiling.subject).collect();
        let Begin { limit, expires_at, .. } = begin;
        state.put(id, Hold { limit, key: None, until: None, subjects, expires_at });
        Ok(most_used)
    }

    /// Takes in a hold that was there before the process started, whatever the bounds are now.
    pub fn restore(&self, id: HoldId, hold: Hold) {
        self.0.lock().put(id, hold);
    }

    /// Gives a hold the product's name for it, by which `until` events end it.
    pub fn name(&self, id: HoldId, now: Instant, key: &str, until: Option<Arc<str>>) -> Named {
        let mut state = self.0.lock();
        state.expire(now);
        let Some(limit) = state.holds.get(&id).map(|hold| Arc::clone(&hold.limit)) else {
            return Named::Gone;
        };
        let known = state.named(key).find(|(other, hold)| *other != id && hold.limit == limit);
        if let Some((other, _)) = known {
            state.take(id);
            return Named::Known(other);
        }
        if until.as_deref().is_some_and(|until| state.ended_early(until, key)) {
            state.take(id);
            return Named::Ended;
        }
        if let Some(mut hold) = state.take(id) {
            hold.key = Some(key.into());
            hold.until = until;
            state.put(id, hold);
        }
        Named::Kept
    }

    /// Lets a hold go on until then, and says until when it now lasts: never less long than was promised before. `None`
    /// if there is no such hold.
    pub fn renew(&self, id: HoldId, now: Instant, expires_at: Instant) -> Option<Instant> {
        let mut state = self.0.lock();
        state.expire(now);
        let mut hold = state.take(id)?;
        let until = hold.expires_at.map_or(expires_at, |before| before.max(expires_at));
        hold.expires_at = Some(until);
        state.put(id, hold);
        Some(until)
    }

    /// Whether there is such a hold.
    #[must_use]
    pub fn has(&self, id: HoldId, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.expire(now);
        state.holds.contains_key(&id)
    }

    /// Ends a hold; none if there is no such hold.
    pub fn end(&self, id: HoldId, now: Instant) -> Option<Hold> {
        let mut state = self.0.lock();
        state.expire(now);
        state.take(id)
    }

    /// Ends what an event of this type ends under this name. If nothing has the name yet, its end is remembered for a
    /// while: an event may be quicker than the reply that names what it ends.
    pub fn end_named(&self, event: &str, key: &str, now: Instant) -> SmallVec<[HoldId; 1]> {
        let mut state = self.0.lock();
        state.expire(now);
        let ends = |hold: &Hold| hold.until.as_deref() == Some(event);
        let ended: SmallVec<[HoldId; 1]> =
            state.named(key).filter(|(_, hold)| ends(hold)).map(|(id, _)| id).collect();
        for &id in &ended {
            state.take(id);
        }
        if ended.is_empty() {
            state.remember_end(event, key, now);
        }
        ended
    }

    /// The hold of this limit with this name.
    #[must_use]
    pub fn find(&self, limit: &str, key: &str, now: Instant) -> Option<(HoldId, Hold)> {
        let mut state = self.0.lock();
        state.expire(now);
        state.named(key).find(|(_, hold)| *hold.limit == *limit).map(|(id, hold)| (id, hold.clone()))
    }

    /// How many there are, of all limits.
    #[must_use]
    pub fn len(&self, now: Instant) -> u64 {
        let mut state = self.0.lock();
        state.expire(now);
        state.holds.len() as u64
    }

    /// How many of a limit a subject holds.
    #[must_use]
    pub fn used(&self, limit: &str, subject: Subject, now: Instant) -> i64 {
        let mut state = self.0.lock();
        state.expire(now);
        state.count(&Arc::from(limit), subject)
    }
}

impl State {
    fn count(&self, limit: &Arc<str>, subject: Subject) -> i64 {
        self.counts.get(&(Arc::clone(limit), subject)).copied().unwrap_or(0)
    }

    fn put(&mut self, id: HoldId, hold: Hold) {
        self.take(id);
        for &subject in &hold.subjects {
            *self.counts.entry((Arc::clone(&hold.limit), subject)).or_default() += 1;
        }
        if let Some(key) = &hold.key {
            self.names.entry(key.clone()).or_default().push(id);
        }
        if let Some(at) = hold.expires_at {
            self.expiries.insert((at, id));
        }
        self.holds.insert(id, hold);
    }

    fn take(&mut self, id: HoldId) -> Option<Hold> {
        let hold = self.holds.remove(&id)?;
        for &subject in &hold.subjects {
            let place = (Arc::clone(&hold.limit), subject);
            if let Some(count) = self.counts.get_mut(&place) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&place);
                }
            }
        }
        if let Some(key) = &hold.key
            && let Some(ids) = self.names.get_mut(key)
        {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.names.remove(key);
            }
        }
        if let Some(at) = hold.expires_at {
            self.expiries.remove(&(at, id));
        }
        Some(hold)
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.expiries.first()
            && at <= now
        {
            self.take(id);
        }
    }

    fn named(&self, key: &str) -> impl Iterator<Item = (HoldId, &Hold)> {
        let ids = self.names.get(key).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.holds.get(id)?)))
    }

    fn first_expiry(&self, limit: &Arc<str>, subject: Subject) -> Option<Instant> {
        let counts = |hold: &Hold| hold.limit == *limit && hold.subjects.contains(&subject);
        let mut expiries = self.expiries.iter();
        expiries.find(|(_, id)| self.holds.get(id).is_some_and(counts)).map(|(at, _)| *at)
    }

    fn remember_end(&mut self, event: &str, key: &str, now: Instant) {
        while self.early_ends.len() >= EARLY_ENDS
            || self.early_ends.front().is_some_and(|(_, _, at)| *at + EARLY_FOR < now)
        {
            self.early_ends.pop_front();
        }
        self.early_ends.push_back((event.into(), key.into(), now));
    }

    fn ended_early(&mut self, event: &str, key: &str) -> bool {
        let found = self.early_ends.iter().position(|(kind, name, _)| **kind == *event && **name == *key);
        found.and_then(|place| self.early_ends.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_kernel::{Env, ManualClock, OrgId, ProjectId, SeededRng};
    use smallvec::smallvec;

    fn env() -> Env {
        Env {
            clock: Arc::new(ManualClock::at(Instant::from_secs(1_700_000_000))),
            rng: Arc::new(SeededRng::new(1)),
        }
    }

    fn jobs(ceilings: &[(Subject, i64)], expires_at: Option<Instant>) -> Begin {
        let ceilings = ceilings.iter().map(|&(subject, most)| Ceiling { subject, most }).collect();
        Begin { limit: "jobs".into(), ceilings, expires_at }
    }

    #[test]
    fn a_hold_counts_for_all_or_for_none() {
        let env = env();
        let (now, holds) = (env.now(), Holds::default());
        let org = Subject::Organization(OrgId::generate(&env));
        let project = Subject::Project(ProjectId::generate(&env));
        let begin = |project_most| {
            holds.begin(HoldId::generate(&env), now, jobs(&[(org, 2), (project, project_most)], None))
        };
        assert_eq!(begin(1), Ok(1));
        let full = begin(1).unwrap_err();
        assert_eq!((full.subject, full.used, full.limit), (project, 1, 1));
        assert_eq!(holds.used("jobs", org, now), 1, "the refused one counts nowhere");
        assert_eq!(begin(9), Ok(2));
        assert_eq!(begin(9).unwrap_err().subject, org);
    }

    #[test]
    fn time_alone_frees_what_has_a_time_to_live() {
        let env = env();
        let (now, holds) = (env.now(), Holds::default());
        let org = Subject::Organization(OrgId::generate(&env));
        let end = now + Span::from_mins(15);
        let first = HoldId::generate(&env);
        assert!(holds.begin(first, now, jobs(&[(org, 1)], Some(end))).is_ok());
        let full = holds.begin(HoldId::generate(&env), now, jobs(&[(org, 1)], None)).unwrap_err();
        assert_eq!(full.frees_at, Some(end));
        assert_eq!(holds.used("jobs", org, end - Span::from_micros(1)), 1);
        assert_eq!(holds.renew(first, now, end + Span::from_mins(1)), Some(end + Span::from_mins(1)));
        assert_eq!(holds.renew(first, now, end), Some(end + Span::from_mins(1)), "what was promised stays");
        assert_eq!(holds.used("jobs", org, end), 1);
        assert_eq!(holds.used("jobs", org, end + Span::from_mins(1)), 0);
        let late = holds.renew(first, end + Span::from_mins(1), end + Span::from_hours(1));
        assert_eq!(late, None, "it has ended");
    }

    #[test]
    fn an_event_ends_what_it_names_even_when_it_comes_first() {
        let env = env();
        let (now, holds) = (env.now(), Holds::default());
        let org = Subject::Organization(OrgId::generate(&env));
        let begin = || {
            let id = HoldId::generate(&env);
            holds.begin(id, now, jobs(&[(org, 9)], None)).unwrap();
            id
        };
        let done: Option<Arc<str>> = Some("job.finished".into());
        let (first, second, third) = (begin(), begin(), begin());
        assert_eq!(holds.name(first, now, "job_1", done.clone()), Named::Kept);
        assert_eq!(holds.end_named("job.started", "job_1", now).len(), 0, "another event");
        assert_eq!(holds.end_named("job.finished", "job_1", now), smallvec![first] as SmallVec<[HoldId; 1]>);
        assert_eq!(holds.end_named("job.finished", "job_2", now).len(), 0);
        assert_eq!(holds.name(second, now, "job_2", done.clone()), Named::Ended);
        assert_eq!(holds.used("jobs", org, now), 1);
        assert_eq!(holds.name(third, now, "job_2", done), Named::Kept, "an early end ends one hold");
    }

    #[test]
    fn one_thing_is_held_once() {
        let env = env();
        let (now, holds) = (env.now(), Holds::default());
        let org = Subject::Organization(OrgId::generate(&env));
        let (first, second) = (HoldId::generate(&env), HoldId::generate(&env));
        for id in [first, second] {
            holds.begin(id, now, jobs(&[(org, 9)], None)).unwrap();
        }
        assert_eq!(holds.name(first, now, "job_1", None), Named::Kept);
        assert_eq!(holds.name(second, now, "job_1", None), Named::Known(first));
        assert_eq!(holds.used("jobs", org, now), 1);
    }
}
