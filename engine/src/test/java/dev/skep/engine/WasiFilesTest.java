package dev.skep.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.LimitExceededException;
import dev.skep.limits.LimitKind;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The functions of files and directories, one after another in a run of their own. */
class WasiFilesTest {
  private static final int TREE = 3;
  private static final int SCRATCH = 4;
  private static final int CREATE = 1;
  private static final int DIRECTORY = 2;
  private static final int EXCLUSIVE = 4;
  private static final int TRUNCATE = 8;
  private static final int P = WasiBench.PATH;
  private static final int R = WasiBench.RESULT;
  private static final int V = WasiBench.VECTORS;
  private static final int D = WasiBench.DATA;
  private static final long[] WILD = {65_536, 0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFFFL};

  private static final WasiGrants GRANTS =
      WasiGrants.NONE
          .withTree("/data")
          .withScratch(new ScratchGrant("/tmp", 64 << 10, 20))
          .with(WasiGrant.CLOCK)
          .with(WasiGrant.MONOTONIC_CLOCK);

  private static Guests guests;
  private static CompiledModule module;
  private static WasiTree tree;

  @BeforeAll
  static void open() {
    guests = new Guests();
    module = guests.compile(Wat.bytes("files"));
    WasiTree.Builder builder = new WasiTree.Builder();
    builder.addFile(List.of("hello"), "hello, world".getBytes(UTF_8));
    builder.addFile(List.of("sub", "deep"), new byte[20_000]);
    builder.addDirectory(List.of("empty"));
    tree = builder.build();
  }

  @AfterAll
  static void close() {
    assertThat(guests.pool.stats().leased()).isZero();
    guests.close();
  }

  private static WasiBench bench() {
    return new WasiBench(guests, module, GRANTS, tree);
  }

  // ── What is preopened ─────────────────────────────────────────────────────────────────────

  @Test
  void grantedTreesArePreopenedWithTheirPaths() {
    try (WasiBench b = bench()) {
      assertThat(b.call("fd_prestat_get", TREE, R)).isZero();
      assertThat(b.memory.readLong(R)).isEqualTo(5L << 32);
      assertThat(b.call("fd_prestat_dir_name", TREE, D, 5)).isZero();
      assertThat(new String(b.memory.readBytes(D, 5), UTF_8)).isEqualTo("/data");
      assertThat(b.call("fd_prestat_dir_name", TREE, D, 4)).isEqualTo(WasiErrno.NAMETOOLONG);
      assertThat(b.call("fd_prestat_dir_name", SCRATCH, D, 0xFFFF_FFFFL)).isZero();
      assertThat(b.call("fd_prestat_get", 5, R)).isEqualTo(WasiErrno.BADF);
      assertThat(b.call("fd_prestat_get", 0, R)).isEqualTo(WasiErrno.BADF);
      for (long wild : WILD) {
        assertThat(b.call("fd_prestat_get", TREE, wild)).isEqualTo(WasiErrno.FAULT);
        assertThat(b.call("fd_prestat_dir_name", TREE, wild, 5)).isEqualTo(WasiErrno.FAULT);
      }
    }
  }

  @Test
  void withoutAGrantThereIsNoDirectoryAndThatIsTold() {
    try (WasiBench b = new WasiBench(guests, module, WasiGrants.NONE, tree)) {
      assertThat(b.call("fd_prestat_get", 3, R)).isEqualTo(WasiErrno.BADF);
      assertThat(b.open(3, "hello", 0)).isEqualTo(WasiErrno.BADF);
      assertThat(b.wasi.refused())
          .containsExactly(
              new RefusedCall("fd_prestat_get", WasiGrant.TREE),
              new RefusedCall("fd_prestat_get", WasiGrant.SCRATCH));
    }
  }

  // ── The tree ──────────────────────────────────────────────────────────────────────────────

  @Test
  void aFileOfTheTreeIsReadFromWhereOneIs() {
    try (WasiBench b = bench()) {
      int fd = b.opened(TREE, "hello");
      assertThat(b.read(fd, 5)).isEqualTo("hello");
      assertThat(b.call("fd_tell", fd, R)).isZero();
      assertThat(b.memory.readLong(R)).isEqualTo(5);
      assertThat(b.call("fd_seek", fd, 2, 1, R)).isZero();
      assertThat(b.read(fd, 100)).isEqualTo("world");
      assertThat(b.read(fd, 100)).isEmpty();
      assertThat(b.call("fd_seek", fd, -5, 2, R)).isZero();
      assertThat(b.read(fd, 100)).isEqualTo("world");
      b.vector(0, D, 3);
      b.vector(1, D + 10, 100);
      assertThat(b.call("fd_pread", fd, V, 2, 7, R)).isZero();
      assertThat(b.memory.readInt(R)).isEqualTo(5);
      assertThat(new String(b.memory.readBytes(D, 3), UTF_8)).isEqualTo("wor");
      assertThat(new String(b.memory.readBytes(D + 10, 2), UTF_8)).isEqualTo("ld");
      assertThat(b.call("fd_filestat_get", fd, R)).isZero();
      assertThat(b.memory.readLong(R + 32)).isEqualTo(12);
      assertThat(b.memory.read(R + 16)).isEqualTo((byte) WasiNode.FILE_TYPE);
      assertThat(b.call("fd_close", fd)).isZero();
      assertThat(b.call("fd_close", fd)).isEqualTo(WasiErrno.BADF);
    }
  }

