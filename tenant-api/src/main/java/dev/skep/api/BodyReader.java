package dev.skep.api;

import io.vertx.core.Handler;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;

/**
 * Reads a request's body as the bytes it is, whatever its content type says: the framework's own
 * reader takes what curl sends by default for a form, and decodes it.
 */
final class BodyReader implements Handler<RoutingContext> {
  private static final String BODY = "skep.body";

  private final long most;

  /**
   * @param most bytes that are taken; a request with more is answered 413, before its body is read
   *     where it says its length
   */
  BodyReader(long most) {
    this.most = most;
  }

  /** The body that was read, of no bytes if there was none. */
  static Body body(RoutingContext ctx) {
    Body body = ctx.get(BODY);
    return body == null ? new Body(0) : body;
  }

  @Override
  public void handle(RoutingContext ctx) {
    HttpServerRequest request = ctx.request();
    long declared = declared(request);
    if (declared > most) {
      tooLarge(ctx, Long.toString(declared));
      return;
    }
    Body body = new Body(declared);
    boolean[] refused = new boolean[1];
    request.handler(chunk -> {
      if (refused[0]) {
        return;
      }
      if (body.length() + chunk.length() > most) {
        refused[0] = true;
        tooLarge(ctx, "more than " + most);
        return;
      }
      body.add(chunk);
    });
    request.endHandler(_ -> {
      if (!refused[0]) {
        ctx.put(BODY, body);
        ctx.next();
      }
    });
    // A client that goes away in the middle has nobody left to answer; its request ends here.
    request.exceptionHandler(_ -> refused[0] = true);
  }

  private static long declared(HttpServerRequest request) {
    String length = request.getHeader("Content-Length");
    try {
      return length == null ? -1 : Long.parseLong(length);
    } catch (NumberFormatException e) {
      throw Bodies.bad("Content-Length is no number");
    }
  }

  private void tooLarge(RoutingContext ctx, String bytes) {
    // What is still on its way cannot be told from a next request.
    ctx.response().putHeader("Connection", "close");
    ctx.fail(
        new ProblemException(
            Problem.Kind.BODY_TOO_LARGE,
            "the body has "
                + bytes
                + " bytes; this path takes at most "
                + most
                + ": send less, or ask the operator for more"));
  }
}
