package dev.skep.pool.os;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Bytes in an anonymous file that nobody can change any more, to be mapped copy-on-write into many
 * slots: their unwritten pages are then one copy in memory (memfd_create(2), fcntl(2) on sealing).
 *
 * <p>The descriptor is closed when the object becomes unreachable; mappings made of it stay.
 * Thread-safe.
 */
public final class ImageFile {
  private static final int MFD_CLOEXEC_ALLOW_SEALING = 0x1 | 0x2;
  private static final int F_ADD_SEALS = 1_033;
  private static final int SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8; // seal, shrink, grow, write

  private static final MethodHandle MEMFD_CREATE =
      Libc.handle(
          "memfd_create",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
  private static final MethodHandle FTRUNCATE =
      Libc.handle(
          "ftruncate",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
  private static final MethodHandle PWRITE =
      Libc.handle(
          "pwrite",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG));
  private static final MethodHandle FCNTL =
      Libc.handle(
          "fcntl",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT),
          Linker.Option.firstVariadicArg(2));
  private static final MethodHandle CLOSE =
      Libc.handle("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

  private static final Cleaner CLEANER = Cleaner.create();
  private static final AtomicInteger OPEN = new AtomicInteger();

  private final int fd;
  private final long bytes;

  private ImageFile(int fd, long bytes) {
    this.fd = fd;
    this.bytes = bytes;
    OPEN.incrementAndGet();
    var _ =
        CLEANER.register(
            this,
            () -> {
              OPEN.decrementAndGet();
              close(fd);
            });
  }

  /**
   * A file of {@code bytes}, a multiple of the page, all zero but for the pieces.
   *
   * @param offsets where each piece goes, ascending
   * @throws SystemCallException if the kernel refuses, of descriptors or memory
   */
  public static ImageFile of(long bytes, long[] offsets, byte[][] pieces) {
    int fd = create();
    boolean whole = false;
    try (Arena arena = Arena.ofConfined()) {
      check("ftruncate", (int) FTRUNCATE.invokeExact(Libc.state(), fd, bytes));
      for (int i = 0; i < pieces.length; i++) {
        write(fd, arena.allocateFrom(ValueLayout.JAVA_BYTE, pieces[i]), offsets[i]);
      }
      check("fcntl(F_ADD_SEALS)", (int) FCNTL.invokeExact(Libc.state(), fd, F_ADD_SEALS, SEAL_ALL));
      whole = true;
      return new ImageFile(fd, bytes);
    } catch (SystemCallException e) {
      throw e;
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    } finally {
      if (!whole) {
        close(fd);
      }
    }
  }

  private static int create() {
    int fd;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom("skep-image");
      fd = (int) MEMFD_CREATE.invokeExact(Libc.state(), name, MFD_CLOEXEC_ALLOW_SEALING);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
    check("memfd_create", fd);
    return fd;
  }

  private static void write(int fd, MemorySegment piece, long offset) throws Throwable {
    long at = 0;
    while (at < piece.byteSize()) {
      long written =
          (long)
              PWRITE.invokeExact(
                  Libc.state(), fd, piece.asSlice(at), piece.byteSize() - at, offset + at);
      check("pwrite", written <= 0 ? -1 : 0);
      at += written;
    }
  }

  private static void check(String call, int result) {
    if (result < 0) {
      throw new SystemCallException(call, Libc.errno(Libc.state()));
    }
  }

  private static void close(int fd) {
    try {
      var _ = (int) CLOSE.invokeExact(Libc.state(), fd);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }

  /** Maps the whole file copy-on-write at {@code address}, over what is there. */
  public void mapOver(long address) {
    try {
      Libc.mapFileOver(address, bytes, fd, 0);
    } finally {
      Reference.reachabilityFence(this); // Or the descriptor could be closed before the call.
    }
  }

  /** Bytes of the file. */
  public long bytes() {
    return bytes;
  }

  /** Files open in this process. */
  public static int open() {
    return OPEN.get();
  }
}