  @Test
  void theTreeCannotBeChangedInAnyWay() {
    try (WasiBench b = bench()) {
      int no = WasiErrno.NOTCAPABLE;
      assertThat(b.open(TREE, "new", CREATE)).isEqualTo(no);
      assertThat(b.open(TREE, "hello", TRUNCATE)).isEqualTo(no);
      assertThat(b.open(TREE, "hello", 0)).as("to write").isEqualTo(no);
      int fd = b.opened(TREE, "hello");
      assertThat(b.write(fd, "x")).isEqualTo(no);
      assertThat(b.call("fd_pwrite", fd, V, 1, 0, R)).isEqualTo(no);
      assertThat(b.call("fd_filestat_set_size", fd, 0)).isEqualTo(no);
      assertThat(b.call("fd_allocate", fd, 0, 1)).isEqualTo(no);
      assertThat(b.call("fd_fdstat_set_rights", fd, -1L, 0)).isEqualTo(no);
      int length = b.path("hello");
      assertThat(b.call("path_unlink_file", TREE, P, length)).isEqualTo(no);
      assertThat(b.call("path_remove_directory", TREE, P, b.path("empty"))).isEqualTo(no);
      assertThat(b.call("path_create_directory", TREE, P, b.path("new"))).isEqualTo(no);
      assertThat(b.call("path_rename", TREE, P, length, SCRATCH, P, length)).isEqualTo(no);
      assertThat(b.call("path_rename", SCRATCH, P, length, TREE, P, length)).isEqualTo(no);
      assertThat(b.call("path_link", TREE, 0, P, length, SCRATCH, P, length)).isEqualTo(no);
      assertThat(b.call("path_symlink", P, length, SCRATCH, P, length)).isEqualTo(no);
      assertThat(b.call("path_readlink", TREE, P, b.path("hello"), D, 9, R))
          .isEqualTo(WasiErrno.INVAL);
      assertThat(b.call("fd_seek", fd, 0, 0, R)).isZero();
      assertThat(b.read(fd, 100)).isEqualTo("hello, world");
    }
  }

  @Test
  void aRightThatWasGivenUpDoesNotComeBack() {
    try (WasiBench b = bench()) {
      int fd = b.created(SCRATCH, "f");
      assertThat(b.write(fd, "abc")).isZero();
      assertThat(b.call("fd_fdstat_set_rights", fd, WasiRights.FD_WRITE, 0)).isZero();
      assertThat(b.write(fd, "d")).isZero();
      b.vector(0, D, 1);
      assertThat(b.call("fd_read", fd, V, 1, R)).isEqualTo(WasiErrno.NOTCAPABLE);
      assertThat(b.call("fd_seek", fd, 0, 0, R)).isEqualTo(WasiErrno.NOTCAPABLE);
      assertThat(b.call("fd_fdstat_set_rights", fd, WasiRights.FD_READ, 0))
          .isEqualTo(WasiErrno.NOTCAPABLE);
      // A directory that passes no writing on.
      long read = WasiRights.READ_DIRECTORY | WasiRights.READ_FILE;
      assertThat(b.call("fd_fdstat_set_rights", SCRATCH, WasiRights.WRITE_DIRECTORY, read))
          .isZero();
      assertThat(b.open(SCRATCH, "f", 0)).isEqualTo(WasiErrno.NOTCAPABLE);
      assertThat(b.call("fd_fdstat_get", b.opened(SCRATCH, "f"), R)).isZero();
      assertThat(b.memory.readLong(R + 8) & WasiRights.FD_WRITE).isZero();
    }
  }

