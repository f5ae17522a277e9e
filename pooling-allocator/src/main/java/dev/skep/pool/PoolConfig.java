package dev.skep.pool;

import dev.skep.pool.os.Libc;
import java.util.List;

/**
 * The knobs of the pool. Immutable. Address space is reserved for all of it at start; memory is
 * used only for what guests touch. {@link PoolPlan} says what a configuration comes to.
 *
 * @param classes sizes of slots, 1 to 8, ascending by memory
 * @param instances most instances live at once over all classes, 1 to the sum of their slots
 * @param memories most linear memories at once over all instances, 1 to 1,000,000,000
 * @param tables most tables at once over all instances, 1 to 1,000,000,000
 * @param memoriesPerModule most memories of one module, 1 to 100
 * @param tablesPerModule most tables of one module, 1 to 100
 * @param tableElements most table elements of one instance, 1 to 10,000,000, of 4 bytes
 * @param guardBytes inaccessible bytes behind each slot, a multiple of 4 KiB up to 1 GiB, 0 for
 *     none; bounds are checked in front of them on every access
 * @param unusedWarmSlots most free slots that keep the image of the module they last held, 0 to all
 * @param keepResidentMemoryBytes most bytes of a memory, besides a copied image, that a reset
 *     restores in place instead of giving them back to the kernel, a multiple of 4 KiB, 0 to 1 GiB
 * @param keepResidentTableBytes the same for tables
 * @param decommitBatch slots that are given back to the kernel together, 0 to 1,024; 0 and 1 mean
 *     each by itself, at once
 * @param pageScan whether resets ask the kernel which pages were written
 * @param mapImageBytes images of at least as many bytes are mapped copy-on-write and smaller ones
 *     are copied; {@link Long#MAX_VALUE} to map none
 * @param imageMappings most slots that may have an image mapped at once, 0 to 1,000,000; each costs
 *     two of the process's mappings, and what finds none left is copied
 * @param auditEvery every how many resets a slot is read back in full, 0 for never
 */
