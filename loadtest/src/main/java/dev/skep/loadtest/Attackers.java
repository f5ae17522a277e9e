package dev.skep.loadtest;

import dev.skep.engine.Invocation;
import dev.skep.limits.StoreLimits;
import dev.skep.loadtest.hostile.HostileKind;
import dev.skep.loadtest.hostile.Regime;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Tenants that upload hostile modules to a node and run them, so many attacks at a time, one after
 * another without end, until they are told to stop. Each attack's bytes are new to the node, which
 * compiles them; its function is deleted when it is over.
 *
 * <p>Counts are of the client's event loop; read them while stopped.
 */
final class Attackers {
  /** The longest attack: compiling and running what is slowest, on a machine with much to do. */
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private static final int MOST_SHOWN = 20;

  private final NodeClient client;
  private final List<HostileKind> kinds;
  private final int tenants;
  private final int concurrency;
  private final long fuel;

  private final Map<String, String> differences = new TreeMap<>();
  private long attacks;
  private long busy;
  private long unanswered;
  private long hostFailures;
  private long different;
  private int next;
  private int underWay;
  private long left;
  private Promise<Void> stopped = Promise.promise();

  /**
   * @param fuel of the tenants whose kinds are to end by fuel
   * @param seed of the order
   */
  Attackers(
      NodeClient client,
      List<HostileKind> kinds,
      int tenants,
      int concurrency,
      long fuel,
      long seed) {
    this.client = client;
    this.kinds = new ArrayList<>(kinds);
    Collections.shuffle(this.kinds, new Random(seed));
    this.tenants = tenants;
    this.concurrency = concurrency;
    this.fuel = fuel;
  }

  private static String tenant(int number, Regime regime) {
    return "attacker-" + (number + 1) + "-" + regime.name().toLowerCase(Locale.ROOT);
  }

  /** Creates the tenants, each once for every regime. Blocks. */
  void create() {
    for (int i = 0; i < tenants; i++) {
      for (Regime regime : Regime.values()) {
        StoreLimits limits = regime.limits();
        JsonObject body =
            new JsonObject()
                .put("id", tenant(i, regime))
                .put("fuel", regime == Regime.SMALL ? fuel : limits.fuel())
                .put("memoryBytes", limits.memoryBytes())
                .put("tableElements", limits.tableElements())
                .put("callDepth", limits.callDepth())
                .put("deadlineNanos", limits.deadlineNanos());
        var _ = client.control(HttpMethod.POST, "/v1/tenants", body.toBuffer());
      }
    }
  }

  int kinds() {
    return kinds.size();
  }

  /**
   * Begins to attack; at once.
   *
   * @param most attacks until it stops by itself
   */
  void start(long most) {
    client
        .loop()
        .runOnContext(_ -> {
          left = most;
          stopped = Promise.promise();
          underWay = concurrency;
          for (int i = 0; i < concurrency; i++) {
            attack();
          }
        });
  }

  /** Begins no more attacks and waits for those under way. Blocks. */
  void stop() {
    NodeClient.await(
        client.onLoop(() -> {
          left = 0;
          return stopped.future();
        }),
        PATIENCE);
  }

  /** Waits for the end of the last attack. Blocks. */
  void awaitEnd() {
    NodeClient.await(client.onLoop(() -> stopped.future()), PATIENCE);
  }

  private void attack() {
    if (left-- <= 0) {
      if (--underWay == 0) {
        stopped.complete();
      }
      return;
    }
    int number = next++;
    HostileKind kind = kinds.get(number % kinds.size());
    String path =
        "/v1/tenants/" + tenant(number % tenants, kind.regime()) + "/functions/attack-" + number;
    Buffer module = Buffer.buffer(kind.salted(number + 1L).module().get());
    client
        .send(HttpMethod.PUT, path, module)
        .compose(uploaded -> uploaded.isOk() ? run(kind, path) : Future.succeededFuture(uploaded))
        .onComplete(result -> {
          count(kind, result.result());
          // Not from within: a chain of answers must not become a stack.
          client.loop().runOnContext(_ -> attack());
        });
  }

  private Future<NodeClient.Answer> run(HostileKind kind, String path) {
    return client
        .send(HttpMethod.POST, path + "/invoke" + query(kind.invocation()), body(kind.invocation()))
        .eventually(() -> client.send(HttpMethod.DELETE, path, null));
  }

  private static String query(Invocation invocation) {
    return switch (invocation) {
      case Invocation.TypedCall typed -> "?export=" + escaped(typed.export());
      case Invocation.BytesCall bytes -> "?abi=bytes&export=" + escaped(bytes.export());
      case Invocation.CommandRun _ -> "";
    };
  }

  private static String escaped(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private static Buffer body(Invocation invocation) {
    return switch (invocation) {
      case Invocation.TypedCall typed -> {
        JsonArray args = new JsonArray();
        for (long arg : typed.args()) {
          args.add(arg);
        }
        yield new JsonObject().put("args", args).toBuffer();
      }
      case Invocation.BytesCall bytes -> Buffer.buffer(bytes.input());
      case Invocation.CommandRun command -> Buffer.buffer(command.stdin());
    };
  }

  private void count(HostileKind kind, NodeClient.@Nullable Answer answer) {
    attacks++;
    if (answer == null) {
      unanswered++;
      return;
    }
    if (AttackOutcome.isBusy(answer)) {
      busy++;
      return;
    }
    if (AttackOutcome.isHostFailure(answer)) {
      hostFailures++;
    }
    String declared = AttackOutcome.declared(kind.outcome());
    String seen = AttackOutcome.seen(answer);
    if (!seen.equals(declared)) {
      different++;
      if (differences.size() < MOST_SHOWN) {
        differences.putIfAbsent(kind.id(), seen + ", not " + declared + ": " + answer.explained());
      }
    }
  }

  long attacks() {
    return attacks;
  }

  /** Attacks that the node turned away with 429 or 503. */
  long busy() {
    return busy;
  }

  /** Attacks whose answer did not come in time. */
  long unanswered() {
    return unanswered;
  }

  /** Answers 500. */
  long hostFailures() {
    return hostFailures;
  }

  /** Attacks that ended otherwise than they must. */
  long different() {
    return different;
  }

  /** Some of those, by kind. */
  Map<String, String> differences() {
    return differences;
  }
}
