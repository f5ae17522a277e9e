package dev.skep.api;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.TenantId;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code skep deploy}: uploads a module to a node, and waits for machine code if told to. */
@Command(
    name = "deploy",
    mixinStandardHelpOptions = true,
    description = {
      "Uploads a module and makes it a function's version.",
      "Exits with 0 if it is stored, 1 if it is refused or the node cannot be reached, 2 if it was"
          + " not asked right."
    })
final class DeployCommand implements Callable<Integer> {
  private static final String DEFAULT_URL = "http://127.0.0.1:8080";

  /** Beyond what the node is told to wait, for the upload and its checks. */
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @ParentCommand private @Nullable SkepMain skep;

  @Spec private @Nullable CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "TENANT/FUNCTION",
      description = "Whose function, and its name.")
  private String target = "";

  @Parameters(index = "1", paramLabel = "FILE.wasm", description = "The module.")
  private @Nullable Path file;

  @Option(
      names = "--url",
      paramLabel = "URL",
      description = "The node; SKEP_URL, or " + DEFAULT_URL + ", unless given.")
  private @Nullable String givenUrl;

  @Option(
      names = "--token",
      paramLabel = "TOKEN",
      description = "The tenant's or an operator's; SKEP_TOKEN unless given.")
  private @Nullable String givenToken;

  @Option(
      names = "--wait-native",
      paramLabel = "SECONDS",
      description = "Ask for machine code and wait for it, 0 to " + Tiers.MOST_WAIT_SECONDS + ".")
  private int waitSeconds;

  @Option(names = "--json", description = "Print the node's answer as it is.")
  private boolean json;

  @Override
  public Integer call() throws Exception {
    CommandLine line = Objects.requireNonNull(spec).commandLine();
    Settings environment = new Settings(Objects.requireNonNull(skep).environment());
    String url = givenUrl == null ? environment.text("SKEP_URL", DEFAULT_URL) : givenUrl;
    String token = givenToken == null ? environment.text("SKEP_TOKEN", "") : givenToken;
    String[] names = target.split("/", -1);
    checkTarget(line, names);
    if (waitSeconds < 0 || waitSeconds > Tiers.MOST_WAIT_SECONDS) {
      throw new ParameterException(
          line,
          "--wait-native is " + waitSeconds + "; it must be from 0 to " + Tiers.MOST_WAIT_SECONDS);
    }
    if (token.isEmpty()) {
      throw new ParameterException(line, "there is no token; set SKEP_TOKEN, or give --token");
    }
    HttpResponse<byte[]> response = send(url, request(line, url, token, names));
    String text = new String(response.body(), StandardCharsets.UTF_8);
    boolean stored = response.statusCode() == 200 || response.statusCode() == 201;
    JsonObject answer = parsed(text);
    if (json) {
      line.getOut().println(SafeText.line(text));
    } else if (stored) {
      line.getOut().print(said(answer));
    } else {
      String detail = answer.getString("detail", "");
      line.getErr()
          .println(
              "skep: "
                  + (detail.isEmpty()
                      ? url + " answered " + response.statusCode()
                      : SafeText.line(detail)));
    }
    line.getOut().flush();
    return stored ? 0 : 1;
  }

  private void checkTarget(CommandLine line, String[] names) {
    if (names.length != 2) {
      throw new ParameterException(
          line, "\"" + target + "\" is no function; it must be TENANT/FUNCTION, such as acme/fib");
    }
    try {
      var _ = new TenantId(names[0]);
      var _ = new FunctionName(names[1]);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(line, "\"" + target + "\": " + e.getMessage(), e);
    }
  }

  private HttpRequest request(CommandLine line, String url, String token, String[] names) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(Objects.requireNonNull(file));
    } catch (IOException e) {
      throw new ParameterException(line, file + " cannot be read: " + e, e);
    }
    try {
      return HttpRequest.newBuilder(
              URI.create(
                  url
                      + "/v1/tenants/"
                      + names[0]
                      + "/functions/"
                      + names[1]
                      + (waitSeconds > 0 ? "?wait-native=" + waitSeconds : "")))
          .timeout(PATIENCE.plusSeconds(waitSeconds))
          .header("Authorization", "Bearer " + token)
          .header("Content-Type", "application/wasm")
          .PUT(BodyPublishers.ofByteArray(bytes))
          .build();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(line, "the URL or the token is not one: " + e.getMessage(), e);
    }
  }

  private static HttpResponse<byte[]> send(String url, HttpRequest request)
      throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(request, BodyHandlers.ofByteArray());
    } catch (IOException e) {
      throw new IOException(url + " cannot be reached; set SKEP_URL, or give --url", e);
    }
  }

  private static JsonObject parsed(String text) {
    try {
      return new JsonObject(text);
    } catch (DecodeException e) {
      return new JsonObject();
    }
  }

  private String said(JsonObject answer) {
    StringBuilder text =
        new StringBuilder(target)
            .append(answer.getBoolean("new", false) ? " is now " : " is still ")
            .append(answer.getString("version"))
            .append('\n');
    JsonObject machineCode = answer.getJsonObject("machineCode");
    if (machineCode != null) {
      text.append("  machine code: ").append(machineCode.getString("state"));
      String reason = machineCode.getString("reason");
      text.append(reason == null ? "" : " (" + SafeText.line(reason) + ")")
          .append("; new runs take tier ")
          .append(answer.getInteger("tier"))
          .append('\n');
    }
    return text.toString();
  }
}
