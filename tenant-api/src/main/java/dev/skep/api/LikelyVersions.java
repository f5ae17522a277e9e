package dev.skep.api;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.skep.pool.Backstage;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.TenantId;
import dev.skep.storage.AnsweredFunction;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which version a function probably still has, so that its machine code can be read from this
 * node's disk while the database is being asked which it has. Only a guess: what runs is what the
 * database says, and who guesses wrong has read a file in vain.
 *
 * <p>Known are functions whose machine code may run and is on this node's disk: those that have
 * been asked for since the node started, and those that the database had a name for when it did.
 * Thread-safe.
 */
final class LikelyVersions implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LikelyVersions.class);

  /** Some 300 bytes each. */
  static final int MOST = 100_000;

  private static final int PAGE = 1_000;

  /** Where the database has so many functions that hardly one of them is this node's. */
  private static final int MOST_PAGES = 1_000;

  private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(10);

  /** Pages of what is stored, as {@link dev.skep.storage.FunctionStore#answered} has them. */
  interface Stored {
    List<AnsweredFunction> page(@Nullable AnsweredFunction after, int limit);
  }

  private record Key(TenantId tenant, FunctionName function) {}

  private final Cache<Key, ModuleDigest> versions =
      Caffeine.newBuilder().maximumSize(MOST).recordStats().build();
  private final Stored stored;
  private final Predicate<ModuleDigest> here;
  private final Thread reader;
  private volatile boolean closed;

  /**
   * @param stored which blocks and throws as the database does
   * @param here whether a version's machine code is on this node's disk
   */
  LikelyVersions(Stored stored, Predicate<ModuleDigest> here) {
    this.stored = stored;
    this.here = here;
    this.reader = Thread.ofPlatform().daemon().name("skep-likely-versions").unstarted(this::read);
  }

  /** Begins to read which functions this node had before it started, beside everything else. */
  void start() {
    reader.start();
  }

  /** Null if this node knows of none. One look into a map, without a lock. */
  @Nullable ModuleDigest of(TenantId tenant, FunctionName function) {
    return versions.getIfPresent(new Key(tenant, function));
  }

  /** Notes which version a function has, or, without one, that none is to be read ahead. */
  void note(TenantId tenant, FunctionName function, @Nullable ModuleDigest version) {
    Key key = new Key(tenant, function);
    if (version == null) {
      versions.invalidate(key);
    } else {
      versions.put(key, version);
    }
  }

  /** The cache itself, for its statistics. */
  Cache<?, ?> cache() {
    return versions;
  }

  private void read() {
    Backstage.CHECKS.enter();
    try {
      AnsweredFunction last = null;
      for (int page = 0; page < MOST_PAGES && !closed; page++) {
        List<AnsweredFunction> found = stored.page(last, PAGE);
        for (AnsweredFunction each : found) {
          if (versions.estimatedSize() < MOST && here.test(each.version())) {
            // What has been noted since is newer.
            versions.asMap().putIfAbsent(new Key(each.tenant(), each.function()), each.version());
          }
        }
        if (found.size() < PAGE) {
          return;
        }
        last = found.getLast();
      }
    } catch (RuntimeException e) {
      LOG.atWarn()
          .setCause(e)
          .log(
              "which functions this node has run before is not known; their first runs take"
                  + " longer");
    }
  }

  /** Ends the reading, if it is still under way. */
  @Override
  public void close() {
    closed = true;
    try {
      if (!reader.join(CLOSE_PATIENCE)) {
        LOG.atWarn().log("functions were still being read");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
