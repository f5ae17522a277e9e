package dev.skep.engine;

import dev.skep.engine.cranelift.CompileWatch;
import dev.skep.engine.cranelift.MachineCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Compiles guests with the compiler as the JVM runs it, and with the compiler as its own machine
 * code for aarch64, emulated: nine megabytes of code that have to give the same bytes.
 */
public final class CompilerEmulated {
  private CompilerEmulated() {}

  private static byte[] code(Engine engine, byte[] wasm) throws ModuleRefusedException {
    if (engine.machineCode(wasm, engine.compile(wasm)) instanceof MachineCode code) {
      return code.code();
    }
    throw new AssertionError("not compiled");
  }

  private static Artifact compiler(Engine engine, Path kept) throws Exception {
    if (!Files.exists(kept)) {
      Files.write(kept, engine.compileCompiler(CompileWatch.NONE).toBytes());
    }
    return switch (Artifact.read(
        Files.readAllBytes(kept), Engine.compilerDigest(), MachineTarget.key())) {
      case Artifact artifact -> artifact;
      case ArtifactReading.Refused why -> throw new AssertionError(why.message());
    };
  }

  /** Called with the file that the compiler's code is kept in, and names of guests. */
  public static void run(String[] args) throws Exception {
    Engine jvm = new Engine(EngineConfig.DEFAULTS);
    Engine emulated = new Engine(EngineConfig.DEFAULTS);
    emulated.useCompiler(compiler(jvm, Path.of(args[0])));
    for (String name : Arrays.asList(args).subList(1, args.length)) {
      byte[] wasm = Files.readAllBytes(Path.of("guests", "wasm", name + ".wasm"));
      byte[] expected = code(jvm, wasm);
      boolean same = Arrays.equals(code(emulated, wasm), expected);
      System.out.println(
          name + ": " + expected.length + " bytes, " + (same ? "the same" : "OTHERS"));
      if (!same) {
        System.exit(1);
      }
    }
  }
}
