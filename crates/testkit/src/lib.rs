//! What tests stand on: a fresh store of either engine for each test.
//!
//! PostgreSQL is real: the first test that needs it starts a throw-away cluster from the installed binaries (as an
//! unprivileged user when run as root), later ones share it, and it stops by itself when no test has used it for a
//! while. Each test has a database of its own, copied from a migrated template.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test that can't be set up has failed")]

mod postgres;

use insula_storage::{Engine, Storage};
use sqlx::ConnectOptions as _;
use tempfile::TempDir;

pub use postgres::{Cluster, Database};

/// One of the two engines that every promise must hold on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The embedded store.
    Sqlite,
    /// A server.
    Postgres,
}

/// A fresh place for a test's data; gone with the value.
pub struct TestStore {
    kind: Kind,
    folder: TempDir,
    database: Option<Database>,
}

impl TestStore {
    /// A fresh place on this engine.
    pub async fn new(kind: Kind) -> Self {
        let folder = TempDir::with_prefix("insula-test-").expect("a temporary folder");
        let database = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(Database::create().await),
        };
        Self { kind, folder, database }
    }

    /// Which engine.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// A folder for files.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The database, on PostgreSQL.
    #[must_use]
    pub const fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// How to open it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match &self.database {
            None => Engine::Sqlite { folder: self.folder.path().join("data") },
            Some(database) => Engine::Postgres(database.urls()),
        }
    }

    /// Changes a table of the ledger beside everything that guards it: what a hand in the database could do. `change`
    /// makes the statement of the table's full name.
    pub async fn tamper(&self, table: &str, change: impl FnOnce(&str) -> String) {
        match &self.database {
            Some(database) => {
                let mut owner = database.connect("insula_migrate").await;
                // The owner is under row-level security too.
                let name = format!("ledger.{table}");
                let open = format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY; {}", change(&name));
                sqlx::raw_sql(sqlx::AssertSqlSafe(open))
                    .execute(&mut owner)
                    .await
                    .expect("it is tampered with");
            }
            None => {
                let file = self.folder.path().join("data").join("ledger.db");
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
                let mut ledger = options.connect().await.expect("the ledger's file");
                let change = sqlx::AssertSqlSafe(change(table));
                sqlx::raw_sql(change).execute(&mut ledger).await.expect("it is tampered with");
            }
        }
    }

    /// Opens it.
    pub async fn open(&self) -> Storage {
        loop {
            match Storage::open(&self.engine()).await {
                // A server takes a moment to notice that connections which were dropped are gone.
                Err(error) if error.to_string().contains("another node") => tokio::task::yield_now().await,
                opened => return opened.expect("the store opens"),
            }
        }
    }
}

/// Declares tests that run on SQLite and on PostgreSQL; each gets a fresh [`TestStore`].
#[macro_export]
macro_rules! on_both_engines {
    ($(async fn $name:ident($store:ident) $body:block)+) => {
        $(async fn $name($store: $crate::TestStore) $body)+

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::TestStore::new($crate::Kind::Sqlite).await).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::TestStore::new($crate::Kind::Postgres).await).await;
            })+
        }
    };
}
