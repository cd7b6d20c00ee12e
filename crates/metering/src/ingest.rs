//! Usage that upstreams report: checked, deduplicated, durable before it is acknowledged.
//!
//! What must always hold:
//! - What is in the log counts and is known, whatever becomes of the call that put it there; nobody is told of it before
//!   it is on the disk.
//! - What was acknowledged counts once for life, however often it is sent; the same id with another
//!   content is a conflict, never a second event and never silently dropped.
//! - An event is refused as a whole, and says why, if a meter can't count what it says.
//! - What an event ends is noted before the event itself: who is told that it is known needn't tell it again.
//! - Whoever reports names an organization; what the event says of projects, keys and people must belong to it.

mod event;
mod known;

use crate::{
    SettlerHandle,
    failpoint::{self, Failpoint},
    log::{Charge, Group, HoldChange, HoldStep, IntentError, Log, Report, Writer},
};
use event::{Event, Grouped, Measured};
use insula_blueprint::Compiled;
use insula_kernel::{
    Env, Error, ErrorKind, EventId, HoldId, Instant, KeyId, OrgId, ProjectId, Result, ServiceId, Span,
    TeamId, UserId,
};
use insula_storage::{Storage, Store, Worker};
use known::{Key, Known, key_of};
use parking_lot::Mutex;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

pub use event::DATA_MAX;

/// The most events of one batch.
pub const BATCH_MAX: usize = 1_000;
/// How many acknowledged events may wait for settlement before no more are taken.
const BACKLOG_MAX: usize = 3_000_000;
/// How many organizations report at the same time at most; two that share a turn wait for each other.
const TURNS: usize = 256;
/// The number of the log's writer, for people who look at its segments.
const WRITER: u16 = 900;

/// A digest of what an event says.
pub(crate) type Body = [u8; 16];

/// Why an event isn't taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// The stable code.
    pub code: &'static str,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl Rejection {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    fn conflict() -> Self {
        Self::new("event.conflict", "An event of this source and id is known with another content.")
    }

    /// The same as the error of a request that is about this event alone.
    #[must_use]
    pub fn into_error(self) -> Error {
        let kind = if self.code == "event.conflict" { ErrorKind::Conflict } else { ErrorKind::Invalid };
        Error::new(kind, self.code, self.detail)
    }
}

/// What became of one event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It is durable and will be counted.
    Accepted,
    /// It was known.
    Duplicate,
    /// It isn't taken.
    Rejected(Rejection),
}

/// Who reports, and where.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    /// The organization.
    pub org: OrgId,
    /// The upstream's credential, if it is one.
    pub service: Option<ServiceId>,
}

/// An event that was accepted, for whoever keeps counters.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// The organization.
    pub org: OrgId,
    /// When it happened, in the organization's time.
    pub at: Instant,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// That project's team.
    pub team: Option<TeamId>,
    /// The key on whose behalf it happened.
    pub key: Option<KeyId>,
    /// The meter.
    pub meter: &'a str,
    /// How much, in the meter's smallest units.
    pub quantity: i64,
}

/// What the request path knows and keeps: clocks, counters, holds, projects, keys.
pub trait Live: Send + Sync {
    /// How far the organization's time is ahead of the real one: nothing for all but test organizations.
    fn ahead(&self, org: OrgId) -> Span;
    /// The team of an active project of the organization; `None` if it has no such project.
    fn project(&self, org: OrgId, project: ProjectId) -> Option<Option<TeamId>>;
    /// The key of the organization that this text names by its public part.
    fn key(&self, org: OrgId, text: &str) -> Option<KeyId>;
    /// Adds what was reported to every counter that bounds it.
    fn count(&self, counted: &Counted<'_>);
    /// Ends what an event of this type ends under this name.
    fn end_holds(&self, org: OrgId, event: &str, key: &str) -> Vec<HoldId>;
}

/// Takes in what upstreams report. There is one per process.
pub struct Ingest {
    storage: Storage,
    env: Env,
    log: Log,
    inlet: Mutex<Inlet>,
    settler: SettlerHandle,
    live: Box<dyn Live>,
    known: Known,
    turns: Box<[tokio::sync::Mutex<()>]>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    duplicates: AtomicU64,
    conflicts: AtomicU64,
    rejected: AtomicU64,
}

/// What became of the events that were reported since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct IngestFigures {
    /// They are counted.
    pub accepted: u64,
    /// They were known.
    pub duplicates: u64,
    /// They were known with another content.
    pub conflicts: u64,
    /// They were not as they must be.
    pub rejected: u64,
}

