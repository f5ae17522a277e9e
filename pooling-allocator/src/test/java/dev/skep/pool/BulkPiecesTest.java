package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.skep.limits.LimitExceededException;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Large bulk operations go in pieces: the same bytes as in one, and they stop in between. */
class BulkPiecesTest {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int PAGES = 96;
  private static final int BYTES = PAGES * PAGE;
  private static final int TABLE = 1 << 18;

  static {
    System.out.println("BulkPiecesTest -Dskep.seed=" + SEED);
  }

  private final AtomicInteger looks = new AtomicInteger();
  private Slots slots;
  private SlotLease lease;
  private SlotMemory memory;

  @BeforeEach
  void open() {
    slots = new Slots(Slots.config(1, BYTES, TABLE, 0));
    lease = slots.take();
    memory = Slots.memory(lease, PAGES, PAGES);
    memory.onSlice((_, _) -> {
      looks.incrementAndGet();
      return 0;
    });
    memory.begin(StoreLimits.DEFAULTS, System.nanoTime());
  }

  @AfterEach
  void close() {
    lease.close();
    slots.close();
  }

  @Test
  void copiesThatOverlapAnyWayAreAsIfAllWereReadFirst() {
    Random random = new Random(SEED);
    byte[] model = new byte[BYTES];
    random.nextBytes(model);
    memory.write(0, model, 0, BYTES);
    for (int i = 0; i < 60; i++) {
      int length = random.nextInt(4 << 20);
      int from = random.nextInt(BYTES - length);
      int shift = random.nextInt(2 * length + 1) - length;
      int to = random.nextBoolean() ? random.nextInt(BYTES - length) : from + shift;
      to = Math.clamp(to, 0, BYTES - length);
      System.arraycopy(model, from, model, to, length);
      memory.copyFrom(memory, to, from, length);
      assertThat(memory.readBytes(0, BYTES))
          .as("seed %d: %d bytes from %d to %d", SEED, length, from, to)
          .isEqualTo(model);
    }
    assertThat(looks).hasPositiveValue();
  }

  @Test
  void fillsReachTheirEndsAndNoFurther() {
    for (int length : new int[] {0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000}) {
      memory.fillBytes(0, (byte) 0, BYTES);
      memory.fillBytes(7, (byte) 0x55, length);
      byte[] all = memory.readBytes(0, BYTES);
      for (int i = 0; i < BYTES; i++) {
        if (all[i] != (i >= 7 && i < 7 + length ? 0x55 : 0)) {
          throw new AssertionError(length + " bytes: " + i + " is " + all[i]);
        }
      }
    }
  }

  @Test
  void smallOnesDoNotLook() {
    memory.fillBytes(0, (byte) 1, 1 << 20);
    memory.copyFrom(memory, 0, 1 << 20, 1 << 20);
    assertThat(looks).hasValue(0);
  }

  @Test
  void aDeadlineStopsThemAfterAPiece() {
    StoreLimits over = StoreLimits.DEFAULTS.withDeadlineNanos(1);
    memory.begin(over, System.nanoTime() - 1_000);
    assertThat(
            catchThrowableOfType(
                    LimitExceededException.class, () -> memory.fillBytes(0, (byte) 1, BYTES))
                .kind())
        .isEqualTo(LimitKind.DEADLINE);
    assertThat(memory.read(0)).isEqualTo((byte) 1);
    assertThat(memory.read(BYTES - 1)).isZero();
    assertThat(
            catchThrowableOfType(
                    LimitExceededException.class, () -> memory.copyFrom(memory, 1, 0, BYTES - 1))
                .kind())
        .isEqualTo(LimitKind.DEADLINE);
    SlotTable table = lease.newTable(Slots.table(TABLE, TABLE), Slots.NULL, 0, 1);
    lease.settle();
    assertThat(
            catchThrowableOfType(
                    LimitExceededException.class, () -> table.fillElements(0, 7, TABLE))
                .kind())
        .isEqualTo(LimitKind.DEADLINE);
    assertThat(table.element(0)).isEqualTo(7);
    assertThat(table.element(TABLE - 1)).isEqualTo(Slots.NULL);
  }
}
