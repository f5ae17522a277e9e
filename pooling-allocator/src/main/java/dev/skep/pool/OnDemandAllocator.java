package dev.skep.pool;

import dev.skep.pool.SlotHome.Fate;
import dev.skep.pool.SlotHome.Place;
import dev.skep.pool.SlotKernel.Step;
import dev.skep.pool.os.SystemCallException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Maps memory for each instance and unmaps it when its lease ends: no slab, nothing kept warm, no
 * call that an old kernel does not have. It is the baseline that the pool is measured against, and
 * what runs where the pool cannot. Same limits, owners and leases; slots are numbers only.
 * Thread-safe.
 *
 * <p>Every lease costs one mapping, two with a mapped image, so a process holds some 30,000.
 */
public final class OnDemandAllocator implements InstanceAllocator {
  private static final Logger LOG = LoggerFactory.getLogger(OnDemandAllocator.class);
  private static final int MOST_RECLAIMS = 64;

  private final PoolConfig config;
  private final SlotKernel kernel;
  private final SlabLayout layout;
  private final SlotIndex[] free;
  private final SlotCredits credits;
  private final AllocatorFigures figures;
  private final MemoryReset memoryReset;
  private final Home home = new Home();
  private final AtomicLong generations = new AtomicLong();
  private final AtomicReferenceArray<@Nullable Held> held;
  private volatile SlotReclaimer reclaimer = SlotReclaimer.NONE;
  private volatile boolean closing;

  /** A mapping and whose it is. */
  private record Held(SlotOwner owner, long address, long bytes) {}

  public OnDemandAllocator(PoolConfig config) {
    this(config, SlotKernel.LINUX);
  }

  OnDemandAllocator(PoolConfig config, SlotKernel kernel) {
    this.config = config;
    this.kernel = kernel;
    this.layout = SlabLayout.of(config);
    this.credits = new SlotCredits(config);
    this.figures = new AllocatorFigures(config);
    this.free = new SlotIndex[layout.areas().size()];
    int threads = Runtime.getRuntime().availableProcessors();
    for (int i = 0; i < free.length; i++) {
      SlabLayout.Area area = layout.areas().get(i);
      free[i] = new SlotIndex(area.firstSlot(), area.slots(), 0, threads);
    }
    this.memoryReset = new MemoryReset(kernel, false, 0);
    this.held = new AtomicReferenceArray<>(layout.slots());
  }

  @Override
  public PoolConfig config() {
    return config;
  }

  @Override
  public SlotOwner newOwner() {
    return new SlotOwner(credits);
  }

  @Override
  public void reclaimWith(SlotReclaimer value) {
    reclaimer = value;
  }

  @Override
  public TakeOutcome take(SlotRequest request) {
    int least = layout.classFor(request.memoryBytes());
    if (least < 0) {
      return figures.refuse(
          TakeRefused.Reason.TOO_LARGE,
          "the instance starts with "
              + request.memoryBytes()
              + " bytes of memory; at most "
              + config.mostMemoryBytes()
              + " are allowed");
    }
    least = Math.max(least, Math.min(request.images().slotClass(), free.length - 1));
    TakeRefused.Reason why = TakeRefused.Reason.NO_SLOT;
    for (int attempt = 0; attempt <= MOST_RECLAIMS && !closing; attempt++) {
      kernel.at(Step.TAKE_CREDIT);
      why = request.owner().lease(least);
      if (why == null) {
        try {
          SlotLease lease = takeIn(least, request);
          if (lease != null) {
            return lease;
          }
          why = TakeRefused.Reason.NO_SLOT;
        } catch (SystemCallException e) {
          return figures.refuse(TakeRefused.Reason.KERNEL, String.valueOf(e.getMessage()));
        }
      }
      if (!reclaimer.reclaim(request.owner(), least, why == TakeRefused.Reason.CEILING)) {
        break;
      }
    }
    return figures.refuse(why, "no instance more is allowed (" + why.word() + "); try later");
  }

  private @Nullable SlotLease takeIn(int slotClass, SlotRequest request) {
    figures.leased[slotClass].incrementAndGet();
    SlotLease lease = null;
    Place place = null;
    try {
      place = closing ? null : map(slotClass, request.owner());
      if (place == null) {
        return null;
      }
      kernel.at(Step.TAKE_LEASE);
      lease =
          new SlotLease(
              home,
              request.owner(),
              request.images(),
              place,
              generations.incrementAndGet(),
              false,
              0);
      figures.taken.increment();
      return lease;
    } finally {
      if (lease == null) {
        if (place != null) {
          home.giveBack(place, Fate.DIRTY, null, 0);
        } else {
          figures.leased[slotClass].decrementAndGet();
        }
        request.owner().giveBack(slotClass);
      }
    }
  }

