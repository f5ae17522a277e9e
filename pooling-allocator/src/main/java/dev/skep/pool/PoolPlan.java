package dev.skep.pool;

import dev.skep.pool.PoolPlan.Sum.Resource;
import dev.skep.pool.PoolPlan.Term.Part;
import dev.skep.pool.os.Libc;
import java.util.ArrayList;
import java.util.List;

/**
 * What a configuration comes to on a machine, line by line: address space, mappings, heap, memory
 * when everything is idle and when everything is written. Pure arithmetic: nothing is reserved.
 * Immutable.
 *
 * <p>Two figures of memory stand for the two ends of what can happen. <b>Idle</b> is what a full
 * pool comes to rest at: every instance has run, has written more than a reset keeps, and waits.
 * More than the machine has means that the node would fail by growing old, so it is a problem.
 * <b>Worst</b> is every instance writing all it may at once, in the largest slots there are. It is
 * meant to be more than the machine has, since reserving slots for the few that need them is what a
 * pool is for; it is only said.
 *
 * <p>Not counted, because it depends on the guests and not on the configuration: generated code,
 * and one copy of each image that is mapped. An image that is copied stays in its slot besides what
 * is kept, and its size is assumed. Held against a real pool by {@code ./skep bench plan}.
 *
 * @param addressSpace in bytes
 * @param mappings of the process
 * @param heap of the JVM that the pool and its instances need, in bytes
 * @param idle resident memory in bytes when all instances are idle
 * @param worst resident memory in bytes when all instances have written all they may, with all that
 *     the JVM's heap may become
 */
public record PoolPlan(Sum addressSpace, Sum mappings, Sum heap, Sum idle, Sum worst) {
  /**
   * An image that is copied is assumed to be so large: C and AssemblyScript have up to some 30 KiB,
   * Rust and Go more. One that lies behind all that a run has written can count twice.
   */
  static final long COPIED_IMAGE_BYTES = 64L << 10;

  /**
   * Heap of one idle instance, in bytes: the lease, its memory and table, the engine's objects, and
   * the scheduler's record of it. A guest of 70 functions has 2,308 ({@code ./skep bench slots})
   * and some 80 in the scheduler; one of three functions has 1,700.
   */
  public static final long INSTANCE_HEAP_BYTES = 2_400;

  /**
   * One line of a sum.
   *
   * @param part what it is for
   * @param amount bytes or mappings, 0 or more
   * @param because how the amount comes about
   */
  public record Term(Part part, long amount, String because) {
    /** What a line is for. */
    public enum Part {
      IN_USE("in use already"),
      RESERVE("left for the rest of the process"),
      SLOTS("slots"),
      SLAB("slab"),
      GUARDS("guards"),
      IMAGES("mapped images"),
      KEPT_MEMORY("memory kept by instances"),
      KEPT_IMAGES("images copied into instances"),
      KEPT_TABLES("tables kept by instances"),
      WARM_SLOTS("unused warm slots"),
      WRITTEN("instances written in full"),
      WAITING("slots waiting to be given back"),
      PAGE_TABLES("page tables"),
      INSTANCE_HEAP("heap of instances"),
      SLOT_HEAP("heap of the pool"),
      HEAP("heap of the JVM"),
      COMPILER_HEAP("heap of the compiler's process");

      private final String title;

      Part(String title) {
        this.title = title;
      }

      /** A few words. */
      public String title() {
        return title;
      }
    }
  }

  /**
   * A sum and what it must stay within.
   *
   * @param terms in order of reading
   * @param limit the same unit; {@link Long#MAX_VALUE} if none is known
   * @param limitIs what the limit is
   */
  public record Sum(Resource resource, List<Term> terms, long limit, String limitIs) {
    /** What is summed up. */
    public enum Resource {
      ADDRESS_SPACE("address space", true),
      MAPPINGS("mappings", false),
      HEAP("heap", true),
      IDLE_MEMORY("memory, all idle", true),
      WORST_MEMORY("memory, all written", true);

      private final String title;
      private final boolean bytes;

      Resource(String title, boolean bytes) {
        this.title = title;
        this.bytes = bytes;
      }

      /** A few words. */
      public String title() {
        return title;
      }

      /** Whether it is counted in bytes. */
      public boolean isBytes() {
        return bytes;
      }
    }

    public Sum {
      terms = List.copyOf(terms);
    }

