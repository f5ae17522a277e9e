package dev.skep.engine;

import java.util.List;
import java.util.Map;

/** A way to call a guest. */
public sealed interface Invocation {

  /**
   * Calls an exported function with values.
   *
   * @param export name of the function
   * @param args one a parameter, as raw bits: i32 and f32 in the low 32 bits, f64 as its bits
   */
  record TypedCall(String export, long[] args) implements Invocation {}

  /**
   * Hands bytes to an exported {@code (ptr i32, len i32) -> i64} and takes bytes back: the module
   * exports {@code memory} and {@code alloc(i32) -> i32}; the answer is {@code ptr << 32 | len}, or
   * 0 for refusing the input.
   *
   * @param export name of the function
   * @param input the bytes, at most what the memory can hold
   */
  record BytesCall(String export, byte[] input) implements Invocation {}

  /**
   * Runs a WASI preview 1 command.
   *
   * @param args its arguments, the program's name first
   * @param env its environment
   * @param stdin what it reads from file descriptor 0
   */
  record CommandRun(List<String> args, Map<String, String> env, byte[] stdin)
      implements Invocation {}
}
