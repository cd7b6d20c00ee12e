-- Directory: who exists and may enter.

CREATE TABLE user_account (
    id              {id} NOT NULL PRIMARY KEY,
    email           TEXT NOT NULL,
    email_folded    TEXT NOT NULL UNIQUE,
    display_name    TEXT NOT NULL,
    password_hash   TEXT NOT NULL,
    is_operator     {bool} NOT NULL,
    failed_sign_ins {int} NOT NULL,
    locked_until    {instant},
    last_sign_in_at {instant},
    created_at      {instant} NOT NULL,
    updated_at      {instant} NOT NULL
){strict};
--@ platform user_account: select, insert, update

CREATE TABLE session (
    id             {id} NOT NULL PRIMARY KEY,
    user_id        {id} NOT NULL REFERENCES user_account (id),
    token_hash     {bytes} NOT NULL,
    previous_hash  {bytes},
    previous_until {instant},
    user_agent     TEXT,
    address        TEXT,
    created_at     {instant} NOT NULL,
    last_used_at   {instant} NOT NULL,
    expires_at     {instant} NOT NULL,
    revoked_at     {instant}
){strict};
CREATE INDEX session_by_user ON session (user_id, id);
--@ platform session: select, insert, update, delete

CREATE TABLE signing_key (
    id             {id} NOT NULL PRIMARY KEY,
    public_key     {bytes} NOT NULL,
    sealed_private {bytes} NOT NULL,
    created_at     {instant} NOT NULL
){strict};
--@ platform signing_key: select, insert

CREATE TABLE organization (
    id         {id} NOT NULL PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'deactivated', 'erased')),
    plan       TEXT NOT NULL,
    version    {int} NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL
){strict};
--@ tenant organization(id): select, update
--@ platform organization: select, insert, update

CREATE TABLE membership (
    tenant_id {id} NOT NULL REFERENCES organization (id),
    user_id   {id} NOT NULL REFERENCES user_account (id),
    role      TEXT NOT NULL,
    joined_at {instant} NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
){strict};
CREATE INDEX membership_by_user ON membership (user_id, tenant_id);
--@ tenant membership(tenant_id): select, insert, update, delete
--@ platform membership: select, insert, update, delete

-- An organization reads the names and addresses of its own members, and of nobody else.
--@postgres ALTER TABLE user_account ENABLE ROW LEVEL SECURITY;
--@postgres ALTER TABLE user_account FORCE ROW LEVEL SECURITY;
--@postgres CREATE POLICY user_account_platform ON user_account TO insula_platform USING (true) WITH CHECK (true);
--@postgres CREATE POLICY user_account_member ON user_account FOR SELECT TO insula_tenant USING (EXISTS (SELECT 1 FROM membership m WHERE m.user_id = user_account.id AND m.tenant_id = (SELECT NULLIF(current_setting('insula.tenant', true), '')::uuid)));
--@postgres GRANT SELECT (id, email, display_name) ON user_account TO insula_tenant;

CREATE TABLE api_key (
    tenant_id        {id} NOT NULL REFERENCES organization (id),
    id               {id} NOT NULL UNIQUE,
    name             TEXT NOT NULL,
    environment      TEXT NOT NULL CHECK (environment IN ('development', 'staging', 'production')),
    secret_hash      {bytes} NOT NULL,
    scopes           TEXT NOT NULL,
    allowed_networks TEXT NOT NULL,
    rate_per_second  {int},
    rate_burst       {int},
    created_by       {id},
    created_at       {instant} NOT NULL,
    expires_at       {instant},
    revoked_at       {instant},
    replaces         {id},
    replaced_by      {id},
    PRIMARY KEY (tenant_id, id)
){strict};
--@ tenant api_key(tenant_id): select, insert, update
--@ platform api_key: select, update

-- Replies kept for retried requests, sealed under a key that only the caller knows. Requests that belong to no
-- organization yet (sign-up) stand under the nil tenant.
CREATE TABLE idempotent_reply (
    tenant_id      {id} NOT NULL,
    key_hash       {bytes} NOT NULL,
    request_digest {bytes} NOT NULL,
    sealed_reply   {bytes} NOT NULL,
    expires_at     {instant} NOT NULL,
    PRIMARY KEY (tenant_id, key_hash)
){strict};
CREATE INDEX idempotent_reply_expiry ON idempotent_reply (expires_at);
--@ tenant idempotent_reply(tenant_id): select, insert
--@ platform idempotent_reply: select, insert, delete

-- What operators and the platform itself did; what happens inside an organization is in `audit`.
CREATE TABLE platform_audit (
    id         {id} NOT NULL PRIMARY KEY,
    at         {instant} NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    detail     TEXT NOT NULL,
    address    TEXT,
    request_id {id}
){strict};
--@ platform platform_audit: select, insert
