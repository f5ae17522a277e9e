package dev.skep.loadtest.wasm;

import java.util.function.UnaryOperator;

/**
 * The operators of one function's body or of a constant expression (core spec 5.4). Whether they
 * make sense is the caller's affair. The last {@code end} is written by {@link ModuleWriter}.
 */
public final class Code {
  private static final int EMPTY = 0x40;

  private final ByteSink out = new ByteSink();

  public static Code code() {
    return new Code();
  }

  public ByteSink sink() {
    return out;
  }

  /** Any bytes. */
  public Code op(int... bytes) {
    out.raw(bytes);
    return this;
  }

  public Code u32(long value) {
    out.u32(value);
    return this;
  }

  /** {@code step} so many times. */
  public Code repeat(int times, UnaryOperator<Code> step) {
    for (int i = 0; i < times; i++) {
      var _ = step.apply(this);
    }
    return this;
  }

  // ── Constants, locals, globals ────────────────────────────────────────────────────────────

  /**
   * {@code i32.const}.
   *
   * @param value −2^31 to 2^32 − 1
   */
  public Code i32(long value) {
    // Numbers from 2^31 on mean the negative ones of the same bits.
    out.raw(0x41).signed(value << 32 >> 32);
    return this;
  }

  public Code i64(long value) {
    out.raw(0x42).signed(value);
    return this;
  }

  public Code f32(float value) {
    int bits = Float.floatToRawIntBits(value);
    return op(0x43, bits, bits >> 8, bits >> 16, bits >> 24);
  }

  public Code f64(double value) {
    long bits = Double.doubleToRawLongBits(value);
    op(0x44);
    for (int i = 0; i < 8; i++) {
      op((int) (bits >> (8 * i)));
    }
    return this;
  }

  public Code get(int local) {
    return op(0x20).u32(local);
  }

  public Code set(int local) {
    return op(0x21).u32(local);
  }

  public Code tee(int local) {
    return op(0x22).u32(local);
  }

  public Code globalGet(int global) {
    return op(0x23).u32(global);
  }

  public Code globalSet(int global) {
    return op(0x24).u32(global);
  }

  public Code drop() {
    return op(0x1A);
  }

  public Code add() {
    return op(0x6A);
  }

  public Code mul() {
    return op(0x6C);
  }

  // ── Control ───────────────────────────────────────────────────────────────────────────────

  public Code unreachable() {
    return op(0x00);
  }

  public Code block() {
    return op(0x02, EMPTY);
  }

  public Code loop() {
    return op(0x03, EMPTY);
  }

  public Code when() {
    return op(0x04, EMPTY);
  }

  public Code orElse() {
    return op(0x05);
  }

  public Code end() {
    return op(0x0B);
  }

  public Code ret() {
    return op(0x0F);
  }

  public Code br(int label) {
    return op(0x0C).u32(label);
  }

  public Code brIf(int label) {
    return op(0x0D).u32(label);
  }

  /** So many targets, all {@code label}, and the default one too. */
  public Code brTable(int targets, int label) {
    op(0x0E).u32(targets);
    for (int i = 0; i <= targets; i++) {
      u32(label);
    }
    return this;
  }

  public Code call(int function) {
    return op(0x10).u32(function);
  }

  public Code callIndirect(int type, int table) {
    return op(0x11).u32(type).u32(table);
  }

  public Code returnCall(int function) {
    return op(0x12).u32(function);
  }

  public Code returnCallIndirect(int type, int table) {
    return op(0x13).u32(type).u32(table);
  }

  // ── Memory ────────────────────────────────────────────────────────────────────────────────

  public Code load8(long offset) {
    return op(0x2D, 0).u32(offset);
  }

  public Code load32(long offset) {
    return op(0x28, 2).u32(offset);
  }

  public Code store8(long offset) {
    return op(0x3A, 0).u32(offset);
  }

  public Code store32(long offset) {
    return op(0x36, 2).u32(offset);
  }

  public Code memorySize(int memory) {
    return op(0x3F).u32(memory);
  }

  public Code memoryGrow(int memory) {
    return op(0x40).u32(memory);
  }

  public Code memoryInit(int segment) {
    return op(0xFC, 8).u32(segment).u32(0);
  }

  public Code dataDrop(int segment) {
    return op(0xFC, 9).u32(segment);
  }

  public Code memoryCopy(int to, int from) {
    return op(0xFC, 10).u32(to).u32(from);
  }

  public Code memoryFill(int memory) {
    return op(0xFC, 11).u32(memory);
  }

  // ── Tables ────────────────────────────────────────────────────────────────────────────────

  public Code refNull() {
    return op(0xD0, 0x70);
  }

  public Code refFunc(int function) {
    return op(0xD2).u32(function);
  }

  public Code isNull() {
    return op(0xD1);
  }

  public Code tableGet(int table) {
    return op(0x25).u32(table);
  }

  public Code tableSet(int table) {
    return op(0x26).u32(table);
  }

  public Code tableInit(int segment, int table) {
    return op(0xFC, 12).u32(segment).u32(table);
  }

  public Code elemDrop(int segment) {
    return op(0xFC, 13).u32(segment);
  }

  public Code tableCopy(int to, int from) {
    return op(0xFC, 14).u32(to).u32(from);
  }

  public Code tableGrow(int table) {
    return op(0xFC, 15).u32(table);
  }

  public Code tableSize(int table) {
    return op(0xFC, 16).u32(table);
  }

  public Code tableFill(int table) {
    return op(0xFC, 17).u32(table);
  }
}
