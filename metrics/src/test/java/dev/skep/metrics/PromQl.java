package dev.skep.metrics;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * As much of PromQL as tells which series an expression reads and by which labels: not its grammar,
 * only its words.
 *
 * @param selectors every metric with the labels it is matched by
 * @param groupings labels in {@code by}, {@code without}, {@code on}, {@code ignoring} and {@code
 *     group_left} lists
 */
record PromQl(List<Selector> selectors, Set<String> groupings) {
  private static final Pattern GROUPING =
      Pattern.compile("\\b(?:by|without|on|ignoring|group_left|group_right)\\s*\\(([^)]*)\\)");
  private static final Pattern STRING = Pattern.compile("\"(?:[^\"\\\\]|\\\\.)*\"");
  private static final Pattern RANGE = Pattern.compile("\\[[^\\]]*\\]|\\boffset\\s+\\S+");
  private static final Pattern WORD =
      Pattern.compile("(?<![\\w.$])([a-zA-Z_:][\\w:]*)\\s*(\\{[^}]*\\}|\\()?");
  private static final Pattern MATCHER = Pattern.compile("(\\w+)\\s*(?:=~|!~|!=|=)");
  private static final Set<String> OPERATORS =
      Set.of("and", "or", "unless", "bool", "group_left", "group_right");

  record Selector(String metric, Set<String> labels) {}

  static PromQl parse(String expression) {
    String text = STRING.matcher(expression).replaceAll("\"\"");
    text = RANGE.matcher(text).replaceAll("");
    Set<String> groupings = new HashSet<>();
    Matcher grouping = GROUPING.matcher(text);
    while (grouping.find()) {
      words(grouping.group(1)).forEach(groupings::add);
    }
    text = grouping.replaceAll("");
    List<Selector> selectors = new ArrayList<>();
    Matcher word = WORD.matcher(text);
    while (word.find()) {
      String next = word.group(2) == null ? "" : word.group(2);
      if (!next.equals("(") && !OPERATORS.contains(word.group(1))) {
        Set<String> labels = new HashSet<>();
        MATCHER.matcher(next).results().forEach(match -> labels.add(match.group(1)));
        selectors.add(new Selector(word.group(1), labels));
      }
    }
    return new PromQl(selectors, groupings);
  }

  private static Set<String> words(String list) {
    Set<String> words = new HashSet<>();
    Pattern.compile("\\w+").matcher(list).results().forEach(match -> words.add(match.group()));
    return words;
  }
}
