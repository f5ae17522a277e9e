package dev.skep.pool;

import dev.skep.pool.SlabVisitor.State;
import dev.skep.pool.SlotHome.Fate;
import dev.skep.pool.SlotHome.Place;
import dev.skep.pool.SlotKernel.Step;
import dev.skep.pool.os.BatchedDiscard;
import dev.skep.pool.os.PageScan;
import dev.skep.pool.os.SystemCallException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Owns the slab and leases its slots. Reserves address space once, at start; taking and giving back
 * a slot maps nothing but images that are too large to be copied. Thread-safe.
 */
public final class PoolingAllocator implements InstanceAllocator {
  private static final Logger LOG = LoggerFactory.getLogger(PoolingAllocator.class);

  /** Idle leases that one take may ask for: others may take what it had closed. */
  private static final int MOST_RECLAIMS = 64;

  private final PoolConfig config;
  private final SlotKernel kernel;
  private final SlabLayout layout;
  private final long slab;
  private final SlotIndex[] free;
  private final SlotCredits credits;
  private final AllocatorFigures figures;
  private final DecommitQueue decommits;
  private final MemoryReset memoryReset;
  private final Home home = new Home();

  /** Leases each slot has had. */
  private final AtomicLongArray generations;

  /** Who has leased each slot. */
  private final AtomicReferenceArray<@Nullable SlotOwner> owners;

  /** Of a warm slot, the memories whose image is mapped, a bit each. */
  private final AtomicLongArray mapped;

  private final AtomicReferenceArray<@Nullable State> states;

  private volatile SlotReclaimer reclaimer = SlotReclaimer.NONE;
  private volatile boolean guards;
  private volatile boolean closing;
  private boolean unmapped;

  /**
   * Reserves the slab.
   *
   * @throws dev.skep.pool.os.SystemCallException if the kernel does not give the address space
   */
  public PoolingAllocator(PoolConfig config) {
    this(config, SlotKernel.LINUX);
  }

  PoolingAllocator(PoolConfig config, SlotKernel kernel) {
    this.config = config;
    this.kernel = kernel;
    this.layout = SlabLayout.of(config);
    this.credits = new SlotCredits(config);
    this.figures = new AllocatorFigures(config);
    this.free = new SlotIndex[layout.areas().size()];
    int threads = Runtime.getRuntime().availableProcessors();
    for (int i = 0; i < free.length; i++) {
      SlabLayout.Area area = layout.areas().get(i);
      free[i] = new SlotIndex(area.firstSlot(), area.slots(), config.unusedWarmSlots(), threads);
    }
    this.generations = new AtomicLongArray(layout.slots());
    this.owners = new AtomicReferenceArray<>(layout.slots());
    this.mapped = new AtomicLongArray(layout.slots());
    this.states = new AtomicReferenceArray<>(layout.slots());
    boolean scanning =
        config.pageScan() == PoolConfig.PageScanning.AUTO && kernel.pageScan() != null;
    this.memoryReset = new MemoryReset(kernel, scanning, config.keepResidentMemoryBytes());
    this.decommits =
        new DecommitQueue(
            kernel, config.decommitBatch(), free.length, figures, this::giveCold, this::retire);
    this.guards = config.guardBytes() > 0;
    this.slab = kernel.reserve(layout.totalBytes());
  }

  @Override
  public PoolConfig config() {
    return config;
  }

  SlabLayout layout() {
    return layout;
  }

  long slabAddress() {
    return slab;
  }

  @Override
  public SlotOwner newOwner() {
    return new SlotOwner(credits);
  }

  @Override
  public void reclaimWith(SlotReclaimer value) {
    reclaimer = value;
  }

  // ── Taking ────────────────────────────────────────────────────────────────────────────────

