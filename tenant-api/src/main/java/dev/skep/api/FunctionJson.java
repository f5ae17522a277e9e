package dev.skep.api;

import dev.skep.engine.ModuleDescription;
import dev.skep.engine.ModuleDescription.ExternKind;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.TreeDigest;
import dev.skep.storage.FunctionRecord;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.Locale;

/** What answers say of functions and modules. */
final class FunctionJson {
  private FunctionJson() {}

  /** A function and its settings. */
  static JsonObject of(FunctionRecord function) {
    FunctionSettings settings = function.settings();
    JsonObject env = new JsonObject();
    settings.env().forEach(env::put);
    TreeDigest tree = function.tree();
    return new JsonObject()
        .put("function", function.name().value())
        .put("version", function.currentDigest().toString())
        .put("createdAt", function.createdAt().toString())
        .put("updatedAt", function.updatedAt().toString())
        .put("args", new JsonArray(new ArrayList<>(settings.args())))
        .put("env", env)
        .put("cgiResponse", settings.cgiResponse())
        .put("limits", Bodies.toJson(settings.limits()))
        .put("grants", Grants.toJson(settings.grants()))
        .put("heldToTier1", settings.heldToTier1())
        .mergeIn(tree == null ? new JsonObject() : new JsonObject().put("tree", tree.toString()));
  }

  /** What is in a module. */
  static JsonObject of(ModuleDescription description) {
    JsonArray exports = new JsonArray();
    for (ModuleDescription.Export export : description.exports()) {
      JsonObject json =
          new JsonObject()
              .put("name", export.name())
              .put("kind", export.kind().name().toLowerCase(Locale.ROOT));
      if (export.kind() == ExternKind.FUNCTION && export.signature() != null) {
        json.put("type", export.signature().toString());
      }
      exports.add(json);
    }
    JsonArray imports = new JsonArray();
    for (ModuleDescription.Import wanted : description.imports()) {
      imports.add(
          new JsonObject()
              .put("module", wanted.module())
              .put("name", wanted.name())
              .put("type", wanted.signature().toString()));
    }
    JsonArray oversized = new JsonArray();
    for (ModuleDescription.OversizedFunction function : description.oversizedFunctions()) {
      oversized.add(
          new JsonObject()
              .put("index", function.index())
              .put("name", function.name())
              .put("estimatedMethodBytes", function.estimatedMethodBytes())
              .put("tier", function.tier().word())
              .put("slowdown", function.tier().slowdown()));
    }
    return new JsonObject()
        .put("bytes", description.bytes())
        .put("functions", description.functions())
        .put("memoryMinBytes", description.memoryMinBytes())
        .put("tableMinElements", description.tableMinElements())
        .put("command", description.isCommand())
        .put("exports", exports)
        .put("imports", imports)
        .put("oversizedFunctions", oversized)
        .put("oversizedCount", description.oversizedCount());
  }
}
