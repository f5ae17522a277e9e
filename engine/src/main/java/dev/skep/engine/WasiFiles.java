package dev.skep.engine;

import static dev.skep.engine.WasiErrno.SUCCESS;
import static dev.skep.engine.WasiVectors.unsigned;

import dev.skep.engine.WasiNode.Directory;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.WasiGrant;
import dev.skep.pool.SlotMemory;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Functions of open descriptors: {@code fd_*}. */
final class WasiFiles {
  private static final int FDSTAT_BYTES = 24;
  private static final int FILESTAT_BYTES = 64;
  private static final int PRESTAT_BYTES = 8;
  private static final int DIRENT_BYTES = 24;

  /** Of the input, what is moved between two looks at the clock: it may have a gigabyte. */
  private static final int INPUT_PIECE_BYTES = 1 << 20;

  /** Advice of the witx, 0 to 5. */
  private static final int MOST_ADVICE = 5;

  private WasiFiles() {}

  /** The open file, or why it is none. */
  private static WasiNode.File file(WasiDescriptor descriptor, int ifStream, int ifDirectory) {
    return switch (descriptor.node) {
      case null -> throw new WasiError(ifStream);
      case Directory _ -> throw new WasiError(ifDirectory);
      case WasiNode.File file -> file;
    };
  }

  /** A file that can be changed: only such have the right to be. */
  private static ScratchFile writable(WasiDescriptor descriptor, int ifStream, long right) {
    WasiNode.File file = file(descriptor, ifStream, WasiErrno.BADF);
    descriptor.require(right);
    if (file instanceof ScratchFile scratch) {
      return scratch;
    }
    throw new WasiError(WasiErrno.NOTCAPABLE);
  }

  private static void charge(SlotMemory memory, long bytes) {
    memory.charge(bytes * FuelCosts.HOST_BYTE);
  }

  // ── What is open ──────────────────────────────────────────────────────────────────────────

  static int close(SlotMemory memory, WasiContext wasi, long[] args) {
    wasi.descriptors().close((int) args[0]);
    return SUCCESS;
  }

  static int renumber(SlotMemory memory, WasiContext wasi, long[] args) {
    wasi.descriptors().renumber((int) args[0], (int) args[1]);
    return SUCCESS;
  }

  /** {@code fdstat}: filetype u8 at 0, flags u16 at 2, rights u64 at 8 and 16. */
  static int status(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    int at = (int) args[1];
    charge(memory, FDSTAT_BYTES);
    memory.write(at, new byte[FDSTAT_BYTES]);
    memory.writeByte(at, (byte) type(descriptor));
    memory.writeShort(at + 2, (short) descriptor.flags);
    memory.writeLong(at + 8, descriptor.rights);
    memory.writeLong(at + 16, descriptor.inheriting);
    return SUCCESS;
  }

  /**
   * The streams are of unknown type rather than character devices, which C libraries take for
   * terminals and write to line by line.
   */
  private static int type(WasiDescriptor descriptor) {
    return descriptor.node == null ? WasiNode.UNKNOWN_TYPE : WasiNode.type(descriptor.node);
  }

  static int setFlags(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    long flags = unsigned(args[1]);
    if (flags > WasiDescriptor.FLAGS) {
      return WasiErrno.INVAL;
    }
    if (descriptor.node != null) {
      descriptor.require(WasiRights.FD_FDSTAT_SET_FLAGS);
      descriptor.flags = (int) flags;
    }
    return SUCCESS;
  }

  static int setRights(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    descriptor.require(args[1]);
    if ((descriptor.inheriting & args[2]) != args[2]) {
      return WasiErrno.NOTCAPABLE;
    }
    descriptor.rights = args[1];
    descriptor.inheriting = args[2];
    return SUCCESS;
  }

  static int fileStatus(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    WasiNode node = descriptor.node;
    if (node == null) {
      charge(memory, FILESTAT_BYTES);
      memory.write((int) args[1], new byte[FILESTAT_BYTES]);
      return SUCCESS;
    }
    descriptor.require(WasiRights.FD_FILESTAT_GET);
    writeStatus(memory, (int) args[1], node);
    return SUCCESS;
  }

