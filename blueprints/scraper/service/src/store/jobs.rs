//! Jobs as they are stored.

use super::{Store, outbox};
use crate::{
    job::{Found, JobError, JobKey, Outcome, Owner, Spec, Status, Usage},
    system,
};
use insula_client::Identity;
use sqlx::{FromRow, Row as _, sqlite::SqliteRow};

/// Who looks: a caller sees the jobs of its project and environment, and one without those sees all of its organization.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    org: String,
    project: String,
    environment: String,
}

impl Viewer {
    pub(crate) fn of(caller: &Identity) -> Self {
        let Owner { org, project, environment, .. } = Owner::of(caller);
        Self { org, project, environment }
    }

    pub(crate) fn org(&self) -> &str {
        &self.org
    }
}

/// A job, without what it found.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) owner: Owner,
    pub(crate) priority: i64,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
    pub(crate) is_canceling: bool,
    pub(crate) attempts: i64,
    pub(crate) pages: i64,
    pub(crate) usage: Usage,
    pub(crate) error: Option<(String, String)>,
    pub(crate) created_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
    pub(crate) held_until: i64,
    pub(crate) lease: Option<String>,
}

impl Job {
    pub(crate) fn key(&self) -> JobKey {
        JobKey { org: self.owner.org.clone(), project: self.owner.project.clone(), id: self.id.clone() }
    }
}

impl FromRow<'_, SqliteRow> for Job {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let spec: String = row.try_get("spec")?;
        let spec = serde_json::from_str(&spec).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let status: String = row.try_get("status")?;
        let status = Status::parse(&status).ok_or_else(|| sqlx::Error::Decode("an unknown status".into()))?;
        let (code, detail): (Option<String>, Option<String>) =
            (row.try_get("error_code")?, row.try_get("error_detail")?);
        Ok(Self {
            id: row.try_get("id")?,
            owner: Owner {
                org: row.try_get("org")?,
                project: row.try_get("project")?,
                environment: row.try_get("environment")?,
                api_key: row.try_get("api_key")?,
                user: row.try_get("user")?,
            },
            priority: row.try_get("priority")?,
            spec,
            status,
            is_canceling: row.try_get("is_canceling")?,
            attempts: row.try_get("attempts")?,
            pages: row.try_get("pages")?,
            usage: Usage {
                fetches: row.try_get("fetches")?,
                bytes: row.try_get("bytes")?,
                compute_us: row.try_get("compute_us")?,
            },
            error: code.zip(detail),
            created_at: row.try_get("created_at")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
            held_until: row.try_get("held_until")?,
            lease: row.try_get("lease")?,
        })
    }
}

/// A job that goes on after a restart.
#[derive(Clone, Debug)]
pub(crate) struct Unfinished {
    pub(crate) key: JobKey,
    pub(crate) priority: i64,
}

/// What is listed.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) status: Option<Status>,
    /// Only what is older than this job.
    pub(crate) before: Option<String>,
    pub(crate) limit: i64,
}

/// What became of the wish to cancel a job.
#[derive(Clone, Debug)]
pub(crate) enum Cancel {
    /// There is no such job.
    Unknown,
    /// It has ended by itself.
    Finished,
    /// It is canceled, now or before.
    Canceled,
    /// It runs, and is to be stopped.
    Running(JobKey),
}

/// The part of a statement that lets a viewer see what is theirs: `$1` to `$3` are its organization, project and
/// environment.
macro_rules! visible {
    () => {
        " org = $1 AND ($2 = '' OR project = $2) AND ($3 = '' OR environment = $3) "
    };
}

impl Store {
    /// Keeps a new job, and the report of it.
    pub(crate) async fn insert(&self, job: &Job) -> sqlx::Result<()> {
        let spec = serde_json::to_string(&job.spec).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let mut tx = self.write().await?;
        sqlx::query(
            "INSERT INTO jobs (org, project, id, environment, api_key, user, priority, spec, status, created_at, held_until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', $9, $10)",
        )
        .bind(&job.owner.org)
        .bind(&job.owner.project)
        .bind(&job.id)
        .bind(&job.owner.environment)
        .bind(&job.owner.api_key)
        .bind(&job.owner.user)
        .bind(job.priority)
        .bind(spec)
        .bind(job.created_at)
        .bind(job.held_until)
        .execute(&mut *tx)
        .await?;
        outbox::submitted(&mut tx, job).await?;
        tx.commit().await
    }