/// The log's writer, and what it has to note before it takes any more.
struct Inlet {
    writer: Writer,
    /// Holds that have ended in memory, and not in the log: the earliest first.
    ended: VecDeque<(OrgId, HoldId, Instant)>,
}

impl Inlet {
    fn note_ends(&mut self) -> std::result::Result<(), IntentError> {
        while let Some(&(org, hold, at)) = self.ended.front() {
            self.writer.append_hold(&HoldChange { org, hold, what: HoldStep::Ended { at } })?;
            self.ended.pop_front();
        }
        Ok(())
    }
}

/// An event that passed every check.
struct Checked<'a> {
    event: Event<'a>,
    key: Key,
    body: Body,
    at: Instant,
    project: Option<ProjectId>,
    team: Option<TeamId>,
    key_id: Option<KeyId>,
    user: Option<UserId>,
    measured: Vec<Measured>,
    groups: Vec<Grouped>,
    /// By what it may name a hold that it ends.
    ends: Vec<String>,
}

impl Ingest {
    /// Takes in what is reported, into this log; what is known stands in this ledger.
    #[must_use]
    pub fn new(storage: Storage, env: Env, log: Log, settler: SettlerHandle, live: Box<dyn Live>) -> Self {
        let inlet = Mutex::new(Inlet { writer: log.writer(WRITER), ended: VecDeque::new() });
        let turns = (0..TURNS).map(|_| tokio::sync::Mutex::default()).collect();
        Self {
            storage,
            env,
            log,
            inlet,
            settler,
            live,
            known: Known::default(),
            turns,
            counts: Counts::default(),
        }
    }

    /// Takes a batch of events, each as the text of a CloudEvent in JSON, and says of each what became of it. When this
    /// returns, the accepted ones are on the disk.
    ///
    /// # Errors
    /// `usage.backlog` when too much waits for settlement; `usage.unavailable` when the log or the ledger can't be used.
    /// Nothing was acknowledged then: the same events may be sent again.
    pub async fn take(
        &self,
        reporter: Reporter,
        blueprint: &Compiled,
        events: &[&str],
    ) -> Result<Vec<Taken>> {
        let taken = self.take_in(reporter, blueprint, events).await?;
        for one in &taken {
            let count = match one {
                Taken::Accepted => &self.counts.accepted,
                Taken::Duplicate => &self.counts.duplicates,
                Taken::Rejected(Rejection { code: "event.conflict", .. }) => &self.counts.conflicts,
                Taken::Rejected(_) => &self.counts.rejected,
            };
            count.fetch_add(1, Relaxed);
        }
        Ok(taken)
    }

    /// What became of the events that were reported so far.
    #[must_use]
    pub fn figures(&self) -> IngestFigures {
        IngestFigures {
            accepted: self.counts.accepted.load(Relaxed),
            duplicates: self.counts.duplicates.load(Relaxed),
            conflicts: self.counts.conflicts.load(Relaxed),
            rejected: self.counts.rejected.load(Relaxed),
        }
    }

