//! PostgreSQL: a schema per store, a pool per (role, store), and a start that is refused where isolation could be bypassed.

use super::{PostgresUrls, sqlite::refuse_newer};
use crate::{
    Store, StoreError, StoreResult,
    schema::{migrations, tenant_tables},
    tx::Tx,
};
use insula_kernel::{OrgId, Secret};
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _, pool::PoolOptions,
    postgres::PgConnectOptions,
};
use std::{str::FromStr as _, time::Duration};

const CONNECTIONS_PER_POOL: u32 = 8;
const WAIT: Duration = Duration::from_secs(3);
/// Any number will do, as long as every node takes the same.
const MIGRATION_LOCK: i64 = 0x1257_1a00;
const NODE_LOCK: i64 = 0x1257_1a01;

const ROLES: [&str; 3] = ["insula_migrate", "insula_tenant", "insula_platform"];

pub(crate) struct PostgresEngine {
    tenant: Pools,
    platform: Pools,
    /// Holds the lock that says a node is running here; gone with the connection.
    _node: PgConnection,
}

struct Pools {
    directory: PgPool,
    ledger: PgPool,
    tenant: PgPool,
}

impl PostgresEngine {
    pub(crate) async fn open(urls: &PostgresUrls) -> StoreResult<Self> {
        let mut owner = connect(&urls.migrate).await?;
        migrate(&mut owner).await?;
        verify(&mut owner).await?;
        let platform = Pools::open(&urls.platform, "insula_platform").await?;
        let node = lock_node(&urls.platform).await?;
        Ok(Self { tenant: Pools::open(&urls.tenant, "insula_tenant").await?, platform, _node: node })
    }

    /// Begins a transaction that sees the rows of one tenant.
    pub(crate) async fn begin_tenant(&self, store: Store, org: OrgId, write: bool) -> StoreResult<Tx> {
        let mode = if write { "" } else { " READ ONLY" };
        // One round trip for both; the id is typed, so no text of a caller can stand here.
        let begin = format!("BEGIN{mode}; SELECT set_config('insula.tenant', '{}', true)", org.uuid());
        Ok(Tx::Postgres(self.tenant.of(store).begin_with(AssertSqlSafe(begin)).await?))
    }

    /// Begins a transaction across tenants.
    pub(crate) async fn begin_platform(&self, store: Store, write: bool) -> StoreResult<Tx> {
        // Who reads sees the ledger as it was at one instant, as on SQLite.
        let begin = if write { "BEGIN" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
        Ok(Tx::Postgres(self.platform.of(store).begin_with(begin).await?))
    }

    pub(crate) async fn close(&self) {
        for pools in [&self.tenant, &self.platform] {
            for store in Store::ALL {
                pools.of(store).close().await;
            }
        }
    }
}

impl Pools {
    async fn open(url: &Secret<String>, role: &str) -> StoreResult<Self> {
        let options = options(url)?;
        let pool = |store: Store| {
            let options = options.clone().options([("search_path", store.name())]);
            PoolOptions::new()
                .max_connections(CONNECTIONS_PER_POOL)
                .acquire_timeout(WAIT)
                .connect_lazy_with(options)
        };
        let pools = Self {
            directory: pool(Store::Directory),
            ledger: pool(Store::Ledger),
            tenant: pool(Store::Tenant),
        };
        let user: String =
            sqlx::query("SELECT current_user::text").fetch_one(&pools.directory).await?.try_get(0)?;
        if user != role {
            return Err(StoreError::Refused(format!(
                "the URL for {role} signs in as {user}: use the role's own name"
            )));
        }
        Ok(pools)
    }

    fn of(&self, store: Store) -> &PgPool {
        match store {
            Store::Directory => &self.directory,
            Store::Ledger => &self.ledger,
            Store::Tenant => &self.tenant,
        }
    }
}

fn options(url: &Secret<String>) -> StoreResult<PgConnectOptions> {
    PgConnectOptions::from_str(url.expose()).map(|options| options.application_name("insula")).map_err(|_| {
        StoreError::Refused("a PostgreSQL URL looks like postgres://role:password@host:5432/database".into())
    })
}

async fn connect(url: &Secret<String>) -> StoreResult<PgConnection> {
    match tokio::time::timeout(WAIT, PgConnection::connect_with(&options(url)?)).await {
        Ok(connection) => Ok(connection?),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
    }
}

/// Quotas are counted in memory by the one node that admits, so a second node on the same database would admit too
/// much: it is refused.
async fn lock_node(url: &Secret<String>) -> StoreResult<PgConnection> {
    let mut connection = connect(url).await?;
    let row =
        sqlx::query("SELECT pg_try_advisory_lock($1)").bind(NODE_LOCK).fetch_one(&mut connection).await?;
    if row.try_get(0)? {
        return Ok(connection);
    }
    Err(StoreError::Refused("another node is running on this database: stop it first".into()))
}

async fn migrate(owner: &mut PgConnection) -> StoreResult<()> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut *owner).await?;
    let outcome = migrate_all(owner).await;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(MIGRATION_LOCK).execute(&mut *owner).await?;
    outcome
}

