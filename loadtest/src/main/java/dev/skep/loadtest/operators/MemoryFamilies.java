package dev.skep.loadtest.operators;

import static dev.skep.loadtest.operators.OperatorGuest.POINTER;
import static dev.skep.loadtest.operators.OperatorGuest.f32;
import static dev.skep.loadtest.operators.OperatorGuest.f64;
import static dev.skep.loadtest.operators.OperatorGuest.i32;
import static dev.skep.loadtest.operators.OperatorGuest.i64;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.wasm.Code;
import java.util.ArrayList;
import java.util.List;

/** Loads, stores, and what there is for whole memories (core spec 4.4.7). */
final class MemoryFamilies {
  /** A memory as most have it, and one beyond what a processor's second cache holds. */
  private static final int SMALL_PAGES = 8;

  private static final int LARGE_PAGES = 512;
  private static final int PAGE_BYTES = 65_536;
  private static final int OS_PAGE_BYTES = 4_096;

  /** What a sequence goes through before it begins again, in bytes; the L1 cache holds it. */
  private static final int SEQUENCE_BYTES = 16_384;

  /** An operator on one address, and the type it answers or takes: i, I, f or F. */
  private record Access(String name, int operator, char type, int bytes) {}

  private static final List<Access> LOADS =
      List.of(
          new Access("i32.load8_u", 0x2D, 'i', 1),
          new Access("i32.load16_s", 0x2E, 'i', 2),
          new Access("i32.load", 0x28, 'i', 4),
          new Access("i64.load32_u", 0x35, 'I', 4),
          new Access("i64.load", 0x29, 'I', 8),
          new Access("f32.load", 0x2A, 'f', 4),
          new Access("f64.load", 0x2B, 'F', 8));

  private static final List<Access> STORES =
      List.of(
          new Access("i32.store8", 0x3A, 'i', 1),
          new Access("i32.store16", 0x3B, 'i', 2),
          new Access("i32.store", 0x36, 'i', 4),
          new Access("i64.store32", 0x3E, 'I', 4),
          new Access("i64.store", 0x37, 'I', 8),
          new Access("f32.store", 0x38, 'f', 4),
          new Access("f64.store", 0x39, 'F', 8));

  private final List<OperatorFamily> all = new ArrayList<>();

  private MemoryFamilies() {}

  static List<OperatorFamily> all() {
    MemoryFamilies families = new MemoryFamilies();
    families.sequential();
    families.scattered("scattered", "512 KiB", SMALL_PAGES, Kind.OPERATOR);
    families.scattered("far", "32 MiB", LARGE_PAGES, Kind.PAGE);
    families.size();
    families.bulk(0, Kind.OPERATOR, "of nothing");
    families.bulk(16, Kind.OPERATOR, "of 16 bytes");
    families.bulk(PAGE_BYTES, Kind.BULK, "of 64 KiB");
    families.pages();
    return families.all;
  }

  private static int local(char type, int k) {
    return switch (type) {
      case 'i' -> i32(k);
      case 'I' -> i64(k);
      case 'f' -> f32(k);
      default -> f64(k);
    };
  }

  private static int add(char type) {
    return switch (type) {
      case 'i' -> 0x6A;
      case 'I' -> 0x7C;
      case 'f' -> 0x92;
      default -> 0xA0;
    };
  }

  private static OperatorGuest guest(int pages) {
    OperatorGuest guest = new OperatorGuest();
    var _ = guest.module().memory(pages);
    return guest;
  }

  /** {@code p = (p + bytes) mod the sequence}. */
  private static void advance(OperatorGuest guest, int bytes) {
    guest.eachTurn(6).get(POINTER).i32(bytes).add().i32(SEQUENCE_BYTES - 1).op(0x71).set(POINTER);
  }

  private void sequential() {
    for (Access load : LOADS) {
      OperatorGuest guest = guest(SMALL_PAGES);
      advance(guest, 32 * load.bytes);
      all.add(
          guest.family(
              load.name.replace('.', '_'),
              load.name + " in sequence",
              Kind.OPERATOR,
              5,
              (code, k) ->
                  code.get(POINTER)
                      .op(load.operator, 0)
                      .u32((long) k * load.bytes)
                      .get(local(load.type, k))
                      .op(add(load.type))
                      .set(local(load.type, k))));
    }
    for (Access store : STORES) {
      OperatorGuest guest = guest(SMALL_PAGES);
      advance(guest, 32 * store.bytes);
      all.add(
          guest.family(
              store.name.replace('.', '_'),
              store.name + " in sequence",
              Kind.OPERATOR,
              3,
              (code, k) ->
                  code.get(POINTER)
                      .get(local(store.type, k))
                      .op(store.operator, 0)
                      .u32((long) k * store.bytes)));
    }
  }

