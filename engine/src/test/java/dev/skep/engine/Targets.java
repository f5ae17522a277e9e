package dev.skep.engine;

import dev.skep.engine.cranelift.CompileOutcome;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.engine.cranelift.Target;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Guests as machine code for any processor, whichever the tests run on. */
final class Targets {
  private static final List<String> GUESTS = List.of("add", "trap", "kernels", "wordcount");

  private Targets() {}

  /** Of some guests, by name, in the order of {@link #GUESTS}. */
  static Map<String, Artifact> artifacts(Target target) throws ModuleRefusedException {
    Engine engine = new Engine(EngineConfig.DEFAULTS);
    CompilerKey own = engine.compilerKey();
    CompilerKey key =
        new CompilerKey(own.compiler(), own.fuelTableVersion(), target.triple(), own.features());
    NativeBridge bridge = NativeBridge.inJvm();
    try (BridgeSlot slot = bridge.newSlot()) {
      ModuleCompiler compiler = new ModuleCompiler(slot::start, target, false);
      Map<String, Artifact> artifacts = new LinkedHashMap<>();
      for (String name : GUESTS) {
        byte[] wasm = Guests.bytes("wasm/" + name + ".wasm");
        artifacts.put(
            name,
            switch (compiler.compile(engine.machineRequest(wasm))) {
              case MachineCode code ->
                  MachineArtifact.of(CraneliftCompiler.digest(wasm), key, code);
              case CompileOutcome.Unsupported why -> throw new AssertionError(why.reason());
            });
      }
      return artifacts;
    } finally {
      bridge.close();
    }
  }
}
