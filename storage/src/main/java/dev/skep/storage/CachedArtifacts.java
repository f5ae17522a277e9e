package dev.skep.storage;

import dev.skep.scheduler.ArtifactAsk;
import dev.skep.scheduler.ArtifactClaim;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.ArtifactStore;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.NativeState;
import dev.skep.scheduler.NodeId;
import dev.skep.scheduler.StoredCode;
import dev.skep.scheduler.TenantId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Artifacts read from this node's directory where they are there, and from the store else. All that
 * nodes agree on goes to the store. Thread-safe; blocks as the two do.
 *
 * <p>An artifact that is gone from the store may still be read here. It is of the bytes that it is
 * named by, and only somebody who has these bytes asks for it.
 */
public final class CachedArtifacts implements ArtifactStore, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CachedArtifacts.class);

  /** What has been read and is not on the disk yet: the largest artifact, or many small ones. */
  private static final long MOST_WAITING_BYTES = 2L * MOST_BYTES;

  /**
   * Uses that are noted on the disk together, so that a first run does not wake a thread for its
   * own. They are for the order in which files go after a start; a crash may forget the last ones.
   */
  private static final int NOTED_AT_ONCE = 64;

  private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(10);

  private final SharedArtifacts store;
  private final ArtifactDirectory directory;
  private final AtomicLong waitingBytes = new AtomicLong();

  /** Read since it was last noted on the disk; few more than {@link #NOTED_AT_ONCE}. */
  private final Set<ArtifactKey> used = ConcurrentHashMap.newKeySet();

  /** Forces files to the disk, one after another. */
  private final ExecutorService writer =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().daemon().name("skep-artifact-writer").factory());

  /**
   * @param directory which is closed after this
   */
  public CachedArtifacts(SharedArtifacts store, ArtifactDirectory directory) {
    this.store = store;
    this.directory = directory;
  }

  @Override
  public Optional<byte[]> load(ArtifactKey key) {
    Optional<byte[]> here = here(key).map(KeptCode::artifact);
    if (here.isPresent()) {
      return here;
    }
    Optional<byte[]> there = store.load(key);
    there.ifPresent(bytes -> putLater(key, new KeptCode(Optional.empty(), bytes)));
    return there;
  }

  private Optional<KeptCode> here(ArtifactKey key) {
    Optional<byte[]> file = directory.file(key);
    if (file.isPresent() && used.add(key) && used.size() % NOTED_AT_ONCE == 0) {
      later(this::noteUsed);
    }
    return file.flatMap(content -> KeptCode.read(content, ArtifactDirectory.HEADER_BYTES));
  }

  @Override
  public StoredCode find(TenantId tenant, ArtifactKey key, boolean answered) {
    Optional<KeptCode> here = here(key);
    Optional<byte[]> module = here.flatMap(KeptCode::module);
    Optional<byte[]> artifact = here.map(KeptCode::artifact);
    if (answered && module.isPresent()) {
      // What is here was ready once, and is the same for all: only whether it is for this tenant
      // is asked elsewhere, and that is known.
      return new StoredCode(new NativeState.Ready(), module, artifact);
    }
    StoredCode there = store.find(tenant, key, artifact);
    if (module.isEmpty() && there.module().isPresent()) {
      keepHere(key, there.module().get(), there.artifact().orElseThrow());
    }
    return there;
  }

  @Override
  public void keepHere(ArtifactKey key, byte[] module, byte[] artifact) {
    putLater(key, new KeptCode(Optional.of(module), artifact));
  }

  /** A first run waits for what is read, and must not wait for the disk to have it too. */
  private void putLater(ArtifactKey key, KeptCode code) {
    long bytes = code.bytes();
    if (waitingBytes.addAndGet(bytes) > MOST_WAITING_BYTES) {
      // It will be read from the store once more.
      waitingBytes.addAndGet(-bytes);
      return;
    }
    later(() -> {
      try {
        if (code.isOf(key.module())) {
          directory.put(key, code.toBytes());
        } else {
          LOG.atError()
              .addKeyValue("module", key.module())
              .log("the module's bytes in the database are not those of its digest");
        }
      } finally {
        waitingBytes.addAndGet(-bytes);
      }
    });
  }

  private void noteUsed() {
    used.removeIf(key -> {
      directory.used(key);
      return true;
    });
  }

  private void later(Runnable work) {
    try {
      writer.execute(work);
    } catch (RejectedExecutionException e) {
      // Closed: nobody reads what is written now.
      LOG.atDebug().log("an artifact is not written to the disk, because the node goes down");
    }
  }

  /** Ends the writing, once what waits has been written: some seconds at most. */
  @Override
  public void close() {
    later(this::noteUsed);
    writer.shutdown();
    try {
      if (!writer.awaitTermination(CLOSE_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
        LOG.atWarn().log("artifacts were still being written to the disk");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void discard(ArtifactKey key, String because) {
    directory.remove(key);
    // And again behind what waits to be written, which may be just that.
    later(() -> directory.remove(key));
    store.discard(key, because);
  }

  @Override
  public boolean ready(ArtifactKey key, NodeId node, byte[] artifact) {
    return store.ready(key, node, artifact);
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
