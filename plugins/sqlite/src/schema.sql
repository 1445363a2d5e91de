-- What the file holds. It may be read at any time with any tool; only the service writes it.
--
-- What came of symbols just now is in pending_results (schema_2.sql) and usually here within a second.
--
-- Times are UTC and look like 2026-11-23 18:17:11.000000: they sort, and compare with datetime('now', '-1 day').
-- Dates look like 2026-11-23. True is 1, false is 0.

-- Jobs in the order in which they were created, with how each is doing.
CREATE TABLE jobs (
    seq            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    is_active      INTEGER NOT NULL,
    status         TEXT    NOT NULL,  -- pending, running, completed, failed, paused
    revision       INTEGER NOT NULL,  -- counts its edits, starts and stops from 1
    next_fire      TEXT,              -- NULL: never, or not worked out
    due_at         TEXT,              -- when to look at it: its next fire, or the time to work that out
    last_fire      TEXT,              -- no fire up to this one is ever granted again
    last_run       TEXT,              -- when its latest run began
    last_execution TEXT,              -- that run
    last_status    TEXT,
    last_ended     TEXT,
    running        INTEGER NOT NULL DEFAULT 0,  -- how many of its runs are going
    runs           INTEGER NOT NULL DEFAULT 0,  -- how many began in all
    fires          INTEGER NOT NULL DEFAULT 0,  -- how many were decided in all
    fence          INTEGER NOT NULL DEFAULT 0,  -- its highest fencing token
    last_request   TEXT               -- the edit that wrote this revision
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status);
CREATE INDEX jobs_by_activity ON jobs (is_active);
CREATE INDEX jobs_due ON jobs (due_at) WHERE is_active = 1 AND due_at IS NOT NULL;

-- What each job orders, as the API shows it. Apart from `jobs`, so that a run rewrites only what it changes.
CREATE TABLE definitions (
    job        INTEGER PRIMARY KEY,  -- jobs.seq
    search     TEXT NOT NULL,        -- its name and symbols in lower case
    definition TEXT NOT NULL         -- JSON
) STRICT;

