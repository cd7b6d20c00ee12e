//! The table of organizations.

use insula_storage::statements;

statements! {
    catalogue TENANT_STATEMENTS of Tenant;
    Directory GET(tenant: Id) =
        "SELECT id, slug, name, status, plan, version, created_at, updated_at FROM organization WHERE id = $1";
    Directory RENAME(tenant: Id, name: Text, now: Int, version: Int) =
        "UPDATE organization SET name = $2, updated_at = $3, version = version + 1 WHERE id = $1 AND version = $4";
}

statements! {
    catalogue PLATFORM_STATEMENTS of Platform;
    Directory INSERT(id: Id, slug: Text, name: Text, status: Text, plan: Text, now: Int) =
        "INSERT INTO organization (id, slug, name, status, plan, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 1, $6, $6)";
    Directory GET_ANY(id: Id) =
        "SELECT id, slug, name, status, plan, version, created_at, updated_at FROM organization WHERE id = $1";
    Directory ALL_FOR_REQUESTS() = "SELECT id, slug, status FROM organization";
    Directory LIST(after: Id, pattern: Text, limit: Int) =
        "SELECT id, slug, name, status, plan, version, created_at, updated_at FROM organization
         WHERE id > $1 AND (slug LIKE $2 OR lower(name) LIKE $2) ORDER BY id LIMIT $3";
    Directory SET_STATUS(id: Id, status: Text, now: Int) =
        "UPDATE organization SET status = $2, updated_at = $3, version = version + 1 WHERE id = $1";
}
