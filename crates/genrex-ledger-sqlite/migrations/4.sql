-- Version 4: where a job's audio is to go, as whoever intended it said; and why nothing may be bought.

ALTER TABLE job ADD COLUMN output TEXT;

-- It has one row, or none.
CREATE TABLE hold (
    kind    TEXT    NOT NULL,                 -- moving, moved, arriving, restored
    token   TEXT    NOT NULL,                 -- what ties both ends of one move together
    detail  TEXT    NOT NULL,                 -- where to, where from, or what is missing
    command TEXT    NOT NULL,                 -- what to type next
    since   INTEGER NOT NULL
) STRICT;
