package dev.skep.api;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;

/**
 * Writes JSON so that what guests and tenants have put into strings cannot act where it is shown:
 * on a terminal, in a log, in a page. Every control and format character (bidirectional controls
 * among them), every separator of lines and {@code <} is an escape, which means the same to whoever
 * reads the JSON.
 */
final class SafeJson {
  private SafeJson() {}

  /** An object as UTF-8. */
  static Buffer buffer(JsonObject json) {
    return Buffer.buffer(text(json.encode()));
  }

  /**
   * One object of two that have no member in common. The first may be large: it is only copied.
   *
   * @param first not empty, as {@link #buffer} has written it
   * @param second not empty
   */
  static Buffer joined(Buffer first, JsonObject second) {
    String tail = text(second.encode());
    return Buffer.buffer(first.length() + tail.length())
        .appendBuffer(first, 0, first.length() - 1)
        .appendString(',' + tail.substring(1));
  }

  /**
   * JSON that is written the same but safely. Outside of strings it has only spaces, line ends and
   * printable ASCII, so that what is escaped is always within one.
   */
  static String text(String json) {
    return SafeText.escape(json, c -> c == '\n' || (c != '<' && SafeText.isShown(c)));
  }
}
