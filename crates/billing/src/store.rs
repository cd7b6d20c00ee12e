//! The tables of blueprint versions, plan versions and subscriptions.

use insula_storage::statements;

statements! {
    catalogue TENANT_STATEMENTS of Tenant;
    Ledger GET_SUBSCRIPTION(tenant: Id) =
        "SELECT id, plan, plan_version, status, started_at, allows_overage FROM subscription WHERE tenant_id = $1";
    Ledger ALLOW_OVERAGE(tenant: Id, allowed: Bool) = "UPDATE subscription SET allows_overage = $2 WHERE tenant_id = $1";
}

statements! {
    catalogue PLATFORM_STATEMENTS of Platform;
    Ledger CURRENT_BLUEPRINT() =
        "SELECT number, digest, source, applied_at FROM blueprint_version ORDER BY number DESC LIMIT 1";
    Ledger BLUEPRINT_VERSION(number: Int) =
        "SELECT number, digest, source, applied_at FROM blueprint_version WHERE number = $1";
    Ledger INSERT_BLUEPRINT(number: Int, id: Id, digest: Text, source: Text, now: Int, by: Text) =
        "INSERT INTO blueprint_version (number, id, digest, source, applied_at, applied_by)
         VALUES ($1, $2, $3, $4, $5, $6)";
    Ledger CURRENT_PLAN(plan: Text) =
        "SELECT version, digest FROM plan_version WHERE plan = $1 ORDER BY version DESC LIMIT 1";
    Ledger INSERT_PLAN(plan: Text, version: Int, digest: Text, definition: Text, now: Int) =
        "INSERT INTO plan_version (plan, version, digest, definition, created_at) VALUES ($1, $2, $3, $4, $5)";
    Ledger CURRENT_VERSIONS() = "SELECT plan, max(version) FROM plan_version GROUP BY plan";

    Ledger INSERT_SUBSCRIPTION(tenant: Id, id: Id, plan: Text, version: Int, now: Int) =
        "INSERT INTO subscription (tenant_id, id, plan, plan_version, status, started_at)
         VALUES ($1, $2, $3, $4, 'prepared', $5)";
    Ledger ACTIVATE(tenant: Id) = "UPDATE subscription SET status = 'active' WHERE tenant_id = $1 AND status = 'prepared'";
    Ledger REMOVE_PREPARED(tenant: Id) = "DELETE FROM subscription WHERE tenant_id = $1 AND status = 'prepared'";
    Ledger ALL_SUBSCRIPTIONS() =
        "SELECT tenant_id, plan, plan_version, started_at, allows_overage FROM subscription";
    Ledger SUBSCRIPTION_OF(tenant: Id) =
        "SELECT tenant_id, plan, plan_version, started_at, allows_overage FROM subscription WHERE tenant_id = $1";
    Ledger PLAN_VERSION(plan: Text, version: Int) =
        "SELECT definition FROM plan_version WHERE plan = $1 AND version = $2";
    Ledger SET_OVERRIDE(tenant: Id, limit: Text, bound: Int, reason: Text, by: Text, now: Int) =
        "INSERT INTO limit_override (tenant_id, limit_name, bound, reason, set_by, set_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, limit_name) DO UPDATE
         SET bound = excluded.bound, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at";
    Ledger REMOVE_OVERRIDE(tenant: Id, limit: Text) =
        "DELETE FROM limit_override WHERE tenant_id = $1 AND limit_name = $2";
    Ledger LIST_OVERRIDES(tenant: Id) =
        "SELECT limit_name, bound, reason, set_by, set_at FROM limit_override WHERE tenant_id = $1 ORDER BY limit_name";
    Ledger OVERRIDES_OF(tenant: Id) = "SELECT limit_name, bound FROM limit_override WHERE tenant_id = $1";
    Ledger ALL_OVERRIDES() = "SELECT tenant_id, limit_name, bound FROM limit_override";
    Ledger ALL_PLAN_VERSIONS() = "SELECT plan, version, definition FROM plan_version";
}
