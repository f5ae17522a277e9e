package dev.skep.api;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.ModuleDescription;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.metrics.NodeMetrics;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.TenantId;
import dev.skep.storage.FunctionRecord;
import dev.skep.storage.PutVersionResult;
import dev.skep.storage.TenantRecord;
import dev.skep.storage.VersionRecord;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Functions and their versions: the tenant's part of the control plane. */
final class FunctionRoutes {
  private static final String FUNCTION = "/v1/tenants/:tenant/functions/:name";
  private static final Set<String> SETTINGS =
      Set.of("args", "env", "cgiResponse", "limits", "grants", "heldToTier1");

  /** {@code Content-Digest} by RFC 9530: a dictionary whose member sha-256 we look at. */
  private static final Pattern SHA_256 = Pattern.compile("(?:^|,)\\s*sha-256=:([A-Za-z0-9+/=]+):");

  private final Services services;
  private final NodeMetrics metrics;

  FunctionRoutes(Services services, NodeMetrics metrics) {
    this.services = services;
    this.metrics = metrics;
  }

  /** The upload, whose body may be larger than others'. */
  void registerUpload(Router router) {
    router
        .put(FUNCTION)
        .handler(new BodyReader(services.engine().config().moduleLimits().moduleBytes()))
        .handler(this::upload);
  }

  void register(Router router) {
    router.get("/v1/tenants/:tenant/functions").handler(this::list);
    router.get(FUNCTION).handler(this::show);
    router.patch(FUNCTION).handler(this::configure);
    router.delete(FUNCTION).handler(this::delete);
  }

  // ── Upload ────────────────────────────────────────────────────────────────────────────────

  private void upload(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    FunctionName name = Access.function(ctx);
    Body body = BodyReader.body(ctx);
    String claimed = ctx.request().getHeader("Content-Digest");
    int waitSeconds = Tiers.waitSeconds(ctx);
    services
        .uploads()
        .run(() -> {
          byte[] bytes = body.take();
          ModuleDigest digest = ModuleDigest.of(bytes);
          checkDigest(claimed, digest);
          TenantRecord owner =
              services.tenants().find(tenant).orElseThrow(() -> Access.noSuchTenant(tenant));
          if (owner.suspended() && !Access.isOperator(ctx)) {
            throw suspended(tenant);
          }
          ModuleDescription description =
              UploadCheck.check(
                  services.engine(), services.config().pool(), Catalog.limitsOf(owner), bytes);
          JsonObject described = FunctionJson.of(description);
          PutVersionResult result =
              services
                  .functions()
                  .putVersion(
                      tenant, name, digest, bytes, described.encode(), owner.limits().functions());
          return new Upload(
              bytes, stored(ctx, owner, name, digest, described, result, waitSeconds > 0));
        })
        .onSuccess(upload -> {
          services.catalog().forget(tenant, name);
          services.scheduler().forget(tenant, name);
          ModuleDigest digest = upload.stored.digest();
          // Compiling begins now, so that the first run need not wait for all of it.
          var _ = services.modules().get(tenant, digest, upload.bytes);
          charge(
              ctx,
              services.compiling().receipt(tenant, name, digest, upload.bytes.length),
              upload.stored,
              waitSeconds);
        })
        .onFailure(failure -> {
          Problem problem = Problem.of(failure);
          Problem.Kind kind = problem == null ? Problem.Kind.INTERNAL : problem.kind();
          metrics.uploadRefused(kind.slug());
          ctx.fail(failure);
        });
  }

  /** What is stored, and its bytes, which nobody needs who waits for its machine code. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a record
  private record Upload(byte[] bytes, Stored stored) {}

  /**
   * An upload that is in the database.
   *
   * @param owner of the function
   * @param settings of the function if its machine code is waited for, else its defaults
   * @param digest of the bytes, which take too long to hash on an event loop
   * @param answer but for what compiling costs, as {@link SafeJson} writes it: with as many exports
   *     as a module may have that takes too long for an event loop
   * @param fresh whether the function never had this version
   */
  private record Stored(
      TenantRecord owner,
      FunctionSettings settings,
      ModuleDigest digest,
      Buffer answer,
      boolean fresh) {}

