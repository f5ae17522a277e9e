package dev.skep.engine;

import java.util.regex.Pattern;

/**
 * What machine code depends on besides the module: a piece of it is of use to a node with exactly
 * this key, and to no other. Whatever changes the code that is made has to change the key.
 *
 * @param compiler the compiler and its version, 1 to 60 letters, digits and {@code . _ + , = -}
 * @param fuelTableVersion of the cost table that the code charges by, 1 or more
 * @param target triple of processor and system, as the compiler
 * @param features of the processor that the code may use, as the compiler, or empty
 */
public record CompilerKey(String compiler, int fuelTableVersion, String target, String features) {
  /** Longest {@link #text}, in characters. */
  public static final int MOST_CHARS = 250;

  private static final Pattern PART = Pattern.compile("[A-Za-z0-9._+,=-]{1,60}");

  public CompilerKey {
    check("compiler", compiler);
    check("target", target);
    if (!features.isEmpty()) {
      check("features", features);
    }
    if (fuelTableVersion < 1) {
      throw new IllegalArgumentException("fuelTableVersion is " + fuelTableVersion);
    }
  }

  private static void check(String what, String part) {
    if (!PART.matcher(part).matches()) {
      throw new IllegalArgumentException(
          what + " is 1 to 60 letters, digits and . _ + , = - of ASCII");
    }
  }

  /**
   * The key in one line, which no other key has. It names the format of artifacts too, so that
   * nodes of two formats beside each other keep two artifacts, rather than each the other's away.
   */
  public String text() {
    return compiler
        + " artifact/"
        + Artifact.FORMAT
        + " fuel/"
        + fuelTableVersion
        + ' '
        + target
        + ' '
        + features;
  }
}
