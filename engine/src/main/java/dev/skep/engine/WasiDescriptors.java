package dev.skep.engine;

import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import org.jspecify.annotations.Nullable;

/**
 * The open descriptors of one run: the granted streams from 0, the granted trees from 3, then what
 * the guest opens. Confined to the thread of the run.
 */
final class WasiDescriptors {
  /** Most at once. */
  static final int MOST = 64;

  private static final int FIRST = 3;

  private final @Nullable WasiDescriptor[] open = new @Nullable WasiDescriptor[MOST];

  /** A stream has its place whether it is granted or not. */
  WasiDescriptors(
      WasiContext wasi, WasiGrants grants, WasiTree tree, @Nullable ScratchTree scratch) {
    WasiGrant[] streams = {WasiGrant.STDIN, WasiGrant.STDOUT, WasiGrant.STDERR};
    for (int i = 0; i < streams.length; i++) {
      open[i] = wasi.has(streams[i]) ? WasiDescriptor.stream(i) : null;
    }
    if (grants.tree() != null) {
      add(
          WasiDescriptor.preopened(
              tree.root(),
              grants.tree(),
              WasiRights.READ_DIRECTORY,
              WasiRights.READ_DIRECTORY | WasiRights.READ_FILE));
    }
    if (grants.scratch() != null && scratch != null) {
      add(
          WasiDescriptor.preopened(
              scratch.root(),
              grants.scratch().path(),
              WasiRights.WRITE_DIRECTORY,
              WasiRights.WRITE_DIRECTORY | WasiRights.WRITE_FILE));
    }
  }

  /** What is open at this number. */
  WasiDescriptor get(int fd) {
    WasiDescriptor descriptor = fd < 0 || fd >= MOST ? null : open[fd];
    if (descriptor == null) {
      throw new WasiError(WasiErrno.BADF);
    }
    return descriptor;
  }

  /** Fails if nothing more can be opened. */
  void checkRoom() {
    var _ = free();
  }

  /** Opens at the least free number. */
  int add(WasiDescriptor descriptor) {
    int fd = free();
    open[fd] = descriptor;
    if (descriptor.node instanceof ScratchFile file) {
      file.opened();
    }
    return fd;
  }

  private int free() {
    for (int fd = FIRST; fd < MOST; fd++) {
      if (open[fd] == null) {
        return fd;
      }
    }
    throw new WasiError(WasiErrno.MFILE);
  }

  void close(int fd) {
    WasiDescriptor descriptor = get(fd);
    open[fd] = null;
    if (descriptor.node instanceof ScratchFile file) {
      file.closed();
    }
  }

  /** Puts {@code from} in the place of {@code to}, which is open and is closed. */
  void renumber(int from, int to) {
    WasiDescriptor descriptor = get(from);
    var _ = get(to);
    if (from != to) {
      close(to);
      open[to] = descriptor;
      open[from] = null;
    }
  }
}
