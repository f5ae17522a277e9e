package dev.skep.limits;

/** The limits that can end a run, named as the API names them. */
public enum LimitKind {
  FUEL("fuel"),
  DEADLINE("deadlineNanos"),
  CALL_DEPTH("callDepth"),
  MEMORY("memoryBytes"),
  TABLE("tableElements"),
  INSTANCES("instances"),
  CANCELLED("cancelled"),
  /** Of a tenant's running stores together. */
  LIVE_MEMORY("liveMemoryBytes"),
  /** Of a tenant's running stores together. */
  LIVE_TABLE("liveTableElements");

  private final String field;

  LimitKind(String field) {
    this.field = field;
  }

  /** Whether it bounds all running stores of a tenant together, rather than each. */
  public boolean isOfAllStores() {
    return this == LIVE_MEMORY || this == LIVE_TABLE;
  }

  /** The field of {@link StoreLimits} or {@link TenantShare} that sets it; its name in the API. */
  public String field() {
    return field;
  }
}
