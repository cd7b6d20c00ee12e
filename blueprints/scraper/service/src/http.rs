//! What the service answers, behind Insula and nowhere else: whoever calls is known by a signature of the installation.

mod caller;
mod export;
mod jobs;
mod live;
mod view;

use crate::{Service, problem::Problem};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    routing::get,
};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// The largest body of a request, in bytes.
const BODY_MAX: usize = 64 << 10;

/// What handlers work with.
pub(crate) type Shared = State<Arc<Service>>;

pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/api/jobs", get(jobs::list_jobs).post(jobs::submit_job))
        .route("/api/jobs/{id}", get(jobs::get_job).delete(jobs::cancel_job))
        .route("/api/jobs/{id}/result", get(export::export_result))
        .route("/api/jobs/{id}/live", get(live::watch_job))
        .route("/healthz", get(healthz))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "route.not_found", "There is nothing here."))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "route.method", "This can't be done here.")
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(service)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    waiting: usize,
    running: usize,
}

async fn healthz(State(service): Shared) -> Json<Health> {
    let (waiting, running) = service.queue.lengths();
    Json(Health { status: "ok", waiting, running })
}
