package dev.skep.engine.cranelift;

import java.util.Map;
import java.util.SortedSet;

/** What keeps a module on tier 1, said by the code that decides it. */
public final class Untranslated {
  private Untranslated() {}

  /** The table of operators in Markdown, a line for each reason; ends with a line break. */
  public static String table() {
    StringBuilder table = new StringBuilder("| reason | operators |\n|---|---|\n");
    for (Map.Entry<String, SortedSet<String>> each : Operators.untranslated().entrySet()) {
      table
          .append("| ")
          .append(each.getKey())
          .append(" | ")
          .append(
              each.getValue().size() == 1
                  ? "`" + each.getValue().first() + "`"
                  : "all " + each.getValue().size() + " of them")
          .append(" |\n");
    }
    return table.toString();
  }

  /** The bounds of what is translated in Markdown, a line for each; ends with a line break. */
  public static String bounds() {
    return "- several memories\n"
        + "- a function whose body has more than "
        + ModuleCompiler.MOST_BODY_BYTES
        + " bytes\n"
        + "- a function that takes more than "
        + ModuleCompiler.MOST_STACK_BYTES
        + " bytes of stack for a call\n";
  }
}
