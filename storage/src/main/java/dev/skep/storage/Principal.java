package dev.skep.storage;

import dev.skep.scheduler.TenantId;

/** Whom a token stands for. */
public sealed interface Principal {

  /** Whoever runs the service; may do everything for every tenant. */
  record Operator(String tokenId) implements Principal {}

  /** A tenant, suspended or not. */
  record TenantPrincipal(TenantId tenant, String tokenId) implements Principal {}
}
