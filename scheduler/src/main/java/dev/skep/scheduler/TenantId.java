package dev.skep.scheduler;

import java.util.regex.Pattern;

/**
 * A tenant's name.
 *
 * @param value 1 to 63 characters: lower-case letters, digits and hyphens, a letter first and no
 *     hyphen last (RFC 1123 labels, so that it can be a host name)
 */
public record TenantId(String value) {
  private static final Pattern PATTERN = Pattern.compile("[a-z]([a-z0-9-]{0,61}[a-z0-9])?");

  public TenantId {
    if (value.length() > 63 || !PATTERN.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "a tenant's id is 1 to 63 lower-case letters, digits and hyphens, a letter first and no"
              + " hyphen last");
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
