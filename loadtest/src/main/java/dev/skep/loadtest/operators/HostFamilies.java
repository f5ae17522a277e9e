package dev.skep.loadtest.operators;

import static dev.skep.loadtest.operators.OperatorGuest.i32;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.wasm.Code;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Functions of WASI with the least that they can be given, so that what a call costs by itself is
 * most of it; and the ways to fail that a guest can repeat.
 *
 * <pre>
 *   address   holds
 *        64   a vector: address 1024, one byte
 *       256   a subscription to the monotonic clock, of no time
 *       512   "x", a path
 *       600   answers
 *      1024   what is moved
 * </pre>
 */
final class HostFamilies {
  private static final int STEPS = 8;
  private static final int VECTOR = 64;
  private static final int SUBSCRIPTION = 256;
  private static final int PATH = 512;
  private static final int ANSWER = 600;
  private static final int BYTES = 1_024;
  private static final int NOWHERE = -1;
  private static final int MONOTONIC = 1;
  private static final int STDIN = 0;
  private static final int STDERR = 2;

  /** The scratch space, and the first file opened in it. */
  private static final int DIRECTORY = 3;

  private static final int FILE = 4;

  private static final long READ_AND_WRITE = 0x42;
  private static final int CREATE = 1;
  private static final int DEPTH = 500;
  private static final int FAULTS = 64;

  private final List<OperatorFamily> all = new ArrayList<>();

  private HostFamilies() {}

  static List<OperatorFamily> all() {
    HostFamilies families = new HostFamilies();
    families.process();
    families.streams();
    families.files();
    families.failures();
    return families.all;
  }

  private static OperatorGuest guest() {
    OperatorGuest guest = new OperatorGuest();
    var _ = guest.module().memory(1);
    guest.setup().i32(VECTOR).i32(BYTES).store32(0).i32(VECTOR).i32(1).store32(4);
    guest.setup().i32(SUBSCRIPTION).i32(MONOTONIC).store32(16);
    guest.setup().i32(PATH).i32('x').store8(0);
    return guest;
  }

  /** Calls of one function, with constants. */
  private void add(String name, String type, UnaryOperator<Code> arguments) {
    add(name, name, type, arguments);
  }

  private void add(String key, String name, String type, UnaryOperator<Code> arguments) {
    OperatorGuest guest = guest();
    int function = guest.module().importWasi(name, type);
    String what = key.equals(name) ? name : name + ", " + key.substring(name.length() + 1);
    all.add(
        guest
            .steps(STEPS)
            .family(
                key,
                what.replace('_', ' ').replace(name.replace('_', ' '), name),
                Kind.HOST,
                0,
                (code, k) -> arguments.apply(code).call(function).get(i32(k)).add().set(i32(k))));
  }

  private void process() {
    add("args_sizes_get", "ii:i", code -> code.i32(ANSWER).i32(ANSWER + 4));
    add("args_get", "ii:i", code -> code.i32(ANSWER).i32(BYTES));
    add("environ_sizes_get", "ii:i", code -> code.i32(ANSWER).i32(ANSWER + 4));
    add("environ_get", "ii:i", code -> code.i32(ANSWER).i32(BYTES));
    add("clock_res_get", "ii:i", code -> code.i32(MONOTONIC).i32(ANSWER));
    add("clock_time_get", "iIi:i", code -> code.i32(MONOTONIC).i64(0).i32(ANSWER));
    add("clock_time_get_realtime", "clock_time_get", "iIi:i", c -> c.i32(0).i64(0).i32(ANSWER));
    add("random_get", "ii:i", code -> code.i32(BYTES).i32(1));
    add("sched_yield", ":i", code -> code);
    add("proc_raise", "i:i", code -> code.i32(1));
    add("poll_oneoff", "iiii:i", code -> code.i32(SUBSCRIPTION).i32(BYTES).i32(1).i32(ANSWER));
  }

  private void streams() {
    add("fd_write", "iiii:i", code -> code.i32(STDERR).i32(VECTOR).i32(1).i32(ANSWER));
    add("fd_read", "iiii:i", code -> code.i32(STDIN).i32(VECTOR).i32(1).i32(ANSWER));
    add("fd_fdstat_get", "ii:i", code -> code.i32(STDERR).i32(ANSWER));
    add("fd_fdstat_set_flags", "ii:i", code -> code.i32(STDERR).i32(0));
    add("fd_filestat_get", "ii:i", code -> code.i32(STDERR).i32(ANSWER));
    add("fd_prestat_get", "ii:i", code -> code.i32(DIRECTORY).i32(ANSWER));
    add("fd_prestat_dir_name", "iii:i", code -> code.i32(DIRECTORY).i32(BYTES).i32(4));
  }

