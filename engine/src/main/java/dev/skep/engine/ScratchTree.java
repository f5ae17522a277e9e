package dev.skep.engine;

import dev.skep.limits.ScratchGrant;

/**
 * The writable tree of one run, in the host's heap: empty when the run begins, forgotten when it
 * ends. Confined to the thread that runs the guest.
 *
 * <p>Bounded three times: by the run's grant, in blocks of contents and in entries; and by what all
 * runs of its tenant, and all of the node, may take together, in which an entry counts as {@value
 * #ENTRY_BYTES} bytes. A file that was removed while it is open counts until it is closed.
 */
final class ScratchTree {
  static final int BLOCK_BYTES = ScratchGrant.BLOCK_BYTES;

  /** A name of 255 bytes, the maps' entries for it, and the node. */
  static final int ENTRY_BYTES = 1_024;

  static final long DEVICE = 2;

  private final ScratchGrant grant;
  private final ScratchBudget node;
  private final ScratchAccount tenant;
  private final ScratchDirectory root;
  private long contentBytes;
  private long takenBytes;
  private int entries;
  private long inodes;

  ScratchTree(ScratchGrant grant, ScratchBudget node, ScratchAccount tenant) {
    this.grant = grant;
    this.node = node;
    this.tenant = tenant;
    this.root = new ScratchDirectory(this, null);
  }

  ScratchDirectory root() {
    return root;
  }

  long nextInode() {
    return ++inodes;
  }

  /** Most bytes that a file can have. */
  long mostBytes() {
    return grant.bytes();
  }

  void takeBlock() {
    if (contentBytes + BLOCK_BYTES > grant.bytes() || !node.take(tenant, BLOCK_BYTES)) {
      throw new WasiError(WasiErrno.NOSPC);
    }
    contentBytes += BLOCK_BYTES;
    takenBytes += BLOCK_BYTES;
  }

  void giveBlock() {
    contentBytes -= BLOCK_BYTES;
    takenBytes -= BLOCK_BYTES;
    node.give(tenant, BLOCK_BYTES);
  }

  void takeEntry() {
    if (entries == grant.entries() || !node.take(tenant, ENTRY_BYTES)) {
      throw new WasiError(WasiErrno.NOSPC);
    }
    entries++;
    takenBytes += ENTRY_BYTES;
  }

  void giveEntry() {
    entries--;
    takenBytes -= ENTRY_BYTES;
    node.give(tenant, ENTRY_BYTES);
  }

  /** Gives all of it back, when the run has ended. It must not be used again. */
  void close() {
    node.give(tenant, takenBytes);
    takenBytes = 0;
  }
}