  /**
   * {@code filestat}: device u64 at 0, inode u64 at 8, filetype u8 at 16, links u64 at 24, size u64
   * at 32, then three times, which are 0: when a file was uploaded is nothing that a run needs.
   */
  static void writeStatus(SlotMemory memory, int at, WasiNode node) {
    charge(memory, FILESTAT_BYTES);
    memory.write(at, new byte[FILESTAT_BYTES]);
    memory.writeLong(at, node.device());
    memory.writeLong(at + 8, node.inode());
    memory.writeByte(at + 16, (byte) WasiNode.type(node));
    memory.writeLong(at + 24, 1);
    memory.writeLong(at + 32, node instanceof WasiNode.File file ? file.size() : 0);
  }

  // ── Preopened directories ─────────────────────────────────────────────────────────────────

  private static byte[] preopen(WasiContext wasi, long fd, String function) {
    WasiDescriptor descriptor;
    try {
      descriptor = wasi.descriptors().get((int) fd);
    } catch (WasiError e) {
      // A guest looks for directories from 3 on, until there is none.
      if (unsigned(fd) == 3) {
        wasi.missed(WasiGrant.TREE, function);
        wasi.missed(WasiGrant.SCRATCH, function);
      }
      throw e;
    }
    if (descriptor.preopen == null) {
      throw new WasiError(WasiErrno.BADF);
    }
    return descriptor.preopen.getBytes(StandardCharsets.UTF_8);
  }

  /** {@code prestat}: tag u8 at 0, which is 0 for a directory, the length of its name at 4. */
  static int preopenStatus(SlotMemory memory, WasiContext wasi, long[] args) {
    byte[] name = preopen(wasi, args[0], "fd_prestat_get");
    charge(memory, PRESTAT_BYTES);
    memory.writeLong((int) args[1], (long) name.length << 32);
    return SUCCESS;
  }

  static int preopenName(SlotMemory memory, WasiContext wasi, long[] args) {
    byte[] name = preopen(wasi, args[0], "fd_prestat_dir_name");
    if (unsigned(args[2]) < name.length) {
      return WasiErrno.NAMETOOLONG;
    }
    charge(memory, name.length);
    memory.write((int) args[1], name);
    return SUCCESS;
  }

  // ── Reading and writing ───────────────────────────────────────────────────────────────────

  static int read(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    if (descriptor.node == null) {
      if (descriptor.stream != 0) {
        return WasiErrno.BADF;
      }
      descriptor.require(WasiRights.FD_READ);
      return WasiVectors.each(
          memory, args[1], args[2], args[3], false, (to, count) -> input(memory, wasi, to, count));
    }
    WasiNode.File file = file(descriptor, WasiErrno.BADF, WasiErrno.ISDIR);
    descriptor.require(WasiRights.FD_READ);
    return WasiVectors.each(
        memory,
        args[1],
        args[2],
        args[3],
        false,
        (to, count) -> {
          long moved = readAt(memory, file, to, descriptor.position, count);
          descriptor.position += moved;
          return moved;
        });
  }

  /** Bounded by what there is to read: the guest's length allocates nothing. */
  private static long input(SlotMemory memory, WasiContext wasi, int to, long wanted) {
    int count = (int) Math.min(wanted, wasi.stdin().length - wasi.stdinPosition());
    WasiVectors.checkRange(memory, to, count);
    charge(memory, count);
    for (int done = 0; done < count; done += INPUT_PIECE_BYTES) {
      if (done > 0) {
        memory.look();
      }
      int piece = Math.min(INPUT_PIECE_BYTES, count - done);
      memory.write(to + done, wasi.stdin(), wasi.stdinPosition(), piece);
      wasi.consume(piece);
    }
    return count;
  }

  private static long readAt(SlotMemory memory, WasiNode.File file, int to, long at, long wanted) {
    int count = (int) Math.clamp(file.size() - at, 0, wanted);
    WasiVectors.checkRange(memory, to, count);
    charge(memory, count);
    if (count > 0) {
      file.read(memory, to, at, count);
    }
    return count;
  }

  /** An offset of the witx is unsigned; none of ours is near 2^63. */
  private static long offset(long value, int ifHuge) {
    if (value < 0) {
      throw new WasiError(ifHuge);
    }
    return value;
  }

