package dev.skep.storage;

/** How {@link TenantStore#create} ended; either way the tenant exists now. */
public sealed interface CreateTenantResult {

  /** The tenant as it is stored now. */
  TenantRecord tenant();

  /** It is new, with the limits asked for. */
  record Created(TenantRecord tenant) implements CreateTenantResult {}

  /** It was there before and is unchanged; its limits may be others than those asked for. */
  record AlreadyExists(TenantRecord tenant) implements CreateTenantResult {}
}
