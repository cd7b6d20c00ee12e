//! The stores of one installation.

use crate::{
    Engine, PlatformTx, Statement, Store, StoreResult, TenantTx,
    engine::{postgres::PostgresEngine, sqlite::SqliteEngine},
};
use insula_kernel::{Instant, OrgId, PlatformScope, Scope};
use std::{any::TypeId, sync::Arc};

/// The stores of one installation. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    engine: Arc<Opened>,
}

enum Opened {
    Sqlite(SqliteEngine),
    Postgres(PostgresEngine),
}

/// What the platform may do with tenant stores as a whole.
pub struct TenantStores<'a> {
    storage: &'a Storage,
    authority: &'static str,
}

impl Storage {
    /// Opens the stores and brings their schemas up to date. Refused where a database would not keep tenants apart.
    pub async fn open(engine: &Engine) -> StoreResult<Self> {
        let opened = match engine {
            Engine::Sqlite { folder } => Opened::Sqlite(SqliteEngine::open(folder).await?),
            Engine::Postgres(urls) => Opened::Postgres(PostgresEngine::open(urls).await?),
        };
        Ok(Self { engine: Arc::new(opened) })
    }

    /// Begins a transaction that reads in the authorized tenant's part of a store.
    pub async fn read(&self, store: Store, scope: &impl Scope) -> StoreResult<TenantTx> {
        self.tenant(store, scope.organization(), false).await
    }

    /// Begins a transaction that writes in the authorized tenant's part of a store.
    pub async fn write(&self, store: Store, scope: &impl Scope) -> StoreResult<TenantTx> {
        self.tenant(store, scope.organization(), true).await
    }

    /// Begins a transaction that reads across tenants, all of it as it was at one instant.
    pub async fn platform_read(&self, store: Store, scope: &impl PlatformScope) -> StoreResult<PlatformTx> {
        self.platform(store, scope.authority(), false).await
    }

    /// Begins a transaction that writes across tenants.
    pub async fn platform_write(&self, store: Store, scope: &impl PlatformScope) -> StoreResult<PlatformTx> {
        self.platform(store, scope.authority(), true).await
    }

    /// The tenant stores as a whole.
    #[must_use]
    pub fn tenant_stores(&self, scope: &impl PlatformScope) -> TenantStores<'_> {
        TenantStores { storage: self, authority: scope.authority() }
    }

    async fn tenant(&self, store: Store, org: OrgId, write: bool) -> StoreResult<TenantTx> {
        let tx = match &*self.engine {
            Opened::Sqlite(engine) => engine.begin(store, Some(org), write).await?,
            Opened::Postgres(engine) => engine.begin_tenant(store, org, write).await?,
        };
        Ok(TenantTx::new(tx, store, org))
    }

    async fn platform(&self, store: Store, authority: &str, write: bool) -> StoreResult<PlatformTx> {
        tracing::trace!(authority, store = store.name(), write, "platform transaction");
        let tx = match &*self.engine {
            Opened::Sqlite(engine) => engine.begin(store, None, write).await?,
            Opened::Postgres(engine) => engine.begin_platform(store, write).await?,
        };
        Ok(PlatformTx::new(tx, store))
    }

    /// Prepares a statement without running it, in every store it runs in and under the role that will run it.
    pub async fn prepare<S: 'static>(&self, statement: &'static Statement<S>) -> StoreResult<()> {
        let org = OrgId::from_uuid(uuid::Uuid::nil());
        let tenant = TypeId::of::<S>() == TypeId::of::<crate::Tenant>();
        for &store in statement.home().stores() {
            let tx = match &*self.engine {
                Opened::Sqlite(engine) => {
                    if store == Store::Tenant {
                        engine.tenant_file(org, true).await?;
                    }
                    engine.begin(store, Some(org), true).await?
                }
                Opened::Postgres(engine) if tenant => engine.begin_tenant(store, org, true).await?,
                Opened::Postgres(engine) => engine.begin_platform(store, true).await?,
            };
            tx.prepare(statement).await?;
        }
        Ok(())
    }

    /// Waits for what runs and closes every connection.
    pub async fn close(&self) {
        match &*self.engine {
            Opened::Sqlite(engine) => engine.close().await,
            Opened::Postgres(engine) => engine.close().await,
        }
    }
}

impl TenantStores<'_> {
    /// Makes a tenant's store. Nothing refers to it before the directory shows the organization.
    pub async fn create(&self, org: OrgId, now: Instant) -> StoreResult<()> {
        let tx = match &*self.storage.engine {
            Opened::Sqlite(engine) => {
                engine.tenant_file(org, true).await?;
                engine.begin(Store::Tenant, Some(org), true).await?
            }
            Opened::Postgres(engine) => engine.begin_platform(Store::Tenant, true).await?,
        };
        let mut tx = PlatformTx::new(tx, Store::Tenant);
        tx.execute(&INSERT_TENANT_STORE, crate::args![org, now]).await?;
        tx.commit().await
    }

    /// Removes a tenant's store with all that is in it.
    pub async fn remove(&self, org: OrgId) -> StoreResult<()> {
        tracing::info!(authority = self.authority, org = %org, "tenant store removed");
        match &*self.storage.engine {
            Opened::Sqlite(engine) => engine.remove_tenant_file(org).await,
            Opened::Postgres(engine) => {
                let mut tx =
                    PlatformTx::new(engine.begin_platform(Store::Tenant, true).await?, Store::Tenant);
                tx.execute(&DELETE_TENANT_STORE, crate::args![org]).await?;
                tx.commit().await
            }
        }
    }

    /// The tenants that have a store.
    pub async fn list(&self) -> StoreResult<Vec<OrgId>> {
        match &*self.storage.engine {
            Opened::Sqlite(engine) => engine.tenant_files(),
            Opened::Postgres(engine) => {
                let mut tx =
                    PlatformTx::new(engine.begin_platform(Store::Tenant, false).await?, Store::Tenant);
                let rows: Vec<(OrgId,)> = tx.fetch_all(&LIST_TENANT_STORES, crate::args![]).await?;
                Ok(rows.into_iter().map(|(org,)| org).collect())
            }
        }
    }
}

impl TenantTx {
    /// Takes the organization's row, so that what is read, checked and written after it is not interleaved with
    /// another such transaction of the same organization.
    pub async fn lock(&mut self) -> StoreResult<()> {
        self.execute(&LOCK_ORGANIZATION, crate::args![]).await.map(drop)
    }
}

crate::statements! {
    catalogue STORAGE_TENANT_STATEMENTS of Tenant;
    Directory LOCK_ORGANIZATION(tenant: Id) = "SELECT id FROM organization WHERE id = $1 {lock}";
}

impl PlatformTx {
    /// Asks the store whether it answers.
    pub async fn ping(&mut self) -> StoreResult<()> {
        self.execute(&PING, crate::args![]).await.map(drop)
    }
}

crate::statements! {
    catalogue STORAGE_STATEMENTS of Platform;
    Every PING() = "SELECT count(*) FROM due WHERE false";
    Tenant INSERT_TENANT_STORE(tenant: Id, now: Int) =
        "INSERT INTO tenant_store (tenant_id, created_at) VALUES ($1, $2) ON CONFLICT (tenant_id) DO NOTHING";
    Tenant DELETE_TENANT_STORE(tenant: Id) = "DELETE FROM tenant_store WHERE tenant_id = $1";
    Tenant LIST_TENANT_STORES() = "SELECT tenant_id FROM tenant_store ORDER BY tenant_id";
}
