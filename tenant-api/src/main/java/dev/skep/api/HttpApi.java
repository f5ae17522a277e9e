package dev.skep.api;

import dev.skep.engine.Printable;
import dev.skep.metrics.NodeMetrics;
import io.vertx.core.Vertx;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Puts the routes together, and turns every failure into a problem document. */
final class HttpApi {
  private static final Logger LOG = LoggerFactory.getLogger(HttpApi.class);

  /** Control-plane bodies are settings and limits. */
  private static final int CONTROL_BODY_BYTES = 1 << 20;

  private HttpApi() {}

  /** The routes of a node that is still starting: health, and "not yet" for all else. */
  static Router starting(Vertx vertx, Supplier<List<String>> notReady) {
    Router router = Router.router(vertx);
    NodeRoutes.registerHealth(router, notReady);
    router
        .route()
        .handler(ctx ->
            Problem.of(
                    Problem.Kind.UNAVAILABLE, "the node is starting; ask /readyz when it is ready")
                .send(ctx.response()));
    return router;
  }

  /** All routes. One router an event loop. */
  static Router router(
      Vertx vertx,
      Services services,
      NodeMetrics metrics,
      ConsoleState console,
      PoolState pool,
      Supplier<List<String>> notReady) {
    Router router = Router.router(vertx);
    router.route().handler(ctx -> measure(ctx, metrics));
    NodeRoutes.registerHealth(router, notReady);
    NodeRoutes.registerOpen(router, metrics, services.database());
    router.route("/v1/*").handler(Access.authenticate(services.catalog()));
    router.route("/run/*").handler(Access.authenticate(services.catalog()));
    new InvokeRoutes(services, metrics).register(router);
    FunctionRoutes functions = new FunctionRoutes(services, metrics);
    functions.registerUpload(router);
    TreeRoutes trees = new TreeRoutes(services);
    trees.registerUpload(router);
    router.route("/v1/*").handler(new BodyReader(CONTROL_BODY_BYTES));
    NodeRoutes.registerConsole(router, console, services.database());
    NodeRoutes.registerPool(router, pool, services.database());
    new TenantRoutes(services).register(router);
    functions.register(router);
    trees.register(router);
    new UsageRoutes(services).register(router);
    router.route().failureHandler(HttpApi::fail);
    router.errorHandler(
        400,
        ctx ->
            Problem.of(Problem.Kind.BAD_REQUEST, "the request is malformed").send(ctx.response()));
    router.errorHandler(
        404,
        ctx ->
            Problem.of(
                    Problem.Kind.NOT_FOUND, "nothing is at this path; /openapi.json lists what is")
                .send(ctx.response()));
    router.errorHandler(
        405,
        ctx ->
            Problem.of(
                    Problem.Kind.METHOD_NOT_ALLOWED,
                    Printable.of(ctx.request().method().name())
                        + " cannot be done here; /openapi.json lists what can")
                .send(ctx.response()));
    return router;
  }

  private static void measure(RoutingContext ctx, NodeMetrics metrics) {
    long startNanos = System.nanoTime();
    metrics.httpStarted();
    ctx.addEndHandler(_ ->
        metrics.httpEnded(
            route(ctx), ctx.response().getStatusCode(), System.nanoTime() - startNanos));
    ctx.next();
  }

  /** The template of the path, which is one of few. */
  private static String route(RoutingContext ctx) {
    @Nullable Route route = ctx.currentRoute();
    String path = route == null ? null : route.getPath();
    return path == null ? "unmatched" : path;
  }

  private static void fail(RoutingContext ctx) {
    Throwable failure = ctx.failure();
    Problem problem = Problem.of(failure);
    if (problem == null) {
      problem =
          switch (ctx.statusCode()) {
            case 400 -> Problem.of(Problem.Kind.BAD_REQUEST, "the request is malformed");
            case 404 -> Problem.of(Problem.Kind.NOT_FOUND, "nothing is at this path");
            case 405 -> Problem.of(Problem.Kind.METHOD_NOT_ALLOWED, "this cannot be done here");
            default -> {
              LOG.atError()
                  .setCause(failure)
                  .addKeyValue("route", route(ctx))
                  .log("a request failed");
              yield Problem.of(
                  Problem.Kind.INTERNAL, "the service failed; the operator's log says why");
            }
          };
    }
    problem.send(ctx.response());
  }
}
