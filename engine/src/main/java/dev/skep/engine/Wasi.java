package dev.skep.engine;

import static dev.skep.engine.ValueKind.I32;
import static dev.skep.engine.ValueKind.I64;
import static dev.skep.engine.WasiErrno.SUCCESS;
import static dev.skep.engine.WasiVectors.unsigned;

import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.wasm.types.FunctionType;
import com.dylibso.chicory.wasm.types.ValType;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.pool.SlotMemory;
import dev.skep.pool.StrayPointerException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * WASI preview 1 over memory alone. A guest has what it is granted and nothing else: see {@link
 * WasiGrants}. What is not granted answers {@code notcapable}, is noted for whoever reads why the
 * run has failed, and a descriptor that is not granted is not open.
 *
 * <p>All functions of the interface can be imported, since language runtimes import what they never
 * call. Every pointer and length of the guest is checked by the memory before it is used, and
 * nothing is allocated by a guest's number beyond what it can fill. What moves bytes is paid for by
 * the byte before it moves them.
 *
 * <p>Shared by all instances: a function finds its run by the memory it is called with. Source:
 * WASI preview 1 witx, github.com/WebAssembly/WASI, legacy/preview1.
 */
final class Wasi {
  static final String MODULE = "wasi_snapshot_preview1";

  /** Functions of sockets, of which there are none. */
  private static final String[][] SOCKETS = {
    {"sock_accept", "iii"},
    {"sock_recv", "iiiiii"},
    {"sock_send", "iiiii"},
    {"sock_shutdown", "ii"},
  };

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final Map<String, Function> FUNCTIONS = new HashMap<>();

  private record Function(Signature signature, HostFunction host, HostCall call) {}

  /** What a function does; answers an error number. */
  private interface Body {
    int call(SlotMemory memory, WasiContext wasi, long[] args);
  }

  static {
    define("args_get", "ii", (m, w, a) -> strings(m, w.args(), (int) a[0], (int) a[1]));
    define("args_sizes_get", "ii", (m, w, a) -> sizes(m, w.args(), (int) a[0], (int) a[1]));
    define("environ_get", "ii", (m, w, a) -> strings(m, w.env(), (int) a[0], (int) a[1]));
    define("environ_sizes_get", "ii", (m, w, a) -> sizes(m, w.env(), (int) a[0], (int) a[1]));
    define("clock_res_get", "ii", WasiPoll::resolution);
    define("clock_time_get", "iIi", WasiPoll::time);
    define("poll_oneoff", "iiii", WasiPoll::poll);
    define("random_get", "ii", Wasi::random);
    define("sched_yield", "", (m, w, a) -> SUCCESS);
    define("proc_raise", "i", (m, w, a) -> WasiErrno.NOSYS);
    defineExit();
    defineFiles();
    definePaths();
    for (String[] function : SOCKETS) {
      define(function[0], function[1], Wasi::noSocket);
    }
  }

  private static void defineFiles() {
    define("fd_advise", "iIIi", WasiFiles::advise);
    define("fd_allocate", "iII", WasiFiles::allocate);
    define("fd_close", "i", WasiFiles::close);
    define("fd_datasync", "i", WasiFiles::sync);
    define("fd_fdstat_get", "ii", WasiFiles::status);
    define("fd_fdstat_set_flags", "ii", WasiFiles::setFlags);
    define("fd_fdstat_set_rights", "iII", WasiFiles::setRights);
    define("fd_filestat_get", "ii", WasiFiles::fileStatus);
    define("fd_filestat_set_size", "iI", WasiFiles::setSize);
    define("fd_filestat_set_times", "iIIi", WasiFiles::setTimes);
    define("fd_pread", "iiiIi", WasiFiles::readAt);
    define("fd_prestat_get", "ii", WasiFiles::preopenStatus);
    define("fd_prestat_dir_name", "iii", WasiFiles::preopenName);
    define("fd_pwrite", "iiiIi", WasiFiles::writeAt);
    define("fd_read", "iiii", WasiFiles::read);
    define("fd_readdir", "iiiIi", WasiFiles::readDirectory);
    define("fd_renumber", "ii", WasiFiles::renumber);
    define("fd_seek", "iIii", WasiFiles::seek);
    define("fd_sync", "i", WasiFiles::sync);
    define("fd_tell", "ii", WasiFiles::tell);
    define("fd_write", "iiii", WasiFiles::write);
  }

  private static void definePaths() {
    define("path_create_directory", "iii", WasiPaths::createDirectory);
    define("path_filestat_get", "iiiii", WasiPaths::status);
    define("path_filestat_set_times", "iiiiIIi", WasiPaths::setTimes);
    define("path_link", "iiiiiii", WasiPaths::link);
    define("path_open", "iiiiiIIii", WasiPaths::open);
    define("path_readlink", "iiiiii", WasiPaths::readLink);
    define("path_remove_directory", "iii", WasiPaths::removeDirectory);
    define("path_rename", "iiiiii", WasiPaths::rename);
    define("path_symlink", "iiiii", WasiPaths::symbolicLink);
    define("path_unlink_file", "iii", WasiPaths::unlink);
  }

