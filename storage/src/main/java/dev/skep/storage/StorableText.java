package dev.skep.storage;

/** What PostgreSQL can keep as {@code text}: any Unicode but U+0000. */
final class StorableText {
  private StorableText() {}

  /**
   * Returns {@code text} if it can be stored and read back as it is. The driver would fail on half
   * a surrogate pair only while sending, which costs the connection.
   *
   * @throws IllegalArgumentException if it is longer than {@code mostChars} UTF-16 units, or holds
   *     a zero character or half a surrogate pair
   */
  static String check(String what, String text, int mostChars) {
    if (text.length() > mostChars) {
      throw new IllegalArgumentException(
          what + " has " + text.length() + " characters; at most " + mostChars + " go");
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean pair = Character.isHighSurrogate(c) && i + 1 < text.length();
      if (c == 0) {
        throw new IllegalArgumentException(what + " holds a zero character at " + i);
      } else if (pair && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        throw new IllegalArgumentException(what + " holds half a surrogate pair at " + i);
      }
    }
    return text;
  }
}
