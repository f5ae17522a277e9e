package dev.skep.api;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
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
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A client of a node, with a token. */
record Http(HttpClient client, String url, @Nullable String token) {

  Http(String url, @Nullable String token) {
    // A connection a request in flight: over HTTP/2 the client fails beyond 100 at once.
    this(HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build(), url, token);
  }

  Http as(@Nullable String otherToken) {
    return new Http(client, url, otherToken);
  }

  /** An answer with its body as text and as JSON. */
  record Answer(HttpResponse<byte[]> response) {
    int status() {
      return response.statusCode();
    }

    byte[] bytes() {
      return response.body();
    }

    String text() {
      return new String(response.body(), StandardCharsets.UTF_8);
    }

    JsonObject json() {
      return new JsonObject(text());
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }
  }

  HttpRequest request(String method, String path, byte[] body, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url + path))
            .timeout(Duration.ofMinutes(3))
            .method(
                method,
                body.length == 0 ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body));
    if (token != null) {
      request.header("Authorization", "Bearer " + token);
    }
    if (headers.length > 0) {
      request.headers(headers);
    }
    return request.build();
  }

  Answer send(String method, String path, byte[] body, String... headers) {
    try {
      return new Answer(
          client.send(request(method, path, body, headers), BodyHandlers.ofByteArray()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  CompletableFuture<Answer> sendAsync(String method, String path, byte[] body) {
    return client
        .sendAsync(request(method, path, body), BodyHandlers.ofByteArray())
        .thenApply(Answer::new);
  }

  Answer get(String path) {
    return send("GET", path, new byte[0]);
  }

  Answer post(String path, String body) {
    return send("POST", path, body.getBytes(StandardCharsets.UTF_8));
  }

  Answer put(String path, byte[] body, String... headers) {
    return send("PUT", path, body, headers);
  }

  Answer patch(String path, String body) {
    return send("PATCH", path, body.getBytes(StandardCharsets.UTF_8));
  }

  Answer delete(String path) {
    return send("DELETE", path, new byte[0]);
  }

  /** A file of the repository's guests. */
  static byte[] guest(String path) {
    try {
      return Files.readAllBytes(root().resolve("guests").resolve(path));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Path root() {
    return Path.of(System.getProperty("skep.root"));
  }
}