    async fn take_in(&self, reporter: Reporter, blueprint: &Compiled, events: &[&str]) -> Result<Vec<Taken>> {
        // What an event says of its time is said by the organization's own.
        let now = self.env.now() + self.live.ahead(reporter.org);
        let mut taken = vec![Taken::Accepted; events.len()];
        let mut checked = Vec::with_capacity(events.len());
        for (place, text) in events.iter().enumerate() {
            match self.check(reporter.org, blueprint, text, now) {
                Ok(event) => checked.push((place, event)),
                Err(rejection) => taken[place] = Taken::Rejected(rejection),
            }
        }
        if checked.is_empty() {
            return Ok(taken);
        }
        self.known.settled_until(self.settler.settled_until());
        if self.known.unsettled() > BACKLOG_MAX {
            return Err(backlog());
        }
        let _turn = self.turns[turn_of(reporter.org)].lock().await;
        let keys: Vec<Key> = checked.iter().map(|(_, event)| event.key).collect();
        let mut looked = self.known.look(&keys);
        if looked.is_open() {
            let mut tx = self.storage.platform_read(Store::Ledger, &Worker::Ingestion).await?;
            self.known.ask(&mut tx, &mut looked).await?;
        }
        let fresh = only_new(checked, looked.known, &mut taken);
        if !fresh.is_empty() {
            failpoint::reached(Failpoint::ReportChecked);
            self.end_holds(reporter.org, &fresh);
            let (appended, outcome) = self.append(reporter, blueprint, &fresh, now);
            let appended = &fresh[..appended];
            self.count(reporter.org, blueprint, appended);
            self.known.add(appended.iter().map(|event| (event.key, event.body)), self.env.now());
            failpoint::reached(Failpoint::ReportAppended);
            outcome.map_err(|error| unavailable(&error))?;
        }
        // Also where all were known: the call that noted them may not have come so far.
        self.durable().await?;
        failpoint::reached(Failpoint::ReportDurable);
        Ok(taken)
    }

    /// Notes what happens to a hold. The next run knows of it once [`durable`](Self::durable) has returned.
    ///
    /// # Errors
    /// `usage.unavailable` when the log can't be written; nothing was noted then.
    pub fn append_hold(&self, change: &HoldChange<'_>) -> Result<()> {
        self.inlet.lock().writer.append_hold(change).map_err(|error| unavailable(&error))
    }

    /// Notes what happens to a hold, and returns once that is on the disk.
    ///
    /// # Errors
    /// `usage.unavailable` when the log can't be written.
    pub async fn note_hold(&self, change: &HoldChange<'_>) -> Result<()> {
        self.append_hold(change)?;
        self.durable().await
    }

    /// Notes that a hold has ended: at once if the log can be written, else before anything else is.
    pub fn note_end(&self, org: OrgId, hold: HoldId) {
        let mut inlet = self.inlet.lock();
        inlet.ended.push_back((org, hold, self.env.now()));
        if let Err(error) = inlet.note_ends() {
            tracing::warn!(%error, "the end of a hold is yet to be noted");
        }
    }

    /// Returns once everything that was noted is on the disk.
    ///
    /// # Errors
    /// `usage.unavailable` when the disk failed.
    pub async fn durable(&self) -> Result<()> {
        self.log.synced().await.map_err(|error| unavailable(&error))
    }

