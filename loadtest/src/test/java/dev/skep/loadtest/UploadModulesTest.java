package dev.skep.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.ModuleRefusedException;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The modules that the upload bench makes are the same each time, and are what they say. */
class UploadModulesTest {
  /** Those that are invalid or past a limit on purpose. */
  private static final Set<String> REFUSED =
      Set.of(
          "mismatches",
          "underflows",
          "loops",
          "branches-far",
          "br-tables-nested",
          "wide-branches",
          "wide-calls",
          "random-bytes");

  @Test
  void aSeedAndANumberMakeOneModule() {
    MutatedModules one = new MutatedModules(7);
    MutatedModules other = new MutatedModules(7);
    byte[] fifth = one.at(5);
    var _ = other.at(4);
    assertThat(other.at(5)).isEqualTo(fifth);
    assertThat(other.at(6)).isNotEqualTo(fifth);
    assertThat(new MutatedModules(8).at(5)).isNotEqualTo(fifth);
  }

  @Test
  void adversarialModulesAreAcceptedOrRefusedAsTheyAreMeant() {
    Engine engine = new Engine(EngineConfig.DEFAULTS);
    Set<String> refused = new TreeSet<>();
    Map<String, byte[]> all = AdversarialModules.all(1, 0);
    all.forEach((name, bytes) -> {
      assertThat(bytes.length).as(name).isBetween(1_000, AdversarialModules.BYTES + 10_000);
      try {
        var _ = engine.check(bytes);
      } catch (ModuleRefusedException e) {
        refused.add(name);
      }
    });
    assertThat(refused).isEqualTo(new TreeSet<>(REFUSED));
  }
}
