package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SafeTextTest {
  @Test
  void ordinaryTextIsAsItWas() {
    String text = "añb → “x” 漢 😀 \\ \"";
    assertThat(SafeText.line(text)).isEqualTo(text);
    JsonObject json = new JsonObject().put("type", "(i32) -> i32").put("name", text);
    assertThat(SafeJson.buffer(json).toString()).isEqualTo(json.encode());
  }

  @Test
  void whatActsIsEscaped() {
    assertThat(SafeText.line("a\nb\u001b\u202e\u2029\u0085\ue000"))
        .isEqualTo("a\\u000ab\\u001b\\u202e\\u2029\\u0085\\ue000");
    assertThat(SafeText.line("\ud800x\udb40\udc41")).isEqualTo("\\ud800x\\udb40\\udc41");
    assertThat(SafeJson.buffer(new JsonObject().put("a", "</script>\u202e\u0000\"")).toString())
        .isEqualTo("{\"a\":\"\\u003c/script>\\u202e\\u0000\\\"\"}");
  }

  @Test
  void jsonMeansTheSameWhateverItHolds() {
    long seed = 20_260_704L;
    Random random = new Random(seed);
    for (int i = 0; i < 2_000; i++) {
      StringBuilder text = new StringBuilder();
      int length = random.nextInt(40);
      for (int c = 0; c < length; c++) {
        text.append((char) (random.nextBoolean() ? random.nextInt(0x10000) : random.nextInt(128)));
      }
      JsonObject json = new JsonObject().put(text + "k", text.toString());
      String safe = SafeJson.text(json.encode());
      assertThat(safe.codePoints().allMatch(SafeText::isShown)).as("seed %d", seed).isTrue();
      assertThat(safe).doesNotContain("<");
      assertThat(new JsonObject(safe)).as("seed %d", seed).isEqualTo(json);
    }
  }
}
