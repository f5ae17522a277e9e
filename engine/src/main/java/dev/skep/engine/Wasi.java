package dev.skep.engine;

import static dev.skep.engine.ValueKind.I32;
import static dev.skep.engine.ValueKind.I64;

import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.FunctionType;
import com.dylibso.chicory.wasm.types.ValType;
import dev.skep.limits.FuelCosts;
import dev.skep.pool.SlotMemory;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * WASI preview 1 over memory alone: arguments, environment, standard streams, clocks and
 * randomness. There is no file system and no network: no directory is preopened, so every path is
 * refused with {@code badf}.
 *
 * <p>All functions of the interface can be imported, since language runtimes import what they never
 * call; those that would need a file answer an error number. Every pointer and length of the guest
 * is checked by the memory before it is used, and nothing is allocated by a guest's number beyond
 * what it can fill. What moves bytes is paid for by the byte before it moves them.
 *
 * <p>Shared by all instances: a function finds its run by the memory it is called with. Source:
 * WASI preview 1 witx, github.com/WebAssembly/WASI, legacy/preview1.
 */
final class Wasi {
  static final String MODULE = "wasi_snapshot_preview1";

  private static final int SUCCESS = 0;
  private static final int BADF = 8;
  private static final int FAULT = 21;
  private static final int INVAL = 28;
  private static final int NOSPC = 51;
  private static final int NOSYS = 52;
  private static final int NOTSUP = 58;
  private static final int SPIPE = 70;

  /**
   * The streams are of unknown type rather than character devices, which C libraries take for
   * terminals and write to line by line.
   */
  private static final int FILETYPE_UNKNOWN = 0;

  private static final long RIGHT_READ = 1 << 1;
  private static final long RIGHT_WRITE = 1 << 6;

  /** Longest piece moved through the host's heap at once. */
  private static final int CHUNK_BYTES = 64 << 10;

  /** Functions that need a file, a directory or a socket, of which there are none. */
  private static final String[][] WITHOUT_FILES = {
    {"fd_advise", "iIIi"},
    {"fd_allocate", "iII"},
    {"fd_datasync", "i"},
    {"fd_fdstat_set_rights", "iII"},
    {"fd_filestat_set_size", "iI"},
    {"fd_filestat_set_times", "iIIi"},
    {"fd_pread", "iiiIi"},
    {"fd_prestat_get", "ii"},
    {"fd_prestat_dir_name", "iii"},
    {"fd_pwrite", "iiiIi"},
    {"fd_readdir", "iiiIi"},
    {"fd_renumber", "ii"},
    {"fd_sync", "i"},
    {"path_create_directory", "iii"},
    {"path_filestat_get", "iiiii"},
    {"path_filestat_set_times", "iiiiIIi"},
    {"path_link", "iiiiiii"},
    {"path_open", "iiiiiIIii"},
    {"path_readlink", "iiiiii"},
    {"path_remove_directory", "iii"},
    {"path_rename", "iiiiii"},
    {"path_symlink", "iiiii"},
    {"path_unlink_file", "iii"},
    {"sock_accept", "iii"},
    {"sock_recv", "iiiiii"},
    {"sock_send", "iiiii"},
    {"sock_shutdown", "ii"},
  };

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final Map<String, Function> FUNCTIONS = new HashMap<>();

  private record Function(Signature signature, HostFunction host) {}

  /** What a function does; answers an error number. */
  private interface Body {
    int call(SlotMemory memory, WasiContext wasi, long[] args);
  }

