package dev.skep.scheduler;

import dev.skep.engine.Artifact;
import dev.skep.engine.ArtifactReading;
import dev.skep.engine.CompilerKey;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads artifacts that this node can run, and throws away those that it was given and must not.
 * Thread-safe; loading blocks on the store.
 */
public final class ArtifactLoader {
  private static final Logger LOG = LoggerFactory.getLogger(ArtifactLoader.class);

  private final ArtifactStore store;
  private final CompilerKey compiler;
  private final LongAdder refused = new LongAdder();

  public ArtifactLoader(ArtifactStore store, CompilerKey compiler) {
    this.store = store;
    this.compiler = compiler;
  }

  /** What names a module's machine code on this node. */
  ArtifactKey key(ModuleDigest module) {
    return new ArtifactKey(module, compiler.text());
  }

  /** A module's machine code, if it is there and whole. */
  public Optional<Artifact> load(ModuleDigest module) {
    return store.load(key(module)).flatMap(bytes -> read(module, bytes));
  }

  /** A stored artifact, if it is whole; else it is thrown away. Blocks on the store only then. */
  Optional<Artifact> read(ModuleDigest module, byte[] bytes) {
    return switch (Artifact.read(bytes, module.hex(), compiler)) {
      case Artifact artifact -> Optional.of(artifact);
      case ArtifactReading.Refused why -> {
        refused.increment();
        LOG.atError()
            .addKeyValue("module", module)
            .addKeyValue("reason", why.reason())
            .addKeyValue("because", why.message())
            .log("an artifact is not run");
        store.discard(key(module), why.message());
        yield Optional.empty();
      }
    };
  }

  /** Throws machine code away that was whole and does not fit its module. */
  void discard(ModuleDigest module, String because) {
    refused.increment();
    store.discard(key(module), because);
  }

  /** Artifacts that were there and were not whole, or did not fit. */
  public long refused() {
    return refused.sum();
  }
}
