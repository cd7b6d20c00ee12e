//! Leases: holds that upstreams and workers take, renew and end themselves.
//!
//! What must always hold: memory decides at once, so a limit is never exceeded; nothing is acknowledged before the log
//! has it on the disk, so nothing acknowledged is forgotten by a restart; what wasn't noted isn't held.

use crate::platform::Platform;
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use insula_access::IngestUsage;
use insula_gateway::LeaseRequest;
use insula_identity::{KeyToken, LiveKey};
use insula_kernel::{Error, HoldId, Instant, OrgId, ProjectId, Result, Scope as _, Span};
use insula_limits::{Subject, Subjects};
use insula_metering::{
    failpoint::{self, Failpoint},
    ingest::Ingest,
    log::{HOLD_KEY_MAX, HoldChange, HoldStep},
};
use insula_tenancy::ProjectStatus;
use insula_web::{Api, Endpoint, Failure, In, Json, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};
use tokio::sync::{Mutex, MutexGuard};

const TAG: &str = "Leases";
/// The longest time to live, in seconds: 30 days.
const LONGEST_TTL: i64 = 30 * 86_400;

/// What the endpoints work with.
#[derive(Clone)]
pub(crate) struct State {
    platform: Platform,
    ingest: Arc<Ingest>,
    turns: Arc<Turns>,
}

impl State {
    pub(crate) fn new(platform: Platform, ingest: Arc<Ingest>) -> Self {
        Self { platform, ingest, turns: Arc::default() }
    }
}

/// How many leases that have a key are taken at the same time at most; two that share a turn wait for each other.
const TURNS: usize = 256;

/// Who asks for what is already held under a key is answered only after that was noted, so they wait for who began it.
struct Turns {
    hasher: RandomState,
    locks: Box<[Mutex<()>]>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { hasher: RandomState::new(), locks: (0..TURNS).map(|_| Mutex::default()).collect() }
    }
}

impl Turns {
    async fn of(&self, org: OrgId, key: &str) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one((org, key));
        let place = usize::from(hash.to_le_bytes()[0]) % self.locks.len();
        self.locks[place].lock().await
    }
}

/// A lease that the log doesn't surely know: dropped before it does, it isn't held any more.
struct Unnoted<'a> {
    state: &'a State,
    org: OrgId,
    id: HoldId,
    is_appended: bool,
    is_noted: bool,
}

impl<'a> Unnoted<'a> {
    const fn new(state: &'a State, org: OrgId, id: HoldId) -> Self {
        Self { state, org, id, is_appended: false, is_noted: false }
    }

    async fn note(&mut self, what: HoldStep<'_>) -> Result<()> {
        self.state.ingest.append_hold(&HoldChange { org: self.org, hold: self.id, what })?;
        self.is_appended = true;
        failpoint::reached(Failpoint::LeaseAppended);
        self.state.ingest.durable().await?;
        self.is_noted = true;
        Ok(())
    }
}

impl Drop for Unnoted<'_> {
    fn drop(&mut self) {
        let Self { state: State { platform, ingest, .. }, org, id, .. } = *self;
        if !self.is_noted {
            platform.gate.end_hold(org, id, platform.env.now());
        }
        if self.is_appended && !self.is_noted {
            ingest.note_end(org, id);
        }
    }
}

pub(crate) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/orgs/{org}/leases",
                "acquireLease",
                TAG,
                "Hold one of a limit: a running job, an open session, a thing that exists",
            )
            .allows::<IngestUsage>()
            .body::<LeaseBody>()
            .replies::<LeaseReply>(201),
            acquire_lease,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/orgs/{org}/leases/{lease}/renew",
                "renewLease",
                TAG,
                "Hold it for longer",
            )
            .allows::<IngestUsage>()
            .body::<RenewBody>()
            .replies::<RenewReply>(200),
            renew_lease,
        )
        .with(
            Endpoint::new(Method::Delete, "/v1/orgs/{org}/leases/{lease}", "endLease", TAG, "Let it go")
                .allows::<IngestUsage>(),
            end_lease,
        )
}

/// What is to be held.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LeaseBody {
    /// The limit's name: one of the kind `hold`, or a stock of the product's own.
    limit: String,
    /// What the product calls it; the same thing is held once, however often it is asked for.
    key: Option<String>,
    /// The project it counts for.
    project: Option<ProjectId>,
    /// The API key it counts for, by its public part.
    api_key: Option<String>,
    /// How long it is held unless it is renewed: 1 to 2592000 seconds. Left out for a stock, which lasts until it is let
    /// go.
    ttl_seconds: Option<i64>,
}