  static {
    define("args_get", "ii", (m, w, a) -> strings(m, w.args(), (int) a[0], (int) a[1]));
    define("args_sizes_get", "ii", (m, w, a) -> sizes(m, w.args(), (int) a[0], (int) a[1]));
    define("environ_get", "ii", (m, w, a) -> strings(m, w.env(), (int) a[0], (int) a[1]));
    define("environ_sizes_get", "ii", (m, w, a) -> sizes(m, w.env(), (int) a[0], (int) a[1]));
    define("clock_res_get", "ii", Wasi::clockResolution);
    define("clock_time_get", "iIi", Wasi::clockTime);
    define("fd_close", "i", Wasi::close);
    define("fd_fdstat_get", "ii", Wasi::status);
    define("fd_fdstat_set_flags", "ii", (m, w, a) -> w.isOpen((int) a[0]) ? SUCCESS : BADF);
    define("fd_filestat_get", "ii", Wasi::fileStatus);
    define("fd_read", "iiii", Wasi::read);
    define("fd_write", "iiii", Wasi::write);
    define("fd_seek", "iIii", (m, w, a) -> w.isOpen((int) a[0]) ? SPIPE : BADF);
    define("fd_tell", "ii", (m, w, a) -> w.isOpen((int) a[0]) ? SPIPE : BADF);
    define("random_get", "ii", Wasi::random);
    define("sched_yield", "", (m, w, a) -> SUCCESS);
    define("poll_oneoff", "iiii", (m, w, a) -> NOTSUP);
    define("proc_raise", "i", (m, w, a) -> NOSYS);
    defineExit();
    for (String[] function : WITHOUT_FILES) {
      define(function[0], function[1], (m, w, a) -> BADF);
    }
  }

  private Wasi() {}

  private static void define(String name, String parameters, Body body) {
    List<ValueKind> params = new ArrayList<>();
    for (int i = 0; i < parameters.length(); i++) {
      params.add(parameters.charAt(i) == 'I' ? I64 : I32);
    }
    Signature signature = new Signature(params, List.of(I32));
    HostFunction host =
        new HostFunction(
            MODULE,
            name,
            FunctionType.of(types(params), List.of(ValType.I32)),
            (instance, args) -> {
              SlotMemory memory = (SlotMemory) instance.memory();
              WasiContext wasi = contextOf(memory, name);
              try {
                return new long[] {body.call(memory, wasi, args)};
              } catch (WasmRuntimeException e) {
                // A pointer or a length outside the guest's memory.
                return new long[] {FAULT};
              }
            });
    FUNCTIONS.put(name, new Function(signature, host));
  }

