package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.dylibso.chicory.compiler.internal.Compiler;
import com.dylibso.chicory.wasm.Parser;
import dev.skep.engine.Invocation.BytesCall;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.cranelift.CompileWatch;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.ModuleCompiler;
import io.roastedroot.redline.bridge.RedlineBridge;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * Machine code made of the classes that the engine's compiler makes of a guest does what machine
 * code made of the guest does: so does the compiler of machine code, of which there are only
 * classes.
 */
class BytecodeTranslatorTest {
  private static final EngineConfig FREE = EngineConfig.DEFAULTS.withMetering(false);

  private static Map<Integer, MethodNode> methods(byte[] wasm) {
    Map<String, byte[]> classes =
        Compiler.builder(Parser.parse(wasm))
            .withClassName("guest.Guest")
            .build()
            .compile()
            .collector()
            .classBytes();
    Map<Integer, MethodNode> methods = new HashMap<>();
    for (byte[] bytes : classes.values()) {
      ClassNode node = new ClassNode();
      new ClassReader(bytes).accept(node, ClassReader.EXPAND_FRAMES);
      for (MethodNode method : node.methods) {
        if (method.name.startsWith("func_") && !growsTable(method)) {
          methods.put(Integer.parseInt(method.name.substring("func_".length())), method);
        }
      }
    }
    return methods;
  }

  /** What the compiler of machine code does not do itself stays what it is in the module. */
  private static boolean growsTable(MethodNode method) {
    for (AbstractInsnNode node : method.instructions) {
      if (node instanceof MethodInsnNode call && call.name.equals("tableGrow")) {
        return true;
      }
    }
    return false;
  }

  private static CompiledModule compiled(byte[] wasm, Map<Integer, MethodNode> methods)
      throws ModuleRefusedException {
    CompiledModule module = new Engine(FREE).compile(wasm);
    ScannedModule scanned = ModuleScanner.scan(wasm, FREE.moduleLimits());
    ModuleCompiler compiler =
        new ModuleCompiler(() -> new RedlineBridge().exports(), MachineTarget.target(), false);
    if (compiler.compile(MachineRequest.of(scanned, FREE, module), methods, CompileWatch.NONE)
        instanceof MachineCode code) {
      module.runOn(code);
      return module;
    }
    throw new AssertionError("not compiled");
  }

  @Test
  void kernelsAnswerTheSame() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/kernels.wasm");
    try (Guests guests = new Guests();
        Probe ofWasm = new Probe(guests, compiled(wasm, Map.of()));
        Probe ofClasses = new Probe(guests, compiled(wasm, methods(wasm)))) {
      for (String name : List.of("fib", "sha", "matmul", "json", "sieve", "sort")) {
        long argument = name.equals("sha") ? 1 : 20;
        assertThat(ofClasses.call(name, argument)).as(name).isEqualTo(ofWasm.call(name, argument));
      }
    }
  }

  @Test
  void trapsAreTheSame() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/trap.wasm");
    try (Guests guests = new Guests();
        Probe ofWasm = new Probe(guests, compiled(wasm, Map.of()));
        Probe ofClasses = new Probe(guests, compiled(wasm, methods(wasm)))) {
      for (String name :
          List.of("div_zero", "int_overflow", "unreachable", "oob_load", "null_ref")) {
        assertThat(ofClasses.run(name)).as(name).isEqualTo(ofWasm.run(name));
      }
      assertThat(ofClasses.instance.run(new TypedCall("grow_all", new long[0]), Guests.PLENTY))
          .extracting(RunReport::memoryPeakBytes)
          .isEqualTo(16L << 20);
    }
  }

  @Test
  void theJsonGuestAnswersTheSame() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/json_transform_small.wasm");
    BytesCall call = new BytesCall("transform", Guests.bytes("data/order.json"));
    try (Guests guests = new Guests();
        Probe ofWasm = new Probe(guests, compiled(wasm, Map.of()));
        Probe ofClasses = new Probe(guests, compiled(wasm, methods(wasm)))) {
      RunResult expected = ofWasm.instance.run(call, Guests.PLENTY).result();
      RunResult got = ofClasses.instance.run(call, Guests.PLENTY).result();
      if (expected instanceof RunResult.Bytes a && got instanceof RunResult.Bytes b) {
        assertThat(b.output()).isEqualTo(a.output());
      } else {
        throw new AssertionError(expected + " " + got);
      }
    }
  }
}
