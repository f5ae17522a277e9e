package dev.skep.pool;

import dev.skep.pool.os.ImageFile;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * What both allocators count and bound in the same way: memories, tables and mapped images held,
 * leases by class, refusals by reason. Thread-safe and lock-free.
 */
final class AllocatorFigures {
  final LongAdder taken = new LongAdder();
  final LongAdder closed = new LongAdder();
  final LongAdder moved = new LongAdder();
  final LongAdder decommits = new LongAdder();
  final LongAdder decommitCalls = new LongAdder();
  final ResetFigures resets = new ResetFigures();
  final AtomicInteger[] leased;
  final AtomicInteger[] retired;
  private final PoolConfig config;
  private final AtomicInteger memories = new AtomicInteger();
  private final AtomicInteger tables = new AtomicInteger();
  private final AtomicInteger mappings = new AtomicInteger();
  private final AtomicLong untilAudit;
  private final Map<TakeRefused.Reason, LongAdder> refused =
      new EnumMap<>(TakeRefused.Reason.class);

  AllocatorFigures(PoolConfig config) {
    this.config = config;
    this.leased = zeroes(config.classes().size());
    this.retired = zeroes(config.classes().size());
    this.untilAudit = new AtomicLong(config.auditEvery());
    for (TakeRefused.Reason reason : TakeRefused.Reason.values()) {
      refused.put(reason, new LongAdder());
    }
  }

  private static AtomicInteger[] zeroes(int count) {
    AtomicInteger[] all = new AtomicInteger[count];
    for (int i = 0; i < count; i++) {
      all[i] = new AtomicInteger();
    }
    return all;
  }

  boolean addMemory() {
    return add(memories, config.memories());
  }

  boolean addTable() {
    return add(tables, config.tables());
  }

  void removeHeld(int memoryCount, int tableCount) {
    memories.addAndGet(-memoryCount);
    tables.addAndGet(-tableCount);
  }

  boolean addMapping() {
    return add(mappings, config.imageMappings());
  }

  void removeMappings(int count) {
    mappings.addAndGet(-count);
  }

  private static boolean add(AtomicInteger held, int most) {
    while (true) {
      int now = held.get();
      if (now >= most) {
        return false;
      }
      if (held.compareAndSet(now, now + 1)) {
        return true;
      }
    }
  }

  /** Counts a reset; true for one in {@code auditEvery}. */
  boolean isAuditDue() {
    if (config.auditEvery() == 0 || untilAudit.decrementAndGet() > 0) {
      return false;
    }
    untilAudit.set(config.auditEvery());
    return true;
  }

  TakeRefused refuse(TakeRefused.Reason reason, String message) {
    Objects.requireNonNull(refused.get(reason)).increment();
    return new TakeRefused(reason, message);
  }

  /** What was refused since start, by reason. */
  private Map<TakeRefused.Reason, Long> refusals() {
    Map<TakeRefused.Reason, Long> counts = new EnumMap<>(TakeRefused.Reason.class);
    refused.forEach((reason, count) -> counts.put(reason, count.sum()));
    return counts;
  }

  PoolStats stats(List<ClassStats> classes, long reservedBytes, PoolStats.Features features) {
    return new PoolStats(
        classes,
        config.instances(),
        memories.get(),
        tables.get(),
        taken.sum(),
        refusals(),
        closed.sum(),
        moved.sum(),
        resets.stats(),
        decommits.sum(),
        decommitCalls.sum(),
        reservedBytes,
        mappings.get(),
        config.imageMappings(),
        ImageFile.open(),
        features);
  }
}
