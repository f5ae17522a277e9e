package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;

/** Proposals that are not run: refused by name, in every place where they begin. */
final class UnsupportedKinds {
  private UnsupportedKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("unsupported");
    operator(list, "simd-constant", code().op(0xFD, 0x0C).repeat(16, c -> c.op(0)).drop());
    operator(list, "simd-load", code().i32(0).op(0xFD, 0, 0, 0).drop());
    operator(list, "atomic-fence", code().op(0xFE, 3, 0));
    operator(list, "atomic-wait", code().i32(0).i32(0).i64(-1).op(0xFE, 1, 2, 0).drop());
    operator(list, "atomic-add", code().i32(0).i32(1).op(0xFE, 0x1E, 2, 0).drop());
    operator(list, "throw", code().op(0x08, 0));
    operator(list, "try", code().op(0x06, 0x40).end());
    operator(list, "try-table", code().op(0x1F, 0x40, 0).end());
    operator(list, "throw-ref", code().op(0x0A));
    operator(list, "gc-struct-new", code().op(0xFB, 0, 0).drop());
    operator(list, "gc-array-new-of-all-ones", code().i32(-1).op(0xFB, 7, 0).drop());
    operator(list, "call-ref", code().refNull().op(0x14, 0));
    operator(list, "return-call-ref", code().refNull().op(0x15, 0));
    operator(list, "ref-as-non-null", code().refNull().op(0xD4).drop());
    section(list, "shared-memory", 5, 1, 3, 1, 1);
    section(list, "memory64", 5, 1, 4, 1);
    section(list, "memory64-of-2-to-the-48-pages", 5, 1, 5, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80);
    section(list, "custom-page-size", 5, 1, 8, 1, 0);
    section(list, "table64", 4, 1, 0x70, 4, 1);
    section(list, "table-of-exceptions", 4, 1, 0x69, 0, 1);
    section(list, "tag-section", 13, 1, 0, 0);
    section(list, "vector-parameter", 1, 1, 0x60, 1, 0x7B, 0);
    section(list, "struct-type", 1, 1, 0x5F, 0);
    section(list, "array-type", 1, 1, 0x5E, 0x7F, 0);
    section(list, "recursive-types", 1, 1, 0x4E, 0);
    section(list, "typed-reference-parameter", 1, 1, 0x60, 1, 0x64, 0, 0);
    section(list, "vector-global", 6, 1, 0x7B, 0, 0xFD, 0x0C);
    section(list, "gc-global", 6, 1, 0x7F, 0, 0xFB, 0, 0, 0x0B);
    return list.kinds();
  }

  private static void operator(KindList list, String name, Code body) {
    list.refused(
        name,
        Reason.UNSUPPORTED,
        KindList.written(m -> {
          m.memory(1);
          m.exported(F, ":", body);
        }));
  }

  private static void section(KindList list, String name, int id, int... content) {
    list.refused(
        name,
        Reason.UNSUPPORTED,
        () ->
            ModuleWriter.header()
                .raw(ModuleWriter.section(id, new ByteSink().raw(content)))
                .toBytes());
  }
}
