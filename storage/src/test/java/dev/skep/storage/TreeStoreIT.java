package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.TenantId;
import dev.skep.scheduler.TreeDigest;
import dev.skep.storage.TreeStore.PutTreeResult;
import org.junit.jupiter.api.Test;

final class TreeStoreIT {
  private static final FunctionName ONE = new FunctionName("one");
  private static final FunctionName TWO = new FunctionName("two");
  private static final byte[] A = "archive a".getBytes(UTF_8);
  private static final byte[] B = "archive b".getBytes(UTF_8);

  private final FunctionStore functions = new FunctionStore(TestDatabase.database());
  private final TreeStore trees = new TreeStore(TestDatabase.database());
  private final TenantId tenant = TestDatabase.newTenant();

  private void function(TenantId owner, FunctionName name) {
    byte[] bytes = name.value().getBytes(UTF_8);
    functions.putVersion(owner, name, ModuleDigest.of(bytes), bytes, "{}", 10);
  }

  private PutTreeResult put(FunctionName name, byte[] archive) {
    return trees.put(tenant, name, TreeDigest.of(archive), archive);
  }

  private boolean isKept(TenantId owner, byte[] archive) {
    return trees.archive(owner, TreeDigest.of(archive)).isPresent();
  }

  @Test
  void aTreeIsKeptForItsFunctionAndReplaced() {
    function(tenant, ONE);
    assertThat(functions.find(tenant, ONE).orElseThrow().tree()).isNull();
    assertThat(put(ONE, A)).isEqualTo(PutTreeResult.STORED);
    assertThat(put(ONE, A)).isEqualTo(PutTreeResult.UNCHANGED);
    assertThat(functions.find(tenant, ONE).orElseThrow().tree()).isEqualTo(TreeDigest.of(A));
    assertThat(trees.archive(tenant, TreeDigest.of(A)))
        .hasValueSatisfying(bytes -> assertThat(bytes).isEqualTo(A));
    assertThat(put(ONE, B)).isEqualTo(PutTreeResult.STORED);
    assertThat(isKept(tenant, A)).isFalse();
    assertThat(trees.delete(tenant, ONE)).isTrue();
    assertThat(trees.delete(tenant, ONE)).isFalse();
    assertThat(isKept(tenant, B)).isFalse();
    assertThat(functions.find(tenant, ONE).orElseThrow().tree()).isNull();
  }

  @Test
  void aTreeGoesWithTheLastFunctionThatHasIt() {
    function(tenant, ONE);
    function(tenant, TWO);
    put(ONE, A);
    put(TWO, A);
    assertThat(functions.delete(tenant, ONE)).isPresent();
    assertThat(isKept(tenant, A)).isTrue();
    assertThat(functions.delete(tenant, TWO)).isPresent();
    assertThat(isKept(tenant, A)).isFalse();
  }

  @Test
  void whoHasNoFunctionHasNoTreeAndNobodySeesAnothers() {
    assertThat(put(ONE, A)).isEqualTo(PutTreeResult.NO_SUCH_FUNCTION);
    assertThat(isKept(tenant, A)).isFalse();
    function(tenant, ONE);
    put(ONE, A);
    assertThat(isKept(TestDatabase.newTenant(), A)).isFalse();
    byte[] large = new byte[TreeStore.MAX_ARCHIVE_BYTES + 1];
    assertThatThrownBy(() -> put(ONE, large))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("16777216");
  }
}
