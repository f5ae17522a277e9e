package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.cranelift.Untranslated;
import dev.skep.pool.SlotLease;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** docs/machine-code.md lists what stays on tier 1 as the compiler decides it. */
class UntranslatedTest {
  @Test
  void theDocumentHasTheTableThatTheCompilerGives() throws IOException {
    String text =
        Files.readString(Path.of(System.getProperty("skep.root"), "docs", "machine-code.md"));
    assertThat(text).contains(Untranslated.table()).contains(Untranslated.bounds());
    assertThat(text).contains("more than " + SlotLease.mostContextBytes() + " bytes together");
  }

  @Test
  void theTableNamesWhatModulesAreTold() {
    assertThat(Untranslated.table())
        .contains("| the operator return_call | `return_call` |")
        .contains("| vector operators (SIMD) | all ")
        .doesNotContain("i32_add");
  }
}
