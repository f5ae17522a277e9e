package dev.skep.loadtest.operators;

import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.nio.charset.StandardCharsets;
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
 *        72   a vector: all of the page
 *       512   "x", a path; "y", one that leads nowhere; 0xFF, which is none
 *       600   answers
 *      1024   what is moved
 *      8192   "./" again and again, and "x": a long path
 * </pre>
 */
final class HostFamilies {
  /** Export that answers all error numbers so far in one, by or. */
  static final String ERRORS = "errors";

  private static final int STEPS = 8;
  private static final int VECTOR = 64;
  private static final int SUBSCRIPTION = 256;
  private static final int PATH = 512;
  private static final int MISSING = PATH + 1;
  private static final int MALFORMED = PATH + 2;
  private static final int ANSWER = 600;
  private static final int LONG_PATH = 8_192;
  private static final String LONG = "./".repeat(2_000) + "x";
  private static final int PAGE_VECTOR = 72;
  private static final int PAGE_BYTES = 65_536;
  private static final int BYTES = 1_024;
  private static final int NOWHERE = -1;
  private static final int MONOTONIC = 1;
  private static final int STDIN = 0;
  private static final int STDERR = 2;

  /** The scratch space, and the first file opened in it. */
  private static final int DIRECTORY = 3;

  private static final int FILE = 4;

  /** All that there are. */
  private static final long RIGHTS = 0x1FFF_FFFF;