  @Test
  void aStreamTooCanBeGivenUp() {
    try (WasiBench b = bench()) {
      assertThat(b.call("fd_fdstat_set_rights", 1, 0, 0)).isZero();
      assertThat(b.write(1, "x")).isEqualTo(WasiErrno.NOTCAPABLE);
      assertThat(b.call("fd_fdstat_set_rights", 0, WasiRights.POLL_FD_READWRITE, 0)).isZero();
      b.vector(0, D, 1);
      assertThat(b.call("fd_read", 0, V, 1, R)).isEqualTo(WasiErrno.NOTCAPABLE);
      assertThat(b.write(0, "x")).isEqualTo(WasiErrno.BADF);
      assertThat(b.write(2, "x")).isZero();
    }
  }

  // ── What takes long ───────────────────────────────────────────────────────────────────────

  /** As many as its memory holds, of which each is nothing. */
  private static void empties(WasiBench b) {
    b.memory.write(0, new byte[65_536]);
    assertThat(b.call("fd_write", 2, 0, 8_191, 65_528)).isZero();
  }

  private static void subscriptions(WasiBench b) {
    for (int i = 0; i < 1_365; i++) {
      b.memory.write(48 * i, new byte[48]);
      b.memory.writeI32(48 * i + 16, 1);
    }
    assertThat(b.call("poll_oneoff", 0, 0, 1_365, 65_528)).isZero();
  }

  /** The clock is looked at all the while, and a run that is to stop then does. */
  @Test
  void aCallThatTakesLongStopsWithinIt() {
    for (Consumer<WasiBench> call :
        List.<Consumer<WasiBench>>of(WasiFilesTest::empties, WasiFilesTest::subscriptions)) {
      try (WasiBench b = bench()) {
        AtomicInteger looks = new AtomicInteger();
        b.memory.onSlice((_, _) -> {
          looks.incrementAndGet();
          return 0;
        });
        call.accept(b);
        assertThat(looks.get()).isGreaterThanOrEqualTo(7);
      }
      try (WasiBench b = bench()) {
        AtomicInteger looks = new AtomicInteger();
        b.memory.onSlice((_, _) -> {
          if (looks.incrementAndGet() == 4) {
            b.memory.cancel(b.memory.upcomingRun() - 1);
          }
          return 0;
        });
        assertThatThrownBy(() -> call.accept(b))
            .isInstanceOfSatisfying(
                LimitExceededException.class,
                limit -> assertThat(limit.kind()).isEqualTo(LimitKind.CANCELLED));
        assertThat(looks.get()).isEqualTo(4);
      }
    }
  }

  // ── Scratch space ─────────────────────────────────────────────────────────────────────────

  @Test
  void whatIsWrittenIsReadBack() {
    try (WasiBench b = bench()) {
      int fd = b.created(SCRATCH, "f");
      assertThat(b.write(fd, "one, ")).isZero();
      assertThat(b.write(fd, "two")).isZero();
      assertThat(b.call("fd_seek", fd, 0, 0, R)).isZero();
      assertThat(b.read(fd, 100)).isEqualTo("one, two");
      b.vector(0, D, b.put(D, "TWO".getBytes(UTF_8)));
      assertThat(b.call("fd_pwrite", fd, V, 1, 5, R)).isZero();
      assertThat(b.call("fd_filestat_set_size", fd, 7)).isZero();
      assertThat(b.call("fd_seek", fd, 0, 0, R)).isZero();
      assertThat(b.read(fd, 100)).isEqualTo("one, TW");
      assertThat(b.call("fd_filestat_set_size", fd, 9)).isZero();
      assertThat(b.read(fd, 100)).isEqualTo("\0\0");
      assertThat(b.open(SCRATCH, "f", 0, -1L, WasiDescriptor.APPEND)).isZero();
      int append = b.memory.readInt(R);
      assertThat(b.write(append, "!")).isZero();
      assertThat(b.read(fd, 100)).isEqualTo("!");
      assertThat(b.open(SCRATCH, "f", CREATE | EXCLUSIVE)).isEqualTo(WasiErrno.EXIST);
      assertThat(b.open(SCRATCH, "f", TRUNCATE)).isZero();
      assertThat(b.call("fd_filestat_get", fd, R)).isZero();
      assertThat(b.memory.readLong(R + 32)).isZero();
    }
  }

  @Test
  void holesReadAsZerosAndTakeNothing() {
    try (WasiBench b = bench()) {
      int fd = b.created(SCRATCH, "f");
      long before = b.budget.usedBytes();
      assertThat(b.call("fd_filestat_set_size", fd, 60_000)).isZero();
      assertThat(b.budget.usedBytes()).isEqualTo(before);
      b.vector(0, D, b.put(D, "x".getBytes(UTF_8)));
      assertThat(b.call("fd_pwrite", fd, V, 1, 50_000, R)).isZero();
      assertThat(b.budget.usedBytes()).isEqualTo(before + 4_096);
      assertThat(b.call("fd_seek", fd, 49_999, 0, R)).isZero();
      assertThat(b.read(fd, 3)).isEqualTo("\0x\0");
      assertThat(b.call("fd_filestat_set_size", fd, 10)).isZero();
      assertThat(b.budget.usedBytes()).isEqualTo(before);
    }
  }

