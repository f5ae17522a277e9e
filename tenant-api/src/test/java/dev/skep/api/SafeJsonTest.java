package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import org.junit.jupiter.api.Test;

class SafeJsonTest {
  @Test
  void joinedIsOneObjectOfBoth() {
    JsonObject first = new JsonObject().put("name", "}<\u202e").put("more", new JsonObject());
    JsonObject second = new JsonObject().put("list", new JsonArray().add("{\u0000")).put("n", 1);
    String joined = SafeJson.joined(SafeJson.buffer(first), second).toString();
    assertThat(new JsonObject(joined)).isEqualTo(first.copy().mergeIn(second));
    assertThat(joined).doesNotContain("<", "\u202e");
  }
}
