-- Version 4: where its audio is to go, as whoever intended it said.

ALTER TABLE job ADD COLUMN output TEXT;
