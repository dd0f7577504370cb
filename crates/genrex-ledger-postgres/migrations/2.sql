-- Version 2: a batch that machines share, and where its audio goes.

ALTER TABLE genrex.job
    ADD COLUMN output  text,                  -- where its audio is to go, as far as that was said when it was intended
    ADD COLUMN carrier bigint;                -- who waits for it and downloads it: a row of `machine`, 0 for nobody; NULL
                                              -- for whoever intended it
