package dev.skep.scheduler;

import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The modules that this node compiles, whose leases it keeps alive. One of each at most, whatever
 * the number of compilers. Thread-safe; {@link #renewAll} blocks on the store.
 */
final class NativeLeases {
  private static final Logger LOG = LoggerFactory.getLogger(NativeLeases.class);

  /** A module under way. */
  static final class Held {
    private final ArtifactKey key;

    /** The lease is this node's; before that there is nothing to keep alive, nor to lose. */
    private volatile boolean granted;

    private volatile boolean lost;

    private Held(ArtifactKey key) {
      this.key = key;
    }

    /** Whether another node has taken over, or nobody has the module any more. */
    boolean isLost() {
      return lost;
    }
  }

  private final ArtifactStore store;
  private final NodeId node;
  private final Duration lease;
  private final ConcurrentHashMap<ModuleDigest, Held> held = new ConcurrentHashMap<>();

  NativeLeases(ArtifactStore store, NodeId node, Duration lease) {
    this.store = store;
    this.node = node;
    this.lease = lease;
  }

  /** Begins on this node, unless it is at the module already: then null. */
  @Nullable Held begin(ArtifactKey key) {
    Held mine = new Held(key);
    return held.putIfAbsent(key.module(), mine) == null ? mine : null;
  }

  ArtifactClaim claim(Held mine) {
    ArtifactClaim claim = store.claim(mine.key, node, lease);
    mine.granted = claim instanceof ArtifactClaim.Granted;
    return claim;
  }

  void end(Held mine) {
    held.remove(mine.key.module(), mine);
  }

  /** Shows a sign of life of each. */
  void renewAll() {
    for (Held each : held.values()) {
      if (!each.granted) {
        continue;
      }
      try {
        // One that has just ended is told that it has it no more, and does not mind.
        if (!store.renew(each.key, node, lease)) {
          each.lost = true;
        }
      } catch (RuntimeException e) {
        // It may be renewed the next time; if not, whoever ends it finds out.
        LOG.atWarn().setCause(e).addKeyValue("module", each.key.module()).log("lease not renewed");
      }
    }
  }

  int size() {
    return held.size();
  }
}
