package dev.skep.loadtest.hostile;

import dev.skep.engine.Invocation;
import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.ModuleWriter;
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

  /**
   * The same attack by other bytes, so that nothing known of it helps: a module that can run has a
   * custom section more. One that is refused stays as it is.
   *
   * @param salt which other bytes; 0 for the same
   */
  public HostileKind salted(long salt) {
    if (salt == 0 || outcome instanceof HostileOutcome.Refused) {
      return this;
    }
    return new HostileKind(
        group,
        name,
        () ->
            new ByteSink()
                .raw(module.get())
                .raw(ModuleWriter.section(0, new ByteSink().name("salt").u32(salt)))
                .toBytes(),
        regime,
        invocation,
        outcome);
  }

  @Override
  public String toString() {
    return id();
  }
}
