-- The schema. Every key of a tenant's table begins with the tenant, and every foreign key stays
-- within it, so that the same schema can be distributed by tenant (Citus). operator_tokens belongs
-- to no tenant and would be a reference table there. For the same reason no index is UNIQUE unless
-- the tenant leads it.
--
-- Texts that are keys collate "C": their order, by which lists are paged, is then that of their
-- bytes on every server, whatever its locale.

CREATE TABLE tenants (
  tenant               text COLLATE "C" PRIMARY KEY
                       CHECK (tenant ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
  created_at           timestamptz NOT NULL DEFAULT now(),
  suspended            boolean NOT NULL DEFAULT false,
  concurrency          integer NOT NULL CHECK (concurrency BETWEEN 1 AND 1024),
  queue_depth          integer NOT NULL CHECK (queue_depth BETWEEN 0 AND 100000),
  functions_limit      integer NOT NULL CHECK (functions_limit BETWEEN 1 AND 1000000),
  -- Overrides of the stores' limits; null leaves the default.
  limit_fuel           bigint CHECK (limit_fuel BETWEEN 0 AND 1000000000000000),
  limit_memory_bytes   bigint CHECK (limit_memory_bytes BETWEEN 0 AND 4294967296),
  limit_table_elements bigint CHECK (limit_table_elements BETWEEN 0 AND 10000000),
  limit_call_depth     integer CHECK (limit_call_depth BETWEEN 1 AND 65536),
  limit_deadline_nanos bigint CHECK (limit_deadline_nanos BETWEEN 1 AND 3600000000000)
);

CREATE TABLE tokens (
  tenant     text COLLATE "C" NOT NULL REFERENCES tenants,
  token_id   text COLLATE "C" NOT NULL CHECK (token_id ~ '^[0-9a-f]{24}$'),
  hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
  label      text NOT NULL CHECK (char_length(label) <= 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  PRIMARY KEY (tenant, token_id)
);

-- Authentication knows the token's id and not yet its tenant.
CREATE INDEX tokens_by_id ON tokens (token_id);

CREATE TABLE operator_tokens (
  token_id   text COLLATE "C" PRIMARY KEY CHECK (token_id ~ '^([0-9a-f]{24}|configured)$'),
  hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
  label      text NOT NULL CHECK (char_length(label) <= 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);

CREATE INDEX operator_tokens_by_hash ON operator_tokens (hash);

CREATE TABLE modules (
  tenant     text COLLATE "C" NOT NULL REFERENCES tenants,
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  size_bytes integer NOT NULL CHECK (size_bytes BETWEEN 0 AND 67108864),
  bytes      bytea NOT NULL,
  PRIMARY KEY (tenant, digest),
  CHECK (octet_length(bytes) = size_bytes)
);

-- Uncompressed: a module is read on cold starts, where decompressing would cost more than the disk.
ALTER TABLE modules ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- A deleted function's row goes, rather than being flagged: the flag would hold the name against
-- its next owner and be a condition in every query. Receipts outlive functions because they refer
-- to none: they carry names.
CREATE TABLE functions (
  tenant               text COLLATE "C" NOT NULL REFERENCES tenants,
  name                 text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  current_digest       bytea NOT NULL,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  args                 text[] NOT NULL DEFAULT '{}' CHECK (cardinality(args) <= 64),
  env_names            text[] NOT NULL DEFAULT '{}' CHECK (cardinality(env_names) <= 64),
  env_values           text[] NOT NULL DEFAULT '{}',
  cgi_response         boolean NOT NULL DEFAULT false,
  limit_fuel           bigint CHECK (limit_fuel BETWEEN 0 AND 1000000000000000),
  limit_memory_bytes   bigint CHECK (limit_memory_bytes BETWEEN 0 AND 4294967296),
  limit_table_elements bigint CHECK (limit_table_elements BETWEEN 0 AND 10000000),
  limit_call_depth     integer CHECK (limit_call_depth BETWEEN 1 AND 65536),
  limit_deadline_nanos bigint CHECK (limit_deadline_nanos BETWEEN 1 AND 3600000000000),
  PRIMARY KEY (tenant, name),
  FOREIGN KEY (tenant, current_digest) REFERENCES modules (tenant, digest),
  CHECK (cardinality(env_names) = cardinality(env_values))
);

CREATE INDEX functions_by_digest ON functions (tenant, current_digest);

CREATE TABLE versions (
  tenant      text COLLATE "C" NOT NULL,
  name        text COLLATE "C" NOT NULL,
  digest      bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  -- JSON that the caller computed; opaque here.
  description text NOT NULL CHECK (octet_length(description) <= 4194304),
  PRIMARY KEY (tenant, name, digest),
  FOREIGN KEY (tenant, name) REFERENCES functions (tenant, name) ON DELETE CASCADE,
  FOREIGN KEY (tenant, digest) REFERENCES modules (tenant, digest)
);

CREATE INDEX versions_by_digest ON versions (tenant, digest);

-- Run ids sort by time (UUID version 7): the primary key, read backwards, is "newest first".
-- No foreign keys: a receipt is true whatever becomes of the function. No list of outcomes: a word
-- that this schema does not know yet must not stop the ledger.
CREATE TABLE receipts (
  tenant               text COLLATE "C" NOT NULL,
  run_id               uuid NOT NULL,
  function             text COLLATE "C" NOT NULL CHECK (char_length(function) BETWEEN 1 AND 63),
  digest               bytea NOT NULL CHECK (octet_length(digest) = 32),
  started_epoch_millis bigint NOT NULL CHECK (started_epoch_millis BETWEEN 0 AND 281474976710655),
  fuel                 bigint NOT NULL CHECK (fuel >= 0),
  cost_table_version   integer NOT NULL CHECK (cost_table_version >= 0),
  price_version        integer NOT NULL CHECK (price_version >= 0),
  nano_dollars         bigint NOT NULL CHECK (nano_dollars >= 0),
  memory_peak_bytes    bigint NOT NULL CHECK (memory_peak_bytes >= 0),
  duration_nanos       bigint NOT NULL CHECK (duration_nanos >= 0),
  outcome              text NOT NULL CHECK (outcome ~ '^[a-z-]{1,32}$'),
  PRIMARY KEY (tenant, run_id),
  CHECK (char_length(tenant) BETWEEN 1 AND 63)
);

CREATE INDEX receipts_by_function ON receipts (tenant, function, run_id);

-- Sums of receipts by the hour in which the run started, kept up in the statement that inserts
-- them. A month of one function is 720 rows, however many its runs. The sums are numeric because
-- one that overflowed would fail every batch after it.
CREATE TABLE usage_hours (
  tenant            text COLLATE "C" NOT NULL,
  function          text COLLATE "C" NOT NULL,
  hour_epoch_millis bigint NOT NULL CHECK (hour_epoch_millis % 3600000 = 0),
  runs              bigint NOT NULL CHECK (runs > 0),
  failed_runs       bigint NOT NULL CHECK (failed_runs BETWEEN 0 AND runs),
  fuel              numeric(38) NOT NULL CHECK (fuel >= 0),
  nano_dollars      numeric(38) NOT NULL CHECK (nano_dollars >= 0),
  duration_nanos    numeric(38) NOT NULL CHECK (duration_nanos >= 0),
  PRIMARY KEY (tenant, function, hour_epoch_millis)
);

-- For questions over all tenants: an operator's "who used most today".
CREATE INDEX usage_hours_by_hour ON usage_hours (hour_epoch_millis);
