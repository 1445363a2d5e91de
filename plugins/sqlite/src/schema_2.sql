-- Version 2: what a run tells is one row first, and all others are made of it a moment later.

-- What came of symbols just now: one row for each step of a run. They become rows of run_symbols, datasets, bars, actions
-- and events when the service has nothing else to write, usually within a second; only until then they are here.
CREATE TABLE pending_results (
    seq        INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL,  -- runs.seq
    at         TEXT    NOT NULL,
    ms         INTEGER NOT NULL,  -- id of the first symbol's event; the others have the next
    event      INTEGER NOT NULL,
    count      INTEGER NOT NULL,  -- how many symbols
    prefix     TEXT    NOT NULL,  -- where the bars go, as in datasets
    start_date TEXT    NOT NULL,
    end_date   TEXT    NOT NULL,
    keep       INTEGER,           -- how many windows of a symbol are kept
    marks      TEXT    NOT NULL,  -- JSON: each symbol, how often the provider was asked, and what came of it
    bars       BLOB    NOT NULL   -- the series of the stored ones, for the service alone
) STRICT;
CREATE INDEX pending_results_of_run ON pending_results (run);

-- Bars that were still packed become rows.
DELETE FROM bars WHERE dataset IN (SELECT dataset FROM packed_bars);
INSERT INTO bars
SELECT dataset, position, date(days * 86400, 'unixepoch'),
       strftime('%Y-%m-%d %H:%M:%S', (time - micros) / 1000000, 'unixepoch') || iif(micros = 0, '', printf('.%06d', micros)),
       bar ->> 2, bar ->> 3, bar ->> 4, bar ->> 5, bar ->> 6, bar ->> 7, bar ->> 8, bar ->> 9
FROM (
    SELECT p.dataset, b.key AS position, b.value AS bar, b.value ->> 0 AS days, b.value ->> 1 AS time,
           ((b.value ->> 1) % 1000000 + 1000000) % 1000000 AS micros
    FROM packed_bars p, json_each(p.bars) b
);
DROP VIEW all_bars;
DROP TABLE packed_bars;

-- All bars.
CREATE VIEW all_bars AS
SELECT dataset, position, date, time, open, high, low, close, adj_close, volume, is_final, extra
FROM bars;