  private Wasi() {}

  private static void define(String name, String parameters, Body body) {
    List<ValueKind> params = new ArrayList<>();
    for (int i = 0; i < parameters.length(); i++) {
      params.add(parameters.charAt(i) == 'I' ? I64 : I32);
    }
    Signature signature = new Signature(params, List.of(I32));
    put(
        name,
        signature,
        (memory, args) -> {
          WasiContext wasi = contextOf(memory, name);
          memory.charge(FuelCosts.HOST_CALL);
          memory.inHost(true);
          try {
            return new long[] {body.call(memory, wasi, args)};
          } catch (WasiError e) {
            return new long[] {e.errno()};
          } catch (StrayPointerException e) {
            return new long[] {WasiErrno.FAULT};
          } finally {
            memory.inHost(false);
          }
        });
  }

  private static void put(String name, Signature signature, HostCall call) {
    HostFunction host =
        new HostFunction(
            MODULE,
            name,
            FunctionType.of(types(signature.params()), types(signature.results())),
            (instance, args) -> call.call((SlotMemory) instance.memory(), args));
    FUNCTIONS.put(name, new Function(signature, host, call));
  }

  private static void defineExit() {
    put(
        "proc_exit",
        new Signature(List.of(I32), List.of()),
        (memory, args) -> {
          var _ = contextOf(memory, "proc_exit");
          memory.charge(FuelCosts.HOST_CALL);
          throw new GuestExitException((int) args[0]);
        });
  }

  /** The run that calls; an initialiser whose state is to be kept is none. */
  private static WasiContext contextOf(SlotMemory memory, String name) {
    if (memory.hostContext() instanceof WasiContext wasi) {
      return wasi;
    }
    throw new SnapshotRefusedException(
        "the initialiser called "
            + MODULE
            + "."
            + name
            + ", whose effects are of one run and cannot be kept for others; call no imports"
            + " there");
  }

  private static List<ValType> types(List<ValueKind> kinds) {
    return kinds.stream().map(k -> k == I64 ? ValType.I64 : ValType.I32).toList();
  }

  /** The type of a function that can be imported, or null if there is none of this name. */
  static @Nullable Signature signatureOf(String module, String name) {
    Function function = module.equals(MODULE) ? FUNCTIONS.get(name) : null;
    return function == null ? null : function.signature();
  }

  /** A function that can be imported. */
  static HostFunction function(String name) {
    return Objects.requireNonNull(FUNCTIONS.get(name)).host();
  }

  /** The same, for code that has no engine instance. */
  static HostCall call(String name) {
    return Objects.requireNonNull(FUNCTIONS.get(name)).call();
  }

  // ── Arguments and environment ─────────────────────────────────────────────────────────────

  private static int sizes(SlotMemory memory, byte[][] strings, int count, int bytes) {
    int total = 0;
    for (byte[] string : strings) {
      total += string.length;
    }
    memory.writeI32(count, strings.length);
    memory.writeI32(bytes, total);
    return SUCCESS;
  }

  private static int strings(SlotMemory memory, byte[][] strings, int pointers, int buffer) {
    int pointer = pointers;
    int target = buffer;
    for (byte[] string : strings) {
      memory.charge(string.length * (long) FuelCosts.HOST_BYTE);
      memory.writeI32(pointer, target);
      memory.write(target, string);
      pointer += 4;
      target += string.length;
    }
    return SUCCESS;
  }

  // ── Randomness, sockets ───────────────────────────────────────────────────────────────────

  private static int random(SlotMemory memory, WasiContext wasi, long[] args) {
    wasi.require(WasiGrant.RANDOM, "random_get");
    long address = unsigned(args[0]);
    long length = unsigned(args[1]);
    WasiVectors.checkRange(memory, address, length);
    byte[] chunk = new byte[(int) Math.min(length, WasiVectors.CHUNK_BYTES)];
    for (long done = 0; done < length; done += chunk.length) {
      int count = (int) Math.min(chunk.length, length - done);
      memory.charge(count * (long) FuelCosts.HOST_COMPUTED_BYTE);
      RANDOM.nextBytes(chunk);
      memory.write((int) (address + done), chunk, 0, count);
    }
    return SUCCESS;
  }

  private static int noSocket(SlotMemory memory, WasiContext wasi, long[] args) {
    var _ = wasi.descriptors().get((int) args[0]);
    return WasiErrno.NOTSOCK;
  }
}
