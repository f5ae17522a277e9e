package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.pool.FaultyKernel.Request;
import dev.skep.pool.os.SystemCallException;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/**
 * A mapped image is the same to a guest as a copied one; where it cannot be mapped it is copied.
 */
class MappedImageTest {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());

  static {
    System.out.println("MappedImageTest -Dskep.seed=" + SEED);
  }

  private static PoolConfig config(boolean mapped, int mappings) {
    return Slots.config(3, 4L * PAGE, 1_024, 0)
        .with()
        .mapImageBytes(mapped ? 1 : Long.MAX_VALUE)
        .imageMappings(mappings)
        .auditEvery(1)
        .build();
  }

  private static void counts(Slots slots, int mapped) {
    assertThat(slots.pool.stats().mappedImages()).isEqualTo(mapped);
    assertThat(Mappings.images(slots.pool)).isEqualTo(mapped);
  }

  @Test
  void copiedAndMappedBehaveAlike() {
    try (Slots copied = new Slots(config(false, 100));
        Slots mapped = new Slots(config(true, 100))) {
      for (int use = 0; use < 100; use++) {
        Guest guest = Guest.random(new Random(SEED + use), 4);
        Guest same = Guest.random(new Random(SEED + use), 4);
        for (int again = 0; again < 2; again++) {
          Guest.Store one = guest.in(copied);
          Guest.Store two = same.in(mapped);
          for (int run = 0; run < 3; run++) {
            String what = "seed " + SEED + ", use " + use + ", run " + run;
            one.checkIsAtItsStart(what);
            two.checkIsAtItsStart(what);
            one.run(new Random(SEED + run), 20);
            two.run(new Random(SEED + run), 20);
            for (int m = 0; m < one.memories.length; m++) {
              int size = (int) one.memories[m].sizeBytes();
              assertThat(two.memories[m].readBytes(0, size))
                  .as(what)
                  .isEqualTo(one.memories[m].readBytes(0, size));
            }
            one.lease.reset();
            two.lease.reset();
          }
          one.lease.release();
          two.lease.release();
        }
      }
      counts(copied, 0);
      assertThat(mapped.pool.stats().mappedImages()).isEqualTo(Mappings.images(mapped.pool));
      assertThat(mapped.pool.stats().retired()).isZero();
    }
  }

  @Test
  void whatOneInstanceWritesNoOtherOfTheModuleSees() {
    try (Slots slots = new Slots(config(true, 100))) {
      Guest guest = Guest.filled(2, 2, 2 * PAGE, 0x11);
      Guest.Store one = guest.in(slots);
      Guest.Store two = guest.in(slots);
      one.open();
      one.memory().fillBytes(0, (byte) 0x22, 2 * PAGE);
      two.checkIsAtItsStart("the other instance");
      Guest.Store three = guest.in(slots);
      three.checkIsAtItsStart("a later instance");
      counts(slots, 3);
      one.lease.close();
      two.lease.close();
      three.lease.close();
      counts(slots, 0);
    }
  }

  @Test
  void whenTheBudgetIsSpentImagesAreCopied() {
    try (Slots slots = new Slots(config(true, 2))) {
      Guest guest = Guest.filled(2, 2, 50_000, 0x11);
      Guest.Store one = guest.in(slots);
      Guest.Store two = guest.in(slots);
      Guest.Store three = guest.in(slots);
      counts(slots, 2);
      three.checkIsAtItsStart("copied");
      three.run(new Random(1), 20);
      three.lease.reset();
      three.checkIsAtItsStart("copied, after a reset");
      two.lease.close();
      counts(slots, 1);
      three.lease.release();
      counts(slots, 1);
      // Warm, and still copied: the budget has room again and nothing asks for it.
      three = guest.in(slots);
      assertThat(three.lease.wasWarm()).isTrue();
      three.checkIsAtItsStart("copied and warm");
      counts(slots, 1);
      three.lease.close();
      one.lease.close();
      counts(slots, 0);
    }
  }

  @Test
  void aRefusedMappingIsCopiedAndNotCounted() {
    FaultyKernel kernel = new FaultyKernel();
    try (Slots slots = new Slots(config(true, 1), kernel)) {
      for (Supplier<Throwable> fault :
          java.util.List.<Supplier<Throwable>>of(
              FaultyKernel.REFUSAL, () -> new OutOfMemoryError("injected"))) {
        kernel.fail(Request.MAP_IMAGE, fault, 0, 1);
        Guest guest = Guest.filled(2, 2, 50_000, 0x11);
        Guest.Store store = guest.in(slots);
        assertThat(kernel.fired()).isEqualTo(1);
        store.checkIsAtItsStart("copied");
        counts(slots, 0);
        // The budget of one is whole.
        Guest.Store next = guest.in(slots);
        counts(slots, 1);
        next.lease.close();
        store.lease.close();
        counts(slots, 0);
      }
    }
  }

  @Test
  void withNoMappingLeftNotEvenForZeroesAnImageIsCopied() {
    FaultyKernel kernel = new FaultyKernel();
    try (Slots slots = new Slots(config(true, 10), kernel)) {
      kernel.fail(Request.MAP_ZEROES, FaultyKernel.REFUSAL, 0, 2);
      kernel.before(
          Request.MAP_IMAGE,
          () -> {
            throw new SystemCallException("mmap", 12);
          });
      Guest.Store store = Guest.filled(2, 2, 50_000, 0x11).in(slots);
      assertThat(kernel.fired()).isEqualTo(1);
      store.checkIsAtItsStart("copied");
      counts(slots, 0);
      store.lease.close();
      assertThat(slots.pool.stats().retired()).isZero();
    }
  }

  @Test
  void anotherModuleThatTakesTheSlotFindsItUnmapped() {
    try (Slots slots =
        new Slots(config(true, 100).with().classes(new SlotClass(4L * PAGE, 1)).build())) {
      int before = Mappings.all(slots.pool);
      for (int turn = 0; turn < 5; turn++) {
        Guest.filled(2, 2, 50_000, 0x11).in(slots).lease.release();
        counts(slots, 1);
        Guest.Store other = Guest.empty(4, 4).in(slots);
        assertThat(other.lease.wasWarm()).isFalse();
        counts(slots, 0);
        other.checkIsAtItsStart("after a mapped image");
        other.lease.release();
        // The kernel has merged what it had cut: mappings do not add up.
        assertThat(Mappings.all(slots.pool)).isLessThanOrEqualTo(before + 1);
      }
    }
  }

  @Test
  void aSlotThatCannotBeUnmappedIsNeverLeasedAgain() {
    FaultyKernel kernel = new FaultyKernel();
    try (Slots slots = new Slots(config(true, 100), kernel)) {
      Guest secret = Guest.filled(2, 2, 50_000, 0x11);
      // The slot as a whole, and then the image by itself.
      kernel.fail(Request.MAP_ZEROES, FaultyKernel.REFUSAL, 0, 2);
      secret.in(slots).lease.close();
      assertThat(slots.pool.stats().retired()).isEqualTo(1);
      counts(slots, 1);
      for (int i = 0; i < 2; i++) {
        secret.in(slots).lease.release();
      }
      kernel.fail(Request.MAP_ZEROES, FaultyKernel.REFUSAL, 0, 2);
      SlotLease one = slots.take();
      assertThat(slots.pool.stats().retired()).isEqualTo(1);
      SlotLease two =
          slots.pool.take(new SlotRequest(slots.owner, Slots.images(), 0)) instanceof SlotLease l
              ? l
              : one;
      assertThat(slots.pool.stats().retired()).isEqualTo(2);
      assertThat(two).isSameAs(one);
      one.close();
    }
  }
}
