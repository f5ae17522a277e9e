package dev.skep.engine;

import dev.skep.engine.Artifact.Table;
import dev.skep.engine.ArtifactReading.Reason;
import dev.skep.engine.ArtifactReading.Refused;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/**
 * The bytes of an {@link Artifact}, drawn there.
 *
 * <p>Reading goes from the outside in: length, kind and version; then the hash, so that damage is
 * told from what was written wrong; then whether it is what was asked for; and only then what is in
 * it, where every length and every count is checked against the bytes that there are before
 * anything is allocated for it. The hash keeps accidents out and not forgers; that is why all that
 * comes after it is checked none the less.
 */
final class ArtifactFormat {
  private static final byte[] MAGIC = "SKEPCODE".getBytes(StandardCharsets.US_ASCII);
  private static final int MODULE_AT = 16;
  private static final int LENGTHS_AT = 48;
  private static final int HASH_BYTES = 32;
  private static final Table[] TABLES = Table.values();

  /** The key, the code, the tables, the names. */
  private static final int SECTIONS = TABLES.length + 3;

  private static final int KEY = 0;
  private static final int CODE = 1;
  private static final int NAMES = SECTIONS - 1;

  static final int HEADER_BYTES = LENGTHS_AT + 4 * SECTIONS;

  /** Of a name: its function and its length. */
  private static final int NAME_HEAD_BYTES = 8;

  private ArtifactFormat() {}

  /** Whether a name is kept: it is short and is text. */
  static boolean isKept(String name) {
    return StandardCharsets.UTF_8.newEncoder().canEncode(name)
        && name.getBytes(StandardCharsets.UTF_8).length <= Artifact.MOST_NAME_BYTES;
  }

  /** How many bytes it has. */
  static long bytes(Artifact artifact) {
    long bytes = (long) HEADER_BYTES + HASH_BYTES;
    for (long length : lengths(artifact)) {
      bytes += length;
    }
    return bytes;
  }

  private static long[] lengths(Artifact artifact) {
    long[] lengths = new long[SECTIONS];
    lengths[KEY] = artifact.compiler().text().length();
    lengths[CODE] = artifact.code().length;
    for (Table table : TABLES) {
      lengths[table.section()] = 4L * artifact.table(table).values().length;
    }
    for (String name : artifact.names().values()) {
      lengths[NAMES] += NAME_HEAD_BYTES + name.getBytes(StandardCharsets.UTF_8).length;
    }
    return lengths;
  }

  static byte[] write(Artifact artifact) {
    int total = (int) bytes(artifact);
    ByteBuffer out = ByteBuffer.allocate(total).order(ByteOrder.LITTLE_ENDIAN);
    out.put(MAGIC).putInt(Artifact.FORMAT).putInt(total);
    out.put(HexFormat.of().parseHex(artifact.module()));
    for (long length : lengths(artifact)) {
      out.putInt((int) length);
    }
    out.put(artifact.compiler().text().getBytes(StandardCharsets.US_ASCII));
    out.put(artifact.code());
    for (Table table : TABLES) {
      for (int value : artifact.table(table).values()) {
        out.putInt(value);
      }
    }
    for (Map.Entry<Integer, String> name : artifact.names().entrySet()) {
      byte[] text = name.getValue().getBytes(StandardCharsets.UTF_8);
      out.putInt(name.getKey()).putInt(text.length).put(text);
    }
    seal(out.array());
    return out.array();
  }

  /** Writes the hash of all other bytes at the end. */
  static void seal(byte[] bytes) {
    byte[] hash = hash(bytes);
    System.arraycopy(hash, 0, bytes, bytes.length - HASH_BYTES, HASH_BYTES);
  }

