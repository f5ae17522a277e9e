package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Bytes that are no module, or no valid one: each refused, with the right reason. */
final class MalformedKinds {
  private static final int SEED = 4_711;

  private MalformedKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("malformed");
    notModules(list);
    sections(list);
    numbers(list);
    bodies(list);
    invalid(list);
    return list.kinds();
  }

  private static void notModules(KindList list) {
    list.refused("nothing", Reason.NOT_WASM, () -> new byte[0]);
    list.refused("three-bytes", Reason.NOT_WASM, () -> new byte[] {0, 'a', 's'});
    list.refused(
        "html-page",
        Reason.NOT_WASM,
        () -> "<!doctype html><html><script>alert(1)</script></html>".getBytes(UTF_8));
    list.refused("text-format", Reason.NOT_WASM, () -> "(module (memory 1))".getBytes(UTF_8));
    list.refused("zip", Reason.NOT_WASM, MalformedKinds::zip);
    list.refused("elf", Reason.NOT_WASM, () -> new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1, 0});
    list.refused(
        "class-file",
        Reason.NOT_WASM,
        () -> {
          return new ByteSink().raw(0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 69).toBytes();
        });
    list.refused("a-megabyte-of-zeros", Reason.NOT_WASM, () -> new byte[1 << 20]);
    list.refused("a-megabyte-of-chance", Reason.NOT_WASM, () -> random(1 << 20));
    list.refused(
        "header-and-chance",
        Reason.MALFORMED,
        () -> {
          return ModuleWriter.header().raw(random(65_536)).toBytes();
        });
    list.refused(
        "half-a-header",
        Reason.MALFORMED,
        () -> {
          return Arrays.copyOf(ModuleWriter.header().toBytes(), 6);
        });
    list.refused(
        "version-2",
        Reason.NOT_A_MODULE,
        () -> {
          return new ByteSink().raw(0, 'a', 's', 'm', 2, 0, 0, 0).toBytes();
        });
    list.refused(
        "component",
        Reason.NOT_A_MODULE,
        () -> {
          return new ByteSink().raw(0, 'a', 's', 'm', 0x0D, 0, 1, 0).toBytes();
        });
  }

  private static byte[] random(int length) {
    byte[] bytes = new byte[length];
    new Random(SEED).nextBytes(bytes);
    // Not a beginning of something else by chance.
    bytes[0] = (byte) 0xFF;
    return bytes;
  }

  private static byte[] zip() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      ZipEntry entry = new ZipEntry("../../module.wasm");
      entry.setTime(0);
      zip.putNextEntry(entry);
      zip.write(ModuleWriter.header().toBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static ByteSink types() {
    return ModuleWriter.section(1, new ByteSink().raw(1, 0x60, 0, 0));
  }

  private static ByteSink functions() {
    return ModuleWriter.section(3, new ByteSink().raw(1, 0));
  }

  private static ByteSink memory() {
    return ModuleWriter.section(5, new ByteSink().raw(1, 0, 1));
  }

  /** One function's body, with its size. */
  private static ByteSink bodyOf(int... body) {
    return ModuleWriter.section(10, new ByteSink().u32(1).sized(new ByteSink().raw(body)));
  }

  private static void raw(KindList list, String name, Reason reason, ByteSink... sections) {
    ByteSink module = ModuleWriter.header();
    for (ByteSink section : sections) {
      module.raw(section);
    }
    byte[] bytes = module.toBytes();
    list.refused(name, reason, bytes::clone);
  }

  private static void sections(KindList list) {
    Reason malformed = Reason.MALFORMED;
    raw(list, "section-unknown", malformed, ModuleWriter.section(14, new ByteSink()));
    raw(list, "section-127", malformed, ModuleWriter.section(127, new ByteSink()));
    raw(list, "section-past-the-end", malformed, new ByteSink().raw(1, 5, 0));
    raw(list, "section-of-all-ones", malformed, new ByteSink().raw(1).u32(0xFFFF_FFFFL));
    raw(list, "section-with-more", malformed, ModuleWriter.section(1, new ByteSink().raw(0, 0)));
    raw(list, "section-without-a-size", malformed, new ByteSink().raw(1));
    raw(list, "section-empty", malformed, ModuleWriter.section(1, new ByteSink()));
    raw(list, "types-twice", malformed, types(), types());
    raw(list, "memory-twice", malformed, memory(), memory());
    raw(list, "memory-before-types", malformed, memory(), types());
    raw(list, "code-before-functions", malformed, types(), bodyOf(0, 0x0B), functions());
    raw(list, "functions-without-code", malformed, types(), functions());
    raw(list, "code-without-functions", malformed, types(), bodyOf(0, 0x0B));
    raw(
        list,
        "more-bodies-than-functions",
        malformed,
        types(),
        functions(),
        ModuleWriter.section(10, new ByteSink().raw(2, 2, 0, 0x0B, 2, 0, 0x0B)));
    raw(
        list,
        "data-count-that-differs",
        malformed,
        memory(),
        ModuleWriter.section(12, new ByteSink().raw(2)),
        ModuleWriter.section(11, new ByteSink().raw(1, 1, 0)));
    raw(
        list,
        "data-count-without-data",
        malformed,
        memory(),
        ModuleWriter.section(12, new ByteSink().raw(1)));
    raw(
        list,
        "memory-init-without-a-data-count",
        malformed,
        types(),
        functions(),
        memory(),
        bodyOf(0, 0x41, 0, 0x41, 0, 0x41, 0, 0xFC, 8, 0, 0, 0x0B),
        ModuleWriter.section(11, new ByteSink().raw(1, 1, 0)));
    raw(list, "custom-without-a-name", malformed, new ByteSink().raw(0, 0));
    raw(
        list,
        "custom-whose-name-is-longer",
        malformed,
        ModuleWriter.section(0, new ByteSink().raw(9, 'a')));
    raw(
        list,
        "unknown-type-form",
        malformed,
        ModuleWriter.section(1, new ByteSink().raw(1, 0x40, 0, 0)));
    raw(
        list,
        "unknown-value-type",
        malformed,
        ModuleWriter.section(1, new ByteSink().raw(1, 0x60, 1, 0x10, 0)));
    raw(
        list,
        "unknown-element-flags",
        malformed,
        ModuleWriter.section(9, new ByteSink().raw(1, 8, 0)));
    raw(list, "unknown-data-flags", malformed, ModuleWriter.section(11, new ByteSink().raw(1, 3)));
    raw(
        list,
        "unknown-export-kind",
        malformed,
        ModuleWriter.section(7, new ByteSink().raw(1, 0, 9, 0)));
    raw(
        list,
        "mutability-of-two",
        malformed,
        ModuleWriter.section(6, new ByteSink().raw(1, 0x7F, 2, 0x41, 0, 0x0B)));
  }

  private static void numbers(KindList list) {
    Reason malformed = Reason.MALFORMED;
    raw(
        list,
        "leb-of-six-bytes",
        malformed,
        new ByteSink().raw(1, 0x80, 0x80, 0x80, 0x80, 0x80, 0));
    raw(list, "leb-past-32-bits", malformed, new ByteSink().raw(1, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F));
    raw(list, "leb-that-never-ends", malformed, new ByteSink().raw(1, 0x80, 0x80));
    raw(
        list,
        "leb-of-an-i32-const-past-32-bits",
        malformed,
        types(),
        functions(),
        bodyOf(0, 0x41, 0x80, 0x80, 0x80, 0x80, 0x70, 0x1A, 0x0B));
    raw(
        list,
        "leb-of-an-i32-const-of-six-bytes",
        malformed,
        types(),
        functions(),
        bodyOf(0, 0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x1A, 0x0B));
    raw(
        list,
        "leb-of-an-i64-const-of-eleven-bytes",
        malformed,
        types(),
        functions(),
        bodyOf(0, 0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x1A, 0x0B));
    raw(
        list,
        "leb-of-a-local-index",
        malformed,
        types(),
        functions(),
        bodyOf(0, 0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x1A, 0x0B));
  }

  private static void bodies(KindList list) {
    Reason malformed = Reason.MALFORMED;
    body(list, "body-of-nothing", malformed);
    body(list, "body-without-an-end", malformed, 0);
    body(list, "body-with-operators-behind-its-end", malformed, 0, 0x0B, 0x01, 0x0B);
    body(list, "body-with-two-ends", malformed, 0, 0x0B, 0x0B);
    body(list, "body-with-a-block-open", malformed, 0, 0x02, 0x40, 0x0B);
    body(list, "body-cut-off-in-a-constant", malformed, 0, 0x41);
    body(list, "body-cut-off-in-an-f64", malformed, 0, 0x44, 1, 2, 3, 0x0B);
    body(list, "body-cut-off-in-a-block-type", malformed, 0, 0x02);
    body(list, "else-without-if", malformed, 0, 0x05, 0x0B);
    body(list, "operator-0x27", malformed, 0, 0x27, 0x0B);
    body(list, "operator-0xc5", malformed, 0, 0xC5, 0x0B);
    body(list, "operator-0xff", malformed, 0, 0xFF, 0x0B);
    body(list, "operator-0xfc-18", malformed, 0, 0xFC, 18, 0x0B);
    body(list, "operator-0xfc-all-ones", malformed, 0, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x0B);
    body(list, "locals-of-an-unknown-type", malformed, 1, 1, 0x33, 0x0B);
    body(list, "locals-claim-more-groups", malformed, 9, 1, 0x7F, 0x0B);
    raw(
        list,
        "body-past-its-section",
        malformed,
        types(),
        functions(),
        ModuleWriter.section(10, new ByteSink().raw(1, 50, 0, 0x0B)));
  }

  private static void body(KindList list, String name, Reason reason, int... body) {
    raw(list, name, reason, types(), functions(), bodyOf(body));
  }

  private static void invalid(KindList list) {
    Reason invalid = Reason.INVALID;
    Code[] bodies = {
      code().add().drop(),
      code().i32(1),
      code().i64(1).i32(1).add().drop(),
      code().get(5).drop(),
      code().globalGet(5).drop(),
      code().call(77),
      code().call(1),
      code().br(1),
      code().br(0x7FFF_FFFF),
      code().i32(0).callIndirect(50, 0),
      code().i32(0).callIndirect(0, 7),
      code().i32(0).load32(0).drop(),
      code().memorySize(0).drop(),
      code().i32(1).memoryGrow(0).drop(),
      code().refFunc(90).drop(),
      code().i32(0).tableGet(3).drop(),
      code().i32(0).i32(0).i32(0).tableInit(0, 0),
      code().i32(0).i32(0).i32(0).memoryCopy(0, 0),
      code().op(0x02, 0x7F).end().drop(),
    };
    String[] names = {
      "add-of-nothing",
      "value-left-over",
      "add-of-two-types",
      "unknown-local",
      "unknown-global",
      "call-of-an-unknown-function",
      "call-of-the-meter",
      "branch-to-no-label",
      "branch-to-a-far-label",
      "call-by-an-unknown-type",
      "call-through-an-unknown-table",
      "load-without-a-memory",
      "size-without-a-memory",
      "growth-without-a-memory",
      "reference-to-an-unknown-function",
      "get-of-an-unknown-table",
      "init-of-an-unknown-segment",
      "copy-without-a-memory",
      "block-without-its-result",
    };
    for (int i = 0; i < bodies.length; i++) {
      Code body = bodies[i];
      list.refusedModule(names[i], invalid, m -> m.exported(F, ":", body));
    }
    // An alignment of 8 for a load of 4.
    list.refused(
        "alignment-past-the-width",
        invalid,
        KindList.guest(":", code().i32(0).op(0x28, 3, 0).drop()));
    list.refused(
        "alignment-of-2-to-the-31",
        invalid,
        KindList.guest(":", code().i32(0).op(0x28, 31, 0).drop()));
    list.refused(
        "set-of-a-constant-global",
        invalid,
        KindList.written(m -> {
          m.global(ModuleWriter.I32, false, code().i32(0));
          m.exported(F, ":", code().i32(1).globalSet(0));
        }));
    list.refusedModule(
        "global-by-another-type", invalid, m -> m.global(ModuleWriter.I32, false, code().i64(0)));
    list.refusedModule(
        "global-that-calls", invalid, m -> m.global(ModuleWriter.I32, false, code().call(0)));
    list.refusedModule(
        "global-by-a-later-global",
        invalid,
        m -> {
          m.global(ModuleWriter.I32, false, code().globalGet(1));
          m.global(ModuleWriter.I32, false, code().i32(0));
        });
    list.refusedModule(
        "export-of-an-unknown-memory", invalid, m -> m.export(F, ModuleWriter.MEMORY, 0));
    list.refusedModule(
        "export-of-a-far-function", invalid, m -> m.export(F, ModuleWriter.FUNCTION, 0x7FFF_FFFF));
    list.refusedModule(
        "tail-call-by-another-result",
        invalid,
        m -> {
          int other = m.function(":I", code().i64(1));
          m.exported(F, ":i", code().returnCall(other));
        });
  }
}