  static int readAt(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    WasiNode.File file = file(descriptor, WasiErrno.SPIPE, WasiErrno.ISDIR);
    descriptor.require(WasiRights.FD_READ | WasiRights.FD_SEEK);
    long[] at = {offset(args[3], WasiErrno.INVAL)};
    return WasiVectors.each(
        memory,
        args[1],
        args[2],
        args[4],
        false,
        (to, count) -> {
          long moved = readAt(memory, file, to, at[0], count);
          at[0] += moved;
          return moved;
        });
  }

  static int write(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    if (descriptor.node == null) {
      if (descriptor.stream != 0) {
        descriptor.require(WasiRights.FD_WRITE);
      }
      return switch (descriptor.stream) {
        case 1 ->
            WasiVectors.each(
                memory,
                args[1],
                args[2],
                args[3],
                false,
                (from, count) -> output(memory, wasi, from, count));
        case 2 ->
            WasiVectors.each(
                memory,
                args[1],
                args[2],
                args[3],
                true,
                (from, count) -> error(memory, wasi, from, count));
        default -> WasiErrno.BADF;
      };
    }
    ScratchFile file = writing(wasi, descriptor, WasiRights.FD_WRITE, "fd_write", WasiErrno.BADF);
    return WasiVectors.each(
        memory,
        args[1],
        args[2],
        args[3],
        true,
        (from, count) -> {
          boolean append = (descriptor.flags & WasiDescriptor.APPEND) != 0;
          long at = append ? file.size() : descriptor.position;
          long moved = writeAt(memory, file, from, at, count);
          descriptor.position = at + moved;
          return moved;
        });
  }

  private static ScratchFile writing(
      WasiContext wasi, WasiDescriptor descriptor, long rights, String function, int ifStream) {
    file(descriptor, ifStream, WasiErrno.ISDIR);
    if (descriptor.node instanceof WasiTree.TreeFile) {
      wasi.missed(WasiGrant.SCRATCH, function);
    }
    return writable(descriptor, ifStream, rights);
  }

  private static long writeAt(SlotMemory memory, ScratchFile file, int from, long at, long count) {
    long moved = file.write(memory, from, at, count);
    if (moved == 0 && count > 0) {
      throw new WasiError(WasiErrno.NOSPC);
    }
    return moved;
  }

  private static long output(SlotMemory memory, WasiContext wasi, int from, long count) {
    if (count > wasi.room()) {
      throw new WasiError(WasiErrno.NOSPC);
    }
    charge(memory, count);
    wasi.writeOut(memory.readBytes(from, (int) count));
    return count;
  }

  private static long error(SlotMemory memory, WasiContext wasi, int from, long count) {
    charge(memory, count);
    int kept = (int) Math.min(count, wasi.errorRoom());
    if (kept > 0) {
      wasi.writeError(memory.readBytes(from, kept));
    }
    return count;
  }

  static int writeAt(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    ScratchFile file =
        writing(
            wasi,
            descriptor,
            WasiRights.FD_WRITE | WasiRights.FD_SEEK,
            "fd_pwrite",
            WasiErrno.SPIPE);
    long[] at = {offset(args[3], WasiErrno.FBIG)};
    return WasiVectors.each(
        memory,
        args[1],
        args[2],
        args[4],
        true,
        (from, count) -> {
          long moved = writeAt(memory, file, from, at[0], count);
          at[0] += moved;
          return moved;
        });
  }

  // ── Position and size ─────────────────────────────────────────────────────────────────────

  static int seek(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    WasiNode.File file = file(descriptor, WasiErrno.SPIPE, WasiErrno.BADF);
    descriptor.require(WasiRights.FD_SEEK);
    long from;
    switch ((int) args[2]) {
      case 0 -> from = 0;
      case 1 -> from = descriptor.position;
      case 2 -> from = file.size();
      default -> {
        return WasiErrno.INVAL;
      }
    }
    long to = from + args[1];
    // Both operands of the one sign, the sum of the other: it has overflown.
    if (to < 0 || (args[1] > 0 && to < from)) {
      return WasiErrno.INVAL;
    }
    memory.writeLong((int) args[3], to);
    descriptor.position = to;
    return SUCCESS;
  }

