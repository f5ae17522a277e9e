package dev.skep.api;

import dev.skep.engine.CompilerKey;
import dev.skep.engine.CompilerShelf;
import dev.skep.engine.Engine;
import dev.skep.engine.MachineCompilers;
import dev.skep.engine.MachineTarget;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.CompileBilling;
import dev.skep.scheduler.ModuleCache;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.ModuleSource;
import dev.skep.scheduler.NativeCompileQueue;
import dev.skep.storage.ArtifactDirectory;
import dev.skep.storage.CachedArtifacts;
import dev.skep.storage.CompilerCode;
import dev.skep.storage.Database;
import dev.skep.storage.SharedArtifacts;
import java.time.InstantSource;
import java.util.Optional;
import java.util.function.Consumer;

/** Starts what makes and keeps machine code. */
final class TierStart {
  private TierStart() {}

  /**
   * Starts it, or says why this node is held to tier 1.
   *
   * @param modules which runs it from then on
   * @param closings hears what has to be closed, the last first
   */
  static Tiers start(
      NodeConfig config,
      Engine engine,
      ModuleCache modules,
      Database database,
      ModuleSource source,
      CompileBilling billing,
      Consumer<AutoCloseable> closings) {
    if (!config.tiers().on()) {
      return Tiers.held(engine, "the node is held to tier 1: SKEP_TIER_2 is off");
    }
    Optional<String> unavailable = MachineTarget.unavailable();
    if (unavailable.isPresent()) {
      return Tiers.held(engine, unavailable.get());
    }
    ArtifactDirectory directory =
        ArtifactDirectory.open(
            config.dataDir().resolve("artifacts"),
            config.tiers().cacheBytes(),
            InstantSource.system());
    closings.accept(directory);
    SharedArtifacts shared = new SharedArtifacts(database);
    CachedArtifacts cached = new CachedArtifacts(shared, directory);
    closings.accept(cached);
    MachineCompilers compilers =
        new MachineCompilers(
            engine, new Shelf(new CompilerCode(database, directory)), config.tiers().quickens());
    closings.accept(compilers);
    NativeCompileQueue queue =
        new NativeCompileQueue(
            config.tiers().compiling(),
            compilers.key(),
            compilers::open,
            source,
            cached,
            billing,
            modules);
    closings.accept(queue);
    modules.loadFrom(queue);
    return Tiers.of(engine, new Tiers.Parts(queue, compilers, shared, directory));
  }

  /** The compiler's own machine code, by the names that the storage knows. */
  private record Shelf(CompilerCode code) implements CompilerShelf {
    private static ArtifactKey key(String compiler, CompilerKey key) {
      return new ArtifactKey(new ModuleDigest(compiler), key.text());
    }

    @Override
    public Optional<byte[]> load(String compiler, CompilerKey key) {
      return code.load(key(compiler, key));
    }

    @Override
    public void keep(String compiler, CompilerKey key, byte[] artifact) {
      code.keep(key(compiler, key), artifact);
    }
  }
}
