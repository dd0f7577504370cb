-- The ledger, version 1. One row a job; `history` keeps every step.
-- Times are milliseconds since 1970. `account` is the base URL and a fingerprint of the key.

CREATE TABLE job (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    account       TEXT    NOT NULL,
    text          TEXT    NOT NULL,
    duration      INTEGER NOT NULL CHECK (duration BETWEEN 1 AND 255),
    body_sha256   TEXT    NOT NULL,
    batch         TEXT,                       -- which batch it is a row of,
    row           TEXT,                       -- and which: a hash of the row, and which of its like
    state         TEXT    NOT NULL,
    query_id      TEXT,
    expected_cost INTEGER CHECK (expected_cost >= 0),
    used_before   INTEGER,                    -- the account's used credits before the submit,
    changed_before TEXT,                      -- and when the account had last changed
    detail        TEXT,
    verdict       TEXT    CHECK (verdict IN ('charged', 'notCharged', 'inconclusive')),
    path          TEXT,
    bytes         INTEGER,
    sha256        TEXT,
    owner         TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    CHECK (state NOT IN ('accepted', 'failed', 'completed', 'downloaded') OR query_id IS NOT NULL),
    CHECK (state != 'downloaded' OR (path IS NOT NULL AND bytes IS NOT NULL AND sha256 IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX job_query_id ON job (account, query_id) WHERE query_id IS NOT NULL;
CREATE INDEX job_state ON job (state);

-- A row of a batch is bought once: only what is known not to have been charged, or what failed, leaves
-- room for another try.
CREATE UNIQUE INDEX job_row ON job (account, batch, row)
WHERE batch IS NOT NULL AND state NOT IN ('notSent', 'refused', 'failed')
  AND NOT (state = 'ambiguous' AND verdict IS 'notCharged');
CREATE INDEX job_row_last ON job (account, batch, row, id);
CREATE INDEX job_body ON job (account, body_sha256);

CREATE TABLE history (
    job    INTEGER NOT NULL REFERENCES job (id),
    at     INTEGER NOT NULL,
    state  TEXT    NOT NULL,
    detail TEXT
) STRICT;

CREATE INDEX history_job ON history (job);

CREATE TABLE price (
    account  TEXT    NOT NULL,
    duration INTEGER NOT NULL,
    credits  INTEGER NOT NULL CHECK (credits >= 0),
    at_submit INTEGER NOT NULL,               -- 1 if they were gone right after the submit
    seen_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX price_account ON price (account);

-- A job begins as an intent, goes only where the state machine goes, and is never forgotten.

CREATE TRIGGER job_begins BEFORE INSERT ON job WHEN NEW.state != 'intended'
BEGIN
    SELECT RAISE(ABORT, 'a job begins as an intent');
END;

CREATE TRIGGER job_goes BEFORE UPDATE OF state ON job
WHEN (OLD.state || '>' || NEW.state) NOT IN (
    'intended>sent',
    'intended>notSent', 'intended>refused', 'intended>ambiguous', 'intended>accepted',
    'sent>notSent', 'sent>refused', 'sent>ambiguous', 'sent>accepted',
    'ambiguous>ambiguous', 'ambiguous>accepted',
    'accepted>completed', 'accepted>failed', 'accepted>downloaded',
    'completed>downloaded', 'downloaded>downloaded'
)
BEGIN
    SELECT RAISE(ABORT, 'a job does not go there from where it stands');
END;

CREATE TRIGGER job_keeps_its_id BEFORE UPDATE OF query_id ON job
WHEN OLD.query_id IS NOT NULL AND NEW.query_id IS NOT OLD.query_id
BEGIN
    SELECT RAISE(ABORT, 'the id of a job does not change');
END;

CREATE TRIGGER job_stays BEFORE DELETE ON job
BEGIN
    SELECT RAISE(ABORT, 'a job that was paid for is not forgotten');
END;
