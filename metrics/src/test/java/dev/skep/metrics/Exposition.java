package dev.skep.metrics;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The text format 0.0.4, read back. Strict: a line that the format does not allow, a sample outside
 * its family and a series that comes twice are errors.
 *
 * @param types of the families, by name
 * @param samples in the order of the text
 */
record Exposition(Map<String, String> types, List<Sample> samples) {
  private static final Pattern HELP = Pattern.compile("# HELP ([a-z_:][a-z0-9_:]*) \\S.*");
  private static final Pattern TYPE =
      Pattern.compile("# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram|summary|untyped|info)");
  private static final Pattern SAMPLE =
      Pattern.compile("([a-z_:][a-z0-9_:]*)(\\{.*})? (\\S+)", Pattern.CASE_INSENSITIVE);
  private static final Pattern LABEL =
      Pattern.compile("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\]|\\\\[\\\\\"n])*)\",");

  record Sample(String name, Map<String, String> labels, double value) {}

  static Exposition of(NodeMetrics metrics) {
    return parse(metrics.exposition(null));
  }

  static Exposition parse(String text) {
    Map<String, String> types = new LinkedHashMap<>();
    List<Sample> samples = new ArrayList<>();
    String family = "";
    for (String line : text.lines().toList()) {
      Matcher type = TYPE.matcher(line);
      Matcher sample = SAMPLE.matcher(line);
      if (type.matches()) {
        family = type.group(1);
        require(types.put(family, type.group(2)) == null, "the family comes twice: " + line);
      } else if (line.startsWith("#")) {
        require(HELP.matcher(line).matches(), line);
      } else {
        require(sample.matches(), line);
        require(sample.group(1).startsWith(family), "not in family " + family + ": " + line);
        samples.add(new Sample(sample.group(1), labels(sample.group(2)), value(sample.group(3))));
      }
    }
    var keys = samples.stream().map(s -> s.name() + s.labels()).collect(Collectors.toSet());
    require(keys.size() == samples.size(), "a series comes twice");
    return new Exposition(types, samples);
  }

  /** The value of the one series with this name and exactly these labels, given in pairs. */
  double value(String name, String... labels) {
    Map<String, String> wanted = new LinkedHashMap<>();
    for (int i = 0; i < labels.length; i += 2) {
      wanted.put(labels[i], labels[i + 1]);
    }
    return samples.stream()
        .filter(s -> s.name().equals(name) && s.labels().equals(wanted))
        .mapToDouble(Sample::value)
        .findFirst()
        .orElseThrow(() -> new AssertionError("no series " + name + wanted));
  }

  List<Sample> named(String name) {
    return samples.stream().filter(s -> s.name().equals(name)).toList();
  }

  private static Map<String, String> labels(@Nullable String braces) {
    Map<String, String> labels = new LinkedHashMap<>();
    if (braces == null) {
      return labels;
    }
    String inside = braces.substring(1, braces.length() - 1);
    Matcher label = LABEL.matcher(inside.endsWith(",") ? inside : inside + ",");
    int end = 0;
    while (label.lookingAt()) {
      labels.put(label.group(1), label.group(2));
      end = label.end();
      label.region(end, label.regionEnd());
    }
    require(end >= inside.length(), "labels " + braces);
    return labels;
  }

  private static double value(String text) {
    return switch (text) {
      case "+Inf" -> Double.POSITIVE_INFINITY;
      case "-Inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(text);
    };
  }

  private static void require(boolean holds, String line) {
    if (!holds) {
      throw new AssertionError("not the text format: " + line);
    }
  }
}
