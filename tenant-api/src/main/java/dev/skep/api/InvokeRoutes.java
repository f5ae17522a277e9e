package dev.skep.api;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Invocation;
import dev.skep.engine.ModuleDescription;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.Printable;
import dev.skep.engine.RunReport;
import dev.skep.engine.Signature;
import dev.skep.engine.ValueKind;
import dev.skep.engine.WasiTree;
import dev.skep.engine.WasiWorld;
import dev.skep.limits.WasiGrants;
import dev.skep.metrics.NodeMetrics;
import dev.skep.scheduler.CompileRefusedException;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.Refusal;
import dev.skep.scheduler.RunCallback;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.RunRequest;
import dev.skep.scheduler.RunTicket;
import dev.skep.scheduler.TenantId;
import dev.skep.scheduler.TreeDigest;
import io.vertx.core.Context;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The data plane: runs functions.
 *
 * <p>While caches are warm a request goes through here without waiting: token, function and module
 * are in memory, the run is submitted on the event loop, and the answer is written on it when the
 * receipt is durable.
 */
final class InvokeRoutes {
  private static final Signature ALLOC =
      new Signature(List.of(ValueKind.I32), List.of(ValueKind.I32));
  private static final Signature BYTES =
      new Signature(List.of(ValueKind.I32, ValueKind.I32), List.of(ValueKind.I64));

  private final Services services;
  private final NodeMetrics metrics;

  InvokeRoutes(Services services, NodeMetrics metrics) {
    this.services = services;
    this.metrics = metrics;
  }

  void register(Router router) {
    var body = new BodyReader(services.config().maxBodyBytes());
    router
        .post("/v1/tenants/:tenant/functions/:name/invoke")
        .handler(body)
        .handler(ctx -> resolve(ctx, "", false));
    router
        .route("/run/:tenant/:name")
        .handler(body)
        .handler(ctx -> resolve(ctx, pathInfo(ctx), true));
    router
        .route("/run/:tenant/:name/*")
        .handler(body)
        .handler(ctx -> resolve(ctx, pathInfo(ctx), true));
  }

  /** What follows the function's name in the path, as it was sent. */
  private static String pathInfo(RoutingContext ctx) {
    String path = Objects.requireNonNull(ctx.request().path());
    int slash = 0;
    for (int i = 0; i < 4 && slash >= 0; i++) {
      slash = path.indexOf('/', slash + (i == 0 ? 0 : 1));
    }
    return slash < 0 ? "" : path.substring(slash);
  }

  // ── What is to run ────────────────────────────────────────────────────────────────────────

  private void resolve(RoutingContext ctx, String pathInfo, boolean commandOnly) {
    TenantId tenant = Access.tenant(ctx);
    FunctionName name = Access.function(ctx);
    CompletableFuture<Optional<Catalog.Target>> target = services.catalog().target(tenant, name);
    if (target.isDone() && !target.isCompletedExceptionally()) {
      resolved(ctx, tenant, name, target.join(), pathInfo, commandOnly);
      return;
    }
    Later.on(ctx.vertx(), target)
        .onSuccess(
            found -> guarded(ctx, () -> resolved(ctx, tenant, name, found, pathInfo, commandOnly)))
        .onFailure(ctx::fail);
  }

  private static void guarded(RoutingContext ctx, Runnable step) {
    try {
      step.run();
    } catch (RuntimeException e) {
      ctx.fail(e);
    }
  }

  private void resolved(
      RoutingContext ctx,
      TenantId tenant,
      FunctionName name,
      Optional<Catalog.Target> found,
      String pathInfo,
      boolean commandOnly) {
    Catalog.Target target = found.orElseThrow(() -> Access.noSuchFunction(tenant, name));
    if (target.tenant().suspended()) {
      services.scheduler().countRefusal(tenant, Refusal.SUSPENDED);
      throw FunctionRoutes.suspended(tenant);
    }
    ModuleDigest version = target.function().currentDigest();
    boolean free = services.tiers().isFree(target.tenant(), target.function().settings());
    CompiledModule module = services.modules().ifReady(tenant, version, free);
    if (module != null) {
      compiled(ctx, target, module, pathInfo, commandOnly);
      return;
    }
    Later.on(ctx.vertx(), services.modules().get(tenant, version, free, target.answered()))
        .onSuccess(
            compiled -> guarded(ctx, () -> compiled(ctx, target, compiled, pathInfo, commandOnly)))
        .onFailure(failure -> {
          if (failure instanceof CompileRefusedException) {
            services.scheduler().countRefusal(tenant, Refusal.COMPILE_QUEUE_FULL);
            ctx.fail(refused(Refusal.COMPILE_QUEUE_FULL));
          } else {
            ctx.fail(failure);
          }
        });
  }

