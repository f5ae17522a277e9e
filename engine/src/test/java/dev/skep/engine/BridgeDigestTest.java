package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.roastedroot.redline.bridge.Cranelift;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/**
 * The compiler is the one that was tried: the translation leans on places in its memory, and what
 * it gives runs outside the JVM's checks. A new one is taken with new digests, after all suites.
 */
class BridgeDigestTest {
  private static final String JAR =
      "2f722732b71f66bac53747d0fbe0f4f333115e933ebffad0e8bd7c5d5beb8768";

  @Test
  void theBridgeIsTheOneThatWasTried() throws Exception {
    Path jar = Path.of(Cranelift.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    byte[] sha = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(jar));
    assertThat(HexFormat.of().formatHex(sha)).as(jar.toString()).isEqualTo(JAR);
  }
}
