package dev.skep.engine;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A directory of a scratch tree. An entry keeps its position, by which it is listed, until it is
 * removed; so a guest that removes what it lists misses nothing.
 */
final class ScratchDirectory implements WasiNode.Directory {
  private final ScratchTree tree;
  private final long inode;

  // Trees rather than hashes: the guest chooses the names, and could choose such as collide.
  private final TreeMap<String, Entry> byName = new TreeMap<>();
  private final TreeMap<Long, Entry> byPosition = new TreeMap<>();

  private long positions;
  private @Nullable ScratchDirectory parent;
  private boolean removed;

  ScratchDirectory(ScratchTree tree, @Nullable ScratchDirectory parent) {
    this.tree = tree;
    this.parent = parent;
    this.inode = tree.nextInode();
  }

  @Override
  public long device() {
    return ScratchTree.DEVICE;
  }

  @Override
  public long inode() {
    return inode;
  }

  @Override
  public @Nullable WasiNode child(String name) {
    Entry entry = byName.get(name);
    return entry == null ? null : entry.node();
  }

  @Override
  public @Nullable Entry entry(long from) {
    Map.Entry<Long, Entry> entry = byPosition.ceilingEntry(from);
    return entry == null ? null : entry.getValue();
  }

  /** The directory that this one is in; null for the root. */
  @Nullable ScratchDirectory parent() {
    return parent;
  }

  boolean isEmpty() {
    return byName.isEmpty();
  }

  /** Makes an empty file where nothing is. */
  ScratchFile createFile(String name) {
    checkPresent();
    tree.takeEntry();
    ScratchFile file = new ScratchFile(tree);
    put(name, file);
    return file;
  }

  /** Makes a directory where nothing is. */
  void createDirectory(String name) {
    checkPresent();
    tree.takeEntry();
    put(name, new ScratchDirectory(tree, this));
  }

  /** Removes what is there, which if it is a directory is empty. */
  void remove(String name) {
    switch (take(name)) {
      case ScratchFile file -> file.unlinked();
      case ScratchDirectory directory -> {
        directory.removed = true;
        tree.giveEntry();
      }
      case WasiNode.File _, WasiNode.Directory _ -> throw new IllegalStateException(name);
    }
  }

  /** Moves what is there to a place where nothing is. */
  void move(String name, ScratchDirectory target, String newName) {
    target.checkPresent();
    WasiNode node = take(name);
    if (node instanceof ScratchDirectory directory) {
      directory.parent = target;
    }
    target.put(newName, node);
  }

  private void put(String name, WasiNode node) {
    Entry entry = new Entry(positions++, name, node);
    byName.put(name, entry);
    byPosition.put(entry.position(), entry);
  }

  private WasiNode take(String name) {
    Entry entry = byName.remove(name);
    if (entry == null) {
      throw new WasiError(WasiErrno.NOENT);
    }
    byPosition.remove(entry.position());
    return entry.node();
  }

  /** A directory that was removed while it is open takes nothing more. */
  void checkPresent() {
    if (removed) {
      throw new WasiError(WasiErrno.NOENT);
    }
  }
}
