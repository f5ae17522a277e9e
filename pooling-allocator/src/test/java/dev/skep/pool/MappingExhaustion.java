package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;

import dev.skep.pool.os.ImageFile;
import dev.skep.pool.os.Libc;
import dev.skep.pool.os.SystemCallException;
import java.util.ArrayList;
import java.util.List;

/** What {@link MappingExhaustionTest} runs in a process of its own: it uses up all mappings. */
final class MappingExhaustion {
  /** Mappings left when the pool begins; two go for each image. */
  private static final int LEFT = 24;

  private static final int INSTANCES = 30;

  private MappingExhaustion() {}

  public static void main(String[] args) {
    // All that is needed later is loaded and mapped before nothing can be any more.
    PoolConfig config =
        Slots.config(INSTANCES, 2L * PAGE, 16, 0)
            .with()
            .mapImageBytes(1)
            .imageMappings(1_000_000)
            .unusedWarmSlots(INSTANCES)
            .auditEvery(0)
            .build();
    FaultyKernel kernel = new FaultyKernel();
    try (Slots slots = new Slots(config, kernel)) {
      // The same refusals, so that the JVM has loaded whatever they need and maps no more for it.
      for (int i = 0; i < 3; i++) {
        kernel.fail(FaultyKernel.Request.MAP_IMAGE, FaultyKernel.REFUSAL, 5, INSTANCES - 10);
        round(slots, INSTANCES);
        check(kernel.fired() > 0, "nothing was refused at the start");
        kernel.fail(FaultyKernel.Request.MAP_ZEROES, FaultyKernel.REFUSAL, 0, 1);
        round(slots, INSTANCES);
      }
    }
    try (Slots slots = new Slots(config)) {
      round(slots, 1);
      int filler = Math.toIntExact(Long.parseLong(args[0]));
      long base = Libc.mapPrivate(2L * filler * 4_096);
      ImageFile page = ImageFile.of(4_096, new long[0], new byte[0][]);
      int mapped = 0;
      boolean full = false;
      while (!full && mapped < filler) {
        try {
          page.mapOver(base + 2L * mapped * 4_096);
          mapped++;
        } catch (SystemCallException e) {
          full = true;
        }
      }
      check(full, "there were mappings left after " + mapped);
      for (int i = 1; i <= LEFT; i++) {
        Libc.unmap(base + 2L * (mapped - i) * 4_096, 4_096);
      }
      int most = round(slots, INSTANCES);
      check(most > 0 && most < INSTANCES, most + " of " + INSTANCES + " images were mapped");
      round(slots, INSTANCES);
      Libc.unmap(base, 2L * filler * 4_096);
      round(slots, INSTANCES);
      System.out.println("mapped " + most + ", retired " + slots.pool.stats().retired());
    }
    System.out.println("unharmed");
  }

  /** Instances that run and are given back in every way; answers how many images were mapped. */
  private static int round(Slots slots, int count) {
    Guest guest = Guest.filled(1, 2, 20_000, 0x11);
    List<Guest.Store> stores = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      switch (slots.pool.take(new SlotRequest(slots.owner, guest.images, PAGE))) {
        case SlotLease lease -> stores.add(guest.build(lease));
        case TakeRefused refused ->
            check(
                refused.reason() == TakeRefused.Reason.NO_SLOT
                    && stores.size() + slots.pool.stats().retired() == INSTANCES,
                refused + " at " + i + ", " + slots.pool.stats());
      }
    }
    int mapped = slots.pool.stats().mappedImages();
    check(mapped == Mappings.images(slots.pool), "the count of mapped images is exact");
    for (int i = 0; i < stores.size(); i++) {
      Guest.Store store = stores.get(i);
      store.checkIsAtItsStart("store " + i);
      store.open();
      store.memory().grow(1);
      store.memory().fillBytes(0, (byte) 0x22, 2 * PAGE);
      store.lease.reset();
      store.checkIsAtItsStart("store " + i + ", after a reset");
      if (i % 2 == 0) {
        store.lease.release();
      } else {
        // Where nothing can be mapped nothing can be unmapped either: the slot is retired.
        store.lease.close();
      }
    }
    ClassStats each = slots.pool.stats().classes().getFirst();
    check(
        each.cold() + each.warm() + each.pending() + each.retired() == each.slots(),
        each.toString());
    check(
        slots.pool.stats().mappedImages() == Mappings.images(slots.pool),
        "the count of mapped images is exact afterwards");
    return mapped;
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
