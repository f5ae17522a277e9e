package dev.skep.api;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.TenantId;
import dev.skep.storage.UsageRow;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What runs and compiling used: receipts one by one, and usage by function and hour. */
final class UsageRoutes {
  private static final Instant FIRST = Instant.EPOCH.minusMillis(1);
  private static final Instant LAST = Instant.parse("9999-12-31T00:00:00Z");

  private final Services services;

  UsageRoutes(Services services) {
    this.services = services;
  }

  void register(Router router) {
    router.get("/v1/tenants/:tenant/usage").handler(this::usage);
    router.get("/v1/tenants/:tenant/runs").handler(ctx -> receipts(ctx, Receipt.Kind.RUN, "runs"));
    router
        .get("/v1/tenants/:tenant/compiles")
        .handler(ctx -> receipts(ctx, Receipt.Kind.COMPILE, "compiles"));
    router.get("/v1/tenants/:tenant/runs/:run").handler(this::run);
  }

  private void usage(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    Instant to = instant(ctx, "to", Instant.now().plus(1, ChronoUnit.HOURS));
    Instant from = instant(ctx, "from", to.minus(31, ChronoUnit.DAYS));
    FunctionName function = function(ctx);
    Answers.json(
        ctx,
        services.database(),
        () -> {
          List<UsageRow> rows;
          try {
            rows =
                services.ledger().usage(tenant, from.toEpochMilli(), to.toEpochMilli(), function);
          } catch (IllegalArgumentException e) {
            throw Bodies.bad(String.valueOf(e.getMessage()));
          }
          return usage(tenant, from, to, rows);
        });
  }

  private static JsonObject usage(TenantId tenant, Instant from, Instant to, List<UsageRow> rows) {
    long runs = 0;
    long tier2Runs = 0;
    long failed = 0;
    long fuel = 0;
    long nanoDollars = 0;
    long compiles = 0;
    long compileFuel = 0;
    long compileNanoDollars = 0;
    JsonArray array = new JsonArray();
    for (UsageRow row : rows) {
      runs += row.runs();
      tier2Runs += row.tier2Runs();
      failed += row.failedRuns();
      fuel += row.fuel();
      nanoDollars += row.nanoDollars();
      compiles += row.compiles();
      compileFuel += row.compileFuel();
      compileNanoDollars += row.compileNanoDollars();
      array.add(
          new JsonObject()
              .put("function", row.function().value())
              .put("hour", Instant.ofEpochMilli(row.hourEpochMillis()).toString())
              .put("runs", row.runs())
              .put("tier2Runs", row.tier2Runs())
              .put("failedRuns", row.failedRuns())
              .put("fuel", row.fuel())
              .put("nanoDollars", row.nanoDollars())
              .put("durationNanos", row.durationNanos())
              .put("compiles", row.compiles())
              .put("compileFuel", row.compileFuel())
              .put("compileNanoDollars", row.compileNanoDollars()));
    }
    return new JsonObject()
        .put("tenant", tenant.value())
        .put("from", from.toString())
        .put("to", to.toString())
        .put(
            "total",
            new JsonObject()
                .put("runs", runs)
                .put("tier2Runs", tier2Runs)
                .put("failedRuns", failed)
                .put("fuel", fuel)
                .put("nanoDollars", nanoDollars)
                .put("compiles", compiles)
                .put("compileFuel", compileFuel)
                .put("compileNanoDollars", compileNanoDollars))
        .put("hours", array);
  }

  private static Instant instant(RoutingContext ctx, String name, Instant fallback) {
    String given = Bodies.query(ctx, name);
    if (given == null) {
      return fallback;
    }
    try {
      Instant instant = Instant.parse(given);
      if (instant.isAfter(FIRST) && instant.isBefore(LAST)) {
        return instant;
      }
    } catch (DateTimeParseException e) {
      // Falls through to the same answer.
    }
    throw Bodies.bad(name + " must be a time from 1970 to 9999, such as 2026-01-31T00:00:00Z");
  }

  private static @Nullable FunctionName function(RoutingContext ctx) {
    String given = Bodies.query(ctx, "function");
    try {
      return given == null ? null : new FunctionName(given);
    } catch (IllegalArgumentException e) {
      throw Bodies.bad(String.valueOf(e.getMessage()));
    }
  }

  private void receipts(RoutingContext ctx, Receipt.Kind kind, String member) {
    TenantId tenant = Access.tenant(ctx);
    int limit = Bodies.pageLimit(ctx);
    FunctionName function = function(ctx);
    String before = Bodies.query(ctx, "before");
    @Nullable RunId bound = before == null ? null : runId(before);
    Answers.json(
        ctx,
        services.database(),
        () -> {
          List<Receipt> receipts = services.ledger().recent(tenant, kind, function, bound, limit);
          JsonArray array = new JsonArray();
          receipts.forEach(receipt -> array.add(toJson(receipt)));
          JsonObject json = new JsonObject().put(member, array);
          if (receipts.size() == limit) {
            json.put("next", receipts.get(limit - 1).run().toString());
          }
          return json;
        });
  }

  private void run(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    RunId run = runId(Access.parameter(ctx, "run"));
    Answers.json(
        ctx,
        services.database(),
        () ->
            services
                .ledger()
                .receipt(tenant, run)
                .map(UsageRoutes::toJson)
                .orElseThrow(() ->
                    new ProblemException(
                        Problem.Kind.NOT_FOUND,
                        "tenant "
                            + tenant
                            + " has no run "
                            + run
                            + "; receipts arrive within seconds of their run")));
  }

  private static RunId runId(String text) {
    try {
      return new RunId(UUID.fromString(text));
    } catch (IllegalArgumentException e) {
      throw Bodies.bad("a run's id is a UUID");
    }
  }

  /** A whole receipt: all that the price follows from. */
  private static JsonObject toJson(Receipt receipt) {
    return RunAnswer.toJson(receipt)
        .put("kind", receipt.kind().word())
        .put("function", receipt.function().value())
        .put("version", receipt.version().toString())
        .put("startedAt", Instant.ofEpochMilli(receipt.startedEpochMillis()).toString())
        .put("costTableVersion", receipt.costTableVersion())
        .put("priceVersion", receipt.priceVersion());
  }
}
