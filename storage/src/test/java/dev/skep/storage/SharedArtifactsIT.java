package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.scheduler.ArtifactAsk;
import dev.skep.scheduler.ArtifactClaim;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.ArtifactStore;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.NativeState;
import dev.skep.scheduler.NodeId;
import dev.skep.scheduler.StoredCode;
import dev.skep.scheduler.TenantId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Nodes agree on who compiles what, and tenants see their own asks only. */
final class SharedArtifactsIT {
  private static final AtomicInteger COMPILERS = new AtomicInteger();
  private static final FunctionName HELLO = new FunctionName("hello");
  private static final NodeId ONE = NodeId.random();
  private static final NodeId TWO = NodeId.random();
  private static final Duration LEASE = Duration.ofMinutes(1);
  private static final byte[] CODE = "machine code".getBytes(UTF_8);

  private final SharedArtifacts artifacts = new SharedArtifacts(TestDatabase.database());
  private final FunctionStore functions = new FunctionStore(TestDatabase.database());
  private final TenantId tenant = TestDatabase.newTenant();

  /** Of its own for each test, so that none sees another's. */
  private final String compiler = "compiler-" + COMPILERS.incrementAndGet();

  private final byte[] bytes = ("module of " + compiler).getBytes(UTF_8);
  private final ModuleDigest module = ModuleDigest.of(bytes);
  private final ArtifactKey key = new ArtifactKey(module, compiler);

  private ArtifactAsk upload(TenantId owner) {
    functions.putVersion(owner, HELLO, module, bytes, "{}", 10);
    return new ArtifactAsk(owner, HELLO, module);
  }

  /** Lets all leases end, and an hour pass since anything failed. */
  private void age(String interval) {
    TestDatabase.database()
        .query(connection ->
            Query.update(
                connection,
                "UPDATE artifacts SET leased_until = leased_until - ?::interval,"
                    + " updated_at = updated_at - ?::interval WHERE compiler = ?",
                interval,
                interval,
                compiler));
  }

  private long rows() {
    return TestDatabase.database()
        .query(connection ->
            Query.first(
                    connection,
                    "SELECT count(*) FROM artifacts WHERE compiler = ?",
                    row -> row.getLong(1),
                    compiler)
                .orElseThrow());
  }

  private ArtifactClaim claim(NodeId node) {
    return artifacts.claim(key, node, LEASE);
  }

