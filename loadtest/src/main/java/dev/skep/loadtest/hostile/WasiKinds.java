package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;

/**
 * Every host function with pointers and lengths of 2^31, 2^32 − 1, the last byte and one past it,
 * and the ways to misuse vectors. A command calls it four times and writes the four error numbers
 * to its output, so that what it got is what is compared.
 */
final class WasiKinds {
  private static final long[] WILD = {0x8000_0000L, 0xFFFF_FFFFL, 65_535, 65_536};
  private static final long NOWHERE = 0xFFFF_FFFFL;

  private static final int SUCCESS = 0;
  private static final int BADF = 8;
  private static final int FAULT = 21;
  private static final int INVAL = 28;
  private static final int NOSPC = 51;
  private static final int NOSYS = 52;
  private static final int SPIPE = 70;

  /**
   * A host function and what it answers to wild numbers.
   *
   * @param parameters as in {@link ModuleWriter#type}; a digit is that constant, {@code i} a wild
   *     number, {@code I} a wild i64
   */
  private record Function(String name, String parameters, int error) {}

  private static final List<Function> FUNCTIONS =
      List.of(
          new Function("args_get", "ii", FAULT),
          new Function("args_sizes_get", "ii", FAULT),
          new Function("environ_get", "ii", FAULT),
          new Function("environ_sizes_get", "ii", FAULT),
          new Function("clock_res_get", "0i", FAULT),
          new Function("clock_time_get", "0Ii", FAULT),
          new Function("fd_close", "i", BADF),
          new Function("fd_fdstat_get", "1i", FAULT),
          new Function("fd_fdstat_set_flags", "ii", BADF),
          new Function("fd_filestat_get", "1i", FAULT),
          new Function("fd_read", "0iii", FAULT),
          new Function("fd_write", "1iii", FAULT),
          new Function("fd_seek", "1I0i", SPIPE),
          new Function("fd_tell", "1i", SPIPE),
          new Function("random_get", "ii", FAULT),
          new Function("sched_yield", "", SUCCESS),
          new Function("poll_oneoff", "iiii", FAULT),
          new Function("proc_raise", "i", NOSYS),
          new Function("fd_advise", "3IIi", BADF),
          new Function("fd_allocate", "3II", BADF),
          new Function("fd_datasync", "i", BADF),
          new Function("fd_fdstat_set_rights", "3II", BADF),
          new Function("fd_filestat_set_size", "3I", BADF),
          new Function("fd_filestat_set_times", "3IIi", BADF),
          new Function("fd_pread", "3iiIi", BADF),
          new Function("fd_prestat_get", "3i", BADF),
          new Function("fd_prestat_dir_name", "3ii", BADF),
          new Function("fd_pwrite", "3iiIi", BADF),
          new Function("fd_readdir", "3iiIi", BADF),
          new Function("fd_renumber", "ii", BADF),
          new Function("fd_sync", "i", BADF),
          new Function("path_create_directory", "3ii", BADF),
          new Function("path_filestat_get", "3iiii", BADF),
          new Function("path_filestat_set_times", "3iiiIIi", BADF),
          new Function("path_link", "3iii3ii", BADF),
          new Function("path_open", "3iiiiIIii", INVAL),
          new Function("path_readlink", "3iiiii", BADF),
          new Function("path_remove_directory", "3ii", BADF),
          new Function("path_rename", "3ii3ii", BADF),
          new Function("path_symlink", "ii3ii", BADF),
          new Function("path_unlink_file", "3ii", BADF),
          new Function("sock_accept", "3ii", BADF),
          new Function("sock_recv", "3iiiii", BADF),
          new Function("sock_send", "3iiii", BADF),
          new Function("sock_shutdown", "3i", BADF));

