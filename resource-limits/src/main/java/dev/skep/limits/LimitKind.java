package dev.skep.limits;

/** The limits that can end a run, named as the API names them. */
public enum LimitKind {
  FUEL("fuel"),
  DEADLINE("deadlineNanos"),
  CALL_DEPTH("callDepth"),
  MEMORY("memoryBytes"),
  TABLE("tableElements"),
  INSTANCES("instances"),
  CANCELLED("cancelled");

  private final String field;

  LimitKind(String field) {
    this.field = field;
  }

  /** The field of {@link StoreLimits} that sets it, which is also its name in the API. */
  public String field() {
    return field;
  }
}
