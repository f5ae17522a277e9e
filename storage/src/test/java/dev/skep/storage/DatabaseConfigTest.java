package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DatabaseConfigTest {
  @Test
  void readsJdbcUrlAndTakesCredentialsOutOfIt() {
    DatabaseConfig config =
        DatabaseConfig.parse(
            "jdbc:postgresql://db.example:5433/skep?user=bee&sslmode=require&password=s%26t");
    assertThat(config.jdbcUrl())
        .isEqualTo("jdbc:postgresql://db.example:5433/skep?sslmode=require");
    assertThat(config.user()).isEqualTo("bee");
    assertThat(config.password()).isEqualTo("s&t");
  }

  @Test
  void keepsSeveralHostsForFailOver() {
    DatabaseConfig config =
        DatabaseConfig.parse(
            "jdbc:postgresql://one:5432,two:5432/skep?targetServerType=primary&user=bee");
    assertThat(config.jdbcUrl())
        .isEqualTo("jdbc:postgresql://one:5432,two:5432/skep?targetServerType=primary");
    assertThat(config.password()).isNull();
  }

  @Test
  void readsLibpqUrlWithEncodedPassword() {
    DatabaseConfig config =
        DatabaseConfig.parse("postgres://bee:p%40ss+word%3A@db.example:5433/skep?sslmode=require");
    assertThat(config.jdbcUrl())
        .isEqualTo("jdbc:postgresql://db.example:5433/skep?sslmode=require");
    assertThat(config.user()).isEqualTo("bee");
    assertThat(config.password()).isEqualTo("p@ss+word:");
  }

  @Test
  void readsLibpqUrlWithoutPortAndPassword() {
    DatabaseConfig config = DatabaseConfig.parse(" postgresql://bee@db.example/skep\n");
    assertThat(config.jdbcUrl()).isEqualTo("jdbc:postgresql://db.example/skep");
    assertThat(config.password()).isNull();
  }

  @Test
  void readsIpv6Host() {
    assertThat(DatabaseConfig.parse("postgres://bee@[::1]:5432/skep").jdbcUrl())
        .isEqualTo("jdbc:postgresql://[::1]:5432/skep");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "db.example",
        "mysql://bee@db/skep",
        "jdbc:mysql://db/skep?user=bee",
        "jdbc:postgresql:skep?user=bee",
        "jdbc:postgresql:///skep?user=bee",
        "jdbc:postgresql://db?user=bee",
        "jdbc:postgresql://db/?user=bee",
        "jdbc:postgresql://db/skep",
        "jdbc:postgresql://bee:secret@db/skep",
        "postgres://db/skep",
        "postgres://bee:secret@db",
        "postgres://bee:secret@db/",
        "postgres://bee:secret%@db/skep",
        "postgres://bee:sec ret@db/skep",
        "postgres://bee:secret%zz@db/skep",
      })
  void refusesWhatItCannotUseWithoutQuotingThePassword(String url) {
    assertThatThrownBy(() -> DatabaseConfig.parse(url))
        .isInstanceOf(InvalidDatabaseUrlException.class)
        .hasNoCause()
        .message()
        .doesNotContain("sec");
  }

  @Test
  void keepsThePasswordOutOfItsText() {
    assertThat(DatabaseConfig.parse("postgres://bee:secret@db/skep").toString())
        .contains("bee")
        .doesNotContain("secret");
  }

  @Test
  void defaultsAreEightConnectionsAndFiveSeconds() {
    DatabaseConfig config = DatabaseConfig.parse("postgres://bee@db/skep");
    assertThat(config.poolSize()).isEqualTo(8);
    assertThat(config.connectionTimeout()).isEqualTo(Duration.ofSeconds(5));
  }

  @Test
  void checksItsBounds() {
    DatabaseConfig config = DatabaseConfig.parse("postgres://bee@db/skep");
    assertThatThrownBy(() -> config.withPoolSize(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> config.withPoolSize(257)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> config.withConnectionTimeout(Duration.ofMillis(249)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> config.withConnectionTimeout(Duration.ofSeconds(61)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void unreachableDatabaseIsSaidToBeSo() {
    DatabaseConfig nobody =
        DatabaseConfig.parse("postgres://bee:secret@127.0.0.1:1/skep")
            .withConnectionTimeout(Duration.ofMillis(250));
    assertThatThrownBy(() -> Database.open(nobody))
        .isInstanceOf(DatabaseUnavailableException.class)
        .hasMessageContaining("127.0.0.1:1/skep")
        .hasMessageContaining("SKEP_DATABASE_URL")
        .message()
        .doesNotContain("secret");
  }
}
