package dev.skep.api;

import dev.skep.engine.Printable;
import dev.skep.limits.LimitOverrides;
import dev.skep.limits.TenantLimits;
import dev.skep.limits.TenantShare;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Reads request bodies of JSON, strictly: what is not known is refused, so that typos show. */
final class Bodies {
  private Bodies() {}

  /** The body as an object with no other members than these; an empty body is an empty object. */
  static JsonObject object(RoutingContext ctx, Set<String> members) {
    Body body = BodyReader.body(ctx);
    if (body.length() == 0) {
      return new JsonObject();
    }
    JsonObject json;
    try {
      json = new JsonObject(Buffer.buffer(body.take()));
    } catch (DecodeException e) {
      throw bad("the body is not a JSON object");
    }
    for (String name : json.fieldNames()) {
      if (!members.contains(name)) {
        throw bad(
            "the body has the member "
                + Printable.of(name)
                + ", which is not known here; known are "
                + String.join(", ", members.stream().sorted().toList()));
      }
    }
    return json;
  }

  static ProblemException bad(String detail) {
    return new ProblemException(Problem.Kind.BAD_REQUEST, detail);
  }

  /** What {@code action} answers; a value that it does not take is the request's fault. */
  static <T> T checked(Supplier<T> action) {
    try {
      return action.get();
    } catch (IllegalArgumentException e) {
      throw bad(String.valueOf(e.getMessage()));
    }
  }

  /** A member that must be a string if it is there. */
  static @Nullable String text(JsonObject json, String name) {
    Object value = json.getValue(name);
    if (value == null || value instanceof String) {
      return (String) value;
    }
    throw bad(name + " must be a string");
  }

  /** A member that must be a whole number if it is there. */
  static @Nullable Long number(JsonObject json, String name) {
    Object value = json.getValue(name);
    if (value == null) {
      return null;
    }
    if (value instanceof Integer || value instanceof Long) {
      return ((Number) value).longValue();
    }
    throw bad(name + " must be a whole number");
  }

  private static final Set<String> STORE_LIMITS =
      Set.of("fuel", "memoryBytes", "tableElements", "callDepth", "deadlineNanos");

  static final Set<String> TENANT_LIMITS =
      Set.of(
          "concurrency",
          "queueDepth",
          "functions",
          "slotFloor",
          "slotCeiling",
          "slotWeight",
          "liveMemoryBytes",
          "liveTableElements",
          "fuel",
          "memoryBytes",
          "tableElements",
          "callDepth",
          "deadlineNanos");

  /** A function's {@code limits} member. */
  static LimitOverrides overrides(JsonObject limits) {
    for (String name : limits.fieldNames()) {
      if (!STORE_LIMITS.contains(name)) {
        throw bad(
            "limits has the member "
                + Printable.of(name)
                + "; known are "
                + String.join(", ", STORE_LIMITS.stream().sorted().toList()));
      }
    }
    return storeLimits(limits);
  }

  private static LimitOverrides storeLimits(JsonObject json) {
    Long depth = number(json, "callDepth");
    try {
      return new LimitOverrides(
          number(json, "fuel"),
          number(json, "memoryBytes"),
          number(json, "tableElements"),
          depth == null ? null : Math.toIntExact(depth),
          number(json, "deadlineNanos"));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw bad(String.valueOf(e.getMessage()));
    }
  }

  /** A tenant's limits: what the body leaves out is the default. */
  static TenantLimits tenantLimits(JsonObject json) {
    TenantLimits defaults = TenantLimits.DEFAULTS;
    try {
      return new TenantLimits(
          small(json, "concurrency", defaults.concurrency()),
          small(json, "queueDepth", defaults.queueDepth()),
          small(json, "functions", defaults.functions()),
          tenantShare(json),
          storeLimits(json));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw bad(String.valueOf(e.getMessage()));
    }
  }

  private static TenantShare tenantShare(JsonObject json) {
    TenantShare defaults = TenantShare.DEFAULTS;
    return new TenantShare(
        small(json, "slotFloor", defaults.slotFloor()),
        small(json, "slotCeiling", defaults.slotCeiling()),
        small(json, "slotWeight", defaults.slotWeight()),
        large(json, "liveMemoryBytes", defaults.liveMemoryBytes()),
        large(json, "liveTableElements", defaults.liveTableElements()));
  }

  private static long large(JsonObject json, String name, long fallback) {
    Long value = number(json, name);
    return value == null ? fallback : value;
  }

  private static int small(JsonObject json, String name, int fallback) {
    Long value = number(json, name);
    return value == null ? fallback : Math.toIntExact(value);
  }

  /** Limits as JSON; what is not set is left out. */
  static JsonObject toJson(LimitOverrides overrides) {
    JsonObject json = new JsonObject();
    putIfSet(json, "fuel", overrides.fuel());
    putIfSet(json, "memoryBytes", overrides.memoryBytes());
    putIfSet(json, "tableElements", overrides.tableElements());
    putIfSet(json, "callDepth", overrides.callDepth());
    putIfSet(json, "deadlineNanos", overrides.deadlineNanos());
    return json;
  }

  static JsonObject toJson(TenantLimits limits) {
    return new JsonObject()
        .put("concurrency", limits.concurrency())
        .put("queueDepth", limits.queueDepth())
        .put("functions", limits.functions())
        .put("slotFloor", limits.share().slotFloor())
        .put("slotCeiling", limits.share().slotCeiling())
        .put("slotWeight", limits.share().slotWeight())
        .put("liveMemoryBytes", limits.share().liveMemoryBytes())
        .put("liveTableElements", limits.share().liveTableElements())
        .mergeIn(toJson(limits.overrides()));
  }

  private static void putIfSet(JsonObject json, String name, @Nullable Object value) {
    if (value != null) {
      json.put(name, value);
    }
  }

  /** A page's size from the query, 1 to 1,000. */
  static int pageLimit(RoutingContext ctx) {
    List<String> given = ctx.queryParam("limit");
    if (given.isEmpty()) {
      return 100;
    }
    try {
      int limit = Integer.parseInt(given.get(0));
      if (limit >= 1 && limit <= 1_000) {
        return limit;
      }
    } catch (NumberFormatException e) {
      // Falls through to the same answer.
    }
    throw bad("limit must be a whole number from 1 to 1000");
  }

  /** A parameter of the query, or null. */
  static @Nullable String query(RoutingContext ctx, String name) {
    List<String> given = ctx.queryParam(name);
    return given.isEmpty() ? null : given.get(0);
  }
}
