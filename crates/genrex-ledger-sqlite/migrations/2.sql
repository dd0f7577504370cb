-- The ledger, versions 2 and 3, which differ in their triggers. One row of `job` a purchase; `history` keeps every step of it.
-- Times are milliseconds since 1970. Credits are whole numbers.

CREATE TABLE ledger (
    id TEXT NOT NULL                          -- this ledger's own name: what is rescued beside it says whose it is
) STRICT;

CREATE TABLE job (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    key              TEXT    UNIQUE,          -- the call that intended it; the same call again is the same job
    account          TEXT    NOT NULL,        -- the service's origin, and the user; or a fingerprint of the key
    text             TEXT    NOT NULL,
    duration         INTEGER NOT NULL CHECK (duration BETWEEN 0 AND 255), -- in seconds
    body_sha256      TEXT    NOT NULL,
    batch            TEXT,                    -- which batch it is a row of,
    row              TEXT,                    -- and which row
    state            TEXT    NOT NULL,
    query_id         TEXT,                    -- its name at the service; not unique, a service may begin anew
    unconfirmed_id   TEXT,                    -- an id that stood in a broken answer
    refusal          TEXT,
    expected_cost    INTEGER,                 -- NULL while the price was not known
    used_before      INTEGER,                 -- the account's used credits before the submit,
    changed_before   TEXT,                    -- when the account had last changed, in the service's words,
    look_at          INTEGER,                 -- and when that was, by the service's clock
    alone            INTEGER NOT NULL CHECK (alone IN (0, 1)),
    run              TEXT,
    detail           TEXT,                    -- a refusal's reason, an ambiguity's evidence
    reconciliation   TEXT,                    -- what the balance, or a person, says of an ambiguous one
    doubt            TEXT,                    -- why it is inconclusive,
    doubt_until      INTEGER,                 -- and until when, if that is known
    resolved_by_hand INTEGER NOT NULL CHECK (resolved_by_hand IN (0, 1)),
    superseded_by    INTEGER REFERENCES job (id), -- what was bought in its place
    path             TEXT,
    bytes            INTEGER,
    sha256           TEXT,
    owner            TEXT    NOT NULL,        -- who intended it: a file in the folder of owners; '' if it was released
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    service_at       INTEGER NOT NULL         -- when its state last changed, by the service's clock
) STRICT;

CREATE INDEX job_account_state ON job (account, state);
CREATE INDEX job_account ON job (account);
CREATE INDEX job_state ON job (state);
CREATE INDEX job_body ON job (body_sha256, account, state);
CREATE INDEX job_query_id ON job (query_id) WHERE query_id IS NOT NULL;
CREATE INDEX job_row ON job (row, batch, account) WHERE row IS NOT NULL;
CREATE INDEX job_created ON job (created_at);
CREATE INDEX job_superseded ON job (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE TABLE history (
    job    INTEGER NOT NULL REFERENCES job (id),
    at     INTEGER NOT NULL,
    state  TEXT    NOT NULL,
    detail TEXT
) STRICT;

CREATE INDEX history_job ON history (job);

CREATE TABLE alias (
    alias   TEXT    NOT NULL PRIMARY KEY,     -- an origin, and a fingerprint of a key
    account TEXT    NOT NULL,                 -- the account that a look at the balance has shown it to be
    seen_at INTEGER NOT NULL                  -- when that was first seen
) STRICT;

CREATE TABLE credits (
    account    TEXT    NOT NULL PRIMARY KEY,
    credits    TEXT    NOT NULL,              -- what is known of them, as JSON
    updated_at INTEGER NOT NULL
) STRICT;
