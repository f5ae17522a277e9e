package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.limits.LimitOverrides;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.scheduler.ArtifactAsk;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.TenantId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

final class FunctionStoreIT {
  private static final FunctionName HELLO = new FunctionName("hello");
  private static final byte[] ONE = "one".getBytes(UTF_8);
  private static final byte[] TWO = "two".getBytes(UTF_8);
  private static final String COMPILER = "compiler";

  private final FunctionStore functions = new FunctionStore(TestDatabase.database());
  private final TenantId tenant = TestDatabase.newTenant();

  private PutVersionResult put(TenantId owner, FunctionName name, byte[] bytes) {
    return functions.putVersion(owner, name, ModuleDigest.of(bytes), bytes, "{}", 1_000);
  }

  private static long modules(TenantId owner) {
    return TestDatabase.database()
        .query(connection ->
            Query.first(
                    connection,
                    "SELECT count(*) FROM modules WHERE tenant = ?",
                    row -> row.getLong(1),
                    owner.value())
                .orElseThrow());
  }

  @Test
  void firstUploadCreatesTheFunctionWithDefaultSettings() {
    assertThat(put(tenant, HELLO, ONE)).isEqualTo(new PutVersionResult.Created());
    FunctionRecord function = functions.find(tenant, HELLO).orElseThrow();
    assertThat(function.name()).isEqualTo(HELLO);
    assertThat(function.currentDigest()).isEqualTo(ModuleDigest.of(ONE));
    assertThat(function.settings()).isEqualTo(FunctionSettings.DEFAULTS);
    assertThat(functions.moduleBytes(tenant, ModuleDigest.of(ONE)))
        .hasValueSatisfying(bytes -> assertThat(bytes).isEqualTo(ONE));
  }

  @Test
  void aFunctionIsFoundWithItsTenantAsEachIsAlone() {
    TenantStore tenants = new TenantStore(TestDatabase.database());
    assertThat(functions.findOwned(tenant, HELLO, COMPILER)).isEmpty();
    put(tenant, HELLO, ONE);
    tenants.setHeldToTier1(tenant, true);
    functions.updateSettings(
        tenant,
        HELLO,
        new FunctionSettings(
            List.of("a"),
            Map.of("B", "c"),
            true,
            new LimitOverrides(7L, null, 9L, null, 11L),
            WasiGrants.NONE,
            false));
    assertThat(functions.findOwned(tenant, HELLO, COMPILER))
        .contains(
            new OwnedFunction(
                tenants.find(tenant).orElseThrow(),
                functions.find(tenant, HELLO).orElseThrow(),
                false));
    assertThat(functions.findOwned(TestDatabase.newTenant(), HELLO, COMPILER)).isEmpty();
  }

  private boolean answered(TenantId of, FunctionName name, String compiler) {
    return functions.findOwned(of, name, compiler).orElseThrow().answered();
  }

  @Test
  void aFunctionIsFoundWithWhetherItsTenantsAskIsAnswered() {
    SharedArtifacts artifacts = new SharedArtifacts(TestDatabase.database());
    FunctionName second = new FunctionName("second");
    TenantId other = TestDatabase.newTenant();
    put(tenant, HELLO, ONE);
    put(tenant, second, TWO);
    put(other, HELLO, ONE);
    ArtifactAsk ask = new ArtifactAsk(tenant, HELLO, ModuleDigest.of(ONE));
    artifacts.ask(ask, COMPILER);
    assertThat(answered(tenant, HELLO, COMPILER)).isFalse();
    artifacts.settle(ask, COMPILER);
    assertThat(answered(tenant, HELLO, COMPILER)).isTrue();
    // Of another version, tenant or compiler nothing is said.
    assertThat(answered(tenant, second, COMPILER)).isFalse();
    assertThat(answered(other, HELLO, COMPILER)).isFalse();
    assertThat(answered(tenant, HELLO, "another")).isFalse();
    put(tenant, HELLO, TWO);
    assertThat(answered(tenant, HELLO, COMPILER)).isFalse();
    put(tenant, HELLO, ONE);
    assertThat(answered(tenant, HELLO, COMPILER)).isTrue();
    // Thrown away, it is to be made again.
    artifacts.discard(new ArtifactKey(ask.version(), COMPILER), "a test");
    assertThat(answered(tenant, HELLO, COMPILER)).isFalse();
  }

  @Test
  void aFunctionIsLookedUpByItsKeyWhateverThePlannerKnows() {
    put(tenant, HELLO, ONE);
    List<String> plan =
        TestDatabase.database()
            .transaction(connection -> {
              // A table of few rows is read as a whole otherwise.
              Query.update(connection, "SET LOCAL enable_seqscan = off");
              return Query.list(
                  connection,
                  "EXPLAIN SELECT created_at FROM functions WHERE tenant = ? AND name = ?",
                  row -> row.getString(1),
                  tenant.value(),
                  HELLO.value());
            });
    assertThat(plan).anySatisfy(line -> assertThat(line).contains("functions_pkey"));
  }

