//! Jobs as callers see them.

use crate::{
    job::{Field, Found, Status, Usage},
    store::Job,
    system::rfc3339,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A job.
#[derive(Serialize)]
pub(super) struct JobView {
    job_id: String,
    pub(super) status: Status,
    url: String,
    selectors: BTreeMap<String, Field>,
    follow: Option<String>,
    timeout_seconds: u64,
    project: Option<String>,
    environment: Option<String>,
    priority: i64,
    progress: Progress,
    usage: UsageView,
    error: Option<Failure>,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// What was found, by selector; only where one job is asked for and it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Found>,
}

#[derive(Serialize)]
struct Progress {
    pages: i64,
    /// At most.
    of: u64,
}

#[derive(Serialize)]
struct UsageView {
    compute_seconds: String,
    data_kb: String,
    requests: i64,
}

#[derive(Serialize)]
struct Failure {
    code: String,
    detail: String,
}

impl JobView {
    pub(super) fn new(job: Job, result: Option<Found>) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let Usage { fetches, .. } = job.usage;
        Self {
            job_id: job.id,
            status: job.status,
            url: job.spec.url,
            selectors: job.spec.selectors,
            follow: job.spec.follow,
            timeout_seconds: job.spec.timeout_seconds,
            project: some(job.owner.project),
            environment: some(job.owner.environment),
            priority: job.priority,
            progress: Progress { pages: job.pages, of: job.spec.max_pages },
            usage: UsageView {
                compute_seconds: job.usage.compute_seconds(),
                data_kb: job.usage.data_kb(),
                requests: fetches,
            },
            error: job.error.map(|(code, detail)| Failure { code, detail }),
            created_at: rfc3339(job.created_at),
            started_at: job.started_at.map(rfc3339),
            finished_at: job.finished_at.map(rfc3339),
            result,
        }
    }
}
