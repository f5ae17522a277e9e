package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.Wat.Function;
import dev.skep.engine.Wat.Section;
import dev.skep.limits.ModuleLimits;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Uploads that are not run: each refusal has its reason, and says what, where and which limit. */
class ModuleScannerTest {
  private final Engine engine = new Engine(EngineConfig.DEFAULTS);

  private static ModuleRefusedException refused(Engine engine, byte[] wasm) {
    ModuleRefusedException refused =
        catchThrowableOfType(ModuleRefusedException.class, () -> engine.check(wasm));
    if (refused == null) {
      throw new AssertionError("it was accepted");
    }
    return refused;
  }

  private void refuses(byte[] wasm, Reason reason, String... words) {
    ModuleRefusedException refused = refused(engine, wasm);
    assertThat(refused.reason()).as(refused.getMessage()).isEqualTo(reason);
    for (String word : words) {
      assertThat(refused).hasMessageContaining(word);
    }
  }

  private static Function function(int... code) {
    return new Function(1, Wat.hex(code));
  }

  private void refusesCode(Reason reason, String word, int... code) {
    refuses(Wat.functions(List.of(function(code))), reason, word);
  }

  @Test
  void bytesThatAreNotWebAssembly() {
    refuses(new byte[0], Reason.NOT_WASM, "00 61 73 6d");
    refuses(Wat.hex(0, 'a', 's'), Reason.NOT_WASM);
    refuses("#!/bin/sh\n".getBytes(java.nio.charset.StandardCharsets.UTF_8), Reason.NOT_WASM);
    refuses("(module)".getBytes(java.nio.charset.StandardCharsets.UTF_8), Reason.NOT_WASM);
    refuses(Wat.hex(0, 'a', 's', 'm', 1, 0), Reason.MALFORMED, "unexpected end");
  }

  @Test
  void aComponentAndOtherVersionsAreNamed() {
    refuses(Wat.hex(0, 'a', 's', 'm', 0x0D, 0, 1, 0), Reason.NOT_A_MODULE, "component");
    refuses(Wat.hex(0, 'a', 's', 'm', 2, 0, 0, 0), Reason.NOT_A_MODULE, "version 2 of layer 0");
    refuses(Wat.hex(0, 'a', 's', 'm', 1, 0, 2, 0), Reason.NOT_A_MODULE, "version 1 of layer 2");
  }

  @Test
  void theEmptyModuleIsAModule() {
    assertThatCode(() -> engine.check(Wat.header())).doesNotThrowAnyException();
    assertThatCode(() -> engine.compile(Wat.header())).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(strings = {"trap", "add", "fib", "kernels", "hello_cgi"})
  void aGuestCutOffAtAnyByteIsRefusedOrAccepted(String guest) {
    byte[] whole = Guests.bytes("wasm/" + guest + ".wasm");
    int accepted = 0;
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      try {
        engine.check(cut);
        accepted++;
      } catch (ModuleRefusedException e) {
        assertThat(e.getMessage()).isNotBlank();
      }
    }
    // Only behind a whole section, and behind the code at that, can a cut be a module.
    assertThat(accepted).isLessThan(12);
  }

  @Test
  void unknownSectionsAndSectionsThatEndElsewhere() {
    refuses(Wat.module(Wat.section(13)), Reason.UNSUPPORTED, "exception handling");
    refuses(Wat.module(Wat.section(14)), Reason.MALFORMED, "unknown section 14");
    refuses(Wat.module(Wat.section(0x7F)), Reason.MALFORMED, "unknown section 127");
    refuses(Wat.module(Wat.section(1, 0, 0)), Reason.MALFORMED, "section size mismatch");
    refuses(Wat.hex(0, 'a', 's', 'm', 1, 0, 0, 0, 1, 5, 0), Reason.MALFORMED, "unexpected end");
    refuses(
        Wat.hex(0, 'a', 's', 'm', 1, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F),
        Reason.MALFORMED,
        "length out of bounds");
    refuses(
        Wat.hex(0, 'a', 's', 'm', 1, 0, 0, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0),
        Reason.MALFORMED,
        "integer too large");
  }

