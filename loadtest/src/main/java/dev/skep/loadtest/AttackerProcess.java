package dev.skep.loadtest;

import dev.skep.loadtest.hostile.HostileCorpus;
import dev.skep.pool.Backstage;
import io.vertx.core.json.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * {@link Attackers} in a process of their own, which steps back as far as it can: on real networks
 * those who attack use up no processor of those whom they disturb, and making hostile modules takes
 * more of it than the node's refusing them. Not thread-safe.
 */
final class AttackerProcess implements AutoCloseable {
  private static final String TOKEN = "SKEP_BENCH_TOKEN";
  private static final int END_SECONDS = 10;

  /** What the child does next, a line each on its stdin; it answers a line when it is done. */
  private enum Step {
    /** Creates the tenants, and attacks once in every way. */
    WARM,
    START,
    STOP,
    /** Prints what came of it all, and ends. */
    REPORT
  }

  /** What came of the attacks; as {@link Attackers} counts. */
  record Totals(
      long attacks,
      long busy,
      long unanswered,
      long hostFailures,
      long different,
      List<String> differences) {}

  private final Process process;
  private final Writer steps;
  private final BufferedReader answers;

  private AttackerProcess(Process process) {
    this.process = process;
    this.steps = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    this.answers =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  /**
   * @param only kinds that begin with this attack
   * @param attacks at a time
   * @param fuel of an attack that ends by fuel
   * @param seed of the attacks' order
   */
  static AttackerProcess start(
      URI node, String token, String only, int tenants, int attacks, long fuel, long seed)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), AttackerProcess.class.getName()));
    command.addAll(
        List.of(
            node.toString(),
            only,
            Integer.toString(tenants),
            Integer.toString(attacks),
            Long.toString(fuel),
            Long.toString(seed)));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put(TOKEN, token);
    return new AttackerProcess(builder.start());
  }

  /** Creates the tenants, attacks once in every way and waits for the end of that. */
  void warmUp() throws IOException {
    var _ = step(Step.WARM);
  }

  /** Begins to attack; at once. */
  void begin() throws IOException {
    var _ = step(Step.START);
  }

  /** Begins no more attacks and waits for those under way. */
  void stop() throws IOException {
    var _ = step(Step.STOP);
  }

  Totals totals() throws IOException {
    JsonObject totals = new JsonObject(step(Step.REPORT));
    List<String> differences = new ArrayList<>();
    totals.getJsonArray("differences").forEach(line -> differences.add(line.toString()));
    return new Totals(
        totals.getLong("attacks"),
        totals.getLong("busy"),
        totals.getLong("unanswered"),
        totals.getLong("hostFailures"),
        totals.getLong("different"),
        differences);
  }

  private String step(Step step) throws IOException {
    steps.write(step.name() + "\n");
    steps.flush();
    String answer = answers.readLine();
    if (answer == null) {
      throw new IOException("the attackers' process ended; what it said is above");
    }
    return answer;
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  // ── The child ─────────────────────────────────────────────────────────────────────────────

  /** What {@link #start} starts. */
  public static void main(String[] args) throws Exception {
    Backstage.COMPILES.enterWhole();
    int attacks = Integer.parseInt(args[3]);
    String token = Objects.requireNonNull(System.getenv(TOKEN), TOKEN);
    try (NodeClient client = new NodeClient(URI.create(args[0]), token, attacks)) {
      Attackers attackers =
          new Attackers(
              client,
              HostileCorpus.kinds().stream().filter(kind -> kind.id().startsWith(args[1])).toList(),
              Integer.parseInt(args[2]),
              attacks,
              Long.parseLong(args[4]),
              Long.parseLong(args[5]));
      BufferedReader steps =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = steps.readLine(); line != null; line = steps.readLine()) {
        switch (Step.valueOf(line)) {
          case WARM -> {
            attackers.create();
            attackers.start(attackers.kinds());
            attackers.awaitEnd();
          }
          case START -> attackers.start(Long.MAX_VALUE);
          case STOP -> attackers.stop();
          case REPORT -> {
            System.out.println(report(attackers).encode());
            return;
          }
        }
        System.out.println("done");
      }
    }
  }

  private static JsonObject report(Attackers attackers) {
    List<String> differences = new ArrayList<>();
    attackers.differences().forEach((kind, how) -> differences.add(kind + " ended " + how));
    return new JsonObject()
        .put("attacks", attackers.attacks())
        .put("busy", attackers.busy())
        .put("unanswered", attackers.unanswered())
        .put("hostFailures", attackers.hostFailures())
        .put("different", attackers.different())
        .put("differences", differences);
  }
}