  static int tell(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    var _ = file(descriptor, WasiErrno.SPIPE, WasiErrno.BADF);
    descriptor.require(WasiRights.FD_TELL);
    memory.writeLong((int) args[1], descriptor.position);
    return SUCCESS;
  }

  static int advise(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    var _ = file(descriptor, WasiErrno.SPIPE, WasiErrno.BADF);
    descriptor.require(WasiRights.FD_ADVISE);
    boolean valid = args[1] >= 0 && args[2] >= 0 && unsigned(args[3]) <= MOST_ADVICE;
    return valid ? SUCCESS : WasiErrno.INVAL;
  }

  static int allocate(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    ScratchFile file = writable(descriptor, WasiErrno.NODEV, WasiRights.FD_ALLOCATE);
    long at = offset(args[1], WasiErrno.FBIG);
    long length = offset(args[2], WasiErrno.FBIG);
    if (length == 0) {
      return WasiErrno.INVAL;
    }
    file.allocate(memory, at, offset(at + length, WasiErrno.FBIG));
    return SUCCESS;
  }

  static int setSize(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    ScratchFile file = writable(descriptor, WasiErrno.INVAL, WasiRights.FD_FILESTAT_SET_SIZE);
    file.resize(memory, offset(args[1], WasiErrno.FBIG));
    return SUCCESS;
  }

  /** There is nothing behind a file that it could be brought to. */
  static int sync(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    if (descriptor.node == null) {
      return WasiErrno.INVAL;
    }
    descriptor.require(WasiRights.FD_SYNC);
    return SUCCESS;
  }

  /** Times are always 0. */
  static int setTimes(SlotMemory memory, WasiContext wasi, long[] args) {
    var _ = wasi.descriptors().get((int) args[0]);
    return WasiErrno.NOTSUP;
  }

  // ── Directories ───────────────────────────────────────────────────────────────────────────

  /**
   * {@code dirent}: the next cookie u64 at 0, inode u64 at 8, length of the name u32 at 16, type u8
   * at 20, 24 bytes, then the name. Cookies 0 and 1 are those of {@code .} and {@code ..}, then
   * come the entries' positions. The last entry may be cut; an unfilled buffer means the end.
   */
  static int readDirectory(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) args[0]);
    if (!(descriptor.node instanceof Directory directory)) {
      return WasiErrno.NOTDIR;
    }
    descriptor.require(WasiRights.FD_READDIR);
    long room = unsigned(args[2]);
    WasiVectors.checkRange(memory, args[1], room);
    WasiVectors.checkRange(memory, args[4], 4);
    long cookie = offset(args[3], WasiErrno.INVAL);
    long used = 0;
    while (used < room) {
      WasiNode.Entry entry = entry(directory, cookie);
      if (entry == null) {
        break;
      }
      cookie = entry.position() + 1;
      byte[] name = entry.name().getBytes(StandardCharsets.UTF_8);
      byte[] bytes = new byte[DIRENT_BYTES + name.length];
      putLong(bytes, 0, cookie);
      putLong(bytes, 8, entry.node().inode());
      bytes[16] = (byte) name.length;
      bytes[20] = (byte) WasiNode.type(entry.node());
      System.arraycopy(name, 0, bytes, DIRENT_BYTES, name.length);
      int count = (int) Math.min(bytes.length, room - used);
      // One more, so that an entry which is asked for again and again by a byte is not free.
      charge(memory, count + 1);
      memory.write((int) (args[1] + used), bytes, 0, count);
      used += count;
    }
    memory.writeI32((int) args[4], (int) used);
    return SUCCESS;
  }

  private static WasiNode.@Nullable Entry entry(Directory directory, long cookie) {
    if (cookie < 2) {
      // The directory above is not shown: its number would be nobody's business.
      return new WasiNode.Entry(cookie, cookie == 0 ? "." : "..", directory);
    }
    WasiNode.Entry entry = directory.entry(cookie - 2);
    return entry == null
        ? null
        : new WasiNode.Entry(entry.position() + 2, entry.name(), entry.node());
  }

  private static void putLong(byte[] bytes, int at, long value) {
    for (int i = 0; i < 8; i++) {
      bytes[at + i] = (byte) (value >>> (8 * i));
    }
  }
}
