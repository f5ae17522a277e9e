package dev.skep.storage;

/**
 * A function and whose it is, as both were stored at one moment. Immutable.
 *
 * @param tenant its owner
 * @param function itself
 * @param answered whether the tenant's ask for machine code of the current version has been
 *     answered
 */
public record OwnedFunction(TenantRecord tenant, FunctionRecord function, boolean answered) {}
