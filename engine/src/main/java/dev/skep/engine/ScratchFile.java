package dev.skep.engine;

import dev.skep.limits.FuelCosts;
import dev.skep.pool.SlotMemory;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/**
 * A file of a scratch tree, in blocks. A block that was never written is not there and reads as
 * zeros, so a length alone takes nothing.
 */
final class ScratchFile implements WasiNode.File {
  private static final int BLOCK = ScratchTree.BLOCK_BYTES;
  private static final byte[] ZEROS = new byte[BLOCK];

  private final ScratchTree tree;
  private final long inode;

  /** Ordered, so that what lies behind a new end is found without a look at all. */
  private final TreeMap<Integer, byte[]> blocks = new TreeMap<>();

  private long size;
  private int descriptors;
  private boolean linked = true;

  ScratchFile(ScratchTree tree) {
    this.tree = tree;
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
  public long size() {
    return size;
  }

  @Override
  public void read(SlotMemory memory, int pointer, long at, int count) {
    long position = at;
    int to = pointer;
    int left = count;
    while (left > 0) {
      int offset = (int) (position % BLOCK);
      int piece = Math.min(BLOCK - offset, left);
      byte[] block = blocks.getOrDefault((int) (position / BLOCK), ZEROS);
      memory.write(to, block, offset, piece);
      position += piece;
      to += piece;
      left -= piece;
    }
  }

  /**
   * Copies bytes from the guest, which pays for each before it moves, and for what there is to
   * clear of a new block.
   *
   * @param count 0 to 2^32 − 1, all within the guest's memory
   * @return how many were copied: fewer if there was no room for more
   */
  long write(SlotMemory memory, int pointer, long at, long count) {
    long position = at;
    long end = Math.min(at + count, tree.mostBytes());
    int from = pointer;
    while (position < end) {
      int offset = (int) (position % BLOCK);
      int piece = (int) Math.min(BLOCK - offset, end - position);
      byte[] block;
      try {
        block = block(memory, (int) (position / BLOCK), piece);
      } catch (WasiError e) {
        break;
      }
      memory.charge(piece * (long) FuelCosts.HOST_BYTE);
      System.arraycopy(memory.readBytes(from, piece), 0, block, offset, piece);
      position += piece;
      from += piece;
      size = Math.max(size, position);
    }
    return Math.max(0, position - at);
  }

  private byte[] block(SlotMemory memory, int number, int willWrite) {
    byte[] block = blocks.get(number);
    if (block == null) {
      tree.takeBlock();
      // Counted already: if the fuel ends here, so does the run, and all is given back.
      memory.charge((BLOCK - willWrite) * (long) FuelCosts.HOST_BYTE);
      block = new byte[BLOCK];
      blocks.put(number, block);
    }
    return block;
  }

  /** Makes the file this long; what is new reads as zeros. */
  void resize(SlotMemory memory, long newSize) {
    if (newSize > tree.mostBytes()) {
      throw new WasiError(WasiErrno.FBIG);
    }
    int kept = (int) ((newSize + BLOCK - 1) / BLOCK);
    while (!blocks.isEmpty() && blocks.lastKey() >= kept) {
      blocks.pollLastEntry();
      tree.giveBlock();
    }
    int inLast = (int) (newSize % BLOCK);
    byte[] last = inLast == 0 || newSize >= size ? null : blocks.get(kept - 1);
    if (last != null) {
      memory.charge((BLOCK - inLast) * (long) FuelCosts.HOST_BYTE);
      Arrays.fill(last, inLast, BLOCK, (byte) 0);
    }
    size = newSize;
  }

  /** Makes every block from {@code at} to {@code end}, and the file at least so long. */
  void allocate(SlotMemory memory, long at, long end) {
    if (end > tree.mostBytes()) {
      throw new WasiError(WasiErrno.NOSPC);
    }
    for (int i = (int) (at / BLOCK); (long) i * BLOCK < end; i++) {
      memory.charge(1);
      block(memory, i, 0);
    }
    size = Math.max(size, end);
  }

  void opened() {
    descriptors++;
  }

  void closed() {
    descriptors--;
    release();
  }

  /** Nothing in the tree names it any more. */
  void unlinked() {
    linked = false;
    release();
  }

  private void release() {
    if (!linked && descriptors == 0) {
      for (Map.Entry<Integer, byte[]> ignored : blocks.entrySet()) {
        tree.giveBlock();
      }
      blocks.clear();
      size = 0;
      tree.giveEntry();
    }
  }
}
