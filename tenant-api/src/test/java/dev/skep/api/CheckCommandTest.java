package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code skep check}. */
class CheckCommandTest {
  private record Ran(int code, String out, String err) {}

  private static Ran run(String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = SkepMain.commandLine(Map.of());
    line.setOut(new PrintWriter(out));
    line.setErr(new PrintWriter(err));
    List<String> all = new ArrayList<>(List.of("check"));
    all.addAll(Arrays.asList(args));
    int code = line.execute(all.toArray(String[]::new));
    line.getErr().flush();
    return new Ran(code, out.toString(), err.toString());
  }

  private static String guest(String name) {
    return Http.root().resolve("guests/wasm/" + name + ".wasm").toString();
  }

  private static JsonObject json(String... args) {
    List<String> all = new ArrayList<>(Arrays.asList(args));
    all.add("--json");
    Ran ran = run(all.toArray(String[]::new));
    assertThat(ran.err()).isEmpty();
    JsonObject json = new JsonObject(ran.out());
    assertThat(ran.code()).isEqualTo(json.getBoolean("accepted") ? 0 : 1);
    return json;
  }

  private static JsonObject named(JsonArray array, String member, String value) {
    return array.stream()
        .map(JsonObject.class::cast)
        .filter(each -> value.equals(each.getString(member)))
        .findFirst()
        .orElseThrow(() -> new AssertionError(value + " is not in " + array));
  }

