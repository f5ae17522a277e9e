import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Checks ({@code check}) or rewrites ({@code fix}) the format of every Java source below a folder.
 *
 * <p>Run by the build with the JDK 25 of the toolchain, because a formatter that runs inside
 * Maven's own JVM cannot read Java 25. {@code mvn -N validate -Dformat.mode=fix} rewrites.
 */
public final class Format {
  private Format() {}

  public static void main(String[] args) throws Exception {
    boolean fix = args[0].equals("fix");
    Path root = Path.of(args[1]);
    Formatter formatter = new Formatter(JavaFormatterOptions.defaultOptions());
    List<Path> sources = new ArrayList<>();
    try (var paths = Files.walk(root)) {
      paths
          .filter(p -> p.toString().endsWith(".java"))
          .filter(p -> !root.relativize(p).toString().matches("(.*/)?(target|\\.[^/]+)/.*"))
          .forEach(sources::add);
    }
    List<Path> wrong = new ArrayList<>();
    for (Path source : sources) {
      String before = Files.readString(source);
      String after = formatter.formatSourceAndFixImports(before);
      if (!after.equals(before)) {
        wrong.add(root.relativize(source));
        if (fix) {
          Files.writeString(source, after);
        }
      }
    }
    if (fix) {
      System.out.println("formatted " + wrong.size() + " of " + sources.size() + " files");
    } else if (!wrong.isEmpty()) {
      wrong.forEach(p -> System.err.println("not formatted: " + p));
      System.err.println("run: mvn -q -N validate -Dformat.mode=fix");
      System.exit(1);
    }
  }
}
