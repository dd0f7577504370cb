-- The ledger in PostgreSQL, version 1. One row of `job` a purchase; `history` keeps every step of it.
-- Times without a zone are milliseconds since 1970, by the database's clock. Credits are whole numbers.
-- A text has U+001A 0 where it had NUL, which PostgreSQL does not keep, and U+001A S where it had U+001A.

CREATE SCHEMA IF NOT EXISTS genrex;

CREATE TABLE genrex.schema_version (
    version integer     NOT NULL PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE genrex.ledger (
    id text NOT NULL                          -- this ledger's own name: what is rescued elsewhere says whose it is
);

-- Why nothing may be bought with the ledger, if there is a reason. Whoever writes holds a lock for its transaction that
-- whoever changes this row excludes.
CREATE TABLE genrex.hold (
    is_one  boolean     NOT NULL DEFAULT true PRIMARY KEY CHECK (is_one), -- one row, or none
    kind    text        NOT NULL,             -- moving, moved, arriving, restored
    token   text        NOT NULL,             -- what ties both ends of one move together
    detail  text        NOT NULL,             -- where to, where from, or what is missing
    command text        NOT NULL,             -- what to type next
    machine text        NOT NULL,             -- who said so
    since   timestamptz NOT NULL DEFAULT now()
);

-- When somebody took the ledger as it was, after it was restored from an earlier state. A machine tells by their number
-- whether what it saw before still has to be there.
CREATE TABLE genrex.restored (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    detail      text        NOT NULL,         -- what was missing
    held_at     timestamptz NOT NULL,         -- when that was noticed,
    held_by     text        NOT NULL,         -- and by whom
    accepted_at timestamptz NOT NULL DEFAULT now(),
    accepted_by text        NOT NULL
);

-- Who has the ledger open to write, as far as is known; for people, and for the numbers of epochs.
CREATE TABLE genrex.machine (
    epoch    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text        NOT NULL,            -- the host and the process
    began_at timestamptz NOT NULL DEFAULT now(),
    seen_at  timestamptz NOT NULL DEFAULT now()
);

CREATE SEQUENCE genrex.job_id;

CREATE TABLE genrex.job (
    id               bigint   NOT NULL PRIMARY KEY,
    key              text     NOT NULL UNIQUE,  -- the call that intended it; the same call again is the same job
    account          text     NOT NULL,         -- the service's origin, and the user; or a fingerprint of the key
    text             text     NOT NULL,
    duration         bigint   NOT NULL CHECK (duration BETWEEN 0 AND 255), -- in seconds
    body_sha256      text     NOT NULL,
    batch            text,                      -- which batch it is a row of,
    "row"            text,                      -- and which row
    state            text     NOT NULL,
    query_id         text,                      -- its name at the service; not unique, a service may begin anew
    unconfirmed_id   text,                      -- an id that stood in a broken answer
    refusal          text,
    expected_cost    bigint,                    -- NULL while the price was not known
    used_before      bigint,                    -- the account's used credits before the submit,
    changed_before   text,                      -- when the account had last changed, in the service's words,
    look_at          bigint,                    -- and when that was, by the service's clock
    alone            boolean  NOT NULL,
    run              text,
    detail           text,                      -- a refusal's reason, an ambiguity's evidence
    reconciliation   text,                      -- what the balance, or a person, says of an ambiguous one
    doubt            text,                      -- why it is inconclusive,
    doubt_until      bigint,                    -- and until when, if that is known
    resolved_by_hand boolean  NOT NULL,
    superseded_by    bigint   REFERENCES genrex.job (id), -- what was bought in its place
    path             text,
    bytes            bigint,
    sha256           text,
    created_at       bigint   NOT NULL,
    updated_at       bigint   NOT NULL,
    service_at       bigint   NOT NULL,         -- when its state last changed, by the service's clock
    owner            text     NOT NULL,         -- who intended it, in words
    epoch            bigint   NOT NULL,         -- whose it is: a row of `machine`; a new number once another has ended it
    ended_by         bigint,                    -- the epoch of who ended it in the owner's place
    lease_until      timestamptz,               -- until when it is the owner's; only while it is in flight
    CHECK ((lease_until IS NOT NULL) = (state IN ('intended', 'sent')))
);

-- Names have up to a kibibyte, and an index has room for less: it holds a hash, and the query compares the name too.
CREATE INDEX job_account ON genrex.job (hashtextextended(account, 0), id);
CREATE INDEX job_account_state ON genrex.job (hashtextextended(account, 0), state, id);
CREATE INDEX job_state ON genrex.job (state, id);
CREATE INDEX job_in_flight ON genrex.job (id) WHERE state IN ('intended', 'sent');
CREATE INDEX job_body ON genrex.job (body_sha256, state);
CREATE INDEX job_query_id ON genrex.job (hashtextextended(query_id, 0)) WHERE query_id IS NOT NULL;
CREATE INDEX job_row ON genrex.job (hashtextextended("row", 0), hashtextextended(batch, 0), id) WHERE "row" IS NOT NULL;
CREATE INDEX job_created ON genrex.job (created_at);
CREATE INDEX job_superseded ON genrex.job (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE TABLE genrex.history (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job    bigint NOT NULL REFERENCES genrex.job (id),
    at     bigint NOT NULL,
    state  text   NOT NULL,
    detail text
);

CREATE INDEX history_job ON genrex.history (job, id);

CREATE TABLE genrex.alias (
    alias   text   NOT NULL PRIMARY KEY,        -- an origin, and a fingerprint of a key
    account text   NOT NULL,                    -- the account that a look at the balance has shown it to be
    seen_at bigint NOT NULL                     -- when that was first seen
);

-- Whoever changes what an account has or holds locks its row first.
CREATE TABLE genrex.credits (
    account    text   NOT NULL PRIMARY KEY,
    credits    text   NOT NULL,                 -- what is known of them, as JSON
    updated_at bigint NOT NULL
);
