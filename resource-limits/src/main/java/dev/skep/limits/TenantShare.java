package dev.skep.limits;

/**
 * A tenant's share of a node's slots, and what its running stores may hold together. Immutable.
 *
 * @param slotFloor slots of every class that no other tenant can take, 0 to 1,000,000
 * @param slotCeiling most slots leased at once over all classes, running and idle, 1 to 1,000,000,
 *     at least the floor
 * @param slotWeight of its share of the slots that are kept warm when they are short, 1 to 1,000
 * @param liveMemoryBytes most linear memory of its running stores together, 0 or more; growth past
 *     it answers the guest −1
 * @param liveTableElements most table elements of its running stores together, 0 or more; growth
 *     past it answers the guest −1
 */
public record TenantShare(
    int slotFloor, int slotCeiling, int slotWeight, long liveMemoryBytes, long liveTableElements) {

  /** The largest pool there is (its configuration's limit). */
  private static final int MOST_SLOTS = 1_000_000;

  public static final TenantShare DEFAULTS =
      new TenantShare(
          // A floor is taken from everybody else: none unless the operator gives it.
          0,
          // All of any pool: what is idle is worth keeping until somebody else needs the slot.
          MOST_SLOTS,
          1,
          // Sixteen times what 16 runs of 64 MiB, the default, come to: it binds only a tenant
          // whose
          // other limits have been raised, before its memory is that of the machine.
          16L << 30,
          // Some 300 times what 16 runs of 20,000 come to; 400 MB of a slab's tables.
          100_000_000);

  public TenantShare {
    StoreLimits.check("slotFloor", slotFloor, 0, MOST_SLOTS);
    StoreLimits.check("slotCeiling", slotCeiling, Math.max(1, slotFloor), MOST_SLOTS);
    StoreLimits.check("slotWeight", slotWeight, 1, 1_000);
    StoreLimits.check("liveMemoryBytes", liveMemoryBytes, 0, Long.MAX_VALUE);
    StoreLimits.check("liveTableElements", liveTableElements, 0, Long.MAX_VALUE);
  }

  public TenantShare withSlotFloor(int value) {
    return new TenantShare(value, slotCeiling, slotWeight, liveMemoryBytes, liveTableElements);
  }

  public TenantShare withSlotCeiling(int value) {
    return new TenantShare(slotFloor, value, slotWeight, liveMemoryBytes, liveTableElements);
  }

  public TenantShare withSlotWeight(int value) {
    return new TenantShare(slotFloor, slotCeiling, value, liveMemoryBytes, liveTableElements);
  }

  public TenantShare withLiveMemoryBytes(long value) {
    return new TenantShare(slotFloor, slotCeiling, slotWeight, value, liveTableElements);
  }

  public TenantShare withLiveTableElements(long value) {
    return new TenantShare(slotFloor, slotCeiling, slotWeight, liveMemoryBytes, value);
  }
}