  /** On a file that is made before the loop, or where it will be. */
  private void files() {
    file("fd_pwrite", "iiiIi:i", code -> code.i32(FILE).i32(VECTOR).i32(1).i64(0).i32(ANSWER));
    file("fd_pread", "iiiIi:i", code -> code.i32(FILE).i32(VECTOR).i32(1).i64(0).i32(ANSWER));
    file("fd_seek", "iIii:i", code -> code.i32(FILE).i64(0).i32(0).i32(ANSWER));
    file("fd_tell", "ii:i", code -> code.i32(FILE).i32(ANSWER));
    file("fd_sync", "i:i", code -> code.i32(FILE));
    file("fd_advise", "iIIi:i", code -> code.i32(FILE).i64(0).i64(0).i32(0));
    file("fd_allocate", "iII:i", code -> code.i32(FILE).i64(0).i64(1));
    file("fd_filestat_set_size", "iI:i", code -> code.i32(FILE).i64(1));
    file("fd_readdir", "iiiIi:i", c -> c.i32(DIRECTORY).i32(BYTES).i32(64).i64(0).i32(ANSWER));
    file(
        "path_filestat_get",
        "iiiii:i",
        code -> code.i32(DIRECTORY).i32(0).i32(PATH).i32(1).i32(ANSWER));
    file("path_unlink_file", "iii:i", code -> code.i32(DIRECTORY).i32(PATH + 1).i32(1));
    file(
        "path_rename",
        "iiiiii:i",
        code -> code.i32(DIRECTORY).i32(PATH).i32(1).i32(DIRECTORY).i32(PATH).i32(1));
    OperatorGuest guest = guest();
    int open = guest.module().importWasi("path_open", "iiiiiIIii:i");
    int close = guest.module().importWasi("fd_close", "i:i");
    all.add(
        guest
            .steps(STEPS)
            .family(
                "path_open",
                "path_open, fd_close",
                Kind.HOST,
                0,
                (code, k) -> {
                  open(code, open);
                  code.get(i32(k)).add().set(i32(k));
                  code.i32(ANSWER).load32(0).call(close).get(i32(k)).add().set(i32(k));
                }));
  }

  private static Code open(Code code, int open) {
    code.i32(DIRECTORY).i32(0).i32(PATH).i32(1).i32(CREATE);
    return code.i64(READ_AND_WRITE).i64(0).i32(0).i32(ANSWER).call(open);
  }

  private void file(String name, String type, UnaryOperator<Code> arguments) {
    OperatorGuest guest = guest();
    int open = guest.module().importWasi("path_open", "iiiiiIIii:i");
    int function = guest.module().importWasi(name, type);
    open(guest.setup(), open).drop();
    all.add(
        guest
            .steps(STEPS)
            .family(
                name,
                name,
                Kind.HOST,
                0,
                (code, k) -> arguments.apply(code).call(function).get(i32(k)).add().set(i32(k))));
  }

  private void failures() {
    add("fd_read_not_open", "fd_read", "iiii:i", c -> c.i32(99).i32(VECTOR).i32(1).i32(ANSWER));
    add("clock_time_get_fault", "clock_time_get", "iIi:i", c -> c.i32(1).i64(0).i32(NOWHERE));
    add("random_get_fault", "random_get", "ii:i", code -> code.i32(NOWHERE).i32(1));
    OperatorGuest guest = guest();
    int clock = guest.module().importWasi("clock_time_get", "iIi:i");
    int self = guest.module().nextFunction();
    Code deep = code().get(0).when().get(0).i32(1).op(0x6B).call(self).orElse();
    deep.repeat(FAULTS, code -> code.i32(MONOTONIC).i64(0).i32(NOWHERE).call(clock).drop());
    var _ = guest.module().function("i:", deep.end());
    all.add(
        guest
            .steps(1)
            .family(
                "deep_fault",
                "clock_time_get, fault, " + DEPTH + " calls deep",
                Kind.HOST,
                0,
                (code, k) -> code.i32(DEPTH).call(self)));
  }
}
