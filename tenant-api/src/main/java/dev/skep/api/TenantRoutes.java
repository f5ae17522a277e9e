package dev.skep.api;

import dev.skep.limits.TenantLimits;
import dev.skep.scheduler.TenantId;
import dev.skep.storage.CreateTenantResult;
import dev.skep.storage.IssueTokenResult;
import dev.skep.storage.TenantRecord;
import dev.skep.storage.TokenRecord;
import io.vertx.core.Future;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Tenants and their tokens: the operator's part of the control plane. */
final class TenantRoutes {
  private static final Set<String> CREATE = with(Bodies.TENANT_LIMITS, "id");

  private final Services services;

  TenantRoutes(Services services) {
    this.services = services;
  }

  private static Set<String> with(Set<String> set, String more) {
    Set<String> all = new HashSet<>(set);
    all.add(more);
    return Set.copyOf(all);
  }

  void register(Router router) {
    router.post("/v1/tenants").handler(Access::operatorOnly).handler(this::create);
    router.get("/v1/tenants").handler(Access::operatorOnly).handler(this::list);
    router.get("/v1/tenants/:tenant").handler(this::show);
    router.put("/v1/tenants/:tenant/limits").handler(Access::operatorOnly).handler(this::setLimits);
    router
        .post("/v1/tenants/:tenant/suspend")
        .handler(Access::operatorOnly)
        .handler(ctx -> setSuspended(ctx, true));
    router
        .post("/v1/tenants/:tenant/resume")
        .handler(Access::operatorOnly)
        .handler(ctx -> setSuspended(ctx, false));
    router
        .post("/v1/tenants/:tenant/hold")
        .handler(Access::operatorOnly)
        .handler(ctx -> setHeld(ctx, true));
    router
        .post("/v1/tenants/:tenant/release")
        .handler(Access::operatorOnly)
        .handler(ctx -> setHeld(ctx, false));
    router
        .post("/v1/tenants/:tenant/tokens")
        .handler(Access::operatorOnly)
        .handler(this::issueToken);
    router.get("/v1/tenants/:tenant/tokens").handler(this::listTokens);
    router
        .delete("/v1/tenants/:tenant/tokens/:token")
        .handler(Access::operatorOnly)
        .handler(this::revokeToken);
  }

  private void create(RoutingContext ctx) {
    JsonObject body = Bodies.object(ctx, CREATE);
    String id = Bodies.text(body, "id");
    if (id == null) {
      throw Bodies.bad("the body needs the member id, the tenant's name");
    }
    TenantId tenant = parse(id);
    var limits = Bodies.tenantLimits(body);
    Answers.json(
        ctx,
        services
            .database()
            .run(() -> services.tenants().create(tenant, limits))
            .map(result -> {
              services.catalog().forget(tenant);
              applyLimits(result.tenant());
              ctx.response()
                  .setStatusCode(result instanceof CreateTenantResult.Created ? 201 : 200);
              return toJson(result.tenant());
            }));
  }

  private static TenantId parse(String id) {
    try {
      return new TenantId(id);
    } catch (IllegalArgumentException e) {
      throw Bodies.bad(String.valueOf(e.getMessage()));
    }
  }

  private void list(RoutingContext ctx) {
    int limit = Bodies.pageLimit(ctx);
    String after = Bodies.query(ctx, "after");
    @Nullable TenantId from = after == null ? null : parse(after);
    Answers.json(
        ctx,
        services.database(),
        () -> {
          List<TenantRecord> tenants = services.tenants().list(from, limit);
          JsonObject json =
              new JsonObject()
                  .put(
                      "tenants",
                      new JsonArray(tenants.stream().map(TenantRoutes::toJson).toList()));
          if (tenants.size() == limit) {
            json.put("next", tenants.get(limit - 1).tenant().value());
          }
          return json;
        });
  }

  private void show(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    Answers.json(ctx, find(tenant).map(TenantRoutes::toJson));
  }

  private Future<TenantRecord> find(TenantId tenant) {
    return services
        .database()
        .run(() -> services.tenants().find(tenant).orElseThrow(() -> Access.noSuchTenant(tenant)));
  }

