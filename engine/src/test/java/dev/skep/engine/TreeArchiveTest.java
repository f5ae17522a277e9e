package dev.skep.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Archives as tools make them, and as an enemy does. */
class TreeArchiveTest {
  private static final TreeLimits SMALL = new TreeLimits(1 << 20, 10_000, 6, 100, 3);

  /** A name with this, preserved as it is: the library would mend it. */
  private static TarArchiveEntry tarEntry(String name, byte type) {
    return new TarArchiveEntry(name, type, true);
  }

  private interface Tar {
    void write(TarArchiveOutputStream out) throws IOException;
  }

  private static byte[] tar(Tar contents) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream out = new TarArchiveOutputStream(bytes, "UTF-8")) {
      out.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
      contents.write(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void add(TarArchiveOutputStream out, String name, String text) throws IOException {
    TarArchiveEntry entry = tarEntry(name, TarConstants.LF_NORMAL);
    byte[] bytes = text.getBytes(UTF_8);
    entry.setSize(bytes.length);
    out.putArchiveEntry(entry);
    out.write(bytes);
    out.closeArchiveEntry();
  }

  private static void add(TarArchiveOutputStream out, TarArchiveEntry entry) throws IOException {
    out.putArchiveEntry(entry);
    out.closeArchiveEntry();
  }

  private static byte[] zip(String... namesAndTexts) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream out = new ZipOutputStream(bytes, UTF_8)) {
      for (int i = 0; i < namesAndTexts.length; i += 2) {
        out.putNextEntry(new ZipEntry(namesAndTexts[i]));
        out.write(namesAndTexts[i + 1].getBytes(UTF_8));
        out.closeEntry();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static WasiTree read(byte[] archive) {
    try {
      return TreeArchive.read(archive, SMALL);
    } catch (TreeRefusedException e) {
      throw new AssertionError(e);
    }
  }

  private static void refused(byte[] archive, String... words) {
    assertThatThrownBy(() -> TreeArchive.read(archive, SMALL))
        .isInstanceOf(TreeRefusedException.class)
        .hasMessageContainingAll(words);
  }

  @Test
  void tarAndZipGiveTheSameTree() {
    byte[] tar =
        tar(out -> {
          add(out, tarEntry("./", TarConstants.LF_DIR));
          add(out, tarEntry("./a/", TarConstants.LF_DIR));
          add(out, "./a/one", "1");
          add(out, "two", "22");
          add(out, "ü/🐝", "333");
        });
    byte[] zip = zip("a/", "", "a/one", "1", "two", "22", "ü/🐝", "333");
    for (byte[] archive : new byte[][] {tar, zip}) {
      WasiTree tree = read(archive);
      assertThat(tree.bytes()).isEqualTo(6);
      assertThat(tree.list())
          .containsExactly(
              new WasiTree.Listed("a", true, 0),
              new WasiTree.Listed("a/one", false, 1),
              new WasiTree.Listed("two", false, 2),
              new WasiTree.Listed("ü", true, 0),
              new WasiTree.Listed("ü/🐝", false, 3));
    }
    assertThat(read(zip()).list()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../x",
        "a/../x",
        "a/..",
        "..",
        "/x",
        "//x",
        "a//x",
        "a/./x",
        "./../x",
        "a\\x",
        "..\\x",
        "a\nx",
        "a\u007Fx",
        ".//x"
      })
  void pathsThatCouldLeadElsewhereAreRefused(String name) {
    refused(tar(out -> add(out, name, "x")), "the entry");
    refused(zip(name, "x"), "the entry");
  }

  @Test
  void whatIsNeitherFileNorDirectoryIsRefused() {
    refused(tar(out -> add(out, link("a", TarConstants.LF_SYMLINK))), "a", "symbolic link");
    refused(tar(out -> add(out, link("a", TarConstants.LF_LINK))), "a", "hard link");
    refused(tar(out -> add(out, tarEntry("a", TarConstants.LF_CHR))), "a", "device");
    refused(tar(out -> add(out, tarEntry("a", TarConstants.LF_BLK))), "a", "device");
    refused(tar(out -> add(out, tarEntry("a", TarConstants.LF_FIFO))), "a", "pipe");
    byte[] zip = zip("a", "/etc/passwd");
    int central = central(zip);
    zip[central + 5] = 3;
    ByteBuffer.wrap(zip).order(ByteOrder.LITTLE_ENDIAN).putInt(central + 38, 0xA1FF_0000);
    refused(zip, "a", "symbolic link");
  }

  private static TarArchiveEntry link(String name, byte type) {
    TarArchiveEntry entry = tarEntry(name, type);
    entry.setLinkName("/etc/passwd");
    return entry;
  }

  @Test
  void whatIsThereTwiceIsRefused() {
    refused(
        tar(out -> {
          add(out, "a", "1");
          add(out, "a", "2");
        }),
        "twice");
    refused(
        tar(out -> {
          add(out, "a", "1");
          add(out, "a/b", "2");
        }),
        "below a file");
    refused(
        tar(out -> {
          add(out, "a/b", "2");
          add(out, "a", "1");
        }),
        "twice");
    refused(
        tar(out -> {
          add(out, tarEntry("a/", TarConstants.LF_DIR));
          add(out, tarEntry("a/", TarConstants.LF_DIR));
        }),
        "twice");
  }

  @Test
  void everyBoundNamesItsValueAndItself() {
    refused(new byte[(1 << 20) + 1], "1048577", "1048576");
    refused(zip("a", "x".repeat(10_001)), "10001", "10000");
    refused(zip("a", "x".repeat(6_000), "b", "x".repeat(6_000)), "b", "6000", "10000");
    refused(zip("a", "", "b", "", "c", "", "d", "", "e", "", "f", "", "g", ""), "7", "6");
    refused(tar(out -> add(out, "1/2/3/4", "")), "4 names deep", "3");
    refused(tar(out -> add(out, "x".repeat(101), "")), "101", "100");
    refused(
        tar(out -> {
          for (int i = 0; i < 7; i++) {
            add(out, "f" + i, "");
          }
        }),
        "f6",
        "6");
    assertThatThrownBy(() ->
            TreeArchive.read(
                zip("y".repeat(256), "x"), new TreeLimits(1 << 20, 10_000, 6, 1_000, 3)))
        .hasMessageContaining("255");
  }

  @Test
  void aZipBombIsRefusedByWhatItSaysAndByWhatItIs() {
    // A megabyte of zeros in a kilobyte.
    byte[] bomb = zip("a", "\0".repeat(1 << 20));
    assertThat(bomb.length).isLessThan(2_000);
    refused(bomb, "1048576", "10000");
    // Says that it has fewer.
    edit(bomb, central(bomb) + 24, 9_000);
    refused(bomb, "not as long as it says");
    // Says that it has more than deflate could make of it.
    byte[] small = zip("a", "x");
    edit(small, central(small) + 24, 0xFFFF_FFFF);
    refused(small, "cannot have");
  }

  @Test
  void anArchiveThatCanBeReadInTwoWaysIsRefused() {
    byte[] zip = zip("a", "one", "b", "two");
    int central = central(zip);
    changed(zip, copy -> copy[30] = 'x', "another name");
    changed(zip, copy -> edit(copy, central + 42, 5), "no local header");
    changed(zip, copy -> edit(copy, central + 20, 1 << 20), "ends behind");
    changed(zip, copy -> edit(copy, central + 16, 1), "checksum");
    changed(zip, copy -> copy[central + 8] |= 1, "encrypted");
    changed(zip, copy -> copy[central + 10] = 12, "method 12");
    changed(zip, copy -> copy[copy.length - 12] = 1, "parts");
    changed(zip, copy -> edit(copy, copy.length - 6, 7), "directory");
    changed(zip, copy -> edit(copy, copy.length - 10, 7), "directory");
    refused(Arrays.copyOf(zip, zip.length + 1), "end record");
    refused(Arrays.copyOf(zip, zip.length - 1), "end record");
    changed(zip, copy -> copy[central + 46] = (byte) 0xFF, "UTF-8");
    refused(new byte[2_000], "neither");
    refused(new byte[0], "neither");
    byte[] tar = tar(out -> add(out, "a", "x".repeat(600)));
    refused(Arrays.copyOf(tar, 800), "tar archive");
    tar[150] ^= 1;
    refused(tar, "checksum");
  }

  private static void changed(byte[] archive, Consumer<byte[]> change, String word) {
    byte[] copy = archive.clone();
    change.accept(copy);
    refused(copy, word);
  }

  private static void edit(byte[] archive, int at, int value) {
    ByteBuffer.wrap(archive).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
  }

  private static int central(byte[] zip) {
    return ByteBuffer.wrap(zip).order(ByteOrder.LITTLE_ENDIAN).getInt(zip.length - 6);
  }

  @Test
  void anyMutationIsReadOrRefusedAndNothingElse() {
    long seed = Long.getLong("skep.seed", System.nanoTime());
    System.out.println("TreeArchiveTest seed " + seed);
    Random random = new Random(seed);
    byte[][] seeds = {
      zip("a/b", "one", "c", "x".repeat(500)),
      tar(out -> {
        add(out, "a/b", "one");
        add(out, "x".repeat(90) + "/" + "y".repeat(9), "long");
        add(out, link("l", TarConstants.LF_SYMLINK));
      }),
    };
    int read = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] archive = seeds[i % 2].clone();
      int changes = 1 + random.nextInt(4);
      for (int j = 0; j < changes; j++) {
        archive[random.nextInt(archive.length)] = (byte) random.nextInt();
      }
      if (random.nextInt(8) == 0) {
        archive = Arrays.copyOf(archive, random.nextInt(archive.length));
      }
      try {
        WasiTree tree = TreeArchive.read(archive, SMALL);
        assertThat(tree.list().size()).isLessThanOrEqualTo(SMALL.entries());
        assertThat(tree.list()).allSatisfy(entry -> assertThat(entry.path()).doesNotContain(".."));
        read++;
      } catch (TreeRefusedException e) {
        assertThat(e.getMessage()).isNotBlank();
      }
    }
    assertThat(read).isPositive();
  }

  @Test
  void theChecksumIsOfTheWholeFile() {
    CRC32 sum = new CRC32();
    sum.update("one".getBytes(UTF_8));
    byte[] zip = zip("a", "one");
    assertThat(ByteBuffer.wrap(zip).order(ByteOrder.LITTLE_ENDIAN).getInt(central(zip) + 16))
        .isEqualTo((int) sum.getValue());
  }
}
