//! The tables of users, sessions, signing keys, memberships, API keys and credentials of upstreams.

use insula_storage::statements;

statements! {
    catalogue TENANT_STATEMENTS of Tenant;
    Directory LIST_MEMBERS(tenant: Id, after: Id, limit: Int) =
        "SELECT u.id, u.email, u.display_name, u.locked_until, m.role, m.joined_at, m.invited_by
         FROM membership m JOIN user_account u ON u.id = m.user_id
         WHERE m.tenant_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3";
    Directory FIND_MEMBER(tenant: Id, user: Id) =
        "SELECT u.id, u.email, u.display_name, u.locked_until, m.role, m.joined_at, m.invited_by
         FROM membership m JOIN user_account u ON u.id = m.user_id
         WHERE m.tenant_id = $1 AND m.user_id = $2";
    // Who was invited has a place as a member has, until the invitation expires.
    Directory COUNT_MEMBERS(tenant: Id, now: Int) =
        "SELECT (SELECT count(*) FROM membership WHERE tenant_id = $1)
              + (SELECT count(*) FROM invitation
                 WHERE tenant_id = $1 AND accepted_at IS NULL AND canceled_at IS NULL AND expires_at > $2)";
    Directory MEMBERS_WITH_ROLE(tenant: Id, role: Text) =
        "SELECT count(*) FROM membership WHERE tenant_id = $1 AND role = $2";
    Directory MEMBERS_WITH_ADDRESS(tenant: Id, folded: Text) =
        "SELECT count(*) FROM membership m JOIN user_account u ON u.id = m.user_id
         WHERE m.tenant_id = $1 AND u.email_folded = $2";
    Directory SET_ROLE(tenant: Id, user: Id, role: Text) =
        "UPDATE membership SET role = $3 WHERE tenant_id = $1 AND user_id = $2";
    Directory REMOVE_MEMBER(tenant: Id, user: Id) = "DELETE FROM membership WHERE tenant_id = $1 AND user_id = $2";
    Directory LIST_INVITATIONS(tenant: Id, after: Id, limit: Int) =
        "SELECT id, email, role, teams, invited_by, created_at, sent_at, expires_at FROM invitation
         WHERE tenant_id = $1 AND id > $2 AND accepted_at IS NULL AND canceled_at IS NULL ORDER BY id LIMIT $3";
    Directory FIND_INVITATION(tenant: Id, id: Id) =
        "SELECT id, email, role, teams, invited_by, created_at, sent_at, expires_at FROM invitation
         WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND canceled_at IS NULL";
    Directory FIND_INVITATION_TO(tenant: Id, folded: Text) =
        "SELECT id, email, role, teams, invited_by, created_at, sent_at, expires_at FROM invitation
         WHERE tenant_id = $1 AND email_folded = $2 AND accepted_at IS NULL AND canceled_at IS NULL";
    Directory INSERT_INVITATION(
        tenant: Id, id: Id, email: Text, folded: Text, role: Text, teams: Text, hash: Bytes, by: Id, now: Int,
        expires_at: Int,
    ) =
        "INSERT INTO invitation (tenant_id, id, email, email_folded, role, teams, token_hash, invited_by, created_at,
                                 sent_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)";
    Directory RENEW_INVITATION(tenant: Id, id: Id, hash: Bytes, now: Int, expires_at: Int) =
        "UPDATE invitation SET token_hash = $3, sent_at = $4, expires_at = $5
         WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND canceled_at IS NULL";
    Directory CANCEL_INVITATION(tenant: Id, id: Id, now: Int) =
        "UPDATE invitation SET canceled_at = $3
         WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND canceled_at IS NULL";
    Directory LIST_KEYS(tenant: Id, after: Id, project: Id, limit: Int) =
        "SELECT id, project_id, name, environment, scopes, limits, allowed_networks, created_by, created_at, expires_at,
                revoked_at, replaces, replaced_by
         FROM api_key WHERE tenant_id = $1 AND id > $2 AND ($3 IS NULL OR project_id = $3) ORDER BY id LIMIT $4";
    Directory FIND_KEY(tenant: Id, id: Id) =
        "SELECT id, project_id, name, environment, scopes, limits, allowed_networks, created_by, created_at, expires_at,
                revoked_at, replaces, replaced_by
         FROM api_key WHERE tenant_id = $1 AND id = $2";
    // A key that was replaced counts no longer, so that a rotation needs no room in the plan.
    Directory COUNT_KEYS(tenant: Id, now: Int) =
        "SELECT count(*) FROM api_key
         WHERE tenant_id = $1 AND revoked_at IS NULL AND replaced_by IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    Directory OLD_KEYS(tenant: Id, made_before: Int, now: Int) =
        "SELECT id, created_at FROM api_key
         WHERE tenant_id = $1 AND created_at < $2 AND revoked_at IS NULL AND replaced_by IS NULL
         AND (expires_at IS NULL OR expires_at > $3) ORDER BY id";
    Directory INSERT_KEY(
        tenant: Id, id: Id, project: Id, name: Text, environment: Text, secret_hash: Bytes, scopes: Text, limits: Text,
        networks: Text, created_by: Id, created_at: Int, expires_at: Int, replaces: Id,
    ) =
        "INSERT INTO api_key (tenant_id, id, project_id, name, environment, secret_hash, scopes, limits,
                              allowed_networks, created_by, created_at, expires_at, replaces)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    Directory UPDATE_KEY(tenant: Id, id: Id, name: Text, scopes: Text, limits: Text, networks: Text, expires_at: Int) =
        "UPDATE api_key SET name = $3, scopes = $4, limits = $5, allowed_networks = $6, expires_at = $7
         WHERE tenant_id = $1 AND id = $2";
    Directory KEYS_OF_PROJECT(tenant: Id, project: Id, now: Int) =
        "SELECT id FROM api_key WHERE tenant_id = $1 AND project_id = $2 AND revoked_at IS NULL
         AND (expires_at IS NULL OR expires_at > $3) ORDER BY id";
    Directory REPLACE_KEY(tenant: Id, id: Id, replaced_by: Id, expires_at: Int) =
        "UPDATE api_key SET replaced_by = $3, expires_at = $4 WHERE tenant_id = $1 AND id = $2";
    Directory REVOKE_KEY(tenant: Id, id: Id, now: Int) =
        "UPDATE api_key SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
}

