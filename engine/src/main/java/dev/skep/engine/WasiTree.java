package dev.skep.engine;

import dev.skep.pool.SlotMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A read-only tree of files in memory, shared by every run of a function. Immutable and
 * thread-safe: nothing in it can be changed by whoever has got hold of a node.
 */
public final class WasiTree {
  /** A tree without anything. */
  public static final WasiTree EMPTY = new Builder().build();

  /** Heap that an entry takes besides its name and contents, about. */
  private static final int ENTRY_BYTES = 128;

  private static final long DEVICE = 1;

  private final TreeDirectory root;
  private final List<Listed> list;
  private final long bytes;
  private final long heapBytes;

  private WasiTree(TreeDirectory root, List<Listed> list) {
    this.root = root;
    this.list = List.copyOf(list);
    long contents = 0;
    long heap = ENTRY_BYTES;
    for (Listed entry : list) {
      contents += entry.bytes();
      heap += entry.bytes() + 4L * entry.path().length() + ENTRY_BYTES;
    }
    this.bytes = contents;
    this.heapBytes = heap;
  }

  /**
   * An entry of the tree.
   *
   * @param path from the root, without a slash before or behind it
   * @param directory whether it is one, else it is a file
   * @param bytes of the file, 0 for a directory
   */
  public record Listed(String path, boolean directory, long bytes) {}

  /** Files and directories, each directory before what is in it, in the order of names. */
  public List<Listed> list() {
    return list;
  }

  /** Bytes of all files. */
  public long bytes() {
    return bytes;
  }

  /** Heap that it takes, about, for whoever keeps trees. */
  public long heapBytes() {
    return heapBytes;
  }

  TreeDirectory root() {
    return root;
  }

  /** A file of a tree. */
  static final class TreeFile implements WasiNode.File {
    private final long inode;
    private final byte[] contents;

    private TreeFile(long inode, byte[] contents) {
      this.inode = inode;
      this.contents = contents;
    }

    @Override
    public long device() {
      return DEVICE;
    }

    @Override
    public long inode() {
      return inode;
    }

    @Override
    public long size() {
      return contents.length;
    }

    @Override
    public void read(SlotMemory memory, int pointer, long at, int count) {
      memory.write(pointer, contents, Math.toIntExact(at), count);
    }
  }

  /** A directory of a tree: names in their order, and what is there. */
  static final class TreeDirectory implements WasiNode.Directory {
    private final long inode;
    private final String[] names;
    private final WasiNode[] nodes;

    private TreeDirectory(long inode, Map<String, WasiNode> sorted) {
      this.inode = inode;
      this.names = sorted.keySet().toArray(String[]::new);
      this.nodes = sorted.values().toArray(WasiNode[]::new);
    }

    @Override
    public long device() {
      return DEVICE;
    }

    @Override
    public long inode() {
      return inode;
    }

    @Override
    public @Nullable WasiNode child(String name) {
      // Not a hash: the tenant chooses the names, and could choose such as collide.
      int at = Arrays.binarySearch(names, name);
      return at < 0 ? null : nodes[at];
    }

    @Override
    public @Nullable Entry entry(long from) {
      if (from >= names.length) {
        return null;
      }
      int at = (int) from;
      return new Entry(at, names[at], nodes[at]);
    }
  }

  /** Makes a tree. Names and bounds are its caller's to check, but for what cannot be a tree. */
  static final class Builder {
    private final Draft root = new Draft();
    private long inodes;
    private int entries;

    /** A directory under construction. */
    private static final class Draft {
      final TreeMap<String, Object> children = new TreeMap<>();

      /** Whether the archive names it, rather than only what is in it. */
      boolean named;
    }

    /**
     * Adds a file.
     *
     * @param path names, none of them empty
     * @param contents kept, and not to be changed any more
     * @return whether it could be: not if there is something, or if a file is on its way
     */
    boolean addFile(List<String> path, byte[] contents) {
      Draft parent = directory(path.subList(0, path.size() - 1));
      if (parent == null || parent.children.putIfAbsent(path.getLast(), contents) != null) {
        return false;
      }
      entries++;
      return true;
    }

    /** Adds a directory; whether it could be. */
    boolean addDirectory(List<String> path) {
      Draft draft = directory(path);
      if (draft == null || draft.named) {
        return false;
      }
      draft.named = true;
      return true;
    }

    private @Nullable Draft directory(List<String> path) {
      Draft here = root;
      for (String name : path) {
        Object child = here.children.get(name);
        if (child == null) {
          child = new Draft();
          here.children.put(name, child);
          entries++;
        }
        if (!(child instanceof Draft next)) {
          return null;
        }
        here = next;
      }
      return here;
    }

    /** Files and directories so far. */
    int entries() {
      return entries;
    }

    WasiTree build() {
      List<Listed> list = new ArrayList<>();
      return new WasiTree(build(root, "", list), Collections.unmodifiableList(list));
    }

    /** Recursive: as deep as the tree, whose depth is bounded. */
    private TreeDirectory build(Draft draft, String path, List<Listed> list) {
      long inode = ++inodes;
      TreeMap<String, WasiNode> nodes = new TreeMap<>();
      draft.children.forEach((name, child) -> {
        String at = path + name;
        if (child instanceof Draft directory) {
          list.add(new Listed(at, true, 0));
          nodes.put(name, build(directory, at + "/", list));
        } else {
          byte[] contents = (byte[]) child;
          list.add(new Listed(at, false, contents.length));
          nodes.put(name, new TreeFile(++inodes, contents));
        }
      });
      return new TreeDirectory(inode, nodes);
    }
  }
}
