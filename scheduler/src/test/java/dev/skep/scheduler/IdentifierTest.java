package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Names that come from outside are held to their grammar. */
class IdentifierTest {
  @Test
  void compilingHasOneIdForEachTenantAndVersion() {
    ModuleDigest version = ModuleDigest.of(new byte[] {1});
    RunId id = RunId.ofCompiling(new TenantId("acme"), version);
    assertThat(id).isEqualTo(RunId.ofCompiling(new TenantId("acme"), version));
    assertThat(id).isNotEqualTo(RunId.ofCompiling(new TenantId("bcme"), version));
    assertThat(id)
        .isNotEqualTo(RunId.ofCompiling(new TenantId("acme"), ModuleDigest.of(new byte[] {2})));
    assertThat(id.uuid().version()).isEqualTo(8);
    assertThat(id.uuid().variant()).isEqualTo(2);
    assertThat(id.toString()).startsWith("00000000-0000-8");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "a1", "acme-eu", "x--y", "end"})
  void tenantNames(String name) {
    assertThat(new TenantId(name).value()).isEqualTo(name);
    assertThat(new TenantId("a".repeat(63)).value()).hasSize(63);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1a", "A", "a-", "-a", "a_b", "a.b", "a/b", "a\n", "ä", "a b"})
  void whatIsNoTenantName(String name) {
    assertThatThrownBy(() -> new TenantId(name)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new TenantId("a".repeat(64)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-a", ".a", "_a", "A", "a/b", "a\n", "../a", "a b"})
  void whatIsNoFunctionName(String name) {
    assertThat(new FunctionName("0a.b_c-d").value()).isEqualTo("0a.b_c-d");
    assertThatThrownBy(() -> new FunctionName(name)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aDigestIsTheSha256InLowerCase() {
    assertThat(ModuleDigest.of(new byte[0]).hex())
        .isEqualTo("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assertThatThrownBy(() -> new ModuleDigest("E".repeat(64)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ModuleDigest("e".repeat(63)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void runIdsAreUuidsOfVersionSevenThatSortByTime() {
    Set<RunId> ids = new HashSet<>();
    for (int i = 0; i < 10_000; i++) {
      RunId id = RunId.at(1_700_000_000_000L);
      assertThat(id.uuid().version()).isEqualTo(7);
      assertThat(id.uuid().variant()).isEqualTo(2);
      assertThat(id.uuid().getMostSignificantBits() >>> 16).isEqualTo(1_700_000_000_000L);
      assertThat(ids.add(id)).isTrue();
    }
  }
}
