package dev.skep.pool;

import java.util.List;
import java.util.Map;

/**
 * What the pool holds and has done.
 *
 * @param classes one a class of slots
 * @param instances most that may be live
 * @param memories linear memories held by leases
 * @param tables held by leases
 * @param taken leases given out since start
 * @param refused takes refused since start, by reason
 * @param closed leases given back since start
 * @param moved stores that have grown into a larger slot
 * @param resets what resets came to
 * @param decommits slots given back to the kernel
 * @param decommitCalls calls that took
 * @param reservedBytes address space of the slab
 * @param mappedImages slots that have an image mapped
 * @param mostMappedImages that may have
 * @param imageFiles images that are files, in this process
 * @param features what the kernel can
 */
public record PoolStats(
    List<ClassStats> classes,
    int instances,
    int memories,
    int tables,
    long taken,
    Map<TakeRefused.Reason, Long> refused,
    long closed,
    long moved,
    ResetStats resets,
    long decommits,
    long decommitCalls,
    long reservedBytes,
    int mappedImages,
    int mostMappedImages,
    int imageFiles,
    Features features) {

  /**
   * What the kernel of this machine can.
   *
   * @param pageScan resets find the pages written
   * @param guards every slot has a guard behind it that costs no mapping
   * @param batchedDecommit many slots are given back in one call
   */
  public record Features(boolean pageScan, boolean guards, boolean batchedDecommit) {}

  /** Slots in all. */
  public int slots() {
    return classes.stream().mapToInt(ClassStats::slots).sum();
  }

  /** Slots out on a lease, running or idle. */
  public int leased() {
    return classes.stream().mapToInt(ClassStats::leased).sum();
  }

  /** Slots that can be taken. */
  public int free() {
    return classes.stream().mapToInt(c -> c.cold() + c.warm() + c.pending()).sum();
  }

  /** Slots that are never used again. */
  public int retired() {
    return classes.stream().mapToInt(ClassStats::retired).sum();
  }

  /** Takes refused, for whatever reason. */
  public long refusals() {
    return refused.values().stream().mapToLong(Long::longValue).sum();
  }
}