  private void setLimits(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    var limits = Bodies.tenantLimits(Bodies.object(ctx, Bodies.TENANT_LIMITS));
    Answers.json(
        ctx,
        services
            .database()
            .run(() -> services.tenants().setLimits(tenant, limits))
            .compose(found -> changed(tenant, found)));
  }

  private void setSuspended(RoutingContext ctx, boolean suspended) {
    TenantId tenant = Access.tenant(ctx);
    Answers.json(
        ctx,
        services
            .database()
            .run(() ->
                suspended ? services.tenants().suspend(tenant) : services.tenants().resume(tenant))
            .compose(found -> changed(tenant, found)));
  }

  /** Holds the tenant's runs to tier 1, or no more. */
  private void setHeld(RoutingContext ctx, boolean held) {
    TenantId tenant = Access.tenant(ctx);
    Answers.json(
        ctx,
        services
            .database()
            .run(() -> services.tenants().setHeldToTier1(tenant, held))
            .compose(found -> changed(tenant, found)));
  }

  private Future<JsonObject> changed(TenantId tenant, boolean found) {
    services.catalog().forget(tenant);
    return found
        ? find(tenant)
            .map(record -> {
              applyLimits(record);
              return toJson(record);
            })
        : Future.failedFuture(Access.noSuchTenant(tenant));
  }

  /** On this node at once; on others with the tenant's next run. */
  private void applyLimits(TenantRecord tenant) {
    TenantLimits limits = tenant.limits();
    // Nobody can use a suspended tenant's floor, so nothing is kept for it.
    services
        .scheduler()
        .limits(
            tenant.tenant(),
            tenant.suspended() ? limits.withShare(limits.share().withSlotFloor(0)) : limits);
  }

  private void issueToken(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    String label = Bodies.text(Bodies.object(ctx, Set.of("label")), "label");
    Answers.json(
        ctx,
        services
            .database()
            .run(() ->
                Bodies.checked(() -> services.tokens().issue(tenant, label == null ? "" : label)))
            .map(result ->
                switch (result) {
                  case IssueTokenResult.Issued issued -> {
                    ctx.response().setStatusCode(201);
                    yield new JsonObject()
                        .put("id", issued.tokenId())
                        .put("token", issued.plaintext());
                  }
                  case IssueTokenResult.NoSuchTenant _ -> throw Access.noSuchTenant(tenant);
                  case IssueTokenResult.LimitReached reached ->
                      throw new ProblemException(
                          Problem.Kind.TOKEN_LIMIT,
                          "the tenant has "
                              + reached.limit()
                              + " tokens, as many as it may; revoke one first");
                }));
  }

  private void listTokens(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    Answers.json(
        ctx,
        services.database(),
        () -> new JsonObject().put("tokens", tokens(services.tokens().list(tenant))));
  }

  private static JsonArray tokens(List<TokenRecord> tokens) {
    JsonArray array = new JsonArray();
    for (TokenRecord token : tokens) {
      array.add(
          new JsonObject()
              .put("id", token.tokenId())
              .put("label", token.label())
              .put("createdAt", token.createdAt().toString())
              .put("revokedAt", token.revokedAt() == null ? null : token.revokedAt().toString()));
    }
    return array;
  }

  private void revokeToken(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    String id = Access.parameter(ctx, "token");
    services
        .database()
        .run(() -> services.tokens().revoke(tenant, id))
        .onSuccess(found -> {
          if (found) {
            services.catalog().forgetToken(id);
            ctx.response().setStatusCode(204).end();
          } else {
            ctx.fail(
                new ProblemException(
                    Problem.Kind.NOT_FOUND, "the tenant has no such token that is valid"));
          }
        })
        .onFailure(ctx::fail);
  }

  private static JsonObject toJson(TenantRecord tenant) {
    return new JsonObject()
        .put("id", tenant.tenant().value())
        .put("createdAt", tenant.createdAt().toString())
        .put("suspended", tenant.suspended())
        .put("heldToTier1", tenant.heldToTier1())
        .put("limits", Bodies.toJson(tenant.limits()));
  }
}
