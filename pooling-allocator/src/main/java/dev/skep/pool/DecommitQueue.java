package dev.skep.pool;

import dev.skep.pool.SlotHome.Place;
import dev.skep.pool.os.BatchedDiscard;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Slots that wait to be given back to the kernel together: with one call for many, the processors
 * are told once that their translations are stale. What waits is not free and holds what its guest
 * wrote; it is flushed when a batch is full and whenever a take finds nothing else.
 *
 * <p>Thread-safe; the lock is held for adding a slot to a list, not for the kernel's work. Source
 * of the idea: Wasmtime's {@code DecommitQueue}.
 */
final class DecommitQueue {
  private final SlotKernel kernel;
  private final int batch;
  private final AllocatorFigures figures;
  private final Consumer<Place> cleared;
  private final Consumer<Place> lost;
  private final int[] waitingByClass;
  private final AtomicInteger waiting = new AtomicInteger();
  private List<Place> places;

  /** Calls under way that clear what has been taken out of the list. */
  private int clearing;

  private boolean closed;

  /**
   * @param batch slots to wait for, 0 and 1 for none
   * @param cleared is told each slot that is zero now
   * @param lost is told each slot that the kernel would not clear
   */
  DecommitQueue(
      SlotKernel kernel,
      int batch,
      int classes,
      AllocatorFigures figures,
      Consumer<Place> cleared,
      Consumer<Place> lost) {
    this.kernel = kernel;
    this.batch = batch;
    this.waitingByClass = new int[classes];
    this.places = new ArrayList<>(batch);
    this.figures = figures;
    this.cleared = cleared;
    this.lost = lost;
  }

  /** Takes a slot in, and flushes if that makes a batch. */
  void add(Place place) {
    if (batch <= 1) {
      discard(place);
      return;
    }
    boolean waits = false;
    List<Place> full = List.of();
    try {
      synchronized (this) {
        places.add(place);
        waits = true;
        waitingByClass[place.slotClass()]++;
        waiting.incrementAndGet();
        if (places.size() >= batch) {
          full = takeAll();
        }
      }
    } catch (OutOfMemoryError e) {
      // There was no room for a list: it waits on, or is not made to wait.
      if (!waits) {
        discard(place);
      }
    }
    discardAll(full);
  }

  /** Clears all that waits; false if nothing does. */
  boolean flush() {
    if (waiting.get() == 0) {
      return false;
    }
    List<Place> all;
    synchronized (this) {
      all = takeAll();
    }
    discardAll(all);
    return !all.isEmpty();
  }

  private List<Place> takeAll() {
    if (closed || places.isEmpty()) {
      return List.of();
    }
    // First, because it may fail, and then nothing must have changed.
    List<Place> next = new ArrayList<>(batch);
    List<Place> all = places;
    places = next;
    Arrays.fill(waitingByClass, 0);
    waiting.set(0);
    clearing++;
    return all;
  }

  private synchronized void cleared() {
    clearing--;
    notifyAll();
  }

  /** Clears nothing from now on; returns once nothing is being cleared. */
  synchronized void close() {
    closed = true;
    boolean interrupted = false;
    while (clearing > 0) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Slots of a class that wait. */
  synchronized int waiting(int slotClass) {
    return waitingByClass[slotClass];
  }

  private void discardAll(List<Place> all) {
    if (!all.isEmpty()) {
      try {
        discardTaken(all);
      } finally {
        cleared();
      }
    }
  }

  private void discardTaken(List<Place> all) {
    int done = 0;
    if (all.size() > 1 && BatchedDiscard.isSupported()) {
      try {
        long[] addresses = new long[all.size()];
        long[] lengths = new long[all.size()];
        for (int i = 0; i < addresses.length; i++) {
          addresses[i] = all.get(i).tableBase();
          lengths[i] = all.get(i).usableBytes();
        }
        kernel.at(SlotKernel.Step.RETURN_DISCARD);
        BatchedDiscard call = new BatchedDiscard(addresses.length);
        done = kernel.discard(call, addresses, lengths, addresses.length);
        figures.decommitCalls.increment();
        figures.decommits.add(done);
      } catch (RuntimeException | Error e) {
        done = 0; // One by one, then; each is cleared or retired by itself.
      }
    }
    for (int i = 0; i < done; i++) {
      cleared.accept(all.get(i));
    }
    for (int i = done; i < all.size(); i++) {
      discard(all.get(i));
    }
  }

  private void discard(Place place) {
    boolean zero = false;
    try {
      kernel.at(SlotKernel.Step.RETURN_DISCARD);
      kernel.discard(place.tableBase(), place.usableBytes());
      zero = true;
      figures.decommitCalls.increment();
      figures.decommits.increment();
    } catch (RuntimeException | Error e) {
      zero = false; // The slot says so.
    }
    (zero ? cleared : lost).accept(place);
  }
}
