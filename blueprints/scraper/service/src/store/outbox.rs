//! What is yet to be reported. An event's id follows from its job's, so it counts once however often it is sent.

use super::{Job, Store};
use crate::{job::thousandths, system};
use insula_client::Event;
use serde_json::{Value as Json, json};
use sqlx::{FromRow, Row as _, SqliteConnection, sqlite::SqliteRow};

/// An event that waits to be reported.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) seq: i64,
    pub(crate) event_id: String,
    pub(crate) org: String,
    /// The lease that its job's place is held by, if it was renewed; it is let go with the job's end.
    pub(crate) lease: Option<String>,
    /// The job that it is about.
    pub(crate) job: String,
    kind: String,
    project: String,
    api_key: Option<String>,
    user: Option<String>,
    at: i64,
    data: String,
}

impl FromRow<'_, SqliteRow> for Report {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            seq: row.try_get("seq")?,
            event_id: row.try_get("event_id")?,
            org: row.try_get("org")?,
            lease: row.try_get("lease")?,
            kind: row.try_get("kind")?,
            job: row.try_get("job")?,
            project: row.try_get("project")?,
            api_key: row.try_get("api_key")?,
            user: row.try_get("user")?,
            at: row.try_get("at")?,
            data: row.try_get("data")?,
        })
    }
}

impl Report {
    pub(crate) fn event(&self) -> Event {
        let mut event = Event::new(&self.org, &self.kind)
            .id(&self.event_id)
            .subject(&self.job)
            .at(system::instant(self.at))
            .data(serde_json::from_str(&self.data).unwrap_or(Json::Null));
        if !self.project.is_empty() {
            event = event.project(&self.project);
        }
        if let Some(key) = &self.api_key {
            event = event.api_key(key);
        }
        if let Some(user) = &self.user {
            event = event.user(user);
        }
        event
    }
}

/// Notes that a job was accepted. What it takes isn't known yet.
pub(super) async fn submitted(tx: &mut SqliteConnection, job: &Job) -> sqlx::Result<()> {
    let data = json!({ "job_id": job.id, "compute_seconds": "0", "data_kb": "0", "requests": 0 });
    insert(tx, job, "job_submitted", "submitted", job.created_at, &data).await
}

/// Notes that a job ended, and what it took in all.
pub(super) async fn finished(tx: &mut SqliteConnection, job: &Job, stored: usize) -> sqlx::Result<()> {
    let data = json!({
        "job_id": job.id,
        "status": job.status,
        "compute_seconds": job.usage.compute_seconds(),
        "data_kb": job.usage.data_kb(),
        "requests": job.usage.fetches,
        "stored_kb": thousandths(i64::try_from(stored).unwrap_or(i64::MAX)),
    });
    insert(tx, job, "job.finished", "finished", job.finished_at.unwrap_or_default(), &data).await
}

async fn insert(
    tx: &mut SqliteConnection,
    job: &Job,
    kind: &str,
    what: &str,
    at: i64,
    data: &Json,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO outbox (event_id, org, kind, job, project, api_key, user, at, data, lease) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(format!("{}/{what}", job.id))
    .bind(&job.owner.org)
    .bind(kind)
    .bind(&job.id)
    .bind(&job.owner.project)
    .bind(&job.owner.api_key)
    .bind(&job.owner.user)
    .bind(at)
    .bind(data.to_string())
    .bind(if kind == "job.finished" { job.lease.as_deref() } else { None })
    .execute(tx)
    .await
    .map(drop)
}

impl Store {
    /// What waits to be reported, the oldest first.
    pub(crate) async fn waiting(&self, after: i64, most: i64) -> sqlx::Result<Vec<Report>> {
        sqlx::query_as("SELECT * FROM outbox WHERE refusal IS NULL AND seq > $1 ORDER BY seq LIMIT $2")
            .bind(after)
            .bind(most)
            .fetch_all(&self.pool)
            .await
    }

    /// Forgets what was answered for, and keeps what was refused, with the reason.
    pub(crate) async fn answered(&self, counted: &[i64], refused: &[(i64, String)]) -> sqlx::Result<()> {
        let mut tx = self.write().await?;
        for seq in counted {
            sqlx::query("DELETE FROM outbox WHERE seq = $1").bind(seq).execute(&mut *tx).await?;
        }
        for (seq, why) in refused {
            sqlx::query("UPDATE outbox SET refusal = $2 WHERE seq = $1")
                .bind(seq)
                .bind(why)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }
}
