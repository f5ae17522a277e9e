package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.TrapKind;
import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Names that act on terminals, logs and readers: exports of any name can be called, and what is
 * shown of a name is printable.
 */
final class NameKinds {
  private NameKinds() {}

  /** What a name is like, and the name. */
  private static Map<String, String> names() {
    Map<String, String> names = new LinkedHashMap<>();
    names.put("empty", "");
    names.put("zero-byte", "a\0b");
    names.put("newlines", "a\r\nERROR forged line\n");
    names.put("ansi-escapes", "\u001b[2J\u001b]0;title\u0007");
    names.put("right-to-left-override", "abc\u202Efed\u2066\u2069");
    names.put("zero-width", "\u200B\u200D\uFEFF");
    names.put("line-separators", "a\u2028b\u2029c\u0085d");
    names.put("html", "<script>alert(1)</script>");
    names.put("sql", "'; DROP TABLE function; --");
    names.put("path", "../../../../etc/passwd");
    names.put("format", "%s%n%x {} ${jndi:ldap://x}");
    names.put("beyond-the-basic-plane", "\uD83D\uDC1D\uDBFF\uDFFF");
    names.put("combining", "e" + "\u0301".repeat(100));
    names.put("of-1024-bytes", "n".repeat(1_024));
    return names;
  }

  static List<HostileKind> kinds() {
    KindList list = new KindList("name");
    names()
        .forEach((what, name) -> {
          list.add(
              "export-" + what,
              Regime.SMALL,
              new TypedCall(name, new long[0]),
              HostileOutcome.answered(1),
              KindList.written(m -> m.exported(name, ":i", code().i32(1))));
          list.refusedModule(
              "import-" + what,
              Reason.UNKNOWN_IMPORT,
              m -> {
                m.importFunction(name, name, ":");
              });
          list.module(
              "function-" + what,
              Regime.SMALL,
              HostileOutcome.trapped(TrapKind.UNREACHABLE),
              m -> {
                m.exported(F, ":", code().unreachable());
                m.custom("name", functionNames(name));
              });
        });
    list.refusedModule(
        "export-of-1025-bytes",
        Reason.LIMIT,
        m -> {
          m.exported("n".repeat(1_025), ":", code());
        });
    list.refusedModule(
        "import-of-a-megabyte",
        Reason.LIMIT,
        m -> {
          m.importFunction("m", "n".repeat(1 << 20), ":");
        });
    list.refusedModule(
        "custom-of-1025-bytes",
        Reason.LIMIT,
        m -> {
          m.custom("n".repeat(1_025), new byte[0]);
        });
    list.refusedModule(
        "export-twice",
        Reason.INVALID,
        m -> {
          int function = m.exported(F, ":", code());
          m.export(F, ModuleWriter.FUNCTION, function);
        });
    list.refusedModule(
        "export-twice-of-two-kinds",
        Reason.INVALID,
        m -> {
          m.exported(F, ":", code());
          m.export(F, ModuleWriter.MEMORY, m.memory(1));
        });
    notUtf8(list);
    nameSections(list);
    imports(list);
    return list.kinds();
  }

  private static byte[] functionNames(String name) {
    return new ByteSink().raw(1).sized(new ByteSink().u32(1).u32(0).name(name)).toBytes();
  }

  private static void notUtf8(KindList list) {
    Map<String, int[]> broken = new LinkedHashMap<>();
    broken.put("continuation-alone", new int[] {0x80});
    broken.put("cut-off", new int[] {0xC3});
    broken.put("overlong", new int[] {0xC0, 0xAF});
    broken.put("surrogate", new int[] {0xED, 0xA0, 0x80});
    broken.put("beyond-unicode", new int[] {0xF4, 0x90, 0x80, 0x80});
    broken.put("all-ones", new int[] {0xFF, 0xFF, 0xFF, 0xFF});
    broken.forEach((what, bytes) -> {
      byte[] name = new ByteSink().raw(bytes).toBytes();
      list.refused(
          "not-utf8-" + what,
          Reason.MALFORMED,
          () ->
              ModuleWriter.header()
                  .raw(ModuleWriter.section(1, new ByteSink().raw(1, 0x60, 0, 0)))
                  .raw(ModuleWriter.section(3, new ByteSink().raw(1, 0)))
                  .raw(ModuleWriter.section(7, new ByteSink().u32(1).sized(name).raw(0, 0)))
                  .raw(ModuleWriter.section(10, new ByteSink().raw(1, 2, 0, 0x0B)))
                  .toBytes());
    });
  }

  /** Broken name sections are no fault of the module (core spec 7.4.1). */
  private static void nameSections(KindList list) {
    Map<String, byte[]> sections = new LinkedHashMap<>();
    sections.put("garbage", new ByteSink().raw(1, 0x7F, 1, 2, 3).toBytes());
    sections.put("claims-all-ones", new ByteSink().raw(1, 5).u32(0xFFFF_FFFFL).toBytes());
    sections.put("names-not-utf8", new ByteSink().raw(1, 5, 1, 0, 2, 0xC3, 0x28).toBytes());
    sections.put(
        "names-a-far-function",
        new ByteSink().raw(1).sized(new ByteSink().u32(1).u32(0x7FFF_FFFF).name("far")).toBytes());
    sections.put(
        "names-with-a-megabyte",
        new ByteSink()
            .raw(1)
            .sized(new ByteSink().u32(1).u32(0).name("n".repeat(1 << 20)))
            .toBytes());
    sections.forEach((what, content) ->
        list.module(
            "name-section-" + what,
            Regime.SMALL,
            HostileOutcome.trapped(TrapKind.UNREACHABLE),
            m -> {
              m.exported(F, ":", code().unreachable());
              m.custom("name", content);
            }));
  }

  private static void imports(KindList list) {
    list.refusedModule(
        "import-unknown-of-wasi",
        Reason.UNKNOWN_IMPORT,
        m -> {
          m.importWasi("fd_steal", ":");
        });
    list.refusedModule(
        "import-of-another-module",
        Reason.UNKNOWN_IMPORT,
        m -> {
          m.importFunction("wasi_unstable", "fd_write", "iiii:i");
        });
    list.refusedModule(
        "import-by-another-type",
        Reason.UNKNOWN_IMPORT,
        m -> {
          m.importWasi("fd_write", "IIII:i");
        });
    list.refusedModule(
        "import-with-more-results",
        Reason.UNKNOWN_IMPORT,
        m -> {
          m.importWasi("proc_exit", "i:i");
        });
    int[][] others = {{1, 0x70, 0, 1}, {2, 0, 1}, {3, 0x7F, 0}};
    String[] what = {"table", "memory", "global"};
    for (int i = 0; i < others.length; i++) {
      int[] other = others[i];
      list.refused(
          "import-of-a-" + what[i],
          Reason.UNKNOWN_IMPORT,
          () ->
              ModuleWriter.header()
                  .raw(
                      ModuleWriter.section(
                          2, new ByteSink().u32(1).name("env").name("it").raw(other)))
                  .toBytes());
    }
  }
}
