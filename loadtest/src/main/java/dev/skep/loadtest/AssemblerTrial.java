package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.RunResult;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A large program that no one here wrote: WABT's assembler, on both tiers. */
final class AssemblerTrial {
  private static final int FUNCTIONS = 400;
  private static final int ROUNDS = 20;
  private static final double NANOS_PER_MILLI = 1e6;

  private AssemblerTrial() {}

  /** What it came to on one tier. */
  private record Times(double firstMillis, double bestMillis, byte[] output) {}

  private static byte[] module() {
    // In the artifact com.dylibso.chicory:wabt.
    try (InputStream in = AssemblerTrial.class.getClassLoader().getResourceAsStream("wat2wasm")) {
      if (in == null) {
        throw new IllegalStateException("wat2wasm is not on the class path");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Some 70 KB of text. */
  private static byte[] source() {
    StringBuilder text = new StringBuilder("(module\n");
    for (int i = 0; i < FUNCTIONS; i++) {
      text.append("(func (export \"gcd").append(i).append("\") (param i32 i32) (result i32)\n");
      text.append("(if (result i32) (i32.eqz (local.get 1)) (then (local.get 0)) (else\n");
      text.append("(call ").append(i).append(" (local.get 1)");
      text.append(" (i32.rem_u (local.get 0) (local.get 1))))))\n");
    }
    return text.append(")\n").toString().getBytes(StandardCharsets.UTF_8);
  }

  private static Times times(GuestPool pool, CompiledModule module, byte[] source) {
    CommandRun run = new CommandRun(List.of("wat2wasm", "-", "--output=-"), Map.of(), source);
    double first = 0;
    double best = Double.MAX_VALUE;
    byte[] output = new byte[0];
    for (int i = 0; i < ROUNDS; i++) {
      try (GuestInstance instance = pool.instance(module)) {
        long startNanos = System.nanoTime();
        RunResult result = instance.run(run, GuestPool.PLENTY).result();
        double millis = (System.nanoTime() - startNanos) / NANOS_PER_MILLI;
        if (!(result instanceof RunResult.Exited exited) || exited.exitCode() != 0) {
          throw new IllegalStateException("the assembler ended as " + result);
        }
        output = exited.stdout();
        first = i == 0 ? millis : first;
        best = Math.min(best, millis);
      }
    }
    return new Times(first, best, output);
  }

  /** Measures, and says what it came to; answers whether both tiers wrote the same. */
  static boolean run(ResultTable table, GuestPool pool) {
    byte[] bytes = module();
    byte[] source = source();
    long startNanos = System.nanoTime();
    CompiledModule one = pool.compile("wat2wasm", bytes);
    double oneSeconds = (System.nanoTime() - startNanos) / 1e9;
    Times tierOne = times(pool, one, source);
    CompiledModule two = pool.compile("wat2wasm", bytes);
    startNanos = System.nanoTime();
    var whyNot = pool.machine().compile(bytes, two);
    double twoSeconds = (System.nanoTime() - startNanos) / 1e9;
    if (whyNot.isPresent()) {
      throw new IllegalStateException("wat2wasm cannot be machine code: " + whyNot.get());
    }
    Times tierTwo = times(pool, two, source);
    table
        .add("wat2wasm_native_s", "wat2wasm, 1.5 MB: time to native", twoSeconds, "s")
        .add("wat2wasm_tier1_s", "  compiled for tier 1", oneSeconds, "s")
        .add("wat2wasm_bytes", "  bytes of source it assembles", (double) source.length, "B")
        .add("wat2wasm_tier2_first_ms", "  first run, tier 2", tierTwo.firstMillis, "ms")
        .add("wat2wasm_tier2_ms", "  best, tier 2", tierTwo.bestMillis, "ms")
        .add("wat2wasm_tier1_first_ms", "  first run, tier 1", tierOne.firstMillis, "ms")
        .add("wat2wasm_tier1_ms", "  best, tier 1", tierOne.bestMillis, "ms")
        .add(
            "wat2wasm_speed",
            "  speed of tier 2 to tier 1, best",
            tierOne.bestMillis / tierTwo.bestMillis,
            "×");
    return Arrays.equals(tierOne.output, tierTwo.output);
  }
}