    fn check<'a>(
        &self,
        org: OrgId,
        blueprint: &Compiled,
        text: &'a str,
        now: Instant,
    ) -> Result<Checked<'a>, Rejection> {
        let event = Event::read(text)?;
        let at = event.at(now)?;
        let measured = event.measure(blueprint)?;
        let groups = event.groups(blueprint)?;
        let strange = |name: &str| {
            let detail = format!("`{name}` names nothing of this organization.");
            Rejection::new("event.attribute", detail)
        };
        let (mut project, mut team) = (None, None);
        if let Some(text) = &event.project {
            let id: ProjectId = text.parse().map_err(|_| strange("project"))?;
            team = self.live.project(org, id).ok_or_else(|| strange("project"))?;
            project = Some(id);
        }
        let key_id = match &event.key {
            Some(text) => Some(self.live.key(org, text).ok_or_else(|| strange("apikey"))?),
            None => None,
        };
        let user = match &event.user {
            Some(text) => Some(text.parse().map_err(|_| strange("user"))?),
            None => None,
        };
        let (key, body) = (key_of(org, &event.source, &event.id), event.body());
        let ends = ends(&event, blueprint);
        Ok(Checked { event, key, body, at, project, team, key_id, user, measured, groups, ends })
    }

    /// Appends the events to the log, and says how many it took.
    fn append(
        &self,
        reporter: Reporter,
        blueprint: &Compiled,
        events: &[Checked<'_>],
        received_at: Instant,
    ) -> (usize, std::result::Result<(), IntentError>) {
        let mut inlet = self.inlet.lock();
        if let Err(error) = inlet.note_ends() {
            return (0, Err(error));
        }
        for (appended, checked) in events.iter().enumerate() {
            let Checked { event, key, body, at, project, team, key_id, user, measured, groups, .. } = checked;
            let charges: Vec<Charge<'_>> = measured
                .iter()
                .filter_map(|measured| {
                    let meter = blueprint.meters().get(measured.meter)?.name.as_str();
                    Some(Charge { meter, quantity: measured.quantity, fold: measured.fold })
                })
                .collect();
            let groups: Vec<Group<'_>> =
                groups.iter().map(|group| Group { name: &group.name, value: &group.value }).collect();
            let report = Report {
                id: EventId::generate(&self.env),
                org: reporter.org,
                key: *key,
                body: *body,
                kind: &event.kind,
                source: &event.source,
                subject: event.subject.as_deref(),
                at: *at,
                received_at,
                project: *project,
                team: *team,
                key_id: *key_id,
                user: *user,
                service: reporter.service,
                environment: 0,
                groups: (&*groups).into(),
                data: event.data.map(RawValue::get),
                charges: (&*charges).into(),
            };
            if let Err(error) = inlet.writer.append_report(&report) {
                return (appended, Err(error));
            }
        }
        (events.len(), Ok(()))
    }

    /// Ends what these events end. Whether they can be noted is yet to be seen; but what they tell has happened.
    fn end_holds(&self, org: OrgId, events: &[Checked<'_>]) {
        let at = self.env.now();
        for Checked { event, ends, .. } in events {
            for name in ends {
                let ended = self.live.end_holds(org, &event.kind, name);
                self.inlet.lock().ended.extend(ended.into_iter().map(|hold| (org, hold, at)));
            }
        }
    }

    /// Adds what was accepted to counters.
    fn count(&self, org: OrgId, blueprint: &Compiled, events: &[Checked<'_>]) {
        for checked in events {
            let Checked { at, project, team, key_id, measured, .. } = checked;
            for measured in measured.iter().filter(|measured| measured.fold == crate::log::Fold::Add) {
                let Some(meter) = blueprint.meters().get(measured.meter) else { continue };
                self.live.count(&Counted {
                    org,
                    at: *at,
                    project: *project,
                    team: *team,
                    key: *key_id,
                    meter: &meter.name,
                    quantity: measured.quantity,
                });
            }
        }
    }
}

/// The names by which an event may end something that a route began: what stands in its data where the route's reply
/// had it, and its subject.
fn ends(event: &Event<'_>, blueprint: &Compiled) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let lasting = blueprint.routes().iter().filter_map(|route| route.hold.as_ref()?.lasting.as_ref());
    for lasting in lasting.filter(|lasting| lasting.until.as_deref() == Some(&*event.kind)) {
        let named = event.text_at(&lasting.key).map(Cow::into_owned);
        let subject = event.subject.as_deref().map(str::to_owned);
        for name in [named, subject].into_iter().flatten() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Those events that nobody has seen, each once.
fn only_new<'a>(
    checked: Vec<(usize, Checked<'a>)>,
    mut known: HashMap<Key, Body>,
    taken: &mut [Taken],
) -> Vec<Checked<'a>> {
    let mut fresh = Vec::with_capacity(checked.len());
    for (place, event) in checked {
        match known.entry(event.key) {
            Entry::Occupied(known) => {
                let same = *known.get() == event.body;
                taken[place] = if same { Taken::Duplicate } else { Taken::Rejected(Rejection::conflict()) };
            }
            Entry::Vacant(place) => {
                place.insert(event.body);
                fresh.push(event);
            }
        }
    }
    fresh
}

fn turn_of(org: OrgId) -> usize {
    let [.., last] = *org.uuid().as_bytes();
    usize::from(last) % TURNS
}

fn backlog() -> Error {
    let detail = "Too many events wait to be settled; none of these was taken. Send them again.";
    Error::new(ErrorKind::Unavailable, "usage.backlog", detail).retry_after(Span::from_secs(2))
}

fn unavailable(cause: &impl std::fmt::Display) -> Error {
    let detail = "Usage can't be taken in at the moment; nothing was acknowledged. Send it again.";
    Error::new(ErrorKind::Unavailable, "usage.unavailable", detail)
        .retry_after(Span::from_secs(2))
        .caused_by(cause.to_string())
}
