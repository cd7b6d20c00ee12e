-- Ledger: what was used and is owed.

CREATE TABLE blueprint_version (
    number     {int} NOT NULL PRIMARY KEY,
    id         {id} NOT NULL UNIQUE,
    digest     TEXT NOT NULL,
    source     TEXT NOT NULL,
    applied_at {instant} NOT NULL,
    applied_by TEXT NOT NULL
){strict};
--@ platform blueprint_version: select, insert

CREATE TABLE plan_version (
    plan       TEXT NOT NULL,
    version    {int} NOT NULL,
    digest     TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at {instant} NOT NULL,
    PRIMARY KEY (plan, version)
){strict};
--@ platform plan_version: select, insert

CREATE TABLE subscription (
    tenant_id    {id} NOT NULL UNIQUE,
    id           {id} NOT NULL,
    plan         TEXT NOT NULL,
    plan_version {int} NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('prepared', 'active')),
    started_at   {instant} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (plan, plan_version) REFERENCES plan_version (plan, version)
){strict};
--@ tenant subscription(tenant_id): select
--@ platform subscription: select, insert, update, delete

CREATE TABLE usage_event (
    tenant_id   {id} NOT NULL,
    id          {id} NOT NULL,
    at          {instant} NOT NULL,
    kind        TEXT NOT NULL,
    route       TEXT NOT NULL,
    key_id      {id},
    user_id     {id},
    quantities  TEXT NOT NULL,
    status      {int} NOT NULL,
    outcome     TEXT NOT NULL,
    recovered   {bool} NOT NULL,
    bytes_in    {int} NOT NULL,
    bytes_out   {int} NOT NULL,
    duration_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
){strict};
--@ tenant usage_event(tenant_id): select
--@ platform usage_event: select, insert

-- Sums of settled events per calendar window in UTC.
CREATE TABLE usage_rollup (
    tenant_id {id} NOT NULL,
    meter     TEXT NOT NULL,
    span      TEXT NOT NULL CHECK (span IN ('hour', 'day')),
    start_at  {instant} NOT NULL,
    quantity  {int} NOT NULL,
    PRIMARY KEY (tenant_id, meter, span, start_at)
){strict};
CREATE INDEX usage_rollup_current ON usage_rollup (span, start_at);
--@ tenant usage_rollup(tenant_id): select
--@ platform usage_rollup: select, insert, update

-- When each API key was last used. Kept beside the events, since a look through all of a tenant's events for the
-- latest of each key would grow with every request.
CREATE TABLE key_use (
    tenant_id    {id} NOT NULL,
    key_id       {id} NOT NULL,
    last_used_at {instant} NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
){strict};
--@ tenant key_use(tenant_id): select
--@ platform key_use: select, insert, update
