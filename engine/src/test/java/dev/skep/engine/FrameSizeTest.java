package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.cranelift.MachineCode;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How much stack a function of machine code takes is known, whatever it is. */
class FrameSizeTest {
  /**
   * {@code f0(n)}: reads so many words of the memory, and only then writes them back, a word
   * further; so all are held at once. Answers the last.
   */
  private static byte[] wide(int values) {
    WasmBuffer code = new WasmBuffer(64 * values);
    Wat.raw(code, 0x41, 0, 0x20, 0, 0x36, 2, 0); // memory[0] = n
    for (int i = 0; i < values; i++) {
      Wat.raw(code, 0x41, 0, 0x28, 2); // memory[4 i], into a local
      code.u32(4L * i);
      Wat.raw(code, 0x21);
      code.u32(i + 1);
    }
    for (int i = 0; i < values; i++) {
      Wat.raw(code, 0x41, 0, 0x20); // memory[4 i + 4] = the local
      code.u32(i + 1);
      Wat.raw(code, 0x36, 2);
      code.u32(4L * i + 4);
    }
    Wat.raw(code, 0x41, 0, 0x28, 2, 4, 0x0B);
    return Wat.functions(List.of(new Wat.Function(0, values, Wat.I32, code.toBytes())));
  }

  /** Its stack is read from its first instructions, which differ with the size. */
  @Test
  void framesOfAnySizeAreMade() throws ModuleRefusedException {
    try (Guests guests = new Guests()) {
      for (int values : new int[] {20, 200, 700}) {
        byte[] wasm = wide(values);
        CompiledModule module = guests.engine.compile(wasm);
        TypedCall call = new TypedCall("f0", new long[] {7});
        String expected = MachineCodeTest.shown(guests.run(module, call, Guests.PLENTY));
        if (guests.engine.machineCode(wasm, module) instanceof MachineCode code) {
          // What registers do not hold, in words of 4 bytes or of 8.
          assertThat(code.leafStack()).isBetween(4 * (values - 40), 8 * values + 256);
          module.runOn(code);
          RunReport report = guests.run(module, call, Guests.PLENTY);
          assertThat(MachineCodeTest.shown(report)).as("%d values", values).isEqualTo(expected);
        } else {
          throw new AssertionError(values + " values are not compiled");
        }
      }
    }
  }
}
