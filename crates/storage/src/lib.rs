//! Directory, ledger and tenant stores over SQLite and PostgreSQL.
//!
//! What must always hold:
//! - SQL is written once and runs on both engines; the few differences live here, never as a branch in a domain.
//! - A tenant's rows are reached only by a [`TenantTx`], which needs a proof of authorization ([`kernel::Scope`]) and
//!   binds the tenant itself; rows across tenants only by a [`PlatformTx`], which needs an operator's proof or a named
//!   [`Worker`]. On PostgreSQL row-level security holds both a second time, and [`Storage::open`] refuses a database
//!   whose roles or tables could bypass it.
//! - Only catalogued statements run ([`Statement`]), so that a test can prepare every one of them on both engines.
//! - State, audit, outgoing messages and due work commit together ([`journal`]).
//!
//! [`kernel::Scope`]: insula_kernel::Scope

mod engine;
mod error;
pub mod journal;
mod row;
mod schema;
mod statement;
mod storage;
mod tx;
mod value;
mod worker;

pub use engine::{Engine, PostgresUrls};
pub use error::{StoreError, StoreResult};
pub use row::{FromColumn, FromRow, Row};
pub use schema::{POSTGRES_ROLES, schema_fingerprint, tenant_tables};
pub use statement::{Home, Platform, Statement, Tenant, Type};
pub use storage::{STORAGE_STATEMENTS, STORAGE_TENANT_STATEMENTS, Storage, TenantStores};
pub use tx::{PlatformTx, TenantTx};
pub use value::Value;
pub use worker::Worker;

/// Which of the three homes a table or a statement has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Store {
    /// Who exists and may enter.
    Directory,
    /// What was used and is owed.
    Ledger,
    /// What a tenant keeps.
    Tenant,
}

impl Store {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Directory, Self::Ledger, Self::Tenant];

    /// The name of the store: of its schema on PostgreSQL, of its file on SQLite.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Ledger => "ledger",
            Self::Tenant => "tenant",
        }
    }
}