  @Test
  void scratchSpaceIsBoundedInBytesEntriesAndDescriptors() {
    try (WasiBench b = bench()) {
      int fd = b.created(SCRATCH, "f");
      b.vector(0, 0, 60_000);
      assertThat(b.call("fd_write", fd, V, 1, R)).isZero();
      assertThat(b.memory.readInt(R)).isEqualTo(60_000);
      assertThat(b.call("fd_write", fd, V, 1, R)).as("the rest").isZero();
      assertThat(b.memory.readInt(R)).isEqualTo(65_536 - 60_000);
      assertThat(b.call("fd_write", fd, V, 1, R)).isEqualTo(WasiErrno.NOSPC);
      assertThat(b.call("fd_pwrite", fd, V, 1, Long.MAX_VALUE, R)).isEqualTo(WasiErrno.NOSPC);
      assertThat(b.call("fd_pwrite", fd, V, 1, -1L, R)).isEqualTo(WasiErrno.FBIG);
      assertThat(b.call("fd_filestat_set_size", fd, 65_537)).isEqualTo(WasiErrno.FBIG);
      assertThat(b.call("fd_filestat_set_size", fd, -1L)).isEqualTo(WasiErrno.FBIG);
      assertThat(b.call("fd_allocate", fd, 0, 65_537)).isEqualTo(WasiErrno.NOSPC);
      assertThat(b.call("fd_allocate", fd, Long.MAX_VALUE, Long.MAX_VALUE))
          .isEqualTo(WasiErrno.FBIG);
      int other = b.created(SCRATCH, "g");
      assertThat(b.write(other, "x")).as("no block is left").isEqualTo(WasiErrno.NOSPC);
      assertThat(b.call("path_unlink_file", SCRATCH, P, b.path("f"))).isZero();
      assertThat(b.write(other, "x")).as("still open").isEqualTo(WasiErrno.NOSPC);
      assertThat(b.call("fd_close", fd)).isZero();
      assertThat(b.write(other, "x")).isZero();

      int entries = 1;
      while (b.call("path_create_directory", SCRATCH, P, b.path("d" + entries)) == 0) {
        entries++;
      }
      assertThat(entries).isEqualTo(20);
      assertThat(b.call("path_create_directory", SCRATCH, P, b.path("more")))
          .isEqualTo(WasiErrno.NOSPC);
      assertThat(b.open(SCRATCH, "more", CREATE)).isEqualTo(WasiErrno.NOSPC);

      int open = 6;
      while (b.open(TREE, "hello", 0, 0, 0) == 0) {
        open++;
      }
      assertThat(open).isEqualTo(WasiDescriptors.MOST);
      assertThat(b.open(TREE, "hello", 0, 0, 0)).isEqualTo(WasiErrno.MFILE);
    }
  }

  @Test
  void theNodesShareIsBoundedTooAndGivenBack() {
    WasiGrants much = WasiGrants.NONE.withScratch(new ScratchGrant("/tmp", 16 << 20, 10));
    try (WasiBench b =
        new WasiBench(guests, module, much, WasiTree.EMPTY, Guests.PLENTY, 3 * 4_096)) {
      int fd = b.created(3, "f");
      b.vector(0, 0, 20_000);
      assertThat(b.call("fd_write", fd, V, 1, R)).isZero();
      assertThat(b.memory.readInt(R)).isEqualTo(2 * 4_096);
    }
  }

