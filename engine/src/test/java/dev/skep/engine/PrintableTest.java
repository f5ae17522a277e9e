package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** A guest's strings, made safe for a terminal and a log. */
class PrintableTest {
  @Test
  void ordinaryTextOfAnyScriptStaysAsItIs() {
    for (String text : new String[] {"", "add", "größe 数 שלום", "emoji 🐝", "a b\u00a0c"}) {
      assertThat(Printable.of(text)).isEqualTo(text);
    }
  }

  @Test
  void whatActsOnATerminalOrALogIsReplaced() {
    assertThat(Printable.of("a\u001b[31mb\nc\rd\te\0f\u007f\u0085")).isEqualTo("a?[31mb?c?d?e?f??");
    assertThat(Printable.of("\u202e\u200b\ufeff\u2028\u2029\ue000\uffff")).isEqualTo("???????");
  }

  @Test
  void unpairedSurrogatesAreReplacedAndPairsKept() {
    assertThat(Printable.of("\ud83d")).isEqualTo("?");
    assertThat(Printable.of("\udc1dx")).isEqualTo("?x");
    assertThat(Printable.of("\ud83d\udc1d")).isEqualTo("🐝");
  }

  @Test
  void longTextIsCutWithAnEllipsisAndNotWithinACharacter() {
    assertThat(Printable.of("x".repeat(200))).hasSize(200);
    assertThat(Printable.of("x".repeat(201))).isEqualTo("x".repeat(200) + "…");
    assertThat(Printable.of("x".repeat(1 << 20))).hasSize(201);
    assertThat(Printable.of("x".repeat(199) + "🐝🐝")).isEqualTo("x".repeat(199) + "🐝…");
  }
}