  @Test
  void theSmallestGuestPrintsAllOfItsPage() {
    Ran ran = run(guest("fib"), "--call", "fib", "--args", "10");
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.out())
        .isEqualTo(
            guest("fib")
                + """
                : accepted
                  version      sha256:40ad19ab6ca830d3674c25753d2612739e9e765fff30530cbf4a5a7e19571d72
                  size         84 bytes
                  kind         library: its exports are called by name
                  compiling    84,000 units of fuel, 2 nano-dollars, once

                Limits, the nearest first
                """
                + limits(ran.out())
                + """

                Imports, and the grant that each needs
                  none

                Exports
                  function  fib  (i32) -> i32

                Dry runs, each in a new instance, with at most 100,000,000 units of fuel and 5 s
                  call                fuel  nano-dollars  ended
                  fib(10)            1,766           301  returned 55

                Costliest functions, what they call left out: of 1,766 units in these runs, 1,766 counted
                    100.0 %            1,766  fib
                """);
  }

  /** The lines of the limits, which are many; they must be there and fall. */
  private static String limits(String page) {
    String from = "Limits, the nearest first\n";
    int start = page.indexOf(from) + from.length();
    String lines = page.substring(start, page.indexOf("\n\nImports", start) + 1);
    assertThat(lines)
        .contains("    0.4 %             4  of        1,024  bytes of the longest name\n")
        .contains("             1  of       50,000  functions, imported and defined\n")
        .contains("             0  of   67,108,864  bytes of memory at start\n");
    assertThat(lines.lines()).hasSize(23);
    return lines;
  }

  @Test
  void limitsAreThoseOfTheModuleTheNearestFirst() {
    JsonArray limits = json(guest("json_transform")).getJsonArray("limits");
    List<Double> percents =
        limits.stream().map(each -> ((JsonObject) each).getDouble("percent")).toList();
    assertThat(percents).isSortedAccordingTo((a, b) -> Double.compare(b, a));
    assertThat(named(limits, "name", "moduleBytes").getInteger("value")).isEqualTo(23_842);
    assertThat(named(limits, "name", "memoryBytes").getInteger("value")).isEqualTo(65_536);
    assertThat(named(limits, "name", "tableElements").getInteger("value")).isEqualTo(1);
    assertThat(named(limits, "name", "nesting").getInteger("value")).isBetween(10, 100);
    assertThat(named(limits, "name", "bodyBytes").getInteger("value")).isBetween(9_000, 23_842);
    assertThat(named(limits, "name", "locals").getInteger("value")).isEqualTo(20);
  }

  @Test
  void exportsAreRunWithZeroesAndSayHowTheyEnd() {
    JsonObject json = json(guest("trap"), "--fuel", "2000000");
    JsonArray runs = json.getJsonArray("runs");
    assertThat(named(runs, "export", "div_zero").getString("ended"))
        .isEqualTo("trapped: integer divide by zero, in divide < average < div_zero");
    assertThat(named(runs, "export", "div_zero").getString("outcome")).isEqualTo("trapped");
    assertThat(named(runs, "export", "div_zero").getLong("fuel")).isEqualTo(14);
    assertThat(named(runs, "export", "spin").getString("outcome")).isEqualTo("out-of-fuel");
    assertThat(named(runs, "export", "spin").getString("ended"))
        .isEqualTo("stopped at fuel 2,000,000, in turn_for_ever < spin");
    assertThat(named(runs, "export", "recurse").getString("ended"))
        .startsWith("stopped at callDepth 8,192, in ");
    assertThat(json.getJsonArray("functions").getJsonObject(0).getString("function"))
        .isEqualTo("turn_for_ever");
  }

  @Test
  void aCommandIsRunAndItsImportsNameTheirGrants() throws Exception {
    JsonObject json = json(guest("hello_cgi"));
    assertThat(json.getBoolean("command")).isTrue();
    assertThat(json.getBoolean("snapshot")).isFalse();
    JsonArray imports = json.getJsonArray("imports");
    assertThat(named(imports, "name", "fd_write").getString("needs")).isEqualTo("stdout");
    assertThat(named(imports, "name", "environ_get").getString("needs")).isEqualTo("environment");
    assertThat(named(imports, "name", "proc_exit").getString("needs")).isEqualTo("nothing");
    JsonObject run = json.getJsonArray("runs").getJsonObject(0);
    assertThat(run.getString("export")).isEqualTo("_start");
    assertThat(run.getString("outcome")).isEqualTo("completed");
    assertThat(run.getLong("profiledFuel")).isEqualTo(run.getLong("fuel"));
    assertThat(
            json.getJsonArray("functions").stream()
                .mapToLong(each -> ((JsonObject) each).getLong("fuel"))
                .sum())
        .isEqualTo(json.getLong("fuel"));

    Path words = Http.root().resolve("guests/data/words.txt");
    Ran counted = run(guest("wordcount"), "--input", words.toString());
    assertThat(counted.code()).isZero();
    assertThat(counted.out())
        .contains("command: it is run by _start")
        .contains("_start with " + Files.size(words) + " bytes of input")
        .contains("exited with 0");
  }

  @Test
  void aCallWithBytesSaysWhereItsFuelGoes() {
    String order = Http.root().resolve("guests/data/order.json").toString();
    JsonObject json = json(guest("json_transform_small"), "--call", "transform", "--input", order);
    assertThat(json.getJsonArray("runs")).hasSize(1);
    assertThat(json.getJsonArray("runs").getJsonObject(0).getString("ended"))
        .matches("answered [0-9,]+ bytes");
    assertThat(json.getJsonArray("functions").size()).isGreaterThan(20);
    assertThat(json.getLong("profiledFuel")).isEqualTo(json.getLong("fuel"));
  }

  @Test
  void theReadmesExampleIsWhatItPrints() throws IOException {
    String readme = Files.readString(Http.root().resolve("README.md"));
    int from = readme.indexOf("$ ./skep check ");
    List<String> shown = readme.substring(from, readme.indexOf("```", from)).lines().toList();
    List<String> args = new ArrayList<>(List.of(shown.getFirst().split(" ")));
    args.subList(0, 3).clear();
    args.replaceAll(arg -> arg.startsWith("guests/") ? Http.root().resolve(arg).toString() : arg);
    List<String> printed = run(args.toArray(String[]::new)).out().lines().toList();
    assertThat(shown).hasSizeGreaterThan(15);
    assertThat(shown.subList(2, shown.size()))
        .allSatisfy(
            line -> assertThat(line.equals("…") || printed.contains(line)).as(line).isTrue());
  }

  @Test
  void aRefusedModuleIsRefusedInTheWordsOfTheApi(@TempDir Path folder) throws IOException {
    // Imports the function env.f of type () -> (), under a name that would clear a terminal.
    byte[] name = "\u001b[2J".getBytes(UTF_8);
    byte[] module = {
      0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 12, 1, 3, 'e', 'n', 'v', 4, name[0],
      name[1], name[2], name[3], 0, 0
    };
    Path file = folder.resolve("odd.wasm");
    Files.write(file, module);
    Ran ran = run(file.toString());
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.out())
        .isEqualTo(
            file
                + """
                : refused
                  status       422 The module imports what nothing provides
                  type         urn:skep:problem:unknown-import
                  because      the module imports env.?[2J, which nothing provides; functions of\
                 wasi_snapshot_preview1 can be imported
                """);
    JsonObject problem = json(file.toString()).getJsonObject("problem");
    assertThat(problem.getString("type")).isEqualTo("urn:skep:problem:unknown-import");
    assertThat(problem.getInteger("status")).isEqualTo(422);

    Files.write(file, "#!/bin/sh".getBytes(UTF_8));
    assertThat(run(file.toString()).code()).isEqualTo(1);
  }

  @Test
  void aWrongQuestionIsNotARefusal() {
    assertThat(run().code()).isEqualTo(2);
    assertThat(run("no/such/file.wasm").code()).isEqualTo(2);
    Ran unknown = run(guest("add"), "--call", "nope");
    assertThat(unknown.code()).isEqualTo(2);
    assertThat(unknown.err()).contains("exports no function nope", "add_i32");
    Ran few = run(guest("add"), "--call", "add_i32", "--args", "1");
    assertThat(few.code()).isEqualTo(2);
    assertThat(few.err()).contains("takes 2 arguments");
    assertThat(run(guest("add"), "--args", "1").code()).isEqualTo(2);
    assertThat(run(guest("add"), "--fuel", "0").code()).isEqualTo(2);
    assertThat(run(guest("add"), "--call", "add_f64", "--args", "1.5", "2.25").out())
        .contains("add_f64(1.5, 2.25)", "returned 3.75");
  }
}
