package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class StorableTextTest {
  @Test
  void letsUnicodePass() {
    assertThat(StorableText.check("it", "bee 🐝 Bienenkorb ü", 100))
        .isEqualTo("bee 🐝 Bienenkorb ü");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a\0", "\ud83d", "\ud83dx", "\udc1d", "\udc1d\ud83d"})
  void refusesZeroAndHalfPairs(String text) {
    assertThatThrownBy(() -> StorableText.check("it", text, 100))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusesWhatIsTooLong() {
    assertThatThrownBy(() -> StorableText.check("it", "abc", 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("it has 3 characters; at most 2 go");
  }
}
