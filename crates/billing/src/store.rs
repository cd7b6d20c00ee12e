//! The SQL of plans and subscriptions. Nobody else touches these tables.

use insula_kernel::{BlueprintVersionId, Instant, OrgId, SubscriptionId};
use insula_storage::{PlatformTx, StoreResult, TenantTx, args, row, statements};

statements! {
    catalogue BILLING_STATEMENTS of Platform;
    Ledger LATEST_BLUEPRINT() =
        "SELECT number, digest, source, applied_at FROM blueprint_version ORDER BY number DESC LIMIT 1";
    Ledger INSERT_BLUEPRINT(number: Int, id: Id, digest: Text, source: Text, at: Int, by: Text) =
        "INSERT INTO blueprint_version (number, id, digest, source, applied_at, applied_by)
         VALUES ($1, $2, $3, $4, $5, $6)";
    Ledger LATEST_PLAN(plan: Text) =
        "SELECT version, digest FROM plan_version WHERE plan = $1 ORDER BY version DESC LIMIT 1";
    Ledger INSERT_PLAN(plan: Text, version: Int, digest: Text, definition: Text, at: Int) =
        "INSERT INTO plan_version (plan, version, digest, definition, created_at) VALUES ($1, $2, $3, $4, $5)";
    Ledger ALL_PLANS() = "SELECT plan, version, definition FROM plan_version ORDER BY plan, version";
    Ledger INSERT_SUBSCRIPTION(tenant: Id, id: Id, plan: Text, version: Int, at: Int) =
        "INSERT INTO subscription (tenant_id, id, plan, plan_version, status, started_at)
         VALUES ($1, $2, $3, $4, 'prepared', $5)";
    Ledger ACTIVATE(tenant: Id) =
        "UPDATE subscription SET status = 'active' WHERE tenant_id = $1 AND status IN ('prepared', 'active')";
    Ledger REMOVE_PREPARED(tenant: Id) = "DELETE FROM subscription WHERE tenant_id = $1 AND status = 'prepared'";
    Ledger PREPARED_BEFORE(before: Int, limit: Int) =
        "SELECT tenant_id FROM subscription WHERE status = 'prepared' AND started_at < $1
         ORDER BY started_at, tenant_id LIMIT $2";
    Ledger ALL_SUBSCRIPTIONS() = "SELECT tenant_id, plan, plan_version FROM subscription";
}

statements! {
    catalogue BILLING_TENANT_STATEMENTS of Tenant;
    Ledger OWN_SUBSCRIPTION(tenant: Id) =
        "SELECT id, plan, plan_version, status, started_at FROM subscription WHERE tenant_id = $1";
}

row! {
    /// An applied version of the blueprint.
    pub(crate) struct BlueprintRow {
        pub(crate) number: i64,
        pub(crate) digest: String,
        pub(crate) source: String,
        pub(crate) applied_at: Instant,
    }
}

row! {
    /// A subscription, seen from inside its organization.
    pub(crate) struct SubscriptionRow {
        pub(crate) id: SubscriptionId,
        pub(crate) plan: String,
        pub(crate) plan_version: i64,
        pub(crate) status: String,
        pub(crate) started_at: Instant,
    }
}

pub(crate) async fn latest_blueprint(tx: &mut PlatformTx) -> StoreResult<Option<BlueprintRow>> {
    tx.fetch_optional(&LATEST_BLUEPRINT, args![]).await
}

pub(crate) async fn insert_blueprint(
    tx: &mut PlatformTx,
    id: BlueprintVersionId,
    row: &BlueprintRow,
    by: &str,
) -> StoreResult<()> {
    let BlueprintRow { number, digest, source, applied_at } = row;
    let values = args![*number, id, digest.as_str(), source.as_str(), *applied_at, by];
    tx.execute(&INSERT_BLUEPRINT, values).await.map(drop)
}

/// The version of a plan with the highest number, and its digest.
pub(crate) async fn latest_plan(tx: &mut PlatformTx, plan: &str) -> StoreResult<Option<(i64, String)>> {
    tx.fetch_optional(&LATEST_PLAN, args![plan]).await
}

pub(crate) async fn insert_plan(
    tx: &mut PlatformTx,
    (plan, version): (&str, u32),
    digest: String,
    definition: String,
    now: Instant,
) -> StoreResult<()> {
    tx.execute(&INSERT_PLAN, args![plan, version, digest, definition, now]).await.map(drop)
}

/// Every version of every plan, with its definition.
pub(crate) async fn all_plans(tx: &mut PlatformTx) -> StoreResult<Vec<(String, i64, String)>> {
    tx.fetch_all(&ALL_PLANS, args![]).await
}

pub(crate) async fn insert_subscription(
    tx: &mut PlatformTx,
    org: OrgId,
    id: SubscriptionId,
    (plan, version): (&str, i64),
    now: Instant,
) -> StoreResult<()> {
    tx.execute(&INSERT_SUBSCRIPTION, args![org, id, plan, version, now]).await.map(drop)
}

/// Makes a subscription active, if it is there.
pub(crate) async fn activate(tx: &mut PlatformTx, org: OrgId) -> StoreResult<bool> {
    Ok(tx.execute(&ACTIVATE, args![org]).await? > 0)
}

pub(crate) async fn remove_prepared(tx: &mut PlatformTx, org: OrgId) -> StoreResult<bool> {
    Ok(tx.execute(&REMOVE_PREPARED, args![org]).await? > 0)
}

pub(crate) async fn prepared_before(
    tx: &mut PlatformTx,
    before: Instant,
    limit: u32,
) -> StoreResult<Vec<OrgId>> {
    let rows: Vec<(OrgId,)> = tx.fetch_all(&PREPARED_BEFORE, args![before, limit]).await?;
    Ok(rows.into_iter().map(|(org,)| org).collect())
}

/// Every subscription with its plan and the version of it.
pub(crate) async fn all_subscriptions(tx: &mut PlatformTx) -> StoreResult<Vec<(OrgId, String, i64)>> {
    tx.fetch_all(&ALL_SUBSCRIPTIONS, args![]).await
}

pub(crate) async fn own_subscription(tx: &mut TenantTx) -> StoreResult<Option<SubscriptionRow>> {
    tx.fetch_optional(&OWN_SUBSCRIPTION, args![]).await
}
