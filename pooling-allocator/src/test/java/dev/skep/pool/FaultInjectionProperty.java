package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import com.dylibso.chicory.runtime.WasmRuntimeException;
import dev.skep.limits.LimitExceededException;
import dev.skep.pool.FaultyKernel.Request;
import dev.skep.pool.SlotKernel.Step;
import dev.skep.pool.os.RawMemory;
import dev.skep.pool.os.SystemCallException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever fails, and wherever: no slot is lost or counted twice, no figure is off by one, no slot
 * that can be taken again holds what it should not.
 *
 * <p>{@code -Dskep.faults=1000} for as many failures of each step and request; 50 in the build.
 */
class FaultInjectionProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int FAULTS = Integer.getInteger("skep.faults", 50);
  private static final int SLOTS = 6;

  static {
    System.out.println("FaultInjectionProperty -Dskep.seed=" + SEED + " -Dskep.faults=" + FAULTS);
  }

  private static final List<Supplier<Throwable>> FAULT =
      List.of(
          () -> new IllegalStateException("injected"),
          () -> new SystemCallException("an injected call", 12),
          () -> new OutOfMemoryError("injected"));

  private static final PoolConfig CONFIG =
      PoolConfig.DEFAULTS
          .with()
          .classes(new SlotClass(2L * PAGE, 4), new SlotClass(6L * PAGE, SLOTS - 4))
          .tableElements(1_024)
          .guardBytes(4_096)
          .unusedWarmSlots(2)
          .decommitBatch(3)
          .mapImageBytes(32_768)
          .auditEvery(2)
          .build();

  private final FaultyKernel kernel = new FaultyKernel();
  private Slots slots = new Slots(CONFIG, kernel);
  private final Random random = new Random(SEED);
  private List<Guest> guests = newGuests();
  private final List<Guest.Store> open = new ArrayList<>();

  private static List<Guest> newGuests() {
    return List.of(
        Guest.filled(2, 100, 100_000, 0x11).withTables(10),
        Guest.filled(1, 100, 60_000, 0x22).withMemories(2),
        Guest.filled(1, 100, 500, 0x33).withTables(5, 300),
        Guest.empty(1, 100));
  }

  private static Stream<Enum<?>> targets() {
    // The slab is reserved before anything can be lost.
    Set<Request> requests = EnumSet.complementOf(EnumSet.of(Request.RESERVE));
    return Stream.concat(Arrays.stream(Step.values()), requests.stream());
  }

  @ParameterizedTest
  @MethodSource("targets")
  void everySlotAndEveryFigureIsAccountedForAfterwards(Enum<?> target) {
    int reached = 0;
    for (int i = 0; i < FAULTS; i++) {
      String what = "seed " + SEED + ", " + target + ", failure " + i;
      kernel.fail(target, FAULT.get(i % FAULT.size()), random.nextInt(4), 1 + random.nextInt(2));
      for (int step = 0; step < 150 && kernel.fired() == 0; step++) {
        act(what);
      }
      reached += kernel.fired() > 0 ? 1 : 0;
      // What follows a failure may meet the second one.
      for (int step = 0; step < 5; step++) {
        act(what);
      }
      kernel.heal();
      sums(what);
      open.forEach(store -> store.lease.close());
      open.clear();
      sums(what);
      nothingIsHeld(what);
      everySlotIsFitToBeTaken(what);
      // Guards are installed once a slot, and a guest that has grown begins in a large one.
      if (slots.pool.stats().retired() > 0 || random.nextInt(3) > 0) {
        slots.close();
        slots = new Slots(CONFIG, kernel);
        guests = newGuests();
      }
    }
    slots.close();
    assertThat(reached).as("seed %d: failures at %s", SEED, target).isGreaterThan(FAULTS / 5);
  }

  private void act(String what) {
    switch (random.nextInt(8)) {
      case 0, 1, 2 -> guarded(what, this::take, () -> {});
      default -> {
        if (!open.isEmpty()) {
          Guest.Store store = open.get(random.nextInt(open.size()));
          guarded(what, () -> use(store, what), () -> end(store));
        }
      }
    }
  }

  /** As the engine does: whatever is thrown ends the store. */
  private static void guarded(String what, Runnable action, Runnable failed) {
    try {
      action.run();
    } catch (LimitExceededException | WasmRuntimeException e) {
      failed.run();
    } catch (IllegalStateException | SystemCallException | OutOfMemoryError e) {
      assertThat(e.getMessage()).as(what).contains("injected");
      failed.run();
    }
  }

  private void end(Guest.Store store) {
    store.lease.close();
    open.remove(store);
  }

  private void take() {
    Guest guest = guests.get(random.nextInt(guests.size()));
    switch (slots.pool.take(new SlotRequest(slots.owner, guest.images, guest.startsWithBytes()))) {
      case TakeRefused refused -> {}
      case SlotLease lease -> {
        Guest.Store store = null;
        try {
          store = guest.build(lease);
        } finally {
          if (store == null) {
            lease.close();
          }
        }
        open.add(store);
      }
    }
  }

  private void use(Guest.Store store, String what) {
    switch (random.nextInt(4)) {
      case 0 -> end(store);
      case 1 -> {
        open.remove(store);
        store.lease.release();
      }
      default -> {
        store.run(random, 10);
        store.lease.reset();
        store.checkIsAtItsStart(what);
      }
    }
  }

  private void sums(String what) {
    for (ClassStats each : slots.pool.stats().classes()) {
      assertThat(each.cold() + each.warm() + each.pending() + each.leased() + each.retired())
          .as("%s: %s", what, each)
          .isEqualTo(each.slots());
    }
    PoolStats stats = slots.pool.stats();
    assertThat(stats.leased()).as(what).isEqualTo(open.size()).isEqualTo(slots.owner.leased());
    assertThat(stats.memories())
        .as(what)
        .isEqualTo(open.stream().mapToInt(s -> s.memories.length).sum());
    assertThat(stats.tables())
        .as(what)
        .isEqualTo(open.stream().mapToInt(s -> s.tables.length).sum());
    assertThat(stats.mappedImages()).as(what).isEqualTo(Mappings.images(slots.pool));
  }

  private void nothingIsHeld(String what) {
    PoolStats stats = slots.pool.stats();
    assertThat(stats.leased()).as(what).isZero();
    assertThat(slots.owner.liveBytes()).as(what).isZero();
    assertThat(slots.owner.liveElements()).as(what).isZero();
    assertThat(stats.taken()).as(what).isEqualTo(stats.closed());
    for (ClassStats each : stats.classes()) {
      assertThat(each.unpromised()).as(what).isEqualTo(each.slots() - each.retired());
    }
  }

  private void everySlotIsFitToBeTaken(String what) {
    // Each guest's warm slots first, and then all that is left.
    List<SlotLease> leases = new ArrayList<>();
    for (Guest guest : guests) {
      long bytes = guest.startsWithBytes();
      while (guest.images.warm().get() > 0
          && slots.pool.take(new SlotRequest(slots.owner, guest.images, bytes))
              instanceof SlotLease lease) {
        if (lease.wasWarm()) {
          Guest.Store store = guest.build(lease);
          store.checkIsAtItsStart(what + ", warm");
        }
        leases.add(lease);
      }
    }
    while (slots.pool.take(new SlotRequest(slots.owner, Slots.images(), 0))
        instanceof SlotLease lease) {
      long slot = slots.pool.slabAddress() + slots.pool.layout().tableOffset(lease.slot());
      assertThat(RawMemory.isZero(slot, slots.pool.layout().usableBytes(lease.slot())))
          .as("%s: slot %d is zero", what, lease.slot())
          .isTrue();
      leases.add(lease);
    }
    assertThat(leases).as(what).hasSize(SLOTS - slots.pool.stats().retired());
    leases.forEach(random.nextBoolean() ? SlotLease::close : SlotLease::release);
  }
}
