package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Artifact.Table;
import dev.skep.engine.cranelift.Target;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What machine code for aarch64 looks like, on whatever processor the tests run. That it computes
 * the right things is shown by {@code build/aarch64/emulate.sh}.
 */
class Aarch64CodeTest {
  /** {@code stp x29, x30, [sp, #-16]!}: how every function begins. */
  private static final int PUSH_FRAME = 0xA9BF_7BFD;

  private static Map<String, Artifact> artifacts = Map.of();

  @BeforeAll
  static void compile() throws ModuleRefusedException {
    artifacts = Targets.artifacts(Target.AARCH64);
  }

  private static int[] words(Artifact artifact) {
    int[] words = new int[artifact.code().length / 4];
    ByteBuffer.wrap(artifact.code()).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(words);
    return words;
  }

  /** Where functions and entries begin, and so all that can be called from outside. */
  private static Set<Integer> begins(Artifact artifact) {
    TreeSet<Integer> begins = new TreeSet<>();
    for (int i = 0; i < artifact.table(Table.FUNCTIONS).rows(); i++) {
      begins.add(artifact.table(Table.FUNCTIONS).at(i, 0));
    }
    for (int i = 0; i < artifact.table(Table.ENTRIES).rows(); i++) {
      begins.add(artifact.table(Table.ENTRIES).at(i, 1));
    }
    return begins;
  }

  @Test
  void theBridgeMakesIt() {
    assertThat(artifacts).containsOnlyKeys("add", "trap", "kernels", "wordcount");
    artifacts.forEach((name, artifact) -> {
      assertThat(artifact.compiler().target()).isEqualTo("aarch64-unknown-linux-gnu");
      int[] words = words(artifact);
      for (int begin : begins(artifact)) {
        assertThat(words[begin / 4]).as("%s at %d", name, begin).isEqualTo(PUSH_FRAME);
      }
    });
  }

  /** The thunks that every module has, beside those for operators and entries. */
  @Test
  void theTableAtTheEndLeadsToThunks() {
    artifacts.forEach((name, artifact) -> {
      int[] words = words(artifact);
      int thunks =
          3 + artifact.table(Table.OPERATIONS).rows() + artifact.table(Table.ENTRIES).rows();
      TreeSet<Integer> places = new TreeSet<>();
      for (int i = 1; i <= thunks; i++) {
        assertThat(words[words.length - 2 * i + 1]).as("%s, thunk %d", name, i).isEqualTo(-1);
        int place = 4 * words.length + words[words.length - 2 * i];
        assertThat(place % 64).as("%s, thunk %d", name, i).isZero();
        assertThat(words[place / 4]).as("%s, thunk %d", name, i).isEqualTo(PUSH_FRAME);
        places.add(place);
      }
      assertThat(places).as(name).hasSize(thunks);
      assertThat(artifact.code().length % 16).isZero();
    });
  }

  /** Offset of a branch at {@code at}, in bytes; 0 of what is none. */
  private static int branch(int word) {
    if (word >>> 26 == 0b000101) { // b
      return word << 6 >> 4;
    }
    if (word >>> 25 == 0b0101010 || (word >>> 25 & 0b0111111) == 0b011010) { // b.cond, cbz, cbnz
      return word << 8 >> 13 << 2;
    }
    return (word >>> 25 & 0b0111111) == 0b011011 ? word << 13 >> 18 << 2 : 0; // tbz, tbnz
  }

  @Test
  void branchesStayInTheirFunction() {
    for (String name : List.of("add", "trap")) {
      // Without constants of floats among the instructions, which might look like any.
      Artifact artifact = artifacts.get(name);
      assertThat(artifact).isNotNull();
      if (artifact != null) {
        int[] words = words(artifact);
        TreeSet<Integer> begins = new TreeSet<>();
        for (int i = 0; i < words.length; i += 16) {
          if (words[i] == PUSH_FRAME) {
            begins.add(4 * i);
          }
        }
        int branches = 0;
        for (int i = 0; i < words.length; i++) {
          int offset = branch(words[i]);
          if (offset != 0) {
            branches++;
            Integer begin = begins.floor(4 * i);
            Integer end = begins.higher(4 * i);
            assertThat(4 * i + offset)
                .as("%s at %d", name, 4 * i)
                .isBetween(begin, (end == null ? 4 * words.length : end) - 4);
          }
        }
        assertThat(branches).as(name).isPositive();
      }
    }
  }

  @Test
  void codeForAnotherProcessorIsNotLoaded() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/add.wasm");
    Artifact artifact = artifacts.get("add");
    assertThat(artifact).isNotNull();
    if (artifact != null && MachineTarget.target() != Target.AARCH64) {
      MachineLoad load = new Engine(EngineConfig.DEFAULTS).load(wasm, artifact);
      assertThat(load).isInstanceOf(MachineLoad.Refused.class);
      assertThat(load.toString()).contains("it is not for");
    }
  }
}
