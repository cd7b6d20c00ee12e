//! Runs jobs.
//!
//! What must always hold: a job that was accepted ends, and its end is reported with what it really took, whether it
//! succeeded, failed or was canceled. One that a crash interrupted begins again, but not for ever.

use crate::{
    Service,
    extract::{self, Extract},
    job::{Found, JobError, JobKey, Outcome, Usage},
    meter::Meter,
    queue::Place,
    store::Job,
};
use reqwest::Url;
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// After how many attempts that the service didn't survive a job is given up.
const ATTEMPTS: i64 = 3;
/// How long to wait before what the store refused is tried again.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// Takes up what an earlier process left, then runs what comes, until it is dropped.
pub(crate) async fn run(service: Arc<Service>) -> sqlx::Result<()> {
    for job in service.store.unfinished().await? {
        service.queue.push(job.priority, job.key);
    }
    loop {
        let place = service.queue.next().await;
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.run(place).await });
    }
}

/// What one attempt works with.
struct Attempt<'a> {
    service: &'a Service,
    job: &'a Job,
    meter: Arc<Meter>,
}

impl Service {
    async fn run(&self, mut place: Place) {
        let key = place.key.clone();
        let Some(job) = stored(&key, || self.store.start(&key)).await else { return };
        self.changed(&key);
        let meter = Arc::new(Meter::default());
        let attempt = Attempt { service: self, job: &job, meter: Arc::clone(&meter) };
        let within = Duration::from_secs(job.spec.timeout_seconds);
        let outcome = if job.is_canceling {
            Outcome::Canceled
        } else if job.attempts > ATTEMPTS {
            let detail = format!("The service ended {ATTEMPTS} times while it ran.");
            Outcome::Failed(JobError::new("job.interrupted", detail))
        } else {
            tokio::select! {
                biased;
                // An error is that there is nobody left who could stop it.
                Ok(_) = place.stop.wait_for(|stop| *stop) => Outcome::Canceled,
                done = timeout(within, attempt.pages()) => match done {
                    Ok(Ok(found)) => Outcome::Succeeded(found),
                    Ok(Err(error)) => Outcome::Failed(error),
                    Err(_) => {
                        let detail = format!("It took longer than {} s.", job.spec.timeout_seconds);
                        Outcome::Failed(JobError::new("job.timeout", detail))
                    }
                },
            }
        };
        let usage = job.usage.and(meter.usage());
        stored(&key, || self.store.finish(&key, &outcome, usage)).await;
        self.log_end(&job, &outcome, usage);
        self.changed(&key);
        self.reports.notify_one();
    }

    #[expect(clippy::unused_self, reason = "it is the service that says so")]
    fn log_end(&self, job: &Job, outcome: &Outcome, usage: Usage) {
        let status = outcome.status().name();
        let code = match outcome {
            Outcome::Failed(error) => error.code,
            _ => "",
        };
        let (org, id) = (&job.owner.org, &job.id);
        tracing::info!(
            org,
            job = id,
            status,
            code,
            fetches = usage.fetches,
            bytes = usage.bytes,
            "a job ended"
        );
    }
}

/// Asks the store until it answers: what it refuses for now, a full disk, must not make a job vanish.
async fn stored<T, F: Future<Output = sqlx::Result<T>>>(key: &JobKey, ask: impl Fn() -> F) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => {
                tracing::error!(job = %key, %error, "the store refuses; it is asked again");
                sleep(STORE_PAUSE).await;
            }
        }
    }
}

impl Attempt<'_> {
    /// Page after page, as far as the job goes.
    async fn pages(&self) -> Result<Found, JobError> {
        let spec = &self.job.spec;
        let mut url =
            Url::parse(&spec.url).map_err(|error| JobError::new("url.format", error.to_string()))?;
        let mut found: Found = spec.selectors.keys().map(|name| (name.clone(), Vec::new())).collect();
        let mut seen = HashSet::new();
        for page in 1..=spec.max_pages {
            seen.insert(url.clone());
            let extract = self.page(&url).await?;
            for (name, mut values) in extract.found {
                found.entry(name).or_default().append(&mut values);
            }
            if found.values().flatten().map(String::len).sum::<usize>() > extract::FOUND_MAX {
                return Err(extract::too_much());
            }
            self.note(page).await;
            match extract.next {
                // Two pages that lead to each other have an end too.
                Some(next) if !seen.contains(&next) => url = next,
                _ => break,
            }
        }
        Ok(found)
    }

    async fn page(&self, url: &Url) -> Result<Extract, JobError> {
        let page = self.service.fetcher.page(url, &self.job.owner.org, &self.meter).await?;
        let (spec, meter) = (self.job.spec.clone(), Arc::clone(&self.meter));
        let read = tokio::task::spawn_blocking(move || {
            let _computing = meter.computing();
            extract::extract(&page.text, &page.url, &spec)
        });
        read.await.map_err(|_| JobError::new("page.unreadable", format!("{url} can't be read.")))?
    }

    /// Notes how far it has come. It isn't worth a failure: the end counts it all again.
    async fn note(&self, pages: u64) {
        let key = self.job.key();
        let usage = self.job.usage.and(self.meter.usage());
        let pages = i64::try_from(pages).unwrap_or(i64::MAX);
        if let Err(error) = self.service.store.progress(&key, pages, usage).await {
            tracing::warn!(job = %key, %error, "progress wasn't noted");
        }
        self.service.changed(&key);
    }
}
