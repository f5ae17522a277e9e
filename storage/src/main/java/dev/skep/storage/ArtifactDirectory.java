package dev.skep.storage;

import dev.skep.scheduler.ArtifactKey;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Artifacts in files of this node, so that a cold start asks no database. Only a cache: whatever is
 * wrong with it, an artifact is then not here.
 *
 * <pre>
 *   artifacts/
 *   ├─ lock                                 kept by the one process that uses the directory
 *   ├─ 6f0c…e1.artifact                     SHA-256 of the key, 64 digits
 *   └─ 91b2…07.17.part                      being written; deleted at the next start
 *
 *   a file:  │ SKEPFIL1 │ SHA-256 │ artifact … │
 * </pre>
 *
 * The hash is over the file's name and the artifact, so that a file under another name is none. A
 * file is written beside, forced to the disk and then renamed: whatever is there under its name is
 * whole, but for what a disk does to it later, which the hash tells.
 *
 * <p>When there is no room, files used longest ago go first; after a start, by the files' times,
 * which every use sets.
 *
 * <p>Thread-safe. Reading and writing block on the disk, and not on each other.
 */
public final class ArtifactDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ArtifactDirectory.class);

  private static final byte[] MAGIC = "SKEPFIL1".getBytes(StandardCharsets.US_ASCII);
  private static final int HASH_BYTES = 32;

  /** What a file has before its artifact. */
  static final int HEADER_BYTES = MAGIC.length + HASH_BYTES;

  private static final Pattern NAME = Pattern.compile("[0-9a-f]{64}\\.artifact");
  private static final String PART = ".part";

  /** The bound is from 0, which keeps nothing, to this many bytes. */
  public static final long MOST_BYTES = 1L << 40;

  private final Path directory;
  private final long mostBytes;
  private final InstantSource clock;
  private final DirectoryLock lock;

  /** Bytes of each file, the one used longest ago first; guarded by this. */
  private final LinkedHashMap<String, Long> files = new LinkedHashMap<>(16, 0.75f, true);

  private long bytes;
  private long parts;
  private long hits;
  private long misses;
  private long evictions;
  private long corrupt;
  private long failures;

  private ArtifactDirectory(
      Path directory, long mostBytes, InstantSource clock, DirectoryLock lock) {
    this.directory = directory;
    this.mostBytes = mostBytes;
    this.clock = clock;
    this.lock = lock;
  }

  /**
   * Opens a directory, which is made if there is none. Linear in its files.
   *
   * @param mostBytes of all files together, 0 to {@link #MOST_BYTES}
   * @param clock for the files' times
   * @throws DirectoryInUseException if another process uses it
   * @throws UncheckedIOException if it cannot be made or read
   */
  public static ArtifactDirectory open(Path directory, long mostBytes, InstantSource clock) {
    if (mostBytes < 0 || mostBytes > MOST_BYTES) {
      throw new IllegalArgumentException(
          "mostBytes is " + mostBytes + "; it must be from 0 to " + MOST_BYTES);
    }
    try {
      Files.createDirectories(directory);
      DirectoryLock lock = DirectoryLock.acquire(directory);
      boolean done = false;
      try {
        ArtifactDirectory opened = new ArtifactDirectory(directory, mostBytes, clock, lock);
        opened.readNames();
        done = true;
        return opened;
      } finally {
        if (!done) {
          lock.close();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the directory " + directory + " cannot be used", e);
    }
  }

  private record Found(String name, long bytes, FileTime used) {}

  private synchronized void readNames() throws IOException {
    List<Found> found = new ArrayList<>();
    try (Stream<Path> paths = Files.list(directory)) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        String name = String.valueOf(path.getFileName());
        if (NAME.matcher(name).matches()) {
          found.add(new Found(name, Files.size(path), Files.getLastModifiedTime(path)));
        } else if (name.endsWith(PART)) {
          // From a process that died while it wrote.
          Files.deleteIfExists(path);
        }
      }
    }
    found.sort(Comparator.comparing(Found::used).thenComparing(Found::name));
    for (Found each : found) {
      files.put(each.name, each.bytes);
      bytes += each.bytes;
    }
    delete(overflow(0));
  }

  private static String name(ArtifactKey key) {
    byte[] text = (key.module().hex() + ' ' + key.compiler()).getBytes(StandardCharsets.US_ASCII);
    return HexFormat.of().formatHex(SharedArtifacts.sha256(text)) + ".artifact";
  }

  private static byte[] hash(String name, byte[] content, int from) {
    MessageDigest sha = SharedArtifacts.sha256();
    sha.update(name.getBytes(StandardCharsets.US_ASCII));
    sha.update(content, from, content.length - from);
    return sha.digest();
  }

  /** An artifact as it was put, a fresh array, if it is here and whole. */
  public Optional<byte[]> get(ArtifactKey key) {
    Optional<byte[]> found =
        file(key).map(content -> Arrays.copyOfRange(content, HEADER_BYTES, content.length));
    if (found.isPresent()) {
      used(key);
    }
    return found;
  }

  /**
   * The whole file, a fresh array, if it is here and its hash is right; the artifact begins at
   * {@link #HEADER_BYTES}. For whoever waits: it is not copied, and {@link #used} is left to do.
   */
  Optional<byte[]> file(ArtifactKey key) {
    String name = name(key);
    Path file = directory.resolve(name);
    Long known = touched(name);
    if (known == null) {
      return Optional.empty();
    }
    byte[] content;
    try {
      content = read(file, known);
      if (content.length == 0) {
        return damaged(name, "it has another length than it was written with");
      }
    } catch (NoSuchFileException e) {
      gone(name, file);
      return Optional.empty();
    } catch (ClosedByInterruptException e) {
      // The node goes down. Nothing is wrong with the file.
      miss();
      return Optional.empty();
    } catch (IOException e) {
      return damaged(name, "it cannot be read: " + e.getMessage());
    }
    if (content.length < HEADER_BYTES
        || !MessageDigest.isEqual(head(content, 0, MAGIC.length), MAGIC)
        || !MessageDigest.isEqual(
            head(content, MAGIC.length, HASH_BYTES), hash(name, content, HEADER_BYTES))) {
      return damaged(name, "it is not what was written");
    }
    hit();
    return Optional.of(content);
  }

  /** All of a file; nothing if it has not as many bytes as it should. */
  private static byte[] read(Path file, long bytes) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer content = ByteBuffer.allocate(Math.toIntExact(bytes));
      boolean whole = channel.size() == bytes;
      while (whole && content.hasRemaining()) {
        whole = channel.read(content) >= 0;
      }
      return whole ? content.array() : new byte[0];
    }
  }

  /** Notes on the disk that an artifact was read just now, for the order after a start. */
  void used(ArtifactKey key) {
    try {
      Files.setLastModifiedTime(directory.resolve(name(key)), FileTime.from(clock.instant()));
    } catch (IOException e) {
      // Gone in the meantime, or it goes a little early one day.
      LOG.atDebug().setCause(e).log("the time of a file was not set");
    }
  }

  /** Another thread has needed the room just now; or somebody has deleted the file by hand. */
  private synchronized void gone(String name, Path file) {
    misses++;
    if (!Files.exists(file)) {
      forget(name);
    }
  }

  private static byte[] head(byte[] content, int from, int length) {
    byte[] part = new byte[length];
    System.arraycopy(content, from, part, 0, length);
    return part;
  }

  private synchronized @Nullable Long touched(String name) {
    Long known = files.get(name);
    if (known == null) {
      misses++;
    }
    return known;
  }

  private synchronized void hit() {
    hits++;
  }

  private synchronized void miss() {
    misses++;
  }

  private Optional<byte[]> damaged(String name, String why) {
    synchronized (this) {
      corrupt++;
      misses++;
      forget(name);
    }
    LOG.atWarn().addKeyValue("file", name).addKeyValue("because", why).log("a file is dropped");
    delete(List.of(name));
    return Optional.empty();
  }

  private void forget(String name) {
    Long known = files.remove(name);
    bytes -= known == null ? 0 : known;
  }

  /**
   * Keeps an artifact, if it fits. What cannot be written is not kept, and told in the log and the
   * figures only.
   */
  public void put(ArtifactKey key, byte[] artifact) {
    long needed = (long) HEADER_BYTES + artifact.length;
    if (needed > mostBytes) {
      return;
    }
    String name = name(key);
    Path part;
    synchronized (this) {
      part = directory.resolve(name.substring(0, 64) + '.' + parts++ + PART);
    }
    try {
      write(part, name, artifact);
      List<String> gone;
      synchronized (this) {
        // Renamed within the lock, so that what is counted and what is there do not part.
        Files.move(part, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        forget(name);
        gone = overflow(needed);
        files.put(name, needed);
        bytes += needed;
      }
      delete(gone);
      forceDirectory();
    } catch (IOException e) {
      synchronized (this) {
        failures++;
      }
      LOG.atWarn().setCause(e).addKeyValue("file", name).log("an artifact was not kept on disk");
      deletePart(part);
    }
  }

  private void write(Path part, String name, byte[] artifact) throws IOException {
    try (FileChannel channel =
        FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      ByteBuffer head = ByteBuffer.allocate(HEADER_BYTES);
      head.put(MAGIC).put(hash(name, artifact, 0)).flip();
      ByteBuffer[] all = {head, ByteBuffer.wrap(artifact)};
      while (all[1].hasRemaining() || head.hasRemaining()) {
        channel.write(all);
      }
      channel.force(true);
    }
    // The system's own time is of a few milliseconds, in which several are written.
    Files.setLastModifiedTime(part, FileTime.from(clock.instant()));
  }

  private void forceDirectory() throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static void deletePart(Path part) {
    try {
      Files.deleteIfExists(part);
    } catch (IOException e) {
      LOG.atWarn().setCause(e).addKeyValue("file", part).log("a file was not deleted");
    }
  }

  /** Takes out of the books what has to go so that {@code more} bytes fit; the oldest first. */
  private List<String> overflow(long more) {
    List<String> gone = new ArrayList<>();
    var oldest = files.entrySet().iterator();
    while (bytes + more > mostBytes && oldest.hasNext()) {
      Map.Entry<String, Long> file = oldest.next();
      bytes -= file.getValue();
      gone.add(file.getKey());
      oldest.remove();
      evictions++;
    }
    return gone;
  }

  /** Deletes files that are out of the books, unless they have been written again since. */
  private synchronized void delete(List<String> names) {
    for (String name : names) {
      if (!files.containsKey(name)) {
        deletePart(directory.resolve(name));
      }
    }
  }

  /** Drops an artifact, if it is here. */
  public void remove(ArtifactKey key) {
    String name = name(key);
    synchronized (this) {
      forget(name);
    }
    delete(List.of(name));
  }

  /** What is here and what was asked for. */
  public synchronized ArtifactDirectoryStats stats() {
    return new ArtifactDirectoryStats(
        files.size(), bytes, mostBytes, hits, misses, evictions, corrupt, failures);
  }

  /** Leaves the directory to others; the files stay. */
  @Override
  public void close() {
    try {
      lock.close();
    } catch (IOException e) {
      LOG.atWarn().setCause(e).log("the lock of a directory was not released");
    }
  }
}
