//! Usage that upstreams report: checked, deduplicated, durable before it is acknowledged.
//!
//! What must always hold:
//! - What was acknowledged is on the disk and counts once for life, however often it is sent; the same id with another
//!   content is a conflict, never a second event and never silently dropped.
//! - An event is refused as a whole, and says why, if a meter can't count what it says.
//! - Whoever reports names an organization; what the event says of projects, keys and people must belong to it.

mod event;
mod known;

use crate::{
    SettlerHandle,
    log::{Charge, Group, HoldChange, HoldStep, Log, Report, Writer},
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
    collections::{HashMap, hash_map::Entry},
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
    writer: Mutex<Writer>,
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
        let writer = Mutex::new(log.writer(WRITER));
        let turns = (0..TURNS).map(|_| tokio::sync::Mutex::default()).collect();
        Self {
            storage,
            env,
            log,
            writer,
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
            self.append(reporter, blueprint, &fresh, now)?;
            self.durable().await?;
            self.known.add(fresh.iter().map(|event| (event.key, event.body)), self.env.now());
            self.tell(reporter.org, blueprint, &fresh).await?;
        }
        Ok(taken)
    }

    /// Notes what happens to a hold, and returns once that is on the disk.
    ///
    /// # Errors
    /// `usage.unavailable` when the log can't be written.
    pub async fn note_hold(&self, change: &HoldChange<'_>) -> Result<()> {
        self.writer.lock().append_hold(change).map_err(|error| unavailable(&error))?;
        self.durable().await
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

    fn append(
        &self,
        reporter: Reporter,
        blueprint: &Compiled,
        events: &[Checked<'_>],
        received_at: Instant,
    ) -> Result<()> {
        let mut writer = self.writer.lock();
        for checked in events {
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
            writer.append_report(&report).map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }

    async fn durable(&self) -> Result<()> {
        self.log.synced().await.map_err(|error| unavailable(&error))
    }

    /// Adds what was accepted to counters and ends what it ends.
    async fn tell(&self, org: OrgId, blueprint: &Compiled, events: &[Checked<'_>]) -> Result<()> {
        let mut ended = Vec::new();
        for checked in events {
            let Checked { event, at, project, team, key_id, measured, ends, .. } = checked;
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
            for name in ends {
                ended.extend(self.live.end_holds(org, &event.kind, name));
            }
        }
        if ended.is_empty() {
            return Ok(());
        }
        let at = self.env.now();
        {
            let mut writer = self.writer.lock();
            for hold in ended {
                let change = HoldChange { org, hold, what: HoldStep::Ended { at } };
                writer.append_hold(&change).map_err(|error| unavailable(&error))?;
            }
        }
        // An end that is lost would leave what has no time to live held for ever.
        self.durable().await
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
