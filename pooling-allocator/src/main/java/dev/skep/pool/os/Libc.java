package dev.skep.pool.os;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The system calls of the slab, through the FFM API. Linux on x86-64 and aarch64, whose constants
 * agree here (mman(2), madvise(2), memfd_create(2)). Thread-safe; calls may block in the kernel for
 * as long as it takes to touch the pages named.
 */
public final class Libc {
  /** Bytes of the kernel's page, the unit of {@code madvise}. */
  public static final long PAGE_BYTES = 4_096;

  private static final int PROT_READ_WRITE = 0x1 | 0x2;
  private static final int MAP_PRIVATE = 0x02;
  private static final int MAP_FIXED = 0x10;
  private static final int MAP_ANONYMOUS = 0x20;
  private static final int MAP_NORESERVE = 0x4000;
  private static final int MAP_POPULATE = 0x8000;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int MADV_GUARD_INSTALL = 102;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout ERRNO_LAYOUT = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      ERRNO_LAYOUT.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");

  private static final MethodHandle MMAP =
      handle(
          "mmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG));
  private static final MethodHandle MUNMAP =
      handle(
          "munmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
  private static final MethodHandle MADVISE =
      handle(
          "madvise",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));

  /** One capture area a thread: a call then allocates nothing. */
  private static final ThreadLocal<MemorySegment> STATE =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(ERRNO_LAYOUT));

  private Libc() {}

  @SuppressWarnings("restricted") // the one place that calls the operating system
  static MethodHandle handle(String name, FunctionDescriptor type, Linker.Option... options) {
    Linker.Option[] all = new Linker.Option[options.length + 1];
    all[0] = CAPTURE;
    System.arraycopy(options, 0, all, 1, options.length);
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type, all);
  }

  /** The calling thread's capture area, the first argument of every handle made here. */
  static MemorySegment state() {
    return STATE.get();
  }

  /** What the last call with {@code state} left. */
  static int errno(MemorySegment state) {
    return (int) ERRNO.get(state, 0L);
  }

  static IllegalStateException unexpected(Throwable e) {
    return new IllegalStateException("a downcall failed in the JVM", e);
  }

  /**
   * Reserves {@code bytes} of zeroed private memory, committed only as it is touched.
   *
   * @return its address, page-aligned
   * @throws SystemCallException if the kernel refuses
   */
  public static long mapPrivate(long bytes) {
    long address = mmap(0, bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    // Huge pages would make one touched byte of a slot cost 2 MiB.
    advise(address, bytes, MADV_NOHUGEPAGE);
    return address;
  }

  /**
   * Maps zeroed private memory that is about to be written as a whole: with its pages, so that the
   * kernel need not be entered for each of them.
   *
   * @throws SystemCallException if the kernel refuses
   */
  static long mapFilled(long bytes) {
    return mmap(0, bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  }

  /**
   * Maps a file copy-on-write over memory that {@link #mapPrivate} gave: what was there is gone,
   * and a {@link #discard} brings the file's bytes back.
   *
   * @param fileOffset where the mapping begins in the file, a multiple of the page
   * @throws SystemCallException if the kernel refuses, of mappings for instance
   */
  public static void mapFileOver(long address, long bytes, int fd, long fileOffset) {
    var _ = mmap(address, bytes, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, fileOffset);
  }

  /**
   * Maps zeroed private memory over a part of what {@link #mapPrivate} gave, whatever lies there.
   *
   * @throws SystemCallException if the kernel refuses
   */
  public static void mapZeroesOver(long address, long bytes) {
    var _ = mmap(address, bytes, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    // As the slab around it, or the kernel could not merge them into one mapping again.
    advise(address, bytes, MADV_NOHUGEPAGE);
  }

  private static long mmap(long at, long bytes, int flags, int fd, long offset) {
    MemorySegment state = STATE.get();
    long address;
    try {
      address = (long) MMAP.invokeExact(state, at, bytes, PROT_READ_WRITE, flags, fd, offset);
    } catch (Throwable e) {
      throw unexpected(e);
    }
    if (address == -1) {
      throw new SystemCallException("mmap of " + bytes + " bytes", errno(state));
    }
    return address;
  }

  /** Gives the mapping back. */
  public static void unmap(long address, long bytes) {
    MemorySegment state = STATE.get();
    int result;
    try {
      result = (int) MUNMAP.invokeExact(state, address, bytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
    if (result != 0) {
      throw new SystemCallException("munmap of " + bytes + " bytes", errno(state));
    }
  }

  /**
   * Gives the pages' memory back to the kernel. Afterwards private anonymous memory reads as zero
   * and a private mapping of a file as the file; a shared mapping would stay as it is, which is why
   * none is ever made.
   */
  public static void discard(long address, long bytes) {
    int errno = advise(address, bytes, MADV_DONTNEED);
    if (errno != 0) {
      throw new SystemCallException("madvise(MADV_DONTNEED) of " + bytes + " bytes", errno);
    }
  }

  /**
   * Makes the pages fault on access without a mapping of their own (Linux 6.13 and up).
   *
   * @return whether the kernel can
   */
  public static boolean installGuard(long address, long bytes) {
    return advise(address, bytes, MADV_GUARD_INSTALL) == 0;
  }

  private static int advise(long address, long bytes, int advice) {
    MemorySegment state = STATE.get();
    int result;
    try {
      result = (int) MADVISE.invokeExact(state, address, bytes, advice);
    } catch (Throwable e) {
      throw unexpected(e);
    }
    return result == 0 ? 0 : errno(state);
  }
}
