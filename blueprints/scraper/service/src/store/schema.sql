-- Times are microseconds since the epoch. A project or environment that is none is ''.

CREATE TABLE IF NOT EXISTS jobs (
    org          TEXT    NOT NULL,
    project      TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    environment  TEXT    NOT NULL,
    api_key      TEXT,
    user         TEXT,
    priority     INTEGER NOT NULL,
    spec         TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    -- Somebody wants it canceled while it runs.
    is_canceling INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    pages        INTEGER NOT NULL DEFAULT 0,
    fetches      INTEGER NOT NULL DEFAULT 0,
    bytes        INTEGER NOT NULL DEFAULT 0,
    compute_us   INTEGER NOT NULL DEFAULT 0,
    error_code   TEXT,
    error_detail TEXT,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    -- Until when its place among the concurrent jobs is surely held, and under which lease it was renewed.
    held_until   INTEGER NOT NULL,
    lease        TEXT,
    PRIMARY KEY (org, project, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS jobs_of_org ON jobs (org, id);
CREATE INDEX IF NOT EXISTS jobs_unfinished ON jobs (created_at) WHERE status IN ('queued', 'running');
CREATE INDEX IF NOT EXISTS jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS results (
    org     TEXT NOT NULL,
    project TEXT NOT NULL,
    id      TEXT NOT NULL,
    found   TEXT NOT NULL,
    PRIMARY KEY (org, project, id)
) STRICT;

-- Events that Insula hasn't answered for yet, in the order in which they happened.
CREATE TABLE IF NOT EXISTS outbox (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT    NOT NULL UNIQUE,
    org      TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    job      TEXT    NOT NULL,
    project  TEXT    NOT NULL,
    api_key  TEXT,
    user     TEXT,
    at       INTEGER NOT NULL,
    data     TEXT    NOT NULL,
    lease    TEXT,
    -- Why Insula won't count it: it waits for somebody to look.
    refusal  TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (seq) WHERE refusal IS NULL;

PRAGMA user_version = 1;