    /// A job that a viewer may see.
    pub(crate) async fn job(&self, viewer: &Viewer, id: &str) -> sqlx::Result<Option<Job>> {
        sqlx::query_as(concat!("SELECT * FROM jobs WHERE", visible!(), "AND id = $4"))
            .bind(&viewer.org)
            .bind(&viewer.project)
            .bind(&viewer.environment)
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    /// What a job of a viewer found.
    pub(crate) async fn found(&self, key: &JobKey) -> sqlx::Result<Option<Found>> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT found FROM results WHERE org = $1 AND project = $2 AND id = $3")
                .bind(&key.org)
                .bind(&key.project)
                .bind(&key.id)
                .fetch_optional(&self.pool)
                .await?;
        let read =
            |text: String| serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()));
        found.map(read).transpose()
    }

    /// Jobs that a viewer may see, the newest first.
    pub(crate) async fn list(&self, viewer: &Viewer, listing: &Listing) -> sqlx::Result<Vec<Job>> {
        sqlx::query_as(concat!(
            "SELECT * FROM jobs WHERE",
            visible!(),
            "AND ($4 IS NULL OR status = $4) AND ($5 IS NULL OR id < $5) ORDER BY id DESC LIMIT $6"
        ))
        .bind(&viewer.org)
        .bind(&viewer.project)
        .bind(&viewer.environment)
        .bind(listing.status.map(Status::name))
        .bind(&listing.before)
        .bind(listing.limit)
        .fetch_all(&self.pool)
        .await
    }

    /// A job by its full name, for who runs it.
    pub(crate) async fn of(&self, key: &JobKey) -> sqlx::Result<Option<Job>> {
        sqlx::query_as("SELECT * FROM jobs WHERE org = $1 AND project = $2 AND id = $3")
            .bind(&key.org)
            .bind(&key.project)
            .bind(&key.id)
            .fetch_optional(&self.pool)
            .await
    }

    /// Marks a job as running, once more; `None` if it has ended meanwhile.
    pub(crate) async fn start(&self, key: &JobKey) -> sqlx::Result<Option<Job>> {
        sqlx::query_as(
            "UPDATE jobs SET status = 'running', attempts = attempts + 1, pages = 0, started_at = coalesce(started_at, $4) \
             WHERE org = $1 AND project = $2 AND id = $3 AND status IN ('queued', 'running') RETURNING *",
        )
        .bind(&key.org)
        .bind(&key.project)
        .bind(&key.id)
        .bind(system::now())
        .fetch_optional(&self.pool)
        .await
    }

    /// Notes how far a job has come, and what it took in all.
    pub(crate) async fn progress(&self, key: &JobKey, pages: i64, usage: Usage) -> sqlx::Result<()> {
        sqlx::query(
            "UPDATE jobs SET pages = $4, fetches = $5, bytes = $6, compute_us = $7 \
             WHERE org = $1 AND project = $2 AND id = $3 AND status = 'running'",
        )
        .bind(&key.org)
        .bind(&key.project)
        .bind(&key.id)
        .bind(pages)
        .bind(usage.fetches)
        .bind(usage.bytes)
        .bind(usage.compute_us)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Ends a job, and keeps what it found and the report of it; false if it had ended already, and nothing changes.
    pub(crate) async fn finish(&self, key: &JobKey, outcome: &Outcome, usage: Usage) -> sqlx::Result<bool> {
        let found = match outcome {
            Outcome::Succeeded(found) => {
                Some(serde_json::to_string(found).map_err(|error| sqlx::Error::Encode(error.into()))?)
            }
            _ => None,
        };
        let error = match outcome {
            Outcome::Failed(JobError { code, detail }) => Some((*code, detail)),
            _ => None,
        };
        let mut tx = self.write().await?;
        let job: Option<Job> = sqlx::query_as(
            "UPDATE jobs SET status = $4, finished_at = $5, error_code = $6, error_detail = $7, \
             fetches = $8, bytes = $9, compute_us = $10 \
             WHERE org = $1 AND project = $2 AND id = $3 AND status IN ('queued', 'running') RETURNING *",
        )
        .bind(&key.org)
        .bind(&key.project)
        .bind(&key.id)
        .bind(outcome.status().name())
        .bind(system::now())
        .bind(error.map(|(code, _)| code))
        .bind(error.map(|(_, detail)| detail))
        .bind(usage.fetches)
        .bind(usage.bytes)
        .bind(usage.compute_us)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(job) = job else { return Ok(false) };
        if let Some(found) = &found {
            sqlx::query("INSERT INTO results (org, project, id, found) VALUES ($1, $2, $3, $4)")
                .bind(&key.org)
                .bind(&key.project)
                .bind(&key.id)
                .bind(found)
                .execute(&mut *tx)
                .await?;
        }
        outbox::finished(&mut tx, &job, found.as_ref().map_or(0, String::len)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Cancels a job that waits, and notes of one that runs that it is to be stopped.
    pub(crate) async fn cancel(&self, viewer: &Viewer, id: &str) -> sqlx::Result<Cancel> {
        let Some(job) = self.job(viewer, id).await? else { return Ok(Cancel::Unknown) };
        let key = job.key();
        if job.status == Status::Queued {
            // If it begins to run at this very moment, it is stopped below.
            self.finish_queued(&key).await?;
        }
        sqlx::query(
            "UPDATE jobs SET is_canceling = 1 WHERE org = $1 AND project = $2 AND id = $3 AND status = 'running'",
        )
        .bind(&key.org)
        .bind(&key.project)
        .bind(&key.id)
        .execute(&self.pool)
        .await?;
        Ok(match self.of(&key).await?.map(|job| job.status) {
            None => Cancel::Unknown,
            Some(Status::Canceled) => Cancel::Canceled,
            Some(Status::Succeeded | Status::Failed) => Cancel::Finished,
            Some(Status::Queued | Status::Running) => Cancel::Running(key),
        })
    }

    async fn finish_queued(&self, key: &JobKey) -> sqlx::Result<()> {
        let mut tx = self.write().await?;
        let job: Option<Job> = sqlx::query_as(
            "UPDATE jobs SET status = 'canceled', finished_at = $4 \
             WHERE org = $1 AND project = $2 AND id = $3 AND status = 'queued' RETURNING *",
        )
        .bind(&key.org)
        .bind(&key.project)
        .bind(&key.id)
        .bind(system::now())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(job) = job {
            outbox::finished(&mut tx, &job, 0).await?;
        }
        tx.commit().await
    }

    /// What hasn't ended, in the order in which it came.
    pub(crate) async fn unfinished(&self) -> sqlx::Result<Vec<Unfinished>> {
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT org, project, id, priority FROM jobs WHERE status IN ('queued', 'running') ORDER BY created_at, id",
        )
        .fetch_all(&self.pool)
        .await?;
        let unfinished =
            |(org, project, id, priority)| Unfinished { key: JobKey { org, project, id }, priority };
        Ok(rows.into_iter().map(unfinished).collect())
    }

    /// Jobs that haven't ended and whose place is held only until then.
    pub(crate) async fn to_renew(&self, held_until: i64) -> sqlx::Result<Vec<Job>> {
        sqlx::query_as(
            "SELECT * FROM jobs WHERE status IN ('queued', 'running') AND held_until <= $1 LIMIT 1000",
        )
        .bind(held_until)
        .fetch_all(&self.pool)
        .await
    }

    /// Notes under which lease a job's place is held, and until when; false if the job has ended meanwhile.
    pub(crate) async fn renewed(&self, key: &JobKey, lease: &str, until: i64) -> sqlx::Result<bool> {
        let done = sqlx::query(
            "UPDATE jobs SET lease = $4, held_until = $5 \
             WHERE org = $1 AND project = $2 AND id = $3 AND status IN ('queued', 'running')",
        )
        .bind(&key.org)
        .bind(&key.project)
        .bind(&key.id)
        .bind(lease)
        .bind(until)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets what ended before then; says how much that was.
    pub(crate) async fn forget(&self, before: i64) -> sqlx::Result<u64> {
        let mut tx = self.write().await?;
        sqlx::query(
            "DELETE FROM results WHERE (org, project, id) IN \
             (SELECT org, project, id FROM jobs WHERE finished_at < $1)",
        )
        .bind(before)
        .execute(&mut *tx)
        .await?;
        let done =
            sqlx::query("DELETE FROM jobs WHERE finished_at < $1").bind(before).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}
