-- How many of a job's fires ran, or would have but for a run that still went.
ALTER TABLE jobs ADD COLUMN fired INTEGER NOT NULL DEFAULT 0;
