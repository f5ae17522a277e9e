package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.limits.LimitKind;
import dev.skep.metrics.NodeMetrics;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Holds the API document against the routes and problems that there are. */
class OpenApiTest {
  private static final List<String> METHODS =
      List.of("get", "put", "post", "delete", "options", "head", "patch", "trace");

  /** Authentication and bodies, in front of the routes that answer. */
  private static final Set<String> IN_FRONT = Set.of("/v1/", "/run/");

  private final JsonObject document = new JsonObject(NodeRoutes.resource("openapi.json"));

  @Test
  void listsExactlyTheRoutes() throws Exception {
    Vertx vertx = Vertx.vertx();
    try {
      Set<String> routes = new TreeSet<>();
      for (Route route : router(vertx).getRoutes()) {
        String path = route.getPath();
        if (path != null && !IN_FRONT.contains(path)) {
          for (String method : methods(route)) {
            routes.add(method + " " + template(path));
          }
        }
      }
      assertThat(documented()).isEqualTo(routes);
    } finally {
      vertx.close().toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
    }
  }

  /** To be looked at and not to be served: registering routes calls nothing but configurations. */
  @SuppressWarnings("NullAway") // what only requests would touch is left out
  private static Router router(Vertx vertx) {
    Services services =
        new Services(
            NodeConfig.of(Map.of()),
            new Engine(EngineConfig.DEFAULTS),
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null);
    return HttpApi.router(vertx, services, new NodeMetrics(), null, null, List::of);
  }

  private static List<String> methods(Route route) {
    Set<HttpMethod> methods = route.methods();
    return methods == null || methods.isEmpty()
        ? METHODS
        : methods.stream().map(method -> method.name().toLowerCase(Locale.ROOT)).toList();
  }

  /** {@code /a/:b} as {@code /a/{b}}; Vert.x has cut the star off a path that had one. */
  private static String template(String path) {
    String template = path.replaceAll(":([a-z]+)", "{$1}");
    return template.contains("{") && template.endsWith("/") ? template + "{path}" : template;
  }

  private Set<String> documented() {
    Set<String> operations = new TreeSet<>();
    JsonObject paths = document.getJsonObject("paths");
    for (String path : paths.fieldNames()) {
      for (String member : paths.getJsonObject(path).fieldNames()) {
        if (METHODS.contains(member)) {
          operations.add(member + " " + path);
        }
      }
    }
    return operations;
  }

  @Test
  void declaresThePathsParameters() {
    JsonObject paths = document.getJsonObject("paths");
    for (String path : paths.fieldNames()) {
      Set<String> named =
          Arrays.stream(path.split("/", -1))
              .filter(part -> part.startsWith("{"))
              .map(part -> part.substring(1, part.length() - 1))
              .collect(Collectors.toSet());
      Set<String> declared =
          paths.getJsonObject(path).getJsonArray("parameters", new JsonArray()).stream()
              .map(parameter -> resolve(((JsonObject) parameter).getString("$ref")))
              .map(parameter -> parameter.getString("name"))
              .collect(Collectors.toSet());
      assertThat(declared).as(path).isEqualTo(named);
    }
  }

  @Test
  void namesEachOperationOnce() {
    JsonObject paths = document.getJsonObject("paths");
    List<String> ids =
        paths.stream()
            .flatMap(path -> ((JsonObject) path.getValue()).stream())
            .filter(member -> METHODS.contains(member.getKey()))
            .map(operation -> ((JsonObject) operation.getValue()).getString("operationId"))
            .toList();
    assertThat(ids).doesNotContainNull().doesNotHaveDuplicates();
  }

  @Test
  void listsExactlyTheLimitsThatEndARun() {
    JsonArray limits =
        resolve("#/components/schemas/Problem")
            .getJsonObject("properties")
            .getJsonObject("limit")
            .getJsonArray("enum");
    assertThat(limits.stream().toList())
        .isEqualTo(Arrays.stream(LimitKind.values()).<Object>map(LimitKind::field).toList());
  }

  @Test
  void listsExactlyTheProblems() {
    JsonArray types =
        resolve("#/components/schemas/Problem")
            .getJsonObject("properties")
            .getJsonObject("type")
            .getJsonArray("enum");
    assertThat(types.stream().toList())
        .isEqualTo(Arrays.stream(Problem.Kind.values()).<Object>map(Problem.Kind::type).toList());
  }

  @Test
  void isOfThisVersion() {
    assertThat(document.getString("openapi")).startsWith("3.1.");
    assertThat(document.getJsonObject("info").getString("version")).isEqualTo(Node.VERSION);
  }

  @Test
  void refersToWhatIsThere() {
    Set<String> used = new TreeSet<>();
    references(document, used);
    assertThat(used).isNotEmpty().allSatisfy(pointer -> assertThat(resolve(pointer)).isNotNull());
    Set<String> defined = new TreeSet<>();
    JsonObject components = document.getJsonObject("components");
    for (String kind : components.fieldNames()) {
      if (!kind.equals("securitySchemes")) {
        for (String name : components.getJsonObject(kind).fieldNames()) {
          defined.add("#/components/" + kind + "/" + name);
        }
      }
    }
    assertThat(defined).as("components, each of some use").isEqualTo(used);
  }

  private static void references(Object value, Set<String> into) {
    if (value instanceof JsonObject object) {
      String pointer = object.getString("$ref");
      if (pointer != null) {
        into.add(pointer);
      }
      object.forEach(member -> references(member.getValue(), into));
    } else if (value instanceof JsonArray array) {
      array.forEach(element -> references(element, into));
    }
  }

  private JsonObject resolve(String pointer) {
    assertThat(pointer).startsWith("#/");
    JsonObject found = document;
    for (String part : pointer.substring(2).split("/", -1)) {
      found = found.getJsonObject(part);
      assertThat(found).as(pointer).isNotNull();
    }
    return found;
  }
}