public record PoolConfig(
    List<SlotClass> classes,
    int instances,
    int memories,
    int tables,
    int memoriesPerModule,
    int tablesPerModule,
    int tableElements,
    long guardBytes,
    int unusedWarmSlots,
    long keepResidentMemoryBytes,
    long keepResidentTableBytes,
    int decommitBatch,
    PageScanning pageScan,
    long mapImageBytes,
    int imageMappings,
    int auditEvery) {

  /** Whether resets ask the kernel which pages were written. */
  public enum PageScanning {
    /** Where the kernel can (Linux 6.7). */
    AUTO,
    OFF
  }

  private static final int DEFAULT_INSTANCES = 16_384;
  private static final int MANY = 1_000_000_000;

  /** The one place of the defaults. */
  public static final PoolConfig DEFAULTS =
      new PoolConfig(
          List.of(
              // C and AssemblyScript start at 64 to 192 KiB; three such slots share a page of page
              // tables, and every instance of a node may be of this kind.
              new SlotClass(512L << 10, DEFAULT_INSTANCES),
              // Rust starts at 1.1 MiB, of which 1 MiB is stack.
              new SlotClass(4L << 20, 8_192),
              // What a store may use by default.
              new SlotClass(64L << 20, 4_096)),
          // Ten thousand warm functions with room to spare.
          DEFAULT_INSTANCES,
          MANY,
          MANY,
          // What the engine's module limits allow.
          16,
          16,
          // Wasmtime's default, and that of a store.
          20_000,
          64L << 10,
          1_024,
          // What a small function writes is 3 to 16 pages; 1 GiB when all slots are idle.
          64L << 10,
          16L << 10,
          // One call then discards 16 slots; more gains nothing (./skep bench pool).
          16,
          PageScanning.AUTO,
          // Below, copying costs less than a mapping; from here on more, in time and in memory
          // (./skep bench images).
          64L << 10,
          // Half of the 65,530 mappings a process has by default, at two each.
          16_000,
          // A read-back of a small slot takes some 50 µs: half a percent of the time of resets.
          10_000);

  public PoolConfig {
    classes = List.copyOf(classes);
    check("classes", classes.size(), 1, 8);
    long slots = 0;
    for (int i = 0; i < classes.size(); i++) {
      if (i > 0 && classes.get(i).memoryBytes() <= classes.get(i - 1).memoryBytes()) {
        throw new IllegalArgumentException(
            "class "
                + i
                + " has "
                + classes.get(i).memoryBytes()
                + " bytes of memory; it must have more than the class before it");
      }
      slots += classes.get(i).slots();
    }
    check("the sum of slots", slots, 1, 1_000_000);
    check("instances", instances, 1, slots);
    check("memories", memories, 1, MANY);
    check("tables", tables, 1, MANY);
    check("memoriesPerModule", memoriesPerModule, 1, 100);
    check("tablesPerModule", tablesPerModule, 1, 100);
    check("tableElements", tableElements, 1, 10_000_000);
    checkPages("guardBytes", guardBytes);
    check("unusedWarmSlots", unusedWarmSlots, 0, 1_000_000);
    checkPages("keepResidentMemoryBytes", keepResidentMemoryBytes);
    checkPages("keepResidentTableBytes", keepResidentTableBytes);
    check("decommitBatch", decommitBatch, 0, 1_024);
    check("mapImageBytes", mapImageBytes, 1, Long.MAX_VALUE);
    check("imageMappings", imageMappings, 0, 1_000_000);
    check("auditEvery", auditEvery, 0, Integer.MAX_VALUE);
  }

  private static void check(String name, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be from " + least + " to " + most);
    }
  }

  private static void checkPages(String name, long bytes) {
    if (bytes < 0 || bytes > 1L << 30 || bytes % Libc.PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          name + " is " + bytes + "; it must be a multiple of 4096 up to 1073741824");
    }
  }

  /** The defaults with one class of slots, all of which may be live. */
  public static PoolConfig of(int slots, long memoryBytes, int tableElements, long guardBytes) {
    return DEFAULTS
        .with()
        .classes(new SlotClass(memoryBytes, slots))
        .tableElements(tableElements)
        .guardBytes(guardBytes)
        .build();
  }

  /** Slots over all classes. */
  public int slots() {
    int slots = 0;
    for (SlotClass each : classes) {
      slots += each.slots();
    }
    return slots;
  }

  /** Most linear memory that any slot holds, in bytes. */
  public long mostMemoryBytes() {
    return classes.getLast().memoryBytes();
  }

  /** A builder that starts with this configuration. */
  public Builder with() {
    return new Builder(this);
  }

  /** Makes a configuration out of another. Not thread-safe. */
  public static final class Builder {
    private List<SlotClass> classes;
    private int instances;
    private int memories;
    private int tables;
    private int memoriesPerModule;
    private int tablesPerModule;
    private int tableElements;
    private long guardBytes;
    private int unusedWarmSlots;
    private long keepResidentMemoryBytes;
    private long keepResidentTableBytes;
    private int decommitBatch;
    private PageScanning pageScan;
    private long mapImageBytes;
    private int imageMappings;
    private int auditEvery;

    private Builder(PoolConfig from) {
      classes = from.classes;
      instances = from.instances;
      memories = from.memories;
      tables = from.tables;
      memoriesPerModule = from.memoriesPerModule;
      tablesPerModule = from.tablesPerModule;
      tableElements = from.tableElements;
      guardBytes = from.guardBytes;
      unusedWarmSlots = from.unusedWarmSlots;
      keepResidentMemoryBytes = from.keepResidentMemoryBytes;
      keepResidentTableBytes = from.keepResidentTableBytes;
      decommitBatch = from.decommitBatch;
      pageScan = from.pageScan;
      mapImageBytes = from.mapImageBytes;
      imageMappings = from.imageMappings;
      auditEvery = from.auditEvery;
    }

    /** These classes, and all of their slots live at once unless {@code instances} follows. */
    public Builder classes(SlotClass... value) {
      classes = List.of(value);
      instances = classes.stream().mapToInt(SlotClass::slots).sum();
      return this;
    }

    public Builder instances(int value) {
      instances = value;
      return this;
    }

    public Builder memories(int value) {
      memories = value;
      return this;
    }

    public Builder tables(int value) {
      tables = value;
      return this;
    }

    public Builder memoriesPerModule(int value) {
      memoriesPerModule = value;
      return this;
    }

    public Builder tablesPerModule(int value) {
      tablesPerModule = value;
      return this;
    }

    public Builder tableElements(int value) {
      tableElements = value;
      return this;
    }

    public Builder guardBytes(long value) {
      guardBytes = value;
      return this;
    }

    public Builder unusedWarmSlots(int value) {
      unusedWarmSlots = value;
      return this;
    }

    public Builder keepResidentMemoryBytes(long value) {
      keepResidentMemoryBytes = value;
      return this;
    }

    public Builder keepResidentTableBytes(long value) {
      keepResidentTableBytes = value;
      return this;
    }

    public Builder decommitBatch(int value) {
      decommitBatch = value;
      return this;
    }

    public Builder pageScan(PageScanning value) {
      pageScan = value;
      return this;
    }

    public Builder mapImageBytes(long value) {
      mapImageBytes = value;
      return this;
    }

    public Builder imageMappings(int value) {
      imageMappings = value;
      return this;
    }

    public Builder auditEvery(int value) {
      auditEvery = value;
      return this;
    }

    public PoolConfig build() {
      return new PoolConfig(
          classes,
          instances,
          memories,
          tables,
          memoriesPerModule,
          tablesPerModule,
          tableElements,
          guardBytes,
          unusedWarmSlots,
          keepResidentMemoryBytes,
          keepResidentTableBytes,
          decommitBatch,
          pageScan,
          mapImageBytes,
          imageMappings,
          auditEvery);
    }
  }
}
