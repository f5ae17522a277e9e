package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.pool.ClassStats;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.SlotClass;
import java.util.ArrayList;
import java.util.List;

/**
 * A pool that is brought to the two states that a plan speaks of, by guests: all instances idle,
 * and all of them having written what they may. Not thread-safe.
 */
final class FilledPool implements AutoCloseable {
  private static final int PAGE = 4_096;
  private static final int ELEMENT_BYTES = 4;

  /** The image of the guest, which a reset keeps besides where it is copied. */
  static final int IMAGE_BYTES = 64 << 10;

  /** An idle instance has written 64 KiB more of its memory than a reset keeps. */
  private static final int MORE_PAGES = (IMAGE_BYTES + (64 << 10)) / PAGE;

  /** A module that begins in some class, its idle instances, and how many are to be. */
  private record Live(CompiledModule module, int slotClass, List<GuestInstance> instances) {}

  private final PoolConfig config;
  private final GuestPool pool;
  private final CompiledModule unmapped;
  private final List<Live> live = new ArrayList<>();

  FilledPool(PoolConfig config) {
    this.config = config;
    this.pool = new GuestPool(config, EngineConfig.DEFAULTS);
    this.unmapped = pool.compile(Guests.TRAP);
  }

  GuestPool pool() {
    return pool;
  }

  /**
   * As many instances as may be live, in the largest slots; each has run, has written more than is
   * kept of its memory and as much as is kept of its tables, and has been reset. As many of the
   * free slots as may be are warm, and have been through the same.
   */
  void idle() {
    int left = config.instances();
    for (int i = config.classes().size() - 1; i >= 0; i--) {
      int slots = config.classes().get(i).slots();
      int count = Math.min(left, slots);
      left -= count;
      Progress.say("class " + i + ": " + count + " instances");
      CompiledModule before = beginningIn(i);
      List<GuestInstance> warm =
          instances(before, i, Math.min(config.unusedWarmSlots(), slots - count));
      warm.forEach(GuestInstance::release);
      // A module of its own finds no slot that is warm for it, and takes cold ones.
      CompiledModule module = beginningIn(i);
      live.add(new Live(module, i, instances(module, i, count)));
    }
  }

  /** All instances write all they may; then as many are closed as may wait, and made again. */
  void writeAll() {
    for (Live each : live) {
      Progress.say("class " + each.slotClass() + ": writing all");
      each.instances().forEach(instance -> writeAll(each.slotClass(), instance));
    }
    int waiting = Math.max(0, config.decommitBatch() - 1);
    for (Live each : live) {
      int free = config.classes().get(each.slotClass()).slots() - each.instances().size();
      int count = Math.min(waiting, Math.min(free, each.instances().size()));
      waiting -= count;
      for (int n = 0; n < count; n++) {
        each.instances().removeLast().close();
      }
      for (int n = 0; n < count; n++) {
        GuestInstance again = pool.instance(each.module());
        writeAll(each.slotClass(), again);
        each.instances().add(again);
      }
    }
  }

  private void writeAll(int slotClass, GuestInstance instance) {
    SlotClass slots = config.classes().get(slotClass);
    write(instance, slots.memoryBytes() / PAGE, config.tableElements());
  }

  /** A copy of the module whose instances begin in a class, because one has grown into it. */
  private CompiledModule beginningIn(int slotClass) {
    CompiledModule module = pool.compile(Guests.PAGES);
    if (slotClass > 0) {
      GuestInstance first = pool.instance(module);
      write(first, config.classes().get(slotClass - 1).memoryBytes() / PAGE + 1, 1);
      first.close();
      flush();
    }
    return module;
  }

  /** What has been closed must not wait with what it holds: a full batch goes. */
  private void flush() {
    while (pool.stats().classes().stream().mapToInt(ClassStats::pending).sum() > 0) {
      // Its memory has no image, which would be unmapped at once instead.
      pool.instance(unmapped).close();
    }
  }

  private List<GuestInstance> instances(CompiledModule module, int slotClass, int count) {
    List<GuestInstance> made = new ArrayList<>(count);
    long pages = config.keepResidentMemoryBytes() / PAGE + MORE_PAGES;
    long elements = config.keepResidentTableBytes() / ELEMENT_BYTES;
    for (int n = 0; n < count; n++) {
      GuestInstance instance = pool.instance(module);
      write(instance, pages, elements);
      instance.reset();
      if (instance.slotClass() != slotClass) {
        throw new IllegalStateException("an instance is in class " + instance.slotClass());
      }
      made.add(instance);
    }
    return made;
  }

  private static void write(GuestInstance instance, long pages, long elements) {
    Invocation.TypedCall call = new Invocation.TypedCall("write", new long[] {pages, elements});
    if (GuestPool.call(instance, call) != 1) {
      throw new IllegalStateException("the guest could not write " + pages + " pages");
    }
  }

  @Override
  public void close() {
    for (Live each : live) {
      each.instances().forEach(GuestInstance::close);
    }
    pool.close();
  }
}
