package dev.skep.pool;

import static java.util.Locale.ROOT;

import dev.skep.pool.PoolPlan.Sum;
import dev.skep.pool.PoolPlan.Sum.Resource;
import dev.skep.pool.PoolPlan.Term;
import dev.skep.pool.PoolPlan.Term.Part;
import java.util.ArrayList;
import java.util.List;

/** The sums of one configuration, while they are made. */
final class PoolArithmetic {
  /**
   * Heap of the pool's books on one slot: 56 bytes in arrays of the index (seven of 4 or 8 bytes)
   * and of the allocator (two of 8 and two references).
   */
  private static final long SLOT_HEAP_BYTES = 56;

  /**
   * Mappings that the rest of the process may still make: a thread has 4 (stack, its guards, an
   * arena), and a node some hundreds of threads; then files, libraries and the JIT's code.
   */
  private static final long RESERVED_MAPPINGS = 4_096;

  /** Address space likewise: stacks of 1 MiB, arenas of 64 MiB, direct buffers. */
  private static final long RESERVED_ADDRESS_BYTES = 1L << 30;

  /** An image in the midst of the slab makes three mappings of one. */
  private static final long MAPPINGS_PER_IMAGE = 2;

  private final PoolConfig config;
  private final HostFacts host;
  private final long heapBytes;
  private final long imageBytes;
  private final SlabLayout layout;
  private final int classes;

  /** Of each class, slots of live instances: the largest first, which is the worst case. */
  private final int[] live;

  /** Of each class, slots that have been given back and still hold what was written. */
  private final int[] waiting;

  PoolArithmetic(PoolConfig config, HostFacts host, long heapBytes, long imageBytes) {
    this.config = config;
    this.host = host;
    this.heapBytes = heapBytes;
    this.imageBytes = imageBytes;
    this.layout = SlabLayout.of(config);
    this.classes = layout.areas().size();
    this.live = new int[classes];
    this.waiting = new int[classes];
    int instances = config.instances();
    // One more would be a batch, and be given back.
    int mostWaiting = Math.max(0, config.decommitBatch() - 1);
    for (int i = classes - 1; i >= 0; i--) {
      int slots = layout.areas().get(i).slots();
      live[i] = Math.min(instances, slots);
      instances -= live[i];
      waiting[i] = Math.min(mostWaiting, slots - live[i]);
      mostWaiting -= waiting[i];
    }
  }

  PoolPlan plan() {
    return new PoolPlan(addressSpace(), mappings(), heap(), idle(), worst());
  }

  private Sum addressSpace() {
    List<Term> terms = new ArrayList<>();
    for (int i = 0; i < classes; i++) {
      SlabLayout.Area area = layout.areas().get(i);
      terms.add(
          new Term(
              Part.SLOTS,
              area.end() - area.offset(),
              number(area.slots())
                  + " slots × ("
                  + bytes(layout.tableBytes())
                  + " of tables and context + "
                  + bytes(config.classes().get(i).reservedBytes())
                  + " of memory + "
                  + bytes(layout.guardBytes())
                  + " of guard)"));
    }
    terms.add(
        new Term(
            Part.RESERVE,
            RESERVED_ADDRESS_BYTES,
            "stacks, arenas and direct buffers of the JVM that come later"));
    terms.add(
        new Term(
            Part.IN_USE,
            host.addressSpaceUsedBytes(),
            host.addressSpace() == HostFacts.AddressLimit.COMMIT_LIMIT
                ? "what all processes have committed (Committed_AS)"
                : "this process as it is now (VmSize), the reserved heap included"));
    String limitIs =
        switch (host.addressSpace()) {
          case USER_SPACE -> "47 bits, all that user space can address";
          case RLIMIT_AS -> "the process's limit (ulimit -v)";
          case COMMIT_LIMIT -> "CommitLimit, as vm.overcommit_memory is 2";
        };
    return new Sum(Resource.ADDRESS_SPACE, terms, host.addressSpaceBytes(), limitIs);
  }

