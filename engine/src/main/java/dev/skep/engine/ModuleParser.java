package dev.skep.engine;

import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.MalformedException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import dev.skep.engine.ModuleRefusedException.Reason;
import java.io.ByteArrayInputStream;

/** The engine's parser, whose failures are refusals of the module. */
final class ModuleParser {
  private ModuleParser() {}

  /** The engine's parser reads names, and fails on what the standard ignores (7.4.1). */
  static byte[] withoutCustomSections(ScannedModule module) {
    WasmBuffer out = new WasmBuffer(module.bytes().length);
    out.raw(module.bytes(), 0, 8);
    for (ScannedModule.Section section : module.sections()) {
      out.u8(section.id());
      out.u32(section.to() - section.from());
      out.raw(module.bytes(), section.from(), section.to());
    }
    return out.toBytes();
  }

  static WasmModule parse(byte[] bytes, boolean validate) throws ModuleRefusedException {
    try {
      return Parser.builder()
          .withValidation(validate)
          .build()
          .parse(() -> new ByteArrayInputStream(bytes));
    } catch (MalformedException e) {
      throw new ModuleRefusedException(
          Reason.MALFORMED, "malformed module: " + Printable.of(String.valueOf(e.getMessage())), e);
    } catch (ChicoryException e) {
      throw new ModuleRefusedException(
          Reason.INVALID, "invalid module: " + Printable.of(String.valueOf(e.getMessage())), e);
    } catch (OutOfMemoryError e) {
      throw new ModuleRefusedException(
          Reason.LIMIT, "checking the module takes more memory than the node has for it", e);
    } catch (RuntimeException | StackOverflowError e) {
      // The parser answers some malformed input with exceptions of the JVM.
      throw new ModuleRefusedException(Reason.MALFORMED, "malformed module: it does not decode", e);
    }
  }
}