  @Test
  void anAskGoesFromQueuedToReadyAndTheArtifactComesBackAsItWent() {
    ArtifactAsk ask = upload(tenant);
    assertThat(artifacts.state(tenant, key)).isEqualTo(new NativeState.Absent());
    assertThat(artifacts.load(key)).isEmpty();
    assertThat(artifacts.ask(ask, compiler)).hasValue(bytes.length);
    assertThat(artifacts.state(tenant, key)).isEqualTo(new NativeState.Queued());
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Granted(1));
    assertThat(artifacts.state(tenant, key)).isEqualTo(new NativeState.Compiling());
    assertThat(artifacts.load(key)).isEmpty();
    assertThat(artifacts.ready(key, ONE, CODE)).isTrue();
    artifacts.settle(ask, compiler);
    assertThat(artifacts.state(tenant, key)).isEqualTo(new NativeState.Ready());
    assertThat(artifacts.load(key)).hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
    assertThat(claim(TWO)).isEqualTo(new ArtifactClaim.Done(new NativeState.Ready()));
    // Another compiler's is another's.
    ArtifactKey other = new ArtifactKey(module, compiler + "-next");
    assertThat(artifacts.load(other)).isEmpty();
    assertThat(artifacts.state(tenant, other)).isEqualTo(new NativeState.Absent());
  }

  @Test
  void aTenantSeesNothingOfWhatItHasNotAskedFor() {
    TenantId other = TestDatabase.newTenant();
    ArtifactAsk first = upload(tenant);
    ArtifactAsk second = upload(other);
    artifacts.ask(first, compiler);
    claim(ONE);
    artifacts.ready(key, ONE, CODE);
    artifacts.settle(first, compiler);
    assertThat(artifacts.state(other, key)).isEqualTo(new NativeState.Absent());
    artifacts.ask(second, compiler);
    // It waits for its own turn, though the code is there.
    assertThat(artifacts.state(other, key)).isEqualTo(new NativeState.Queued());
    assertThat(artifacts.find(other, key, true))
        .isEqualTo(StoredCode.none(new NativeState.Queued()));
    artifacts.settle(second, compiler);
    assertThat(artifacts.state(other, key)).isEqualTo(new NativeState.Ready());
    byte[] here = {1};
    assertThat(artifacts.find(other, key, Optional.of(here)).artifact()).hasValue(here);
    assertThat(artifacts.find(other, key, true).artifact())
        .hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
    TenantId stranger = TestDatabase.newTenant();
    assertThat(artifacts.ask(new ArtifactAsk(stranger, HELLO, module), compiler)).isEmpty();
    assertThat(artifacts.state(stranger, key)).isEqualTo(new NativeState.Absent());
  }

  @Test
  void severalStatesAreToldAtOnceAndThoseNotAskedForNot() {
    ArtifactAsk ask = upload(tenant);
    ModuleDigest other = ModuleDigest.of(new byte[0]);
    assertThat(artifacts.states(tenant, List.of(module, other), compiler)).isEmpty();
    artifacts.ask(ask, compiler);
    assertThat(artifacts.states(tenant, List.of(module, other), compiler))
        .containsExactly(Map.entry(module, new NativeState.Queued()));
    claim(ONE);
    artifacts.ready(key, ONE, CODE);
    artifacts.settle(ask, compiler);
    assertThat(artifacts.states(tenant, List.of(other, module), compiler))
        .containsExactly(Map.entry(module, new NativeState.Ready()));
    assertThat(artifacts.states(TestDatabase.newTenant(), List.of(module), compiler)).isEmpty();
    assertThatThrownBy(() -> artifacts.states(tenant, Collections.nCopies(1_001, module), compiler))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whatIsThrownAwayOpensItsAsksAgain() {
    ArtifactAsk ask = upload(tenant);
    artifacts.ask(ask, compiler);
    claim(ONE);
    artifacts.ready(key, ONE, CODE);
    artifacts.settle(ask, compiler);
    assertThat(artifacts.open(compiler, 10)).isEmpty();
    artifacts.discard(key, "it does not fit");
    assertThat(artifacts.open(compiler, 10)).containsExactly(ask);
    assertThat(artifacts.state(tenant, key)).isEqualTo(new NativeState.Queued());
    assertThat(claim(TWO)).isEqualTo(new ArtifactClaim.Granted(1));
  }

  @Test
  void oneOfManyNodesIsGrantedTheClaim() throws Exception {
    upload(tenant);
    List<Callable<ArtifactClaim>> nodes = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      nodes.add(() -> claim(NodeId.random()));
    }
    // Once for a row that is not there, and once for one whose lease has ended.
    for (int round = 1; round <= 2; round++) {
      int granted = 0;
      try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
        for (Future<ArtifactClaim> each : threads.invokeAll(nodes)) {
          switch (each.get()) {
            case ArtifactClaim.Granted one -> {
              granted++;
              assertThat(one.attempt()).isEqualTo(round);
            }
            case ArtifactClaim.Elsewhere elsewhere ->
                assertThat(elsewhere.left()).isBetween(Duration.ofSeconds(50), LEASE);
            case ArtifactClaim.Done done -> throw new AssertionError(done.toString());
          }
        }
      }
      assertThat(granted).isEqualTo(1);
      age("2 minutes");
    }
  }

  @Test
  void aNodeThatDiedIsTakenOverAndWhatItBringsLateIsNotKept() {
    ArtifactAsk ask = upload(tenant);
    artifacts.ask(ask, compiler);
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Granted(1));
    assertThat(artifacts.renew(key, ONE, LEASE)).isTrue();
    assertThat(artifacts.renew(key, TWO, LEASE)).isFalse();
    assertThat(claim(TWO)).isInstanceOf(ArtifactClaim.Elsewhere.class);
    assertThat(artifacts.open(compiler, 10)).isEmpty();
    age("2 minutes");
    assertThat(artifacts.state(tenant, key)).isEqualTo(new NativeState.Queued());
    assertThat(artifacts.open(compiler, 10)).containsExactly(ask);
    assertThat(claim(TWO)).isEqualTo(new ArtifactClaim.Granted(2));
    assertThat(artifacts.open(compiler, 10)).isEmpty();
    assertThat(artifacts.renew(key, ONE, LEASE)).isFalse();
    assertThat(artifacts.ready(key, ONE, CODE)).isFalse();
    assertThat(artifacts.failed(key, ONE, new NativeState.Failed("late"))).isFalse();
    artifacts.giveBack(key, ONE);
    assertThat(artifacts.state(tenant, key)).isEqualTo(new NativeState.Compiling());
    assertThat(artifacts.ready(key, TWO, CODE)).isTrue();
    assertThat(artifacts.open(compiler, 10)).containsExactly(ask);
    artifacts.settle(ask, compiler);
    assertThat(artifacts.open(compiler, 10)).isEmpty();
    assertThat(artifacts.ready(key, TWO, new byte[] {1})).isFalse();
    assertThat(artifacts.load(key)).hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
  }

  @Test
  void aModuleThatNodesDieOfIsLeftAlone() {
    ArtifactAsk ask = upload(tenant);
    artifacts.ask(ask, compiler);
    for (int attempt = 1; attempt <= SharedArtifacts.MOST_ATTEMPTS; attempt++) {
      assertThat(claim(NodeId.random())).isEqualTo(new ArtifactClaim.Granted(attempt));
      age("2 minutes");
    }
    NativeState.Failed failed =
        new NativeState.Failed("the nodes that compiled it ended while they did, 3 times");
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Done(failed));
    age("2 hours");
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Done(failed));
    artifacts.settle(ask, compiler);
    assertThat(artifacts.state(tenant, key)).isEqualTo(failed);
  }

  @Test
  void whatFailedIsTriedAgainAnHourLaterAndWhatIsUnsupportedIsNot() {
    ArtifactAsk ask = upload(tenant);
    artifacts.ask(ask, compiler);
    NativeState.Failed failed = new NativeState.Failed("it took too long");
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Granted(1));
    assertThat(artifacts.failed(key, ONE, failed)).isTrue();
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Done(failed));
    age("59 minutes");
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Done(failed));
    age("2 minutes");
    assertThat(claim(TWO)).isEqualTo(new ArtifactClaim.Granted(2));
    NativeState.Unsupported unsupported = new NativeState.Unsupported("vector operators (SIMD)");
    assertThat(artifacts.unsupported(key, TWO, unsupported)).isTrue();
    age("2 hours");
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Done(unsupported));
    artifacts.settle(ask, compiler);
    assertThat(artifacts.state(tenant, key)).isEqualTo(unsupported);
  }

  @Test
  void aClaimThatIsGivenBackIsAnyonesAtOnce() {
    upload(tenant);
    claim(ONE);
    artifacts.giveBack(key, ONE);
    assertThat(rows()).isZero();
    assertThat(claim(TWO)).isEqualTo(new ArtifactClaim.Granted(1));
    age("2 minutes");
    assertThat(claim(ONE)).isEqualTo(new ArtifactClaim.Granted(2));
    artifacts.giveBack(key, ONE);
    assertThat(artifacts.renew(key, ONE, LEASE)).isFalse();
    // The attempt that a node died of stays counted.
    assertThat(claim(TWO)).isEqualTo(new ArtifactClaim.Granted(2));
  }

  @Test
  void anArtifactGoesWithTheLastVersionOfItsDigest() {
    TenantId other = TestDatabase.newTenant();
    ArtifactAsk ask = upload(tenant);
    upload(other);
    artifacts.ask(ask, compiler);
    claim(ONE);
    artifacts.ready(key, ONE, CODE);
    artifacts.settle(ask, compiler);
    assertThat(functions.delete(tenant, HELLO)).isPresent();
    assertThat(artifacts.load(key)).isPresent();
    // The tenant's ask has gone with its version.
    assertThat(artifacts.state(tenant, key)).isEqualTo(new NativeState.Absent());
    assertThat(functions.delete(other, HELLO)).isPresent();
    assertThat(artifacts.load(key)).isEmpty();
    assertThat(rows()).isZero();
  }

  @Test
  void whatIsCompiledForNobodyAnyMoreIsNotKept() {
    upload(tenant);
    claim(ONE);
    functions.delete(tenant, HELLO);
    assertThat(artifacts.renew(key, ONE, LEASE)).isFalse();
    assertThat(artifacts.ready(key, ONE, CODE)).isFalse();
    assertThat(rows()).isZero();
    // And so if its row was made just after the version went.
    claim(ONE);
    assertThat(artifacts.ready(key, ONE, CODE)).isFalse();
    assertThat(rows()).isZero();
  }

  @Test
  void bytesThatAreNotThoseThatWereWrittenAreThrownAway() {
    upload(tenant);
    claim(ONE);
    artifacts.ready(key, ONE, CODE);
    TestDatabase.database()
        .query(connection ->
            Query.update(
                connection,
                "UPDATE artifacts SET bytes = set_byte(bytes, 3, get_byte(bytes, 3) # 1)"
                    + " WHERE compiler = ?",
                compiler));
    assertThat(artifacts.load(key)).isEmpty();
    assertThat(artifacts.corrupt()).isEqualTo(1);
    assertThat(claim(TWO)).isEqualTo(new ArtifactClaim.Granted(1));
    assertThat(artifacts.ready(key, TWO, CODE)).isTrue();
    assertThat(artifacts.load(key)).isPresent();
    artifacts.discard(key, "the format is wrong");
    assertThat(artifacts.load(key)).isEmpty();
  }

  @Test
  void aFirstRunDoesNotGetBytesThatAreNotThoseThatWereWrittenEither() {
    ArtifactAsk ask = upload(tenant);
    artifacts.ask(ask, compiler);
    claim(ONE);
    artifacts.ready(key, ONE, CODE);
    artifacts.settle(ask, compiler);
    assertThat(artifacts.find(tenant, key, true).module())
        .hasValueSatisfying(read -> assertThat(read).isEqualTo(bytes));
    TestDatabase.database()
        .query(connection ->
            Query.update(
                connection,
                "UPDATE artifacts SET bytes = set_byte(bytes, 3, get_byte(bytes, 3) # 1)"
                    + " WHERE compiler = ?",
                compiler));
    assertThat(artifacts.find(tenant, key, true))
        .isEqualTo(StoredCode.none(new NativeState.Queued()));
    assertThat(artifacts.corrupt()).isEqualTo(1);
    assertThat(artifacts.open(compiler, 10)).containsExactly(ask);
  }

  @Test
  void artifactsOfOtherCompilersGoWhenTheyAreOldAndOrphansAtOnce() {
    upload(tenant);
    claim(ONE);
    artifacts.ready(key, ONE, CODE);
    String next = compiler + "-next";
    Duration age = Duration.ofDays(30);
    artifacts.purge(next, age, 1_000);
    assertThat(rows()).isEqualTo(1);
    age("31 days");
    artifacts.purge(compiler, age, 1_000);
    assertThat(rows()).isEqualTo(1);
    artifacts.purge(next, age, 1_000);
    assertThat(rows()).isZero();
    claim(ONE);
    artifacts.ready(key, ONE, CODE);
    TestDatabase.database()
        .query(connection ->
            Query.update(
                connection,
                "UPDATE artifacts SET digest = sha256(digest) WHERE compiler = ?",
                compiler));
    artifacts.purge(compiler, age, 1_000);
    assertThat(rows()).isZero();
  }

  @Test
  void sizesAreBounded() {
    upload(tenant);
    claim(ONE);
    assertThatThrownBy(() -> artifacts.ready(key, ONE, new byte[0]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> artifacts.ready(key, ONE, new byte[ArtifactStore.MOST_BYTES + 1]))
        .isInstanceOf(IllegalArgumentException.class);
    byte[] large = new byte[8 << 20];
    new java.util.Random(7).nextBytes(large);
    assertThat(artifacts.ready(key, ONE, large)).isTrue();
    assertThat(artifacts.load(key)).hasValueSatisfying(read -> assertThat(read).isEqualTo(large));
    assertThatThrownBy(() -> artifacts.open(compiler, 1_001))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void anAskOfAVersionThatIsDeletedMeanwhileBreaksNothing() throws Exception {
    List<Callable<Object>> changes = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      changes.add(() -> upload(tenant));
      changes.add(() -> artifacts.ask(new ArtifactAsk(tenant, HELLO, module), compiler));
      changes.add(() -> claim(ONE));
      changes.add(() -> artifacts.ready(key, ONE, CODE));
      changes.add(() -> functions.delete(tenant, HELLO));
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (Future<Object> change : threads.invokeAll(changes)) {
        change.get();
      }
    }
    functions.delete(tenant, HELLO);
    artifacts.ready(key, ONE, CODE);
    artifacts.purge(compiler, Duration.ofDays(1), 1_000);
    age("2 minutes");
    assertThat(artifacts.load(key)).isEmpty();
    assertThat(artifacts.open(compiler, 10)).isEmpty();
  }
}
