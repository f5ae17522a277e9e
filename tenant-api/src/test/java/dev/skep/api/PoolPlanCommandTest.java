package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.pool.PoolPlan.Knob;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code skep pool plan}, and the same plan at a node's start. */
class PoolPlanCommandTest {
  private static final Map<String, String> FITS =
      Map.of("SKEP_SLOT_CLASSES", "512KiB:100,4MiB:20", "SKEP_IMAGE_MAPPINGS", "10");

  /** 156 TiB, of 128 that user space has. */
  private static final Map<String, String> ADDRESS_SPACE =
      Map.of("SKEP_SLOT_CLASSES", "4GiB:40000", "SKEP_INSTANCES", "100");

  /** Two million, more than any distribution allows. */
  private static final Map<String, String> MAPPINGS =
      Map.of("SKEP_SLOT_CLASSES", "512KiB:100000", "SKEP_IMAGE_MAPPINGS", "1000000");

  /** 16 TiB. */
  private static final Map<String, String> MEMORY =
      Map.of("SKEP_SLOT_CLASSES", "1GiB:16384", "SKEP_KEEP_RESIDENT_MEMORY", "1GiB");

  private record Ran(int code, String out, String err) {}

  private static Ran run(Map<String, String> environment, String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = SkepMain.commandLine(environment);
    line.setOut(new PrintWriter(out));
    line.setErr(new PrintWriter(err));
    int code = line.execute(args);
    line.getErr().flush();
    return new Ran(code, out.toString(), err.toString());
  }

  @Test
  void aPlanThatFitsIsPrintedLineByLine() {
    Ran ran = run(FITS, "pool", "plan");
    assertThat(ran.code()).isZero();
    assertThat(ran.err()).isEmpty();
    assertThat(ran.out())
        .contains("address space\n", "mappings\n", "heap\n", "memory, all idle\n")
        .contains(
            "100 slots × (84 KiB of tables and context + 512 KiB of memory + 64 KiB of guard)")
        .contains("one mapping, however many slots")
        .contains("10 × 2")
        .contains("within")
        .contains("The pool fits.")
        .doesNotContain("MORE THAN");
  }

  @Test
  void theSameIsThereAsJson() {
    JsonObject fits = new JsonObject(run(FITS, "pool", "plan", "--json").out());
    assertThat(fits.getBoolean("fits")).isTrue();
    assertThat(fits.getJsonArray("problems")).isEmpty();
    JsonObject address = fits.getJsonArray("sums").getJsonObject(0);
    assertThat(address.getString("resource")).isEqualTo("address_space");
    assertThat(address.getJsonArray("terms").getJsonObject(0).getLong("amount"))
        .isEqualTo(100 * (84L + 512 + 64) * 1_024);

    Ran ran = run(MAPPINGS, "pool", "plan", "--json");
    assertThat(ran.code()).isEqualTo(1);
    JsonObject problem = new JsonObject(ran.out()).getJsonArray("problems").getJsonObject(0);
    assertThat(problem.getString("resource")).isEqualTo("mappings");
    assertThat(problem.getLong("total")).isGreaterThan(2_000_000);
    assertThat(problem.getJsonArray("turn"))
        .containsExactly("SKEP_IMAGE_MAPPINGS", "vm.max_map_count");
  }

  @Test
  void theWorstCaseHasTheHeapOfTheCompilersProcess() {
    Map<String, String> environment = new HashMap<>(FITS);
    assertThat(compilerHeap(environment)).isEqualTo(2L << 30);
    environment.put("SKEP_COMPILER_HEAP", "3GiB");
    assertThat(compilerHeap(environment)).isEqualTo(3L << 30);
    assertThat(run(environment, "pool", "plan").out())
        .containsPattern("3.00 GiB  heap of the compiler's process .*SKEP_COMPILER_HEAP");
  }

  /** What the line says, which is in one sum only and counts there. */
  private static long compilerHeap(Map<String, String> environment) {
    List<JsonObject> sums =
        objects(new JsonObject(run(environment, "pool", "plan", "--json").out()), "sums");
    List<JsonObject> with =
        sums.stream().filter(sum -> sum.encode().contains("\"compiler_heap\"")).toList();
    assertThat(with).hasSize(1);
    JsonObject worst = with.getFirst();
    assertThat(worst.getString("resource")).isEqualTo("worst_memory");
    List<JsonObject> terms = objects(worst, "terms");
    assertThat(worst.getLong("total"))
        .isEqualTo(terms.stream().mapToLong(term -> term.getLong("amount")).sum());
    JsonObject last = terms.getLast();
    assertThat(last.getString("part")).isEqualTo("compiler_heap");
    return last.getLong("amount");
  }

  private static List<JsonObject> objects(JsonObject json, String member) {
    return json.getJsonArray(member).stream().map(JsonObject.class::cast).toList();
  }

  @Test
  void whatDoesNotFitIsSaidWithSumLimitAndKnob() {
    refused(ADDRESS_SPACE, "address space: 15", " TiB needed", "128 TiB", "SKEP_SLOT_CLASSES");
    refused(MAPPINGS, "mappings: 2,00", "vm.max_map_count", "SKEP_IMAGE_MAPPINGS");
    refused(MEMORY, "memory, all idle: 16.0 TiB needed", "memory", "SKEP_KEEP_RESIDENT_MEMORY");
  }

  private static void refused(Map<String, String> environment, String... said) {
    Ran plan = run(environment, "pool", "plan");
    assertThat(plan.code()).isEqualTo(1);
    assertThat(plan.out()).contains("MORE THAN", "The pool does not fit").contains(said);

    // At a node's start: the whole sum, the reason, and no stack trace.
    Ran serve = run(environment, "serve");
    assertThat(serve.code()).isEqualTo(1);
    assertThat(serve.err())
        .contains("one mapping, however many slots", "MORE THAN", "skep: ")
        .contains(said)
        .doesNotContain("\tat ", "Exception");
  }

  @Test
  void theStartIsRefusedWithATypeBeforeAnythingStarts(@TempDir Path data) {
    Map<String, String> environment = new HashMap<>(MEMORY);
    environment.put("SKEP_DATA_DIR", data.resolve("none").toString());
    environment.put("SKEP_PORT", "0");
    assertThatThrownBy(() -> Node.start(NodeConfig.of(environment), step -> {}))
        .isInstanceOf(PoolDoesNotFitException.class);
    assertThat(data.resolve("none")).doesNotExist();
  }

  @Test
  void onDemandReservesNothing() {
    Map<String, String> environment = new HashMap<>(MEMORY);
    environment.put("SKEP_ALLOCATOR", "on-demand");
    Ran ran = run(environment, "pool", "plan");
    assertThat(ran.code()).isZero();
    assertThat(ran.out()).contains("nothing of this is reserved");
  }

  @Test
  void aMalformedSettingIsNamed() {
    Ran ran = run(Map.of("SKEP_INSTANCES", "many"), "pool", "plan");
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err()).startsWith("skep: SKEP_INSTANCES is \"many\"");
  }

  @Test
  void settingsThatHelpAreSettings() {
    for (Knob knob : Knob.values()) {
      String setting = PoolPlanPage.setting(knob);
      if (setting.startsWith("SKEP_") && knob != Knob.JVM_HEAP) {
        assertThat(NodeConfig.VARIABLES)
            .extracting(NodeConfig.Variable::name)
            .as(knob.name())
            .contains(setting);
      }
    }
  }
}
