//! The service's own store: jobs, what they found, and what is yet to be reported of them, in one `SQLite` file.
//!
//! What must always hold: a job is on the disk before anyone is told that it was accepted; what becomes of a job and the
//! report of it are one commit; a job is found only by those it belongs to.

mod jobs;
mod outbox;

pub(crate) use jobs::{Cancel, Job, Listing, Viewer};
pub(crate) use outbox::Report;

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{io, path::Path, time::Duration};

const SCHEMA: &str = include_str!("store/schema.sql");
/// Which schema this version reads and writes.
const VERSION: i64 = 1;

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the folder can't be made: {0}")]
    Folder(#[from] io::Error),
    #[error("the database can't be used: {0}")]
    Database(#[from] sqlx::Error),
    #[error("it was written by a later version of this service (schema {0})")]
    Later(i64),
}

impl Store {
    /// Opens what is in a folder, or makes it.
    pub(crate) async fn open(folder: &Path) -> Result<Self, OpenError> {
        std::fs::create_dir_all(folder)?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("scraper.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With WAL, anything less may lose the last commits when the machine loses power.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(8).connect_with(options).await?;
        let store = Self { pool };
        let mut tx = store.write().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
        if version > VERSION {
            return Err(OpenError::Later(version));
        }
        sqlx::raw_sql(SCHEMA).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(store)
    }

    /// Begins a transaction that writes: it waits for others before it reads, so what it read still holds at its end.
    async fn write(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// Lets jobs that run begin again without counting this attempt: it isn't they that ended the process.
    pub(crate) async fn interrupt(&self) -> sqlx::Result<()> {
        sqlx::query("UPDATE jobs SET status = 'queued', attempts = attempts - 1 WHERE status = 'running'")
            .execute(&self.pool)
            .await
            .map(drop)
    }

    /// Closes it once what is under way is done.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}
