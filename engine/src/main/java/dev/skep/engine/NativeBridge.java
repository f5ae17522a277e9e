package dev.skep.engine;

import com.dylibso.chicory.runtime.ImportValues;
import dev.skep.engine.cranelift.CompileOutcome;
import dev.skep.engine.cranelift.CompileRequest;
import dev.skep.engine.cranelift.CompileWatch;
import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.limits.ModuleLimits;
import dev.skep.pool.CodeSpace;
import io.roastedroot.redline.bridge.Cranelift;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * Cranelift as machine code that Cranelift has made. In the JVM, where it is a Wasm module compiled
 * to classes, it is slow: its largest functions are interpreted, by the engine or by the JVM, which
 * compiles no method so large. As a guest on tier 2 it is as fast as anything. Its classes are
 * translated back, since its Wasm is not published; see {@link
 * dev.skep.engine.cranelift.BytecodeTranslator}.
 *
 * <p>Either way it runs in a slot of its own ({@link BridgeSlot}), checked like any guest: no more
 * depends on it than on its answers, and its memory is not the heap's. Immutable and thread-safe.
 */
final class NativeBridge {
  private static final String FUNCTIONS = "CraneliftMachineFuncGroup_0.class";
  private static final String BYTES = "Cranelift.meta";

  /** Linear memory of one compiler: what a function of a megabyte takes, and room. */
  private static final long MEMORY_BYTES = 1L << 30;

  /** More than any module of a tenant may have: this one is trusted, and known. */
  private static final ModuleLimits LIMITS =
      new ModuleLimits(
          64 << 20,
          10_000,
          100_000,
          50_000,
          1_000,
          10_000,
          10_000,
          16,
          10_000_000,
          8,
          50_000,
          100_000,
          1_024,
          16 << 20,
          50_000,
          5_000_000,
          5_000,
          10_000,
          100_000,
          5_000_000,
          1_024,
          1 << 20,
          1_000,
          16 << 20,
          2_000_000_000,
          2_000_000_000,
          2_000_000);

  private static final EngineConfig CONFIG =
      new EngineConfig(LIMITS, 1 << 20, 1 << 10, false).withScratch(0, 100);

  private final CompiledModule module;

  private NativeBridge(CompiledModule module) {
    this.module = module;
  }

  private static byte[] resource(String name) {
    try (InputStream in = Cranelift.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("the bridge has no " + name);
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ScannedModule scanned() {
    try {
      return ModuleScanner.scan(resource(BYTES), LIMITS);
    } catch (ModuleRefusedException e) {
      throw new IllegalStateException("the bridge is no module", e);
    }
  }

  /** SHA-256 of all that {@link #compile} translates, which names its artifact. */
  static String digest() {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(resource(BYTES));
      sha.update(resource(FUNCTIONS));
      return HexFormat.of().formatHex(sha.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Compiles the bridge. Takes minutes. */
  static CompileOutcome compile(ModuleCompiler compiler, CompileWatch watch) {
    ScannedModule scanned = scanned();
    Map<Integer, MethodNode> methods = new HashMap<>();
    ClassNode functions = new ClassNode();
    new ClassReader(resource(FUNCTIONS)).accept(functions, ClassReader.EXPAND_FRAMES);
    int[] bodies = scanned.bodies();
    int imported = scanned.importedFunctions().length;
    for (MethodNode method : functions.methods) {
      if (method.name.startsWith("func_")) {
        int function = Integer.parseInt(method.name.substring("func_".length()));
        // Where the module's own body is more than a stub, it is what there is.
        int defined = function - imported;
        if (bodies[2 * defined + 1] - bodies[2 * defined] <= STUB_BYTES) {
          methods.put(function, method);
        }
      }
    }
    try {
      CompileRequest request = MachineRequest.of(scanned, CONFIG, _ -> 1);
      return compiler.compile(request, methods, watch);
    } catch (ModuleRefusedException e) {
      throw new IllegalStateException("the bridge is no module", e);
    }
  }

  /** A body without locals that is {@code unreachable}. */
  private static final int STUB_BYTES = 3;

  /** The bridge as the JVM runs it. */
  static NativeBridge inJvm() {
    return new NativeBridge(
        module(
            new LoadedClasses(Cranelift::create, 1, Map.of()),
            new CodeSpace(CodeSpace.DEFAULT_BYTES)));
  }

  /**
   * The bridge as its own machine code.
   *
   * @param artifact of {@link #digest} and of {@link MachineTarget#key}
   * @param space that it is mapped in
   * @throws IllegalArgumentException if it cannot be run, and why
   */
  static NativeBridge of(Artifact artifact, CodeSpace space) {
    if (!artifact.module().equals(digest())) {
      throw new IllegalArgumentException("the artifact is not of this compiler");
    }
    CompiledModule module = module(LoadedClasses.NONE, space);
    return switch (module.runOn(artifact)) {
      case MachineLoad.Loaded _ -> new NativeBridge(module);
      case MachineLoad.Refused refused -> throw new IllegalArgumentException(refused.message());
    };
  }

  private static CompiledModule module(LoadedClasses loaded, CodeSpace space) {
    ScannedModule scanned = scanned();
    return new CompiledModule(
        scanned.description(),
        scanned,
        Cranelift.load(),
        loaded,
        0,
        ImportValues.empty(),
        CONFIG.withMetering(true),
        new ScratchBudget(0, 0),
        new CompileReport(0, 1, List.of()),
        space);
  }

  /** A slot of its own to run it in. */
  BridgeSlot newSlot() {
    return new BridgeSlot(module, MEMORY_BYTES);
  }

  /** Unmaps its machine code when the last slot is closed. */
  void close() {
    module.close();
  }
}
