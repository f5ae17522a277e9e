package dev.skep.scheduler;

import com.github.benmanes.caffeine.cache.AsyncLoadingCache;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.skep.engine.TreeArchive;
import dev.skep.engine.TreeLimits;
import dev.skep.engine.TreeRefusedException;
import dev.skep.engine.WasiTree;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Trees of files by tenant and digest, unpacked once and beside the threads that serve, and shared
 * read-only by all runs. Bounded in the heap they take. Thread-safe; asking never blocks.
 */
public final class TreeCache implements AutoCloseable {
  /** Heap for trees that nobody holds, by default: eight of the largest. */
  public static final long DEFAULT_BYTES = 256L << 20;

  /** Trees waiting to be loaded; one more is refused. */
  private static final int MOST_WAITING = 1_024;

  private record Key(TenantId tenant, TreeDigest digest) {}

  private final AsyncLoadingCache<Key, WasiTree> trees;
  private final ThreadPoolExecutor loader;

  /**
   * @param mostBytes heap for trees, over what runs under way still hold
   */
  public TreeCache(TreeSource source, long mostBytes) {
    // One thread: an archive and its tree are megabytes, and the workers need their cores.
    this.loader =
        new ThreadPoolExecutor(
            1,
            1,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MOST_WAITING),
            Thread.ofPlatform().daemon().name("skep-tree-loader").factory());
    this.trees =
        Caffeine.newBuilder()
            .maximumWeight(mostBytes)
            .weigher((Key _, WasiTree tree) -> (int) Math.min(Integer.MAX_VALUE, tree.heapBytes()))
            .executor(loader)
            .recordStats()
            .buildAsync(key -> load(source, key));
  }

  private static WasiTree load(TreeSource source, Key key) throws TreeRefusedException {
    byte[] archive =
        source
            .archive(key.tenant(), key.digest())
            .orElseThrow(() -> new TreeGoneException(key.digest()));
    return TreeArchive.read(archive, TreeLimits.DEFAULTS);
  }

  /**
   * The tree, unpacked now or soon.
   *
   * @return completes with it; or exceptionally with {@link TreeGoneException} if it was replaced
   *     meanwhile, {@link java.util.concurrent.RejectedExecutionException} if too many wait, or
   *     whatever the source threw
   */
  public CompletableFuture<WasiTree> get(TenantId tenant, TreeDigest digest) {
    return trees.get(new Key(tenant, digest));
  }

  /** Keeps a tree that was just unpacked. */
  public void put(TenantId tenant, TreeDigest digest, WasiTree tree) {
    trees.put(new Key(tenant, digest), CompletableFuture.completedFuture(tree));
  }

  /** The cache itself, for its statistics. */
  public Cache<?, ?> cache() {
    return trees.synchronous();
  }

  /** Loads nothing more; what waits is never loaded. */
  @Override
  public void close() {
    loader.shutdownNow();
  }
}
