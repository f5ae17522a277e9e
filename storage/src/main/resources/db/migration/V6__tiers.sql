-- Which tier ran, or was compiled for: 1 is classes of the JVM, 2 machine code.
ALTER TABLE receipts ADD COLUMN tier smallint NOT NULL DEFAULT 1 CHECK (tier IN (1, 2));

-- Of the runs of an hour, those on tier 2.
ALTER TABLE usage_hours ADD COLUMN tier_2_runs bigint NOT NULL DEFAULT 0 CHECK (tier_2_runs >= 0);

-- What is held to tier 1: by the tenant, and by the operator.
ALTER TABLE functions ADD COLUMN held_to_tier_1 boolean NOT NULL DEFAULT false;
ALTER TABLE tenants ADD COLUMN held_to_tier_1 boolean NOT NULL DEFAULT false;

-- The compiler's own machine code, which takes minutes to make: no tenant's, and one row for each
-- compiler and kind of processor. On Citus it is a reference table.
CREATE TABLE compiler_code (
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  compiler   text COLLATE "C" NOT NULL CHECK (compiler ~ '^[ -~]{1,250}$'),
  kept_at    timestamptz NOT NULL DEFAULT now(),
  sha256     bytea NOT NULL CHECK (octet_length(sha256) = 32),
  bytes      bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 67108864),
  PRIMARY KEY (digest, compiler)
);

ALTER TABLE compiler_code ALTER COLUMN bytes SET STORAGE EXTERNAL;