  private static byte[] hash(byte[] bytes) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(bytes, 0, bytes.length - HASH_BYTES);
      return sha.digest();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  static ArtifactReading read(byte[] bytes, String module, CompilerKey compiler) {
    if (bytes.length < HEADER_BYTES + HASH_BYTES || bytes.length > Artifact.MOST_BYTES) {
      return new Refused(
          Reason.LENGTH,
          "it has "
              + bytes.length
              + " bytes; an artifact has from "
              + (HEADER_BYTES + HASH_BYTES)
              + " to "
              + Artifact.MOST_BYTES);
    }
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (!Arrays.equals(bytes, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
      return new Refused(Reason.FORMAT, "it is not an artifact");
    }
    int format = in.getInt(8);
    if (format != Artifact.FORMAT) {
      return new Refused(
          Reason.FORMAT,
          "it is of version " + format + " of the format; this node reads " + Artifact.FORMAT);
    }
    if (in.getInt(12) != bytes.length) {
      return new Refused(
          Reason.LENGTH, "it has " + bytes.length + " bytes and says " + in.getInt(12));
    }
    byte[] said = Arrays.copyOfRange(bytes, bytes.length - HASH_BYTES, bytes.length);
    if (!MessageDigest.isEqual(said, hash(bytes))) {
      return new Refused(Reason.CORRUPT, "its SHA-256 is not that of its bytes");
    }
    byte[] of = Arrays.copyOfRange(bytes, MODULE_AT, LENGTHS_AT);
    if (!HexFormat.of().formatHex(of).equals(module)) {
      return new Refused(Reason.STALE, "it is of another module");
    }
    try {
      return sections(bytes, in, module, compiler);
    } catch (IllegalArgumentException e) {
      return new Refused(Reason.MALFORMED, String.valueOf(e.getMessage()));
    }
  }

  private static ArtifactReading sections(
      byte[] bytes, ByteBuffer in, String module, CompilerKey compiler) {
    int[] at = new int[SECTIONS + 1];
    at[0] = HEADER_BYTES;
    for (int i = 0; i < SECTIONS; i++) {
      int length = in.getInt(LENGTHS_AT + 4 * i);
      if (length < 0 || length > bytes.length - HASH_BYTES - at[i]) {
        throw new IllegalArgumentException("section " + i + " has a length of " + length);
      }
      at[i + 1] = at[i] + length;
    }
    if (at[SECTIONS] != bytes.length - HASH_BYTES) {
      throw new IllegalArgumentException("there are bytes behind its sections");
    }
    byte[] key = compiler.text().getBytes(StandardCharsets.US_ASCII);
    if (!Arrays.equals(bytes, at[KEY], at[KEY + 1], key, 0, key.length)) {
      return new Refused(Reason.STALE, "it is not for " + compiler.text());
    }
    EnumMap<Table, IntTable> tables = new EnumMap<>(Table.class);
    for (Table table : TABLES) {
      int section = table.section();
      tables.put(table, table(in, table, at[section], at[section + 1]));
    }
    Map<Integer, String> names = names(in, at[NAMES], at[NAMES + 1]);
    byte[] code = Arrays.copyOfRange(bytes, at[CODE], at[CODE + 1]);
    return new Artifact(module, compiler, code, tables, names);
  }

  private static IntTable table(ByteBuffer in, Table table, int from, int to) {
    int rowBytes = 4 * table.columns();
    int rows = (to - from) / rowBytes;
    if (rows * rowBytes != to - from || rows > table.mostRows()) {
      throw new IllegalArgumentException(
          table + " has " + (to - from) + " bytes, for rows of " + rowBytes);
    }
    int[] values = new int[rows * table.columns()];
    in.slice(from, to - from).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(values);
    return new IntTable(table.columns(), values);
  }

  private static Map<Integer, String> names(ByteBuffer in, int from, int to) {
    TreeMap<Integer, String> names = new TreeMap<>();
    int at = from;
    int before = -1;
    while (at < to) {
      int function = to - at < NAME_HEAD_BYTES ? -1 : in.getInt(at);
      int length = to - at < NAME_HEAD_BYTES ? -1 : in.getInt(at + 4);
      if (function <= before
          || length < 0
          || length > Math.min(Artifact.MOST_NAME_BYTES, to - at - NAME_HEAD_BYTES)) {
        throw new IllegalArgumentException("the name behind function " + before + " is not one");
      }
      names.put(function, text(in.slice(at + NAME_HEAD_BYTES, length)));
      before = function;
      at += NAME_HEAD_BYTES + length;
    }
    return names;
  }

  private static String text(ByteBuffer utf8) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(utf8).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("a name is not UTF-8", e);
    }
  }
}
