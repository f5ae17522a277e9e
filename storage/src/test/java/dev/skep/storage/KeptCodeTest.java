package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.scheduler.ModuleDigest;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A module and its machine code in one file. */
final class KeptCodeTest {
  private static final byte[] MODULE = "module".getBytes(UTF_8);
  private static final byte[] ARTIFACT = "machine code".getBytes(UTF_8);

  @Test
  void whatWasWrittenIsRead() {
    byte[] both = new KeptCode(Optional.of(MODULE), ARTIFACT).toBytes();
    KeptCode read = KeptCode.read(both, 0).orElseThrow();
    assertThat(read.module()).hasValueSatisfying(bytes -> assertThat(bytes).isEqualTo(MODULE));
    assertThat(read.artifact()).isEqualTo(ARTIFACT);
    assertThat(read.bytes()).isEqualTo(both.length);
    KeptCode alone =
        KeptCode.read(new KeptCode(Optional.empty(), ARTIFACT).toBytes(), 0).orElseThrow();
    assertThat(alone.module()).isEmpty();
    assertThat(alone.artifact()).isEqualTo(ARTIFACT);
    byte[] behind = new byte[5 + both.length];
    System.arraycopy(both, 0, behind, 5, both.length);
    assertThat(KeptCode.read(behind, 5).orElseThrow().artifact()).isEqualTo(ARTIFACT);
  }

  @Test
  void whatIsTooShortForWhatItSaysIsNotRead() {
    byte[] both = new KeptCode(Optional.of(MODULE), new byte[0]).toBytes();
    assertThat(KeptCode.read(both, 0)).isPresent();
    for (int length = 8; length < both.length; length++) {
      assertThat(KeptCode.read(Arrays.copyOf(both, length), 0)).isEmpty();
    }
    byte[] negative = both.clone();
    negative[11] = (byte) 0x80;
    assertThat(KeptCode.read(negative, 0)).isEmpty();
  }

  @Test
  void aModuleIsOfOneDigest() {
    KeptCode both = new KeptCode(Optional.of(MODULE), ARTIFACT);
    assertThat(both.isOf(ModuleDigest.of(MODULE))).isTrue();
    assertThat(both.isOf(ModuleDigest.of(ARTIFACT))).isFalse();
    assertThat(new KeptCode(Optional.empty(), ARTIFACT).isOf(ModuleDigest.of(MODULE))).isTrue();
  }
}
