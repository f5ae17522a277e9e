package dev.skep.engine;

/** A value's type, by the standard's word. */
public enum ValueKind {
  I32(0x7F, "i32"),
  I64(0x7E, "i64"),
  F32(0x7D, "f32"),
  F64(0x7C, "f64"),
  FUNCREF(0x70, "funcref"),
  EXTERNREF(0x6F, "externref");

  private final int code;
  private final String word;

  ValueKind(int code, String word) {
    this.code = code;
    this.word = word;
  }

  int code() {
    return code;
  }

  public String word() {
    return word;
  }

  public boolean isReference() {
    return this == FUNCREF || this == EXTERNREF;
  }

  static ValueKind read(WasmCursor in) throws ModuleRefusedException {
    int code = in.u8();
    return switch (code) {
      case 0x7F -> I32;
      case 0x7E -> I64;
      case 0x7D -> F32;
      case 0x7C -> F64;
      case 0x70 -> FUNCREF;
      case 0x6F -> EXTERNREF;
      case 0x7B -> throw in.unsupported("SIMD vectors (v128)");
      case 0x69, 0x74 -> throw in.unsupported("exception references");
      case 0x63, 0x64, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x71, 0x72, 0x73 ->
          throw in.unsupported("typed references or garbage collection");
      default -> throw in.malformed("unknown value type 0x" + Integer.toHexString(code));
    };
  }
}