  private static void defineExit() {
    HostFunction host =
        new HostFunction(
            MODULE,
            "proc_exit",
            FunctionType.of(List.of(ValType.I32), List.of()),
            (instance, args) -> {
              var _ = contextOf((SlotMemory) instance.memory(), "proc_exit");
              throw new GuestExitException((int) args[0]);
            });
    FUNCTIONS.put("proc_exit", new Function(new Signature(List.of(I32), List.of()), host));
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

  // ── Clocks and randomness ─────────────────────────────────────────────────────────────────

  private static int clockResolution(SlotMemory memory, WasiContext wasi, long[] args) {
    if (args[0] < 0 || args[0] > 3) {
      return INVAL;
    }
    memory.writeLong((int) args[1], args[0] == 0 ? 1_000 : 1);
    return SUCCESS;
  }

  private static int clockTime(SlotMemory memory, WasiContext wasi, long[] args) {
    switch ((int) args[0]) {
      case 0 -> {
        Instant now = Instant.now();
        memory.writeLong((int) args[2], now.getEpochSecond() * 1_000_000_000 + now.getNano());
      }
      case 1, 2, 3 -> memory.writeLong((int) args[2], System.nanoTime());
      default -> {
        return INVAL;
      }
    }
    return SUCCESS;
  }

  private static int random(SlotMemory memory, WasiContext wasi, long[] args) {
    long address = args[0] & 0xFFFF_FFFFL;
    long length = args[1] & 0xFFFF_FFFFL;
    if (address + length > memory.sizeBytes()) {
      return FAULT;
    }
    // A call takes microseconds and costs hardly any fuel: by fuel alone, a loop of single bytes
    // would be looked at every 40 ms.
    memory.look();
    byte[] chunk = new byte[(int) Math.min(length, CHUNK_BYTES)];
    for (long done = 0; done < length; done += chunk.length) {
      int count = (int) Math.min(chunk.length, length - done);
      memory.charge(count * (long) FuelCosts.HOST_BYTE);
      RANDOM.nextBytes(chunk);
      memory.write((int) (address + done), chunk, 0, count);
    }
    return SUCCESS;
  }

  // ── Standard streams ──────────────────────────────────────────────────────────────────────

  private static int close(SlotMemory memory, WasiContext wasi, long[] args) {
    int fd = (int) args[0];
    if (!wasi.isOpen(fd)) {
      return BADF;
    }
    wasi.close(fd);
    return SUCCESS;
  }

  /** {@code fdstat}: filetype u8 at 0, flags u16 at 2, rights u64 at 8 and 16; 24 bytes. */
  private static int status(SlotMemory memory, WasiContext wasi, long[] args) {
    int fd = (int) args[0];
    int at = (int) args[1];
    if (!wasi.isOpen(fd)) {
      return BADF;
    }
    memory.write(at, new byte[24]);
    memory.writeByte(at, (byte) FILETYPE_UNKNOWN);
    memory.writeLong(at + 8, fd == 0 ? RIGHT_READ : RIGHT_WRITE);
    return SUCCESS;
  }

  /** {@code filestat}: device, inode, filetype u8 at 16, links, size, times; 64 bytes. */
  private static int fileStatus(SlotMemory memory, WasiContext wasi, long[] args) {
    int at = (int) args[1];
    if (!wasi.isOpen((int) args[0])) {
      return BADF;
    }
    memory.write(at, new byte[64]);
    memory.writeByte(at + 16, (byte) FILETYPE_UNKNOWN);
    return SUCCESS;
  }

  private static int read(SlotMemory memory, WasiContext wasi, long[] args) {
    if ((int) args[0] != 0 || !wasi.isOpen(0)) {
      return BADF;
    }
    int vectors = vectors(memory, args);
    int total = 0;
    for (int i = 0; i < vectors; i++) {
      int vector = (int) args[1] + 8 * i;
      int pointer = memory.readInt(vector);
      long wanted = memory.readInt(vector + 4) & 0xFFFF_FFFFL;
      // Bounded by what there is to read: the guest's length allocates nothing.
      int count = (int) Math.min(wanted, wasi.stdin().length - wasi.stdinPosition());
      memory.charge(count * (long) FuelCosts.HOST_BYTE);
      memory.write(pointer, wasi.stdin(), wasi.stdinPosition(), count);
      wasi.consume(count);
      total += count;
      if (count < wanted) {
        break;
      }
    }
    memory.writeI32((int) args[3], total);
    return SUCCESS;
  }

  private static int write(SlotMemory memory, WasiContext wasi, long[] args) {
    int fd = (int) args[0];
    if ((fd != 1 && fd != 2) || !wasi.isOpen(fd)) {
      return BADF;
    }
    int vectors = vectors(memory, args);
    int total = 0;
    for (int i = 0; i < vectors; i++) {
      int vector = (int) args[1] + 8 * i;
      int pointer = memory.readInt(vector);
      int length = memory.readInt(vector + 4);
      long count = length & 0xFFFF_FFFFL;
      if (fd == 1 && count > wasi.room()) {
        if (total == 0) {
          return NOSPC;
        }
        break;
      }
      memory.charge(count * FuelCosts.HOST_BYTE);
      if (fd == 1) {
        wasi.writeOut(memory.readBytes(pointer, length));
      } else {
        writeError(memory, wasi, pointer, count);
      }
      total += length;
    }
    memory.writeI32((int) args[3], total);
    return SUCCESS;
  }

  private static void writeError(SlotMemory memory, WasiContext wasi, int pointer, long count) {
    if ((pointer & 0xFFFF_FFFFL) + count > memory.sizeBytes()) {
      throw new WasmRuntimeException("out of bounds memory access");
    }
    wasi.writeError(memory.readBytes(pointer, (int) Math.min(count, CHUNK_BYTES)));
  }

  /** Number of vectors, all of which lie within the memory; each costs one. */
  private static int vectors(SlotMemory memory, long[] args) {
    long count = args[2] & 0xFFFF_FFFFL;
    if ((args[1] & 0xFFFF_FFFFL) + 8 * count > memory.sizeBytes()) {
      throw new WasmRuntimeException("out of bounds memory access");
    }
    memory.charge(count);
    return (int) count;
  }
}
