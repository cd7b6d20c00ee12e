//! The tables of organizations, teams and projects.

use insula_storage::statements;

statements! {
    catalogue TENANT_STATEMENTS of Tenant;
    Directory GET(tenant: Id) =
        "SELECT id, slug, name, status, plan, version, created_at, updated_at FROM organization WHERE id = $1";
    Directory RENAME(tenant: Id, name: Text, now: Int, version: Int) =
        "UPDATE organization SET name = $2, updated_at = $3, version = version + 1 WHERE id = $1 AND version = $4";

    Directory FIND_PROJECT(tenant: Id, id: Id) =
        "SELECT id, name, slug, team_id, status, version, created_at, updated_at FROM project
         WHERE tenant_id = $1 AND id = $2";
    Directory FIND_PROJECT_BY_SLUG(tenant: Id, slug: Text) =
        "SELECT id, name, slug, team_id, status, version, created_at, updated_at FROM project
         WHERE tenant_id = $1 AND slug = $2 AND status = 'active'";
    Directory LIST_PROJECTS(tenant: Id, after: Id, pattern: Text, status: Text, limit: Int) =
        "SELECT id, name, slug, team_id, status, version, created_at, updated_at FROM project
         WHERE tenant_id = $1 AND id > $2 AND (slug LIKE $3 OR lower(name) LIKE $3) AND ($4 IS NULL OR status = $4)
         ORDER BY id LIMIT $5";
    Directory COUNT_PROJECTS(tenant: Id) = "SELECT count(*) FROM project WHERE tenant_id = $1 AND status = 'active'";
    Directory INSERT_PROJECT(tenant: Id, id: Id, name: Text, slug: Text, team: Id, now: Int) =
        "INSERT INTO project (tenant_id, id, name, slug, team_id, status, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 'active', 1, $6, $6)";
    Directory UPDATE_PROJECT(tenant: Id, id: Id, name: Text, slug: Text, team: Id, now: Int) =
        "UPDATE project SET name = $3, slug = $4, team_id = $5, updated_at = $6, version = version + 1
         WHERE tenant_id = $1 AND id = $2";
    Directory ARCHIVE_PROJECT(tenant: Id, id: Id, now: Int) =
        "UPDATE project SET status = 'archived', updated_at = $3, version = version + 1
         WHERE tenant_id = $1 AND id = $2";

    Directory FIND_TEAM(tenant: Id, id: Id) =
        "SELECT id, name, description, version, created_at, updated_at FROM team WHERE tenant_id = $1 AND id = $2";
    Directory LIST_TEAMS(tenant: Id, after: Id, pattern: Text, limit: Int) =
        "SELECT id, name, description, version, created_at, updated_at FROM team
         WHERE tenant_id = $1 AND id > $2 AND name_folded LIKE $3 ORDER BY id LIMIT $4";
    Directory COUNT_TEAMS(tenant: Id) = "SELECT count(*) FROM team WHERE tenant_id = $1";
    Directory INSERT_TEAM(tenant: Id, id: Id, name: Text, folded: Text, description: Text, now: Int) =
        "INSERT INTO team (tenant_id, id, name, name_folded, description, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 1, $6, $6)";
    Directory UPDATE_TEAM(tenant: Id, id: Id, name: Text, folded: Text, description: Text, now: Int) =
        "UPDATE team SET name = $3, name_folded = $4, description = $5, updated_at = $6, version = version + 1
         WHERE tenant_id = $1 AND id = $2";
    Directory DELETE_TEAM(tenant: Id, id: Id) = "DELETE FROM team WHERE tenant_id = $1 AND id = $2";
    Directory PROJECTS_OF_TEAM(tenant: Id, id: Id) =
        "SELECT count(*) FROM project WHERE tenant_id = $1 AND team_id = $2 AND status = 'active'";
    Directory RELEASE_PROJECTS(tenant: Id, id: Id) =
        "UPDATE project SET team_id = NULL WHERE tenant_id = $1 AND team_id = $2 AND status = 'archived'";
    Directory LIST_TEAM_MEMBERS(tenant: Id, id: Id, after: Id, limit: Int) =
        "SELECT user_id, role, added_at FROM team_member
         WHERE tenant_id = $1 AND team_id = $2 AND user_id > $3 ORDER BY user_id LIMIT $4";
    Directory FIND_TEAM_MEMBER(tenant: Id, id: Id, user: Id) =
        "SELECT user_id, role, added_at FROM team_member WHERE tenant_id = $1 AND team_id = $2 AND user_id = $3";
    Directory PUT_TEAM_MEMBER(tenant: Id, id: Id, user: Id, role: Text, now: Int) =
        "INSERT INTO team_member (tenant_id, team_id, user_id, role, added_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, team_id, user_id) DO UPDATE SET role = excluded.role";
    Directory LEAVE_TEAM(tenant: Id, id: Id, user: Id) =
        "DELETE FROM team_member WHERE tenant_id = $1 AND team_id = $2 AND user_id = $3";
    Directory LEAVE_TEAMS(tenant: Id, user: Id) = "DELETE FROM team_member WHERE tenant_id = $1 AND user_id = $2";
    Directory REMOVE_TEAM_MEMBERS(tenant: Id, id: Id) =
        "DELETE FROM team_member WHERE tenant_id = $1 AND team_id = $2";
}

