-- A tenant's share of each node's slots, and what its running stores may hold together. The defaults
-- are those of the service (TenantShare), for the tenants that are there already and for nodes of the
-- version before, which do not name these columns while both are up.

ALTER TABLE tenants
  ADD COLUMN slot_floor          integer NOT NULL DEFAULT 0
                                 CHECK (slot_floor BETWEEN 0 AND 1000000),
  ADD COLUMN slot_ceiling        integer NOT NULL DEFAULT 1000000
                                 CHECK (slot_ceiling BETWEEN 1 AND 1000000),
  ADD COLUMN slot_weight         integer NOT NULL DEFAULT 1
                                 CHECK (slot_weight BETWEEN 1 AND 1000),
  ADD COLUMN live_memory_bytes   bigint NOT NULL DEFAULT 17179869184
                                 CHECK (live_memory_bytes >= 0),
  ADD COLUMN live_table_elements bigint NOT NULL DEFAULT 100000000
                                 CHECK (live_table_elements >= 0),
  ADD CHECK (slot_floor <= slot_ceiling);