  /** Answers when the receipt for compiling is durable, as runs are answered. */
  private void charge(RoutingContext ctx, Receipt receipt, Stored stored, int waitSeconds) {
    Later.on(ctx.vertx(), services.compiling().charge(receipt))
        .onSuccess(kept -> {
          if (stored.fresh()) {
            metrics.compileCharged(kept.tenant().value(), kept.fuel());
          }
          JsonObject rest = new JsonObject().put("compile", compileCost(kept));
          if (waitSeconds == 0) {
            Answers.json(ctx, SafeJson.joined(stored.answer(), rest));
          } else {
            Later.on(
                    ctx.vertx(),
                    services
                        .tiers()
                        .await(
                            stored.owner(),
                            kept.function(),
                            stored.settings(),
                            kept.version(),
                            waitSeconds))
                .map(tiers -> SafeJson.joined(stored.answer(), rest.mergeIn(tiers)))
                .onSuccess(written -> Answers.json(ctx, written))
                .onFailure(ctx::fail);
          }
        })
        .onFailure(failure ->
            ctx.fail(
                new ProblemException(
                    Problem.Kind.UNAVAILABLE,
                    "the module is stored, but the receipt for compiling it could not be kept;"
                        + " upload it again, which charges it once")));
  }

  /** What compiling a version costs, once. */
  static JsonObject compileCost(Receipt receipt) {
    return new JsonObject()
        .put("receipt", receipt.run().toString())
        .put("fuel", receipt.fuel())
        .put("nanoDollars", receipt.nanoDollars());
  }

  static ProblemException suspended(TenantId tenant) {
    return new ProblemException(
        Problem.Kind.TENANT_SUSPENDED,
        "the operator has suspended tenant " + tenant + "; ask the operator to resume it");
  }

  private static void checkDigest(@Nullable String claimed, ModuleDigest digest) {
    if (claimed == null) {
      return;
    }
    Matcher matcher = SHA_256.matcher(claimed);
    if (!matcher.find()) {
      throw Bodies.bad("Content-Digest has no sha-256 member; send sha-256=:<base64>:");
    }
    String hex;
    try {
      hex = HexFormat.of().formatHex(Base64.getDecoder().decode(matcher.group(1)));
    } catch (IllegalArgumentException e) {
      throw Bodies.bad("the sha-256 of Content-Digest is not base64");
    }
    if (!hex.equals(digest.hex())) {
      throw new ProblemException(
          Problem.Kind.DIGEST_MISMATCH,
          "Content-Digest says " + hex + ", the body is " + digest.hex() + "; send it again");
    }
  }

  private Stored stored(
      RoutingContext ctx,
      TenantRecord owner,
      FunctionName name,
      ModuleDigest digest,
      JsonObject described,
      PutVersionResult result,
      boolean waits) {
    TenantId tenant = owner.tenant();
    boolean isNew =
        switch (result) {
          case PutVersionResult.Created _ -> true;
          case PutVersionResult.NewVersion _ -> true;
          case PutVersionResult.Unchanged _ -> false;
          case PutVersionResult.LimitReached reached ->
              throw new ProblemException(
                  Problem.Kind.FUNCTION_LIMIT,
                  "the tenant has "
                      + reached.limit()
                      + " functions, as many as it may; delete one or ask the operator for more");
          case PutVersionResult.NoSuchTenant _ -> throw Access.noSuchTenant(tenant);
        };
    ctx.response().setStatusCode(isNew ? 201 : 200);
    JsonObject answer =
        new JsonObject()
            .put("function", name.value())
            .put("version", digest.toString())
            .put("new", isNew)
            .mergeIn(described);
    boolean seenBefore =
        result instanceof PutVersionResult.NewVersion version && version.seenBefore();
    FunctionSettings settings =
        waits
            ? services
                .functions()
                .find(tenant, name)
                .map(FunctionRecord::settings)
                .orElse(FunctionSettings.DEFAULTS)
            : FunctionSettings.DEFAULTS;
    return new Stored(owner, settings, digest, SafeJson.buffer(answer), isNew && !seenBefore);
  }

  // ── Listing, settings, deletion ───────────────────────────────────────────────────────────

  private void list(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    int limit = Bodies.pageLimit(ctx);
    String after = Bodies.query(ctx, "after");
    @Nullable FunctionName from =
        after == null ? null : Bodies.checked(() -> new FunctionName(after));
    Answers.json(
        ctx,
        services.database(),
        () -> {
          var _ = services.tenants().find(tenant).orElseThrow(() -> Access.noSuchTenant(tenant));
          List<FunctionRecord> functions = services.functions().list(tenant, from, limit);
          JsonArray array = new JsonArray();
          functions.forEach(function -> array.add(FunctionJson.of(function)));
          JsonObject json = new JsonObject().put("functions", array);
          if (functions.size() == limit) {
            json.put("next", functions.get(limit - 1).name().value());
          }
          return json;
        });
  }

  private void show(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    FunctionName name = Access.function(ctx);
    Answers.json(ctx, services.database(), () -> shown(tenant, name));
  }

