package dev.skep.engine;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/**
 * Makes a tree of an uploaded tar (ustar, pax or GNU) or zip archive.
 *
 * <p>Only files and directories, at relative paths: links, devices, {@code ..}, absolute paths,
 * empty names, backslashes, control characters, what is no UTF-8 and what is there twice are
 * refused and not mended, so that every reader of the archive sees what the guest sees. Sizes are
 * held against the limits before anything of that size is allocated.
 */
public final class TreeArchive {
  private static final int TAR_BLOCK = 512;
  private static final int TAR_MAGIC_AT = 257;

  private final TreeLimits limits;
  private final WasiTree.Builder tree = new WasiTree.Builder();
  private long contentBytes;

  private TreeArchive(TreeLimits limits) {
    this.limits = limits;
  }

  /**
   * Reads an archive. CPU-bound, some milliseconds a megabyte.
   *
   * @param archive tar or zip; not kept
   * @throws TreeRefusedException if it is none, or not such as is taken
   */
  public static WasiTree read(byte[] archive, TreeLimits limits) throws TreeRefusedException {
    if (archive.length > limits.archiveBytes()) {
      throw new TreeRefusedException(
          "the archive has "
              + archive.length
              + " bytes; at most "
              + limits.archiveBytes()
              + " are taken");
    }
    TreeArchive reader = new TreeArchive(limits);
    if (ZipArchive.isZip(archive)) {
      new ZipArchive(archive, limits.entries()).read(reader::add);
    } else if (isTar(archive)) {
      reader.readTar(archive);
    } else {
      throw new TreeRefusedException(
          "the body is neither a tar archive (ustar) nor a zip archive; compressed tar archives"
              + " are not taken");
    }
    return reader.tree.build();
  }

  private static boolean isTar(byte[] archive) {
    return archive.length >= TAR_BLOCK
        && new String(archive, TAR_MAGIC_AT, 5, StandardCharsets.US_ASCII).equals("ustar");
  }

  /** Reads the contents of an entry once its size has been accepted. */
  @FunctionalInterface
  interface Contents {
    byte[] read(int size) throws TreeRefusedException;
  }

  private void readTar(byte[] archive) throws TreeRefusedException {
    try (TarArchiveInputStream in =
        new TarArchiveInputStream(
            new ByteArrayInputStream(archive), StandardCharsets.UTF_8.name())) {
      TarArchiveEntry entry = in.getNextEntry();
      while (entry != null) {
        String name = entry.getName();
        if (!entry.isCheckSumOK()) {
          throw refused(name, "has a header whose checksum is wrong");
        }
        add(name, kind(entry), entry.getSize(), size -> contents(in, name, size));
        entry = in.getNextEntry();
      }
    } catch (IOException | RuntimeException e) {
      // The library answers some malformed archives with exceptions of the JVM.
      throw new TreeRefusedException(
          "the tar archive does not decode: " + Printable.of(String.valueOf(e.getMessage())), e);
    }
  }

  private static byte[] contents(TarArchiveInputStream in, String name, int size)
      throws TreeRefusedException {
    try {
      byte[] bytes = in.readNBytes(size);
      if (bytes.length < size) {
        throw new TreeRefusedException("the tar archive ends within " + Printable.of(name));
      }
      return bytes;
    } catch (IOException e) {
      throw new TreeRefusedException("the tar archive ends within " + Printable.of(name), e);
    }
  }

  private static String kind(TarArchiveEntry entry) {
    if (entry.isSparse()) {
      return "a sparse file";
    }
    return switch (entry.getLinkFlag()) {
      case TarConstants.LF_NORMAL, TarConstants.LF_OLDNORM ->
          entry.isDirectory() ? DIRECTORY : FILE;
      case TarConstants.LF_DIR -> DIRECTORY;
      case TarConstants.LF_SYMLINK -> "a symbolic link";
      case TarConstants.LF_LINK -> "a hard link";
      case TarConstants.LF_CHR, TarConstants.LF_BLK -> "a device";
      case TarConstants.LF_FIFO -> "a pipe";
      default -> "an entry of type " + Printable.of(String.valueOf((char) entry.getLinkFlag()));
    };
  }

