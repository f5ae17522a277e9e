package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.pool.PoolConfig;
import dev.skep.scheduler.SchedulerConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NodeConfigTest {
  @Test
  void anEmptyEnvironmentGivesTheDefaults() {
    NodeConfig config = NodeConfig.of(Map.of("SKEP_DATABASE_URL", "", "SKEP_OPERATOR_TOKEN", ""));
    assertThat(config.host()).isEqualTo("127.0.0.1");
    assertThat(config.port()).isEqualTo(8080);
    assertThat(config.dataDir()).isEqualTo(Path.of(".skep"));
    assertThat(config.databaseUrl()).isNull();
    assertThat(config.operatorToken()).isNull();
    assertThat(config.maxBodyBytes()).isEqualTo(8 << 20);
    assertThat(config.treeCacheBytes()).isEqualTo(256L << 20);
    assertThat(config.scratchBytes()).isEqualTo(256L << 20);
    assertThat(config.scratchTenantPercent()).isEqualTo(25);
    assertThat(config.drainPatience()).isEqualTo(Duration.ofSeconds(30));
    assertThat(config.pool()).isEqualTo(PoolConfig.DEFAULTS);
    assertThat(config.scheduler()).isEqualTo(SchedulerConfig.DEFAULTS);
  }

  @Test
  void aWrongValueIsNamedWithItsLimits() {
    assertThatThrownBy(() -> NodeConfig.of(Map.of("SKEP_PORT", "70000")))
        .hasMessageContainingAll("SKEP_PORT", "70000", "65535");
    assertThatThrownBy(() -> NodeConfig.of(Map.of("SKEP_INSTANCES", "many")))
        .hasMessageContainingAll("SKEP_INSTANCES", "many", "from 1 to 28672");
  }
}