  /** Gets the function's tree, if it has one and may read it. */
  private void compiled(
      RoutingContext ctx,
      Catalog.Target target,
      CompiledModule module,
      String pathInfo,
      boolean commandOnly) {
    WasiGrants grants = target.function().settings().grants();
    TreeDigest digest = target.function().tree();
    if (grants.tree() == null || digest == null) {
      submit(ctx, target, module, new WasiWorld(grants, WasiTree.EMPTY), pathInfo, commandOnly);
      return;
    }
    CompletableFuture<WasiTree> tree = services.treeCache().get(target.tenant().tenant(), digest);
    if (tree.isDone() && !tree.isCompletedExceptionally()) {
      submit(ctx, target, module, new WasiWorld(grants, tree.join()), pathInfo, commandOnly);
      return;
    }
    Later.on(ctx.vertx(), tree)
        .onSuccess(loaded ->
            guarded(
                ctx,
                () ->
                    submit(
                        ctx, target, module, new WasiWorld(grants, loaded), pathInfo, commandOnly)))
        .onFailure(failure -> {
          // It may be another one by now.
          services.catalog().forget(target.tenant().tenant(), target.function().name());
          ctx.fail(failure);
        });
  }

  private void submit(
      RoutingContext ctx,
      Catalog.Target target,
      CompiledModule module,
      WasiWorld world,
      String pathInfo,
      boolean commandOnly) {
    if (ctx.response().closed()) {
      return;
    }
    Invocation invocation = invocation(ctx, target, module.description(), pathInfo, commandOnly);
    FunctionSettings settings = target.function().settings();
    Tiers tiers = services.tiers();
    boolean free = tiers.isFree(target.tenant(), settings);
    Run run = new Run(ctx, metrics, settings.cgiResponse(), free ? tiers : null);
    RunTicket ticket =
        services
            .scheduler()
            .submit(
                new RunRequest(
                    RunId.at(System.currentTimeMillis()),
                    target.tenant().tenant(),
                    target.function().name(),
                    target.function().currentDigest(),
                    module,
                    invocation,
                    target.limits(),
                    target.tenant().limits(),
                    world,
                    free
                        && tiers.isReady(
                            target.tenant().tenant(), target.function().currentDigest())),
                run);
    // A client that goes away stops its run; what it has used is billed.
    ctx.response().closeHandler(_ -> ticket.cancel());
  }

  // ── How it is to be called ────────────────────────────────────────────────────────────────

  private static Invocation invocation(
      RoutingContext ctx,
      Catalog.Target target,
      ModuleDescription module,
      String pathInfo,
      boolean commandOnly) {
    String export = commandOnly ? null : Bodies.query(ctx, "export");
    String abi = commandOnly ? null : Bodies.query(ctx, "abi");
    if (export == null) {
      if (!module.isCommand()) {
        throw new ProblemException(
            Problem.Kind.UNKNOWN_EXPORT,
            "the module is no command, it exports no _start; name an export with ?export=: it has "
                + exports(module));
      }
      return CgiRequest.of(ctx, target, pathInfo, body(ctx));
    }
    Export function =
        module
            .function(export)
            .orElseThrow(() ->
                new ProblemException(
                    Problem.Kind.UNKNOWN_EXPORT,
                    "the module exports no function "
                        + Printable.of(export)
                        + "; it has "
                        + exports(module)));
    Signature signature = Objects.requireNonNull(function.signature());
    if (abi == null || abi.equals("values")) {
      JsonArray args = args(Bodies.object(ctx, Set.of("args")));
      return new Invocation.TypedCall(export, WasmValues.toBits(args, signature));
    }
    if (!abi.equals("bytes")) {
      throw Bodies.bad("abi is " + Printable.of(abi) + "; it can be values or bytes");
    }
    checkBytesAbi(module, export, signature);
    return new Invocation.BytesCall(export, body(ctx));
  }