  @Test
  void directoriesAreMadeMovedAndRemovedAsPosixSays() {
    try (WasiBench b = bench()) {
      assertThat(b.call("path_create_directory", SCRATCH, P, b.path("a"))).isZero();
      assertThat(b.call("path_create_directory", SCRATCH, P, b.path("a/b/"))).isZero();
      assertThat(b.call("path_create_directory", SCRATCH, P, b.path("a")))
          .isEqualTo(WasiErrno.EXIST);
      assertThat(b.call("path_create_directory", SCRATCH, P, b.path(".")))
          .isEqualTo(WasiErrno.EXIST);
      assertThat(b.call("path_create_directory", SCRATCH, P, b.path("x/y")))
          .isEqualTo(WasiErrno.NOENT);
      assertThat(b.call("fd_close", b.created(SCRATCH, "a/f"))).isZero();
      assertThat(b.open(SCRATCH, "a/new/", CREATE)).isEqualTo(WasiErrno.ISDIR);
      assertThat(b.open(SCRATCH, "a/f/", 0)).isEqualTo(WasiErrno.NOTDIR);
      assertThat(b.open(SCRATCH, "a/f", DIRECTORY)).isEqualTo(WasiErrno.NOTDIR);
      assertThat(b.open(SCRATCH, "a", 0)).as("to write").isEqualTo(WasiErrno.ISDIR);
      assertThat(b.open(SCRATCH, "a", CREATE | DIRECTORY)).isEqualTo(WasiErrno.INVAL);
      assertThat(rename(b, "a", "a/b/c")).as("below itself").isEqualTo(WasiErrno.INVAL);
      assertThat(rename(b, "a", "a")).isZero();
      assertThat(rename(b, "a/f", "a/b")).isEqualTo(WasiErrno.ISDIR);
      assertThat(rename(b, "a/b", "a/f")).isEqualTo(WasiErrno.NOTDIR);
      assertThat(rename(b, "a/b", "a")).isEqualTo(WasiErrno.NOTEMPTY);
      assertThat(rename(b, "a/f", "a/g/")).isEqualTo(WasiErrno.NOTDIR);
      assertThat(rename(b, "none", "x")).isEqualTo(WasiErrno.NOENT);
      assertThat(rename(b, "a/.", "x")).isEqualTo(WasiErrno.INVAL);
      assertThat(rename(b, "a/f", "a/b/g")).isZero();
      assertThat(b.call("path_remove_directory", SCRATCH, P, b.path("a/b")))
          .isEqualTo(WasiErrno.NOTEMPTY);
      assertThat(b.call("path_remove_directory", SCRATCH, P, b.path("a/b/g")))
          .isEqualTo(WasiErrno.NOTDIR);
      assertThat(b.call("path_remove_directory", SCRATCH, P, b.path("a/.")))
          .isEqualTo(WasiErrno.INVAL);
      assertThat(b.call("path_unlink_file", SCRATCH, P, b.path("a/b"))).isEqualTo(WasiErrno.ISDIR);
      assertThat(b.call("path_unlink_file", SCRATCH, P, b.path("a/b/g/")))
          .isEqualTo(WasiErrno.NOTDIR);
      int open = b.opened(SCRATCH, "a/b");
      assertThat(b.call("path_unlink_file", open, P, b.path("g"))).isZero();
      assertThat(b.call("path_unlink_file", open, P, b.path("../../a")))
          .isEqualTo(WasiErrno.NOTCAPABLE);
      assertThat(b.call("path_remove_directory", SCRATCH, P, b.path("a/b"))).isZero();
      // Removed and still open: nothing can be made in it any more.
      assertThat(b.open(open, "late", CREATE)).isEqualTo(WasiErrno.NOENT);
      assertThat(b.call("path_create_directory", open, P, b.path("late")))
          .isEqualTo(WasiErrno.NOENT);
    }
  }

  private static int rename(WasiBench b, String from, String to) {
    int length = b.path(from);
    int newLength = b.put(WasiBench.PATH2, to.getBytes(UTF_8));
    return b.call("path_rename", SCRATCH, P, length, SCRATCH, WasiBench.PATH2, newLength);
  }

  // ── Listing ───────────────────────────────────────────────────────────────────────────────

  /** Reads a directory through a buffer of this size, as a C library does. */
  private static List<String> list(WasiBench b, int fd, int bufferBytes) {
    List<String> names = new ArrayList<>();
    long cookie = 0;
    while (true) {
      assertThat(b.call("fd_readdir", fd, D, bufferBytes, cookie, R)).isZero();
      int used = b.memory.readInt(R);
      int at = 0;
      while (at + 24 <= used && at + 24 + b.memory.readInt(D + at + 16) <= used) {
        int length = b.memory.readInt(D + at + 16);
        cookie = b.memory.readLong(D + at);
        names.add(
            new String(b.memory.readBytes(D + at + 24, length), UTF_8)
                + (b.memory.read(D + at + 20) == WasiNode.DIRECTORY_TYPE ? "/" : ""));
        at += 24 + length;
      }
      if (used < bufferBytes) {
        return names;
      }
    }
  }

  @Test
  void aDirectoryIsListedWholeThroughAnyBuffer() {
    try (WasiBench b = bench()) {
      for (int bytes : new int[] {30, 31, 64, 1_000}) {
        assertThat(list(b, TREE, bytes)).containsExactly("./", "../", "empty/", "hello", "sub/");
      }
      for (int i = 0; i < 10; i++) {
        b.call("fd_close", b.created(SCRATCH, "f" + i));
      }
      assertThat(list(b, SCRATCH, 40)).hasSize(12).contains("f0", "f9");
      assertThat(b.call("fd_readdir", TREE, D, 100, -1L, R)).isEqualTo(WasiErrno.INVAL);
      assertThat(b.call("fd_readdir", TREE, D, 100, Long.MAX_VALUE, R)).isZero();
      assertThat(b.memory.readInt(R)).isZero();
      assertThat(b.call("fd_readdir", b.opened(TREE, "hello"), D, 100, 0, R))
          .isEqualTo(WasiErrno.NOTDIR);
    }
  }

