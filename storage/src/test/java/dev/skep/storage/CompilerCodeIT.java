package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.ModuleDigest;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The compiler's own machine code is made once for all nodes, and outlives every module. */
class CompilerCodeIT {
  private static final byte[] CODE = "the compiler's machine code".getBytes(UTF_8);
  private static final ArtifactKey KEY =
      new ArtifactKey(ModuleDigest.of("the compiler".getBytes(UTF_8)), "compiler-of-compilers");

  @TempDir Path temp;

  private ArtifactDirectory directory(String name) {
    return ArtifactDirectory.open(temp.resolve(name), 1 << 20, InstantSource.system());
  }

  private static void change(String sql) {
    var _ =
        TestDatabase.database()
            .query(connection ->
                Query.update(connection, sql + " WHERE compiler = ?", KEY.compiler()));
  }

  @Test
  void whatOneNodeKeepsAnotherLoadsUnlessItWasChanged() {
    try (ArtifactDirectory first = directory("first");
        ArtifactDirectory second = directory("second");
        ArtifactDirectory third = directory("third")) {
      CompilerCode maker = new CompilerCode(TestDatabase.database(), first);
      CompilerCode reader = new CompilerCode(TestDatabase.database(), second);
      assertThat(reader.load(KEY)).isEmpty();
      maker.keep(KEY, "older".getBytes(UTF_8));
      maker.keep(KEY, CODE);
      assertThat(reader.load(KEY)).hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
      assertThat(second.stats().files()).isEqualTo(1);
      // No tenant has such a module, and it stays.
      var _ =
          new SharedArtifacts(TestDatabase.database()).purge("another", Duration.ofDays(1), 1_000);
      change("UPDATE compiler_code SET bytes = set_byte(bytes, 0, 0)");
      assertThat(new CompilerCode(TestDatabase.database(), third).load(KEY)).isEmpty();
      assertThat(reader.load(KEY)).hasValueSatisfying(read -> assertThat(read).isEqualTo(CODE));
      assertThat(second.stats().hits()).isEqualTo(1);
      // What other compilers have left goes when one is kept, in its time.
      change("UPDATE compiler_code SET kept_at = now() - interval '31 days'");
      maker.keep(new ArtifactKey(KEY.module(), "next-compiler"), CODE);
      assertThat(new CompilerCode(TestDatabase.database(), third).load(KEY)).isEmpty();
      change("DELETE FROM compiler_code");
    }
  }
}