  private static final int CREATE = 1;
  private static final int DEPTH = 500;
  private static final int FAILURES = 64;

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
    guest.setup().i32(PATH).i32('x').store8(0).i32(MISSING).i32('y').store8(0);
    guest.setup().i32(MALFORMED).i32(0xFF).store8(0);
    guest.setup().i32(PAGE_VECTOR).i32(PAGE_BYTES).store32(4);
    guest.module().data(code().i32(LONG_PATH), LONG.getBytes(StandardCharsets.UTF_8));
    var _ = guest.module().global(ModuleWriter.I32, true, code().i32(0));
    return guest;
  }

  /** Keeps what a function has answered, for {@link #ERRORS}. */
  private static Code noted(Code code) {
    return code.globalGet(0).op(0x72).globalSet(0);
  }

  private static OperatorGuest withErrors(OperatorGuest guest) {
    var _ = guest.module().exported(ERRORS, ":i", code().globalGet(0));
    return guest;
  }

  /** Calls of one function, with constants. */
  private void add(String name, String type, UnaryOperator<Code> arguments) {
    add(name, name, type, arguments);
  }

  private void add(String key, String name, String type, UnaryOperator<Code> arguments) {
    OperatorGuest guest = guest();
    int function = guest.module().importWasi(name, type);
    add(guest, function, key, name, arguments);
  }

  private void add(
      OperatorGuest guest, int function, String key, String name, UnaryOperator<Code> arguments) {
    all.add(
        withErrors(guest)
            .steps(STEPS)
            .family(
                key,
                title(key, name),
                Kind.HOST,
                0,
                (code, k) -> noted(arguments.apply(code).call(function))));
  }

  /** The name, and what else the key says. */
  private static String title(String key, String name) {
    return name + key.substring(name.length()).replace('_', ' ');
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
    add("random_get_64_KiB", "random_get", "ii:i", code -> code.i32(0).i32(PAGE_BYTES));
    add("sched_yield", ":i", code -> code);
    add("proc_raise", "i:i", code -> code.i32(1));
    add("poll_oneoff", "iiii:i", code -> code.i32(SUBSCRIPTION).i32(BYTES).i32(1).i32(ANSWER));
  }

  private void streams() {
    add("fd_write", "iiii:i", code -> code.i32(STDERR).i32(VECTOR).i32(1).i32(ANSWER));
    add(
        "fd_write_64_KiB",
        "fd_write",
        "iiii:i",
        code -> code.i32(STDERR).i32(PAGE_VECTOR).i32(1).i32(ANSWER));
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
    file(
        "fd_pwrite_64_KiB",
        "fd_pwrite",
        "iiiIi:i",
        code -> code.i32(FILE).i32(PAGE_VECTOR).i32(1).i64(0).i32(ANSWER));
    file("fd_pread", "iiiIi:i", code -> code.i32(FILE).i32(VECTOR).i32(1).i64(0).i32(ANSWER));
    file("fd_seek", "iIii:i", code -> code.i32(FILE).i64(0).i32(0).i32(ANSWER));
    file("fd_tell", "ii:i", code -> code.i32(FILE).i32(ANSWER));
    file("fd_sync", "i:i", code -> code.i32(FILE));
    file("fd_advise", "iIIi:i", code -> code.i32(FILE).i64(0).i64(0).i32(0));
    file("fd_allocate", "iII:i", code -> code.i32(FILE).i64(0).i64(1));
    file("fd_filestat_set_size", "iI:i", code -> code.i32(FILE).i64(1));
    file("fd_readdir", "iiiIi:i", c -> c.i32(DIRECTORY).i32(BYTES).i32(64).i64(0).i32(ANSWER));
    file(
        "path_filestat_get_long",
        "path_filestat_get",
        "iiiii:i",
        code -> code.i32(DIRECTORY).i32(0).i32(LONG_PATH).i32(LONG.length()).i32(ANSWER));
    file(
        "path_filestat_get",
        "iiiii:i",
        code -> code.i32(DIRECTORY).i32(0).i32(PATH).i32(1).i32(ANSWER));
    file(
        "path_unlink_file_missing",
        "path_unlink_file",
        "iii:i",
        code -> code.i32(DIRECTORY).i32(MISSING).i32(1));
    file(
        "path_rename",
        "iiiiii:i",
        code -> code.i32(DIRECTORY).i32(PATH).i32(1).i32(DIRECTORY).i32(PATH).i32(1));
    OperatorGuest guest = guest();
    int open = guest.module().importWasi("path_open", "iiiiiIIii:i");
    int close = guest.module().importWasi("fd_close", "i:i");
    all.add(
        withErrors(guest)
            .steps(STEPS)
            .family(
                "path_open",
                "path_open, fd_close",
                Kind.HOST,
                0,
                (code, k) -> {
                  noted(open(code, open));
                  noted(code.i32(ANSWER).load32(0).call(close));
                }));
  }

  private static Code open(Code code, int open) {
    code.i32(DIRECTORY).i32(0).i32(PATH).i32(1).i32(CREATE);
    return code.i64(RIGHTS).i64(0).i32(0).i32(ANSWER).call(open);
  }

  private void file(String name, String type, UnaryOperator<Code> arguments) {
    file(name, name, type, arguments);
  }

  private void file(String key, String name, String type, UnaryOperator<Code> arguments) {
    OperatorGuest guest = guest();
    int open = guest.module().importWasi("path_open", "iiiiiIIii:i");
    int function = guest.module().importWasi(name, type);
    open(guest.setup(), open).drop();
    add(guest, function, key, name, arguments);
  }

  private void failures() {
    add("fd_read_not_open", "fd_read", "iiii:i", c -> c.i32(99).i32(VECTOR).i32(1).i32(ANSWER));
    add("clock_time_get_fault", "clock_time_get", "iIi:i", c -> c.i32(1).i64(0).i32(NOWHERE));
    add("random_get_fault", "random_get", "ii:i", code -> code.i32(NOWHERE).i32(1));
    deep("clock_time_get", "iIi:i", code -> code.i32(MONOTONIC).i64(0).i32(NOWHERE));
    deep("fd_tell", "ii:i", code -> code.i32(NOWHERE).i32(ANSWER));
    deep(
        "path_filestat_get",
        "iiiii:i",
        code -> code.i32(DIRECTORY).i32(0).i32(MALFORMED).i32(1).i32(ANSWER));
  }

  /** Fails deep in the guest's calls, where a stack trace would take longest. */
  private void deep(String name, String type, UnaryOperator<Code> arguments) {
    OperatorGuest guest = guest();
    int function = guest.module().importWasi(name, type);
    int self = guest.module().nextFunction();
    Code deep = code().get(0).when().get(0).i32(1).op(0x6B).call(self).orElse();
    deep.repeat(FAILURES, code -> noted(arguments.apply(code).call(function)));
    var _ = guest.module().function("i:", deep.end());
    all.add(
        withErrors(guest)
            .steps(1)
            .family(
                "deep_" + name,
                name + ", failing, " + DEPTH + " calls deep",
                Kind.HOST,
                0,
                (code, k) -> code.i32(DEPTH).call(self)));
  }
}
