package dev.skep.engine;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A function's type.
 *
 * @param params types of the parameters
 * @param results types of the results
 */
public record Signature(List<ValueKind> params, List<ValueKind> results) {
  public Signature {
    params = List.copyOf(params);
    results = List.copyOf(results);
  }

  /** As the text format says it: {@code (i32, i32) -> i64}. */
  @Override
  public String toString() {
    return "("
        + words(params)
        + ") -> "
        + (results.size() == 1 ? words(results) : "(" + words(results) + ")");
  }

  private static String words(List<ValueKind> kinds) {
    return kinds.stream().map(ValueKind::word).collect(Collectors.joining(", "));
  }
}