  /** Refuses a module that cannot be called with bytes, and says what it lacks. */
  static void checkBytesAbi(ModuleDescription module, String export, Signature signature) {
    String missing = null;
    if (!module.exportsMemory()) {
      missing = "exports no memory as \"memory\"";
    } else if (module.function("alloc").map(Export::signature).filter(ALLOC::equals).isEmpty()) {
      missing = "exports no function alloc " + ALLOC;
    } else if (!signature.equals(BYTES)) {
      missing = "exports " + Printable.of(export) + " as " + signature + " and not as " + BYTES;
    }
    if (missing != null) {
      throw new ProblemException(
          Problem.Kind.BAD_ARGUMENTS,
          "the module " + missing + ", which a call with abi=bytes needs");
    }
  }

  private static JsonArray args(JsonObject body) {
    Object args = body.getValue("args");
    if (args == null) {
      return new JsonArray();
    }
    if (args instanceof JsonArray array) {
      return array;
    }
    throw Bodies.bad("args must be an array with one value for each parameter");
  }

  private static byte[] body(RoutingContext ctx) {
    return BodyReader.body(ctx).take();
  }

  private static final int MOST_NAMES = 20;

  /** The functions that a module exports, for people; the first of them. */
  static String exports(ModuleDescription module) {
    List<String> names = new ArrayList<>();
    for (Export export : module.exports()) {
      if (export.signature() != null) {
        if (names.size() == MOST_NAMES) {
          names.add("…");
          break;
        }
        names.add(Printable.of(export.name()) + " " + export.signature());
      }
    }
    return names.isEmpty() ? "none" : String.join(", ", names);
  }

  static ProblemException refused(Refusal refusal) {
    Problem problem =
        switch (refusal) {
          case TENANT_QUEUE_FULL ->
              Problem.of(
                  Problem.Kind.TOO_MANY_REQUESTS,
                  "the tenant has as many runs waiting as it may; send fewer at once, or ask the"
                      + " operator for a higher queueDepth or concurrency");
          case QUEUE_FULL, POOL_FULL, COMPILE_QUEUE_FULL ->
              Problem.of(
                  Problem.Kind.UNAVAILABLE,
                  "the node is full ("
                      + refusal.word()
                      + "); try again after the seconds that Retry-After says");
          case DRAINING ->
              Problem.of(Problem.Kind.UNAVAILABLE, "the node is going down; try another");
          case SUSPENDED ->
              Problem.of(Problem.Kind.TENANT_SUSPENDED, "the operator has suspended the tenant");
        };
    return new ProblemException(problem.with("reason", refusal.word()));
  }

  /** Brings a run's end back to its event loop and answers. */
  private static final class Run implements RunCallback {
    private final RoutingContext request;
    private final Context context;
    private final NodeMetrics metrics;
    private final boolean cgiResponse;

    /** Of a function that is not held to tier 1. */
    private final @Nullable Tiers tiers;

    Run(RoutingContext request, NodeMetrics metrics, boolean cgiResponse, @Nullable Tiers tiers) {
      this.request = request;
      this.metrics = metrics;
      this.context = request.vertx().getOrCreateContext();
      this.cgiResponse = cgiResponse;
      this.tiers = tiers;
    }

    @Override
    public void ended(RunReport report, Receipt receipt, @Nullable Throwable receiptFailure) {
      if (tiers != null) {
        tiers.ran(receipt);
      }
      long recordedNanos = System.nanoTime();
      context.runOnContext(_ -> {
        metrics.answerWaited(System.nanoTime() - recordedNanos);
        HttpServerResponse response = request.response();
        if (response.closed() || response.ended()) {
          return;
        }
        if (receiptFailure != null) {
          request.fail(
              new ProblemException(
                  Problem.Kind.UNAVAILABLE,
                  "the run ended but its receipt could not be kept, so its answer is withheld;"
                      + " try again"));
          return;
        }
        guarded(request, () -> RunAnswer.send(response, report, receipt, cgiResponse));
      });
    }

    @Override
    public void refused(Refusal refusal) {
      context.runOnContext(_ -> request.fail(InvokeRoutes.refused(refusal)));
    }
  }
}
