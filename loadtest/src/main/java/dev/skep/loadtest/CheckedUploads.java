package dev.skep.loadtest;

import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.ModuleRefusedException;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** Mutated and random modules through the pre-pass and the validator, in this process. */
final class CheckedUploads {
  /** Heap in use may differ by as much as this from one reading to the next. */
  private static final double HEAP_GROWTH = 1.05;

  private static final int WARM_UP_PARTS = 20;

  private final int count;
  private final long seed;
  private final Engine engine = new Engine(EngineConfig.DEFAULTS);
  private final LongAdder accepted = new LongAdder();
  private final Map<ModuleRefusedException.Reason, LongAdder> refused = new ConcurrentHashMap<>();
  private final Map<String, Long> failures = new ConcurrentHashMap<>();

  CheckedUploads(int count, long seed) {
    this.count = count;
    this.seed = seed;
  }

  /** Whether all went as it must. */
  boolean measure(ResultTable table) throws InterruptedException {
    int first = Math.max(1, count / WARM_UP_PARTS);
    long startNanos = System.nanoTime();
    run(0, first);
    long before = Machine.heapBytesAfterCollection();
    run(first, count);
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    long after = Machine.heapBytesAfterCollection();
    table
        .add("modules", "mutated and random modules checked", count, "")
        .add("modules_per_second", "  a second, with two threads", count / seconds, "/s")
        .add("modules_accepted", "  accepted", (double) accepted.sum(), "");
    new EnumMap<>(byReason())
        .forEach((reason, number) -> {
          String word = reason.name().toLowerCase(Locale.ROOT);
          table.add("modules_" + word, "  refused, " + word.replace('_', ' '), (double) number, "");
        });
    table
        .add("modules_failed", "  failed otherwise", failures.size(), "", "must be 0")
        .add("modules_heap_before", "  heap after the first " + first, before / 1e6, "MB")
        .add("modules_heap_after", "  heap after all", after / 1e6, "MB", "no more than 5 % above");
    failures.forEach((what, module) -> System.err.println("module " + module + ": " + what));
    boolean grown = after > before * HEAP_GROWTH + (1 << 20);
    if (grown) {
      System.err.println("the heap has grown from " + before + " to " + after + " bytes");
    }
    return failures.isEmpty() && !grown;
  }

  private Map<ModuleRefusedException.Reason, Long> byReason() {
    Map<ModuleRefusedException.Reason, Long> sums =
        new EnumMap<>(ModuleRefusedException.Reason.class);
    for (ModuleRefusedException.Reason reason : ModuleRefusedException.Reason.values()) {
      LongAdder number = refused.get(reason);
      sums.put(reason, number == null ? 0 : number.sum());
    }
    return sums;
  }

  /** Module number i is the one of seed + i, so that a failure is found again at once. */
  private void run(int from, int to) throws InterruptedException {
    AtomicLong next = new AtomicLong(from);
    Progress progress = new Progress("checked", to);
    Thread[] threads = new Thread[2];
    for (int t = 0; t < threads.length; t++) {
      boolean tells = t == 0;
      threads[t] =
          Thread.ofPlatform()
              .start(() -> {
                MutatedModules modules = new MutatedModules(seed);
                for (long i = next.getAndIncrement(); i < to; i = next.getAndIncrement()) {
                  check(modules.at(i), i);
                  if (tells) {
                    progress.at((int) i);
                  }
                }
              });
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }

  private void check(byte[] module, long number) {
    try {
      var _ = engine.check(module);
      accepted.increment();
    } catch (ModuleRefusedException e) {
      refused.computeIfAbsent(e.reason(), _ -> new LongAdder()).increment();
    } catch (RuntimeException | Error e) {
      failures.putIfAbsent(String.valueOf(e), number);
    }
  }
}
