//! Jobs: submitted, looked at, canceled.

use super::{
    Shared,
    caller::{CANCEL, CREATE, Caller, READ},
    view::JobView,
};
use crate::{
    Service,
    job::{Owner, Spec, Status, Usage},
    problem::{FieldError, Problem},
    report::micros,
    store::{Cancel, Job, Listing, Viewer},
    system,
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State, rejection::BytesRejection},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, timeout_at};

/// How many jobs a page has: if not said, and at most.
const PAGE: i64 = 50;
const PAGE_MAX: i64 = 200;
/// How long a caller waits for a job that runs to be stopped.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Accepted {
    job_id: String,
    status: Status,
}

pub(super) async fn submit_job(
    State(service): Shared,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let caller = caller.who_may(CREATE)?;
    let body = json(&headers, body)?;
    let spec = Spec::read(&body, &service.policy).map_err(Problem::invalid)?;
    let now = system::now();
    let job = Job {
        id: system::fresh_job_id(),
        owner: Owner::of(&caller),
        priority: caller.priority,
        spec,
        status: Status::Queued,
        is_canceling: false,
        attempts: 0,
        pages: 0,
        usage: Usage::default(),
        error: None,
        created_at: now,
        started_at: None,
        finished_at: None,
        held_until: now + micros(service.held),
        lease: None,
    };
    service.store.insert(&job).await?;
    service.queue.push(job.priority, job.key());
    service.reports.notify_one();
    let location = format!("/api/jobs/{}", job.id);
    let accepted = Accepted { job_id: job.id, status: job.status };
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(accepted)).into_response())
}

/// The body as JSON, if it says that it is.
fn json(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Value, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", "The body is too large.")
        }
        _ => Problem::malformed("The body can't be read."),
    })?;
    let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        let detail = "Send JSON, with `Content-Type: application/json`.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.media_type", detail));
    }
    serde_json::from_slice(&body)
        .map_err(|error| Problem::malformed(format!("The body is no JSON: {error}.")))
}

#[derive(Serialize)]
pub(super) struct Jobs {
    items: Vec<JobView>,
    next_cursor: Option<String>,
}

pub(super) async fn list_jobs(
    State(service): Shared,
    caller: Caller,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Jobs>, Problem> {
    let caller = caller.who_may(READ)?;
    let mut listing = listing(&query).map_err(Problem::invalid)?;
    let limit = listing.limit;
    // One more shows whether there are more.
    listing.limit += 1;
    let mut jobs = service.store.list(&Viewer::of(&caller), &listing).await?;
    let has_more = jobs.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_cursor = jobs.last().filter(|_| has_more).map(|job| job.id.clone());
    Ok(Json(Jobs { items: jobs.into_iter().map(|job| JobView::new(job, None)).collect(), next_cursor }))
}

fn listing(query: &BTreeMap<String, String>) -> Result<Listing, Vec<FieldError>> {
    let mut listing = Listing { status: None, before: None, limit: PAGE };
    let mut wrong = Vec::new();
    let mut add = |name: &str, code, detail: String| {
        wrong.push(FieldError { pointer: format!("/{name}"), code, detail });
    };
    for (name, value) in query {
        match name.as_str() {
            "status" => match Status::parse(value) {
                Some(status) => listing.status = Some(status),
                None => {
                    let names: Vec<&str> = Status::ALL.into_iter().map(Status::name).collect();
                    add(name, "unknown", format!("A status is one of {}.", names.join(", ")));
                }
            },
            "cursor" => listing.before = Some(value.clone()),
            "limit" => match value.parse() {
                Ok(limit) if (1..=PAGE_MAX).contains(&limit) => listing.limit = limit,
                _ => add(name, "range", format!("This is a whole number from 1 to {PAGE_MAX}.")),
            },
            _ => add(name, "unknown", format!("There is no parameter `{name}`.")),
        }
    }
    if wrong.is_empty() { Ok(listing) } else { Err(wrong) }
}

pub(super) async fn get_job(
    State(service): Shared,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let viewer = Viewer::of(&caller.who_may(READ)?);
    let job = service.store.job(&viewer, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(view(&service, job).await?))
}

/// A job with what it found.
pub(super) async fn view(service: &Service, job: Job) -> Result<JobView, Problem> {
    let found = match job.status {
        Status::Succeeded => service.store.found(&job.key()).await?,
        _ => None,
    };
    Ok(JobView::new(job, found))
}

pub(super) async fn cancel_job(
    State(service): Shared,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let viewer = Viewer::of(&caller.who_may(CANCEL)?);
    let mut changes = service.changes.subscribe();
    let until = Instant::now() + STOP_PATIENCE;
    loop {
        match service.store.cancel(&viewer, &id).await? {
            Cancel::Unknown => return Err(Problem::not_found()),
            Cancel::Finished => {
                let detail = "The job has ended; there is nothing to cancel.";
                return Err(Problem::new(StatusCode::CONFLICT, "job.finished", detail));
            }
            Cancel::Canceled => break,
            Cancel::Running(key) => service.queue.stop(&key),
        }
        // It ends at once, and what it took is known then.
        match timeout_at(until, changes.recv()).await {
            Ok(_) => {}
            Err(_) => break,
        }
    }
    service.reports.notify_one();
    let job = service.store.job(&viewer, &id).await?.ok_or_else(Problem::not_found)?;
    service.changed(&job.key());
    Ok(Json(JobView::new(job, None)))
}