/// Something that is held.
#[derive(Serialize, JsonSchema)]
struct LeaseReply {
    id: HoldId,
    /// The limit's name.
    limit: String,
    /// What the product calls it.
    key: Option<String>,
    /// When it ends by itself; null if it doesn't.
    expires_at: Option<Instant>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RenewBody {
    /// How long from now it is to be held: 1 to 2592000 seconds.
    ttl_seconds: i64,
}

#[derive(Serialize, JsonSchema)]
struct RenewReply {
    id: HoldId,
    /// When it ends by itself: never earlier than was promised before.
    expires_at: Instant,
}

fn span(seconds: i64) -> Result<Span> {
    if (1..=LONGEST_TTL).contains(&seconds) {
        return Ok(Span::from_secs(seconds));
    }
    let detail = format!("A time to live is 1 to {LONGEST_TTL} seconds.");
    Err(Error::invalid_field("/ttl_seconds", "out_of_range", detail))
}

/// Those that a lease counts for, and the key whose own limits apply.
fn subjects(platform: &Platform, org: OrgId, body: &LeaseBody) -> Result<(Subjects, Option<Arc<LiveKey>>)> {
    let mut subjects = Subjects::organization(org);
    let strange = |pointer: &str| {
        Error::invalid_field(pointer.to_owned(), "unknown", "This names nothing of the organization.")
    };
    if let Some(id) = body.project {
        let project = platform.organizations.project(id).filter(|project| project.org == org);
        let project = project.filter(|project| project.status == ProjectStatus::Active);
        let project = project.ok_or_else(|| strange("/project"))?;
        (subjects.project, subjects.team) = (Some(id), project.team);
    }
    let Some(text) = &body.api_key else { return Ok((subjects, None)) };
    let id = KeyToken::public_id(text, &platform.blueprint.load().product().key_prefix);
    let key = id.and_then(|id| platform.identity.key(id)).filter(|key| key.org == org);
    let key = key.ok_or_else(|| strange("/api_key"))?;
    subjects.credential = Some(Subject::Key(key.id));
    if subjects.project.is_none() {
        (subjects.project, subjects.team) = (key.project, key.team);
    }
    Ok((subjects, Some(key)))
}

async fn acquire_lease(
    Extract(state): Extract<State>,
    In(proof): In<IngestUsage>,
    Json(body): Json<LeaseBody>,
) -> Result<Response, Failure> {
    let (platform, org, now) = (&state.platform, proof.organization(), state.platform.env.now());
    if body.key.as_ref().is_some_and(|key| key.is_empty() || key.len() > HOLD_KEY_MAX) {
        let detail = format!("A key has 1 to {HOLD_KEY_MAX} bytes.");
        return Err(Error::invalid_field("/key", "length", detail).into());
    }
    let ttl = body.ttl_seconds.map(span).transpose()?;
    let (subjects, key) = subjects(platform, org, &body)?;
    let request = LeaseRequest { limit: &body.limit, subjects: &subjects, key: body.key.as_deref(), ttl };
    let _turn = match &body.key {
        Some(key) => Some(state.turns.of(org, key).await),
        None => None,
    };
    let lease = platform.gate.lease(&request, key.as_deref(), now)?;
    let expires_at = lease.hold.expires_at;
    if lease.is_new {
        let what = HoldStep::Begun {
            limit: &body.limit,
            key: body.key.as_deref(),
            project: subjects.project,
            team: subjects.team,
            api_key: key.map(|key| key.id),
            at: now,
            expires_at,
        };
        let mut unnoted = Unnoted::new(&state, org, lease.id);
        failpoint::reached(Failpoint::LeaseBegun);
        unnoted.note(what).await?;
        failpoint::reached(Failpoint::LeaseNoted);
    }
    let reply = LeaseReply { id: lease.id, limit: body.limit, key: body.key, expires_at };
    let status = if lease.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(reply)).into_response())
}

fn lease_id(text: &str) -> Result<HoldId> {
    text.parse().map_err(|_| Error::not_found("lease"))
}

async fn renew_lease(
    Extract(state): Extract<State>,
    In(proof): In<IngestUsage>,
    Path((_, lease)): Path<(String, String)>,
    Json(body): Json<RenewBody>,
) -> Result<Json<RenewReply>, Failure> {
    let (org, id, now) = (proof.organization(), lease_id(&lease)?, state.platform.env.now());
    let renewed = state.platform.gate.renew_hold(org, id, now + span(body.ttl_seconds)?, now);
    let expires_at = renewed.ok_or_else(|| Error::not_found("lease"))?;
    state.ingest.note_hold(&HoldChange { org, hold: id, what: HoldStep::Renewed { expires_at } }).await?;
    Ok(Json(RenewReply { id, expires_at }))
}

async fn end_lease(
    Extract(state): Extract<State>,
    In(proof): In<IngestUsage>,
    Path((_, lease)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let (org, id, now) = (proof.organization(), lease_id(&lease)?, state.platform.env.now());
    if !state.platform.gate.has_hold(org, id, now) {
        return Err(Error::not_found("lease").into());
    }
    // Noted first: if that fails nothing has changed, and the same call can be made again.
    state.ingest.note_hold(&HoldChange { org, hold: id, what: HoldStep::Ended { at: now } }).await?;
    failpoint::reached(Failpoint::LeaseEnded);
    state.platform.gate.end_hold(org, id, now);
    Ok(StatusCode::NO_CONTENT)
}