  private Sum mappings() {
    long memories = Math.min(config.slots() * (long) config.memoriesPerModule(), config.memories());
    // No memory is large enough for an image that would be mapped.
    boolean maps = config.mapImageBytes() <= config.mostMemoryBytes();
    long images = maps ? Math.min(config.imageMappings(), memories) : 0;
    List<Term> terms =
        List.of(
            new Term(Part.SLAB, 1, "one mapping, however many slots"),
            new Term(
                Part.GUARDS,
                0,
                layout.guardBytes() == 0
                    ? "none are asked for"
                    : host.guards()
                        ? "marks in the page tables (MADV_GUARD_INSTALL)"
                        : "none: this kernel has no MADV_GUARD_INSTALL (Linux 6.13)"),
            new Term(
                Part.IMAGES,
                MAPPINGS_PER_IMAGE * images,
                maps
                    ? number(images)
                        + " × 2: an image splits the mapping it lies in into three; further"
                        + " images are copied"
                    : "none: no memory is as large as the images that are mapped"),
            new Term(
                Part.RESERVE,
                RESERVED_MAPPINGS,
                "threads at 4 each, files and code of the JVM that come later"),
            new Term(Part.IN_USE, host.mappings(), "this process as it is now"));
    return new Sum(Resource.MAPPINGS, terms, host.mostMappings(), "vm.max_map_count");
  }

  private Sum heap() {
    return new Sum(Resource.HEAP, heapTerms(), heapBytes, "the JVM's largest heap (-Xmx)");
  }

  private List<Term> heapTerms() {
    return List.of(
        new Term(
            Part.INSTANCE_HEAP,
            config.instances() * PoolPlan.INSTANCE_HEAP_BYTES,
            number(config.instances())
                + " instances × "
                + number(PoolPlan.INSTANCE_HEAP_BYTES)
                + " bytes of the engine's objects"),
        new Term(
            Part.SLOT_HEAP,
            config.slots() * SLOT_HEAP_BYTES,
            number(config.slots()) + " slots × " + SLOT_HEAP_BYTES + " bytes of books"));
  }

  // ── Memory ──────────────────────────────────────────────────────────────────────────────

  /** What a reset leaves of a memory in a slot of the class. */
  private long keptMemory(int slotClass) {
    return Math.min(config.keepResidentMemoryBytes(), layout.areas().get(slotClass).memoryBytes());
  }

  /** A copied image, which a reset keeps besides. */
  private long keptImage(int slotClass) {
    return Math.min(
        imageBytes, layout.areas().get(slotClass).memoryBytes() - keptMemory(slotClass));
  }

  /** What an idle slot holds. */
  private long kept(int slotClass) {
    return keptMemory(slotClass) + keptImage(slotClass) + keptTables();
  }

  private long keptTables() {
    return Math.min(
        config.keepResidentTableBytes() + SlabLayout.CONTEXT_BYTES, layout.tableBytes());
  }

  /** Free slots of a class that hold an image, when so many others are taken. */
  private int warm(int slotClass, int taken) {
    return Math.min(config.unusedWarmSlots(), layout.areas().get(slotClass).slots() - taken);
  }

  private Sum idle() {
    long memory = 0;
    long images = 0;
    long warmBytes = 0;
    long warmSlots = 0;
    for (int i = 0; i < classes; i++) {
      memory += live[i] * keptMemory(i);
      images += live[i] * keptImage(i);
      warmSlots += warm(i, live[i]);
      warmBytes += warm(i, live[i]) * kept(i);
    }
    boolean scans = config.pageScan() == PoolConfig.PageScanning.AUTO && host.pageScan();
    List<Term> terms = new ArrayList<>();
    terms.add(
        new Term(
            Part.KEPT_MEMORY,
            memory,
            number(config.instances())
                + " instances × "
                + bytes(config.keepResidentMemoryBytes())
                + (scans
                    ? ", if each has written as much; all of a smaller memory"
                    : ", written or not: no page scan; all of a smaller memory")));
    terms.add(
        new Term(
            Part.KEPT_IMAGES,
            images,
            imageBytes == 0
                ? "none: images are mapped"
                : number(config.instances())
                    + " instances × "
                    + bytes(imageBytes)
                    + ", if each has such an image; larger ones are mapped if any are"));
    terms.add(
        new Term(
            Part.KEPT_TABLES,
            config.instances() * keptTables(),
            number(config.instances())
                + " instances × "
                + bytes(keptTables())
                + ", if each has written its tables"));
    terms.add(
        new Term(
            Part.WARM_SLOTS,
            warmBytes,
            number(warmSlots)
                + " free slots of "
                + number(config.unusedWarmSlots())
                + " a class that keep the same"));
    terms.add(
        new Term(
            Part.PAGE_TABLES,
            pageTables(false),
            "4 KiB for each 2 MiB of the slab in which something is resident"
                + (host.guards() && layout.guardBytes() > 0 ? " or guarded" : "")));
    terms.addAll(heapTerms());
    return new Sum(Resource.IDLE_MEMORY, terms, host.memoryBytes(), memoryLimit());
  }