  @Test
  void sameBytesAreTheSameVersion() {
    put(tenant, HELLO, ONE);
    FunctionRecord before = functions.find(tenant, HELLO).orElseThrow();
    assertThat(put(tenant, HELLO, ONE)).isEqualTo(new PutVersionResult.Unchanged());
    assertThat(functions.find(tenant, HELLO)).contains(before);
    assertThat(functions.versions(tenant, HELLO)).hasSize(1);
  }

  @Test
  void versionsAreKeptNewestFirstAndAnOldOneCanComeBack() {
    put(tenant, HELLO, ONE);
    assertThat(put(tenant, HELLO, TWO)).isEqualTo(new PutVersionResult.NewVersion(false));
    assertThat(put(tenant, HELLO, ONE)).isEqualTo(new PutVersionResult.NewVersion(true));
    assertThat(functions.find(tenant, HELLO).orElseThrow().currentDigest())
        .isEqualTo(ModuleDigest.of(ONE));
    assertThat(functions.versions(tenant, HELLO))
        .extracting(VersionRecord::digest)
        .containsExactly(ModuleDigest.of(TWO), ModuleDigest.of(ONE));
    assertThat(functions.versions(tenant, HELLO))
        .extracting(VersionRecord::sizeBytes)
        .containsOnly(3);
  }

  @Test
  void descriptionIsKeptAsItIs() {
    String json = "{\"exports\": [\"ü🐝\"],  \"n\": 1}";
    functions.putVersion(tenant, HELLO, ModuleDigest.of(ONE), ONE, json, 10);
    assertThat(functions.versions(tenant, HELLO).getFirst().description()).isEqualTo(json);
  }

  @Test
  void twoTenantsHaveFunctionsOfTheSameNameAndBytesApart() {
    TenantId other = TestDatabase.newTenant();
    put(tenant, HELLO, ONE);
    assertThat(put(other, HELLO, ONE)).isEqualTo(new PutVersionResult.Created());
    put(other, HELLO, TWO);
    assertThat(functions.find(tenant, HELLO).orElseThrow().currentDigest())
        .isEqualTo(ModuleDigest.of(ONE));
    assertThat(functions.moduleBytes(tenant, ModuleDigest.of(TWO))).isEmpty();
    assertThat(functions.delete(other, HELLO)).isPresent();
    assertThat(functions.find(tenant, HELLO)).isPresent();
    assertThat(functions.moduleBytes(tenant, ModuleDigest.of(ONE))).isPresent();
  }

  @Test
  void limitStopsNewFunctionsAndNotNewVersions() {
    FunctionName second = new FunctionName("second");
    functions.putVersion(tenant, HELLO, ModuleDigest.of(ONE), ONE, "{}", 1);
    assertThat(functions.putVersion(tenant, second, ModuleDigest.of(TWO), TWO, "{}", 1))
        .isEqualTo(new PutVersionResult.LimitReached(1));
    assertThat(functions.find(tenant, second)).isEmpty();
    assertThat(functions.moduleBytes(tenant, ModuleDigest.of(TWO))).isEmpty();
    assertThat(functions.putVersion(tenant, HELLO, ModuleDigest.of(TWO), TWO, "{}", 1))
        .isEqualTo(new PutVersionResult.NewVersion(false));
  }

