package dev.skep.pool;

import dev.skep.pool.os.BatchedDiscard;
import dev.skep.pool.os.ImageFile;
import dev.skep.pool.os.PageScan;
import dev.skep.pool.os.SystemCallException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The kernel of this machine, but for one step or request that fails when it is told to. */
final class FaultyKernel implements SlotKernel {
  /** What is asked of the operating system. */
  enum Request {
    RESERVE,
    DISCARD,
    DISCARD_MANY,
    MAP_IMAGE,
    MAP_ZEROES,
    GUARD,
    PAGE_SCAN
  }

  static final Supplier<Throwable> REFUSAL = () -> new SystemCallException("an injected call", 12);

  /** Whether it has the page-map scan. */
  volatile boolean scans = true;

  private volatile @Nullable Object hookedTo;
  private volatile Runnable hook = () -> {};
  private @Nullable Object target;
  private Supplier<Throwable> fault = REFUSAL;
  private int after;
  private int times;
  private int fired;

  /** Runs each time something is reached, before it fails or is done. */
  void before(Object at, Runnable action) {
    hookedTo = at;
    hook = action;
  }

  /** Fails at a {@link SlotKernel.Step} or {@link Request}, {@code count} times from now on. */
  synchronized void fail(Object at, Supplier<Throwable> with, int skip, int count) {
    target = at;
    fault = with;
    after = skip;
    times = count;
    fired = 0;
  }

  synchronized void heal() {
    target = null;
  }

  /** How often it has failed since it was told to. */
  synchronized int fired() {
    return fired;
  }

  private void pass(Object at) {
    if (at.equals(hookedTo)) {
      hook.run();
    }
    failMaybe(at);
  }

  private synchronized void failMaybe(Object at) {
    if (at.equals(target) && after-- <= 0 && fired < times) {
      fired++;
      switch (fault.get()) {
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        case Throwable e -> throw new AssertionError(e);
      }
    }
  }

  @Override
  public void at(Step step) {
    pass(step);
  }

  @Override
  public long reserve(long bytes) {
    pass(Request.RESERVE);
    return SlotKernel.super.reserve(bytes);
  }

  @Override
  public void discard(long address, long bytes) {
    pass(Request.DISCARD);
    SlotKernel.super.discard(address, bytes);
  }

  @Override
  public int discard(BatchedDiscard batch, long[] addresses, long[] lengths, int count) {
    pass(Request.DISCARD_MANY);
    return SlotKernel.super.discard(batch, addresses, lengths, count);
  }

  @Override
  public void mapImage(ImageFile file, long address) {
    pass(Request.MAP_IMAGE);
    SlotKernel.super.mapImage(file, address);
  }

  @Override
  public void mapZeroes(long address, long bytes) {
    pass(Request.MAP_ZEROES);
    SlotKernel.super.mapZeroes(address, bytes);
  }

  @Override
  public boolean installGuard(long address, long bytes) {
    pass(Request.GUARD);
    return SlotKernel.super.installGuard(address, bytes);
  }

  @Override
  public @Nullable PageScan pageScan() {
    pass(Request.PAGE_SCAN);
    return scans ? SlotKernel.super.pageScan() : null;
  }
}