CREATE TABLE job_symbols (
    symbol TEXT    NOT NULL COLLATE NOCASE,
    job    INTEGER NOT NULL,  -- jobs.seq
    PRIMARY KEY (symbol, job)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_tags (
    tag TEXT    NOT NULL,
    job INTEGER NOT NULL,  -- jobs.seq
    PRIMARY KEY (tag, job)
) STRICT, WITHOUT ROWID;

-- Ids that can never be used again.
CREATE TABLE deleted_jobs (
    id          TEXT    PRIMARY KEY,
    deleted_at  TEXT    NOT NULL,
    request     TEXT    NOT NULL,
    has_history INTEGER NOT NULL DEFAULT 1  -- its runs and fires are kept for a month
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_jobs_with_history ON deleted_jobs (deleted_at) WHERE has_history = 1;

-- What became of each expected fire: the latest 5,000 of a job.
CREATE TABLE fires (
    job        TEXT NOT NULL,  -- jobs.id
    fire_time  TEXT NOT NULL,
    state      TEXT NOT NULL,  -- fired, skipped, missed
    reason     TEXT,
    run        TEXT,           -- runs.id
    started_at TEXT,
    PRIMARY KEY (job, fire_time)
) STRICT, WITHOUT ROWID;

-- Runs in the order in which they began: the latest 500 of a job.
CREATE TABLE runs (
    seq          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    job          TEXT    NOT NULL,  -- jobs.id
    job_name     TEXT    GENERATED ALWAYS AS (plan ->> '$.job_name') VIRTUAL,
    status       TEXT    NOT NULL,  -- running, success, partial_success, failed
    fire_time    TEXT,              -- NULL: a run by hand
    triggered_by TEXT    NOT NULL,  -- scheduler_auto, manual_trigger, retry
    started_at   TEXT    NOT NULL,
    ended_at     TEXT,
    fetched      INTEGER,           -- how many symbols were stored, once it has ended
    failed       INTEGER,           -- how many failed, once it has ended
    attempt      INTEGER NOT NULL,  -- counts the services that worked on it
    token        INTEGER NOT NULL,
    host         TEXT    NOT NULL,
    plan         TEXT    NOT NULL   -- JSON: what it does, fixed when it began
) STRICT;
CREATE INDEX runs_of_job ON runs (job);
CREATE INDEX runs_going ON runs (host) WHERE status = 'running';

-- What came of each symbol of a run. One that is not here is not done yet.
CREATE TABLE run_symbols (
    run      INTEGER NOT NULL,  -- runs.seq
    symbol   TEXT    NOT NULL,
    status   TEXT    NOT NULL,  -- stored, failed
    attempts INTEGER NOT NULL,  -- how often the provider was asked
    records  INTEGER,           -- how many records, where stored
    key      TEXT,              -- datasets.key, where stored
    kind     TEXT,              -- why not, where failed
    message  TEXT,
    PRIMARY KEY (run, symbol)
) STRICT, WITHOUT ROWID;

-- The stored windows: one for each prefix, symbol and pair of dates.
CREATE TABLE datasets (
    id           INTEGER PRIMARY KEY,
    key          TEXT    NOT NULL UNIQUE,  -- PREFIX:SYMBOL:START:END
    prefix       TEXT    NOT NULL,
    symbol       TEXT    NOT NULL COLLATE NOCASE,
    start_date   TEXT    NOT NULL,
    end_date     TEXT    NOT NULL,
    currency     TEXT,
    zone         TEXT    NOT NULL,  -- the exchange's, in which dates are meant
    interval     TEXT    NOT NULL,
    record_count INTEGER NOT NULL,
    updated_at   TEXT    NOT NULL,
    job          TEXT    NOT NULL   -- jobs.id of the last writer
) STRICT;
CREATE INDEX datasets_of_symbol ON datasets (symbol, end_date, start_date);

-- The bars of a window, oldest first, as the provider gave them: prices are raw, NULL is unknown.
CREATE TABLE bars (
    dataset   INTEGER NOT NULL,  -- datasets.id
    position  INTEGER NOT NULL,
    date      TEXT    NOT NULL,  -- of the session, in the exchange's zone
    time      TEXT    NOT NULL,  -- when it begins; a fraction of a second only where there is one
    open      REAL,
    high      REAL,
    low       REAL,
    close     REAL,
    adj_close REAL,              -- adjusted for later splits and dividends
    volume    INTEGER NOT NULL,
    is_final  INTEGER NOT NULL,  -- 0: it could still change when it was fetched
    extra     TEXT,              -- JSON: further columns of the provider
    PRIMARY KEY (dataset, position)
) STRICT, WITHOUT ROWID;

-- Of version 1 only, see schema_2.sql. The bars of a window just stored, as one JSON text: [days since 1970 of the date, microseconds since 1970 of the time,
-- open, high, low, close, adj_close, volume, is_final, extra]. They stand in place of what `bars` has of their window.
CREATE TABLE packed_bars (
    dataset INTEGER PRIMARY KEY,  -- datasets.id
    bars    TEXT    NOT NULL
) STRICT;

-- Of version 1 only. All bars, packed or not.
CREATE VIEW all_bars AS
SELECT dataset, position, date, time, open, high, low, close, adj_close, volume, is_final, extra
FROM bars
WHERE dataset NOT IN (SELECT dataset FROM packed_bars)
UNION ALL
SELECT p.dataset, b.key, date((b.value ->> 0) * 86400, 'unixepoch'),
       strftime('%Y-%m-%d %H:%M:%S', (b.value ->> 1) / 1000000, 'unixepoch'),
       b.value ->> 2, b.value ->> 3, b.value ->> 4, b.value ->> 5, b.value ->> 6, b.value ->> 7, b.value ->> 8, b.value ->> 9
FROM packed_bars p, json_each(p.bars) b;

-- Splits and payments among the bars of a window.
CREATE TABLE actions (
    dataset  INTEGER NOT NULL,  -- datasets.id
    position INTEGER NOT NULL,
    date     TEXT    NOT NULL,
    kind     TEXT    NOT NULL,  -- dividend, split, capital_gain
    value    REAL    NOT NULL,  -- amount for a share, or new shares for an old one
    PRIMARY KEY (dataset, position)
) STRICT, WITHOUT ROWID;

-- What happened, in order: the latest 100,000.
CREATE TABLE events (
    ms    INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    id    TEXT    GENERATED ALWAYS AS (ms || '-' || seq) VIRTUAL,
    at    TEXT    NOT NULL,
    job   TEXT    NOT NULL,  -- jobs.id
    event TEXT    GENERATED ALWAYS AS (data ->> '$.event') VIRTUAL,
    data  TEXT    NOT NULL,  -- JSON
    PRIMARY KEY (ms, seq)
) STRICT, WITHOUT ROWID;

-- The newest event that is no longer kept; one row.
CREATE TABLE forgotten_events (
    ms  INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO forgotten_events VALUES (0, 0);

-- Small documents that the service keeps for itself.
CREATE TABLE records (
    namespace  TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    expires_at TEXT,
    value      TEXT    NOT NULL,  -- JSON
    PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_that_expire ON records (expires_at) WHERE expires_at IS NOT NULL;

-- The bars of the newest window of each prefix and symbol, raw and adjusted for later splits and dividends.
CREATE VIEW latest_bars AS
SELECT d.prefix, d.symbol, b.date, b.time, b.open, b.high, b.low, b.close, b.volume,
       b.open * (b.adj_close / b.close) AS adj_open,
       b.high * (b.adj_close / b.close) AS adj_high,
       b.low  * (b.adj_close / b.close) AS adj_low,
       b.adj_close, d.currency, d.interval, b.is_final, d.updated_at
FROM datasets d
JOIN all_bars b ON b.dataset = d.id
WHERE NOT EXISTS (
    SELECT 1 FROM datasets newer
    WHERE newer.symbol = d.symbol AND newer.symbol = d.symbol COLLATE BINARY AND newer.prefix = d.prefix
      AND (newer.end_date, newer.start_date) > (d.end_date, d.start_date)
);

-- The newest bar of each prefix and symbol.
CREATE VIEW latest_prices AS
SELECT prefix, symbol, max(time) AS time, date, close, adj_close, volume, currency, is_final, updated_at
FROM latest_bars
GROUP BY prefix, symbol COLLATE BINARY;

-- The symbols that failed, with when and why.
CREATE VIEW failures AS
SELECT runs.started_at, runs.job, runs.job_name, run_symbols.symbol, run_symbols.kind, run_symbols.message,
       run_symbols.attempts, runs.id AS run
FROM runs
JOIN run_symbols ON run_symbols.run = runs.seq
WHERE run_symbols.status = 'failed';