  @Override
  public TakeOutcome take(SlotRequest request) {
    int least = layout.classFor(request.memoryBytes());
    if (least < 0) {
      return figures.refuse(
          TakeRefused.Reason.TOO_LARGE,
          "the instance starts with "
              + request.memoryBytes()
              + " bytes of memory; a slot holds at most "
              + config.mostMemoryBytes());
    }
    least = Math.max(least, Math.min(request.images().slotClass(), free.length - 1));
    TakeRefused.Reason why = TakeRefused.Reason.NO_SLOT;
    for (int attempt = 0; attempt <= MOST_RECLAIMS && !closing; attempt++) {
      for (int slotClass = least; slotClass < free.length; slotClass++) {
        kernel.at(Step.TAKE_CREDIT);
        why = request.owner().lease(slotClass);
        if (why == TakeRefused.Reason.CEILING || why == TakeRefused.Reason.NO_INSTANCE) {
          break;
        }
        if (why == null) {
          int retired = figures.retired[slotClass].get();
          SlotLease taken = takeIn(slotClass, request);
          if (taken != null) {
            return taken;
          }
          if (figures.retired[slotClass].get() != retired) {
            slotClass--; // A slot was lost over it, which says nothing of the others.
          }
          why = TakeRefused.Reason.NO_SLOT;
        }
      }
      if (!reclaim(request.owner(), least, why)) {
        break;
      }
    }
    return figures.refuse(why, message(why, request.owner()));
  }

  private boolean reclaim(SlotOwner owner, int slotClass, TakeRefused.Reason why) {
    if (why == TakeRefused.Reason.NO_SLOT && decommits.flush()) {
      return true;
    }
    boolean ownOnly = why == TakeRefused.Reason.CEILING;
    // Any class will do when it is the number of instances that is at its end.
    int least = why == TakeRefused.Reason.NO_SLOT ? slotClass : 0;
    return reclaimer.reclaim(owner, least, ownOnly);
  }

  private String message(TakeRefused.Reason why, SlotOwner owner) {
    return switch (why) {
      case NO_SLOT ->
          "no slot of "
              + layout.slots()
              + " is free, or those that are free are kept for others; try later";
      case NO_INSTANCE -> config.instances() + " instances are live, the most allowed; try later";
      case CEILING ->
          "all of "
              + owner.share().ceilingSlots()
              + " slots that its owner may have are in use; try later, or have the ceiling raised";
      case TOO_LARGE, KERNEL -> why.word();
    };
  }

  /** Takes a slot that the owner has been counted for; null if there is none after all. */
  private @Nullable SlotLease takeIn(int slotClass, SlotRequest request) {
    figures.leased[slotClass].incrementAndGet();
    int slot = -1;
    Fate fate = Fate.COLD;
    SlotLease lease = null;
    ModuleImages held = null;
    try {
      if (closing) {
        return null;
      }
      kernel.at(Step.TAKE_INDEX);
      slot = free[slotClass].take(request.images());
      if (slot < 0) {
        return null;
      }
      fate = Fate.DIRTY;
      held = free[slotClass].imagesOf(slot);
      boolean affine = held == request.images();
      if (held != null && !affine) {
        clear(slot, held);
      }
      fate = affine ? Fate.DIRTY : Fate.COLD;
      long generation = generations.incrementAndGet(slot);
      if (generation == 1) {
        guard(slot);
      }
      kernel.at(Step.TAKE_LEASE);
      long bits = affine ? mapped.get(slot) : 0;
      lease =
          new SlotLease(
              home, request.owner(), request.images(), placeOf(slot), generation, affine, bits);
      leasedBy(slot, request.owner());
      return lease;
    } catch (SlotLostException e) {
      fate = Fate.LOST;
      return null; // The caller looks on; there is one slot less.
    } finally {
      if (lease == null) {
        if (slot < 0) {
          figures.leased[slotClass].decrementAndGet();
        } else {
          home.giveBack(placeOf(slot), cleared(slot, fate, held), null, 0);
        }
        request.owner().giveBack(slotClass);
      }
    }
  }

  /** A slot that was to be leased and is not: what is mapped in it has to go first. */
  private Fate cleared(int slot, Fate fate, @Nullable ModuleImages held) {
    if (fate != Fate.DIRTY || mapped.get(slot) == 0) {
      return fate;
    }
    try {
      clear(slot, held);
      return Fate.COLD;
    } catch (SlotLostException e) {
      return Fate.LOST;
    }
  }

