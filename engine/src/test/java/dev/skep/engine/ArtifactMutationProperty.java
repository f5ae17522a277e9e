package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Artifact.Table;
import dev.skep.engine.ArtifactReading.Reason;
import dev.skep.engine.ArtifactReading.Refused;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Artifacts with bytes changed at random: none is taken for what it was. Half of them get the hash
 * of what they have become, as a forger would do it: they are refused, or they are what the checks
 * promise. {@code -Dskep.seed} repeats a run, {@code -Dskep.artifacts} sets how many.
 */
class ArtifactMutationProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int MUTATIONS = Integer.getInteger("skep.artifacts", 5_000);

  /** What reading may allocate: what the bytes hold, some times over, and the messages. */
  private static final long MOST_ALLOCATED = 1L << 20;

  private final com.sun.management.ThreadMXBean threads =
      (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

  @Test
  void whatWasChangedIsRefusedOrIsWhatTheChecksPromise() {
    System.out.println("ArtifactMutationProperty -Dskep.seed=" + SEED);
    Random random = new Random(SEED);
    Map<Reason, Integer> reasons = new EnumMap<>(Reason.class);
    int accepted = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      Artifact artifact = Artifacts.random(random);
      byte[] original = artifact.toBytes();
      byte[] mutated = mutate(random, original);
      boolean forged = random.nextBoolean() && mutated.length >= 200;
      if (forged) {
        if (random.nextInt(4) > 0) {
          putInt(mutated, 12, mutated.length);
        }
        ArtifactFormat.seal(mutated);
      }
      try {
        long before = threads.getCurrentThreadAllocatedBytes();
        ArtifactReading reading = Artifact.read(mutated, artifact.module(), Artifacts.KEY);
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(MOST_ALLOCATED);
        switch (reading) {
          case Refused refused -> {
            assertThat(refused.message()).isNotBlank().hasSizeLessThan(400);
            reasons.merge(refused.reason(), 1, Integer::sum);
          }
          case Artifact read -> {
            if (!forged) {
              assertThat(mutated).isEqualTo(original);
            }
            check(read);
            assertThat(read.toBytes()).isEqualTo(mutated);
            accepted++;
          }
        }
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + SEED + " mutation " + i + ": " + e, e);
      }
    }
    System.out.println(
        "ArtifactMutationProperty: "
            + MUTATIONS
            + " mutations, "
            + accepted
            + " forged and harmless, refused "
            + reasons);
    // Each check was reached, so that none hides behind another.
    assertThat(reasons).containsOnlyKeys(Reason.values());
    assertThat(accepted).isPositive();
  }

  /** By other means than the artifact's own checks. */
  private static void check(Artifact read) {
    int length = read.code().length;
    IntTable functions = read.table(Table.FUNCTIONS);
    for (int i = 0; i < functions.rows(); i++) {
      assertThat(functions.at(i, 0)).isBetween(0, length - 1);
      assertThat(functions.at(i, 1)).isNotNegative();
    }
    IntTable relocations = read.table(Table.RELOCATIONS);
    byte[] touched = new byte[length];
    for (int i = 0; i < relocations.rows(); i++) {
      int width = relocations.at(i, 1) == Artifact.RELATIVE_32 ? 4 : 8;
      for (int at = 0; at < width; at++) {
        // Out of bounds it throws, and where two overlap it counts to two.
        touched[relocations.at(i, 0) + at]++;
        assertThat(touched[relocations.at(i, 0) + at]).isEqualTo((byte) 1);
      }
      assertThat(relocations.at(i, 2)).isBetween(0, functions.rows() - 1);
    }
    IntTable traps = read.table(Table.TRAPS);
    for (int i = 0; i < traps.rows(); i++) {
      assertThat(traps.at(i, 0)).isBetween(i == 0 ? 0 : traps.at(i - 1, 0) + 1, length - 1);
      assertThat(traps.at(i, 2)).isBetween(0, functions.rows() - 1);
    }
    for (int function : read.names().keySet()) {
      assertThat(function).isBetween(0, functions.rows() - 1);
    }
  }

  private static byte[] mutate(Random random, byte[] original) {
    byte[] bytes = original.clone();
    int edits = 1 + random.nextInt(random.nextInt(4) == 0 ? 10 : 2);
    for (int e = 0; e < edits && bytes.length > 0; e++) {
      // Half of them in the head, where the lengths are.
      int at = random.nextInt(random.nextBoolean() ? Math.min(bytes.length, 90) : bytes.length);
      switch (random.nextInt(9)) {
        case 0, 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> bytes[at] = (byte) random.nextInt(256);
        case 3 -> bytes[at] = (byte) (random.nextBoolean() ? 0xFF : 0x7F);
        case 4 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 1));
        case 5 -> bytes = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(40));
        case 6 -> {
          int count = Math.min(4 * (1 + random.nextInt(4)), bytes.length - at);
          System.arraycopy(bytes, at, bytes, random.nextInt(bytes.length - count + 1), count);
        }
        case 7 -> {
          if (at + 4 <= bytes.length) {
            putInt(bytes, at / 4 * 4, EDGES[random.nextInt(EDGES.length)]);
          }
        }
        default -> {
          // A length passed on from one section to the next: the sum stays.
          int section = 48 + 4 * random.nextInt(8);
          if (section + 8 <= bytes.length) {
            int more = random.nextInt(5) - 2;
            putInt(bytes, section, getInt(bytes, section) + 4 * more);
            putInt(bytes, section + 4, getInt(bytes, section + 4) - 4 * more);
          }
        }
      }
    }
    return bytes;
  }

  private static final int[] EDGES = {
    0, 1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE, 1 << 26, 1 << 30, 0xFFFF, 4_000_000
  };

  private static int getInt(byte[] bytes, int at) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(at);
  }

  private static void putInt(byte[] bytes, int at, int value) {
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
  }
}