  private JsonObject shown(TenantId tenant, FunctionName name) {
    FunctionRecord function =
        services
            .functions()
            .find(tenant, name)
            .orElseThrow(() -> Access.noSuchFunction(tenant, name));
    JsonObject json = FunctionJson.of(function);
    TenantRecord owner =
        services.tenants().find(tenant).orElseThrow(() -> Access.noSuchTenant(tenant));
    JsonArray versions = new JsonArray();
    List<VersionRecord> stored = services.functions().versions(tenant, name);
    List<JsonObject> tiers =
        services
            .tiers()
            .shown(owner, function.settings(), stored.stream().map(VersionRecord::digest).toList());
    for (int i = 0; i < stored.size(); i++) {
      VersionRecord version = stored.get(i);
      versions.add(
          new JsonObject()
              .put("version", version.digest().toString())
              .put("createdAt", version.createdAt().toString())
              .put("bytes", version.sizeBytes())
              .mergeIn(tiers.get(i)));
      if (version.digest().equals(function.currentDigest())) {
        json.mergeIn(new JsonObject(version.description())).mergeIn(tiers.get(i));
      }
    }
    json.put("versions", versions);
    CompiledModule module = services.modules().ifReady(function.currentDigest());
    JsonObject compiled = new JsonObject().put("ready", module != null);
    if (module != null) {
      compiled
          .put("millis", module.compileNanos() / 1_000_000)
          .put("codeBytes", module.codeBytes())
          .put(
              "interpretedFunctions", new JsonArray(new ArrayList<>(module.interpretedFunctions())))
          .put("machineCodeBytes", module.machineCodeBytes());
    }
    ModuleRefusedException refused = services.modules().ifRefused(function.currentDigest());
    if (module == null && refused != null) {
      compiled.put("problem", UploadCheck.doesNotCompile(refused).toJson());
    }
    return json.put("compiled", compiled);
  }

  private void configure(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    FunctionName name = Access.function(ctx);
    JsonObject body = Bodies.object(ctx, SETTINGS);
    Answers.json(
        ctx,
        services.database(),
        () -> {
          FunctionRecord function =
              services
                  .functions()
                  .find(tenant, name)
                  .orElseThrow(() -> Access.noSuchFunction(tenant, name));
          FunctionSettings settings = settings(function.settings(), body);
          Bodies.checked(() -> services.functions().updateSettings(tenant, name, settings));
          services.catalog().forget(tenant, name);
          return shown(tenant, name);
        });
  }

  /** The settings with what the body changes. */
  private static FunctionSettings settings(FunctionSettings before, JsonObject body) {
    List<String> args = before.args();
    Map<String, String> env = before.env();
    boolean cgiResponse = before.cgiResponse();
    var limits = before.limits();
    var grants = before.grants();
    boolean held = before.heldToTier1();
    try {
      if (body.containsKey("args")) {
        args = new ArrayList<>();
        for (Object arg : body.getJsonArray("args")) {
          args.add((String) arg);
        }
      }
      if (body.containsKey("env")) {
        env = new LinkedHashMap<>();
        for (Map.Entry<String, Object> variable : body.getJsonObject("env")) {
          env.put(variable.getKey(), (String) variable.getValue());
        }
      }
      if (body.containsKey("cgiResponse")) {
        cgiResponse = body.getBoolean("cgiResponse");
      }
      if (body.containsKey("limits")) {
        limits = Bodies.overrides(body.getJsonObject("limits"));
      }
      if (body.containsKey("grants")) {
        grants = Grants.read(body.getJsonObject("grants"));
      }
      if (body.containsKey("heldToTier1")) {
        held = body.getBoolean("heldToTier1");
      }
      return new FunctionSettings(args, env, cgiResponse, limits, grants, held);
    } catch (ClassCastException | NullPointerException e) {
      throw Bodies.bad(
          "args is an array of strings, env an object of strings, cgiResponse and heldToTier1"
              + " booleans, limits an object of numbers, grants an object");
    } catch (IllegalArgumentException e) {
      throw Bodies.bad(String.valueOf(e.getMessage()));
    }
  }

  private void delete(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    FunctionName name = Access.function(ctx);
    services
        .database()
        .run(() -> services.functions().delete(tenant, name))
        .onSuccess(unused -> {
          services.catalog().forget(tenant, name);
          services.scheduler().forget(tenant, name);
          if (unused.isPresent()) {
            unused.get().forEach(services.modules()::forget);
            ctx.response().setStatusCode(204).end();
          } else {
            ctx.fail(Access.noSuchFunction(tenant, name));
          }
        })
        .onFailure(ctx::fail);
  }
}