statements! {
    catalogue PLATFORM_STATEMENTS of Platform;
    Directory INSERT_USER(id: Id, email: Text, folded: Text, name: Text, password: Text, operator: Bool, now: Int) =
        "INSERT INTO user_account (id, email, email_folded, display_name, password_hash, is_operator, failed_sign_ins,
                                   created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $7)";
    Directory FIND_USER(id: Id) =
        "SELECT id, email, display_name, is_operator, created_at, last_sign_in_at FROM user_account WHERE id = $1";
    Directory FIND_CREDENTIALS(folded: Text) =
        "SELECT id, password_hash, failed_sign_ins, locked_until FROM user_account WHERE email_folded = $1";
    Directory SIGN_IN_FAILED(id: Id) =
        "UPDATE user_account SET failed_sign_ins = failed_sign_ins + 1 WHERE id = $1 RETURNING failed_sign_ins";
    Directory LOCK_USER(id: Id, until: Int) = "UPDATE user_account SET locked_until = $2 WHERE id = $1";
    Directory SIGNED_IN(id: Id, now: Int) =
        "UPDATE user_account SET failed_sign_ins = 0, locked_until = NULL, last_sign_in_at = $2 WHERE id = $1";
    Directory RENAME_USER(id: Id, name: Text, now: Int) =
        "UPDATE user_account SET display_name = $2, updated_at = $3 WHERE id = $1";
    Directory COUNT_OPERATORS() = "SELECT count(*) FROM user_account WHERE is_operator";
    Directory ALL_OPERATORS() = "SELECT id FROM user_account WHERE is_operator";

    Directory INSERT_SESSION(id: Id, user: Id, hash: Bytes, agent: Text, address: Text, now: Int, expires_at: Int) =
        "INSERT INTO session (id, user_id, token_hash, user_agent, address, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)";
    Directory FIND_SESSION(id: Id) =
        "SELECT user_id, token_hash, previous_hash, previous_until, expires_at, revoked_at FROM session
         WHERE id = $1 {lock}";
    Directory ROTATE_SESSION(id: Id, hash: Bytes, previous: Bytes, previous_until: Int, now: Int) =
        "UPDATE session SET token_hash = $2, previous_hash = $3, previous_until = $4, last_used_at = $5 WHERE id = $1";
    Directory REVOKE_SESSION(id: Id, user: Id, now: Int) =
        "UPDATE session SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL";
    Directory LIST_SESSIONS(user: Id, now: Int) =
        "SELECT id, created_at, last_used_at, expires_at, user_agent, address FROM session
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY last_used_at DESC, id LIMIT 200";
    Directory ENDED_SINCE(since: Int) = "SELECT id FROM session WHERE revoked_at >= $1";

    Directory INSERT_MEMBER(tenant: Id, user: Id, role: Text, now: Int, invited_by: Id) =
        "INSERT INTO membership (tenant_id, user_id, role, joined_at, invited_by) VALUES ($1, $2, $3, $4, $5)";
    Directory MEMBERSHIPS_OF(user: Id) =
        "SELECT tenant_id, role FROM membership WHERE user_id = $1 ORDER BY joined_at, tenant_id";
    Directory OFFERED_INVITATION(id: Id) =
        "SELECT tenant_id, email, role, teams, token_hash, invited_by, expires_at, accepted_at, canceled_at
         FROM invitation WHERE id = $1";
    Directory ACCEPT_INVITATION(id: Id, hash: Bytes, user: Id, now: Int) =
        "UPDATE invitation SET accepted_at = $4, accepted_by = $3
         WHERE id = $1 AND token_hash = $2 AND accepted_at IS NULL AND canceled_at IS NULL AND expires_at > $4";
    Directory CANCEL_INVITATION_TO(tenant: Id, folded: Text, now: Int) =
        "UPDATE invitation SET canceled_at = $3
         WHERE tenant_id = $1 AND email_folded = $2 AND accepted_at IS NULL AND canceled_at IS NULL";
    Directory INVITE_FOR(
        tenant: Id, id: Id, email: Text, folded: Text, role: Text, teams: Text, hash: Bytes, by: Id, now: Int,
        expires_at: Int,
    ) =
        "INSERT INTO invitation (tenant_id, id, email, email_folded, role, teams, token_hash, invited_by, created_at,
                                 sent_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)";
    Directory IS_MEMBER_OF(tenant: Id, folded: Text) =
        "SELECT count(*) FROM membership m JOIN user_account u ON u.id = m.user_id
         WHERE m.tenant_id = $1 AND u.email_folded = $2";
    Directory PEOPLE_OF(tenant: Id, now: Int) =
        "SELECT (SELECT count(*) FROM membership WHERE tenant_id = $1),
                (SELECT count(*) FROM invitation
                 WHERE tenant_id = $1 AND accepted_at IS NULL AND canceled_at IS NULL AND expires_at > $2),
                (SELECT count(*) FROM api_key
                 WHERE tenant_id = $1 AND revoked_at IS NULL AND replaced_by IS NULL
                 AND (expires_at IS NULL OR expires_at > $2))";
    Directory LIST_USERS(after: Id, pattern: Text, limit: Int) =
        "SELECT id, email, display_name, is_operator, created_at, last_sign_in_at FROM user_account
         WHERE id > $1 AND (email_folded LIKE $2 OR lower(display_name) LIKE $2) ORDER BY id LIMIT $3";
    Directory COUNT_ALL(now: Int) =
        "SELECT (SELECT count(*) FROM user_account),
                (SELECT count(*) FROM api_key WHERE revoked_at IS NULL AND replaced_by IS NULL
                 AND (expires_at IS NULL OR expires_at > $1))";
    Directory KEYS_TO_REVOKE(org: Id, environment: Text, made_before: Int, now: Int) =
        "SELECT tenant_id, id, name, environment, created_at FROM api_key
         WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4)
         AND ($1 IS NULL OR tenant_id = $1) AND ($2 IS NULL OR environment = $2) AND ($3 IS NULL OR created_at < $3)
         ORDER BY tenant_id, id";
    Directory KEY_TO_REVOKE(id: Id, now: Int) =
        "SELECT tenant_id, id, name, environment, created_at FROM api_key
         WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    Directory REVOKE_KEY_OF(id: Id, now: Int) =
        "UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Directory ALL_MEMBERS() = "SELECT tenant_id, user_id, role FROM membership";
    Directory ALL_KEYS(now: Int) =
        "SELECT tenant_id, id, project_id, secret_hash, environment, scopes, limits, allowed_networks, expires_at
         FROM api_key WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)";

    Directory INSERT_SIGNING_KEY(id: Id, public: Bytes, sealed: Bytes, now: Int) =
        "INSERT INTO signing_key (id, public_key, sealed_private, created_at) VALUES ($1, $2, $3, $4)";
    Directory ALL_SIGNING_KEYS() = "SELECT id, sealed_private FROM signing_key ORDER BY created_at DESC, id DESC";

    Directory INSERT_SERVICE(id: Id, upstream: Text, hash: Bytes, by: Text, now: Int) =
        "INSERT INTO service_credential (id, upstream, secret_hash, created_by, created_at) VALUES ($1, $2, $3, $4, $5)";
    Directory FIND_SERVICE(id: Id) =
        "SELECT id, upstream, created_at, revoked_at FROM service_credential WHERE id = $1";
    Directory LIST_SERVICES(after: Id, limit: Int) =
        "SELECT id, upstream, created_at, revoked_at FROM service_credential WHERE id > $1 ORDER BY id LIMIT $2";
    Directory REVOKE_SERVICE(id: Id, now: Int) =
        "UPDATE service_credential SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Directory ALL_SERVICES() = "SELECT id, upstream, secret_hash FROM service_credential WHERE revoked_at IS NULL";
}
