package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.ModuleDigest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Artifacts on disk are whole or not there, and within their bound. */
class ArtifactDirectoryTest {
  /** What a file has besides its artifact. */
  private static final int HEADER = 40;

  @TempDir Path temp;
  private Instant now = Instant.ofEpochSecond(1_000_000);
  private @Nullable ArtifactDirectory opened;

  private ArtifactDirectory open(long mostBytes) {
    return ArtifactDirectory.open(temp.resolve("artifacts"), mostBytes, () -> now);
  }

  private ArtifactDirectory directory() {
    ArtifactDirectory mine = opened;
    if (mine == null) {
      mine = open(1_000);
      opened = mine;
    }
    return mine;
  }

  @AfterEach
  void end() {
    directory().close();
  }

  private void reopen(long mostBytes) {
    directory().close();
    opened = open(mostBytes);
  }

  private static ArtifactKey key(int i) {
    return new ArtifactKey(ModuleDigest.of(new byte[] {(byte) i}), "compiler");
  }

  private static byte[] artifact(int i, int length) {
    byte[] bytes = new byte[length];
    new Random(i).nextBytes(bytes);
    return bytes;
  }

  private void put(int i, int length) {
    now = now.plusSeconds(1);
    directory().put(key(i), artifact(i, length));
  }

  private boolean has(int i) {
    now = now.plusSeconds(1);
    return directory().get(key(i)).isPresent();
  }

