package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.dylibso.chicory.compiler.InterpreterFallback;
import com.dylibso.chicory.compiler.internal.Compiler;
import com.dylibso.chicory.wasm.Parser;
import dev.skep.engine.FuelInstrumenter.Instrumented;
import java.io.ByteArrayInputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The estimate is held against what the compiler and the rewriting really make of the guests. */
class MethodSizeEstimateTest {
  private static final List<String> GUESTS =
      List.of(
          "kernels", "hello_cgi", "wordcount", "json_transform", "json_transform_small", "trap");

  /** By how much an estimate of a large function may be off, either way. */
  private static final double FACTOR = FunctionSizes.SURELY;

  /** Below this a function is far from any limit, and details count for much. */
  private static final int LARGE_BYTES = 1_000;

  private record Sized(String name, long estimated, long real) {
    double ratio() {
      return estimated / (double) real;
    }
  }

  @Test
  void theEstimateIsNearTheRealMethodsOfTheGuests() throws ModuleRefusedException {
    List<Sized> all = new ArrayList<>();
    long steps = 0;
    for (String guest : GUESTS) {
      byte[] wasm = Guests.bytes("wasm/" + guest + ".wasm");
      all.addAll(sizes(guest, wasm));
      ScannedModule scanned = ModuleScanner.scan(wasm, EngineConfig.DEFAULTS.moduleLimits());
      steps += FunctionSizes.check(scanned, EngineConfig.DEFAULTS.moduleLimits()).steps();
    }
    List<Sized> large =
        all.stream()
            .filter(function -> function.real() >= LARGE_BYTES)
            .sorted(Comparator.comparingDouble(Sized::ratio))
            .toList();
    double sums =
        all.stream().mapToLong(Sized::estimated).sum()
            / (double) all.stream().mapToLong(Sized::real).sum();
    System.out.println(
        "MethodSizeEstimateTest: "
            + large.size()
            + " large functions, "
            + large.getFirst()
            + " to "
            + large.getLast()
            + ", steps "
            + steps
            + ", sums "
            + sums);
    assertThat(large).hasSizeGreaterThan(20);
    assertThat(large)
        .allSatisfy(function ->
            assertThat(function.ratio()).as("%s", function).isBetween(1 / FACTOR, FACTOR));
    // A thousandth of the limit for 115 KB: ordinary code is far from it.
    assertThat(steps).isBetween(1L, EngineConfig.DEFAULTS.moduleLimits().checkSteps() / 100);
    // No bias: the sum is nearer than each.
    assertThat(sums).isBetween(0.9, 1.1);
  }

  private static List<Sized> sizes(String guest, byte[] wasm) throws ModuleRefusedException {
    EngineConfig config = EngineConfig.DEFAULTS;
    ScannedModule scanned = ModuleScanner.scan(wasm, config.moduleLimits());
    FunctionSizes sizes = FunctionSizes.check(scanned, config.moduleLimits());
    Instrumented instrumented = FuelInstrumenter.instrument(scanned, config);
    var result =
        Compiler.builder(
                Parser.builder()
                    .withValidation(false)
                    .build()
                    .parse(() -> new ByteArrayInputStream(instrumented.bytes())))
            .withClassName(LocalCompiler.GUEST_CLASS)
            .withClassCollectorFactory(() -> LocalCompiler.collector(instrumented))
            .withInterpreterFallback(InterpreterFallback.FAIL)
            .build()
            .compile();
    GuestClasses classes = (GuestClasses) result.collector();
    assertThat(classes.rewrite()).isEmpty();
    Map<String, Integer> real = new HashMap<>();
    classes.rewritten().values().forEach(bytes -> measure(bytes, real));
    int imported = scanned.importedFunctions().length;
    List<Sized> sized = new ArrayList<>();
    for (int i = 0; i < scanned.functions().length; i++) {
      String name = "func_" + (imported + i);
      sized.add(new Sized(guest + " " + name, sizes.methodBytes(i), real.getOrDefault(name, 0)));
    }
    return sized;
  }

  private static void measure(byte[] bytes, Map<String, Integer> sizes) {
    for (MethodModel method : ClassFile.of().parse(bytes).methods()) {
      if (method.code().orElse(null) instanceof CodeAttribute code) {
        sizes.put(method.methodName().stringValue(), code.codeLength());
      }
    }
  }
}
