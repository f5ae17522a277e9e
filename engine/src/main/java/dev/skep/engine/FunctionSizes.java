package dev.skep.engine;

import dev.skep.engine.ModuleDescription.OversizedFunction;
import dev.skep.engine.ModuleDescription.Tier;
import dev.skep.limits.ModuleLimits;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the functions of a checked module will become: how large their JVM methods are, by {@link
 * MethodSizeEstimate}, and what the compiler is to be told because of it.
 *
 * <p>The compiler begins again when it meets a method that is too large, so those that surely are
 * get named to it beforehand. Surely: the estimate is past the limit by more than it can be wrong.
 * A function in between is tried, because the interpreter is far slower than any restart.
 */
final class FunctionSizes {
  /** By how much an estimate may be too high; a test holds it against real compiles. */
  static final double SURELY = 1.1;

  /**
   * Words of frames, 4 bytes each, from which on a function is not compiled: 8 MiB, and a class of
   * 32 such functions has its 256 MiB. A method of 64 KiB with 5,000 labels may have 400 locals.
   */
  private static final long MOST_FRAME_CELLS = 2 << 20;

  /**
   * Functions in one generated class: a power of two, as many as keep a class within {@link
   * #CLASS_BYTES} and {@link #CLASS_FRAME_CELLS}, because the compiler holds a class as a whole,
   * and because its time is looked at between two.
   */
  private static final int MOST_IN_CLASS = 4_096;

  private static final int LEAST_IN_CLASS = 32;
  private static final long CLASS_BYTES = 2 << 20;
  private static final long CLASS_FRAME_CELLS = 16 << 20;

  private final ScannedModule module;
  private final long[] methodBytes;
  private final long[] frameCells;
  private final long steps;

  private FunctionSizes(ScannedModule module, long[] methodBytes, long[] frameCells, long steps) {
    this.module = module;
    this.methodBytes = methodBytes;
    this.frameCells = frameCells;
    this.steps = steps;
  }

  /**
   * Checks every function of the module.
   *
   * @throws ModuleRefusedException at the first that is invalid, or past a limit
   */
  static FunctionSizes check(ScannedModule module, ModuleLimits limits)
      throws ModuleRefusedException {
    FunctionChecker checker = new FunctionChecker(module, limits);
    int[] types = module.functions();
    int[] bodies = module.bodies();
    long[] methodBytes = new long[types.length];
    long[] frameCells = new long[types.length];
    for (int i = 0; i < types.length; i++) {
      checker.check(types[i], bodies[2 * i], bodies[2 * i + 1]);
      methodBytes[i] = checker.size().methodBytes();
      frameCells[i] = checker.size().frameCells();
    }
    return new FunctionSizes(module, methodBytes, frameCells, checker.steps());
  }

  /** Estimated size of the method of a defined function, in bytes. */
  long methodBytes(int defined) {
    return methodBytes[defined];
  }

  /** Steps that checking took beyond one for each operator. */
  long steps() {
    return steps;
  }

  private int imported() {
    return module.importedFunctions().length;
  }

  /**
   * Indexes of the functions that the compiler need not try.
   *
   * @param most bytes of a method that the compiler is to generate
   */
  Set<Integer> surelyTooLarge(int most) {
    Set<Integer> indexes = new HashSet<>();
    for (int i = 0; i < methodBytes.length; i++) {
      if (methodBytes[i] > most * SURELY || frameCells[i] > MOST_FRAME_CELLS) {
        indexes.add(imported() + i);
      }
    }
    return indexes;
  }

  /** Functions estimated past the limit, and no smaller than one that was found too large. */
  Set<Integer> asLargeAs(int function) {
    long least =
        Math.max(MethodSizeEstimate.MOST_METHOD_BYTES + 1, methodBytes[function - imported()]);
    Set<Integer> indexes = new HashSet<>();
    for (int i = 0; i < methodBytes.length; i++) {
      if (methodBytes[i] >= least) {
        indexes.add(imported() + i);
      }
    }
    return indexes;
  }

  /** How many functions the compiler is to put in one class. */
  int functionsInClass() {
    int count = MOST_IN_CLASS;
    while (count > LEAST_IN_CLASS && !fits(count)) {
      count >>= 1;
    }
    return count;
  }

  private boolean fits(int count) {
    int first = imported();
    long bytes = 0;
    long cells = 0;
    for (int i = 0; i < methodBytes.length; i++) {
      if ((first + i) % count == 0) {
        bytes = 0;
        cells = 0;
      }
      bytes += Math.min(methodBytes[i], MethodSizeEstimate.MOST_METHOD_BYTES);
      cells += Math.min(frameCells[i], MOST_FRAME_CELLS);
      if (bytes > CLASS_BYTES || cells > CLASS_FRAME_CELLS) {
        return false;
      }
    }
    return true;
  }

  /** The functions that are oversized. */
  OversizedFunctions oversized() {
    List<Integer> oversized = new ArrayList<>();
    for (int i = 0; i < methodBytes.length; i++) {
      if (methodBytes[i] > MethodSizeEstimate.HUGE_METHOD_BYTES
          || frameCells[i] > MOST_FRAME_CELLS) {
        oversized.add(i);
      }
    }
    int count = oversized.size();
    oversized.sort(Comparator.comparingLong((Integer i) -> methodBytes[i]).reversed());
    List<Integer> largest = oversized.subList(0, Math.min(count, ModuleDescription.MOST_OVERSIZED));
    Map<Integer, String> names = names(largest);
    List<OversizedFunction> described = new ArrayList<>();
    for (int i : largest) {
      int index = imported() + i;
      boolean interpreted =
          methodBytes[i] > MethodSizeEstimate.MOST_METHOD_BYTES || frameCells[i] > MOST_FRAME_CELLS;
      described.add(
          new OversizedFunction(
              index,
              names.getOrDefault(index, "func[" + index + "]"),
              methodBytes[i],
              interpreted ? Tier.INTERPRETED : Tier.COMPILED_LATE));
    }
    return new OversizedFunctions(described, count);
  }

  private Map<Integer, String> names(List<Integer> wanted) {
    Map<Integer, String> names = new HashMap<>();
    ScannedModule.Range range = module.names();
    if (range == null || wanted.isEmpty()) {
      return names;
    }
    Set<Integer> indexes = new HashSet<>();
    wanted.forEach(i -> indexes.add(imported() + i));
    WasmCursor in = new WasmCursor(module.bytes(), range.from(), range.to());
    try {
      int count = in.u31();
      for (int i = 0; i < count; i++) {
        int index = in.u31();
        if (indexes.contains(index)) {
          names.put(index, Printable.of(in.name(module.bytes().length)));
        } else {
          in.skip(in.u31());
        }
      }
    } catch (ModuleRefusedException e) {
      // A broken name section names what it named up to there (core spec 7.4.1).
    }
    return names;
  }
}