  @Test
  void sectionsTwiceOrOutOfOrder() {
    Section types = Wat.section(1, 1, 0x60, 0, 0);
    Section memory = Wat.section(5, 1, 0, 1);
    assertThat(refused(engine, Wat.module(types, types)).reason())
        .isIn(Reason.MALFORMED, Reason.INVALID);
    assertThat(refused(engine, Wat.module(memory, memory)).reason())
        .isIn(Reason.MALFORMED, Reason.INVALID);
    assertThat(refused(engine, Wat.module(memory, types)).reason())
        .isIn(Reason.MALFORMED, Reason.INVALID);
  }

  @Test
  void aBlockWhoseTypeIsBehindTheEndOfTheUpload() {
    refuses(
        Wat.module(
            Wat.section(1, 1, 0x60, 0, 0), Wat.section(3, 1, 0), Wat.section(10, 1, 2, 0, 0x02)),
        Reason.MALFORMED,
        "unexpected end");
  }

  /** The smallest of every limit, so that a small module reaches each. */
  private static final ModuleLimits TINY =
      new ModuleLimits(1 << 20, 2, 2, 2, 2, 2, 1, 1, 2, 3, 20, 4, 6, 2, 3, 8);

  static Stream<Arguments> beyondOneLimit() {
    int[] twoGlobals = {0x7F, 0, 0x41, 0, 0x0B};
    return Stream.of(
        Arguments.of("3 types", Wat.module(Wat.section(1, 3, 0x60, 0, 0, 0x60, 0, 0, 0x60, 0, 0))),
        Arguments.of(
            "3 functions", module(Collections.nCopies(3, function(0x0B)).toArray(new Function[0]))),
        Arguments.of("3 imports", Wat.module(Wat.section(1, 1, 0x60, 0, 0), Wat.section(2, 3))),
        Arguments.of("3 exports", Wat.module(Wat.section(7, 3))),
        Arguments.of("3 globals", Wat.module(new Section(6, repeat(3, twoGlobals)))),
        Arguments.of("2 tables", Wat.module(Wat.section(4, 2, 0x70, 0, 0, 0x70, 0, 0))),
        Arguments.of("2 memories", Wat.module(Wat.section(5, 2, 0, 0, 0, 0))),
        Arguments.of("3 element segments", Wat.module(Wat.section(9, 3))),
        Arguments.of("3 data segments", Wat.module(Wat.section(11, 3))),
        Arguments.of(
            "4 table elements in segments",
            Wat.module(Wat.section(9, 1, 0, 0x41, 0, 0x0B, 4, 0, 0, 0, 0))),
        Arguments.of("21 bytes in one function body", module(new Function(1, new byte[20]))),
        Arguments.of("5 locals in one function", module(new Function(1, 5, Wat.I32, end()))),
        Arguments.of(
            "8 locals over all functions",
            module(new Function(1, 4, Wat.I32, end()), new Function(1, 4, Wat.I32, end()))),
        Arguments.of(
            "3 nested blocks",
            module(function(0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x0B, 0x0B, 0x0B, 0x0B))),
        Arguments.of(
            "4 targets of one br_table", module(function(0x41, 0, 0x0E, 4, 0, 0, 0, 0, 0, 0x0B))),
        Arguments.of("has 9 bytes", Wat.module(Wat.section(0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9))));
  }

  private static byte[] end() {
    return Wat.hex(0x0B);
  }

  private static byte[] repeat(int count, int... content) {
    WasmBuffer out = new WasmBuffer(64);
    out.u8(count);
    for (int i = 0; i < count; i++) {
      Wat.raw(out, content);
    }
    return out.toBytes();
  }

