package dev.skep.loadtest.hostile;

import dev.skep.engine.Invocation;
import java.util.function.Supplier;

/**
 * One way to attack, and how it must end, each time.
 *
 * @param group what sort it is
 * @param name stable, unique in its group, lower case with hyphens
 * @param module makes its bytes, the same each time
 * @param regime the limits it runs under
 * @param invocation how it is called, if it is not refused before
 * @param outcome how it must end
 */
public record HostileKind(
    String group,
    String name,
    Supplier<byte[]> module,
    Regime regime,
    Invocation invocation,
    HostileOutcome outcome) {

  /** Group and name. */
  public String id() {
    return group + "/" + name;
  }

  @Override
  public String toString() {
    return id();
  }
}