statements! {
    catalogue PLATFORM_STATEMENTS of Platform;
    Directory INSERT(id: Id, slug: Text, name: Text, status: Text, plan: Text, now: Int) =
        "INSERT INTO organization (id, slug, name, status, plan, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 1, $6, $6)";
    Directory GET_ANY(id: Id) =
        "SELECT id, slug, name, status, plan, version, created_at, updated_at FROM organization WHERE id = $1";
    Directory ALL_FOR_REQUESTS() = "SELECT id, slug, status FROM organization";
    Directory LIST(after: Id, pattern: Text, status: Text, plan: Text, limit: Int) =
        "SELECT id, slug, name, status, plan, version, created_at, updated_at FROM organization
         WHERE id > $1 AND (slug LIKE $2 OR lower(name) LIKE $2)
         AND ($3 IS NULL OR status = $3) AND ($4 IS NULL OR plan = $4) ORDER BY id LIMIT $5";
    Directory UPDATE_ANY(id: Id, slug: Text, name: Text, now: Int) =
        "UPDATE organization SET slug = $2, name = $3, updated_at = $4, version = version + 1 WHERE id = $1";
    Directory SET_PLAN(id: Id, plan: Text, now: Int) =
        "UPDATE organization SET plan = $2, updated_at = $3, version = version + 1 WHERE id = $1 AND plan <> $2";
    Directory COUNT_BY_STATUS_AND_PLAN() =
        "SELECT status, plan, count(*) FROM organization GROUP BY status, plan ORDER BY status, plan";
    Directory PARTS_OF(tenant: Id) =
        "SELECT (SELECT count(*) FROM project WHERE tenant_id = $1 AND status = 'active'),
                (SELECT count(*) FROM team WHERE tenant_id = $1)";
    Directory JOIN_TEAM(tenant: Id, id: Id, user: Id, now: Int) =
        "INSERT INTO team_member (tenant_id, team_id, user_id, role, added_at)
         SELECT tenant_id, id, $3, 'member', $4 FROM team WHERE tenant_id = $1 AND id = $2
         ON CONFLICT (tenant_id, team_id, user_id) DO NOTHING";
    Directory SET_STATUS(id: Id, status: Text, now: Int) =
        "UPDATE organization SET status = $2, updated_at = $3, version = version + 1 WHERE id = $1";
    Directory ALL_PROJECTS() = "SELECT tenant_id, id, slug, team_id, status FROM project";
}
