package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.scheduler.ArtifactAsk;
import dev.skep.scheduler.ArtifactClaim;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.NativeState;
import dev.skep.scheduler.NodeId;
import dev.skep.scheduler.StoredCode;
import dev.skep.scheduler.TenantId;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node reads from its disk what it has, and from the database what it has not. */
final class CachedArtifactsIT {
  private static final NodeId NODE = NodeId.random();
  private static final byte[] CODE = "machine code".getBytes(UTF_8);

  private final SharedArtifacts shared = new SharedArtifacts(TestDatabase.database());
  private final FunctionStore functions = new FunctionStore(TestDatabase.database());

  @TempDir Path temp;

  private ArtifactDirectory directory(String name) {
    return ArtifactDirectory.open(temp.resolve(name), 1 << 20, InstantSource.system());
  }

  @Test
  void whatOneNodeMadeAnotherReadsOnceFromTheDatabase() {
    TenantId tenant = TestDatabase.newTenant();
    byte[] bytes = ("cached by " + tenant).getBytes(UTF_8);
    ArtifactKey key = new ArtifactKey(ModuleDigest.of(bytes), "compiler");
    FunctionName name = new FunctionName("hello");
    functions.putVersion(tenant, name, key.module(), bytes, "{}", 10);
    try (ArtifactDirectory first = directory("first");
        ArtifactDirectory second = directory("second")) {
      CachedArtifacts maker = new CachedArtifacts(shared, first);
      assertThat(maker.claim(key, NODE, Duration.ofMinutes(1)))
          .isEqualTo(new ArtifactClaim.Granted(1));
      assertThat(maker.ready(key, NodeId.random(), CODE)).isFalse();
      assertThat(maker.ready(key, NODE, CODE)).isTrue();
      assertThat(first.stats().files()).isZero();
      maker.keepHere(key, bytes, CODE);
      maker.close();
      assertThat(first.stats().files()).isEqualTo(1);
      // It waits for nobody's disk, so it is there once it is closed.
      try (CachedArtifacts reader = new CachedArtifacts(shared, second)) {
        assertThat(reader.load(key)).hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
      }
      assertThat(second.stats().files()).isEqualTo(1);
      CachedArtifacts reader = new CachedArtifacts(shared, second);
      // Gone from the database, and here still.
      functions.delete(tenant, name);
      assertThat(shared.load(key)).isEmpty();
      assertThat(reader.load(key)).hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
      assertThat(second.stats().hits()).isEqualTo(1);
      reader.discard(key, "it is of no use");
      assertThat(reader.load(key)).isEmpty();
      assertThat(second.stats().files()).isZero();
      reader.close();
    }
  }

  @Test
  void aFirstRunGetsAllThatItNeedsAndTheDiskHasItNextTime() {
    TenantId tenant = TestDatabase.newTenant();
    byte[] bytes = ("run first by " + tenant).getBytes(UTF_8);
    ArtifactKey key = new ArtifactKey(ModuleDigest.of(bytes), "compiler");
    FunctionName name = new FunctionName("hello");
    functions.putVersion(tenant, name, key.module(), bytes, "{}", 10);
    ArtifactAsk ask = new ArtifactAsk(tenant, name, key.module());
    try (ArtifactDirectory directory = directory("node")) {
      try (CachedArtifacts node = new CachedArtifacts(shared, directory)) {
        assertThat(node.ask(ask, key.compiler())).hasValue(bytes.length);
        assertThat(node.find(tenant, key, false))
            .isEqualTo(StoredCode.none(new NativeState.Queued()));
        shared.claim(key, NODE, Duration.ofMinutes(1));
        shared.ready(key, NODE, CODE);
        shared.settle(ask, key.compiler());
        check(node.find(tenant, key, false), bytes);
      }
      assertThat(directory.stats().files()).isEqualTo(1);
      assertThat(directory.stats().hits()).isZero();
      try (CachedArtifacts node = new CachedArtifacts(shared, directory)) {
        check(node.find(tenant, key, false), bytes);
        assertThat(directory.stats().hits()).isEqualTo(1);
        // What is on the disk is for those only whose ask is answered.
        assertThat(node.find(TestDatabase.newTenant(), key, false))
            .isEqualTo(StoredCode.none(new NativeState.Absent()));
        // Of whom that is known the database is not asked: it is gone from there.
        functions.delete(tenant, name);
        assertThat(node.find(tenant, key, false))
            .isEqualTo(StoredCode.none(new NativeState.Absent()));
        check(node.find(tenant, key, true), bytes);
      }
    }
  }

  @Test
  void anArtifactThatIsHereWithoutItsModuleGetsItFromTheFirstRun() {
    TenantId tenant = TestDatabase.newTenant();
    byte[] bytes = ("found without its module by " + tenant).getBytes(UTF_8);
    ArtifactKey key = new ArtifactKey(ModuleDigest.of(bytes), "compiler");
    FunctionName name = new FunctionName("hello");
    functions.putVersion(tenant, name, key.module(), bytes, "{}", 10);
    ArtifactAsk ask = new ArtifactAsk(tenant, name, key.module());
    shared.ask(ask, key.compiler());
    shared.claim(key, NODE, Duration.ofMinutes(1));
    shared.ready(key, NODE, CODE);
    shared.settle(ask, key.compiler());
    try (ArtifactDirectory directory = directory("node")) {
      directory.put(key, CODE);
      try (CachedArtifacts node = new CachedArtifacts(shared, directory)) {
        check(node.find(tenant, key, true), bytes);
      }
      functions.delete(tenant, name);
      try (CachedArtifacts node = new CachedArtifacts(shared, directory)) {
        check(node.find(tenant, key, true), bytes);
        assertThat(node.load(key)).hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
      }
      assertThat(directory.stats().files()).isEqualTo(1);
    }
  }

  @Test
  void aModuleThatIsNotOfItsDigestIsNotKept() {
    ArtifactKey key = new ArtifactKey(ModuleDigest.of("kept".getBytes(UTF_8)), "compiler");
    try (ArtifactDirectory directory = directory("node")) {
      try (CachedArtifacts node = new CachedArtifacts(shared, directory)) {
        node.keepHere(key, "another".getBytes(UTF_8), CODE);
      }
      assertThat(directory.stats().files()).isZero();
    }
  }

  private static void check(StoredCode found, byte[] module) {
    assertThat(found.state()).isEqualTo(new NativeState.Ready());
    assertThat(found.module()).hasValueSatisfying(read -> assertThat(read).isEqualTo(module));
    assertThat(found.artifact()).hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
  }
}
