package dev.skep.engine;

import dev.skep.pool.SlotMemory;
import org.jspecify.annotations.Nullable;

/**
 * A file or a directory of a tree, as WASI's functions see it. There are no links: a tree is a tree
 * and no path in it leads anywhere else.
 */
sealed interface WasiNode {
  int UNKNOWN_TYPE = 0;
  int DIRECTORY_TYPE = 3;
  int FILE_TYPE = 4;

  /** Number of the tree, which the guest sees as a device. */
  long device();

  /** Unique within the tree. */
  long inode();

  /** A file: bytes. */
  sealed interface File extends WasiNode permits WasiTree.TreeFile, ScratchFile {
    long size();

    /**
     * Copies bytes to the guest, which has paid for them.
     *
     * @param at position, of which {@code count} more bytes are within the size
     */
    void read(SlotMemory memory, int pointer, long at, int count);
  }

  /** A directory: names of files and directories. */
  sealed interface Directory extends WasiNode permits WasiTree.TreeDirectory, ScratchDirectory {
    /** What is at this name, or null. Logarithmic in the number of entries. */
    @Nullable WasiNode child(String name);

    /** The first entry at a position or behind it, or null. Logarithmic. */
    @Nullable Entry entry(long from);
  }

  /**
   * An entry of a directory.
   *
   * @param position stays with it as long as it is there, 0 or more, ascending
   * @param name of at most 255 bytes of UTF-8
   * @param node what is there
   */
  record Entry(long position, String name, WasiNode node) {}

  /** The type as the witx numbers it. */
  static int type(WasiNode node) {
    return switch (node) {
      case File _ -> FILE_TYPE;
      case Directory _ -> DIRECTORY_TYPE;
    };
  }
}
