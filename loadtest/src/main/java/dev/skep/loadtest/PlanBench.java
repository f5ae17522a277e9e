package dev.skep.loadtest;

import dev.skep.pool.HostFacts;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolPlan;
import dev.skep.pool.PoolPlan.Term.Part;
import dev.skep.pool.SlotClass;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Holds {@link PoolPlan} against the kernel: pools of three configurations, each in a JVM of its
 * own, are brought to the states that the plan speaks of, and {@code /proc} says what they take.
 * {@code ./skep bench plan}; takes up to 6 GiB of memory.
 */
@Command(
    name = "plan",
    mixinStandardHelpOptions = true,
    description = "Holds what `skep pool plan` predicts against what the kernel then says.")
final class PlanBench implements Callable<Integer> {
  /** What a plan may be off by. */
  private static final double MOST_PERCENT = 10;

  private static final double MIB = 1 << 20;

  /**
   * The heap is all there from the start, so that what the JVM does is not taken for the pool's.
   */
  private static final List<String> CHILD_FLAGS =
      List.of("-Xms384m", "-Xmx384m", "-XX:+AlwaysPreTouch");

  /** A configuration and what to call it. */
  private record Case(String key, String title, PoolConfig config) {}

  private static final List<Case> CASES =
      List.of(
          new Case(
              "small",
              "2,000 of 512 KiB, images copied, 1,500 live, 500 warm, 64 KiB kept",
              PoolConfig.DEFAULTS
                  .with()
                  .classes(new SlotClass(512L << 10, 2_000))
                  .instances(1_500)
                  .unusedWarmSlots(500)
                  .mapImageBytes(Long.MAX_VALUE)
                  .build()),
          new Case(
              "mixed",
              "1,000 of 512 KiB, 200 of 4 MiB, 20 of 64 MiB, images mapped, 1,120 live, 100 warm",
              PoolConfig.DEFAULTS
                  .with()
                  .classes(
                      new SlotClass(512L << 10, 1_000),
                      new SlotClass(4L << 20, 200),
                      new SlotClass(64L << 20, 20))
                  .instances(1_120)
                  .unusedWarmSlots(100)
                  .memoriesPerModule(1)
                  .mapImageBytes(64L << 10)
                  .build()),
          new Case(
              "large",
              "300 of 16 MiB, images copied, 285 live, 1 MiB kept",
              PoolConfig.DEFAULTS
                  .with()
                  .classes(new SlotClass(16L << 20, 300))
                  .instances(285)
                  .unusedWarmSlots(0)
                  .keepResidentMemoryBytes(1L << 20)
                  .mapImageBytes(Long.MAX_VALUE)
                  .build()));

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(names = "--case", hidden = true, description = "Measure one case, in this process.")
  private @Nullable String only;

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (only != null) {
      for (Case each : CASES) {
        if (each.key().equals(only)) {
          System.out.println(measure(each).encode());
          return 0;
        }
      }
      throw new IllegalArgumentException("no case is called " + only);
    }
    ResultTable table = new ResultTable("skep bench plan: three pools");
    double most = 0;
    for (Case each : CASES) {
      Progress.say(each.title());
      table.add(each.key(), each.title(), each.config().slots(), "slots");
      JsonArray rows = inChild(each);
      for (int i = 0; i < rows.size(); i++) {
        most = Math.max(most, add(table, each, rows.getJsonObject(i)));
      }
    }
    table
        .add("most_percent", "most that any is off by", most, "%", "must be under 10")
        .note("Each pool in a JVM of its own, with " + String.join(" ", CHILD_FLAGS) + ".")
        .note(
            "Idle: every slot has run a guest that wrote 64 KiB more than is kept, or 128, and was"
                + " reset.")
        .note("Heap is not here: that of an instance depends on its guest; see skep bench slots.")
        .note("Written: every instance has written all of its memory and of its table.")
        .print(json);
    return most < MOST_PERCENT ? 0 : 1;
  }

  /** Adds one figure and answers by how many percent the plan is off. */
  private static double add(ResultTable table, Case of, JsonObject row) {
    double planned = row.getDouble("planned");
    double shown = row.getDouble("shown");
    boolean bytes = row.getBoolean("bytes");
    double percent = planned == shown ? 0 : 100 * (shown - planned) / planned;
    double unit = bytes ? MIB : 1;
    table.add(
        of.key() + "_" + row.getString("key"),
        "  " + row.getString("what"),
        shown / unit,
        bytes ? "MiB" : "",
        String.format(
            Locale.ROOT,
            "planned %s, off by %+.1f %%",
            ResultTable.number(planned / unit),
            percent));
    return Math.abs(percent);
  }

  private static JsonArray inChild(Case each) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(CHILD_FLAGS);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Bench.class.getName()));
    command.addAll(List.of("plan", "--case", each.key()));
    Process child =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try {
      String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (child.waitFor() != 0) {
        throw new IOException("the case " + each.key() + " ended with " + child.exitValue());
      }
      return new JsonObject(out).getJsonArray("rows");
    } finally {
      child.destroy();
    }
  }

  // ── In the child ──────────────────────────────────────────────────────────────────────────

  private static JsonObject measure(Case of) {
    // Classes, code and buffers that have nothing to do with the pool.
    try (FilledPool first = new FilledPool(PoolConfig.of(40, 1 << 20, 20_000, 65_536))) {
      first.idle();
      first.writeAll();
    }
    PoolConfig config = of.config();
    long copiedBytes = config.mapImageBytes() > FilledPool.IMAGE_BYTES ? FilledPool.IMAGE_BYTES : 0;
    PoolPlan plan =
        PoolPlan.of(config, HostFacts.read(), Runtime.getRuntime().maxMemory(), copiedBytes);
    JsonArray rows = new JsonArray();
    ProcessMemory before = ProcessMemory.now();
    try (FilledPool filled = new FilledPool(config)) {
      ProcessMemory reserved = ProcessMemory.now();
      long slots = plan.addressSpace().of(Part.SLOTS);
      ProcessMemory.Mapping slab = reserved.since(before, slots);
      rows.add(
          row("address", "address space", slots, reserved.addressBytes() - before.addressBytes()));

      filled.idle();
      ProcessMemory idle = ProcessMemory.now();
      rows.add(
              row(
                      "mappings",
                      "mappings",
                      plan.mappings().of(Part.SLAB, Part.GUARDS, Part.IMAGES),
                      idle.within(slab))
                  .put("bytes", false))
          .add(
              row(
                  "idle",
                  "resident, all idle",
                  plan.idle()
                      .of(Part.KEPT_MEMORY, Part.KEPT_IMAGES, Part.KEPT_TABLES, Part.WARM_SLOTS),
                  filled.pool().residentBytes()))
          .add(
              row(
                  "idle_tables",
                  "page tables, all idle",
                  plan.idle().of(Part.PAGE_TABLES),
                  idle.pageTableBytes() - before.pageTableBytes()));

      filled.writeAll();
      rows.add(
              row(
                  "worst",
                  "resident, all written",
                  plan.worst().of(Part.WRITTEN, Part.WAITING, Part.WARM_SLOTS),
                  filled.pool().residentBytes()))
          .add(
              row(
                  "worst_tables",
                  "page tables, all written",
                  plan.worst().of(Part.PAGE_TABLES),
                  ProcessMemory.now().pageTableBytes() - before.pageTableBytes()));
    }
    return new JsonObject().put("rows", rows);
  }

  private static JsonObject row(String key, String what, long planned, long shown) {
    return new JsonObject()
        .put("key", key)
        .put("what", what)
        .put("bytes", true)
        .put("planned", planned)
        .put("shown", shown);
  }
}
