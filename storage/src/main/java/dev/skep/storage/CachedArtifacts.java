package dev.skep.storage;

import dev.skep.scheduler.ArtifactAsk;
import dev.skep.scheduler.ArtifactClaim;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.ArtifactStore;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.NativeState;
import dev.skep.scheduler.NodeId;
import dev.skep.scheduler.TenantId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Artifacts read from this node's directory where they are there, and from the store else. All that
 * nodes agree on goes to the store. Thread-safe; blocks as the two do.
 *
 * <p>An artifact that is gone from the store may still be read here. It is of the bytes that it is
 * named by, and only somebody who has these bytes asks for it.
 */
public final class CachedArtifacts implements ArtifactStore {
  private final ArtifactStore store;
  private final ArtifactDirectory directory;

  public CachedArtifacts(ArtifactStore store, ArtifactDirectory directory) {
    this.store = store;
    this.directory = directory;
  }

  @Override
  public Optional<byte[]> load(ArtifactKey key) {
    Optional<byte[]> here = directory.get(key);
    if (here.isPresent()) {
      return here;
    }
    Optional<byte[]> there = store.load(key);
    there.ifPresent(bytes -> directory.put(key, bytes));
    return there;
  }

  @Override
  public void discard(ArtifactKey key, String because) {
    directory.remove(key);
    store.discard(key, because);
  }

  @Override
  public boolean ready(ArtifactKey key, NodeId node, byte[] artifact) {
    boolean kept = store.ready(key, node, artifact);
    if (kept) {
      directory.put(key, artifact);
    }
    return kept;
  }

  @Override
  public OptionalInt ask(ArtifactAsk ask, String compiler) {
    return store.ask(ask, compiler);
  }

  @Override
  public void settle(ArtifactAsk ask, String compiler) {
    store.settle(ask, compiler);
  }

  @Override
  public NativeState state(TenantId tenant, ArtifactKey key) {
    return store.state(tenant, key);
  }

  @Override
  public Map<ModuleDigest, NativeState> states(
      TenantId tenant, List<ModuleDigest> versions, String compiler) {
    return store.states(tenant, versions, compiler);
  }

  @Override
  public List<ArtifactAsk> open(String compiler, int limit) {
    return store.open(compiler, limit);
  }

  @Override
  public ArtifactClaim claim(ArtifactKey key, NodeId node, Duration lease) {
    return store.claim(key, node, lease);
  }

  @Override
  public boolean renew(ArtifactKey key, NodeId node, Duration lease) {
    return store.renew(key, node, lease);
  }

  @Override
  public boolean unsupported(ArtifactKey key, NodeId node, NativeState.Unsupported why) {
    return store.unsupported(key, node, why);
  }

  @Override
  public boolean failed(ArtifactKey key, NodeId node, NativeState.Failed why) {
    return store.failed(key, node, why);
  }

  @Override
  public void giveBack(ArtifactKey key, NodeId node) {
    store.giveBack(key, node);
  }

  @Override
  public int purge(String compiler, Duration age, int limit) {
    return store.purge(compiler, age, limit);
  }
}
