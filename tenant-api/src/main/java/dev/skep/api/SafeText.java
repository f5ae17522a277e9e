package dev.skep.api;

import java.util.HexFormat;
import java.util.function.IntPredicate;

/**
 * Makes text safe to show, whoever wrote it: what acts on a terminal, breaks a line, or turns the
 * direction of writing is written as an escape of the form {@code \}{@code u202e}. Nothing is lost
 * and nothing is cut off.
 */
final class SafeText {
  private static final HexFormat HEX = HexFormat.of();

  private SafeText() {}

  /** The text as one line. */
  static String line(String text) {
    return escape(text, SafeText::isShown);
  }

  /** The text with each code point that {@code shown} does not accept as an escape. */
  static String escape(String text, IntPredicate shown) {
    int clean = 0;
    while (clean < text.length() && text.charAt(clean) < 0x7F && shown.test(text.charAt(clean))) {
      clean++;
    }
    if (clean == text.length()) {
      return text;
    }
    StringBuilder out = new StringBuilder(text.length() + 64).append(text, 0, clean);
    int i = clean;
    while (i < text.length()) {
      int c = text.codePointAt(i);
      int next = i + Character.charCount(c);
      if (shown.test(c)) {
        out.append(text, i, next);
      } else {
        for (int unit = i; unit < next; unit++) {
          out.append("\\u").append(HEX.toHexDigits(text.charAt(unit)));
        }
      }
      i = next;
    }
    return out.toString();
  }

  /** Whether a code point only shows itself: no control, format character or separator of lines. */
  static boolean isShown(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
