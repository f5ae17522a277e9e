package dev.skep.engine;

/** Makes a guest's strings safe to show: bounded, and without characters that act on a terminal. */
public final class Printable {
  private static final int MOST_CHARS = 200;

  private Printable() {}

  /** {@code text} with controls, format characters and unpaired surrogates as {@code ?}. */
  public static String of(String text) {
    StringBuilder out = new StringBuilder(Math.min(text.length(), MOST_CHARS + 1));
    int i = 0;
    while (i < text.length()) {
      if (out.length() >= MOST_CHARS) {
        return out.append('…').toString();
      }
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      int type = Character.getType(c);
      boolean shown =
          type != Character.CONTROL
              && type != Character.FORMAT
              && type != Character.SURROGATE
              && type != Character.PRIVATE_USE
              && type != Character.UNASSIGNED
              && type != Character.LINE_SEPARATOR
              && type != Character.PARAGRAPH_SEPARATOR;
      out.appendCodePoint(shown ? c : '?');
    }
    return out.toString();
  }
}
