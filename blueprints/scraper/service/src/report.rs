//! Reports what happened from the store's outbox, until it was answered for, and keeps the places of jobs that take long.
//!
//! What must always hold: an event leaves the outbox only once Insula has answered for it. Refused for what may be put
//! right, a credential that was replaced, it is kept and sent again; refused for what it says, it is kept for people.

use crate::{
    Service,
    store::{Job, Report},
    system,
};
use insula_client::{Client, Error, Event, LeaseRequest};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// The limit of the blueprint that jobs have a place of.
const LIMIT: &str = "concurrent_jobs";
/// How many events are read together, and how many are under way at once.
const BATCH: i64 = 500;
const AT_ONCE: usize = 16;
/// After how long the outbox is looked at again though nobody said that there is something.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long to wait after a refusal that may pass.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a batch may take at the end of the service.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// What came of sending some events.
#[derive(Default)]
struct Sent {
    counted: Vec<i64>,
    refused: Vec<(i64, String)>,
    /// Whether some are to be sent again.
    is_incomplete: bool,
}

impl Service {
    /// Reports, until it is dropped.
    pub(crate) async fn report(self: Arc<Self>, client: Client) {
        loop {
            match self.report_waiting(&client).await {
                Ok(true) => {
                    let _ = timeout(LOOK_EVERY, self.reports.notified()).await;
                }
                Ok(false) => sleep(PAUSE).await,
                Err(error) => {
                    tracing::error!(%error, "the outbox can't be read");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Reports what still waits, if that is quick: whatever is left, the next process reports.
    pub(crate) async fn report_last(&self, client: &Client) {
        let _ = timeout(LAST_PATIENCE, self.report_waiting(client)).await;
    }

    /// Reports everything that waits; false if some of it is to be sent again.
    async fn report_waiting(&self, client: &Client) -> sqlx::Result<bool> {
        let (mut after, mut is_complete) = (0, true);
        loop {
            let reports = self.store.waiting(after, BATCH).await?;
            let Some(last) = reports.last() else { return Ok(is_complete) };
            after = last.seq;
            let sent = send(client, &reports).await;
            is_complete &= !sent.is_incomplete;
            let is_stuck = sent.counted.is_empty() && sent.is_incomplete;
            for (seq, why) in &sent.refused {
                tracing::error!(seq, why, "an event doesn't count; it is kept");
            }
            self.store.answered(&sent.counted, &sent.refused).await?;
            release(client, &reports, &sent).await;
            if is_stuck {
                return Ok(false);
            }
        }
    }

    /// Keeps the places of jobs that wait or run for long, until it is dropped.
    pub(crate) async fn keep_places(self: Arc<Self>, client: Client) {
        loop {
            let before = system::now() + micros(self.held / 3);
            match self.store.to_renew(before).await {
                Ok(jobs) => {
                    for job in jobs {
                        self.renew(&client, &job).await;
                    }
                }
                Err(error) => tracing::error!(%error, "jobs whose places end can't be read"),
            }
            sleep(self.held / 30).await;
        }
    }

    /// Holds a job's place for longer. Asked for by the job's id, it is the one that its request took, or a new one if
    /// that has ended.
    async fn renew(&self, client: &Client, job: &Job) {
        let key = job.key();
        let leases = client.leases(&job.owner.org);
        let mut request = LeaseRequest::new(LIMIT).key(&job.id).ttl(self.held);
        if !job.owner.project.is_empty() {
            request = request.project(&job.owner.project);
        }
        if let Some(api_key) = &job.owner.api_key {
            request = request.api_key(api_key);
        }
        let until = system::now() + micros(self.held);
        let renewed = async {
            let lease = leases.acquire(&request).await?;
            leases.renew(&lease.id, self.held).await?;
            Ok::<_, Error>(lease.id)
        };
        match renewed.await {
            Ok(lease) => match self.store.renewed(&key, &lease, until).await {
                Ok(true) => {}
                // It ended meanwhile, perhaps before its place was taken anew.
                Ok(false) => drop(leases.release(&lease).await),
                Err(error) => tracing::error!(job = %key, %error, "a renewal wasn't noted"),
            },
            Err(error) => tracing::warn!(job = %key, %error, "a job's place couldn't be kept"),
        }
    }

    /// Forgets jobs that ended long ago, until it is dropped.
    pub(crate) async fn forget(self: Arc<Self>, keep: Duration) {
        loop {
            match self.store.forget(system::now() - micros(keep)).await {
                Ok(0) => {}
                Ok(jobs) => tracing::info!(jobs, "forgot jobs that ended long ago"),
                Err(error) => tracing::error!(%error, "old jobs weren't forgotten"),
            }
            sleep(Duration::from_secs(3_600)).await;
        }
    }
}

pub(crate) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Sends events, some at once, and waits for their answers. Stops early where nobody answers.
async fn send(client: &Client, reports: &[Report]) -> Sent {
    let mut sent = Sent::default();
    for together in reports.chunks(AT_ONCE) {
        // What happened to one job is told in its order, so that nobody hears of an end before its beginning.
        let mut of_job: BTreeMap<&str, Vec<(i64, Event)>> = BTreeMap::new();
        for report in together {
            of_job.entry(&report.job).or_default().push((report.seq, report.event()));
        }
        let mut tasks = JoinSet::new();
        for events in of_job.into_values() {
            let client = client.clone();
            tasks.spawn(async move {
                let mut answers = Vec::new();
                for (seq, event) in events {
                    answers.push((seq, client.report(&event).await));
                }
                answers
            });
        }
        let mut is_answered = true;
        while let Some(answers) = tasks.join_next().await {
            sent.is_incomplete |= answers.is_err();
            for (seq, answer) in answers.unwrap_or_default() {
                match answer {
                    Ok(()) => sent.counted.push(seq),
                    Err(error) if !may_pass(&error) => sent.refused.push((seq, error.to_string())),
                    Err(error) => {
                        tracing::warn!(%error, "an event will be sent again");
                        is_answered &= !matches!(error, Error::Unreachable(_));
                        sent.is_incomplete = true;
                    }
                }
            }
        }
        if !is_answered {
            break;
        }
    }
    sent
}

/// Whether an event may be taken later: when Insula can be reached again, or knows our credential again.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Refused(problem) => error.is_transient() || matches!(problem.status, 401 | 403),
        _ => true,
    }
}

/// Lets go of the leases of jobs whose end counts now. One that isn't let go ends by itself.
async fn release(client: &Client, reports: &[Report], sent: &Sent) {
    for report in reports.iter().filter(|report| sent.counted.contains(&report.seq)) {
        if let Some(lease) = &report.lease
            && let Err(error) = client.leases(&report.org).release(lease).await
        {
            tracing::warn!(lease, %error, "a lease wasn't let go");
        }
    }
}
