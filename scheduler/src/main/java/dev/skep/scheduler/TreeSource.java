package dev.skep.scheduler;

import java.util.Optional;

/** Where a tree's archive comes from. Thread-safe; may block. */
@FunctionalInterface
public interface TreeSource {
  /** One of a tenant's archives, or nothing if it has no such archive. */
  Optional<byte[]> archive(TenantId tenant, TreeDigest digest);
}