  /** The kernel would not clear a slot. */
  private static final class SlotLostException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private SlotLostException(Throwable cause) {
      super(cause);
    }
  }

  /** Makes a warm slot zero, which holds these images. */
  private void clear(int slot, @Nullable ModuleImages held) {
    Place place = placeOf(slot);
    long bits = mapped.get(slot);
    try {
      kernel.at(Step.TAKE_CLEAR);
      if (bits == 0) {
        kernel.discard(place.tableBase(), place.usableBytes());
      } else {
        unmap(place, held, bits);
      }
    } catch (RuntimeException | Error e) {
      throw new SlotLostException(e);
    }
    figures.decommits.increment();
    figures.decommitCalls.increment();
    if (bits != 0) {
      mapped.set(slot, 0);
      figures.removeMappings(Long.bitCount(bits));
    }
  }

  /**
   * Unmaps the images in a slot at once, or one by one: exactly what was mapped is then replaced,
   * which splits no mapping and so goes even when the process has none left.
   */
  private void unmap(Place place, @Nullable ModuleImages held, long bits) {
    try {
      kernel.mapZeroes(place.tableBase(), place.usableBytes());
      return;
    } catch (SystemCallException e) {
      if (held == null) {
        throw e;
      }
    }
    for (int i = 0; i < Long.SIZE; i++) {
      MemoryImage image = (bits >>> i & 1) == 1 ? held.memory(i) : null;
      if (image != null) {
        long base =
            place.memoryBase() + i * SlotLease.shareBytes(place.memoryBytes(), held.memories());
        kernel.mapZeroes(base + image.start(), image.spanBytes());
      }
    }
    kernel.discard(place.tableBase(), place.usableBytes());
  }

  /**
   * Installs a slot's guard when it is first taken: installing all at start would cost a page table
   * for every slot that is never used.
   */
  private void guard(int slot) {
    boolean tried = false;
    try {
      kernel.at(Step.TAKE_GUARD);
      if (guards && !kernel.installGuard(slab + layout.guardOffset(slot), layout.guardBytes())) {
        guards = false;
        LOG.atWarn()
            .addKeyValue("guardBytes", layout.guardBytes())
            .log("this kernel has no MADV_GUARD_INSTALL (Linux 6.13): slots run without guards");
      }
      tried = true;
    } finally {
      if (!tried) {
        generations.set(slot, 0); // It has not been leased, and the next take tries again.
      }
    }
  }

  private void leasedBy(int slot, SlotOwner owner) {
    states.set(slot, State.LEASED);
    owners.set(slot, owner);
    figures.taken.increment();
  }

  private Place placeOf(int slot) {
    return new Place(
        slot,
        layout.classOf(slot),
        slab + layout.tableOffset(slot),
        slab + layout.memoryOffset(slot),
        layout.memoryBytes(slot));
  }

  // ── Giving back ───────────────────────────────────────────────────────────────────────────

  /** What leases see of the pool. */
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
      return PoolingAllocator.this.larger(owner, slotClass, memoryBytes);
    }

    @Override
    public void giveBack(Place place, Fate fate, @Nullable ModuleImages held, long bits) {
      if (owners.getAndSet(place.slot(), null) != null) {
        figures.closed.increment();
      }
      switch (fate) {
        case COLD -> giveCold(place);
        case DIRTY -> {
          states.set(place.slot(), State.PENDING);
          decommits.add(place);
        }
        case LOST -> retire(place);
        case WARM -> giveWarm(place, held, bits);
      }
      figures.leased[place.slotClass()].decrementAndGet();
    }
  }

  private @Nullable Place larger(SlotOwner owner, int slotClass, long memoryBytes) {
    int least = Math.max(layout.classFor(memoryBytes), slotClass + 1);
    for (int attempt = 0; attempt <= MOST_RECLAIMS; attempt++) {
      for (int each = least; each < free.length; each++) {
        kernel.at(Step.TAKE_CREDIT);
        int retired = figures.retired[each].get();
        Place place = owner.enter(each) ? enter(each, owner) : null;
        if (place != null) {
          return place;
        }
        if (figures.retired[each].get() != retired) {
          each--; // As in a take.
        }
      }
      if (!decommits.flush() && !reclaimer.reclaim(owner, least, false)) {
        return null;
      }
    }
    return null;
  }

  private @Nullable Place enter(int slotClass, SlotOwner owner) {
    int slot = -1;
    Place place = null;
    ModuleImages held = null;
    Fate fate = Fate.DIRTY;
    try {
      slot = free[slotClass].take(null);
      if (slot < 0) {
        return null;
      }
      figures.leased[slotClass].incrementAndGet();
      held = free[slotClass].imagesOf(slot);
      if (held != null) {
        clear(slot, held);
      }
      fate = Fate.COLD;
      if (generations.incrementAndGet(slot) == 1) {
        guard(slot);
      }
      leasedBy(slot, owner);
      figures.moved.increment();
      place = placeOf(slot);
      return place;
    } catch (SlotLostException e) {
      fate = Fate.LOST;
      return null;
    } finally {
      if (place == null) {
        if (slot >= 0) {
          home.giveBack(placeOf(slot), cleared(slot, fate, held), null, 0);
        }
        owner.leave(slotClass);
      }
    }
  }

  private void giveCold(Place place) {
    states.set(place.slot(), State.COLD);
    free[place.slotClass()].giveCold(place.slot());
  }

  private void giveWarm(Place place, @Nullable ModuleImages held, long bits) {
    if (held == null) {
      throw new IllegalArgumentException("a warm slot holds somebody's images");
    }
    mapped.set(place.slot(), bits);
    states.set(place.slot(), State.WARM);
    int evicted = free[place.slotClass()].giveWarm(place.slot(), held);
    if (evicted >= 0) {
      ModuleImages old = free[place.slotClass()].imagesOf(evicted);
      try {
        clear(evicted, old);
        giveCold(placeOf(evicted));
      } catch (SlotLostException e) {
        retire(placeOf(evicted));
      }
    }
  }

  private void retire(Place place) {
    states.set(place.slot(), State.RETIRED);
    figures.retired[place.slotClass()].incrementAndGet();
    credits.retire(place.slotClass());
    LOG.atError()
        .addKeyValue("slot", place.slot())
        .log("slot could not be cleared, or was not what it should be, and is retired");
  }

  // ── Figures ───────────────────────────────────────────────────────────────────────────────

  @Override
  public PoolStats stats() {
    List<ClassStats> classes = new ArrayList<>();
    for (int i = 0; i < free.length; i++) {
      SlabLayout.Area area = layout.areas().get(i);
      int warm = free[i].warm();
      classes.add(
          new ClassStats(
              area.memoryBytes(),
              area.slots(),
              figures.leased[i].get(),
              Math.max(0, free[i].free() - warm),
              warm,
              decommits.waiting(i),
              figures.retired[i].get(),
              credits.of(i),
              free[i].hits(),
              free[i].misses(),
              free[i].evictions()));
    }
    return figures.stats(
        List.copyOf(classes),
        layout.totalBytes(),
        new PoolStats.Features(
            config.pageScan() == PoolConfig.PageScanning.AUTO && PageScan.isSupported(),
            guards,
            BatchedDiscard.isSupported()));
  }

  @Override
  public void forEachSlot(SlabVisitor visitor) {
    for (int slot = 0; slot < layout.slots(); slot++) {
      State state = states.get(slot);
      visitor.visit(
          slot, layout.classOf(slot), state == null ? State.COLD : state, owners.get(slot));
    }
  }

  @Override
  public ResidentBytes resident() {
    return SlabResidency.bytes(slab, slab + layout.totalBytes());
  }

  @Override
  public synchronized void close() {
    if (unmapped) {
      return;
    }
    // A take counts itself as leased before it looks at this.
    closing = true;
    int open = 0;
    for (int i = 0; i < free.length; i++) {
      open += figures.leased[i].get();
    }
    if (open > 0) {
      closing = false;
      throw new IllegalStateException(open + " leases are open");
    }
    unmapped = true;
    // A take that was refused may still be clearing slots that waited; not once they are unmapped.
    decommits.close();
    kernel.release(slab, layout.totalBytes());
  }
}
