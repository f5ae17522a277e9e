package dev.skep.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Reads a zip archive by its central directory, strictly: the directory ends where the end record
 * begins, the record ends the archive, and each local header names what the directory names. So
 * there is one way to read it. Stored and deflated entries only; no encryption, no parts, no zip64,
 * which archives of a few megabytes do not need.
 *
 * <p>Source: PKWARE's APPNOTE, sections 4.3 and 4.4.
 */
final class ZipArchive {
  private static final int LOCAL = 0x0403_4B50;
  private static final int CENTRAL = 0x0201_4B50;
  private static final int END = 0x0605_4B50;
  private static final int LOCAL_BYTES = 30;
  private static final int CENTRAL_BYTES = 46;
  private static final int END_BYTES = 22;

  private static final int STORED = 0;
  private static final int DEFLATED = 8;

  /** Encrypted, patched, strongly encrypted, masked. */
  private static final int REFUSED_FLAGS = 1 | 1 << 5 | 1 << 6 | 1 << 13;

  /** Deflate makes at most 1,032 bytes of one; the rest is the last block's. */
  private static final long MOST_RATIO = 1_032;

  /** Unix's file types, in the high half of the external attributes. */
  private static final int TYPE_MASK = 0xF000;

  private static final int DIRECTORY_TYPE = 0x4000;
  private static final int FILE_TYPE = 0x8000;
  private static final int LINK_TYPE = 0xA000;

  private final byte[] archive;
  private final ByteBuffer bytes;
  private final int mostEntries;

  ZipArchive(byte[] archive, int mostEntries) {
    this.archive = archive;
    this.bytes = ByteBuffer.wrap(archive).order(ByteOrder.LITTLE_ENDIAN);
    this.mostEntries = mostEntries;
  }

  /** What is done with an entry. */
  @FunctionalInterface
  interface Sink {
    void add(String name, String kind, long size, TreeArchive.Contents contents)
        throws TreeRefusedException;
  }

  static boolean isZip(byte[] archive) {
    if (archive.length < END_BYTES) {
      return false;
    }
    int magic = ByteBuffer.wrap(archive).order(ByteOrder.LITTLE_ENDIAN).getInt(0);
    return magic == LOCAL || magic == END;
  }

