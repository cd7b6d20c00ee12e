//! SQLite: one writer and a few readers for each of directory and ledger, and a bounded set of open tenant files.

use crate::{Store, StoreError, StoreResult, schema::migrations, tx::Tx};
use insula_kernel::OrgId;
use sqlx::{
    Row as _, SqlitePool,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

const READERS: u32 = 4;
/// Each open tenant file costs three descriptors, about 200 KiB and a thread.
const OPEN_TENANT_FILES: usize = 64;
const WAIT: Duration = Duration::from_secs(5);

pub(crate) struct SqliteEngine {
    folder: PathBuf,
    directory: Shared,
    ledger: Shared,
    tenants: Mutex<OpenFiles>,
}

/// A file that everyone uses: SQLite takes one writer at a time, so the queue for it stands here and not in the file.
struct Shared {
    writer: SqlitePool,
    readers: SqlitePool,
}

#[derive(Default)]
struct OpenFiles {
    pools: HashMap<OrgId, (SqlitePool, u64)>,
    uses: u64,
}

impl SqliteEngine {
    pub(crate) async fn open(folder: &Path) -> StoreResult<Self> {
        let tenants = folder.join("tenants");
        std::fs::create_dir_all(&tenants).map_err(|error| {
            StoreError::Refused(format!("the data folder {} can't be used: {error}", folder.display()))
        })?;
        Ok(Self {
            directory: Shared::open(folder, Store::Directory).await?,
            ledger: Shared::open(folder, Store::Ledger).await?,
            tenants: Mutex::default(),
            folder: folder.to_owned(),
        })
    }

    fn shared(&self, store: Store) -> Option<&Shared> {
        match store {
            Store::Directory => Some(&self.directory),
            Store::Ledger => Some(&self.ledger),
            Store::Tenant => None,
        }
    }

    /// Begins a transaction in the directory or the ledger, or in the file of a tenant.
    pub(crate) async fn begin(&self, store: Store, tenant: Option<OrgId>, write: bool) -> StoreResult<Tx> {
        let pool = match (self.shared(store), tenant) {
            (Some(shared), _) if write => shared.writer.clone(),
            (Some(shared), _) => shared.readers.clone(),
            (None, Some(org)) => self.tenant_file(org, false).await?,
            (None, None) => {
                return Err(StoreError::Failed(
                    "tenant stores are separate files here: name the tenant".into(),
                ));
            }
        };
        let begin = if write { "BEGIN IMMEDIATE" } else { "BEGIN" };
        Ok(Tx::Sqlite(pool.begin_with(begin).await?))
    }

    fn tenant_path(&self, org: OrgId) -> PathBuf {
        self.folder.join("tenants").join(format!("{org}.db"))
    }

    /// The open file of a tenant; `create` makes it where it isn't there yet.
    pub(crate) async fn tenant_file(&self, org: OrgId, create: bool) -> StoreResult<SqlitePool> {
        if let Some(pool) = self.open_file(org) {
            return Ok(pool);
        }
        let pool = pool(&self.tenant_path(org), 1, create, false).await?;
        migrate(&pool, Store::Tenant).await?;
        let evicted = self.keep_open(org, pool.clone());
        for idle in evicted {
            // Closing waits for transactions that still run there; nobody needs to wait with it.
            tokio::spawn(async move { idle.close().await });
        }
        Ok(pool)
    }

    fn open_file(&self, org: OrgId) -> Option<SqlitePool> {
        let mut open = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        open.uses += 1;
        let uses = open.uses;
        open.pools.get_mut(&org).map(|(pool, used)| {
            *used = uses;
            pool.clone()
        })
    }

    fn keep_open(&self, org: OrgId, pool: SqlitePool) -> Vec<SqlitePool> {
        let mut open = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        open.uses += 1;
        let uses = open.uses;
        open.pools.insert(org, (pool, uses));
        let mut evicted = Vec::new();
        while open.pools.len() > OPEN_TENANT_FILES {
            let Some(oldest) = open.pools.iter().min_by_key(|(_, (_, used))| *used).map(|(org, _)| *org)
            else {
                break;
            };
            evicted.extend(open.pools.remove(&oldest).map(|(pool, _)| pool));
        }
        evicted
    }

    /// The tenants that have a file.
    pub(crate) fn tenant_files(&self) -> StoreResult<Vec<OrgId>> {
        let listing = std::fs::read_dir(self.folder.join("tenants")).map_err(sqlx::Error::Io)?;
        let names = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter_map(|name| name.strip_suffix(".db")?.parse().ok()).collect())
    }

    /// Removes a tenant's file and what SQLite keeps beside it.
    pub(crate) async fn remove_tenant_file(&self, org: OrgId) -> StoreResult<()> {
        let open = self.tenants.lock().unwrap_or_else(PoisonError::into_inner).pools.remove(&org);
        if let Some((pool, _)) = open {
            pool.close().await;
        }
        let path = self.tenant_path(org);
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(sqlx::Error::Io(error).into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) async fn close(&self) {
        let open = std::mem::take(&mut *self.tenants.lock().unwrap_or_else(PoisonError::into_inner));
        for (pool, _) in open.pools.into_values() {
            pool.close().await;
        }
        for shared in [&self.directory, &self.ledger] {
            shared.readers.close().await;
            shared.writer.close().await;
        }
    }
}

impl Shared {
    async fn open(folder: &Path, store: Store) -> StoreResult<Self> {
        let path = folder.join(format!("{}.db", store.name()));
        let writer = pool(&path, 1, true, false).await?;
        migrate(&writer, store).await?;
        Ok(Self { writer, readers: pool(&path, READERS, false, true).await? })
    }
}

async fn pool(path: &Path, connections: u32, create: bool, read_only: bool) -> StoreResult<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was answered survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(WAIT)
        .pragma("query_only", if read_only { "on" } else { "off" });
    let pool =
        PoolOptions::new().max_connections(connections).acquire_timeout(WAIT).connect_with(options).await;
    pool.map_err(|error| match StoreError::from(error) {
        StoreError::Unwritable(error) => {
            StoreError::Refused(format!("the database file {} can't be opened: {error}", path.display()))
        }
        other => other,
    })
}

async fn migrate(pool: &SqlitePool, store: Store) -> StoreResult<()> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT")
        .execute(&mut *tx)
        .await?;
    let row =
        sqlx::query("SELECT coalesce(max(version), -1) FROM schema_version").fetch_one(&mut *tx).await?;
    let current: i64 = row.try_get(0)?;
    refuse_newer(store, current)?;
    for migration in migrations(store).iter().filter(|migration| migration.version > current) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(migration.sqlite())).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO schema_version (version, name) VALUES ($1, $2)")
            .bind(migration.version)
            .bind(migration.name)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A database that a newer release wrote is not ours to touch.
pub(crate) fn refuse_newer(store: Store, current: i64) -> StoreResult<()> {
    let known = migrations(store).last().map_or(-1, |migration| migration.version);
    if current > known {
        return Err(StoreError::Refused(format!(
            "the {} store has schema version {current}, this release knows {known}: use a newer release",
            store.name()
        )));
    }
    Ok(())
}
