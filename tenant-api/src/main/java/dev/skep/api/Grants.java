package dev.skep.api;

import dev.skep.engine.Printable;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import io.vertx.core.json.JsonObject;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A function's grants as JSON. */
final class Grants {
  /** Those that are on or off. */
  private static final Set<WasiGrant> SWITCHES =
      Set.of(WasiGrant.CLOCK, WasiGrant.MONOTONIC_CLOCK, WasiGrant.RANDOM);

  private Grants() {}

  /** The {@code grants} member of settings; what it leaves out is not granted. */
  static WasiGrants read(JsonObject json) {
    WasiGrants grants = WasiGrants.NONE;
    for (String name : json.fieldNames()) {
      switch (name) {
        case "tree" -> grants = grants.withTree(Bodies.text(json, name));
        case "scratch" -> grants = grants.withScratch(scratch(json.getValue(name)));
        default -> {
          WasiGrant grant = named(name);
          if (isOn(name, json.getValue(name))) {
            grants = grants.with(grant);
          }
        }
      }
    }
    return grants;
  }

  private static WasiGrant named(String name) {
    for (WasiGrant grant : SWITCHES) {
      if (grant.word().equals(name)) {
        return grant;
      }
    }
    throw Bodies.bad(
        "grants has the member "
            + Printable.of(name)
            + "; known are clock, monotonicClock, random, scratch, tree");
  }

  private static boolean isOn(String name, @Nullable Object value) {
    if (value instanceof Boolean on) {
      return on;
    }
    throw Bodies.bad("grants." + name + " must be true or false");
  }

  private static @Nullable ScratchGrant scratch(@Nullable Object value) {
    if (value == null) {
      return null;
    }
    if (!(value instanceof JsonObject json)) {
      throw Bodies.bad("grants.scratch must be an object with a path");
    }
    for (String name : json.fieldNames()) {
      if (!Set.of("path", "bytes", "entries").contains(name)) {
        throw Bodies.bad(
            "grants.scratch has the member "
                + Printable.of(name)
                + "; known are bytes, entries, path");
      }
    }
    String path = Bodies.text(json, "path");
    if (path == null) {
      throw Bodies.bad("grants.scratch must have a path, such as /tmp");
    }
    Long bytes = Bodies.number(json, "bytes");
    Long entries = Bodies.number(json, "entries");
    try {
      return new ScratchGrant(
          path,
          bytes == null ? ScratchGrant.DEFAULT_BYTES : bytes,
          entries == null ? ScratchGrant.DEFAULT_ENTRIES : Math.toIntExact(entries));
    } catch (ArithmeticException e) {
      throw Bodies.bad(
          "scratch.entries is " + entries + "; it must be from 1 to " + ScratchGrant.MOST_ENTRIES);
    }
  }

  /** What is granted; what is not is left out. */
  static JsonObject toJson(WasiGrants grants) {
    JsonObject json = new JsonObject();
    for (WasiGrant grant : WasiGrant.values()) {
      if (SWITCHES.contains(grant) && grants.has(grant)) {
        json.put(grant.word(), true);
      }
    }
    if (grants.tree() != null) {
      json.put("tree", grants.tree());
    }
    ScratchGrant scratch = grants.scratch();
    if (scratch != null) {
      json.put(
          "scratch",
          new JsonObject()
              .put("path", scratch.path())
              .put("bytes", scratch.bytes())
              .put("entries", scratch.entries()));
    }
    return json;
  }

  /** How a grant that was missing is given: a member of the setting. */
  static String example(WasiGrant grant) {
    return switch (grant) {
      case TREE -> "\"tree\": \"/data\"";
      case SCRATCH -> "\"scratch\": {\"path\": \"/tmp\"}";
      case ARGUMENTS, ENVIRONMENT, STDIN, STDOUT, STDERR, CLOCK, MONOTONIC_CLOCK, RANDOM ->
          "\"" + grant.word() + "\": true";
    };
  }
}
