package dev.skep.engine;

import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Machine;
import dev.skep.engine.cranelift.CompileOutcome;
import dev.skep.engine.cranelift.CompileRequest;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.limits.ModuleLimits;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.TakeRefused;
import io.roastedroot.redline.bridge.Cranelift;
import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
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
 * <p>It runs in a slot of its own, checked like any guest: no more depends on it than on its
 * answers.
 */
final class NativeBridge implements AutoCloseable {
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

  private final InstanceAllocator allocator =
      new PoolingAllocator(PoolConfig.of(1, MEMORY_BYTES, 20_000, 65_536));
  private final SlotOwner owner = allocator.newOwner();
  private final CompiledModule module;
  private @Nullable SlotLease running;

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

  /** Compiles the bridge. Takes minutes. */
  static CompileOutcome compile(ModuleCompiler compiler) {
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
      return compiler.compile(request, methods);
    } catch (ModuleRefusedException e) {
      throw new IllegalStateException("the bridge is no module", e);
    }
  }

  /** A body without locals that is {@code unreachable}. */
  private static final int STUB_BYTES = 3;

  /** Makes ready to run what {@link #compile} has made. */
  static NativeBridge of(MachineCode code) {
    ScannedModule scanned = scanned();
    CompiledModule module =
        new CompiledModule(
            scanned.description(),
            scanned,
            Cranelift.load(),
            new GuestClasses.Loaded(NativeBridge::none, 0, Map.of()),
            ImportValues.empty(),
            CONFIG,
            new ScratchBudget(0, 0),
            new CompileReport(0, 1, List.of()));
    module.runOn(code);
    return new NativeBridge(module);
  }

  private static Machine none(Instance instance) {
    return (_, _) -> {
      throw new IllegalStateException("the bridge is run as machine code only");
    };
  }

  /** A bridge in a new slot; the one before it is gone. */
  synchronized RedlineBridge_ModuleExports start() {
    close(running);
    StoreLimits limits =
        StoreLimits.DEFAULTS
            .withFuel(StoreLimits.MAX_FUEL)
            .withMemoryBytes(MEMORY_BYTES)
            .withCallDepth(StoreLimits.MAX_CALL_DEPTH)
            .withDeadlineNanos(StoreLimits.MAX_DEADLINE_NANOS);
    SlotLease lease =
        switch (allocator.take(module.slotFor(owner))) {
          case SlotLease taken -> taken;
          case TakeRefused refused -> throw new IllegalStateException(refused.message());
        };
    running = lease;
    GuestCode code =
        switch (module.instantiate(lease, limits)) {
          case GuestInstance instance -> instance.code();
          case Instantiation.Failed failed -> throw new IllegalStateException(failed.toString());
        };
    lease.memory(0).begin(limits, System.nanoTime());
    Instance instance =
        Instance.builder(Cranelift.load())
            .withMemoryFactory(_ -> lease.memory(0))
            .withMachineFactory(_ -> code::call)
            .withStart(false)
            .build();
    return new RedlineBridge_ModuleExports(instance);
  }

  private static void close(@Nullable SlotLease lease) {
    if (lease != null) {
      lease.close();
    }
  }

  @Override
  public synchronized void close() {
    close(running);
    running = null;
    allocator.close();
  }
}
