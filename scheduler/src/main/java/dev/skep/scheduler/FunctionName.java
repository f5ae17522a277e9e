package dev.skep.scheduler;

import java.util.regex.Pattern;

/**
 * A function's name within its tenant.
 *
 * @param value 1 to 63 characters: lower-case letters, digits, hyphens, underscores and dots, a
 *     letter or digit first
 */
public record FunctionName(String value) {
  private static final Pattern PATTERN = Pattern.compile("[a-z0-9][a-z0-9._-]{0,62}");

  public FunctionName {
    if (value.length() > 63 || !PATTERN.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "a function's name is 1 to 63 lower-case letters, digits, '-', '_' and '.', a letter or"
              + " digit first");
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
