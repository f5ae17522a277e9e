package dev.skep.engine;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Objects;

/** The guests under {@code src/test/resources/wat}, and modules built byte by byte. */
final class Wat {
  static final byte I32 = 0x7F;
  static final byte I64 = 0x7E;

  private Wat() {}

  static byte[] bytes(String name) {
    try (InputStream in = Wat.class.getResourceAsStream("/wat/" + name + ".wasm")) {
      return Objects.requireNonNull(in, name).readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Bytes from numbers, so that opcodes above 0x7F need no cast. */
  static byte[] hex(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  static byte[] header() {
    return hex(0, 'a', 's', 'm', 1, 0, 0, 0);
  }

  static void raw(WasmBuffer out, int... values) {
    byte[] bytes = hex(values);
    out.raw(bytes, 0, bytes.length);
  }

  /** A module of these sections, whose contents follow their ids. */
  static byte[] module(Section... sections) {
    WasmBuffer out = new WasmBuffer(256);
    byte[] header = header();
    out.raw(header, 0, header.length);
    for (Section section : sections) {
      WasmBuffer content = new WasmBuffer(64);
      content.raw(section.content, 0, section.content.length);
      out.section(section.id, content);
    }
    return out.toBytes();
  }

  /** A section's id and content. */
  record Section(int id, byte[] content) {}

  static Section section(int id, int... content) {
    return new Section(id, hex(content));
  }

  /** A function: the index of its type and its body behind the locals, the end included. */
  record Function(int type, int locals, byte localType, byte[] code) {
    Function(int type, byte[] code) {
      this(type, 0, I32, code);
    }
  }

  /**
   * A module with one page of memory and a table of all its functions, exported as {@code f0},
   * {@code f1} and so on. Type 0 is {@code (i32) -> i32}, type 1 {@code () -> ()}, type 2 {@code ()
   * -> i32}.
   */
  static byte[] functions(List<Function> functions) {
    return functions(functions, new byte[0]);
  }

  /**
   * The same with one passive data segment.
   *
   * @param passive what is in it; nothing for no segment
   */
  static byte[] functions(List<Function> functions, byte[] passive) {
    WasmBuffer types = new WasmBuffer(32);
    raw(types, 3, 0x60, 1, I32, 1, I32, 0x60, 0, 0, 0x60, 0, 1, I32);
    WasmBuffer declared = new WasmBuffer(32);
    WasmBuffer exports = new WasmBuffer(64);
    WasmBuffer elements = new WasmBuffer(64);
    WasmBuffer code = new WasmBuffer(1 << 16);
    declared.u32(functions.size());
    exports.u32(functions.size());
    raw(elements, 1, 0, 0x41, 0, 0x0B);
    elements.u32(functions.size());
    code.u32(functions.size());
    for (int i = 0; i < functions.size(); i++) {
      Function function = functions.get(i);
      declared.u32(function.type());
      byte[] name = ("f" + i).getBytes(java.nio.charset.StandardCharsets.UTF_8);
      exports.u32(name.length);
      exports.raw(name, 0, name.length);
      exports.u8(0);
      exports.u32(i);
      elements.u32(i);
      WasmBuffer body = new WasmBuffer(function.code().length + 16);
      if (function.locals() == 0) {
        body.u32(0);
      } else {
        body.u32(1);
        body.u32(function.locals());
        body.u8(function.localType());
      }
      body.raw(function.code(), 0, function.code().length);
      code.u32(body.length());
      code.raw(body);
    }
    WasmBuffer table = new WasmBuffer(16);
    raw(table, 1, 0x70, 0);
    table.u32(functions.size());
    WasmBuffer out = new WasmBuffer(1 << 16);
    byte[] header = header();
    out.raw(header, 0, header.length);
    out.section(1, types);
    out.section(3, declared);
    out.section(4, table);
    WasmBuffer memory = new WasmBuffer(8);
    raw(memory, 1, 0, 1);
    out.section(5, memory);
    out.section(7, exports);
    out.section(9, elements);
    WasmBuffer data = new WasmBuffer(64);
    data.u32(1);
    if (passive.length > 0) {
      out.section(12, data);
    }
    out.section(10, code);
    if (passive.length > 0) {
      data.u8(1);
      data.u32(passive.length);
      data.raw(passive, 0, passive.length);
      out.section(11, data);
    }
    return out.toBytes();
  }
}
