package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.ModuleDescription.ExternKind;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.PoolConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Guests with bytes changed at random: each is checked, and is either refused with a reason or
 * accepted; what is accepted compiles and runs to a typed end. {@code -Dskep.seed} repeats a run,
 * {@code -Dskep.mutations} sets how many.
 */
class ModuleMutationProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int MUTATIONS = Integer.getInteger("skep.mutations", 20_000);
  private static final long MOST_NANOS = 20_000_000_000L;

  private static final String[] SMALL = {
    "bulk", "state", "multi_memory", "recursion", "wasi", "loops", "reactor", "start"
  };
  private static final String[] GUESTS = {
    "add",
    "fib",
    "trap",
    "kernels",
    "hello_cgi",
    "wordcount",
    "json_transform",
    "json_transform_small"
  };

  /** Below this a module is compiled and run as well. */
  private static final int RUN_BYTES = 1_200;

  private static final int CALL_DEPTH = 200;

  /** What a run that is stopped may have used beyond its fuel. */
  private static final long MOST_OVERDRAFT =
      BodyInstrumenter.MOST_UNCHECKED + CALL_DEPTH * BodyInstrumenter.MOST_BEHIND_CALL;

  private final List<byte[]> modules = new ArrayList<>();
  private int accepted;
  private int ran;

  @Test
  void aMutatedModuleIsRefusedWithAReasonOrRunsToATypedEnd() {
    System.out.println("ModuleMutationProperty -Dskep.seed=" + SEED);
    for (String name : SMALL) {
      modules.add(Wat.bytes(name));
    }
    for (String name : GUESTS) {
      modules.add(Guests.bytes("wasm/" + name + ".wasm"));
    }
    Random random = new Random(SEED);
    try (Guests guests = new Guests(PoolConfig.of(4, 16L << 20, 2_000, 65_536))) {
      for (int i = 0; i < MUTATIONS; i++) {
        // Large guests take milliseconds each, so they get a tenth of the mutations.
        int which = random.nextInt(10) == 0 ? random.nextInt(modules.size()) : random.nextInt(11);
        byte[] mutated = mutate(random, modules.get(which));
        long startNanos = System.nanoTime();
        try {
          one(guests, mutated);
        } catch (RuntimeException | Error e) {
          throw new AssertionError(
              "seed " + SEED + " mutation " + i + " of module " + which + ": " + e, e);
        }
        assertThat(System.nanoTime() - startNanos)
            .as("seed %d mutation %d", SEED, i)
            .isLessThan(MOST_NANOS);
      }
      assertThat(guests.pool.stats().leased()).isZero();
    }
    System.out.println(
        "ModuleMutationProperty: "
            + MUTATIONS
            + " mutations, "
            + accepted
            + " accepted, "
            + ran
            + " run");
    assertThat(accepted).isPositive();
  }

  private void one(Guests guests, byte[] mutated) {
    ModuleDescription description;
    try {
      description = guests.engine.check(mutated);
    } catch (ModuleRefusedException e) {
      assertThat(e.getMessage()).isNotBlank();
      assertThat(String.valueOf(e.getMessage()).codePoints()).allMatch(c -> c >= ' ' && c != 0x7F);
      return;
    }
    accepted++;
    if (mutated.length > RUN_BYTES) {
      return;
    }
    CompiledModule module;
    try {
      module = guests.engine.compile(mutated);
    } catch (ModuleRefusedException e) {
      throw new AssertionError("checked and not compiled", e);
    }
    StoreLimits limits =
        StoreLimits.DEFAULTS.withFuel(20_000).withCallDepth(CALL_DEPTH).withMemoryBytes(16L << 20);
    if (guests.instantiate(module, limits) instanceof GuestInstance instance) {
      try (instance) {
        for (Export export : description.exports()) {
          if (export.kind() == ExternKind.FUNCTION && export.signature() != null) {
            long[] args = new long[export.signature().params().size()];
            RunReport report = instance.run(new TypedCall(export.name(), args), limits);
            assertThat(report.result()).isNotInstanceOf(RunResult.HostFailed.class);
            boolean stopped = report.result() instanceof RunResult.LimitReached;
            long overdraft = stopped ? MOST_OVERDRAFT : 0;
            assertThat(report.fuel()).isBetween(0L, limits.fuel() + overdraft);
            instance.reset();
            ran++;
          }
        }
      }
    }
  }

  private byte[] mutate(Random random, byte[] original) {
    byte[] bytes = original.clone();
    int edits = 1 + random.nextInt(random.nextInt(4) == 0 ? 10 : 2);
    for (int e = 0; e < edits; e++) {
      int at = 8 + random.nextInt(bytes.length - 8);
      switch (random.nextInt(8)) {
        case 0 -> bytes[at] = (byte) random.nextInt(256);
        case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> bytes[at]++;
        case 3 -> bytes[at]--;
        case 4 -> bytes = without(bytes, at, 1 + random.nextInt(4));
        case 5 -> bytes = with(bytes, at, random);
        case 6 -> {
          byte[] other = modules.get(random.nextInt(SMALL.length));
          int from = random.nextInt(other.length);
          int count = Math.min(Math.min(other.length - from, bytes.length - at), 20);
          System.arraycopy(other, from, bytes, at, count);
        }
        default -> bytes[at] = (byte) (random.nextBoolean() ? 0xFF : 0x80);
      }
    }
    return bytes;
  }

  private static byte[] without(byte[] bytes, int at, int count) {
    int rest = Math.max(0, bytes.length - at - count);
    byte[] shorter = new byte[at + rest];
    System.arraycopy(bytes, 0, shorter, 0, at);
    System.arraycopy(bytes, bytes.length - rest, shorter, at, rest);
    return shorter.length < 9 ? bytes : shorter;
  }

  private static byte[] with(byte[] bytes, int at, Random random) {
    byte[] longer = new byte[bytes.length + 1];
    System.arraycopy(bytes, 0, longer, 0, at);
    longer[at] = (byte) random.nextInt(256);
    System.arraycopy(bytes, at, longer, at + 1, bytes.length - at);
    return longer;
  }
}