    public long total() {
      return terms.stream().mapToLong(Term::amount).sum();
    }

    /** The sum of the lines for these parts. */
    public long of(Part... parts) {
      List<Part> wanted = List.of(parts);
      return terms.stream()
          .filter(term -> wanted.contains(term.part()))
          .mapToLong(Term::amount)
          .sum();
    }

    public boolean fits() {
      return total() <= limit;
    }
  }

  /** What to turn when something does not fit. */
  public enum Knob {
    CLASSES,
    INSTANCES,
    GUARD_BYTES,
    UNUSED_WARM_SLOTS,
    KEEP_RESIDENT_MEMORY,
    KEEP_RESIDENT_TABLE,
    IMAGE_MAPPINGS,
    JVM_HEAP,
    MAX_MAP_COUNT,
    ADDRESS_SPACE_LIMIT,
    MACHINE_MEMORY
  }

  /**
   * A sum that is more than its limit.
   *
   * @param turn knobs that help, the one that helps most first
   */
  public record Problem(Sum sum, List<Knob> turn) {
    public Problem {
      turn = List.copyOf(turn);
    }

    public Resource resource() {
      return sum.resource();
    }
  }

  /**
   * Makes the plan, for images as large as modules commonly have and as are not mapped yet. Linear
   * in the slots: milliseconds for a million.
   *
   * @param heapBytes most the JVM's heap can become, {@link Runtime#maxMemory}
   */
  public static PoolPlan of(PoolConfig config, HostFacts host, long heapBytes) {
    long largest = (config.mapImageBytes() - 1) / Libc.PAGE_BYTES * Libc.PAGE_BYTES;
    return of(config, host, heapBytes, Math.min(COPIED_IMAGE_BYTES, largest));
  }

  /**
   * Makes the plan for modules that are known.
   *
   * @param imageBytes of the image that is copied into each slot, in whole pages of 4 KiB, 0 or
   *     more
   */
  public static PoolPlan of(PoolConfig config, HostFacts host, long heapBytes, long imageBytes) {
    return new PoolArithmetic(config, host, heapBytes, imageBytes).plan();
  }

  /**
   * The same with one line more in the worst case, for memory that is not the pool's and comes out
   * of the same limit.
   */
  public PoolPlan withWorst(Term term) {
    List<Term> terms = new ArrayList<>(worst.terms());
    terms.add(term);
    return new PoolPlan(
        addressSpace,
        mappings,
        heap,
        idle,
        new Sum(worst.resource(), terms, worst.limit(), worst.limitIs()));
  }

  /** What cannot fit, so that a node with this configuration should not start. */
  public List<Problem> problems() {
    List<Problem> all = new ArrayList<>();
    for (Sum sum : List.of(addressSpace, mappings, heap, idle)) {
      if (!sum.fits()) {
        all.add(new Problem(sum, knobs(sum)));
      }
    }
    return List.copyOf(all);
  }

  /** Whether all instances together may write more than the memory there is. */
  public boolean isOvercommitted() {
    return !worst.fits();
  }

  private static List<Knob> knobs(Sum sum) {
    return switch (sum.resource()) {
      case ADDRESS_SPACE -> List.of(Knob.CLASSES, Knob.GUARD_BYTES, Knob.ADDRESS_SPACE_LIMIT);
      case MAPPINGS -> List.of(Knob.IMAGE_MAPPINGS, Knob.MAX_MAP_COUNT);
      case HEAP -> List.of(Knob.INSTANCES, Knob.CLASSES, Knob.JVM_HEAP);
      case IDLE_MEMORY -> {
        boolean memories = sum.of(Part.KEPT_MEMORY) >= sum.of(Part.KEPT_TABLES);
        List<Knob> turn = new ArrayList<>();
        turn.add(memories ? Knob.KEEP_RESIDENT_MEMORY : Knob.KEEP_RESIDENT_TABLE);
        turn.add(Knob.INSTANCES);
        if (sum.of(Part.WARM_SLOTS)
            > sum.of(Part.KEPT_MEMORY, Part.KEPT_IMAGES, Part.KEPT_TABLES)) {
          turn.addFirst(Knob.UNUSED_WARM_SLOTS);
        } else {
          turn.add(Knob.UNUSED_WARM_SLOTS);
        }
        turn.add(Knob.MACHINE_MEMORY);
        yield turn;
      }
      case WORST_MEMORY -> List.of();
    };
  }
}
