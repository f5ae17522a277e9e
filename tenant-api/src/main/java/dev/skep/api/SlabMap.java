package dev.skep.api;

import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.PoolStats;
import dev.skep.pool.SlabVisitor;
import dev.skep.scheduler.Scheduler;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What every slot of the slab was at one moment: the pool says which are leased, the scheduler
 * whose they are and which of them run.
 *
 * <p>As JSON it is a list of stretches of equal slots, in the order of the slots and so class by
 * class:
 *
 * <pre>
 *   [count, state]                    so many slots, of nobody
 *   [count, state, tenant, function]  so many slots, of a tenant's function
 * </pre>
 *
 * where state, tenant and function are indexes into lists beside it. An empty slab is one stretch,
 * however large. At most {@value #MOST_SHOWN} slots and {@value #MOST_NAMES} names of tenants and
 * of functions each are shown; a name beyond is −1, as is that of a slot which is being built up.
 *
 * <p>Immutable. Making one is linear in the slots.
 */
final class SlabMap {
  /** Four times the default pool; 2 MB of JSON when no two neighbours are alike. */
  static final int MOST_SHOWN = 131_072;

  /** As many as instances of the default pool; 2 MB of JSON when all are as long as may be. */
  static final int MOST_NAMES = 16_384;

  /** A slot's state. */
  enum State {
    COLD(0),
    WARM(1),
    PENDING(2),
    IDLE(3),
    RUNNING(4),
    RETIRED(5);

    /** Its place in {@link #STATES}. */
    private final byte index;

    State(int index) {
      this.index = (byte) index;
    }

    /** Its name in JSON and in metrics. */
    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final List<State> STATES = List.of(State.values());
  private static final int NOBODY = -1;

  private final byte[] states;
  private final int[] tenants;
  private final int[] functions;
  private final int[][] counts;
  private final Names tenantNames = new Names();
  private final Names functionNames = new Names();
  private final Map<String, Long> memoryBytes = new HashMap<>();

  private SlabMap(int slots, int classes) {
    states = new byte[slots];
    tenants = new int[slots];
    functions = new int[slots];
    Arrays.fill(tenants, NOBODY);
    Arrays.fill(functions, NOBODY);
    counts = new int[classes][STATES.size()];
  }

  /** The first so many names, by number. */
  private static final class Names {
    private final Map<String, Integer> numbers = new HashMap<>();
    private final JsonArray names = new JsonArray();

    int of(String name) {
      Integer known = numbers.get(name);
      if (known != null) {
        return known;
      }
      if (names.size() >= MOST_NAMES) {
        return NOBODY;
      }
      numbers.put(name, names.size());
      names.add(name);
      return names.size() - 1;
    }
  }

  /** Looks at every slot. */
  static SlabMap of(InstanceAllocator pool, Scheduler scheduler) {
    PoolStats stats = pool.stats();
    SlabMap map = new SlabMap(stats.slots(), stats.classes().size());
    byte[] slotClasses = new byte[stats.slots()];
    pool.forEachSlot((slot, slotClass, state, _) -> {
      map.states[slot] = state(state).index;
      slotClasses[slot] = (byte) slotClass;
    });
    scheduler.forEachSlot((slot, running, tenant, function, bytes) -> {
      map.memoryBytes.merge(tenant.value(), bytes, Long::sum);
      // What the pool does not call leased has been given back meanwhile, or taken.
      if (map.states[slot] == State.RUNNING.index) {
        map.states[slot] = (running ? State.RUNNING : State.IDLE).index;
        map.tenants[slot] = map.tenantNames.of(tenant.value());
        map.functions[slot] = map.functionNames.of(function.value());
      }
    });
    for (int slot = 0; slot < map.states.length; slot++) {
      map.counts[slotClasses[slot]][map.states[slot]]++;
    }
    return map;
  }

  /** Until the scheduler says that it idles, what is leased runs, or is being built to run. */
  private static State state(SlabVisitor.State state) {
    return switch (state) {
      case COLD -> State.COLD;
      case WARM -> State.WARM;
      case PENDING -> State.PENDING;
      case LEASED -> State.RUNNING;
      case RETIRED -> State.RETIRED;
    };
  }

  /** Slots of a class in a state. */
  int count(int slotClass, State state) {
    return counts[slotClass][state.index];
  }

  /** Slots of all classes in a state. */
  int count(State state) {
    int sum = 0;
    for (int[] each : counts) {
      sum += each[state.index];
    }
    return sum;
  }

  /** Linear memory held by the instances of each tenant that has any. */
  Map<String, Long> memoryBytes() {
    return memoryBytes;
  }

  JsonObject toJson() {
    int shown = Math.min(states.length, MOST_SHOWN);
    JsonArray stretches = new JsonArray();
    for (int slot = 0; slot < shown; ) {
      int next = slot + 1;
      while (next < shown && alike(slot, next)) {
        next++;
      }
      JsonArray stretch = new JsonArray().add(next - slot).add((int) states[slot]);
      if (tenants[slot] != NOBODY || functions[slot] != NOBODY) {
        stretch.add(tenants[slot]).add(functions[slot]);
      }
      stretches.add(stretch);
      slot = next;
    }
    return new JsonObject()
        .put("slots", states.length)
        .put("shown", shown)
        .put("states", new JsonArray(STATES.stream().map(State::word).toList()))
        .put("tenants", tenantNames.names)
        .put("functions", functionNames.names)
        .put("stretches", stretches);
  }

  private boolean alike(int one, int other) {
    return states[one] == states[other]
        && tenants[one] == tenants[other]
        && functions[one] == functions[other];
  }
}