async fn migrate_all(owner: &mut PgConnection) -> StoreResult<()> {
    for store in Store::ALL {
        let schema = store.name();
        let mut tx = owner.begin().await?;
        let prepare = format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};
             GRANT USAGE ON SCHEMA {schema} TO insula_tenant, insula_platform;
             SET LOCAL search_path TO {schema};
             CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL);"
        );
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *tx).await.map_err(|error| match error {
            sqlx::Error::Database(database) if database.code().as_deref() == Some("42704") => StoreError::Refused(
                "the roles insula_tenant and insula_platform don't exist: run `insula doctor --postgres-roles` for the script that makes them".into(),
            ),
            other => other.into(),
        })?;
        let row = sqlx::query("SELECT coalesce(max(version), -1)::bigint FROM schema_version")
            .fetch_one(&mut *tx)
            .await?;
        let current: i64 = row.try_get(0)?;
        refuse_newer(store, current)?;
        for migration in migrations(store).iter().filter(|migration| migration.version > current) {
            sqlx::raw_sql(AssertSqlSafe(migration.postgres())).execute(&mut *tx).await?;
            sqlx::query("INSERT INTO schema_version (version, name) VALUES ($1, $2)")
                .bind(migration.version)
                .bind(migration.name)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Refuses a database in which a role could bypass row-level security, or a tenant's table isn't under it.
async fn verify(owner: &mut PgConnection) -> StoreResult<()> {
    let refuse = |why: String| Err(StoreError::Refused(format!("tenants would not be kept apart: {why}")));
    for role in ROLES {
        let found = sqlx::query("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = $1")
            .bind(role)
            .fetch_optional(&mut *owner)
            .await?;
        match found.map(|row| row.try_get::<bool, _>(0)).transpose()? {
            None => return refuse(format!("the role {role} doesn't exist")),
            Some(true) => return refuse(format!("the role {role} is a superuser or has BYPASSRLS")),
            Some(false) => {}
        }
    }
    let risky = sqlx::query(
        "SELECT m.rolname::text || ' may act as ' || r.rolname::text
         FROM pg_roles m, pg_roles r
         WHERE m.rolname IN ('insula_tenant', 'insula_platform') AND r.rolname <> m.rolname
           AND pg_has_role(m.oid, r.oid, 'MEMBER')",
    )
    .fetch_optional(&mut *owner)
    .await?;
    if let Some(row) = risky {
        return refuse(row.try_get(0)?);
    }
    for store in Store::ALL {
        for (table, column) in tenant_tables(store) {
            let name = format!("{}.{table}", store.name());
            let row = sqlx::query(
                "SELECT c.relrowsecurity AND c.relforcerowsecurity
                    AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polroles @> ARRAY['insula_tenant'::regrole::oid]
                                AND pg_get_expr(p.polqual, p.polrelid) LIKE '%' || $3 || ' = %insula.tenant%')
                    AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive
                                AND (p.polroles @> ARRAY[0::oid] OR (p.polroles @> ARRAY['insula_tenant'::regrole::oid] AND p.polname <> c.relname || '_tenant')))
                    AND pg_get_userbyid(c.relowner) NOT IN ('insula_tenant', 'insula_platform')
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relname = $2",
            )
            .bind(store.name())
            .bind(table)
            .bind(column)
            .fetch_optional(&mut *owner)
            .await?;
            match row.map(|row| row.try_get::<bool, _>(0)).transpose()? {
                Some(true) => {}
                Some(false) => return refuse(format!("row-level security of {name} is not as it must be")),
                None => return refuse(format!("the table {name} doesn't exist")),
            }
        }
        // A column that names a tenant in a table outside the list, or a view that runs as its owner, opens a side door.
        let stray = sqlx::query(
            "SELECT n.nspname::text || '.' || c.relname::text
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND (
                 (c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
                     AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'))
                 OR (c.relkind IN ('v', 'm') AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)))",
        )
        .bind(store.name())
        .fetch_optional(&mut *owner)
        .await?;
        if let Some(row) = stray {
            let name: String = row.try_get(0)?;
            return refuse(format!("{name} stands outside row-level security"));
        }
    }
    Ok(())
}
