package dev.skep.api;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.TenantId;
import dev.skep.storage.PresentedToken;
import dev.skep.storage.Principal;
import io.vertx.core.Handler;
import io.vertx.ext.web.RoutingContext;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Who calls, and whether they may. */
final class Access {
  private static final String PRINCIPAL = "skep.principal";
  private static final String BEARER = "bearer ";

  private Access() {}

  /** A handler that lets only calls with a valid token through. */
  static Handler<RoutingContext> authenticate(Catalog catalog) {
    return ctx -> {
      String header = ctx.request().getHeader("Authorization");
      if (header == null || !header.toLowerCase(Locale.ROOT).startsWith(BEARER)) {
        throw unauthenticated(
            "the call has no token; send the header Authorization: Bearer <token>");
      }
      PresentedToken token =
          PresentedToken.of(header.substring(BEARER.length()).strip())
              .orElseThrow(() -> unauthenticated("the token is not one of this service"));
      CompletableFuture<Optional<Principal>> principal = catalog.principal(token);
      if (principal.isDone()) {
        let(ctx, principal);
        return;
      }
      ctx.request().pause();
      Later.on(ctx.vertx(), principal)
          .onComplete(done -> {
            if (done.failed()) {
              ctx.fail(done.cause());
            } else {
              try {
                let(ctx, principal);
              } catch (ProblemException e) {
                ctx.fail(e);
              }
            }
            // The handlers behind this one have taken hold of the body by now.
            ctx.request().resume();
          });
    };
  }

  private static void let(RoutingContext ctx, CompletableFuture<Optional<Principal>> principal) {
    Optional<Principal> known = principal.join();
    if (known.isEmpty()) {
      throw unauthenticated("the token is not one of this service, or has been revoked");
    }
    ctx.put(PRINCIPAL, known.get());
    ctx.next();
  }

  private static ProblemException unauthenticated(String detail) {
    return new ProblemException(Problem.Kind.UNAUTHENTICATED, detail);
  }

  /** A handler that lets only operators through. */
  static void operatorOnly(RoutingContext ctx) {
    if (!isOperator(ctx)) {
      throw new ProblemException(
          Problem.Kind.FORBIDDEN, "only the operator's token may do this; this is a tenant's");
    }
    ctx.next();
  }

  static boolean isOperator(RoutingContext ctx) {
    return ctx.get(PRINCIPAL) instanceof Principal.Operator;
  }

  /**
   * The tenant of the path, if the caller may act for it. To another tenant's token it does not
   * exist, so that names cannot be probed.
   */
  static TenantId tenant(RoutingContext ctx) {
    TenantId tenant;
    try {
      tenant = new TenantId(parameter(ctx, "tenant"));
    } catch (IllegalArgumentException e) {
      throw new ProblemException(Problem.Kind.BAD_REQUEST, String.valueOf(e.getMessage()));
    }
    if (ctx.get(PRINCIPAL) instanceof Principal.TenantPrincipal own
        && !own.tenant().equals(tenant)) {
      throw noSuchTenant(tenant);
    }
    return tenant;
  }

  /** A parameter that the route's path has, so that it is there. */
  static String parameter(RoutingContext ctx, String name) {
    return Objects.requireNonNull(ctx.pathParam(name));
  }

  static ProblemException noSuchTenant(TenantId tenant) {
    return new ProblemException(
        Problem.Kind.NOT_FOUND, "there is no tenant " + tenant + " that this token may see");
  }

  /** The function's name in the path. */
  static FunctionName function(RoutingContext ctx) {
    try {
      return new FunctionName(parameter(ctx, "name"));
    } catch (IllegalArgumentException e) {
      throw new ProblemException(Problem.Kind.BAD_REQUEST, String.valueOf(e.getMessage()));
    }
  }

  static ProblemException noSuchFunction(TenantId tenant, FunctionName function) {
    return new ProblemException(
        Problem.Kind.NOT_FOUND,
        "tenant "
            + tenant
            + " has no function "
            + function
            + "; PUT its module to this name first");
  }
}