  /** Each address follows from what was loaded from the one before. */
  private void scattered(String key, String size, int pages, Kind kind) {
    int mask = pages * PAGE_BYTES - 8;
    OperatorGuest loads = guest(pages);
    fillByChance(loads.setup(), pages);
    all.add(
        loads.family(
            "i32_load_" + key,
            "i32.load scattered over " + size,
            kind,
            7,
            (code, k) ->
                code.get(i32(k)).i32(mask).op(0x71).load32(0).get(i32(k)).add().set(i32(k))));
    all.add(
        guest(pages)
            .family(
                "i64_store_" + key,
                "i64.store scattered over " + size,
                kind,
                8,
                (code, k) ->
                    code.get(i32(k))
                        .get(i32(k + 1))
                        .add()
                        .tee(i32(k))
                        .i32(mask)
                        .op(0x71)
                        .get(i64(k))
                        .op(0x37, 0)
                        .u32(0)));
  }

  /** Once, while its first word is 0: the numbers of a generator (xorshift, Marsaglia 2003). */
  private static void fillByChance(Code code, int pages) {
    int x = i32(0);
    code.i32(0).load32(0).op(0x45).when().loop();
    for (int shift : new int[] {13, -17, 5}) {
      code.get(x).get(x).i32(Math.abs(shift)).op(shift < 0 ? 0x76 : 0x74).op(0x73).set(x);
    }
    code.get(POINTER).get(x).store32(0);
    code.get(POINTER).i32(4).add().tee(POINTER).i32((long) pages * PAGE_BYTES).op(0x49).brIf(0);
    code.end().i32(0).set(POINTER).end();
  }

  private void size() {
    all.add(
        guest(1)
            .family(
                "memory_size",
                "memory.size",
                Kind.OPERATOR,
                4,
                (code, k) -> code.memorySize(0).get(i32(k)).add().set(i32(k))));
    all.add(
        guest(1)
            .family(
                "memory_grow_0",
                "memory.grow by nothing",
                Kind.OPERATOR,
                5,
                (code, k) -> code.i32(0).memoryGrow(0).get(i32(k)).add().set(i32(k))));
    OperatorGuest refused = new OperatorGuest();
    var _ = refused.module().memory(1, 1);
    all.add(
        refused.family(
            "memory_grow_refused",
            "memory.grow, refused",
            Kind.OPERATOR,
            5,
            (code, k) -> code.i32(1).memoryGrow(0).get(i32(k)).add().set(i32(k))));
    OperatorGuest drops = guest(1);
    drops.module().passiveData(new byte[16]);
    all.add(
        drops.family("data_drop", "data.drop", Kind.OPERATOR, 1, (code, k) -> code.dataDrop(0)));
  }

  private void bulk(int bytes, Kind kind, String what) {
    int units = 4 + bytes;
    int steps = kind == Kind.BULK ? 4 : 16;
    all.add(
        guest(SMALL_PAGES)
            .steps(steps)
            .family(
                "memory_fill_" + bytes,
                "memory.fill " + what,
                kind,
                units,
                (code, k) -> code.i32(16).get(i32(k)).i32(bytes).memoryFill(0)));
    all.add(
        guest(SMALL_PAGES)
            .steps(steps)
            .family(
                "memory_copy_" + bytes,
                "memory.copy " + what,
                kind,
                units,
                (code, k) -> code.i32(2 * PAGE_BYTES).i32(16).i32(bytes).memoryCopy(0, 0)));
    OperatorGuest inits = guest(SMALL_PAGES);
    inits.module().passiveData(new byte[PAGE_BYTES]);
    all.add(
        inits
            .steps(steps)
            .family(
                "memory_init_" + bytes,
                "memory.init " + what,
                kind,
                units,
                (code, k) -> code.i32(PAGE_BYTES).i32(0).i32(bytes).memoryInit(0)));
  }

  /** What happens once a page: as many as half of what a store has by default. */
  private void pages() {
    OperatorGuest grows = new OperatorGuest();
    var _ = grows.module().memory(0);
    all.add(
        grows
            .turns(LARGE_PAGES / 32)
            .family(
                "memory_grow_1",
                "memory.grow by a page",
                Kind.PAGE,
                3,
                (code, k) -> code.i32(1).memoryGrow(0).drop()));
    OperatorGuest touches = guest(LARGE_PAGES);
    all.add(
        touches
            .turns(LARGE_PAGES * (PAGE_BYTES / OS_PAGE_BYTES) / 32)
            .family(
                "first_store",
                "i32.store8 to a fresh page each",
                Kind.PAGE,
                7,
                (code, k) ->
                    code.get(POINTER)
                        .i32(1)
                        .store8(0)
                        .get(POINTER)
                        .i32(OS_PAGE_BYTES)
                        .add()
                        .set(POINTER)));
    OperatorGuest fills = guest(LARGE_PAGES);
    all.add(
        fills
            .turns(1)
            .steps(1)
            .family(
                "first_fill",
                "memory.fill of 32 MiB of fresh pages",
                Kind.PAGE,
                4 + LARGE_PAGES * PAGE_BYTES,
                (code, k) ->
                    code.i32(0).i32(1).i32((long) LARGE_PAGES * PAGE_BYTES).memoryFill(0)));
  }
}
