package dev.skep.loadtest.machine;

import dev.skep.engine.Artifact;
import dev.skep.engine.ArtifactReading;
import dev.skep.engine.ArtifactReading.Reason;
import dev.skep.engine.Engine;
import dev.skep.engine.MachineTarget;
import dev.skep.engine.cranelift.CompileWatch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The compiler's own machine code in a file, because making it takes minutes. Whoever names the
 * file answers for it: what is in it is run.
 */
final class CompilerFile {
  private CompilerFile() {}

  /**
   * What the file holds; it is made if there is none, or one of another version of the compiler.
   * Only on a thread with a compiler's stack.
   */
  static Artifact loadOrMake(Engine engine, Path file) throws IOException {
    if (Files.exists(file)) {
      ArtifactReading read =
          Artifact.read(Files.readAllBytes(file), Engine.compilerDigest(), MachineTarget.key());
      switch (read) {
        case Artifact artifact -> {
          return artifact;
        }
        case ArtifactReading.Refused refused when refused.reason() == Reason.STALE ->
            System.err.println("  … " + file + ": " + refused.message());
        case ArtifactReading.Refused refused ->
            throw new IOException(file + " is no compiler's code: " + refused.message());
      }
    }
    System.err.println("  … compiling the compiler, some minutes, once: " + file);
    Artifact made = engine.compileCompiler(CompileWatch.NONE);
    Files.write(file, made.toBytes());
    return made;
  }
}
