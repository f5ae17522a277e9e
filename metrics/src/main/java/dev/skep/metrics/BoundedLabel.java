package dev.skep.metrics;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What is resolved once for each value of a label, for at most so many distinct values.
 *
 * <p>A label's values are up to tenants, and every one costs memory here and in Prometheus for as
 * long as it is kept. So the first {@code limit} values to come are told apart, in the order of
 * their coming, and all later ones share the value {@value #OTHER}. Which those are is remembered
 * by nobody: a million tenants beyond the limit cost nothing.
 *
 * <p>Thread-safe. A value seen before is a lookup without lock or allocation; so is one beyond the
 * limit. Only the first sight of a value within the limit waits for others like it.
 *
 * @param <T> what is resolved, such as the children of a few counters
 */
final class BoundedLabel<T> {
  /** Stands for every value beyond the limit, and for itself. */
  static final String OTHER = "other";

  private final ConcurrentHashMap<String, T> resolved = new ConcurrentHashMap<>();

  /** Places given out, some perhaps to values not yet in the map; may pass the limit. */
  private final AtomicInteger places = new AtomicInteger();

  /** Values in the map, {@value #OTHER} not counted; at most the limit. */
  private final AtomicInteger published = new AtomicInteger();

  private final int limit;
  private final Function<String, T> resolve;

  /**
   * @param limit most distinct values beside {@value #OTHER}, 1 to 100,000
   * @param resolve called once for each value kept; must not call back
   */
  BoundedLabel(int limit, Function<String, T> resolve) {
    if (limit < 1 || limit > 100_000) {
      throw new IllegalArgumentException(
          "a label may have 1 to 100000 distinct values, not " + limit);
    }
    this.limit = limit;
    this.resolve = resolve;
  }

  T of(String value) {
    // INVARIANT: read before the lookup. Once full, every value kept is in the map, so a value
    // that is not found was never kept; the other way round, the last one to be kept could be
    // missed and counted as another while it is on its way.
    boolean full = published.get() >= limit;
    T known = resolved.get(value);
    if (known != null) {
      return known;
    }
    T kept = full || value.equals(OTHER) ? null : keep(value);
    return kept != null ? kept : other();
  }

  /** The map runs the function once for a value, so no value takes two places. */
  private @Nullable T keep(String value) {
    boolean[] first = new boolean[1];
    T kept =
        resolved.computeIfAbsent(
            value,
            v -> {
              first[0] = places.getAndIncrement() < limit;
              return first[0] ? resolve.apply(v) : null;
            });
    if (first[0]) {
      published.incrementAndGet();
    }
    return kept;
  }

  /** Resolved when first wanted, so that no series stands at 0 for nothing. */
  private T other() {
    T known = resolved.get(OTHER);
    return known != null ? known : resolved.computeIfAbsent(OTHER, resolve);
  }
}
