package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.engine.Artifact.Table;
import dev.skep.engine.ArtifactReading.Reason;
import dev.skep.engine.ArtifactReading.Refused;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What was written is read, and what is stale, damaged or impossible is not. */
class ArtifactTest {
  private static final String MODULE = "ab".repeat(32);
  private static final byte[] CODE = new byte[100];

  private static Artifact with(Table table, int... values) {
    Map<Table, IntTable> two =
        table == Table.FUNCTIONS
            ? Map.of(table, new IntTable(table.columns(), values))
            : Map.of(
                table,
                new IntTable(table.columns(), values),
                Table.FUNCTIONS,
                new IntTable(2, new int[] {0, 0, 50, 1}));
    return new Artifact(MODULE, Artifacts.KEY, CODE, two, Map.of());
  }

  private static void refuses(String message, Table table, int... values) {
    assertThatThrownBy(() -> with(table, values))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  private static Refused refused(byte[] bytes, String module, CompilerKey key) {
    return switch (Artifact.read(bytes, module, key)) {
      case Refused refused -> refused;
      case Artifact _ -> throw new AssertionError("it was read");
    };
  }

  @Test
  void whatWasWrittenIsRead() {
    Random random = new Random(42);
    for (int i = 0; i < 200; i++) {
      Artifact artifact = Artifacts.random(random);
      byte[] bytes = artifact.toBytes();
      assertThat(Artifact.read(bytes, artifact.module(), Artifacts.KEY))
          .isInstanceOfSatisfying(
              Artifact.class,
              read -> {
                assertThat(read.module()).isEqualTo(artifact.module());
                assertThat(read.compiler()).isEqualTo(Artifacts.KEY);
                assertThat(read.code()).isEqualTo(artifact.code());
                for (Table table : Table.values()) {
                  assertThat(read.table(table).values()).isEqualTo(artifact.table(table).values());
                }
                assertThat(read.names()).isEqualTo(artifact.names());
                assertThat(read.toBytes()).isEqualTo(bytes);
              });
    }
  }

  @Test
  void anArtifactOfAnythingElseIsStale() {
    byte[] bytes = with(Table.FUNCTIONS, 0, 0).toBytes();
    assertThat(Artifact.read(bytes, MODULE, Artifacts.KEY)).isInstanceOf(Artifact.class);
    assertThat(refused(bytes, "cd".repeat(32), Artifacts.KEY).reason()).isEqualTo(Reason.STALE);
    CompilerKey key = Artifacts.KEY;
    for (CompilerKey other :
        new CompilerKey[] {
          new CompilerKey("cranelift-0.2", key.fuelTableVersion(), key.target(), key.features()),
          new CompilerKey(key.compiler(), 2, key.target(), key.features()),
          new CompilerKey(key.compiler(), 1, "aarch64-unknown-linux-gnu", key.features()),
          new CompilerKey(key.compiler(), 1, key.target(), "sse4.1"),
          new CompilerKey(key.compiler(), 1, key.target(), ""),
        }) {
      Refused refused = refused(bytes, MODULE, other);
      assertThat(refused.reason()).isEqualTo(Reason.STALE);
      assertThat(refused.message()).contains(other.text());
    }
  }

  @Test
  void lengthsFormatsAndDamageAreTold() {
    byte[] bytes = with(Table.FUNCTIONS, 0, 0).toBytes();
    assertThat(refused(new byte[0], MODULE, Artifacts.KEY).reason()).isEqualTo(Reason.LENGTH);
    assertThat(refused(Arrays.copyOf(bytes, bytes.length - 1), MODULE, Artifacts.KEY).reason())
        .isEqualTo(Reason.LENGTH);
    assertThat(refused(Arrays.copyOf(bytes, bytes.length + 1), MODULE, Artifacts.KEY).reason())
        .isEqualTo(Reason.LENGTH);
    assertThat(refused(new byte[Artifact.MOST_BYTES + 1], MODULE, Artifacts.KEY).reason())
        .isEqualTo(Reason.LENGTH);
    byte[] wasm = bytes.clone();
    System.arraycopy(new byte[] {0, 'a', 's', 'm'}, 0, wasm, 0, 4);
    assertThat(refused(wasm, MODULE, Artifacts.KEY).reason()).isEqualTo(Reason.FORMAT);
    byte[] later = bytes.clone();
    later[8]++;
    ArtifactFormat.seal(later);
    assertThat(refused(later, MODULE, Artifacts.KEY))
        .isEqualTo(
            new Refused(Reason.FORMAT, "it is of version 2 of the format; this node reads 1"));
    byte[] flipped = bytes.clone();
    flipped[bytes.length - 40] ^= 1;
    assertThat(refused(flipped, MODULE, Artifacts.KEY).reason()).isEqualTo(Reason.CORRUPT);
  }

  @Test
  void everyPlaceIsOneThatIsThere() {
    assertThat(with(Table.FUNCTIONS, 99, 0)).isNotNull();
    refuses(
        "the place of function 1 is 100; it must be from 0 to 99", Table.FUNCTIONS, 0, 0, 100, 0);
    refuses("the place of function 0 is -1", Table.FUNCTIONS, -1, 0);
    refuses("the signature of function 0 is -1", Table.FUNCTIONS, 0, -1);
    refuses("the place of entry 0 is 100", Table.ENTRIES, 0, 100);
    refuses("the signature of entry 1 is 3; it must be above 3", Table.ENTRIES, 3, 0, 3, 0);
    refuses("the operator of operation 0 is 256", Table.OPERATIONS, 256, 0, 0);
    assertThat(with(Table.RELOCATIONS, 0, 0, 1, 0, 4, 1, 1, 0, 92, 1, 0, -1)).isNotNull();
    refuses("the end of relocation 0 is 100", Table.RELOCATIONS, 93, 1, 0, 0);
    refuses("the end of relocation 0 is 100", Table.RELOCATIONS, 97, 0, 0, 0);
    refuses("the place of relocation 1 is 3", Table.RELOCATIONS, 0, 0, 0, 0, 3, 0, 0, 0);
    refuses("the kind of relocation 0 is 2", Table.RELOCATIONS, 0, 2, 0, 0);
    refuses("the function of relocation 0 is 2", Table.RELOCATIONS, 0, 0, 2, 0);
    refuses("the place of relocation 0 is -1", Table.RELOCATIONS, -1, 0, 0, 0);
    refuses("the end of relocation 0 is 2147483650", Table.RELOCATIONS, Integer.MAX_VALUE, 0, 0, 0);
    refuses("the place of trap 0 is 100", Table.TRAPS, 100, 0, 0, 0);
    refuses("the place of trap 1 is 5; it must be above 5", Table.TRAPS, 5, 0, 0, 0, 5, 0, 0, 0);
    refuses("the reason of trap 0 is 256", Table.TRAPS, 5, 256, 0, 0);
    refuses("the function of trap 0 is 2", Table.TRAPS, 5, 0, 2, 0);
    refuses("the place in the module of trap 0 is -1", Table.TRAPS, 5, 0, 0, -1);
    refuses("FIGURES has 65 rows of 1, of at most 64", Table.FIGURES, new int[65]);
    assertThatThrownBy(() -> new Artifact(MODULE, Artifacts.KEY, new byte[0], Map.of(), Map.of()))
        .hasMessageContaining("no code");
    assertThatThrownBy(
            () -> new Artifact(MODULE, Artifacts.KEY, CODE, Map.of(), Map.of(0, "nowhere")))
        .hasMessageContaining("the function of name 0 is 0");
    assertThatThrownBy(() ->
            new Artifact(MODULE, Artifacts.KEY, new byte[Artifact.MOST_BYTES], Map.of(), Map.of()))
        .hasMessageContaining("bytes, of at most " + Artifact.MOST_BYTES);
  }

  @Test
  void namesThatAreTooLongOrNotTextAreLeftOut() {
    Map<Table, IntTable> four = Map.of(Table.FUNCTIONS, new IntTable(2, new int[8]));
    Artifact artifact =
        new Artifact(
            MODULE,
            Artifacts.KEY,
            CODE,
            four,
            Map.of(0, "", 1, "x".repeat(513), 2, "\ud83d", 3, "ü".repeat(256)));
    assertThat(artifact.names()).containsOnlyKeys(0, 3);
    assertThat(Artifact.read(artifact.toBytes(), MODULE, Artifacts.KEY))
        .isInstanceOfSatisfying(
            Artifact.class, read -> assertThat(read.names()).isEqualTo(artifact.names()));
  }

  @Test
  void aKeyIsOneLineThatNoOtherKeyHas() {
    assertThat(Artifacts.KEY.text())
        .isEqualTo("cranelift-0.1 artifact/1 fuel/1 x86_64-unknown-linux-gnu sse4.1,popcnt");
    assertThatThrownBy(() -> new CompilerKey("a b", 1, "t", ""))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new CompilerKey("a", 0, "t", ""))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new CompilerKey("a", 1, "", ""))
        .isInstanceOf(IllegalArgumentException.class);
    String longest = "x".repeat(60);
    assertThat(new CompilerKey(longest, Integer.MAX_VALUE, longest, longest).text())
        .hasSizeLessThanOrEqualTo(CompilerKey.MOST_CHARS);
  }
}
