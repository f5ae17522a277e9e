-- Machine code of modules. Made by nodes only, and the same for all tenants that have the same bytes:
-- so the key is the module and the compiler, and no tenant. On Citus it is distributed by digest; no
-- foreign key leads here or away. It goes when the last tenant's module of that digest does.

CREATE TABLE artifacts (
  digest       bytea NOT NULL CHECK (octet_length(digest) = 32),
  compiler     text COLLATE "C" NOT NULL CHECK (compiler ~ '^[ -~]{1,250}$'),
  state        text NOT NULL CHECK (state IN ('compiling', 'ready', 'unsupported', 'failed')),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  attempts     integer NOT NULL CHECK (attempts BETWEEN 1 AND 100),
  -- While a node compiles it: which, and until when it is believed to live.
  node         uuid,
  leased_until timestamptz,
  reason       text CHECK (char_length(reason) <= 500),
  sha256       bytea CHECK (octet_length(sha256) = 32),
  size_bytes   integer CHECK (size_bytes BETWEEN 1 AND 67108864),
  bytes        bytea,
  PRIMARY KEY (digest, compiler),
  CHECK ((state = 'compiling') = (node IS NOT NULL)),
  CHECK ((state = 'compiling') = (leased_until IS NOT NULL)),
  CHECK ((state IN ('unsupported', 'failed')) = (reason IS NOT NULL)),
  CHECK ((state = 'ready') = (bytes IS NOT NULL)),
  CHECK ((state = 'ready') = (sha256 IS NOT NULL)),
  CHECK ((state = 'ready') = (size_bytes IS NOT NULL)),
  CHECK (octet_length(bytes) = size_bytes)
);

-- Uncompressed: an artifact is read on cold starts, where decompressing would cost more than the disk.
ALTER TABLE artifacts ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- A tenant's wishes for machine code, and all that it can see of it.
CREATE TABLE native_asks (
  tenant   text COLLATE "C" NOT NULL,
  digest   bytea NOT NULL,
  compiler text COLLATE "C" NOT NULL CHECK (compiler ~ '^[ -~]{1,250}$'),
  -- Which function the wish came from, for the receipt; it may be gone.
  function text COLLATE "C" NOT NULL CHECK (char_length(function) BETWEEN 1 AND 63),
  asked_at timestamptz NOT NULL DEFAULT now(),
  settled  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant, digest, compiler),
  FOREIGN KEY (tenant, digest) REFERENCES modules (tenant, digest) ON DELETE CASCADE
);

-- What nodes that have died left behind: few rows, however many asks there have been.
CREATE INDEX native_asks_open ON native_asks (compiler, asked_at) WHERE NOT settled;

-- Whether any tenant still has a module.
CREATE INDEX modules_by_digest ON modules (digest);
