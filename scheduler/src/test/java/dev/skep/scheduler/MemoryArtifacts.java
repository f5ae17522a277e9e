package dev.skep.scheduler;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Artifacts in the heap, on a clock that goes by hand: what storage does, for tests of its users.
 */
final class MemoryArtifacts implements ArtifactStore {
  private static final int MOST_ATTEMPTS = 3;

  private static final class Row {
    NativeState state = new NativeState.Compiling();
    @Nullable NodeId node;
    Instant leasedUntil = Instant.EPOCH;
    int attempts;
    byte @Nullable [] bytes;
  }

  private record Wish(TenantId tenant, ArtifactKey key) {}

  private static final class Ask {
    final ArtifactAsk ask;
    boolean settled;

    Ask(ArtifactAsk ask) {
      this.ask = ask;
    }
  }

  private final Map<ModuleDigest, Integer> modules = new HashMap<>();
  private final Map<ArtifactKey, Row> rows = new HashMap<>();
  private final Map<Wish, Ask> asks = new LinkedHashMap<>();
  private Instant now = Instant.EPOCH.plusSeconds(1);
  private boolean away;
  private int asked;
  private int askedAnswered;

  synchronized void module(ModuleDigest digest, int bytes) {
    modules.put(digest, bytes);
  }

  synchronized void pass(Duration time) {
    now = now.plus(time);
  }

  synchronized void away(boolean is) {
    away = is;
  }

  synchronized void put(ArtifactKey key, byte[] bytes) {
    Row row = new Row();
    row.state = new NativeState.Ready();
    row.bytes = bytes;
    rows.put(key, row);
  }

  synchronized int settled() {
    return (int) asks.values().stream().filter(ask -> ask.settled).count();
  }

  private void check() {
    if (away) {
      throw new IllegalStateException("the store is away");
    }
  }

  @Override
  public synchronized Optional<byte[]> load(ArtifactKey key) {
    check();
    Row row = rows.get(key);
    return row == null ? Optional.empty() : Optional.ofNullable(row.bytes);
  }

  @Override
  public synchronized void discard(ArtifactKey key, String because) {
    check();
    rows.remove(key);
    asks.forEach((wish, ask) -> {
      if (wish.key.equals(key)) {
        ask.settled = false;
      }
    });
  }

  @Override
  public synchronized OptionalInt ask(ArtifactAsk ask, String compiler) {
    check();
    Integer bytes = modules.get(ask.version());
    if (bytes == null) {
      return OptionalInt.empty();
    }
    ArtifactKey key = new ArtifactKey(ask.version(), compiler);
    asks.put(new Wish(ask.tenant(), key), new Ask(ask));
    return OptionalInt.of(bytes);
  }

  @Override
  public synchronized void settle(ArtifactAsk ask, String compiler) {
    check();
    Ask known = asks.get(new Wish(ask.tenant(), new ArtifactKey(ask.version(), compiler)));
    if (known != null) {
      known.settled = true;
    }
  }

  @Override
  public synchronized NativeState state(TenantId tenant, ArtifactKey key) {
    check();
    Ask ask = asks.get(new Wish(tenant, key));
    Row row = rows.get(key);
    if (ask == null) {
      return new NativeState.Absent();
    }
    return row != null && (ask.settled || !row.state.isFinal())
        ? row.state
        : new NativeState.Queued();
  }

  /** The module is so many zeros, which is all that is known of it here. */
  @Override
  public synchronized StoredCode find(TenantId tenant, ArtifactKey key, boolean answered) {
    asked++;
    askedAnswered += answered ? 1 : 0;
    NativeState state = state(tenant, key);
    Row row = rows.get(key);
    return state instanceof NativeState.Ready && row != null
        ? new StoredCode(
            state,
            Optional.ofNullable(modules.get(key.module())).map(byte[]::new),
            Optional.ofNullable(row.bytes))
        : StoredCode.none(state);
  }

  /** How often {@link #find} was asked. */
  synchronized int asked() {
    return asked;
  }

  /** How often it was said then that the tenant's ask had been answered. */
  synchronized int askedAnswered() {
    return askedAnswered;
  }

  @Override
  public synchronized Map<ModuleDigest, NativeState> states(
      TenantId tenant, List<ModuleDigest> versions, String compiler) {
    Map<ModuleDigest, NativeState> states = new HashMap<>();
    for (ModuleDigest version : versions) {
      ArtifactKey key = new ArtifactKey(version, compiler);
      if (asks.containsKey(new Wish(tenant, key))) {
        states.put(version, state(tenant, key));
      }
    }
    return states;
  }

  @Override
  public synchronized List<ArtifactAsk> open(String compiler, int limit) {
    check();
    List<ArtifactAsk> open = new ArrayList<>();
    asks.forEach((wish, ask) -> {
      Row row = rows.get(wish.key);
      boolean alive = row != null && row.node != null && row.leasedUntil.isAfter(now);
      if (!ask.settled && !alive && open.size() < limit) {
        open.add(ask.ask);
      }
    });
    return open;
  }

  @Override
  public synchronized ArtifactClaim claim(ArtifactKey key, NodeId node, Duration lease) {
    check();
    Row row = rows.computeIfAbsent(key, _ -> new Row());
    if (row.state.isFinal()) {
      return new ArtifactClaim.Done(row.state);
    }
    if (row.leasedUntil.isAfter(now)) {
      return new ArtifactClaim.Elsewhere(Duration.between(now, row.leasedUntil));
    }
    if (row.attempts >= MOST_ATTEMPTS) {
      row.state = new NativeState.Failed("nodes ended");
      return new ArtifactClaim.Done(row.state);
    }
    row.attempts++;
    row.node = node;
    row.leasedUntil = now.plus(lease);
    return new ArtifactClaim.Granted(row.attempts);
  }

  private @Nullable Row own(ArtifactKey key, NodeId node) {
    check();
    Row row = rows.get(key);
    return row != null && node.equals(row.node) ? row : null;
  }

  @Override
  public synchronized boolean renew(ArtifactKey key, NodeId node, Duration lease) {
    Row row = own(key, node);
    if (row != null) {
      row.leasedUntil = now.plus(lease);
    }
    return row != null;
  }

  private boolean end(ArtifactKey key, NodeId node, NativeState state, byte @Nullable [] bytes) {
    Row row = own(key, node);
    if (row == null) {
      return false;
    }
    row.state = state;
    row.node = null;
    row.bytes = bytes;
    return true;
  }

  @Override
  public synchronized boolean ready(ArtifactKey key, NodeId node, byte[] artifact) {
    return end(key, node, new NativeState.Ready(), artifact.clone());
  }

  @Override
  public synchronized boolean unsupported(
      ArtifactKey key, NodeId node, NativeState.Unsupported why) {
    return end(key, node, why, null);
  }

  @Override
  public synchronized boolean failed(ArtifactKey key, NodeId node, NativeState.Failed why) {
    return end(key, node, why, null);
  }

  @Override
  public synchronized void giveBack(ArtifactKey key, NodeId node) {
    if (own(key, node) != null) {
      rows.remove(key);
    }
  }

  @Override
  public synchronized int purge(String compiler, Duration age, int limit) {
    check();
    return 0;
  }
}
