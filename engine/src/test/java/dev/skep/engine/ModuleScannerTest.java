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
    refuses(Wat.module(types, types), Reason.MALFORMED, "second section 1 at offset");
    refuses(Wat.module(memory, memory), Reason.MALFORMED, "second section 5 at offset");
    refuses(Wat.module(memory, types), Reason.MALFORMED, "out of order: section 1 at offset");
    // The data count stands before the code, for all its number.
    Section count = Wat.section(12, 0);
    refuses(Wat.module(Wat.section(10, 0), count), Reason.MALFORMED, "out of order: section 12");
    assertThatCode(() -> engine.check(Wat.module(count, Wat.section(10, 0))))
        .doesNotThrowAnyException();
  }

  @Test
  void aDataCountThatIsNotTheNumberOfSegments() {
    refuses(Wat.module(Wat.section(12, 1)), Reason.MALFORMED, "the count is 1, the segments are 0");
    refuses(
        Wat.module(Wat.section(5, 1, 0, 1), Wat.section(12, 0), Wat.section(11, 1, 1, 0)),
        Reason.MALFORMED,
        "the count is 0, the segments are 1");
    refusesCode(
        Reason.MALFORMED,
        "data count section required",
        0x41,
        0,
        0x41,
        0,
        0x41,
        0,
        0xFC,
        8,
        0,
        0,
        0x0B);
  }

  @Test
  void bytesBehindTheLastSection() {
    refuses(Wat.hex(0, 'a', 's', 'm', 1, 0, 0, 0, 1), Reason.MALFORMED, "unexpected end");
    refuses(
        Wat.hex(0, 'a', 's', 'm', 1, 0, 0, 0, 1, 1, 0, 0),
        Reason.MALFORMED,
        "unexpected end at offset 12");
  }

  @Test
  void minimaAndMaxima() {
    refuses(
        Wat.module(Wat.section(5, 1, 0, 0x81, 0x80, 4)),
        Reason.INVALID,
        "at most 65536 pages (4 GiB), and is 65537");
    refuses(Wat.module(Wat.section(5, 1, 1, 2, 1)), Reason.INVALID, "of a memory at offset");
    refuses(Wat.module(Wat.section(4, 1, 0x70, 1, 2, 1)), Reason.INVALID, "of a table at offset");
    refuses(Wat.module(Wat.section(6, 1, 0x7F, 2, 0x41, 0, 0x0B)), Reason.MALFORMED, "mutability");
  }

  /** Each is invalid in its own way; the first wrong operator ends the check. */
  static Stream<Arguments> invalidCode() {
    return Stream.of(
        Arguments.of("i32 is needed and nothing is there, at offset", new int[] {0x45, 0x0B}),
        Arguments.of("i32 is needed and i64 is there", new int[] {0x42, 0, 0x45, 0x1A, 0x0B}),
        Arguments.of("1 values more than the block's results", new int[] {0x41, 0, 0x0B}),
        Arguments.of("i32 is needed and nothing", new int[] {0x02, 0x7F, 0x0B, 0x1A, 0x0B}),
        Arguments.of("unknown local 0", new int[] {0x20, 0, 0x1A, 0x0B}),
        Arguments.of("unknown global 0", new int[] {0x23, 0, 0x1A, 0x0B}),
        Arguments.of("unknown function 9", new int[] {0x10, 9, 0x0B}),
        Arguments.of("unknown type 9", new int[] {0x41, 0, 0x11, 9, 0, 0x0B}),
        Arguments.of("unknown type 9", new int[] {0x02, 9, 0x0B, 0x0B}),
        Arguments.of("unknown table 9", new int[] {0x41, 0, 0x25, 9, 0x1A, 0x0B}),
        Arguments.of("unknown memory 9", new int[] {0x3F, 9, 0x1A, 0x0B}),
        Arguments.of("unknown label 1", new int[] {0x0C, 1, 0x0B}),
        Arguments.of("unknown element segment 1", new int[] {0xFC, 13, 1, 0x0B}),
        Arguments.of("alignment must not be larger", new int[] {0x41, 0, 0x28, 3, 0, 0x1A, 0x0B}),
        Arguments.of("an if without else", new int[] {0x41, 0, 0x04, 2, 0x41, 0, 0x0B, 0x1A, 0x0B}),
        Arguments.of(
            "select of references", new int[] {0xD0, 0x70, 0xD0, 0x70, 0x41, 0, 0x1B, 0x1A, 0x0B}),
        Arguments.of("a reference is needed", new int[] {0x41, 0, 0xD1, 0x1A, 0x0B}),
        Arguments.of(
            "different numbers of values",
            new int[] {0x02, 0x7F, 0x41, 0, 0x41, 0, 0x0E, 1, 0, 1, 0x0B, 0x1A, 0x0B}),
        Arguments.of("a tail call must have", new int[] {0x12, 1, 0x0B}));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("invalidCode")
  void invalidCodeIsRefusedAtItsFirstOperator(String words, int[] code) {
    refuses(
        Wat.functions(List.of(function(code), new Function(2, Wat.hex(0x41, 0, 0x0B)))),
        Reason.INVALID,
        words);
  }

  @Test
  void codeThatCannotBeReachedIsTypedAsTheStandardSays() {
    int[][] valid = {
      {0x00, 0x45, 0x1A, 0x0B},
      {0x00, 0x1B, 0x1A, 0x0B},
      {0x0C, 0, 0x6A, 0x1A, 0x0B},
      {0x02, 0x7F, 0x00, 0x0B, 0x1A, 0x0B},
      {0x00, 0x02, 0x40, 0x0B, 0x0E, 0, 0, 0x0B},
      {0x00, 0xD1, 0x1A, 0x0B},
    };
    for (int[] code : valid) {
      assertThatCode(() -> engine.check(Wat.functions(List.of(function(code)))))
          .as(Arrays.toString(code))
          .doesNotThrowAnyException();
    }
    refusesCode(Reason.INVALID, "i32 is needed and i64 is there", 0x00, 0x42, 0, 0x45, 0x1A, 0x0B);
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
  private static ModuleLimits tiny(int moduleBytes) {
    return new ModuleLimits(
        moduleBytes,
        2,
        5,
        2,
        2,
        2,
        2,
        1,
        10,
        1,
        2,
        3,
        8,
        20,
        4,
        6,
        2,
        5,
        3,
        5,
        8,
        11,
        2,
        10,
        3,
        4,
        2);
  }

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
        Arguments.of(
            "6 parameters and results over all types",
            Wat.module(
                Wat.section(1, 2, 0x60, 2, 0x7F, 0x7F, 1, 0x7F, 0x60, 2, 0x7F, 0x7F, 1, 0x7F))),
        Arguments.of(
            "11 elements that tables start with", Wat.module(Wat.section(4, 1, 0x70, 0, 11))),
        Arguments.of(
            "10 bytes in one constant expression",
            Wat.module(
                Wat.section(6, 1, 0x7F, 0, 0x41, 0, 0x41, 0, 0x6A, 0x41, 0, 0x6A, 0x41, 0, 0x0B))),
        Arguments.of(
            "6 values on the operand stack of one function",
            module(function(0x41, 0, 0x41, 0, 0x41, 0, 0x41, 0, 0x41, 0, 0x41, 0, 0x0F, 0x0B))),
        Arguments.of(
            "6 targets of all br_tables",
            module(function(0x41, 0, 0x0E, 2, 0, 0, 0, 0x41, 0, 0x0E, 2, 0, 0, 0, 0x0B))),
        Arguments.of(
            "12 bytes of names of imports and exports",
            Wat.module(
                Wat.section(5, 1, 0, 0),
                Wat.section(
                    7, 2, 5, 'a', 'a', 'a', 'a', 'a', 2, 0, 5, 'b', 'b', 'b', 'b', 'b', 2, 0))),
        Arguments.of(
            "3 custom sections",
            Wat.module(Wat.section(0, 1, 'a'), Wat.section(0, 1, 'a'), Wat.section(0, 1, 'a'))),
        Arguments.of(
            "11 bytes of custom sections",
            Wat.module(Wat.section(0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0))),
        Arguments.of(
            "4 steps of checking blocks, branches and calls",
            module(function(0x02, 0x40, 0x00, 0x0D, 1, 0x0D, 1, 0x0D, 1, 0x0D, 1, 0x0B, 0x0B))),
        Arguments.of(
            "4 functions that calls through a table can reach",
            Wat.module(
                Wat.section(1, 2, 0x60, 0, 0, 0x60, 0, 0),
                Wat.section(3, 2, 0, 1),
                Wat.section(10, 2, 2, 0, 0x0B, 2, 0, 0x0B))),
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
        refused(new Engine(new EngineConfig(tiny(1 << 20), 1_024, 16, true)), wasm);
    assertThat(refused.getMessage()).contains(words, "at most", "at offset");
    assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
  }

  @Test
  void typesTimesFunctionsAreBounded() {
    int[] types = new int[1 + 3 * 127];
    types[0] = 127;
    for (int i = 1; i < types.length; i += 3) {
      types[i] = 0x60;
    }
    ModuleLimits d = ModuleLimits.DEFAULTS;
    ModuleLimits few =
        new ModuleLimits(
            d.moduleBytes(),
            d.types(),
            d.typeValues(),
            d.functions(),
            d.imports(),
            d.exports(),
            d.globals(),
            d.tables(),
            d.tableMinElements(),
            d.memories(),
            d.segments(),
            d.elements(),
            d.constantBytes(),
            d.bodyBytes(),
            d.locals(),
            d.totalLocals(),
            d.nesting(),
            d.operands(),
            d.branchTargets(),
            d.totalBranchTargets(),
            d.nameBytes(),
            d.totalNameBytes(),
            d.customSections(),
            d.customBytes(),
            d.checkSteps(),
            126,
            d.indirectCases());
    byte[] wasm =
        Wat.module(Wat.section(1, types), Wat.section(3, 1, 0), Wat.section(10, 1, 2, 0, 0x0B));
    ModuleRefusedException refused =
        refused(new Engine(new EngineConfig(few, 1_024, 16, true)), wasm);
    assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
    assertThat(refused).hasMessageContaining("127 pairs of a type and a function at offset");
  }

  @Test
  void anUploadThatIsTooLargeIsRefusedUnread() {
    ModuleRefusedException refused =
        refused(new Engine(new EngineConfig(tiny(9), 1, 0, true)), new byte[10]);
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
  void checksAreCountedWithWhatTheyTakeAndWhatTheyRefuse() throws ModuleRefusedException {
    refused(engine, new byte[0]);
    refused(engine, new byte[1]);
    long ofTheScan = engine.stats().checkCpuNanos();
    assertThat(ofTheScan).isPositive();
    assertThat(engine.check(Wat.module()).exports()).isEmpty();
    assertThat(engine.stats().checked()).isEqualTo(3);
    assertThat(engine.stats().refused()).isEqualTo(2);
    assertThat(engine.stats().checkCpuNanos()).isGreaterThan(ofTheScan);
  }
}