  private WasiKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("wasi");
    for (Function function : FUNCTIONS) {
      everyWildNumber(list, function);
    }
    // The descriptor is wild, and the pointers are good.
    for (String name : new String[] {"fd_fdstat_get", "fd_filestat_get", "fd_tell"}) {
      errors(list, name + "-of-no-stream", name, "ii:i", BADF, wild -> code().i32(wild).i32(64));
    }
    for (String name : new String[] {"fd_read", "fd_write"}) {
      errors(
          list,
          name + "-of-no-stream",
          name,
          "iiii:i",
          BADF,
          wild -> code().i32(wild).i32(64).i32(0).i32(64));
    }
    errors(
        list,
        "clock-time-get-of-no-clock",
        "clock_time_get",
        "iIi:i",
        INVAL,
        wild -> code().i32(wild).i64(0).i32(64));
    vectors(list);
    streams(list);
    paid(list);
    exits(list);
    return list.kinds();
  }

  /** A call's arguments, for each wild number. */
  private interface Arguments {
    Code with(long wild);
  }

  private static void everyWildNumber(KindList list, Function function) {
    StringBuilder type = new StringBuilder();
    for (char kind : function.parameters().toCharArray()) {
      type.append(kind == 'I' ? 'I' : 'i');
    }
    errors(
        list,
        function.name().replace('_', '-'),
        function.name(),
        type.append(":i").toString(),
        function.error(),
        wild -> {
          Code code = code();
          for (char kind : function.parameters().toCharArray()) {
            switch (kind) {
              case 'i' -> code.i32(wild);
              case 'I' -> code.i64(wild);
              default -> code.i32(kind - '0');
            }
          }
          return code;
        });
  }

  /** Calls four times and writes the errors, which must all be {@code error}. */
  private static void errors(
      KindList list, String name, String function, String type, int error, Arguments arguments) {
    byte e = (byte) error;
    list.add(
        name.replace('_', '-'),
        Regime.RICH,
        KindList.COMMAND,
        HostileOutcome.exited(0, new byte[] {e, e, e, e}),
        KindList.written(m -> {
          Command command = new Command(m, function, type);
          for (int i = 0; i < WILD.length; i++) {
            command.body.i32(Command.ERRORS + i);
            command.body.sink().raw(arguments.with(WILD[i]).sink());
            command.body.call(command.host).store8(0);
          }
          command.writesErrors(WILD.length);
        }));
  }

  /** A command over one page of memory that writes what it has found. */
  private static final class Command {
    static final int ERRORS = 1_024;
    private static final int VECTOR = 2_048;
    final ModuleWriter writer;
    final int write;
    final int host;
    final Code body = code();

    Command(ModuleWriter writer, String function, String type) {
      this.writer = writer;
      this.write = writer.importWasi("fd_write", "iiii:i");
      this.host = writer.importWasi(function, type);
      writer.memory(1);
      writer.export("memory", ModuleWriter.MEMORY, 0);
    }

    Command vector(int at, long pointer, long length) {
      body.i32(at).i32(pointer).store32(0).i32(at + 4).i32(length).store32(0);
      return this;
    }

    /** {@code fd_write} or {@code fd_read}, whose error is kept as number {@code i}. */
    Command stream(int i, int fd, long vectors, long count, long written) {
      body.i32(ERRORS + i).i32(fd).i32(vectors).i32(count).i32(written).call(host).store8(0);
      return this;
    }

    void writesErrors(int count) {
      vector(VECTOR, ERRORS, count);
      body.i32(1).i32(VECTOR).i32(1).i32(VECTOR + 16).call(write).drop();
      writer.exported("_start", ":", body);
    }
  }

  private interface Commanding {
    void to(Command command);
  }

  private static void stream(
      KindList list, String name, String function, HostileOutcome outcome, Commanding commanding) {
    list.add(
        name,
        Regime.RICH,
        KindList.COMMAND,
        outcome,
        KindList.written(m -> commanding.to(new Command(m, function, "iiii:i"))));
  }

  private static HostileOutcome errorsThenNothing(int... errors) {
    byte[] bytes = new byte[errors.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) errors[i];
    }
    return HostileOutcome.exited(0, bytes);
  }

  private static void vectors(KindList list) {
    for (String function : new String[] {"fd_read", "fd_write"}) {
      int fd = function.equals("fd_read") ? 0 : 1;
      String name = function.replace('_', '-');
      stream(
          list,
          name + "-vector-one-byte-past-the-end",
          function,
          errorsThenNothing(FAULT),
          c -> c.stream(0, fd, 65_536 - 7, 1, 64).writesErrors(1));
      stream(
          list,
          name + "-no-vectors-at-the-end",
          function,
          errorsThenNothing(SUCCESS, FAULT),
          c -> c.stream(0, fd, 65_536, 0, 64).stream(1, fd, 65_537, 0, 64).writesErrors(2));
      stream(
          list,
          name + "-all-ones-vectors",
          function,
          errorsThenNothing(FAULT, FAULT),
          c -> c.stream(0, fd, 0, NOWHERE, 64).stream(1, fd, 0, 0x2000_0000, 64).writesErrors(2));
      stream(
          list,
          name + "-count-lies-outside",
          function,
          errorsThenNothing(FAULT),
          c -> c.stream(0, fd, 64, 0, 65_533).writesErrors(1));
    }
    stream(
        list,
        "fd-write-from-outside",
        "fd_write",
        errorsThenNothing(FAULT, FAULT, FAULT),
        c ->
            c.vector(0, 65_535, 2).vector(8, NOWHERE, 1).vector(16, 0x8000_0000L, 0).stream(
                    0, 1, 0, 1, 64)
                .stream(1, 1, 8, 1, 64)
                .stream(2, 1, 16, 1, 64)
                .writesErrors(3));
    stream(
        list,
        "fd-write-more-than-there-is-room-for",
        "fd_write",
        errorsThenNothing(NOSPC, NOSPC),
        c ->
            c.vector(0, 0, NOWHERE).vector(8, 0, 0x8000_0000L).stream(0, 1, 0, 1, 64).stream(
                    1, 1, 8, 1, 64)
                .writesErrors(2));
    stream(
        list,
        "fd-read-into-outside",
        "fd_read",
        errorsThenNothing(FAULT, FAULT),
        c ->
            c.vector(0, 65_535, 2).vector(8, NOWHERE, NOWHERE).stream(0, 0, 0, 1, 64).stream(
                    1, 0, 8, 1, 64)
                .writesErrors(2));
    // The input is bounded by what there is: all of it, 14 bytes, whatever is asked.
    stream(
        list,
        "fd-read-of-2-gib",
        "fd_read",
        errorsThenNothing(SUCCESS),
        c -> c.vector(0, 128, 0x7FFF_FFFF).stream(0, 0, 0, 1, 64).writesErrors(1));
    // The vectors are overwritten by what is read through them.
    stream(
        list,
        "fd-read-over-its-own-vectors",
        "fd_read",
        errorsThenNothing(FAULT),
        c -> c.vector(0, 8, 8).vector(8, 200, 1).stream(0, 0, 0, 2, 64).writesErrors(1));
    stream(
        list,
        "fd-write-the-same-bytes-by-many-vectors",
        "fd_write",
        HostileOutcome.exited(0, "aaaa" + "\0"),
        c -> {
          c.body.i32(512).i32('a').store8(0);
          c.vector(0, 512, 1).vector(8, 512, 1).vector(16, 512, 1).vector(24, 512, 1);
          c.stream(0, 1, 0, 4, 64).writesErrors(1);
        });
  }

  private static void streams(KindList list) {
    list.add(
        "fd-write-behind-close",
        Regime.RICH,
        KindList.COMMAND,
        HostileOutcome.exited(BADF, ""),
        KindList.written(m -> {
          int write = m.importWasi("fd_write", "iiii:i");
          int close = m.importWasi("fd_close", "i:i");
          int exit = m.importWasi("proc_exit", "i:");
          m.memory(1);
          m.exported(
              "_start",
              ":",
              code().i32(1).call(close).drop().i32(1).i32(0).i32(0).i32(8).call(write).call(exit));
        }));
    // 16 MiB of output are kept; then there is no room.
    list.add(
        "fd-write-until-no-space",
        Regime.RICH,
        KindList.COMMAND,
        HostileOutcome.exited(NOSPC, new byte[16 << 20]),
        KindList.written(m -> {
          int write = m.importWasi("fd_write", "iiii:i");
          int exit = m.importWasi("proc_exit", "i:");
          m.memory(2);
          // 65,536 zero bytes from the second page.
          m.data(code().i32(0), new byte[] {0, 0, 1, 0, 0, 0, 1, 0});
          m.export(
              "_start",
              ModuleWriter.FUNCTION,
              m.function(
                  ":",
                  1,
                  ModuleWriter.I32,
                  code()
                      .loop()
                      .i32(1)
                      .i32(0)
                      .i32(1)
                      .i32(8)
                      .call(write)
                      .tee(0)
                      .op(0x45)
                      .brIf(0)
                      .end()
                      .get(0)
                      .call(exit)));
        }));
    list.add(
        "fd-write-errors-without-end",
        Regime.SMALL,
        KindList.COMMAND,
        HostileOutcome.limited(LimitKind.FUEL),
        KindList.written(m -> {
          int write = m.importWasi("fd_write", "iiii:i");
          m.memory(1);
          m.data(code().i32(4), new byte[] {0, 1});
          m.exported(
              "_start",
              ":",
              code().loop().i32(2).i32(0).i32(1).i32(8).call(write).drop().br(0).end());
        }));
  }

  private static void paid(KindList list) {
    for (long length : new long[] {0x20_0000, 0x40_0000}) {
      list.add(
          "random-get-unpaid-" + length,
          Regime.SMALL,
          KindList.CALL,
          HostileOutcome.limited(LimitKind.FUEL),
          KindList.written(m -> {
            int random = m.importWasi("random_get", "ii:i");
            m.memory(64);
            m.exported(
                KindList.F, ":", code().loop().i32(0).i32(length).call(random).drop().br(0).end());
          }));
    }
    list.add(
        "random-get-to-the-last-byte",
        Regime.SMALL,
        KindList.CALL,
        HostileOutcome.answered(0, FAULT),
        KindList.written(m -> {
          int random = m.importWasi("random_get", "ii:i");
          m.memory(1);
          m.exported(
              KindList.F,
              ":ii",
              code().i32(65_528).i32(8).call(random).i32(65_529).i32(8).call(random));
        }));
    list.add(
        "random-get-in-a-loop-until-the-deadline",
        Regime.DEADLINE,
        KindList.CALL,
        HostileOutcome.limited(LimitKind.DEADLINE),
        KindList.written(m -> {
          int random = m.importWasi("random_get", "ii:i");
          m.memory(64);
          m.exported(
              KindList.F, ":", code().loop().i32(0).i32(64 << 16).call(random).drop().br(0).end());
        }));
    list.add(
        "fd-write-with-as-many-vectors-as-fit-unpaid",
        Regime.SMALL,
        KindList.COMMAND,
        HostileOutcome.limited(LimitKind.FUEL),
        KindList.written(m -> {
          int write = m.importWasi("fd_write", "iiii:i");
          m.memory(64);
          m.exported(
              "_start",
              ":",
              code()
                  .loop()
                  .i32(2)
                  .i32(0)
                  .i32((64 << 16) / 8)
                  .i32(8)
                  .call(write)
                  .drop()
                  .br(0)
                  .end());
        }));
    untilTheDeadline(
        list, "fd-write-of-nothing", "fd_write", code().i32(2).i32(0).i32((64 << 16) / 8 - 1));
    // All zeros: the real clock, which has run out at once.
    untilTheDeadline(
        list, "poll-for-everything", "poll_oneoff", code().i32(0).i32(0).i32((64 << 16) / 48));
  }

  /** One call is as long as the memory allows, and comes again and again. */
  private static void untilTheDeadline(
      KindList list, String name, String function, Code arguments) {
    list.add(
        name + "-in-a-loop-until-the-deadline",
        Regime.DEADLINE,
        KindList.COMMAND,
        HostileOutcome.limited(LimitKind.DEADLINE),
        KindList.written(m -> {
          int host = m.importWasi(function, "iiii:i");
          m.memory(64);
          Code loop = code().loop();
          loop.sink().raw(arguments.sink());
          m.exported("_start", ":", loop.i32((64 << 16) - 8).call(host).drop().br(0).end());
        }));
  }

  private static void exits(KindList list) {
    for (long code : new long[] {1, 255, 0x7FFF_FFFFL}) {
      list.add(
          "proc-exit-" + code,
          Regime.SMALL,
          KindList.COMMAND,
          HostileOutcome.exited((int) code, ""),
          KindList.written(m -> {
            int exit = m.importWasi("proc_exit", "i:");
            m.exported("_start", ":", code().i32(code).call(exit));
          }));
    }
    list.add(
        "proc-exit-within-recursion",
        Regime.SMALL,
        KindList.COMMAND,
        HostileOutcome.exited(3, ""),
        KindList.written(m -> {
          int exit = m.importWasi("proc_exit", "i:");
          int self = m.nextFunction();
          m.function(
              "i:",
              code()
                  .get(0)
                  .op(0x45)
                  .when()
                  .i32(3)
                  .call(exit)
                  .end()
                  .get(0)
                  .i32(-1)
                  .add()
                  .call(self));
          m.exported("_start", ":", code().i32(500).call(self));
        }));
    list.add(
        "host-function-without-a-memory",
        Regime.SMALL,
        KindList.CALL,
        HostileOutcome.answered(FAULT),
        KindList.written(m -> {
          int random = m.importWasi("random_get", "ii:i");
          m.exported(KindList.F, ":i", code().i32(0).i32(1).call(random));
        }));
    list.add(
        "host-function-called-indirectly-by-another-type",
        Regime.SMALL,
        KindList.CALL,
        HostileOutcome.trapped(TrapKind.INDIRECT_CALL_TYPE_MISMATCH),
        KindList.written(m -> {
          int random = m.importWasi("random_get", "ii:i");
          m.memory(1);
          m.table(1);
          m.elements(code().i32(0), random);
          m.exported(KindList.F, ":", code().i32(0).callIndirect(m.type(":"), 0));
        }));
    list.add(
        "host-function-exported-and-called",
        Regime.SMALL,
        KindList.CALL,
        HostileOutcome.answered(SUCCESS),
        KindList.written(m -> {
          int yield = m.importWasi("sched_yield", ":i");
          m.memory(1);
          m.export(KindList.F, ModuleWriter.FUNCTION, yield);
        }));
  }
}
