package dev.skep.pool;

import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.Table;
import dev.skep.limits.LimitExceededException;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.SlotHome.Fate;
import dev.skep.pool.SlotHome.Place;
import dev.skep.pool.SlotKernel.Step;
import dev.skep.pool.os.Libc;
import dev.skep.pool.os.RawMemory;
import dev.skep.pool.os.SystemCallException;
import dev.skep.pool.os.ThreadFaults;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The right to use one slot, from {@link InstanceAllocator#take} until {@link #close} or {@link
 * #release}.
 *
 * <p>A lease passes through these states; the engine drives it:
 *
 * <pre>
 *   take ──▶ [building] ── settle ──▶ [idle, clean] ── open ──▶ [running] ── reset ─┐
 *                │                       │  ▲  └───────────── close ──▶ gone         │
 *                └── close ──▶ gone      │  └───────────────────────────────────────┘
 *                                        └── release ──▶ gone, its images stay in the slot
 * </pre>
 *
 * An idle lease holds its module's images and no byte that a run has written: reset comes before
 * idling, not before the next use. Confined to one thread at a time.
 */
public final class SlotLease implements TakeOutcome, AutoCloseable {
  private final SlotHome home;
  private final SlotOwner owner;
  private final ModuleImages images;
  private final long generation;
  private final List<SlotMemory> memories = new ArrayList<>(1);
  private final List<SlotTable> tables = new ArrayList<>(1);

  /** The data segments that the run has dropped, for all memories alike. */
  private final BitSet dropped = new BitSet();

  private Place place;

  /** Whether the slot held the images when it was leased. */
  private boolean affine;

  /** Memories whose image is mapped, by index, where the slot held the images already. */
  private final long mappedBefore;

  private boolean settled;

  /** Whether the store's memory and elements are counted as its owner's. */
  private boolean live = true;

  /** Page faults of the thread that opened the store, then; −1 if nobody looks at them. */
  private long faultsAtOpen = -1;

  private @Nullable Thread runner;
  private boolean lost;
  private boolean closed;
  private long memoryLimitBytes;
  private long memoryBytes;
  private long memoryPeakBytes;
  private long tableLimit;
  private long elements;
  private int nextTableElement;

  /** What machine code keeps in the slot, if it runs the instance. */
  private @Nullable SlotContext context;

  /** The slot that the context is in still, after the store has moved on from it. */
  private @Nullable Place contextPlace;

  private Fate contextFate = Fate.DIRTY;
  private long contextMapped;

  SlotLease(
      SlotHome home,
      SlotOwner owner,
      ModuleImages images,
      Place place,
      long generation,
      boolean affine,
      long mappedBefore) {
    this.home = home;
    this.owner = owner;
    this.images = images;
    this.place = place;
    this.generation = generation;
    this.affine = affine;
    this.mappedBefore = mappedBefore;
    this.memoryLimitBytes = home.config().mostMemoryBytes();
    this.tableLimit = home.config().tableElements();
  }

  /** Number of the slot, 0 to slots − 1; changes when the store grows into a larger one. */
  public int slot() {
    return place.slot();
  }

  /** Index of the class the slot belongs to. */
  public int slotClass() {
    return place.slotClass();
  }

  /** How often this slot had been taken when this lease began; no two leases of a slot share it. */
  public long generation() {
    return generation;
  }

  /** Who holds it. */
  public SlotOwner owner() {
    return owner;
  }

  /** Whether the slot held the module's images already when it was leased. */
  public boolean wasWarm() {
    return affine;
  }

  // ── Building ──────────────────────────────────────────────────────────────────────────────

  /**
   * A memory of this slot for memory {@code index} of {@code count}; the slot's memory is shared
   * out among them evenly.
   *
   * @throws LimitExceededException if its minimum does not fit
   */
  public SlotMemory newMemory(MemoryLimits limits, int index, int count) {
    checkOpen();
    home.kernel().at(Step.BUILD_MEMORY);
    if (count > home.config().memoriesPerModule()) {
      throw new LimitExceededException(
          LimitKind.MEMORY,
          home.config().memoriesPerModule(),
          "the module has "
              + count
              + " memories; at most "
              + home.config().memoriesPerModule()
              + " are allowed");
    }
    ModuleImages.Snapshot snapshot = images.snapshot();
    int pages = snapshot == null ? limits.initialPages() : snapshot.pages()[index];
    long bytes = (long) pages * Memory.PAGE_SIZE;
    long share = shareBytes(home.config().mostMemoryBytes(), count);
    if (bytes > share || !reserveMemory(bytes)) {
      throw new LimitExceededException(
          LimitKind.MEMORY,
          Math.min(share, memoryLimitBytes),
          "the module's memory starts at "
              + bytes
              + " bytes; at most "
              + Math.min(share, memoryLimitBytes)
              + " are allowed");
    }
    if (!home.addMemory()) {
      releaseMemory(bytes);
      throw tooMany("memories", home.config().memories());
    }
    SlotMemory memory = new SlotMemory(this, index, pages, limits.maximumPages(), images);
    // From here on, not from when its image is placed: instantiation may fail between the two.
    memory.setMapped(affine && isMappedBefore(index));
    memories.add(memory);
    if (!fits(count) && !move(count, 0)) {
      throw noLargerSlot();
    }
    memory.place(memoryAddress(index, count), shareBytes(place.memoryBytes(), count));
    return memory;
  }

  private static LimitExceededException tooMany(String what, int most) {
    return new LimitExceededException(
        LimitKind.INSTANCES,
        most,
        "this node holds at most " + most + " " + what + " at once, and does already; try later");
  }

  private LimitExceededException noLargerSlot() {
    return new LimitExceededException(
        LimitKind.MEMORY,
        place.memoryBytes(),
        "the store needs a larger slot than one of "
            + place.memoryBytes()
            + " bytes, and none is free on this node; try later");
  }

  /** Whether every memory is within its share of the slot. */
  private boolean fits(int count) {
    long share = shareBytes(place.memoryBytes(), count);
    for (int i = 0; i < memories.size(); i++) {
      if (memories.get(i).sizeBytes() > share) {
        return false;
      }
    }
    return true;
  }

  /** What each of {@code count} memories has of a slot. */
  static long shareBytes(long slotBytes, int count) {
    return slotBytes / count / Memory.PAGE_SIZE * Memory.PAGE_SIZE;
  }

  private long memoryAddress(int index, int count) {
    return place.memoryBase() + index * shareBytes(place.memoryBytes(), count);
  }

  /**
   * A table of this slot for table {@code index} of {@code count}.
   *
   * @param initialValue of every element
   * @throws LimitExceededException if its minimum does not fit
   */
  public SlotTable newTable(Table table, int initialValue, int index, int count) {
    checkOpen();
    home.kernel().at(Step.BUILD_TABLE);
    if (count > home.config().tablesPerModule()) {
      throw new LimitExceededException(
          LimitKind.TABLE,
          home.config().tablesPerModule(),
          "the module has "
              + count
              + " tables; at most "
              + home.config().tablesPerModule()
              + " are allowed");
    }
    int[] image = images.table(index);
    int left = home.config().tableElements() - nextTableElement;
    long wanted = image == null ? table.limits().min() : image.length;
    // What the table needs now, and an even share of what nobody needs yet for its growth.
    long share = Math.min(table.limits().max(), Math.max(wanted, left / (count - index)));
    if (wanted > left || !reserveElements(wanted)) {
      throw new LimitExceededException(
          LimitKind.TABLE,
          Math.min(left, tableLimit),
          "the module's tables start at more than "
              + Math.min(left, tableLimit)
              + " elements, the most allowed");
    }
    if (!home.addTable()) {
      releaseElements(wanted);
      throw tooMany("tables", home.config().tables());
    }
    int capacity = (int) Math.min(share, left);
    SlotTable created =
        new SlotTable(this, index, nextTableElement, capacity, table, initialValue, images);
    nextTableElement += capacity;
    tables.add(created);
    return created;
  }

  /**
   * The slot's context, of which machine code uses {@code bytes}; zero. A store that moves into a
   * larger slot while it runs leaves its context behind, and with it the slot that it began in,
   * until it is reset or closed: machine code holds the address.
   *
   * @param bytes at most {@link #mostContextBytes}
   */
  public SlotContext context(int bytes) {
    checkOpen();
    if (bytes > mostContextBytes()) {
      throw new IllegalArgumentException("a context of " + bytes + " bytes does not fit a slot");
    }
    SlotContext created = new SlotContext(place.tableBase(), bytes);
    context = created;
    return created;
  }

  /** What {@link #context} may be asked for. */
  public static int mostContextBytes() {
    return SlabLayout.CONTEXT_BYTES;
  }

  /** Puts the images of an earlier instance of the module into the memories. */
  public void placeImages() {
    checkOpen();
    for (int i = 0; i < memories.size(); i++) {
      memories.get(i).placeImage();
    }
  }

  /** Table {@code index} of those that {@link #newTable} has made. */
  public SlotTable table(int index) {
    return tables.get(index);
  }

  /** Memory {@code index} of those that {@link #newMemory} has made. */
  public SlotMemory memory(int index) {
    return memories.get(index);
  }

  /** Ends building: what the tables hold now is what a reset returns to. */
  public void settle() {
    checkOpen();
    home.kernel().at(Step.SETTLE);
    for (int i = 0; i < tables.size(); i++) {
      tables.get(i).settle();
    }
    ModuleImages.Snapshot snapshot = images.snapshot();
    if (snapshot != null) {
      dropped.or(snapshot.dropped());
    }
    images.memories(memories.size());
    settled = true;
  }

  /**
   * Takes what memories and tables hold now, after an initialiser has run, as the images of the
   * module, and returns the store to them. No other lease of the module may be open, and no free
   * slot may hold its images.
   *
   * @param mostBytes of all images
   * @return whether it was taken; if not, because there is more in the memories, nothing has
   *     changed
   */
  public boolean snapshot(long mostBytes) {
    checkOpen();
    if (images.warm().get() > 0) {
      throw new IllegalStateException("slots hold images of before the snapshot");
    }
    long bytes = 0;
    MemoryImage[] captured = new MemoryImage[memories.size()];
    int[] pages = new int[captured.length];
    for (int i = 0; i < captured.length; i++) {
      SlotMemory memory = memories.get(i);
      captured[i] =
          MemoryImage.capture(memory.baseAddress(), memory.sizeBytes(), mostBytes - bytes);
      pages[i] = memory.pages();
      bytes += captured[i].bytes();
      if (bytes > mostBytes) {
        return false;
      }
    }
    int[][] elementsNow = new int[tables.size()][];
    for (int i = 0; i < elementsNow.length; i++) {
      elementsNow[i] = tables.get(i).elements();
    }
    // Emptied and filled anew, as any slot: what was mapped is the image of before.
    lost = true;
    Fate fate = unmapImages();
    if (fate == Fate.LOST) {
      throw new IllegalStateException("the images of before cannot be taken out of the slot");
    }
    if (fate == Fate.DIRTY) {
      home.kernel().discard(place.tableBase(), place.usableBytes());
    }
    affine = false;
    images.snapshot(
        new ModuleImages.Snapshot(captured, pages, elementsNow, (BitSet) dropped.clone()));
    for (int i = 0; i < captured.length; i++) {
      memories.get(i).startsWith(pages[i]);
      placeImage(memories.get(i), captured[i]);
    }
    for (int i = 0; i < elementsNow.length; i++) {
      tables.get(i).reset(false);
    }
    lost = false;
    return true;
  }

  // ── Running ───────────────────────────────────────────────────────────────────────────────

  /**
   * Holds the store to these limits from now on, and counts what it starts with as its owner's;
   * also bounded by the slot.
   *
   * @throws LimitExceededException if what the module starts with is already more
   */
  public void open(StoreLimits limits) {
    checkOpen();
    home.kernel().at(Step.OPEN);
    memoryLimitBytes = Math.min(limits.memoryBytes(), home.config().mostMemoryBytes());
    tableLimit = Math.min(limits.tableElements(), home.config().tableElements());
    memoryPeakBytes = memoryBytes;
    if (memoryBytes > memoryLimitBytes) {
      throw startsWithMore(LimitKind.MEMORY, memoryBytes, limits.memoryBytes());
    }
    if (elements > tableLimit) {
      throw startsWithMore(LimitKind.TABLE, elements, limits.tableElements());
    }
    if (!live) {
      if (!owner.reserveBytes(memoryBytes)) {
        throw startsWithMore(LimitKind.LIVE_MEMORY, memoryBytes, owner.share().memoryBytes());
      }
      if (!owner.reserveElements(elements)) {
        owner.release(memoryBytes, 0);
        throw startsWithMore(LimitKind.LIVE_TABLE, elements, owner.share().tableElements());
      }
      live = true;
      // The kernel counts for its own threads: a virtual one may fault on one and end on another.
      if (home.memoryReset().watchesFaults() && !Thread.currentThread().isVirtual()) {
        // Only here, after a reset: a store that is opened again goes on with what it has written.
        runner = Thread.currentThread();
        faultsAtOpen = ThreadFaults.latest();
      }
    } else if (runner != Thread.currentThread()) {
      // Another thread is about to write, whose faults nobody has counted.
      faultsAtOpen = -1;
    }
  }

  private static LimitExceededException startsWithMore(LimitKind kind, long held, long limit) {
    return new LimitExceededException(
        kind,
        limit,
        "the module starts with "
            + held
            + "; "
            + kind.field()
            + " allows "
            + limit
            + (kind.isOfAllStores() ? " over all running stores" : ""));
  }

  private boolean reserveMemory(long bytes) {
    long total = memoryBytes + bytes;
    if (closed || total > memoryLimitBytes || !owner.reserveBytes(bytes)) {
      return false;
    }
    memoryBytes = total;
    memoryPeakBytes = Math.max(memoryPeakBytes, total);
    return true;
  }

  private void releaseMemory(long bytes) {
    owner.release(bytes, 0);
    memoryBytes -= bytes;
  }

  boolean reserveElements(long count) {
    long total = elements + count;
    if (closed || total > tableLimit || !owner.reserveElements(count)) {
      return false;
    }
    elements = total;
    return true;
  }

  private void releaseElements(long count) {
    owner.release(0, count);
    elements -= count;
  }

  /**
   * Lets a memory grow by {@code bytes} to {@code grown}, which may move the store into a larger
   * slot.
   *
   * @return whether it may
   * @throws LimitExceededException if all limits allow it and no larger slot is free: the growth
   *     must not seem to the guest to be against its limits
   */
  boolean reserveGrowth(SlotMemory memory, long bytes, long grown) {
    int count = memories.size();
    if (grown > shareBytes(home.config().mostMemoryBytes(), count) || !reserveMemory(bytes)) {
      return false;
    }
    if (grown > memory.capacityBytes()) {
      boolean moved = false;
      try {
        moved = move(count, grown);
      } finally {
        if (!moved) {
          releaseMemory(bytes);
        }
      }
      if (!moved) {
        throw noLargerSlot();
      }
    }
    return true;
  }

  /**
   * Moves the store into a slot of a larger class: what images cover and all else that differs from
   * zero is copied, and the old slot is given back.
   *
   * @param grown most bytes that one memory is about to have
   */
  private boolean move(int count, long grown) {
    long share = grown;
    for (int i = 0; i < memories.size(); i++) {
      share = Math.max(share, memories.get(i).sizeBytes());
    }
    Place larger = home.larger(owner, place.slotClass(), share * count);
    if (larger == null) {
      return false;
    }
    // INVARIANT: the owner has both slots counted until one of them is given back.
    boolean moved = false;
    try {
      home.kernel().at(Step.GROW_MOVE);
      for (int i = 0; i < memories.size(); i++) {
        SlotMemory memory = memories.get(i);
        if (memory.isPlaced()) {
          memory.copyTo(larger.memoryBase() + i * shareBytes(larger.memoryBytes(), count));
        }
      }
      for (int i = 0; i < tables.size(); i++) {
        tables.get(i).copyTo(larger.tableBase());
      }
      moved = true;
    } finally {
      if (!moved) {
        home.giveBack(larger, Fate.DIRTY, null, 0);
        owner.leave(larger.slotClass());
      }
    }
    Place left = place;
    long mapped = mappedImages();
    Fate fate = unmapImages();
    place = larger;
    affine = false;
    for (int i = 0; i < memories.size(); i++) {
      SlotMemory memory = memories.get(i);
      // Here all is copied, even if the slot that was left could not be unmapped.
      memory.setMapped(false);
      if (memory.isPlaced()) {
        memory.place(memoryAddress(i, count), shareBytes(place.memoryBytes(), count));
      }
    }
    long stillMapped = fate == Fate.LOST ? mapped : 0;
    if (context != null && contextPlace == null) {
      contextPlace = left;
      contextFate = fate == Fate.LOST ? Fate.LOST : Fate.DIRTY;
      contextMapped = stillMapped;
    } else {
      leave(left, fate, stillMapped);
    }
    images.grewInto(place.slotClass());
    return true;
  }

  private void leave(Place left, Fate fate, long mapped) {
    home.giveBack(left, fate, null, mapped);
    owner.leave(left.slotClass());
  }

  /** Takes the context along to where the store is, now that nobody runs in it. */
  private void bringContext() {
    Place left = contextPlace;
    if (left != null) {
      contextPlace = null;
      if (context != null) {
        context.moveTo(place.tableBase());
      }
      leave(left, contextFate, contextMapped);
    }
  }

  /** Puts an image in place, unless the slot holds it already. */
  void placeImage(SlotMemory memory, MemoryImage image) {
    if (affine) {
      return;
    }
    home.kernel().at(Step.BUILD_IMAGE);
    if (memory.index() < Long.SIZE
        && image.bytes() >= home.config().mapImageBytes()
        && image.isDense()
        && home.addMapping()) {
      try {
        home.kernel().mapImage(image.file(), memory.baseAddress() + image.start());
        memory.setMapped(true);
        return;
      } catch (RuntimeException | Error e) {
        // Out of mappings, descriptors or memory: a copy needs none of them.
        home.removeMappings(1);
        clearUnmapped(memory.baseAddress() + image.start(), image.spanBytes());
      }
    }
    image.copyTo(memory.baseAddress(), 0, memory.sizeBytes());
  }

  /**
   * Makes sure of zeroes where an image could not be mapped.
   *
   * @throws SystemCallException if the kernel has left a hole there and does not fill it
   */
  private void clearUnmapped(long address, long bytes) {
    try {
      home.kernel().mapZeroes(address, bytes);
    } catch (RuntimeException e) {
      // Without a mapping left, this one is refused as well, and then what was there still is. The
      // call fails on a hole, which some kernels leave.
      home.kernel().discard(address, bytes);
      if (!RawMemory.isZero(address, bytes)) {
        throw e;
      }
    }
  }

  private boolean isMappedBefore(int memory) {
    return memory < Long.SIZE && (mappedBefore >>> memory & 1) == 1;
  }

  long tableBase() {
    return place.tableBase();
  }

  /**
   * Looks whether the run is to stop, in the middle of an operation that has been paid for. The
   * store's meter is its first memory.
   */
  void look() {
    if (!memories.isEmpty()) {
      memories.getFirst().look();
    }
  }

  void drop(int segment) {
    // Reading is the lesser work, and most of what drops again and again.
    if (!dropped.get(segment)) {
      dropped.set(segment);
    }
  }

  boolean isDropped(int segment) {
    return dropped.get(segment);
  }

  /** Most linear memory held at once since {@link #open}, in bytes. */
  public long memoryPeakBytes() {
    return memoryPeakBytes;
  }

  /** Linear memory held now, in bytes. */
  public long memoryBytes() {
    return memoryBytes;
  }

  /** Table elements held now. */
  public long tableElements() {
    return elements;
  }

  /**
   * Returns the slot to its module's images. After it the slot holds no byte that the run wrote,
   * and counts as nothing of its owner's.
   *
   * @throws SystemCallException if the kernel refused; closing the lease then retires the slot
   * @throws SlotCorruptedException if the audit found it otherwise; the same
   */
  public void reset() {
    checkOpen();
    ResetFigures figures = home.resets();
    long startNanos = System.nanoTime();
    boolean clean = false;
    try {
      home.kernel().at(Step.RESET_MEMORY);
      boolean faulted = mayHaveFaulted();
      for (int i = 0; i < memories.size(); i++) {
        memories.get(i).reset(home.memoryReset(), faulted, figures);
      }
      home.kernel().at(Step.RESET_TABLES);
      resetTables(figures);
      resetContext();
      if (home.isAuditDue()) {
        home.kernel().at(Step.RESET_AUDIT);
        audit(figures);
      }
      clean = true;
      (faulted ? figures.scanned : figures.unchanged).increment();
    } finally {
      if (!clean) {
        lost = true;
        figures.failed.increment();
      }
      figures.nanos.add(System.nanoTime() - startNanos);
    }
    rest();
  }

  /** Whether a page may have been written since {@link #open} that was not writable before. */
  private boolean mayHaveFaulted() {
    // INVARIANT: whatever writes to the slot between open and reset does so on one thread.
    return faultsAtOpen < 0
        || runner != Thread.currentThread()
        || ThreadFaults.count() != faultsAtOpen;
  }

  /** Forgets what the run dropped and grew. */
  private void rest() {
    runner = null;
    faultsAtOpen = -1;
    dropped.clear();
    ModuleImages.Snapshot snapshot = images.snapshot();
    if (snapshot != null) {
      dropped.or(snapshot.dropped());
    }
    if (live) {
      owner.release(memoryBytes, elements);
      live = false;
    }
    memoryBytes = 0;
    elements = 0;
    for (int i = 0; i < memories.size(); i++) {
      memoryBytes += memories.get(i).sizeBytes();
    }
    for (int i = 0; i < tables.size(); i++) {
      elements += tables.get(i).size();
    }
  }

  private void resetContext() {
    SlotContext used = context;
    if (used != null) {
      bringContext();
      RawMemory.fill(used.address(), used.bytes(), (byte) 0);
    }
  }

  /** Tables that were written are zeroed, and read from their images again. */
  private void resetTables(ResetFigures figures) {
    long written = 0;
    for (int i = 0; i < tables.size(); i++) {
      written += tables.get(i).writtenBytes();
    }
    if (written == 0) {
      return;
    }
    boolean inPlace = written <= home.config().keepResidentTableBytes();
    if (!inPlace) {
      long bytes = SlabLayout.CONTEXT_BYTES + (long) nextTableElement * SlotTable.ELEMENT_BYTES;
      bytes = (bytes + Libc.PAGE_BYTES - 1) / Libc.PAGE_BYTES * Libc.PAGE_BYTES;
      bringContext(); // Before the page that it is in is discarded.
      home.kernel().discard(place.tableBase(), bytes);
      figures.discardedBytes.add(bytes);
    }
    for (int i = 0; i < tables.size(); i++) {
      tables.get(i).reset(inPlace);
    }
  }

  /** Reads back all that a guest could have written. */
  private void audit(ResetFigures figures) {
    figures.audits.increment();
    String wrong = null;
    for (int i = 0; i < memories.size() && wrong == null; i++) {
      long at = memories.get(i).difference();
      wrong = at < 0 ? null : "memory " + i + " at " + at;
    }
    long tableBytes = SlabLayout.CONTEXT_BYTES + (long) nextTableElement * SlotTable.ELEMENT_BYTES;
    if (wrong == null && !RawMemory.isZero(place.tableBase(), tableBytes)) {
      wrong = "its tables";
    }
    if (wrong != null) {
      figures.auditFailures.increment();
      throw new SlotCorruptedException(place.slot(), wrong);
    }
  }

  /** The slot may be someone else's by now, and a revoked memory's base is no address. */
  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the lease of slot " + place.slot() + " has ended");
    }
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────

  /**
   * Gives the slot back and leaves the module's images in it, so that another instance of the
   * module finds them in place. Resets it first if it has been opened since the last reset.
   * Idempotent.
   */
  public void release() {
    if (closed) {
      return;
    }
    if (!settled || lost) {
      close();
      return;
    }
    boolean clean = false;
    try {
      if (live) {
        reset();
      }
      home.kernel().at(Step.RETURN_WARM);
      clean = true;
    } finally {
      if (clean) {
        end(Fate.WARM);
      } else {
        close();
      }
    }
  }

  /**
   * Gives the slot back, empty. Idempotent. A slot that the kernel does not clear is retired and
   * never used again.
   */
  @Override
  public void close() {
    if (!closed) {
      Fate fate = Fate.LOST;
      try {
        fate = unmapImages();
      } finally {
        end(lost ? Fate.LOST : fate);
      }
    }
  }

  /** Takes mapped images out of the slot, which clears all of it. */
  private Fate unmapImages() {
    long mapped = mappedImages();
    if (mapped == 0) {
      return Fate.DIRTY;
    }
    try {
      home.kernel().at(Step.RETURN_UNMAP);
      home.kernel().mapZeroes(place.tableBase(), place.usableBytes());
    } catch (RuntimeException | Error e) {
      if (!unmapEach(mapped)) {
        // The mappings are still there and still counted; the slot is lost with them.
        return Fate.LOST;
      }
    }
    home.removeMappings(Long.bitCount(mapped));
    for (int i = 0; i < memories.size(); i++) {
      memories.get(i).setMapped(false);
    }
    return Fate.COLD;
  }

  /**
   * Unmaps each image by itself and discards the slot: exactly what was mapped is replaced, which
   * splits no mapping and so goes even when the process has none left.
   */
  private boolean unmapEach(long mapped) {
    if (memories.size() < Long.SIZE && mapped >>> memories.size() != 0) {
      return false; // Of a memory that was not built: nobody here knows where.
    }
    try {
      for (int i = 0; i < memories.size(); i++) {
        MemoryImage image = images.memory(i);
        if (memories.get(i).isMapped() && image != null) {
          home.kernel().mapZeroes(memories.get(i).baseAddress() + image.start(), image.spanBytes());
        }
      }
      home.kernel().discard(place.tableBase(), place.usableBytes());
      return true;
    } catch (RuntimeException | Error e) {
      return false;
    }
  }

  /** The memories whose image is mapped, a bit each. */
  private long mappedImages() {
    long mapped = 0;
    for (int i = 0; i < memories.size(); i++) {
      mapped |= memories.get(i).isMapped() ? 1L << i : 0;
    }
    // A slot that was leased with its images and whose memories were not all built yet.
    for (int i = memories.size(); affine && i < Long.SIZE; i++) {
      mapped |= isMappedBefore(i) ? 1L << i : 0;
    }
    return mapped;
  }

  private void end(Fate fate) {
    closed = true;
    if (live) {
      owner.release(memoryBytes, elements);
    }
    home.removeHeld(memories.size(), tables.size());
    Place left = contextPlace;
    if (left != null) {
      contextPlace = null;
      leave(left, contextFate, contextMapped);
    }
    context = null;
    long mapped = fate == Fate.COLD ? 0 : mappedImages();
    for (int i = 0; i < memories.size(); i++) {
      memories.get(i).revoke();
    }
    for (int i = 0; i < tables.size(); i++) {
      tables.get(i).revoke();
    }
    home.giveBack(place, fate, fate == Fate.WARM ? images : null, mapped);
    owner.giveBack(place.slotClass());
  }
}
