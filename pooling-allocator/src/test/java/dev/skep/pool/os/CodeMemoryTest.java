package dev.skep.pool.os;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Code can be written, then run, and never both. */
class CodeMemoryTest {
  private static final FunctionDescriptor ADD =
      FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);

  /** A function that adds its two arguments, for the processor that the test runs on. */
  static byte[] add() {
    String arch = System.getProperty("os.arch");
    return HexFormat.of()
        .parseHex(
            switch (arch) {
              case "amd64", "x86_64" -> "8d0437c3"; // lea (%rdi,%rsi),%eax; ret
              case "aarch64" -> "0000010bc0035fd6"; // add w0, w0, w1; ret
              default -> throw new AssertionError("no code for " + arch);
            });
  }

  @SuppressWarnings("restricted")
  private static int call(long address, int a, int b) throws Throwable {
    MethodHandle function =
        Linker.nativeLinker().downcallHandle(MemorySegment.ofAddress(address), ADD);
    return (int) function.invokeExact(a, b);
  }

  /** What the kernel says of the mapping that an address is in. */
  private static String rights(long address) throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      int dash = line.indexOf('-');
      int space = line.indexOf(' ');
      if (Long.compareUnsigned(Long.parseUnsignedLong(line, 0, dash, 16), address) <= 0
          && Long.compareUnsigned(Long.parseUnsignedLong(line, dash + 1, space, 16), address) > 0) {
        return line.substring(space + 1, space + 5);
      }
    }
    return "none";
  }

  @Test
  void whatWasWrittenRunsOnceItIsSealed() throws Throwable {
    try (CodeMemory code = CodeMemory.map(5_000)) {
      assertThat(code.bytes()).isEqualTo(8_192);
      assertThat(code.address() % Libc.PAGE_BYTES).isZero();
      code.putBytes(0, add());
      // The last bytes of the second page too.
      code.putBytes(8_192 - add().length, add());
      code.seal();
      assertThat(call(code.address(), 40, 2)).isEqualTo(42);
      assertThat(call(code.address() + 8_192 - add().length, -1, 1)).isZero();
    }
  }

  /** Where the processor does not need it too: it is the kernel's, and the same call. */
  @Test
  void codeRunsBehindTheBarrier() throws Throwable {
    try (CodeMemory code = CodeMemory.map(1)) {
      code.putBytes(0, add());
      code.seal();
      CodeBarrier.pass();
      CodeBarrier.pass();
      assertThat(call(code.address(), 40, 2)).isEqualTo(42);
    }
  }

  @Test
  void itIsNeverWritableAndExecutableAtOnce() throws Exception {
    CodeMemory code = CodeMemory.map(1);
    assertThat(rights(code.address())).isEqualTo("rw-p");
    code.putBytes(0, add());
    code.seal();
    assertThat(rights(code.address())).isEqualTo("r-xp");
    List<String> maps = Files.readAllLines(Path.of("/proc/self/maps"));
    String around = Long.toHexString(code.address());
    assertThat(maps).filteredOn(line -> line.startsWith(around)).hasSize(1);
    code.close();
    assertThat(rights(code.address())).isEqualTo("none");
  }

  @Test
  void nothingIsWrittenOnceItIsSealedOrClosed() {
    CodeMemory code = CodeMemory.map(100);
    code.putInt(0, 1);
    code.putLong(92, 1);
    code.seal();
    assertThatThrownBy(() -> code.putBytes(0, new byte[1]))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("once it can be run");
    assertThatThrownBy(() -> code.putInt(0, 2)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> code.putLong(0, 2)).isInstanceOf(IllegalStateException.class);
    assertThat(RawMemory.getInt(code.address())).isEqualTo(1);
    code.close();
    code.close();
    assertThatThrownBy(() -> code.putInt(0, 2)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(code::seal).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void nothingIsWrittenBeyondThePages() {
    try (CodeMemory code = CodeMemory.map(4_096)) {
      code.putLong(4_088, 1);
      for (long offset : new long[] {-1, 4_089, 4_096, Long.MAX_VALUE, Long.MIN_VALUE}) {
        assertThatThrownBy(() -> code.putLong(offset, 1))
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
      assertThatThrownBy(() -> code.putBytes(4_095, new byte[2]))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
    assertThatThrownBy(() -> CodeMemory.map(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> CodeMemory.map((1L << 40) + 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whatTheKernelDoesNotHaveIsSaid() {
    // Beyond what a process can address; untouched, less would be given.
    assertThatThrownBy(
            () -> {
              CodeMemory[] all = new CodeMemory[200];
              try {
                for (int i = 0; i < all.length; i++) {
                  all[i] = CodeMemory.map(1L << 40);
                }
              } finally {
                for (CodeMemory each : all) {
                  if (each != null) {
                    each.close();
                  }
                }
              }
            })
        .isInstanceOf(SystemCallException.class)
        .hasMessageContaining("mmap");
  }
}