  /** A free number and a mapping for it; null if there is no number. */
  private @Nullable Place map(int slotClass, SlotOwner owner) {
    kernel.at(Step.TAKE_INDEX);
    int slot = free[slotClass].take(null);
    if (slot < 0) {
      return null;
    }
    SlabLayout.Area area = layout.areas().get(slotClass);
    boolean mapped = false;
    try {
      long address = kernel.reserve(area.strideBytes());
      held.set(slot, new Held(owner, address, area.strideBytes()));
      mapped = true;
      return new Place(slot, slotClass, address, address + layout.tableBytes(), area.memoryBytes());
    } finally {
      if (!mapped) {
        free[slotClass].giveCold(slot);
      }
    }
  }

  /** What leases see of the allocator. */
  private final class Home implements SlotHome {
    @Override
    public PoolConfig config() {
      return config;
    }

    @Override
    public SlotKernel kernel() {
      return kernel;
    }

    @Override
    public ResetFigures resets() {
      return figures.resets;
    }

    @Override
    public MemoryReset memoryReset() {
      return memoryReset;
    }

    @Override
    public boolean addMemory() {
      return figures.addMemory();
    }

    @Override
    public boolean addTable() {
      return figures.addTable();
    }

    @Override
    public void removeHeld(int memories, int tables) {
      figures.removeHeld(memories, tables);
    }

    @Override
    public boolean addMapping() {
      return figures.addMapping();
    }

    @Override
    public void removeMappings(int count) {
      figures.removeMappings(count);
    }

    @Override
    public boolean isAuditDue() {
      return figures.isAuditDue();
    }

    @Override
    public @Nullable Place larger(SlotOwner owner, int slotClass, long memoryBytes) {
      int least = Math.max(layout.classFor(memoryBytes), slotClass + 1);
      if (least >= free.length || !owner.enter(least)) {
        return null;
      }
      Place place = null;
      try {
        figures.leased[least].incrementAndGet();
        place = map(least, owner);
        return place;
      } catch (SystemCallException e) {
        return null; // As if none were free.
      } finally {
        if (place == null) {
          figures.leased[least].decrementAndGet();
          owner.leave(least);
        } else {
          figures.taken.increment();
          figures.moved.increment();
        }
      }
    }

    @Override
    public void giveBack(Place place, Fate fate, @Nullable ModuleImages images, long bits) {
      Held mapping = held.getAndSet(place.slot(), null);
      if (mapping != null) {
        // Whatever has been mapped over it goes with it.
        figures.removeMappings(Long.bitCount(bits));
        try {
          kernel.release(mapping.address, mapping.bytes);
          figures.decommits.increment();
          figures.decommitCalls.increment();
        } catch (RuntimeException e) {
          LOG.atError().setCause(e).log("an instance's memory could not be unmapped");
        }
        figures.closed.increment();
      }
      free[place.slotClass()].giveCold(place.slot());
      figures.leased[place.slotClass()].decrementAndGet();
    }
  }

  @Override
  public PoolStats stats() {
    List<ClassStats> classes = new ArrayList<>();
    long reserved = 0;
    for (int i = 0; i < free.length; i++) {
      SlabLayout.Area area = layout.areas().get(i);
      int leased = figures.leased[i].get();
      reserved += leased * area.strideBytes();
      classes.add(
          new ClassStats(
              area.memoryBytes(),
              area.slots(),
              leased,
              free[i].free(),
              0,
              0,
              0,
              credits.of(i),
              0,
              free[i].misses(),
              0));
    }
    return figures.stats(
        List.copyOf(classes), reserved, new PoolStats.Features(false, false, false));
  }

  @Override
  public void forEachSlot(SlabVisitor visitor) {
    for (int slot = 0; slot < layout.slots(); slot++) {
      Held each = held.get(slot);
      SlabVisitor.State state = each == null ? SlabVisitor.State.COLD : SlabVisitor.State.LEASED;
      visitor.visit(slot, layout.classOf(slot), state, each == null ? null : each.owner);
    }
  }

  @Override
  public ResidentBytes resident() {
    TreeMap<Long, Long> mappings = new TreeMap<>();
    for (int slot = 0; slot < layout.slots(); slot++) {
      Held each = held.get(slot);
      if (each != null) {
        mappings.put(each.address, each.address + each.bytes);
      }
    }
    return SlabResidency.bytes(address -> {
      Map.Entry<Long, Long> mapping = mappings.floorEntry(address);
      return mapping != null && address < mapping.getValue();
    });
  }

  @Override
  public synchronized void close() {
    closing = true;
    int open = 0;
    for (int i = 0; i < free.length; i++) {
      open += figures.leased[i].get();
    }
    if (open > 0) {
      closing = false;
      throw new IllegalStateException(open + " leases are open");
    }
  }
}