  private Sum worst() {
    List<Term> terms = new ArrayList<>();
    long warmBytes = 0;
    long waitingBytes = 0;
    int waitingSlots = 0;
    for (int i = classes - 1; i >= 0; i--) {
      long each = layout.tableBytes() + layout.areas().get(i).memoryBytes();
      if (live[i] > 0) {
        terms.add(
            new Term(
                Part.WRITTEN,
                live[i] * each,
                number(live[i])
                    + " instances × ("
                    + bytes(layout.areas().get(i).memoryBytes())
                    + " + "
                    + bytes(layout.tableBytes())
                    + " of tables and context), the largest slots first"));
      }
      waitingBytes += waiting[i] * each;
      waitingSlots += waiting[i];
      warmBytes += warm(i, live[i] + waiting[i]) * kept(i);
    }
    terms.add(
        new Term(
            Part.WAITING,
            waitingBytes,
            number(waitingSlots) + " slots: a batch that is not full yet"));
    terms.add(new Term(Part.WARM_SLOTS, warmBytes, "free slots that keep what a reset leaves"));
    terms.add(
        new Term(
            Part.PAGE_TABLES,
            pageTables(true),
            "4 KiB for each 2 MiB of the slab in which something is resident"));
    terms.add(new Term(Part.HEAP, heapBytes, "all that the JVM may take (-Xmx)"));
    return new Sum(Resource.WORST_MEMORY, terms, host.memoryBytes(), memoryLimit());
  }

  private String memoryLimit() {
    return switch (host.memory()) {
      case MACHINE -> "the machine's memory (MemTotal)";
      case CGROUP -> "the memory limit of the control group";
    };
  }

  /**
   * Page tables of all slots in use. Slots of a class are first taken from the lowest number up.
   *
   * @param written whether those of instances are written in full
   */
  private long pageTables(boolean written) {
    PageTables tables = new PageTables();
    for (int i = 0; i < classes; i++) {
      SlabLayout.Area area = layout.areas().get(i);
      int full = written ? live[i] + waiting[i] : 0;
      int used = Math.max(full, live[i]);
      used += warm(i, used);
      for (int n = 0; n < used; n++) {
        long at = area.offset() + n * area.strideBytes();
        long memory = at + layout.tableBytes();
        if (n < full) {
          tables.touch(at, memory + area.memoryBytes());
        } else {
          tables.touch(at, at + keptTables());
          tables.touch(memory, memory + keptMemory(i) + keptImage(i));
        }
        if (host.guards()) {
          long end = at + area.strideBytes();
          tables.touch(end - layout.guardBytes(), end);
        }
      }
    }
    return tables.bytes();
  }

  private static String number(long value) {
    return String.format(ROOT, "%,d", value);
  }

  /** In the largest unit that says it exactly. */
  private static String bytes(long value) {
    String[] units = {"bytes", "KiB", "MiB", "GiB"};
    long amount = value;
    int unit = 0;
    while (unit < units.length - 1 && amount != 0 && amount % 1_024 == 0) {
      amount /= 1_024;
      unit++;
    }
    return number(amount) + " " + units[unit];
  }
}
