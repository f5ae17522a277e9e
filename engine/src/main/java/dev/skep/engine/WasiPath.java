package dev.skep.engine;

import dev.skep.engine.WasiNode.Directory;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Follows a guest's path from a directory that it has opened. Pure: looks at names and changes
 * nothing.
 *
 * <p>No path leads above the directory that it starts from, whatever that directory is in: {@code
 * ..} there, and a leading slash, are not within its capability. Every step is taken in the tree
 * and not in the text: {@code a/..} is there only if {@code a} is a directory. A slash behind the
 * last name means that it must be a directory. Costs one look-up for each name; the caller has
 * charged for the bytes.
 */
final class WasiPath {
  /** As {@code PATH_MAX} of Linux. */
  static final int MOST_BYTES = 4_096;

  /** As {@code NAME_MAX} of Linux. */
  static final int MOST_NAME_BYTES = 255;

  private WasiPath() {}

  /**
   * Where a path leads.
   *
   * @param parent the directory that has, or could have, the last name
   * @param name the last name; null if the path ends in {@code .} or {@code ..} and so has none
   * @param node what is there; null if nothing is
   * @param slash whether a slash is behind the name
   */
  record Place(Directory parent, @Nullable String name, @Nullable WasiNode node, boolean slash) {

    /** What is there. */
    WasiNode existing() {
      if (node == null) {
        throw new WasiError(WasiErrno.NOENT);
      }
      return node;
    }
  }

  /**
   * Follows {@code path} from {@code base}.
   *
   * @param path of any length and with any bytes
   * @throws WasiError if it leads nowhere that it may
   */
  static Place resolve(Directory base, byte[] path) {
    String text = decode(path);
    if (text.isEmpty()) {
      throw new WasiError(WasiErrno.NOENT);
    }
    if (text.charAt(0) == '/') {
      throw new WasiError(WasiErrno.NOTCAPABLE);
    }
    int end = text.length();
    while (text.charAt(end - 1) == '/') {
      end--;
    }
    boolean slash = end < text.length();
    Deque<Directory> above = new ArrayDeque<>();
    Directory here = base;
    int from = 0;
    while (true) {
      int to = text.indexOf('/', from);
      boolean last = to < 0 || to >= end;
      String name = text.substring(from, last ? end : to);
      if (name.equals("..")) {
        if (above.isEmpty()) {
          throw new WasiError(WasiErrno.NOTCAPABLE);
        }
        here = above.pop();
      } else if (!name.isEmpty() && !name.equals(".")) {
        checkName(name);
        WasiNode node = here.child(name);
        if (last) {
          if (slash && node instanceof WasiNode.File) {
            throw new WasiError(WasiErrno.NOTDIR);
          }
          return new Place(here, name, node, slash);
        }
        above.push(here);
        here = directory(node);
      }
      if (last) {
        return new Place(here, null, here, slash);
      }
      from = to + 1;
    }
  }

  private static Directory directory(@Nullable WasiNode node) {
    return switch (node) {
      case null -> throw new WasiError(WasiErrno.NOENT);
      case WasiNode.File _ -> throw new WasiError(WasiErrno.NOTDIR);
      case Directory directory -> directory;
    };
  }

  private static String decode(byte[] path) {
    if (path.length > MOST_BYTES) {
      throw new WasiError(WasiErrno.NAMETOOLONG);
    }
    // By its answers and not by its exceptions: those have stack traces, and guests cause them.
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    // No character is shorter than a byte.
    CharBuffer text = CharBuffer.allocate(path.length);
    if (decoder.decode(ByteBuffer.wrap(path), text, true).isError()
        || decoder.flush(text).isError()) {
      throw new WasiError(WasiErrno.ILSEQ);
    }
    String decoded = text.flip().toString();
    if (decoded.indexOf('\0') >= 0) {
      throw new WasiError(WasiErrno.ILSEQ);
    }
    return decoded;
  }

  private static void checkName(String name) {
    // A character is at least one byte, so that most names need not be encoded.
    if (name.length() > MOST_NAME_BYTES
        || (name.length() * 3 > MOST_NAME_BYTES
            && name.getBytes(StandardCharsets.UTF_8).length > MOST_NAME_BYTES)) {
      throw new WasiError(WasiErrno.NAMETOOLONG);
    }
  }
}
