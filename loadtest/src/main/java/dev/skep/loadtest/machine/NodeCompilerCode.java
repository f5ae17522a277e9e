package dev.skep.loadtest.machine;

import dev.skep.engine.CompilerKey;
import dev.skep.engine.CompilerShelf;
import dev.skep.engine.CompilerState.Phase;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.MachineCompilers;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.storage.ArtifactDirectory;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;

/**
 * Gives a node that has not started yet the compiler's own machine code, where it looks first: in
 * its directory of artifacts.
 */
public final class NodeCompilerCode {
  /** Where a node keeps its own copies of machine code, beneath its data. */
  public static final String ARTIFACTS = "artifacts";

  /** More than the code is long, so that nothing has to go for it. */
  private static final long MOST_BYTES = 1L << 30;

  private NodeCompilerCode() {}

  /**
   * Waits until it is there.
   *
   * @param compilerCode the file that it is in, as {@link MachineCompiler} takes it
   * @param data the node's data directory, which no node has open
   * @throws IllegalStateException if what is in the file is not this version's
   */
  public static void give(Path compilerCode, Path data) {
    try {
      put(compilerCode, data.resolve(ARTIFACTS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private static void put(Path compilerCode, Path artifacts) throws InterruptedException {
    try (ArtifactDirectory directory =
            ArtifactDirectory.open(artifacts, MOST_BYTES, InstantSource.system());
        MachineCompilers compilers =
            new MachineCompilers(
                new Engine(EngineConfig.DEFAULTS),
                new Shelf(new CompilerFile(compilerCode), directory),
                true)) {
      compilers.awaitBackground();
      if (compilers.state().phase() != Phase.MACHINE_CODE) {
        throw new IllegalStateException("the compiler is not machine code: " + compilers.state());
      }
    }
  }

  private record Shelf(CompilerFile file, ArtifactDirectory directory) implements CompilerShelf {
    @Override
    public Optional<byte[]> load(String compiler, CompilerKey key) {
      Optional<byte[]> found = file.load(compiler, key);
      found.ifPresent(artifact -> put(compiler, key, artifact));
      return found;
    }

    @Override
    public void keep(String compiler, CompilerKey key, byte[] artifact) {
      file.keep(compiler, key, artifact);
      put(compiler, key, artifact);
    }

    private void put(String compiler, CompilerKey key, byte[] artifact) {
      directory.put(new ArtifactKey(new ModuleDigest(compiler), key.text()), artifact);
    }
  }
}
