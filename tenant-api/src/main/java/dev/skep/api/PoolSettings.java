package dev.skep.api;

import dev.skep.api.NodeConfig.Variable;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolConfig.PageScanning;
import dev.skep.pool.SlotClass;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The knobs of the pool as the environment sets them. */
final class PoolSettings {
  private static final PoolConfig DEFAULTS = PoolConfig.DEFAULTS;
  private static final String NEVER = "never";

  static final List<Variable> VARIABLES =
      List.of(
          new Variable(
              "SKEP_ALLOCATOR",
              "pooling",
              "where instances get their memory: `pooling`, from the slab, or `on-demand`, from the"
                  + " kernel each time, for systems without what the pool needs"),
          new Variable(
              "SKEP_SLOT_CLASSES",
              "`" + text(DEFAULTS.classes()) + "`",
              "sizes of slots, ascending, 1 to 8 of them: the linear memory an instance can have in"
                  + " such a slot, a multiple of 64KiB up to 4GiB, a colon, and how many there are;"
                  + " `/16MiB` after the size reserves more address space than that. An instance"
                  + " begins in the smallest that holds what its module starts with and moves when"
                  + " it grows"),
          new Variable(
              "SKEP_INSTANCES",
              Integer.toString(DEFAULTS.instances()),
              "instances that can be live at once, 1 to the sum of all slots"),
          new Variable(
              "SKEP_MEMORIES",
              Integer.toString(DEFAULTS.memories()),
              "linear memories at once over all instances, 1 to 1000000000"),
          new Variable(
              "SKEP_TABLES",
              Integer.toString(DEFAULTS.tables()),
              "tables at once over all instances, 1 to 1000000000"),
          new Variable(
              "SKEP_MEMORIES_PER_MODULE",
              Integer.toString(DEFAULTS.memoriesPerModule()),
              "linear memories of one module, 1 to 100"),
          new Variable(
              "SKEP_TABLES_PER_MODULE",
              Integer.toString(DEFAULTS.tablesPerModule()),
              "tables of one module, 1 to 100"),
          new Variable(
              "SKEP_TABLE_ELEMENTS",
              Integer.toString(DEFAULTS.tableElements()),
              "table elements of one instance, 1 to 10000000, of 4 bytes"),
          new Variable(
              "SKEP_GUARD_BYTES",
              Settings.inBytes(DEFAULTS.guardBytes()),
              "inaccessible bytes behind each slot, a multiple of 4KiB up to 1GiB, 0 for none; they"
                  + " cost no mapping (Linux 6.13 and up, else there are none)"),
          new Variable(
              "SKEP_UNUSED_WARM_SLOTS",
              Integer.toString(DEFAULTS.unusedWarmSlots()),
              "free slots that keep the image of the module they last held, of each class, 0 to"
                  + " 1000000; one more and the one unused for longest is cleared"),
          new Variable(
              "SKEP_KEEP_RESIDENT_MEMORY",
              Settings.inBytes(DEFAULTS.keepResidentMemoryBytes()),
              "bytes of a memory, besides a copied image, that a reset restores in place and leaves"
                  + " resident, a multiple of"
                  + " 4KiB up to 1GiB; what a run has written beyond goes back to the kernel"),
          new Variable(
              "SKEP_KEEP_RESIDENT_TABLE",
              Settings.inBytes(DEFAULTS.keepResidentTableBytes()),
              "the same for an instance's tables"),
          new Variable(
              "SKEP_DECOMMIT_BATCH",
              Integer.toString(DEFAULTS.decommitBatch()),
              "slots that are given back to the kernel in one call, 0 to 1024; 0 and 1 mean each at"
                  + " once"),
          new Variable(
              "SKEP_PAGE_SCAN",
              "auto",
              "whether resets ask the kernel which pages were written: `auto`, where it can (Linux"
                  + " 6.7 and up), or `off`, to restore the first bytes and give back the rest"),
          new Variable(
              "SKEP_MAP_IMAGE_BYTES",
              Settings.inBytes(DEFAULTS.mapImageBytes()),
              "images from this size on are mapped copy-on-write and shared, smaller ones are"
                  + " copied; `never` to copy all"),
          new Variable(
              "SKEP_IMAGE_MAPPINGS",
              Integer.toString(DEFAULTS.imageMappings()),
              "memories that may have an image mapped at once, 0 to 1000000, at two of the"
                  + " process's mappings each; further ones are copied"),
          new Variable(
              "SKEP_AUDIT_EVERY",
              Integer.toString(DEFAULTS.auditEvery()),
              "every how many resets a slot is read back in full and compared with its image, 0 for"
                  + " never"));

  private PoolSettings() {}