  /** Types, functions and code alone, so that no other limit is reached. */
  private static byte[] module(Function... functions) {
    WasmBuffer declared = new WasmBuffer(16);
    WasmBuffer code = new WasmBuffer(64);
    declared.u32(functions.length);
    code.u32(functions.length);
    for (Function function : functions) {
      declared.u32(0);
      int locals = function.locals();
      code.u32(function.code().length + (locals > 0 ? 3L : 1L));
      Wat.raw(code, locals > 0 ? new int[] {1, locals, Wat.I32} : new int[] {0});
      code.raw(function.code(), 0, function.code().length);
    }
    return Wat.module(
        Wat.section(1, 1, 0x60, 0, 0),
        new Section(3, declared.toBytes()),
        new Section(10, code.toBytes()));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("beyondOneLimit")
  void everyLimitOfAModuleIsHeldAndNamed(String words, byte[] wasm) {
    ModuleRefusedException refused =
        refused(new Engine(new EngineConfig(TINY, 1_024, 16, true)), wasm);
    assertThat(refused.getMessage()).contains(words, "at most", "at offset");
    assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
  }

  @Test
  void anUploadThatIsTooLargeIsRefusedUnread() {
    ModuleRefusedException refused =
        refused(
            new Engine(
                new EngineConfig(
                    new ModuleLimits(9, 2, 2, 2, 2, 2, 1, 1, 2, 3, 20, 4, 6, 2, 3, 8), 1, 0, true)),
            new byte[10]);
    assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
    assertThat(refused).hasMessage("the module has 10 bytes; at most 9 are allowed");
  }

  @Test
  void importsThatNothingProvidesAreNamed() {
    Section types = Wat.section(1, 1, 0x60, 0, 0);
    refuses(
        Wat.module(types, Wat.section(2, 1, 3, 'e', 'n', 'v', 1, 'f', 0, 0)),
        Reason.UNKNOWN_IMPORT,
        "env.f",
        "wasi_snapshot_preview1");
    refuses(
        Wat.module(types, Wat.section(2, 1, 1, 'm', 1, 't', 1, 0x70, 0, 1)),
        Reason.UNKNOWN_IMPORT,
        "the table m.t");
    refuses(
        Wat.module(types, Wat.section(2, 1, 1, 'm', 1, 'm', 2, 0, 1)),
        Reason.UNKNOWN_IMPORT,
        "the memory m.m");
    refuses(
        Wat.module(types, Wat.section(2, 1, 1, 'm', 1, 'g', 3, 0x7F, 0)),
        Reason.UNKNOWN_IMPORT,
        "the global m.g");
    refuses(
        Wat.module(types, Wat.section(2, 1, 1, 'm', 1, 'e', 4, 0, 0)),
        Reason.UNKNOWN_IMPORT,
        "the tag m.e");
    refuses(
        Wat.module(types, Wat.section(2, 1, 1, '\u001b', 1, '\n', 0, 0)),
        Reason.UNKNOWN_IMPORT,
        "imports ?.?,");
  }

  @Test
  void aKnownImportOfAnotherTypeIsRefusedWithBothTypes() {
    WasmBuffer imports = new WasmBuffer(64);
    byte[] module = "wasi_snapshot_preview1".getBytes(java.nio.charset.StandardCharsets.UTF_8);
    byte[] name = "fd_write".getBytes(java.nio.charset.StandardCharsets.UTF_8);
    imports.u8(1);
    imports.u32(module.length);
    imports.raw(module, 0, module.length);
    imports.u32(name.length);
    imports.raw(name, 0, name.length);
    Wat.raw(imports, 0, 0);
    refuses(
        Wat.module(Wat.section(1, 1, 0x60, 1, 0x7E, 1, 0x7F), new Section(2, imports.toBytes())),
        Reason.UNKNOWN_IMPORT,
        "wasi_snapshot_preview1.fd_write as (i64) -> i32; it is (i32, i32, i32, i32) -> i32");
  }

  @Test
  void proposalsThatAreNotRunAreNamedWithTheirOffset() {
    refusesCode(Reason.UNSUPPORTED, "SIMD vectors (v128) at offset", 0xFD, 0x0C, 0x0B);
    refusesCode(Reason.UNSUPPORTED, "threads (atomic operators) at offset", 0xFE, 0x03, 0, 0x0B);
    refusesCode(Reason.UNSUPPORTED, "exception handling at offset", 0x08, 0, 0x0B);
    refusesCode(Reason.UNSUPPORTED, "exception handling at offset", 0x1F, 0x40, 0, 0x0B, 0x0B);
    refusesCode(Reason.UNSUPPORTED, "exception handling at offset", 0x06, 0x40, 0x0B, 0x0B);
    refusesCode(Reason.UNSUPPORTED, "garbage collection at offset", 0xFB, 0, 0, 0x0B);
    refusesCode(Reason.UNSUPPORTED, "typed references at offset", 0x14, 0, 0x0B);
    refuses(Wat.module(Wat.section(5, 1, 3, 1, 1)), Reason.UNSUPPORTED, "threads", "at offset");
    refuses(Wat.module(Wat.section(5, 1, 4, 1)), Reason.UNSUPPORTED, "64-bit memory", "at offset");
    refuses(Wat.module(Wat.section(5, 1, 8, 1)), Reason.UNSUPPORTED, "custom page sizes");
    refuses(Wat.module(Wat.section(4, 1, 0x70, 4, 1)), Reason.UNSUPPORTED, "64-bit tables");
    refuses(Wat.module(Wat.section(1, 1, 0x5F, 0)), Reason.UNSUPPORTED, "garbage collection");
    refuses(Wat.module(Wat.section(1, 1, 0x4E, 0)), Reason.UNSUPPORTED, "recursive types");
    refuses(Wat.module(Wat.section(1, 1, 0x60, 1, 0x7B, 0)), Reason.UNSUPPORTED, "SIMD");
    refuses(Wat.module(Wat.section(1, 1, 0x60, 1, 0x69, 0)), Reason.UNSUPPORTED, "exception");
    refuses(Wat.module(Wat.section(1, 1, 0x60, 1, 0x6E, 0)), Reason.UNSUPPORTED, "garbage");
  }

  @Test
  void theMeteringFunctionsCannotBeNamedByTheModule() {
    // Function 1 and 2 exist only in the instrumented module; type 3 too.
    assertThat(refused(engine, Wat.functions(List.of(function(0x10, 1, 0x0B)))).reason())
        .isEqualTo(Reason.INVALID);
    assertThat(refused(engine, Wat.functions(List.of(function(0xD2, 1, 0x1A, 0x0B)))).reason())
        .isEqualTo(Reason.INVALID);
    assertThat(
            refused(
                    engine,
                    Wat.module(
                        Wat.section(4, 1, 0x70, 0, 1), Wat.section(9, 1, 0, 0x41, 0, 0x0B, 1, 0)))
                .reason())
        .isEqualTo(Reason.INVALID);
    assertThat(refused(engine, Wat.module(Wat.section(8, 0))).reason()).isEqualTo(Reason.INVALID);
    assertThat(refused(engine, Wat.module(Wat.section(7, 1, 1, 'f', 0, 0))).reason())
        .isEqualTo(Reason.INVALID);
    assertThat(refused(engine, Wat.functions(List.of(function(0x3F, 1, 0x1A, 0x0B)))).reason())
        .isEqualTo(Reason.INVALID);
    // A module without a memory is given one for its meter, and cannot use it.
    assertThat(refused(engine, module(function(0x3F, 0, 0x1A, 0x0B))).reason())
        .isEqualTo(Reason.INVALID);
    assertThat(refused(engine, Wat.module(Wat.section(11, 1, 0, 0x41, 0, 0x0B, 0))).reason())
        .isEqualTo(Reason.INVALID);
    assertThat(refused(engine, Wat.module(Wat.section(7, 1, 1, 'm', 2, 0))).reason())
        .isEqualTo(Reason.INVALID);
  }

  @Test
  void exportsThatNameTheSameOrNothingAreInvalid() {
    Section memory = Wat.section(5, 1, 0, 1);
    refuses(
        Wat.module(memory, Wat.section(7, 2, 1, 'm', 2, 0, 1, 'm', 2, 0)),
        Reason.INVALID,
        "duplicate export name m");
    refuses(
        Wat.module(memory, Wat.section(7, 1, 1, 'm', 2, 1)), Reason.INVALID, "unknown memory 1");
    refuses(Wat.module(Wat.section(7, 1, 1, 't', 1, 0)), Reason.INVALID, "unknown table 0");
    refuses(Wat.module(Wat.section(7, 1, 1, 'g', 3, 0)), Reason.INVALID, "unknown global 0");
    refuses(Wat.module(Wat.section(7, 1, 1, 'f', 0, 0)), Reason.INVALID, "unknown function 0");
  }

  @Test
  void namesThatAreNotUtf8() {
    refuses(Wat.module(Wat.section(7, 1, 1, 0xFF, 0, 0)), Reason.MALFORMED, "not UTF-8");
    refuses(Wat.module(Wat.section(0, 1, 0xC0)), Reason.MALFORMED, "not UTF-8");
  }

  @Test
  void aBrokenNameSectionIsNoFaultOfTheModule() throws ModuleRefusedException {
    Section names = Wat.section(0, 4, 'n', 'a', 'm', 'e', 1, 0x7F, 1);
    assertThat(engine.check(Wat.module(names)).exports()).isEmpty();
  }

  @Test
  void refusalsAreCounted() {
    refused(engine, new byte[0]);
    refused(engine, new byte[1]);
    assertThat(engine.stats().refused()).isEqualTo(2);
  }
}
