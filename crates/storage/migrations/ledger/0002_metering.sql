-- Metering: events with all that explains them, sums by several lengths of time and by what they can be told apart by,
-- what outlives its request, and what operators allow beyond the plan.

DROP TABLE usage_event;
DROP TABLE usage_rollup;

-- Requests of the gateway and what upstreams report. What only one of the two has is null for the other.
CREATE TABLE usage_event (
    tenant_id   {id} NOT NULL,
    id          {id} NOT NULL,
    at          {instant} NOT NULL,
    received_at {instant},
    kind        TEXT NOT NULL DEFAULT 'request',
    operation   TEXT NOT NULL,
    source      TEXT,
    subject     TEXT,
    project_id  {id},
    team_id     {id},
    key_id      {id},
    user_id     {id},
    service_id  {id},
    environment {int} NOT NULL,
    quantities  TEXT NOT NULL,
    groups      TEXT,
    data        TEXT,
    reserved    TEXT,
    checks      {bytes},
    blueprint   {int},
    status      {int} NOT NULL DEFAULT 0,
    outcome     TEXT NOT NULL DEFAULT 'reported',
    recovered   {bool} NOT NULL DEFAULT false,
    bytes_in    {int} NOT NULL DEFAULT 0,
    bytes_out   {int} NOT NULL DEFAULT 0,
    duration_us {int} NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE INDEX usage_event_at ON usage_event (tenant_id, at, id);
--@ tenant usage_event(tenant_id): select
--@ platform usage_event: select, insert

-- What was reported, known again for life: rows stay when their events expire.
CREATE TABLE event_key (
    key       {bytes} NOT NULL PRIMARY KEY,
    body      {bytes} NOT NULL,
    tenant_id {id} NOT NULL,
    event_id  {id} NOT NULL
){clustered};
--@ tenant event_key(tenant_id): select
--@ platform event_key: select, insert

-- What settled events come to per calendar window in UTC, the organization over. `fold` says how: 0 they add up, 1 the
-- greatest counts, 2 the latest, 3 different values are counted. Number and digest tell the set of events behind it.
CREATE TABLE usage_rollup (
    tenant_id {id} NOT NULL,
    meter     TEXT NOT NULL,
    span      TEXT NOT NULL CHECK (span IN ('minute', 'hour', 'day')),
    start_at  {instant} NOT NULL,
    fold      {int} NOT NULL,
    quantity  {int} NOT NULL,
    events    {int} NOT NULL,
    digest    {int} NOT NULL,
    last_at   {instant} NOT NULL,
    PRIMARY KEY (tenant_id, meter, span, start_at)
){clustered};
CREATE INDEX usage_rollup_hour ON usage_rollup (start_at) WHERE span = 'hour';
CREATE INDEX usage_rollup_day ON usage_rollup (start_at, tenant_id) WHERE span = 'day';
--@ tenant usage_rollup(tenant_id): select
--@ platform usage_rollup: select, insert, update
--@postgres ALTER TABLE usage_rollup SET (fillfactor = 70);

-- The same per hour, told apart by what events have in common. `series` is a digest of `dims`.
CREATE TABLE usage_series (
    tenant_id {id} NOT NULL,
    meter     TEXT NOT NULL,
    start_at  {instant} NOT NULL,
    series    {bytes} NOT NULL,
    dims      TEXT NOT NULL,
    fold      {int} NOT NULL,
    quantity  {int} NOT NULL,
    events    {int} NOT NULL,
    last_at   {instant} NOT NULL,
    PRIMARY KEY (tenant_id, meter, start_at, series)
){clustered};
--@ tenant usage_series(tenant_id): select
--@ platform usage_series: select, insert, update
--@postgres ALTER TABLE usage_series SET (fillfactor = 80);

-- The different values behind sums of fold 3: of each window, and of each series of an hour, whose digest then stands
-- before the value's.
CREATE TABLE usage_unique (
    tenant_id {id} NOT NULL,
    meter     TEXT NOT NULL,
    span      TEXT NOT NULL CHECK (span IN ('minute', 'hour', 'day', 'series')),
    start_at  {instant} NOT NULL,
    member    {bytes} NOT NULL,
    PRIMARY KEY (tenant_id, meter, span, start_at, member)
){clustered};
--@ tenant usage_unique(tenant_id): select
--@ platform usage_unique: select, insert

-- Which warnings were given: each once per period. An empty subject is the organization.
CREATE TABLE threshold_crossing (
    tenant_id    {id} NOT NULL,
    limit_name   TEXT NOT NULL,
    subject      TEXT NOT NULL,
    period_start {instant} NOT NULL,
    level        {int} NOT NULL,
    crossed_at   {instant} NOT NULL,
    PRIMARY KEY (tenant_id, limit_name, subject, period_start, level)
){clustered};
--@ tenant threshold_crossing(tenant_id): select
--@ platform threshold_crossing: select, insert

-- What outlives the request that took it. An end may come before its beginning: then the limit's name is still empty.
CREATE TABLE hold (
    tenant_id  {id} NOT NULL,
    id         {id} NOT NULL,
    limit_name TEXT NOT NULL,
    hold_key   TEXT,
    project_id {id},
    team_id    {id},
    key_id     {id},
    until      TEXT,
    begun_at   {instant},
    expires_at {instant},
    ended_at   {instant},
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE INDEX hold_open ON hold (tenant_id, id) WHERE ended_at IS NULL;
--@ tenant hold(tenant_id): select
--@ platform hold: select, insert, update

-- What an operator allows an organization in the place of its plan's bound; null is unlimited.
CREATE TABLE limit_override (
    tenant_id  {id} NOT NULL,
    limit_name TEXT NOT NULL,
    bound      {int},
    reason     TEXT NOT NULL,
    set_by     TEXT NOT NULL,
    set_at     {instant} NOT NULL,
    PRIMARY KEY (tenant_id, limit_name)
){strict};
--@ tenant limit_override(tenant_id): select
--@ platform limit_override: select, insert, update, delete
