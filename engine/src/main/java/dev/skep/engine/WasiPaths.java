package dev.skep.engine;

import static dev.skep.engine.WasiErrno.SUCCESS;
import static dev.skep.engine.WasiVectors.unsigned;

import dev.skep.engine.WasiNode.Directory;
import dev.skep.engine.WasiPath.Place;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.WasiGrant;
import dev.skep.pool.SlotMemory;

/** Functions of paths below an open directory: {@code path_*}. */
final class WasiPaths {
  private static final int CREATE = 1;
  private static final int ONLY_DIRECTORY = 2;
  private static final int EXCLUSIVE = 4;
  private static final int TRUNCATE = 8;

  private WasiPaths() {}

  /** The open directory, with the right to do this below it. */
  private static WasiDescriptor directory(WasiContext wasi, long fd, long right, String function) {
    WasiDescriptor descriptor = wasi.descriptors().get((int) fd);
    if (!(descriptor.node instanceof Directory)) {
      throw new WasiError(WasiErrno.NOTDIR);
    }
    if (descriptor.node instanceof WasiTree.TreeDirectory
        && (right & ~WasiRights.READ_DIRECTORY) != 0) {
      wasi.missed(WasiGrant.SCRATCH, function);
    }
    descriptor.require(right);
    return descriptor;
  }

  /** Follows the path at an address; each byte is paid for before it is read. */
  private static Place place(SlotMemory memory, WasiDescriptor from, long pointer, long length) {
    long bytes = unsigned(length);
    WasiVectors.checkRange(memory, pointer, bytes);
    if (bytes > WasiPath.MOST_BYTES) {
      throw new WasiError(WasiErrno.NAMETOOLONG);
    }
    memory.charge(bytes * FuelCosts.HOST_COMPUTED_BYTE);
    if (!(from.node instanceof Directory base)) {
      throw new WasiError(WasiErrno.NOTDIR);
    }
    return WasiPath.resolve(base, memory.readBytes((int) pointer, (int) bytes));
  }

  /** A directory that can be changed: only such have the right to be. */
  private static ScratchDirectory writable(Directory directory) {
    if (directory instanceof ScratchDirectory scratch) {
      return scratch;
    }
    throw new WasiError(WasiErrno.NOTCAPABLE);
  }

  /** The last name of a path that has to have one. */
  private static String name(Place place, int ifNone) {
    if (place.name() == null) {
      throw new WasiError(ifNone);
    }
    return place.name();
  }

  // ── Opening ───────────────────────────────────────────────────────────────────────────────

  /**
   * Opens, and makes if asked.
   *
   * <p>Rights that are asked for beyond what the directory passes on are left out rather than
   * refused, as Wasmtime does: Rust's standard library asks for all of them each time. But who asks
   * to write and may not is told so here and not at the first write.
   */
  static int open(SlotMemory memory, WasiContext wasi, long[] args) {
    long flags = unsigned(args[4]);
    long fdFlags = unsigned(args[7]);
    if (unsigned(args[1]) > 1 || flags > 15 || fdFlags > WasiDescriptor.FLAGS) {
      return WasiErrno.INVAL;
    }
    boolean create = (flags & CREATE) != 0;
    boolean onlyDirectory = (flags & ONLY_DIRECTORY) != 0;
    boolean truncate = (flags & TRUNCATE) != 0;
    long right = WasiRights.PATH_OPEN;
    right |= create ? WasiRights.PATH_CREATE_FILE : 0;
    right |= truncate ? WasiRights.PATH_FILESTAT_SET_SIZE : 0;
    WasiDescriptor from = directory(wasi, args[0], right, "path_open");
    boolean toWrite = !onlyDirectory && (args[5] & WasiRights.FD_WRITE) != 0;
    if (toWrite && (from.inheriting & WasiRights.FD_WRITE) == 0) {
      wasi.missed(WasiGrant.SCRATCH, "path_open");
      return WasiErrno.NOTCAPABLE;
    }
    if (create && onlyDirectory) {
      return WasiErrno.INVAL;
    }
    WasiVectors.checkRange(memory, args[8], 4);
    wasi.descriptors().checkRoom();
    Place place = place(memory, from, args[2], args[3]);
    WasiNode node = place.node();
    if (node == null) {
      if (!create) {
        return WasiErrno.NOENT;
      }
      if (place.slash()) {
        return WasiErrno.ISDIR;
      }
      node = writable(place.parent()).createFile(name(place, WasiErrno.ISDIR));
    } else if (create && (flags & EXCLUSIVE) != 0) {
      return WasiErrno.EXIST;
    } else if (node instanceof Directory) {
      if (create || truncate || toWrite) {
        return WasiErrno.ISDIR;
      }
    } else if (onlyDirectory) {
      return WasiErrno.NOTDIR;
    } else if (truncate) {
      if (!(node instanceof ScratchFile file)) {
        return WasiErrno.NOTCAPABLE;
      }
      file.resize(memory, 0);
    }
    long most = node instanceof Directory ? WasiRights.WRITE_DIRECTORY : WasiRights.WRITE_FILE;
    long inherits = node instanceof Directory ? args[6] & from.inheriting : 0;
    int opened =
        wasi.descriptors()
            .add(
                WasiDescriptor.opened(
                    node, args[5] & from.inheriting & most, inherits, (int) fdFlags));
    memory.writeI32((int) args[8], opened);
    return SUCCESS;
  }

