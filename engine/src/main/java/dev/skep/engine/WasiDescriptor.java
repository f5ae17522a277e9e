package dev.skep.engine;

import org.jspecify.annotations.Nullable;

/** An open descriptor: a stream, a directory or a file. Confined to the thread of the run. */
final class WasiDescriptor {
  static final int APPEND = 1;

  /** All flags that there are: append, dsync, nonblock, rsync, sync. */
  static final int FLAGS = 31;

  /** 0 to 2 for a stream, whatever number it is open at; −1 for what is in a tree. */
  final int stream;

  final @Nullable WasiNode node;

  /** The path that a directory is preopened at, or null. */
  final @Nullable String preopen;

  long rights;
  long inheriting;
  int flags;

  /** Where a file is read and written next. */
  long position;

  private WasiDescriptor(
      int stream, @Nullable WasiNode node, @Nullable String preopen, long rights, long inheriting) {
    this.stream = stream;
    this.node = node;
    this.preopen = preopen;
    this.rights = rights;
    this.inheriting = inheriting;
  }

  /** A standard stream. */
  static WasiDescriptor stream(int number) {
    long right = number == 0 ? WasiRights.FD_READ : WasiRights.FD_WRITE;
    return new WasiDescriptor(number, null, null, right | WasiRights.POLL_FD_READWRITE, 0);
  }

  static WasiDescriptor preopened(
      WasiNode.Directory root, String path, long rights, long inheriting) {
    return new WasiDescriptor(-1, root, path, rights, inheriting);
  }

  static WasiDescriptor opened(WasiNode node, long rights, long inheriting, int flags) {
    WasiDescriptor descriptor = new WasiDescriptor(-1, node, null, rights, inheriting);
    descriptor.flags = flags;
    return descriptor;
  }

  void require(long right) {
    if ((rights & right) != right) {
      throw new WasiError(WasiErrno.NOTCAPABLE);
    }
  }
}
