-- Teams and projects of organizations, keys of projects, and what upstreams authenticate with.

CREATE TABLE team (
    tenant_id   {id} NOT NULL REFERENCES organization (id),
    id          {id} NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    description TEXT,
    version     {int} NOT NULL,
    created_at  {instant} NOT NULL,
    updated_at  {instant} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name_folded)
){strict};
--@ tenant team(tenant_id): select, insert, update, delete
--@ platform team: select

CREATE TABLE team_member (
    tenant_id {id} NOT NULL,
    team_id   {id} NOT NULL,
    user_id   {id} NOT NULL,
    role      TEXT NOT NULL CHECK (role IN ('lead', 'member')),
    added_at  {instant} NOT NULL,
    PRIMARY KEY (tenant_id, team_id, user_id),
    FOREIGN KEY (tenant_id, team_id) REFERENCES team (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES membership (tenant_id, user_id) ON DELETE CASCADE
){strict};
CREATE INDEX team_member_by_user ON team_member (tenant_id, user_id);
--@ tenant team_member(tenant_id): select, insert, update, delete
--@ platform team_member: select

CREATE TABLE project (
    tenant_id  {id} NOT NULL REFERENCES organization (id),
    id         {id} NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    slug       TEXT NOT NULL,
    team_id    {id},
    status     TEXT NOT NULL CHECK (status IN ('active', 'archived')),
    version    {int} NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, team_id) REFERENCES team (tenant_id, id)
){strict};
-- A project that was archived leaves its slug to others.
CREATE UNIQUE INDEX project_tenant_id_slug_key ON project (tenant_id, slug) WHERE status = 'active';
CREATE INDEX project_by_team ON project (tenant_id, team_id);
--@ tenant project(tenant_id): select, insert, update
--@ platform project: select

ALTER TABLE api_key ADD COLUMN project_id {id} REFERENCES project (id);
--@postgres ALTER TABLE api_key ADD CONSTRAINT api_key_project FOREIGN KEY (tenant_id, project_id) REFERENCES project (tenant_id, id);
CREATE INDEX api_key_by_project ON api_key (tenant_id, project_id, id);

-- A key's own limits by name, as JSON, in the place of its rate alone. The owner of a table is under its policies too.
ALTER TABLE api_key ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
--@postgres ALTER TABLE api_key NO FORCE ROW LEVEL SECURITY;
UPDATE api_key
SET limits = '{"requests_per_second":{"per_second":' || rate_per_second || ',"burst":'
             || coalesce(rate_burst, rate_per_second) || '}}'
WHERE rate_per_second IS NOT NULL;
--@postgres ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
ALTER TABLE api_key DROP COLUMN rate_per_second;
ALTER TABLE api_key DROP COLUMN rate_burst;

-- What an upstream of the blueprint authenticates with; of no organization, since it serves them all.
CREATE TABLE service_credential (
    id          {id} NOT NULL PRIMARY KEY,
    upstream    TEXT NOT NULL,
    secret_hash {bytes} NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  {instant} NOT NULL,
    revoked_at  {instant}
){strict};
--@ platform service_credential: select, insert, update