  /**
   * Reads the knobs; anything unset takes its default.
   *
   * @throws IllegalArgumentException naming the variable, if one is malformed or out of range
   */
  static PoolConfig of(Settings read) {
    String classes = read.optional("SKEP_SLOT_CLASSES");
    List<SlotClass> slots = classes == null ? DEFAULTS.classes() : classes(classes);
    int sum = slots.stream().mapToInt(SlotClass::slots).sum();
    return DEFAULTS
        .with()
        .classes(slots.toArray(SlotClass[]::new))
        .instances(read.integer("SKEP_INSTANCES", Math.min(sum, DEFAULTS.instances()), 1, sum))
        .memories(read.integer("SKEP_MEMORIES", DEFAULTS.memories(), 1, 1_000_000_000))
        .tables(read.integer("SKEP_TABLES", DEFAULTS.tables(), 1, 1_000_000_000))
        .memoriesPerModule(
            read.integer("SKEP_MEMORIES_PER_MODULE", DEFAULTS.memoriesPerModule(), 1, 100))
        .tablesPerModule(read.integer("SKEP_TABLES_PER_MODULE", DEFAULTS.tablesPerModule(), 1, 100))
        .tableElements(read.integer("SKEP_TABLE_ELEMENTS", DEFAULTS.tableElements(), 1, 10_000_000))
        .guardBytes(read.pages("SKEP_GUARD_BYTES", DEFAULTS.guardBytes(), 1L << 30))
        .unusedWarmSlots(
            read.integer("SKEP_UNUSED_WARM_SLOTS", DEFAULTS.unusedWarmSlots(), 0, 1_000_000))
        .keepResidentMemoryBytes(
            read.pages("SKEP_KEEP_RESIDENT_MEMORY", DEFAULTS.keepResidentMemoryBytes(), 1L << 30))
        .keepResidentTableBytes(
            read.pages("SKEP_KEEP_RESIDENT_TABLE", DEFAULTS.keepResidentTableBytes(), 1L << 30))
        .decommitBatch(read.integer("SKEP_DECOMMIT_BATCH", DEFAULTS.decommitBatch(), 0, 1_024))
        .pageScan(scanning(read.text("SKEP_PAGE_SCAN", "auto")))
        .mapImageBytes(
            NEVER.equals(read.optional("SKEP_MAP_IMAGE_BYTES"))
                ? Long.MAX_VALUE
                : read.bytes("SKEP_MAP_IMAGE_BYTES", DEFAULTS.mapImageBytes(), 1, 1L << 40))
        .imageMappings(read.integer("SKEP_IMAGE_MAPPINGS", DEFAULTS.imageMappings(), 0, 1_000_000))
        .auditEvery(read.integer("SKEP_AUDIT_EVERY", DEFAULTS.auditEvery(), 0, Integer.MAX_VALUE))
        .build();
  }

  /** Whether instances get their memory on demand. */
  static boolean isOnDemand(Settings read) {
    String value = read.text("SKEP_ALLOCATOR", "pooling");
    return switch (value) {
      case "pooling" -> false;
      case "on-demand" -> true;
      default ->
          throw new IllegalArgumentException(
              "SKEP_ALLOCATOR is \"" + value + "\"; it must be pooling or on-demand");
    };
  }

  private static PageScanning scanning(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "auto" -> PageScanning.AUTO;
      case "off" -> PageScanning.OFF;
      default ->
          throw new IllegalArgumentException(
              "SKEP_PAGE_SCAN is \"" + value + "\"; it must be auto or off");
    };
  }

  private static List<SlotClass> classes(String value) {
    List<SlotClass> all = new ArrayList<>();
    try {
      for (String each : value.split(",", -1)) {
        SlotClass one = slotClass(each);
        if (one == null) {
          throw new IllegalArgumentException(
              "it must be sizes and numbers as in " + text(DEFAULTS.classes()));
        }
        all.add(one);
      }
      // What classes must be together, apart from all else.
      var _ = DEFAULTS.with().classes(all.toArray(SlotClass[]::new)).build();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "SKEP_SLOT_CLASSES is \"" + value + "\"; " + e.getMessage(), e);
    }
    return all;
  }

  private static @Nullable SlotClass slotClass(String value) {
    String[] parts = value.split(":", -1);
    if (parts.length != 2) {
      return null;
    }
    String[] sizes = parts[0].split("/", 2);
    long memory = Settings.bytes(sizes[0]);
    long reserved = sizes.length == 1 ? memory : Settings.bytes(sizes[1]);
    int slots;
    try {
      slots = Integer.parseInt(parts[1].strip());
    } catch (NumberFormatException e) {
      return null;
    }
    return memory < 0 || reserved < 0 ? null : new SlotClass(memory, reserved, slots);
  }

  /** Classes as the environment has them. */
  static String text(List<SlotClass> classes) {
    return classes.stream()
        .map(each ->
            Settings.inBytes(each.memoryBytes())
                + (each.reservedBytes() == each.memoryBytes()
                    ? ""
                    : "/" + Settings.inBytes(each.reservedBytes()))
                + ":"
                + each.slots())
        .collect(Collectors.joining(","));
  }
}
