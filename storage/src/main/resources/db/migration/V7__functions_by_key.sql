-- A function is looked up by tenant and name before its first run. Before the planner has
-- statistics of a table it takes an index that begins with the tenant for as good as the primary
-- key, and then reads all functions of the tenant. The index is for the foreign key only, which
-- gives both of its columns, so it begins with the other one.
DROP INDEX functions_by_digest;
CREATE INDEX functions_by_digest ON functions (current_digest, tenant);