  static int status(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor from =
        directory(wasi, args[0], WasiRights.PATH_FILESTAT_GET, "path_filestat_get");
    if (unsigned(args[1]) > 1) {
      return WasiErrno.INVAL;
    }
    Place place = place(memory, from, args[2], args[3]);
    WasiFiles.writeStatus(memory, (int) args[4], place.existing());
    return SUCCESS;
  }

  // ── Making and removing ───────────────────────────────────────────────────────────────────

  static int createDirectory(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor from =
        directory(wasi, args[0], WasiRights.PATH_CREATE_DIRECTORY, "path_create_directory");
    Place place = place(memory, from, args[1], args[2]);
    if (place.node() != null) {
      return WasiErrno.EXIST;
    }
    writable(place.parent()).createDirectory(name(place, WasiErrno.EXIST));
    return SUCCESS;
  }

  static int removeDirectory(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor from =
        directory(wasi, args[0], WasiRights.PATH_REMOVE_DIRECTORY, "path_remove_directory");
    Place place = place(memory, from, args[1], args[2]);
    String name = name(place, WasiErrno.INVAL);
    if (!(place.existing() instanceof ScratchDirectory directory)) {
      return WasiErrno.NOTDIR;
    }
    if (!directory.isEmpty()) {
      return WasiErrno.NOTEMPTY;
    }
    writable(place.parent()).remove(name);
    return SUCCESS;
  }

  static int unlink(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor from = directory(wasi, args[0], WasiRights.PATH_UNLINK_FILE, "path_unlink_file");
    Place place = place(memory, from, args[1], args[2]);
    if (place.existing() instanceof Directory) {
      return WasiErrno.ISDIR;
    }
    writable(place.parent()).remove(name(place, WasiErrno.ISDIR));
    return SUCCESS;
  }

  static int rename(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor from = directory(wasi, args[0], WasiRights.PATH_RENAME_SOURCE, "path_rename");
    WasiDescriptor to = directory(wasi, args[3], WasiRights.PATH_RENAME_TARGET, "path_rename");
    Place source = place(memory, from, args[1], args[2]);
    Place target = place(memory, to, args[4], args[5]);
    String name = name(source, WasiErrno.INVAL);
    String newName = name(target, WasiErrno.INVAL);
    WasiNode moved = source.existing();
    ScratchDirectory sourceParent = writable(source.parent());
    ScratchDirectory targetParent = writable(target.parent());
    WasiNode replaced = target.node();
    if (moved.inode() == (replaced == null ? 0 : replaced.inode())) {
      return SUCCESS;
    }
    if (moved instanceof Directory) {
      // A directory cannot be moved below itself; each step up costs one.
      for (ScratchDirectory at = targetParent; at != null; at = at.parent()) {
        memory.charge(1);
        if (at.inode() == moved.inode()) {
          return WasiErrno.INVAL;
        }
      }
    } else if (target.slash()) {
      return WasiErrno.NOTDIR;
    }
    // Before anything is removed.
    targetParent.checkPresent();
    if (replaced != null) {
      checkReplaceable(replaced, moved);
      targetParent.remove(newName);
    }
    sourceParent.move(name, targetParent, newName);
    return SUCCESS;
  }

  /** A file takes the place of a file, a directory that of an empty one. */
  private static void checkReplaceable(WasiNode replaced, WasiNode moved) {
    boolean toDirectory = replaced instanceof Directory;
    if (toDirectory != moved instanceof Directory) {
      throw new WasiError(toDirectory ? WasiErrno.ISDIR : WasiErrno.NOTDIR);
    }
    if (replaced instanceof ScratchDirectory directory && !directory.isEmpty()) {
      throw new WasiError(WasiErrno.NOTEMPTY);
    }
  }

  // ── Links, of which there are none ────────────────────────────────────────────────────────

  /** No file is a symbolic link. */
  static int readLink(SlotMemory memory, WasiContext wasi, long[] args) {
    WasiDescriptor from = directory(wasi, args[0], WasiRights.PATH_READLINK, "path_readlink");
    var _ = place(memory, from, args[1], args[2]).existing();
    return WasiErrno.INVAL;
  }

  /** No descriptor has the right, so that no tree can get a way out. */
  static int link(SlotMemory memory, WasiContext wasi, long[] args) {
    var _ = wasi.descriptors().get((int) args[0]);
    var _ = wasi.descriptors().get((int) args[4]);
    return WasiErrno.NOTCAPABLE;
  }

  /** As {@link #link}. */
  static int symbolicLink(SlotMemory memory, WasiContext wasi, long[] args) {
    var _ = wasi.descriptors().get((int) args[2]);
    return WasiErrno.NOTCAPABLE;
  }

  /** Times are always 0. */
  static int setTimes(SlotMemory memory, WasiContext wasi, long[] args) {
    var _ = wasi.descriptors().get((int) args[0]);
    return WasiErrno.NOTSUP;
  }
}
