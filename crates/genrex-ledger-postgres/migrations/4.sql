-- Version 4: what of a ledger's past somebody has accepted as lost, and not only how often.

-- [{"ledger", "server", "generation", "event"}]: the greatest number of a step that machines miss, of each server that kept
-- it and of how often somebody had taken the ledger as it was by then. In `restored` also "to": the server that was accepted.
ALTER TABLE genrex.hold ADD COLUMN steps jsonb NOT NULL DEFAULT '[]';
-- NULL for those of before: they are taken to have known of all that was seen until then.
ALTER TABLE genrex.restored ADD COLUMN steps jsonb;
ALTER TABLE genrex.restored ALTER COLUMN steps SET DEFAULT '[]';
