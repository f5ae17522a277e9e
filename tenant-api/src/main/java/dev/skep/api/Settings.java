package dev.skep.api;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads one variable of the environment at a time and says which one is wrong. An empty variable is
 * as good as none.
 */
record Settings(Map<String, String> environment) {
  private static final Pattern BYTES = Pattern.compile("(\\d{1,18})\\s*(B|KiB|MiB|GiB|)");

  String text(String name, String fallback) {
    String value = optional(name);
    return value == null ? fallback : value;
  }

  /** A value, or null. */
  @Nullable String optional(String name) {
    String value = environment.get(name);
    return value == null || value.isEmpty() ? null : value;
  }

  long number(String name, long fallback, long least, long most) {
    String value = text(name, Long.toString(fallback));
    try {
      long number = Long.parseLong(value);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Falls through to the same answer.
    }
    throw new IllegalArgumentException(
        name + " is \"" + value + "\"; it must be a number from " + least + " to " + most);
  }

  int integer(String name, int fallback, int least, int most) {
    return (int) number(name, fallback, least, most);
  }

  /** A number of bytes: {@code 65536}, {@code 64KiB}, {@code 4MiB}, {@code 1GiB}. */
  long bytes(String name, long fallback, long least, long most) {
    String value = optional(name);
    if (value == null) {
      return fallback;
    }
    long bytes = bytes(value);
    if (bytes < least || bytes > most) {
      throw new IllegalArgumentException(
          name
              + " is \""
              + value
              + "\"; it must be bytes as 65536, 64KiB, 4MiB or 1GiB, from "
              + inBytes(least)
              + " to "
              + inBytes(most));
    }
    return bytes;
  }

  /** The same, in whole pages of 4 KiB from none to {@code most}. */
  long pages(String name, long fallback, long most) {
    String value = optional(name);
    if (value == null) {
      return fallback;
    }
    long bytes = bytes(value);
    if (bytes < 0 || bytes > most || bytes % 4_096 != 0) {
      throw new IllegalArgumentException(
          name
              + " is \""
              + value
              + "\"; it must be bytes as 65536, 64KiB, 4MiB or 1GiB, a multiple of 4KiB up to "
              + inBytes(most));
    }
    return bytes;
  }

  /** The bytes a value stands for, or −1. */
  static long bytes(String value) {
    Matcher matcher = BYTES.matcher(value.strip());
    if (!matcher.matches()) {
      return -1;
    }
    int shift =
        switch (matcher.group(2)) {
          case "KiB" -> 10;
          case "MiB" -> 20;
          case "GiB" -> 30;
          default -> 0;
        };
    long number = Long.parseLong(matcher.group(1));
    return number > Long.MAX_VALUE >> shift ? -1 : number << shift;
  }

  /** Bytes in the largest unit that says them exactly. */
  static String inBytes(long bytes) {
    String[] units = {"", "KiB", "MiB", "GiB"};
    int unit = 0;
    long number = bytes;
    while (unit < 3 && number != 0 && number % 1_024 == 0) {
      number /= 1_024;
      unit++;
    }
    return String.format(Locale.ROOT, "%d%s", number, units[unit]);
  }
}