  @Test
  void limitHoldsAgainstUploadsAtTheSameTime() throws Exception {
    List<Callable<PutVersionResult>> uploads = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      FunctionName name = new FunctionName("f" + i);
      uploads.add(() -> functions.putVersion(tenant, name, ModuleDigest.of(ONE), ONE, "{}", 5));
    }
    int created = 0;
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (Future<PutVersionResult> upload : threads.invokeAll(uploads)) {
        if (upload.get() instanceof PutVersionResult.Created) {
          created++;
        }
      }
    }
    assertThat(created).isEqualTo(5);
    assertThat(functions.list(tenant, null, 100)).hasSize(5);
    assertThat(modules(tenant)).isEqualTo(1);
  }

  @Test
  void uploadsAndDeletesAtTheSameTimeLeaveNoFunctionWithoutItsModule() throws Exception {
    List<Callable<Object>> changes = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      FunctionName name = new FunctionName("f" + i % 4);
      changes.add(() -> put(tenant, name, ONE));
      changes.add(() -> functions.delete(tenant, name));
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (Future<Object> change : threads.invokeAll(changes)) {
        change.get();
      }
    }
    boolean any = !functions.list(tenant, null, 10).isEmpty();
    assertThat(modules(tenant)).isEqualTo(any ? 1 : 0);
  }

  @Test
  void deletingNamesTheModulesThatNoTenantHasAnyMore() {
    TenantId other = TestDatabase.newTenant();
    // Bytes of this test's own, for other tenants of the database count too.
    byte[] shared = tenant.value().getBytes(UTF_8);
    byte[] own = other.value().getBytes(UTF_8);
    put(tenant, HELLO, shared);
    put(other, HELLO, shared);
    put(other, HELLO, own);
    assertThat(functions.delete(tenant, HELLO)).contains(Set.of());
    assertThat(functions.delete(other, HELLO))
        .contains(Set.of(ModuleDigest.of(shared), ModuleDigest.of(own)));
  }

  @Test
  void missingTenantCannotUpload() {
    assertThat(put(new TenantId("nobody"), HELLO, ONE))
        .isEqualTo(new PutVersionResult.NoSuchTenant());
  }

  @Test
  void deletingRemovesModulesThatNothingElseUses() {
    FunctionName second = new FunctionName("second");
    put(tenant, HELLO, ONE);
    put(tenant, HELLO, TWO);
    put(tenant, second, ONE);
    assertThat(functions.delete(tenant, HELLO)).isPresent();
    assertThat(functions.find(tenant, HELLO)).isEmpty();
    assertThat(functions.versions(tenant, HELLO)).isEmpty();
    assertThat(functions.moduleBytes(tenant, ModuleDigest.of(ONE))).isPresent();
    assertThat(functions.moduleBytes(tenant, ModuleDigest.of(TWO))).isEmpty();
    assertThat(functions.delete(tenant, second)).isPresent();
    assertThat(modules(tenant)).isZero();
    assertThat(functions.delete(tenant, second)).isEmpty();
  }

  @Test
  void settingsAreReplacedAsAWholeAndKeptByNewVersions() {
    put(tenant, HELLO, ONE);
    FunctionSettings settings =
        new FunctionSettings(
            List.of("-v", "", "ü 🐝", "\"quoted\", {braced} \\ 'NULL'"),
            Map.of("HOME", "/", "EMPTY", "", "NULL", "NULL"),
            true,
            new LimitOverrides(1L, null, 3L, null, 5L),
            WasiGrants.NONE
                .with(WasiGrant.CLOCK)
                .with(WasiGrant.RANDOM)
                .withTree("/data")
                .withScratch(new ScratchGrant("/tmp", 8_192, 7)),
            true);
    assertThat(functions.updateSettings(tenant, HELLO, settings)).isTrue();
    assertThat(functions.find(tenant, HELLO).orElseThrow().settings()).isEqualTo(settings);
    put(tenant, HELLO, TWO);
    assertThat(functions.find(tenant, HELLO).orElseThrow().settings()).isEqualTo(settings);
    assertThat(functions.updateSettings(tenant, HELLO, FunctionSettings.DEFAULTS)).isTrue();
    assertThat(functions.find(tenant, HELLO).orElseThrow().settings())
        .isEqualTo(FunctionSettings.DEFAULTS);
    assertThat(functions.updateSettings(tenant, new FunctionName("none"), settings)).isFalse();
  }

  @Test
  void settingsThatCannotBeStoredAreRefusedBeforeTheDatabase() {
    put(tenant, HELLO, ONE);
    FunctionSettings half =
        new FunctionSettings(
            List.of("\ud83d"), Map.of(), false, LimitOverrides.NONE, WasiGrants.NONE);
    assertThatThrownBy(() -> functions.updateSettings(tenant, HELLO, half))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void pagesHoldEveryFunctionOnceInTheOrderOfTheirNames() {
    List<String> names = List.of("b", "a.1", "a-1", "a_1", "a", "0", "c1", "c");
    names.forEach(name -> put(tenant, new FunctionName(name), ONE));
    List<String> listed = new ArrayList<>();
    FunctionName after = null;
    while (true) {
      List<FunctionRecord> page = functions.list(tenant, after, 3);
      page.forEach(record -> listed.add(record.name().value()));
      if (page.size() < 3) {
        break;
      }
      after = page.getLast().name();
    }
    assertThat(listed).containsExactlyElementsOf(names.stream().sorted().toList());
    assertThatThrownBy(() -> functions.list(tenant, null, 1_001))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void moduleOfMegabytesComesBackAsItWent() {
    byte[] large = new byte[3 << 20];
    new java.util.Random(42).nextBytes(large);
    put(tenant, HELLO, large);
    assertThat(functions.moduleBytes(tenant, ModuleDigest.of(large)).orElseThrow())
        .isEqualTo(large);
    assertThatThrownBy(() -> put(tenant, HELLO, new byte[FunctionStore.MAX_MODULE_BYTES + 1]))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
