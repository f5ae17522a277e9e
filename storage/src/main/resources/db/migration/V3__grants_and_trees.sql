-- What of the host a function's runs may reach, and the trees of files that they may read. Nothing is
-- granted by default. Functions that are there already keep what every run had until now: both clocks
-- and random bytes.

CREATE TABLE trees (
  tenant     text COLLATE "C" NOT NULL REFERENCES tenants,
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  size_bytes integer NOT NULL CHECK (size_bytes BETWEEN 0 AND 16777216),
  -- The archive as it was uploaded.
  bytes      bytea NOT NULL,
  PRIMARY KEY (tenant, digest),
  CHECK (octet_length(bytes) = size_bytes)
);

-- Archives are read on cold starts, and zip archives are compressed already.
ALTER TABLE trees ALTER COLUMN bytes SET STORAGE EXTERNAL;

ALTER TABLE functions
  ADD COLUMN grant_clock           boolean NOT NULL DEFAULT true,
  ADD COLUMN grant_monotonic_clock boolean NOT NULL DEFAULT true,
  ADD COLUMN grant_random          boolean NOT NULL DEFAULT true,
  ADD COLUMN grant_tree            text CHECK (char_length(grant_tree) BETWEEN 1 AND 255),
  ADD COLUMN grant_scratch         text CHECK (char_length(grant_scratch) BETWEEN 1 AND 255),
  ADD COLUMN grant_scratch_bytes   bigint CHECK (grant_scratch_bytes BETWEEN 4096 AND 16777216),
  ADD COLUMN grant_scratch_entries integer CHECK (grant_scratch_entries BETWEEN 1 AND 10000),
  ADD COLUMN tree_digest           bytea,
  ADD FOREIGN KEY (tenant, tree_digest) REFERENCES trees (tenant, digest),
  ADD CHECK ((grant_scratch IS NULL) = (grant_scratch_bytes IS NULL)),
  ADD CHECK ((grant_scratch IS NULL) = (grant_scratch_entries IS NULL));

ALTER TABLE functions
  ALTER COLUMN grant_clock SET DEFAULT false,
  ALTER COLUMN grant_monotonic_clock SET DEFAULT false,
  ALTER COLUMN grant_random SET DEFAULT false;

CREATE INDEX functions_by_tree ON functions (tenant, tree_digest) WHERE tree_digest IS NOT NULL;
