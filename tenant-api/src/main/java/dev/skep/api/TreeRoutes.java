package dev.skep.api;

import dev.skep.engine.TreeArchive;
import dev.skep.engine.TreeLimits;
import dev.skep.engine.TreeRefusedException;
import dev.skep.engine.WasiTree;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.TenantId;
import dev.skep.scheduler.TreeDigest;
import dev.skep.storage.FunctionRecord;
import dev.skep.storage.TenantRecord;
import dev.skep.storage.TreeStore.PutTreeResult;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/** The tree of files that a function's runs may read. */
final class TreeRoutes {
  private static final String TREE = "/v1/tenants/:tenant/functions/:name/tree";

  private final Services services;

  TreeRoutes(Services services) {
    this.services = services;
  }

  /** The upload, whose body may be larger than others'. */
  void registerUpload(Router router) {
    router
        .put(TREE)
        .handler(new BodyReader(TreeLimits.DEFAULTS.archiveBytes()))
        .handler(this::upload);
  }

  void register(Router router) {
    router.get(TREE).handler(this::show);
    router.delete(TREE).handler(this::delete);
  }

  private void upload(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    FunctionName name = Access.function(ctx);
    Body body = BodyReader.body(ctx);
    Answers.json(
        ctx,
        services.uploads(),
        () -> {
          byte[] archive = body.take();
          TenantRecord owner =
              services.tenants().find(tenant).orElseThrow(() -> Access.noSuchTenant(tenant));
          if (owner.suspended() && !Access.isOperator(ctx)) {
            throw FunctionRoutes.suspended(tenant);
          }
          WasiTree tree = read(archive);
          TreeDigest digest = TreeDigest.of(archive);
          PutTreeResult result = services.trees().put(tenant, name, digest, archive);
          if (result == PutTreeResult.NO_SUCH_FUNCTION) {
            throw Access.noSuchFunction(tenant, name);
          }
          services.treeCache().put(tenant, digest, tree);
          services.catalog().forget(tenant, name);
          ctx.response().setStatusCode(result == PutTreeResult.STORED ? 201 : 200);
          return toJson(name, digest, tree);
        });
  }

  private static WasiTree read(byte[] archive) {
    try {
      return TreeArchive.read(archive, TreeLimits.DEFAULTS);
    } catch (TreeRefusedException e) {
      throw new ProblemException(Problem.Kind.TREE_REFUSED, String.valueOf(e.getMessage()));
    }
  }

  private void show(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    FunctionName name = Access.function(ctx);
    services
        .database()
        .run(() -> {
          FunctionRecord function =
              services
                  .functions()
                  .find(tenant, name)
                  .orElseThrow(() -> Access.noSuchFunction(tenant, name));
          TreeDigest digest = function.tree();
          if (digest == null) {
            throw noTree(name);
          }
          return digest;
        })
        .onSuccess(digest ->
            Later.on(ctx.vertx(), services.treeCache().get(tenant, digest))
                .onSuccess(tree ->
                    Answers.json(ctx, services.database(), () -> toJson(name, digest, tree)))
                .onFailure(ctx::fail))
        .onFailure(ctx::fail);
  }

  private void delete(RoutingContext ctx) {
    TenantId tenant = Access.tenant(ctx);
    FunctionName name = Access.function(ctx);
    services
        .database()
        .run(() -> services.trees().delete(tenant, name))
        .onSuccess(found -> {
          services.catalog().forget(tenant, name);
          if (found) {
            ctx.response().setStatusCode(204).end();
          } else {
            ctx.fail(noTree(name));
          }
        })
        .onFailure(ctx::fail);
  }

  private static ProblemException noTree(FunctionName name) {
    return new ProblemException(
        Problem.Kind.NOT_FOUND,
        "there is no function " + name + " with a tree; PUT a tar or zip archive here first");
  }

  private static JsonObject toJson(FunctionName name, TreeDigest digest, WasiTree tree) {
    JsonArray entries = new JsonArray();
    for (WasiTree.Listed entry : tree.list()) {
      JsonObject json = new JsonObject().put("path", entry.path());
      if (entry.directory()) {
        json.put("kind", "directory");
      } else {
        json.put("kind", "file").put("bytes", entry.bytes());
      }
      entries.add(json);
    }
    return new JsonObject()
        .put("function", name.value())
        .put("tree", digest.toString())
        .put("bytes", tree.bytes())
        .put("entries", entries);
  }
}
