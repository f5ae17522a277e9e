package dev.skep.scheduler;

import java.util.Optional;

/** Where a module's bytes come from. Thread-safe; may block. */
@FunctionalInterface
public interface ModuleSource {
  /** The bytes of one of a tenant's modules, or nothing if it has no such module. */
  Optional<byte[]> moduleBytes(TenantId tenant, ModuleDigest digest);
}
