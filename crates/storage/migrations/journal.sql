-- The same four tables stand in every store, so that state, audit, events and due work commit together.

CREATE TABLE audit (
    tenant_id  {id} NOT NULL,
    id         {id} NOT NULL,
    at         {instant} NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    detail     TEXT NOT NULL,
    address    TEXT,
    request_id {id},
    PRIMARY KEY (tenant_id, id)
){strict};
--@ tenant audit(tenant_id): select, insert
--@ platform audit: select, insert

CREATE TABLE outbox (
    tenant_id    {id} NOT NULL,
    id           {id} NOT NULL UNIQUE,
    at           {instant} NOT NULL,
    kind         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    delivered_at {instant},
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE INDEX outbox_pending ON outbox (id) WHERE delivered_at IS NULL;
--@ tenant outbox(tenant_id): select, insert
--@ platform outbox: select, insert, update

CREATE TABLE inbox (
    tenant_id   {id} NOT NULL,
    message_id  {id} NOT NULL,
    received_at {instant} NOT NULL,
    PRIMARY KEY (tenant_id, message_id)
){strict};
--@ tenant inbox(tenant_id): select, insert
--@ platform inbox: select, insert

CREATE TABLE due (
    tenant_id  {id} NOT NULL,
    id         {id} NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    payload    TEXT NOT NULL,
    due_at     {instant} NOT NULL,
    attempts   {int} NOT NULL,
    last_error TEXT,
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE INDEX due_next ON due (due_at, id);
--@ tenant due(tenant_id): select, insert, update, delete
--@ platform due: select, insert, update, delete
