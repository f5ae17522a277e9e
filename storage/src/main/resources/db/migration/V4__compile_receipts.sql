-- Receipts for compiling beside those of runs. The default of the kind is for the receipts that are
-- there already, and for nodes of the version before, which know runs only and name no kind.

ALTER TABLE receipts
  ADD COLUMN kind text NOT NULL DEFAULT 'run' CHECK (kind ~ '^[a-z-]{1,15}$');

-- Sums of runs and of compiling are kept apart: an hour may have either without the other.
ALTER TABLE usage_hours
  ADD COLUMN compiles             bigint NOT NULL DEFAULT 0 CHECK (compiles >= 0),
  ADD COLUMN compile_fuel         numeric(38) NOT NULL DEFAULT 0 CHECK (compile_fuel >= 0),
  ADD COLUMN compile_nano_dollars numeric(38) NOT NULL DEFAULT 0 CHECK (compile_nano_dollars >= 0),
  DROP CONSTRAINT usage_hours_runs_check,
  ADD CONSTRAINT usage_hours_runs_check CHECK (runs >= 0);
