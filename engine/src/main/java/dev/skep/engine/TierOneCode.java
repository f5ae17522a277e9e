package dev.skep.engine;

import java.util.List;
import java.util.Map;

/**
 * What compiling a module for tier 1 gives.
 *
 * @param oversized its large functions
 * @param module the instrumented module, to be parsed: only the bodies of interpreted functions are
 *     in it, the others trap
 * @param mainClass name of the class that is the machine
 * @param classes all classes by name, rewritten
 * @param depthUnits call depth that a call takes, of the functions that call others
 * @param interpreted indexes of the functions that are interpreted, in order
 * @param attempts how often the compiler began
 */
record TierOneCode(
    OversizedFunctions oversized,
    byte[] module,
    String mainClass,
    Map<String, byte[]> classes,
    Map<Integer, Integer> depthUnits,
    List<Integer> interpreted,
    int attempts) {}
