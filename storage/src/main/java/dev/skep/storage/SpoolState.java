package dev.skep.storage;

import java.time.Duration;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * What the spool's callers, its writer and its shipper share. Thread-safe. The lock guards nothing
 * but the waiting: appending never takes it.
 */
final class SpoolState {
  /** The oldest first. The writer adds at the end, the shipper removes at the front. */
  final Deque<SpoolSegment> segments = new ConcurrentLinkedDeque<>();

  /** Over all segment files, written or being written. */
  final AtomicLong bytes = new AtomicLong();

  /** In the queue, or about to be. */
  final AtomicInteger queued = new AtomicInteger();

  /** Who waits for all to be shipped, so that the shipper does not pause. */
  final AtomicInteger flushing = new AtomicInteger();

  /** Receipts that will end up shipped or failed: replayed ones, and those let into the queue. */
  final AtomicLong accepted = new AtomicLong();

  /** Those of them that have: {@code settled <= accepted}, equal when all is done. */
  final AtomicLong settled = new AtomicLong();

  final AtomicLong appended = new AtomicLong();
  final AtomicLong failed = new AtomicLong();
  final AtomicLong shipped = new AtomicLong();
  final AtomicLong duplicates = new AtomicLong();
  final AtomicLong syncs = new AtomicLong();
  final AtomicLong shipFailures = new AtomicLong();
  final AtomicLong lastShipLagMillis = new AtomicLong();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** Wakes everyone who waits, after a change of what they may wait for. */
  void signal() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until {@code condition} holds, which every change of is followed by {@link #signal}.
   *
   * @return whether it does; false after {@code timeout} or an interrupt
   */
  boolean await(BooleanSupplier condition, Duration timeout) {
    long leftNanos = timeout.toNanos();
    lock.lock();
    try {
      while (!condition.getAsBoolean()) {
        if (leftNanos <= 0) {
          return false;
        }
        leftNanos = changed.awaitNanos(leftNanos);
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }
}