  @Test
  void whatIsRemovedWhileItIsListedHidesNothing() {
    try (WasiBench b = bench()) {
      for (int i = 0; i < 10; i++) {
        b.call("fd_close", b.created(SCRATCH, "f" + i));
      }
      long cookie = 2;
      int removed = 0;
      while (true) {
        assertThat(b.call("fd_readdir", SCRATCH, D, 26, cookie, R)).isZero();
        if (b.memory.readInt(R) < 26) {
          break;
        }
        cookie = b.memory.readLong(D);
        byte[] name = b.memory.readBytes(D + 24, 2);
        assertThat(b.call("path_unlink_file", SCRATCH, P, b.put(P, name))).isZero();
        removed++;
      }
      assertThat(removed).isEqualTo(10);
    }
  }

  // ── Descriptors ───────────────────────────────────────────────────────────────────────────

  @Test
  void descriptorsCanBeRenumberedOverOpenOnes() {
    try (WasiBench b = bench()) {
      int file = b.created(SCRATCH, "out");
      assertThat(b.call("fd_renumber", file, 1)).isZero();
      assertThat(b.write(1, "to the file")).isZero();
      assertThat(b.wasi.stdout()).isEmpty();
      assertThat(b.call("fd_renumber", file, 1)).isEqualTo(WasiErrno.BADF);
      assertThat(b.call("fd_renumber", 1, 40)).isEqualTo(WasiErrno.BADF);
      assertThat(b.call("fd_renumber", 1, 0xFFFF_FFFFL)).isEqualTo(WasiErrno.BADF);
      assertThat(b.call("fd_renumber", 2, 1)).isZero();
      assertThat(b.write(1, "error")).isZero();
      assertThat(new String(b.wasi.stderr(), UTF_8)).isEqualTo("error");
      assertThat(b.call("fd_renumber", 1, 1)).isZero();
    }
  }

  @Test
  void whatIsNotAFileIsToldApart() {
    try (WasiBench b = bench()) {
      b.vector(0, D, 1);
      assertThat(b.call("fd_read", TREE, V, 1, R)).isEqualTo(WasiErrno.ISDIR);
      assertThat(b.call("fd_write", SCRATCH, V, 1, R)).isEqualTo(WasiErrno.ISDIR);
      assertThat(b.call("fd_seek", TREE, 0, 0, R)).isEqualTo(WasiErrno.BADF);
      assertThat(b.call("fd_pread", 0, V, 1, 0, R)).isEqualTo(WasiErrno.SPIPE);
      assertThat(b.call("fd_pwrite", 1, V, 1, 0, R)).isEqualTo(WasiErrno.SPIPE);
      assertThat(b.open(0, "x", 0)).isEqualTo(WasiErrno.NOTDIR);
      int fd = b.opened(TREE, "hello");
      assertThat(b.open(fd, "x", 0)).isEqualTo(WasiErrno.NOTDIR);
      assertThat(b.call("fd_seek", fd, -1, 0, R)).isEqualTo(WasiErrno.INVAL);
      assertThat(b.call("fd_seek", fd, 0, 3, R)).isEqualTo(WasiErrno.INVAL);
      assertThat(b.call("fd_seek", fd, Long.MAX_VALUE, 2, R)).isEqualTo(WasiErrno.INVAL);
      assertThat(b.call("fd_seek", fd, Long.MAX_VALUE, 0, R)).isZero();
      assertThat(b.read(fd, 10)).isEmpty();
      assertThat(b.call("fd_advise", fd, 0, 0, 5)).isZero();
      assertThat(b.call("fd_advise", fd, 0, 0, 6)).isEqualTo(WasiErrno.INVAL);
      assertThat(b.call("fd_sync", fd)).isZero();
      assertThat(b.call("fd_datasync", 63)).isEqualTo(WasiErrno.BADF);
      assertThat(b.call("fd_fdstat_set_flags", fd, 32)).isEqualTo(WasiErrno.INVAL);
      assertThat(b.call("sock_shutdown", fd, 0)).isEqualTo(WasiErrno.NOTSOCK);
      assertThat(b.call("fd_filestat_set_times", fd, 0, 0, 0)).isEqualTo(WasiErrno.NOTSUP);
    }
  }

