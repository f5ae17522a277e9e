package dev.skep.engine.cranelift;

/** A processor and a system that code can be made for. */
public enum Target {
  X86_64("x86_64-unknown-linux-gnu"),
  AARCH64("aarch64-unknown-linux-gnu");

  private final String triple;

  Target(String triple) {
    this.triple = triple;
  }

  /** As Cranelift calls it, and as it is named in the keys of artifacts. */
  public String triple() {
    return triple;
  }
}