  void read(Sink sink) throws TreeRefusedException {
    int end = archive.length - END_BYTES;
    if (bytes.getInt(end) != END || u16(end + 20) != 0) {
      throw malformed("it does not end with an end record without a comment");
    }
    int count = u16(end + 10);
    long at = u32(end + 16);
    if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != count) {
      throw malformed("it is one of several parts");
    }
    if (count > mostEntries) {
      throw new TreeRefusedException(
          "the zip archive has " + count + " entries; at most " + mostEntries + " are taken");
    }
    if (at + u32(end + 12) != end) {
      throw malformed("its directory is not right before its end record (or is of zip64)");
    }
    for (int i = 0; i < count; i++) {
      if (at + CENTRAL_BYTES > end || bytes.getInt((int) at) != CENTRAL) {
        throw malformed("its directory has less than the " + count + " entries it tells of");
      }
      at = entry((int) at, end, sink);
    }
    if (at != end) {
      throw malformed("its directory has more than the " + count + " entries it tells of");
    }
  }

  /** Reads an entry of the directory; answers where the next one is. */
  private long entry(int at, int end, Sink sink) throws TreeRefusedException {
    int nameBytes = u16(at + 28);
    long next = (long) at + CENTRAL_BYTES + nameBytes + u16(at + 30) + u16(at + 32);
    if (next > end) {
      throw malformed("an entry of its directory is longer than the directory");
    }
    String name = name(at + CENTRAL_BYTES, nameBytes);
    if ((u16(at + 8) & REFUSED_FLAGS) != 0) {
      throw new TreeRefusedException("the entry " + Printable.of(name) + " is encrypted");
    }
    long packed = u32(at + 20);
    long size = u32(at + 24);
    int method = u16(at + 10);
    long data = data(at, nameBytes, name);
    if (data + packed > end) {
      throw malformed(Printable.of(name) + " ends behind the archive");
    }
    if (method != STORED && method != DEFLATED) {
      throw new TreeRefusedException(
          "the entry "
              + Printable.of(name)
              + " is packed by method "
              + method
              + "; stored (0) and deflated (8) are taken");
    }
    if (method == STORED ? packed != size : size > (packed + 8) * MOST_RATIO) {
      throw malformed(Printable.of(name) + " cannot have " + size + " bytes");
    }
    String kind = kind(at, name);
    if (kind.equals(TreeArchive.DIRECTORY) && size != 0) {
      throw malformed(Printable.of(name) + " is a directory with contents");
    }
    sink.add(
        name,
        kind,
        size,
        wanted -> unpack(name, method, (int) data, (int) packed, wanted, bytes.getInt(at + 16)));
    return next;
  }

  /** Where an entry's bytes are: behind its local header, which must name it too. */
  private long data(int central, int nameBytes, String name) throws TreeRefusedException {
    long local = u32(central + 42);
    if (local + LOCAL_BYTES + nameBytes > archive.length || bytes.getInt((int) local) != LOCAL) {
      throw malformed(Printable.of(name) + " has no local header");
    }
    int at = (int) local;
    ByteBuffer here = bytes.slice(at + LOCAL_BYTES, nameBytes);
    if (u16(at + 26) != nameBytes
        || !here.equals(bytes.slice(central + CENTRAL_BYTES, nameBytes))) {
      throw malformed(Printable.of(name) + " has another name in its local header");
    }
    return local + LOCAL_BYTES + nameBytes + u16(at + 28);
  }

  private String kind(int at, String name) {
    boolean directory = name.endsWith("/");
    // Only an archive made on Unix has Unix's types; others have none.
    int type = (int) (u32(at + 38) >>> 16) & TYPE_MASK;
    if (u16(at + 4) >>> 8 == 3 && type != 0 && type != (directory ? DIRECTORY_TYPE : FILE_TYPE)) {
      return type == LINK_TYPE ? "a symbolic link" : "neither a file nor a directory";
    }
    return directory ? TreeArchive.DIRECTORY : TreeArchive.FILE;
  }

  private byte[] unpack(String name, int method, int at, int packed, int size, int crc)
      throws TreeRefusedException {
    byte[] contents = new byte[size];
    if (method == STORED) {
      System.arraycopy(archive, at, contents, 0, size);
    } else {
      inflate(name, at, packed, contents);
    }
    CRC32 sum = new CRC32();
    sum.update(contents);
    if ((int) sum.getValue() != crc) {
      throw malformed(Printable.of(name) + " does not have the checksum that it should");
    }
    return contents;
  }

  private void inflate(String name, int at, int packed, byte[] contents)
      throws TreeRefusedException {
    Inflater inflater = new Inflater(true);
    try {
      inflater.setInput(archive, at, packed);
      int done = 0;
      while (done < contents.length) {
        int count = inflater.inflate(contents, done, contents.length - done);
        if (count == 0) {
          break;
        }
        done += count;
      }
      if (done < contents.length || inflater.inflate(new byte[1]) != 0 || !inflater.finished()) {
        throw malformed(Printable.of(name) + " is not as long as it says");
      }
    } catch (DataFormatException e) {
      throw new TreeRefusedException(
          "the zip archive is malformed: " + Printable.of(name) + " does not unpack", e);
    } finally {
      inflater.end();
    }
  }

  private String name(int at, int length) throws TreeRefusedException {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .decode(bytes.slice(at, length))
          .toString();
    } catch (CharacterCodingException e) {
      throw new TreeRefusedException(
          "the zip archive has a path that is not UTF-8, at byte " + at + " of the archive", e);
    }
  }

  private static TreeRefusedException malformed(String why) {
    return new TreeRefusedException("the zip archive is malformed: " + why);
  }

  private int u16(int at) {
    return Short.toUnsignedInt(bytes.getShort(at));
  }

  private long u32(int at) {
    return Integer.toUnsignedLong(bytes.getInt(at));
  }
}