  static final String FILE = "a file";
  static final String DIRECTORY = "a directory";

  /** Adds an entry, or says why not. */
  private void add(String name, String kind, long size, Contents contents)
      throws TreeRefusedException {
    if (!kind.equals(FILE) && !kind.equals(DIRECTORY)) {
      throw refused(name, "is " + kind + "; only files and directories are taken");
    }
    boolean directory = kind.equals(DIRECTORY);
    List<String> path = path(name, directory);
    if (path.isEmpty()) {
      return;
    }
    if (directory) {
      if (!tree.addDirectory(path)) {
        throw refused(name, "is in the archive twice, or below a file");
      }
    } else {
      if (size < 0 || size > limits.contentBytes() - contentBytes) {
        throw refused(
            name,
            "has "
                + size
                + " bytes, with which the tree has more than the "
                + limits.contentBytes()
                + " that are taken");
      }
      contentBytes += size;
      if (!tree.addFile(path, contents.read((int) size))) {
        throw refused(name, "is in the archive twice, or below a file");
      }
    }
    if (tree.entries() > limits.entries()) {
      throw refused(
          name, "is one more than the " + limits.entries() + " files and directories taken");
    }
  }

  private static TreeRefusedException refused(String name, String why) {
    return new TreeRefusedException("the entry " + Printable.of(name) + " " + why);
  }

  /** The names of a path; none for the root, which archives of a folder begin with. */
  private List<String> path(String name, boolean directory) throws TreeRefusedException {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > limits.pathBytes()) {
      throw new TreeRefusedException(
          "the entry "
              + Printable.of(name.substring(0, 64))
              + "… has a path of "
              + bytes
              + " bytes; at most "
              + limits.pathBytes()
              + " are taken");
    }
    checkCharacters(name);
    String relative = name.startsWith("./") ? name.substring(2) : name;
    if (directory && relative.endsWith("/")) {
      relative = relative.substring(0, relative.length() - 1);
    }
    if (directory && (relative.isEmpty() || relative.equals("."))) {
      if (!name.startsWith(".")) {
        throw refused(name, "has an absolute or empty path; paths are relative");
      }
      return List.of();
    }
    if (relative.startsWith("/")) {
      throw refused(name, "has an absolute path; paths are relative");
    }
    List<String> path = new ArrayList<>();
    for (String part : relative.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        throw refused(name, "has " + (part.isEmpty() ? "an empty name" : part) + " in its path");
      }
      if (part.getBytes(StandardCharsets.UTF_8).length > WasiPath.MOST_NAME_BYTES) {
        throw refused(name, "has a name of more than " + WasiPath.MOST_NAME_BYTES + " bytes");
      }
      path.add(part);
    }
    if (path.size() > limits.depth()) {
      throw refused(
          name, "is " + path.size() + " names deep; at most " + limits.depth() + " are taken");
    }
    return path;
  }

  private static void checkCharacters(String name) throws TreeRefusedException {
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (c == '\\' || c < ' ' || c == 0x7F) {
        throw refused(name, "has a backslash or a control character in its path, at " + i);
      }
      // What the tar library puts where it could not decode.
      if (c == '\uFFFD' || (Character.isSurrogate(c) && !isPair(name, i))) {
        throw refused(name, "has a path that is not UTF-8, at " + i);
      }
    }
  }

  private static boolean isPair(String name, int at) {
    char c = name.charAt(at);
    return Character.isHighSurrogate(c)
        ? at + 1 < name.length() && Character.isLowSurrogate(name.charAt(at + 1))
        : at > 0 && Character.isHighSurrogate(name.charAt(at - 1));
  }
}
