package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** A lease is lost when another has it, and not before this node had it. */
class NativeLeasesTest {
  private static final Duration LEASE = Duration.ofSeconds(60);
  private static final ArtifactKey KEY =
      new ArtifactKey(ModuleDigest.of(new byte[] {1}), "compiler");
  private static final NodeId OTHER = NodeId.random();

  private final MemoryArtifacts store = new MemoryArtifacts();
  private final NativeLeases leases = new NativeLeases(store, NodeId.random(), LEASE);

  private NativeLeases.Held begin() {
    return Objects.requireNonNull(leases.begin(KEY));
  }

  @Test
  void whatIsRenewedBetweenItsBeginAndItsClaimIsNotLost() {
    NativeLeases.Held held = begin();
    leases.renewAll();
    assertThat(held.isLost()).isFalse();
    assertThat(leases.claim(held)).isEqualTo(new ArtifactClaim.Granted(1));
    leases.renewAll();
    assertThat(held.isLost()).isFalse();
  }

  @Test
  void aLeaseThatIsRenewedOutlivesItsTime() {
    NativeLeases.Held held = begin();
    leases.claim(held);
    for (int i = 0; i < 3; i++) {
      store.pass(LEASE.dividedBy(2));
      leases.renewAll();
    }
    assertThat(store.claim(KEY, OTHER, LEASE)).isInstanceOf(ArtifactClaim.Elsewhere.class);
    assertThat(held.isLost()).isFalse();
  }

  @Test
  void aLeaseThatAnotherHasIsLost() {
    NativeLeases.Held held = begin();
    leases.claim(held);
    store.pass(LEASE.plusSeconds(1));
    assertThat(store.claim(KEY, OTHER, LEASE)).isInstanceOf(ArtifactClaim.Granted.class);
    leases.renewAll();
    assertThat(held.isLost()).isTrue();
  }

  @Test
  void aModuleIsBegunOnceAtATime() {
    NativeLeases.Held held = begin();
    assertThat(leases.begin(KEY)).isNull();
    assertThat(leases.size()).isEqualTo(1);
    leases.end(held);
    assertThat(begin()).isNotNull();
  }
}
