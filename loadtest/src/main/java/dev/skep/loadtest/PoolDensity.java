package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotClass;
import dev.skep.pool.SlotLease;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import org.HdrHistogram.Histogram;

/** Holds many instances in a process of its own and prints what that takes, as JSON. */
final class PoolDensity {
  private static final int FEW = 1_000;
  private static final int TAKES = 20_000;

  /** Free at the end: what is measured is how many are live, not how few are free. */
  private static final int SPARE = 1_024;

  private static final int ROUNDS = 5;

  private final GuestPool pool;
  private final CompiledModule module;
  private final List<GuestInstance> instances;
  private final int live;
  private int wrong;

  private PoolDensity(int live) {
    this.live = live;
    PoolConfig config =
        PoolConfig.DEFAULTS
            .with()
            .classes(
                new SlotClass(512L << 10, live + SPARE),
                new SlotClass(4L << 20, 1_024),
                new SlotClass(64L << 20, 1_024))
            .build();
    pool = new GuestPool(new PoolingAllocator(config), EngineConfig.DEFAULTS);
    module = pool.compile(Guests.THREE_PAGES);
    instances = new ArrayList<>(live);
  }

  /**
   * @param args how many to hold
   */
  public static void main(String[] args) {
    System.out.println(new PoolDensity(Integer.parseInt(args[0])).measure().encode());
  }

  private JsonObject measure() {
    // Until everything is compiled and the heap has been as large as it gets without what is held.
    median(true);
    median(false);
    long heap = Machine.heapBytesAfterCollection();
    long process = Machine.residentBytes() + Machine.pageTableBytes();
    long pageTables = Machine.pageTableBytes();
    hold(Math.min(FEW, live));
    JsonObject figures = new JsonObject();
    figures.put("takeFewNanos", median(false)).put("requestFewNanos", median(true));
    hold(live);
    figures.put("takeManyNanos", median(false)).put("requestManyNanos", median(true));
    figures
        .put("heapBytes", Machine.heapBytesAfterCollection() - heap)
        .put("processBytes", Machine.residentBytes() + Machine.pageTableBytes() - process)
        .put("pageTableBytes", Machine.pageTableBytes() - pageTables)
        .put("slabBytes", pool.residentBytes());
    int right = 0;
    for (int i = 0; i < live; i++) {
      right += GuestPool.call(instances.get(i), add(1)) == 3L * (i + 1) ? 1 : 0;
    }
    instances.forEach(GuestInstance::close);
    pool.close();
    return figures.put("live", live).put("right", right).put("wrong", wrong + live - right);
  }

  private static Invocation.TypedCall add(int value) {
    return new Invocation.TypedCall("add", new long[] {value});
  }

  private void hold(int count) {
    for (int i = instances.size(); i < count; i++) {
      GuestInstance instance = pool.instance(module);
      wrong += GuestPool.call(instance, add(i)) == 3L * i ? 0 : 1;
      instances.add(instance);
    }
  }

  /** The least of some medians: what is compared is the pool, not what else the machine does. */
  private long median(boolean instance) {
    long least = Long.MAX_VALUE;
    for (int round = 0; round < ROUNDS; round++) {
      least = Math.min(least, medianOnce(instance));
    }
    return least;
  }

  /** Median of taking a slot and giving it back, with an instance that runs in between or not. */
  private long medianOnce(boolean instance) {
    Histogram nanos = Durations.create();
    for (int i = -TAKES; i < TAKES; i++) {
      long startNanos = System.nanoTime();
      if (instance) {
        GuestInstance one = pool.instance(module);
        wrong += GuestPool.call(one, add(1)) == 3 ? 0 : 1;
        one.release();
      } else {
        ((SlotLease) pool.take(module)).close();
      }
      if (i >= 0) {
        Durations.record(nanos, System.nanoTime() - startNanos);
      }
    }
    return nanos.getValueAtPercentile(50);
  }
}
