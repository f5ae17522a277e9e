package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;

class SettingsTest {
  private static Settings of(String value) {
    return new Settings(Map.of("A", value));
  }

  @Test
  void whatIsNotSetOrEmptyIsTheFallback() {
    assertThat(of("").text("A", "b")).isEqualTo("b");
    assertThat(of("").optional("A")).isNull();
    assertThat(of("").number("A", 7, 0, 9)).isEqualTo(7);
    assertThat(of("").bytes("A", 7, 0, 9)).isEqualTo(7);
    assertThat(of("").pages("A", 4_096, 8_192)).isEqualTo(4_096);
    assertThat(of("1").integer("B", 8, 0, 9)).isEqualTo(8);
  }

  @Test
  void numbersAreWithinTheirLimits() {
    assertThat(of("0").number("A", 7, 0, 9)).isZero();
    assertThat(of("9").integer("A", 7, 0, 9)).isEqualTo(9);
    for (String wrong : new String[] {"-1", "10", "x", "1.5", " 1", "99999999999999999999"}) {
      assertThatThrownBy(() -> of(wrong).number("A", 7, 0, 9))
          .hasMessage("A is \"" + wrong + "\"; it must be a number from 0 to 9");
    }
  }

  @Test
  void bytesHaveUnits() {
    assertThat(Settings.bytes("65536")).isEqualTo(65_536);
    assertThat(Settings.bytes("65536B")).isEqualTo(65_536);
    assertThat(Settings.bytes("64KiB")).isEqualTo(65_536);
    assertThat(Settings.bytes(" 4 MiB ")).isEqualTo(4 << 20);
    assertThat(Settings.bytes("1GiB")).isEqualTo(1L << 30);
    for (String wrong : new String[] {"", "-1", "64K", "64kib", "1.5GiB", "GiB", "1TiB"}) {
      assertThat(Settings.bytes(wrong)).as(wrong).isEqualTo(-1);
    }
    assertThat(Settings.bytes("999999999999999999GiB")).as("past a long").isEqualTo(-1);
  }

  @Test
  void bytesAreWithinTheirLimits() {
    assertThat(of("8KiB").bytes("A", 0, 4_096, 8_192)).isEqualTo(8_192);
    assertThatThrownBy(() -> of("9KiB").bytes("A", 0, 4_096, 8_192))
        .hasMessageContainingAll("A is \"9KiB\"", "from 4KiB to 8KiB");
    assertThat(of("8192").pages("A", 0, 8_192)).isEqualTo(8_192);
    assertThatThrownBy(() -> of("8191").pages("A", 0, 8_192))
        .hasMessageContainingAll("A is \"8191\"", "a multiple of 4KiB up to 8KiB");
  }

  @Test
  void bytesAreShownInTheLargestUnitThatSaysThem() {
    assertThat(Settings.inBytes(0)).isEqualTo("0");
    assertThat(Settings.inBytes(1_000)).isEqualTo("1000");
    assertThat(Settings.inBytes(65_536)).isEqualTo("64KiB");
    assertThat(Settings.inBytes(3L << 19)).isEqualTo("1536KiB");
    assertThat(Settings.inBytes(1L << 40)).isEqualTo("1024GiB");
  }
}