  private List<Path> files() {
    try (Stream<Path> all = Files.list(temp.resolve("artifacts"))) {
      return all.filter(file -> !file.endsWith("lock")).sorted().toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void whatWasPutComesBackAsItWentAfterAStartToo() {
    assertThat(directory().get(key(1))).isEmpty();
    put(1, 100);
    put(2, 0);
    for (int round = 0; round < 2; round++) {
      assertThat(directory().get(key(1)).orElseThrow()).isEqualTo(artifact(1, 100));
      assertThat(directory().get(key(2)).orElseThrow()).isEmpty();
      assertThat(directory().stats().files()).isEqualTo(2);
      assertThat(directory().stats().bytes()).isEqualTo(100 + 2 * HEADER);
      reopen(1_000);
    }
    ArtifactKey other = new ArtifactKey(key(1).module(), "compiler-2");
    assertThat(directory().get(other)).isEmpty();
    directory().remove(key(1));
    assertThat(directory().get(key(1))).isEmpty();
    assertThat(files()).hasSize(1);
  }

  @Test
  void theOneUsedLongestAgoGoesFirst() {
    put(1, 200);
    put(2, 200);
    put(3, 200);
    assertThat(has(1)).isTrue();
    put(4, 300);
    assertThat(has(2)).isFalse();
    assertThat(has(1)).isTrue();
    assertThat(has(3)).isTrue();
    assertThat(has(4)).isTrue();
    assertThat(directory().stats())
        .isEqualTo(new ArtifactDirectoryStats(3, 700 + 3 * HEADER, 1_000, 4, 1, 1, 0, 0));
    assertThat(files()).hasSize(3);
    // The uses of before are known after a start.
    assertThat(has(1)).isTrue();
    reopen(1_000);
    put(5, 300);
    assertThat(has(3)).isFalse();
    assertThat(has(1)).isTrue();
  }

  @Test
  void aBoundThatIsLowerAfterAStartIsKept() {
    put(1, 200);
    put(2, 200);
    put(3, 200);
    reopen(500);
    assertThat(directory().stats().bytes()).isEqualTo(400 + 2 * HEADER);
    assertThat(has(1)).isFalse();
    assertThat(files()).hasSize(2);
    put(4, 500);
    assertThat(has(4)).isFalse();
    assertThat(has(3)).isTrue();
    reopen(0);
    assertThat(files()).isEmpty();
    put(5, 0);
    assertThat(files()).isEmpty();
    assertThatThrownBy(() -> open(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theSameArtifactPutAgainCountsOnce() {
    put(1, 100);
    put(1, 100);
    assertThat(directory().stats().files()).isEqualTo(1);
    assertThat(directory().stats().bytes()).isEqualTo(100 + HEADER);
    assertThat(files()).hasSize(1);
  }

  @Test
  void anyDamageIsToldAndTheFileDropped() throws IOException {
    Random random = new Random(11);
    for (int i = 0; i < 200; i++) {
      put(1, 60);
      Path file = files().getFirst();
      byte[] content = Files.readAllBytes(file);
      int at = i < content.length ? i : random.nextInt(content.length);
      content[at] ^= (byte) (1 << random.nextInt(8));
      Files.write(file, content);
      assertThat(directory().get(key(1))).isEmpty();
      assertThat(files()).isEmpty();
      assertThat(directory().stats().corrupt()).isEqualTo(i + 1);
      assertThat(directory().stats().bytes()).isZero();
    }
    for (int length : new int[] {0, 7, HEADER - 1, HEADER, HEADER + 59, HEADER + 61}) {
      put(1, 60);
      Path file = files().getFirst();
      Files.write(file, Arrays.copyOf(Files.readAllBytes(file), length));
      assertThat(has(1)).isFalse();
      put(1, 60);
      Files.write(file, Arrays.copyOf(Files.readAllBytes(file), length));
      // The books of a start have the length that is there.
      reopen(1_000);
      assertThat(has(1)).isFalse();
      assertThat(files()).isEmpty();
    }
  }

  @Test
  void aFileUnderAnothersNameIsNone() throws IOException {
    put(1, 60);
    Path first = files().getFirst();
    put(2, 60);
    Path second = files().stream().filter(file -> !file.equals(first)).findFirst().orElseThrow();
    Files.copy(first, second, StandardCopyOption.REPLACE_EXISTING);
    assertThat(has(2)).isFalse();
    assertThat(has(1)).isTrue();
    assertThat(directory().stats().corrupt()).isEqualTo(1);
  }

  @Test
  void whatAProcessDiedOverIsClearedAndStrangeFilesAreLeftAlone() throws IOException {
    put(1, 60);
    String name = String.valueOf(files().getFirst().getFileName());
    Path part = temp.resolve("artifacts").resolve(name.substring(0, 64) + ".7.part");
    Files.write(part, new byte[10]);
    Path strange = temp.resolve("artifacts").resolve("notes.txt");
    Files.write(strange, "mine".getBytes(UTF_8));
    reopen(1_000);
    assertThat(part).doesNotExist();
    assertThat(strange).exists();
    assertThat(directory().stats().files()).isEqualTo(1);
    assertThat(has(1)).isTrue();
  }

  @Test
  void aFileThatIsGoneIsAMissAndADirectoryThatIsGoneAFailure() throws IOException {
    put(1, 60);
    Files.delete(files().getFirst());
    assertThat(has(1)).isFalse();
    put(1, 60);
    assertThat(has(1)).isTrue();
    for (Path file : files()) {
      Files.delete(file);
    }
    Files.delete(temp.resolve("artifacts").resolve("lock"));
    Files.delete(temp.resolve("artifacts"));
    put(2, 60);
    assertThat(has(2)).isFalse();
    assertThat(directory().stats().failures()).isEqualTo(1);
  }

  @Test
  void itBelongsToOneProcess() {
    put(1, 1);
    assertThatThrownBy(() -> open(1_000)).isInstanceOf(DirectoryInUseException.class);
  }

  @Test
  void manyThreadsKeepTheBooks() throws Exception {
    ArtifactDirectory shared = directory();
    List<Callable<Boolean>> work = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      int which = i % 7;
      boolean puts = i % 3 == 0;
      work.add(() -> {
        if (puts) {
          shared.put(key(which), artifact(which, 150 + which));
          return true;
        }
        Optional<byte[]> read = shared.get(key(which));
        return read.isEmpty() || Arrays.equals(read.get(), artifact(which, 150 + which));
      });
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (Future<Boolean> each : threads.invokeAll(work)) {
        assertThat(each.get()).isTrue();
      }
    }
    long there = 0;
    for (Path file : files()) {
      there += Files.size(file);
    }
    ArtifactDirectoryStats stats = directory().stats();
    assertThat(stats.bytes()).isEqualTo(there).isLessThanOrEqualTo(1_000);
    assertThat(stats.files()).isEqualTo(files().size());
    assertThat(stats.corrupt()).isZero();
    assertThat(stats.failures()).isZero();
  }
}
