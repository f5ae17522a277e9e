package dev.skep.api;

import dev.skep.engine.ModuleRefusedException;
import dev.skep.scheduler.TreeGoneException;
import dev.skep.storage.DatabaseUnavailableException;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * An error document by RFC 9457. The {@code type} is stable and is what clients should look at.
 *
 * @param kind what went wrong
 * @param detail what happened here, the value, the limit and what to do next
 * @param members more members of the document
 */
record Problem(Kind kind, String detail, Map<String, Object> members) {

  /** Every problem there is, with its status and title. */
  enum Kind {
    BAD_REQUEST("bad-request", 400, "The request cannot be understood"),
    BAD_ARGUMENTS("bad-arguments", 400, "The arguments do not fit the function"),
    DIGEST_MISMATCH("digest-mismatch", 400, "The body is not what its digest says"),
    UNAUTHENTICATED("unauthenticated", 401, "A valid token is needed"),
    FORBIDDEN("forbidden", 403, "The token may not do this"),
    TENANT_SUSPENDED("tenant-suspended", 403, "The tenant is suspended"),
    NOT_FOUND("not-found", 404, "There is nothing by this name"),
    UNKNOWN_EXPORT("unknown-export", 404, "The module does not export this"),
    METHOD_NOT_ALLOWED("method-not-allowed", 405, "This cannot be done to it"),
    BODY_TOO_LARGE("body-too-large", 413, "The body is too large"),
    NOT_WASM("not-wasm", 415, "The body is not WebAssembly"),
    NOT_A_MODULE("not-a-module", 415, "The body is not a core module"),
    MALFORMED_MODULE("malformed-module", 422, "The module does not decode"),
    INVALID_MODULE("invalid-module", 422, "The module is not valid"),
    UNSUPPORTED_FEATURE("unsupported-feature", 422, "The module uses what is not run here"),
    MODULE_LIMIT("module-limit", 422, "The module is over a limit"),
    UNKNOWN_IMPORT("unknown-import", 422, "The module imports what nothing provides"),
    INPUT_REFUSED("input-refused", 422, "The function refuses the input"),
    TREE_REFUSED("tree-refused", 422, "The archive is not such as is taken"),
    FUNCTION_LIMIT("function-limit", 422, "The tenant has as many functions as it may"),
    TOKEN_LIMIT("token-limit", 422, "The tenant has as many tokens as it may"),
    TOO_MANY_REQUESTS("too-many-requests", 429, "Too many runs are waiting"),
    INTERNAL("internal", 500, "The service failed"),
    GUEST_TRAPPED("guest-trapped", 502, "The function trapped"),
    GUEST_EXITED("guest-exited", 502, "The command ended with an error"),
    OUT_OF_FUEL("out-of-fuel", 502, "The function used up its fuel"),
    LIMIT_EXCEEDED("limit-exceeded", 502, "The function reached a limit"),
    BAD_RESPONSE("bad-response", 502, "The function's answer cannot be passed on"),
    UNAVAILABLE("unavailable", 503, "The service cannot take this now"),
    DEADLINE_EXCEEDED("deadline-exceeded", 504, "The function ran out of time");

    private final String slug;
    private final int status;
    private final String title;

    Kind(String slug, int status, String title) {
      this.slug = slug;
      this.status = status;
      this.title = title;
    }

    /** One word for the problem, which is the end of its type. */
    String slug() {
      return slug;
    }

    /** The stable identifier of the problem type. */
    String type() {
      return "urn:skep:problem:" + slug;
    }

    int status() {
      return status;
    }

    String title() {
      return title;
    }
  }

  static final String MEDIA_TYPE = "application/problem+json";

  static Problem of(Kind kind, String detail) {
    return new Problem(kind, detail, Map.of());
  }

  /** The same with one more member. */
  Problem with(String member, Object value) {
    Map<String, Object> more = new LinkedHashMap<>(members);
    more.put(member, value);
    return new Problem(kind, detail, more);
  }

  JsonObject toJson() {
    JsonObject json =
        new JsonObject()
            .put("type", kind.type())
            .put("title", kind.title)
            .put("status", kind.status)
            .put("detail", detail);
    members.forEach(json::put);
    return json;
  }

  /** Sends it, unless the answer has begun or the client has gone. */
  void send(HttpServerResponse response) {
    if (response.headWritten() || response.ended() || response.closed()) {
      return;
    }
    response
        .setStatusCode(kind.status)
        .putHeader("Content-Type", MEDIA_TYPE)
        .putHeader("X-Content-Type-Options", "nosniff");
    if (kind == Kind.UNAUTHENTICATED) {
      response.putHeader("WWW-Authenticate", "Bearer realm=\"skep\"");
    }
    if ((kind == Kind.TOO_MANY_REQUESTS || kind == Kind.UNAVAILABLE)
        && !response.headers().contains("Retry-After")) {
      response.putHeader("Retry-After", "1");
    }
    response.end(SafeJson.buffer(toJson()));
  }

  /** The problem that a failure stands for, or null if it is a bug or an outage. */
  static @Nullable Problem of(@Nullable Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof ProblemException carried) {
        return carried.problem();
      }
      if (t instanceof ModuleRefusedException refused) {
        // An upload answers its own; this one only compiling has found, and every run will.
        return UploadCheck.doesNotCompile(refused);
      }
      if (t instanceof DatabaseUnavailableException) {
        return of(Kind.UNAVAILABLE, "the database cannot be reached; try again soon");
      }
      if (t instanceof TreeGoneException) {
        return of(
            Kind.UNAVAILABLE, "the function's tree was replaced just now; try again in seconds");
      }
      if (t instanceof RejectedExecutionException) {
        return of(Kind.UNAVAILABLE, "the node has too many look-ups under way; try again soon");
      }
    }
    return null;
  }
}
