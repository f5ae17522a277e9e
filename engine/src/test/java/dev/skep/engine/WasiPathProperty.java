package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Paths of an enemy, and random ones against a plain model. */
class WasiPathProperty {
  private static final int PATHS = 200_000;

  /** {@code a/b/c} and {@code a/file}, {@code file}; below the root that is opened, not at it. */
  private final WasiTree tree = tree();

  private static WasiTree tree() {
    WasiTree.Builder builder = new WasiTree.Builder();
    builder.addFile(List.of("secret"), new byte[3]);
    builder.addDirectory(List.of("open", "a", "b", "c"));
    builder.addFile(List.of("open", "a", "file"), new byte[5]);
    builder.addFile(List.of("open", "file"), new byte[7]);
    return builder.build();
  }

  private WasiNode.Directory base() {
    return (WasiNode.Directory) Objects.requireNonNull(tree.root().child("open"));
  }

  private int errno(byte[] path) {
    try {
      WasiPath.resolve(base(), path).existing();
      return WasiErrno.SUCCESS;
    } catch (WasiError e) {
      return e.errno();
    }
  }

  private int errno(String path) {
    return errno(path.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void ordinaryPathsLeadWhereTheySay() {
    for (String path :
        List.of(
            "file",
            "./file",
            "a",
            "a/",
            "a//",
            "a/file",
            "a//file",
            "a/./file",
            "a/b/../file",
            "a/b/c/../../file",
            "a/../file",
            ".",
            "./",
            "a/..",
            "a/b/..",
            "a/../a/file")) {
      assertThat(errno(path)).as(path).isZero();
    }
    WasiPath.Place place = WasiPath.resolve(base(), "a/new".getBytes(StandardCharsets.UTF_8));
    assertThat(place.name()).isEqualTo("new");
    assertThat(place.node()).isNull();
  }

  @Test
  void noTrickLeadsOut() {
    for (String path :
        List.of(
            "..",
            "../",
            "../secret",
            "a/../../secret",
            "a/b/../../../secret",
            "./../secret",
            "a/./.././../secret",
            ".//..//secret",
            "/",
            "/secret",
            "//secret",
            "/open/file",
            "../open/file",
            "a/../..")) {
      assertThat(errno(path)).as(path).isEqualTo(WasiErrno.NOTCAPABLE);
    }
    assertThat(errno("...")).isEqualTo(WasiErrno.NOENT);
    assertThat(errno("..\\secret")).isEqualTo(WasiErrno.NOENT);
    assertThat(errno("%2e%2e/secret")).isEqualTo(WasiErrno.NOENT);
  }

  @Test
  void aFileIsNoDirectory() {
    for (String path : List.of("file/", "file//", "file/.", "file/..", "file/x", "a/file/../b")) {
      assertThat(errno(path)).as(path).isEqualTo(WasiErrno.NOTDIR);
    }
    assertThat(errno("missing/..")).isEqualTo(WasiErrno.NOENT);
    assertThat(errno("")).isEqualTo(WasiErrno.NOENT);
  }

  @Test
  void whatIsNoTextIsRefused() {
    assertThat(errno("file\0")).isEqualTo(WasiErrno.ILSEQ);
    assertThat(errno("\0")).isEqualTo(WasiErrno.ILSEQ);
    // Overlong dot and slash, half a surrogate, a lone continuation, beyond Unicode, cut short.
    int[][] malformed = {
      {0xC0, 0xAE, 0xC0, 0xAE},
      {0xC0, 0xAF},
      {0xED, 0xA0, 0x80},
      {0x80},
      {0xFF},
      {0xF4, 0x90, 0x80, 0x80},
      {'a', 0xC3},
    };
    for (int[] bytes : malformed) {
      assertThat(errno(Wat.hex(bytes))).as(Arrays.toString(bytes)).isEqualTo(WasiErrno.ILSEQ);
    }
  }

  @Test
  void lengthsAreBounded() {
    assertThat(errno("x".repeat(255))).isEqualTo(WasiErrno.NOENT);
    assertThat(errno("x".repeat(256))).isEqualTo(WasiErrno.NAMETOOLONG);
    assertThat(errno("ü".repeat(127))).isEqualTo(WasiErrno.NOENT);
    assertThat(errno("ü".repeat(128))).isEqualTo(WasiErrno.NAMETOOLONG);
    assertThat(errno("./".repeat(2_046) + "file")).isZero();
    assertThat(errno("./".repeat(2_047) + "file")).isEqualTo(WasiErrno.NAMETOOLONG);
    assertThat(errno(new byte[5_000])).isEqualTo(WasiErrno.NAMETOOLONG);
  }

  @Test
  void randomPathsAgreeWithAPlainModelAndStayBelowTheBase() {
    long seed = Long.getLong("skep.seed", System.nanoTime());
    System.out.println("WasiPathProperty seed " + seed);
    Random random = new Random(seed);
    Set<Long> below = new HashSet<>();
    collect(base(), below);
    String[] parts = {"a", "b", "c", "file", "new", ".", "..", "", "..."};
    for (int i = 0; i < PATHS; i++) {
      List<String> chosen = new ArrayList<>();
      int count = 1 + random.nextInt(7);
      for (int j = 0; j < count; j++) {
        chosen.add(parts[random.nextInt(parts.length)]);
      }
      String path = String.join("/", chosen);
      byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
      int expected = model(chosen, path);
      assertThat(errno(bytes)).as("%s, seed %d", path, seed).isEqualTo(expected);
      if (expected == WasiErrno.SUCCESS) {
        WasiPath.Place place = WasiPath.resolve(base(), bytes);
        assertThat(below).as(path).contains(place.existing().inode(), place.parent().inode());
      }
    }
  }

  private static void collect(WasiNode node, Set<Long> inodes) {
    inodes.add(node.inode());
    if (node instanceof WasiNode.Directory directory) {
      for (WasiNode.Entry entry = directory.entry(0);
          entry != null;
          entry = directory.entry(entry.position() + 1)) {
        collect(entry.node(), inodes);
      }
    }
  }

  /** What POSIX says of a path within a root that nothing leads out of. */
  private int model(List<String> parts, String path) {
    if (path.isEmpty()) {
      return WasiErrno.NOENT;
    }
    if (path.startsWith("/")) {
      return WasiErrno.NOTCAPABLE;
    }
    Deque<WasiNode> walked = new ArrayDeque<>(List.of(base()));
    for (String part : parts) {
      // Whatever follows a name, even nothing behind a slash, needs a directory there.
      if (!(walked.peek() instanceof WasiNode.Directory here)) {
        return WasiErrno.NOTDIR;
      }
      if (part.equals("..")) {
        if (walked.size() == 1) {
          return WasiErrno.NOTCAPABLE;
        }
        walked.pop();
      } else if (!part.isEmpty() && !part.equals(".")) {
        WasiNode child = here.child(part);
        if (child == null) {
          return WasiErrno.NOENT;
        }
        walked.push(child);
      }
    }
    return WasiErrno.SUCCESS;
  }

  @Test
  void theErrorsHaveNoStackTraceToFill() {
    assertThatThrownBy(() -> WasiPath.resolve(base(), new byte[0]))
        .isInstanceOfSatisfying(
            WasiError.class, error -> assertThat(error.getStackTrace()).isEmpty());
  }
}
