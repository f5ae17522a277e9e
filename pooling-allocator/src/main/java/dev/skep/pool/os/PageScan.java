package dev.skep.pool.os;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * Finds the pages of a range that were written, by the kernel's page-map scan ({@code
 * PAGEMAP_SCAN}, Linux 6.7 and up; Documentation/admin-guide/mm/pagemap.rst).
 *
 * <p>This class holds <b>the</b> predicate of what was written; whoever restores, restores what it
 * names and nothing else:
 *
 * <pre>
 *   written  ⇔  (present or swapped out) and not a page of a file and not the zero page
 * </pre>
 *
 * A page that was never touched has no entry; one that was only read is the kernel's zero page or
 * the image file's page; one that was written is the process's own, in memory or swapped out. A
 * scan of a private mapping therefore reports all that differs from the mapping's origin, and may
 * report pages that do not.
 *
 * <p>An object belongs to one thread: it holds the buffers of the call, so that a scan allocates
 * nothing.
 *
 * <pre>
 *  struct pm_scan_arg, 12 × u64                       struct page_region, 3 × u64
 *   0 size  1 flags  2 start  3 end  4 walk_end        0 start  1 end  2 categories
 *   5 vec   6 vec_len  7 max_pages
 *   8 inverted  9 mask  10 anyof  11 return_mask
 * </pre>
 */
public final class PageScan {
  /** Regions one call can report; a scan that finds more ends early and says where. */
  public static final int MOST_REGIONS = 64;

  private static final long FILE = 1 << 2;
  private static final long PRESENT = 1 << 3;
  private static final long SWAPPED = 1 << 4;
  private static final long PFNZERO = 1 << 5;

  private static final long ARG_BYTES = 12 * 8;
  private static final long REGION_BYTES = 3 * 8;

  /** {@code _IOWR('f', 16, struct pm_scan_arg)}. */
  private static final long PAGEMAP_SCAN = 3L << 30 | ARG_BYTES << 16 | 'f' << 8 | 16;

  private static final MethodHandle IOCTL =
      Libc.handle(
          "ioctl",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG),
          Linker.Option.firstVariadicArg(2));
  private static final MethodHandle OPEN =
      Libc.handle(
          "open",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
          Linker.Option.firstVariadicArg(2));

  private static final int O_CLOEXEC = 0x80000;

  /** The process's page map, open for as long as the process lives; −1 where it cannot be. */
  private static final int PAGE_MAP = openPageMap();

  private static final boolean SUPPORTED = PAGE_MAP >= 0 && works();

  private static final ThreadLocal<PageScan> OF_THREAD = ThreadLocal.withInitial(PageScan::new);

  private final MemorySegment state = Libc.state();
  private final MemorySegment arg = Arena.ofAuto().allocate(ARG_BYTES, 8);
  private final MemorySegment regions = Arena.ofAuto().allocate(MOST_REGIONS * REGION_BYTES, 8);
  private int found;

  private PageScan() {
    set(0, ARG_BYTES);
    set(5, regions.address());
    set(6, MOST_REGIONS);
    set(8, FILE | PFNZERO);
    set(9, FILE | PFNZERO);
    set(10, PRESENT | SWAPPED);
  }

  private static int openPageMap() {
    try (Arena arena = Arena.ofConfined()) {
      return (int)
          OPEN.invokeExact(Libc.state(), arena.allocateFrom("/proc/self/pagemap"), O_CLOEXEC);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }

  /** Tries it on a page that was written beside one that was not. */
  private static boolean works() {
    long two = Libc.mapPrivate(2 * Libc.PAGE_BYTES);
    try {
      RawMemory.putByte(two + Libc.PAGE_BYTES, (byte) 1);
      PageScan scan = new PageScan();
      return scan.scan(two, two + 2 * Libc.PAGE_BYTES, 2) == two + 2 * Libc.PAGE_BYTES
          && scan.found() == 1
          && scan.start(0) == two + Libc.PAGE_BYTES;
    } finally {
      Libc.unmap(two, 2 * Libc.PAGE_BYTES);
    }
  }

  /** The calling thread's, or null if this kernel cannot scan. */
  public static @Nullable PageScan ofThread() {
    return SUPPORTED ? OF_THREAD.get() : null;
  }

  /** Whether this kernel can scan. */
  public static boolean isSupported() {
    return SUPPORTED;
  }

  private void set(int word, long value) {
    arg.setAtIndex(ValueLayout.JAVA_LONG, word, value);
  }

  /**
   * Looks for written pages from {@code start} to {@code end} until it has found {@code mostPages}
   * or {@link #MOST_REGIONS}.
   *
   * @return where it stopped: {@code end}, or the address from which pages are not known; or {@code
   *     start} with nothing found if the kernel refused, so that all counts as not known
   */
  public long scan(long start, long end, long mostPages) {
    found = 0;
    set(2, start);
    set(3, end);
    set(4, 0);
    set(7, mostPages);
    int result;
    try {
      result = (int) IOCTL.invokeExact(state, PAGE_MAP, PAGEMAP_SCAN, arg.address());
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
    if (result < 0) {
      return start;
    }
    found = result;
    return arg.getAtIndex(ValueLayout.JAVA_LONG, 4);
  }

  /** Regions found by the last {@link #scan}, ascending. */
  public int found() {
    return found;
  }

  /** Address where region {@code i} begins. */
  public long start(int i) {
    return regions.getAtIndex(ValueLayout.JAVA_LONG, 3L * i);
  }

  /** Address where region {@code i} ends. */
  public long end(int i) {
    return regions.getAtIndex(ValueLayout.JAVA_LONG, 3L * i + 1);
  }
}
