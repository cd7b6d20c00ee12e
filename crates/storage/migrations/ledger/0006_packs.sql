-- Events that nobody asks for every day are kept in packs: many in one row, compressed. A pack says of what it holds the
-- first and last time, id and number, so that whoever looks for an event reads few of them; they may overlap. `events` and
-- `digest` tell the set of events, `checksum` the bytes of the body.
CREATE TABLE usage_pack (
    tenant_id     {id} NOT NULL,
    id            {id} NOT NULL,
    first_at      {instant} NOT NULL,
    last_at       {instant} NOT NULL,
    first_id      {id} NOT NULL,
    last_id       {id} NOT NULL,
    first_settled {int} NOT NULL,
    last_settled  {int} NOT NULL,
    events        {int} NOT NULL,
    digest        {int} NOT NULL,
    checksum      {bytes} NOT NULL,
    packed_at     {instant} NOT NULL,
    body          {bytes} NOT NULL,
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE INDEX usage_pack_time ON usage_pack (tenant_id, last_at, first_at, id, first_settled, last_settled);
CREATE INDEX usage_pack_event ON usage_pack (tenant_id, last_id, first_id, id);
--@ tenant usage_pack(tenant_id): select
--@ platform usage_pack: select, insert

-- What was packed is removed where it stood.
--@postgres GRANT DELETE ON usage_event TO insula_platform;
--@postgres CREATE POLICY usage_event_platform_delete ON usage_event FOR DELETE TO insula_platform USING (true);

-- How many events stand in packs, in how many of them, and how many bytes these take.
INSERT INTO settlement_position (name, last) VALUES ('packed', 0), ('packs', 0), ('pack_bytes', 0);
