package dev.skep.engine;

import java.util.Set;

/**
 * A module without the bodies of most functions, for who runs those in another way: the engine's
 * parser makes an object of each operator, and the process that compiles need not send them. What
 * the parser makes of the empty ones still goes by {@link WithoutBodies}; a module that was not
 * instrumented is written by {@link FuelInstrumenter#bodiless}.
 */
final class HollowModule {
  private static final int CODE = 10;

  /** Its length, no locals, {@code end}: never called, and not validated. */
  private static final byte[] EMPTY_BODY = {2, 0, 0x0B};

  private HollowModule() {}

  /**
   * @param module that the scan has accepted, instrumented or not
   * @param kept indexes of the functions that keep their bodies
   * @param imported how many functions the module imports
   */
  static byte[] of(byte[] module, Set<Integer> kept, int imported) throws ModuleRefusedException {
    WasmBuffer out = new WasmBuffer(1_024);
    out.raw(module, 0, 8);
    WasmCursor in = new WasmCursor(module, 8, module.length);
    while (!in.atEnd()) {
      int start = in.position;
      int id = in.u8();
      int length = in.u31();
      int from = in.position;
      in.skip(length);
      if (id == CODE) {
        out.section(CODE, bodies(new WasmCursor(module, from, in.position), kept, imported));
      } else {
        out.raw(module, start, in.position);
      }
    }
    return out.toBytes();
  }

  private static WasmBuffer bodies(WasmCursor in, Set<Integer> kept, int imported)
      throws ModuleRefusedException {
    WasmBuffer out = new WasmBuffer(1_024);
    int count = in.u31();
    out.u32(count);
    for (int i = 0; i < count; i++) {
      int start = in.position;
      in.skip(in.u31());
      if (kept.contains(imported + i)) {
        out.raw(in.bytes, start, in.position);
      } else {
        out.raw(EMPTY_BODY, 0, EMPTY_BODY.length);
      }
    }
    return out;
  }
}