  // ── Lengths of an enemy ───────────────────────────────────────────────────────────────────

  @Test
  void everyPointerAndLengthOutsideTheMemoryIsAFaultAndAllocatesNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (WasiBench b = bench()) {
      int read = b.opened(TREE, "sub/deep");
      int write = b.created(SCRATCH, "f");
      askForTheWild(b, read, write);
      long before = threads.getCurrentThreadAllocatedBytes();
      askForTheWild(b, read, write);
      assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(1 << 20);
      assertThat(b.call("fd_filestat_get", write, R)).isZero();
      assertThat(b.memory.readLong(R + 32)).as("nothing was written").isZero();
    }
  }

  private static void askForTheWild(WasiBench b, int read, int write) {
    int fault = WasiErrno.FAULT;
    int length = b.path("hello");
    for (long wild : WILD) {
      for (long fd : new long[] {read, write}) {
        String call = fd == read ? "fd_read" : "fd_write";
        assertThat(b.call(call, fd, wild, 1, R)).isEqualTo(fault);
        assertThat(b.call(call, fd, V, wild, R)).isEqualTo(fault);
        assertThat(b.call(call, fd, V, 0, wild)).isEqualTo(fault);
        b.vector(0, wild, 10);
        assertThat(b.call(call, fd, V, 1, R)).isEqualTo(fault);
        assertThat(b.call(fd == read ? "fd_pread" : "fd_pwrite", fd, V, 1, 0, R)).isEqualTo(fault);
      }
      b.vector(0, 1, wild);
      assertThat(b.call("fd_write", write, V, 1, R)).isEqualTo(fault);
      assertThat(b.call("fd_pwrite", write, V, 1, 0, R)).isEqualTo(fault);
      for (String call : List.of("path_unlink_file", "path_create_directory")) {
        assertThat(b.call(call, SCRATCH, wild, 1)).isEqualTo(fault);
        assertThat(b.call(call, SCRATCH, 1, wild)).isEqualTo(fault);
      }
      assertThat(b.call("path_open", TREE, 0, wild, 1, 0, 0, 0, 0, R)).isEqualTo(fault);
      assertThat(b.call("path_open", TREE, 0, 1, wild, 0, 0, 0, 0, R)).isEqualTo(fault);
      assertThat(b.call("path_open", TREE, 0, P, length, 0, 0, 0, 0, wild)).isEqualTo(fault);
      assertThat(b.call("path_filestat_get", TREE, 0, P, length, wild)).isEqualTo(fault);
      assertThat(b.call("path_rename", SCRATCH, P, length, SCRATCH, wild, 1)).isIn(fault, 44);
      assertThat(b.call("fd_readdir", TREE, wild, 10, 0, R)).isEqualTo(fault);
      assertThat(b.call("fd_readdir", TREE, 1, wild, 0, R)).isEqualTo(fault);
      assertThat(b.call("fd_readdir", TREE, D, 10, 0, wild)).isEqualTo(fault);
      assertThat(b.call("fd_seek", read, 0, 0, wild)).isEqualTo(fault);
      assertThat(b.call("fd_tell", read, wild)).isEqualTo(fault);
      assertThat(b.call("poll_oneoff", wild, 0, 1, R)).isEqualTo(fault);
      assertThat(b.call("poll_oneoff", 0, wild, 1, R)).isEqualTo(fault);
      assertThat(b.call("poll_oneoff", 0, 0, wild, R)).isEqualTo(fault);
      assertThat(b.call("poll_oneoff", 0, 0, 1, wild)).isEqualTo(fault);
    }
    assertThat(b.call("path_open", TREE, 0, 0, 4_097, 0, 0, 0, 0, R))
        .isEqualTo(WasiErrno.NAMETOOLONG);
  }

  @Test
  void whatIsMovedIsPaidForByTheByte() {
    try (WasiBench b = bench()) {
      int deep = b.opened(TREE, "sub/deep");
      long before = b.memory.fuelConsumed();
      assertThat(b.read(deep, 1_000)).hasSize(1_000);
      assertThat(b.memory.fuelConsumed() - before).isEqualTo(FuelCosts.HOST_CALL + 1_001);
      before = b.memory.fuelConsumed();
      assertThat(b.open(TREE, "././././hello", 0, 0, 0)).isZero();
      assertThat(b.memory.fuelConsumed() - before)
          .isEqualTo(FuelCosts.HOST_CALL + 13 * FuelCosts.HOST_COMPUTED_BYTE);
      int fd = b.created(SCRATCH, "f");
      before = b.memory.fuelConsumed();
      assertThat(b.write(fd, "x")).isZero();
      assertThat(b.memory.fuelConsumed() - before)
          .as("a new block")
          .isEqualTo(FuelCosts.HOST_CALL + 4_097);
      before = b.memory.fuelConsumed();
      assertThat(b.write(fd, "x")).isZero();
      assertThat(b.memory.fuelConsumed() - before).isEqualTo(FuelCosts.HOST_CALL + 2);
    }
    try (WasiBench b =
        new WasiBench(guests, module, GRANTS, tree, Guests.PLENTY.withFuel(10_000), 1L << 20)) {
      int deep = b.opened(TREE, "sub/deep");
      b.vector(0, D, 20_000);
      assertThatThrownBy(() -> b.call("fd_read", deep, V, 1, R))
          .isInstanceOfSatisfying(
              LimitExceededException.class,
              limit -> assertThat(limit.kind()).isEqualTo(LimitKind.FUEL));
    }
  }

  // ── Waiting ───────────────────────────────────────────────────────────────────────────────

  private static void subscribe(WasiBench b, int number, int tag, long id, long nanos, int flags) {
    int at = P + 48 * number;
    b.memory.write(at, new byte[48]);
    b.memory.writeLong(at, 100 + number);
    b.memory.writeByte(at + 8, (byte) tag);
    b.memory.writeI32(at + 16, (int) id);
    b.memory.writeLong(at + 24, nanos);
    b.memory.writeShort(at + 40, (short) flags);
  }

  private static long clock(WasiBench b, int id) {
    assertThat(b.call("clock_time_get", id, 0, R)).isZero();
    return b.memory.readLong(R);
  }

  @Test
  void sleepingTakesNoTimeAndMovesTheClocks() {
    try (WasiBench b = bench()) {
      long second = 1_000_000_000L;
      long monotonic = clock(b, 1);
      long real = clock(b, 0);
      subscribe(b, 0, 0, 1, 100 * second, 0);
      subscribe(b, 1, 0, 1, 50 * second, 0);
      subscribe(b, 2, 0, 0, real + 60 * second, 1);
      assertThat(b.call("poll_oneoff", P, D, 3, R)).isZero();
      assertThat(b.memory.readInt(R)).isEqualTo(1);
      assertThat(b.memory.readLong(D)).isEqualTo(101);
      assertThat(clock(b, 1) - monotonic).isBetween(50 * second, 100 * second);
      assertThat(clock(b, 0) - real).isGreaterThanOrEqualTo(49 * second);
      subscribe(b, 0, 1, 0, 0, 0);
      subscribe(b, 1, 0, 1, 50 * second, 0);
      subscribe(b, 2, 2, 63, 0, 0);
      assertThat(b.call("poll_oneoff", P, D, 3, R)).isZero();
      assertThat(b.memory.readInt(R)).as("the descriptors").isEqualTo(2);
      assertThat(b.memory.readShort(D + 32 + 8)).isEqualTo((short) WasiErrno.BADF);
      assertThat(b.call("poll_oneoff", P, D, 0, R)).isEqualTo(WasiErrno.INVAL);
      subscribe(b, 0, 3, 0, 0, 0);
      assertThat(b.call("poll_oneoff", P, D, 1, R)).isEqualTo(WasiErrno.INVAL);
      subscribe(b, 0, 0, 4, 0, 0);
      assertThat(b.call("poll_oneoff", P, D, 1, R)).isEqualTo(WasiErrno.INVAL);
      // The deadline of these runs is ten minutes.
      subscribe(b, 0, 0, 1, 600 * second, 0);
      assertThatThrownBy(() -> b.call("poll_oneoff", P, D, 1, R))
          .isInstanceOfSatisfying(
              LimitExceededException.class,
              limit -> assertThat(limit.kind()).isEqualTo(LimitKind.DEADLINE));
      subscribe(b, 0, 0, 1, -1L, 0);
      assertThatThrownBy(() -> b.call("poll_oneoff", P, D, 1, R))
          .isInstanceOf(LimitExceededException.class);
    }
  }

  @Test
  void waitingNeedsTheGrantOfTheClockThatIsWaitedFor() {
    try (WasiBench b = new WasiBench(guests, module, WasiGrants.NONE.with(WasiGrant.CLOCK), tree)) {
      subscribe(b, 0, 0, 1, 1, 0);
      assertThat(b.call("poll_oneoff", P, D, 1, R)).isEqualTo(WasiErrno.NOTCAPABLE);
      assertThat(b.wasi.refused())
          .containsExactly(new RefusedCall("poll_oneoff", WasiGrant.MONOTONIC_CLOCK));
      subscribe(b, 0, 0, 0, 1, 0);
      assertThat(b.call("poll_oneoff", P, D, 1, R)).isZero();
    }
  }
}
