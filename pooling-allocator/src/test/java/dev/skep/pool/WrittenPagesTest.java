package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.pool.os.ImageFile;
import dev.skep.pool.os.Libc;
import dev.skep.pool.os.PageScan;
import dev.skep.pool.os.RawMemory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What the page-map scan counts as written: a page that is the process's own, in memory or swapped
 * out. One that is swapped out and not counted would go on to the next guest as it is.
 */
class WrittenPagesTest {
  private static final int PAGES = 32;
  private static final long PAGE = Libc.PAGE_BYTES;
  private static final int MADV_PAGEOUT = 21;
  private static final MethodHandle MADVISE = madvise();

  private long base;

  @SuppressWarnings("restricted")
  private static MethodHandle madvise() {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("madvise"),
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT));
  }

  @BeforeEach
  void map() {
    unless(PageScan.isSupported(), "this kernel has no page-map scan");
    base = Libc.mapPrivate(PAGES * PAGE);
  }

  @AfterEach
  void unmap() {
    if (base != 0) {
      Libc.unmap(base, PAGES * PAGE);
    }
  }

  private static void unless(boolean can, String reason) {
    Assumptions.assumeTrue(
        can,
        () -> {
          System.out.println("WrittenPagesTest: not shown, " + reason);
          return reason;
        });
  }

  private List<Integer> written() {
    PageScan scan = PageScan.ofThread();
    List<Integer> pages = new ArrayList<>();
    if (scan != null) {
      assertThat(scan.scan(base, base + PAGES * PAGE, PAGES)).isEqualTo(base + PAGES * PAGE);
      for (int i = 0; i < scan.found(); i++) {
        for (long at = scan.start(i); at < scan.end(i); at += PAGE) {
          pages.add((int) ((at - base) / PAGE));
        }
      }
    }
    return pages;
  }

  private void write(int page) {
    RawMemory.putByte(base + page * PAGE, (byte) 1);
  }

  private void read(int page) {
    assertThat(RawMemory.getByte(base + page * PAGE)).isBetween((byte) 0, (byte) 0x55);
  }

  @Test
  void anonymousPagesThatWereWrittenAndNotThoseThatWereRead() {
    write(3);
    read(4);
    write(9);
    read(9);
    read(20);
    write(20);
    assertThat(written()).containsExactly(3, 9, 20);
    // Written with what was there, it is written.
    RawMemory.fill(base + 25 * PAGE, PAGE, (byte) 0);
    assertThat(written()).containsExactly(3, 9, 20, 25);
    Libc.discard(base + 9 * PAGE, PAGE);
    assertThat(written()).containsExactly(3, 20, 25);
  }

  @Test
  void pagesOfAMappedImageThatWereWrittenAndNotThoseThatWereRead() {
    byte[] image = new byte[(int) (8 * PAGE)];
    java.util.Arrays.fill(image, (byte) 0x55);
    ImageFile.of(8 * PAGE, new long[] {0}, new byte[][] {image}).mapOver(base + 8 * PAGE);
    for (int page = 0; page < PAGES; page++) {
      read(page);
    }
    assertThat(written()).isEmpty();
    write(7);
    write(8);
    write(15);
    write(16);
    assertThat(written()).containsExactly(7, 8, 15, 16);
    Libc.discard(base, PAGES * PAGE);
    assertThat(written()).isEmpty();
    assertThat(RawMemory.getByte(base + 8 * PAGE)).isEqualTo((byte) 0x55);
  }

  /**
   * The kernel keeps a guard, like a page that is swapped out, as an entry that is not present: the
   * scan has to name it, or it would leave out swapped pages as well. This needs no swap.
   */
  @Test
  void anEntryThatIsNotPresentIsNamed() {
    unless(Libc.installGuard(base + 5 * PAGE, PAGE), "this kernel has no MADV_GUARD_INSTALL");
    write(9);
    assertThat(written()).containsExactly(5, 9);
  }

  @Test
  void pagesThatAreSwappedOutAreNamed() throws Throwable {
    for (int page = 0; page < 10; page++) {
      write(page);
    }
    int result = (int) MADVISE.invokeExact(base, PAGES * PAGE, MADV_PAGEOUT);
    int swapped = swapped(10);
    unless(
        swapped > 0,
        "no page could be swapped out (MADV_PAGEOUT answered "
            + result
            + ", /proc/swaps has "
            + (Files.readAllLines(Path.of("/proc/swaps")).size() - 1)
            + " areas)");
    assertThat(written()).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  }

  /** Of the first pages, how many are swapped out: bit 62 of their entries in the page map. */
  private int swapped(int pages) throws IOException {
    int swapped = 0;
    try (RandomAccessFile map = new RandomAccessFile("/proc/self/pagemap", "r")) {
      for (int page = 0; page < pages; page++) {
        map.seek((base / PAGE + page) * 8);
        swapped += (int) (Long.reverseBytes(map.readLong()) >>> 62 & 1);
      }
    }
    return swapped;
  }
}
