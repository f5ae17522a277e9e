package dev.skep.scheduler;

import java.util.regex.Pattern;

/**
 * Names a module's machine code.
 *
 * @param module the bytes that it was made of
 * @param compiler what it was made by and for, a line of 1 to 250 printable ASCII characters; equal
 *     exactly when nodes can run each other's code
 */
public record ArtifactKey(ModuleDigest module, String compiler) {
  private static final Pattern COMPILER = Pattern.compile("[ -~]{1,250}");

  public ArtifactKey {
    if (!COMPILER.matcher(compiler).matches()) {
      throw new IllegalArgumentException(
          "a compiler is named by 1 to 250 printable ASCII characters");
    }
  }
}
