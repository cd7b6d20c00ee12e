//! The two engines, and the choice between them: nowhere else in the project is there a branch on it.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use insula_kernel::Secret;
use std::path::PathBuf;

/// Where the data lives.
#[derive(Clone, Debug)]
pub enum Engine {
    /// Files in this folder: `directory.db`, `ledger.db`, `tenants/<org>.db`.
    Sqlite {
        /// The folder; made if it isn't there.
        folder: PathBuf,
    },
    /// One database with a schema per store, reached under three roles.
    Postgres(PostgresUrls),
}

/// The same database under its three roles (`insula_migrate`, `insula_tenant`, `insula_platform`).
#[derive(Clone, Debug)]
pub struct PostgresUrls {
    /// Owns and migrates the tables.
    pub migrate: Secret<String>,
    /// Serves requests of organizations.
    pub tenant: Secret<String>,
    /// Serves the platform's own workers and operators.
    pub platform: Secret<String>,
}
