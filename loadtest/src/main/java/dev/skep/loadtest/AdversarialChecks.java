package dev.skep.loadtest;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.ModuleRefusedException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.lang.management.ManagementFactory;
import java.util.Map;

/** Checks or compiles the adversarial modules and prints what each took, as JSON. */
final class AdversarialChecks {
  private static final OperatingSystemMXBean PROCESS =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
  private static final ThreadMXBean THREADS =
      ManagementFactory.getPlatformMXBean(ThreadMXBean.class);
  private static final int CHECKS = 3;
  private static final int MOST_WORDS = 60;

  private AdversarialChecks() {}

  /** What is measured, and what it says in the end. */
  private interface Work {
    String run() throws ModuleRefusedException;
  }

  /**
   * @param args {@code check} or {@code compile}, the seed and how many mixtures
   */
  public static void main(String[] args) throws Exception {
    boolean compile = args[0].equals("compile");
    Engine engine = new Engine(EngineConfig.DEFAULTS);
    for (int i = 0; i < 200; i++) {
      var _ = engine.check(Guests.bytes(Guests.TRANSFORM));
    }
    JsonArray modules = new JsonArray();
    Map<String, byte[]> all =
        AdversarialModules.all(Long.parseLong(args[1]), Integer.parseInt(args[2]));
    for (Map.Entry<String, byte[]> module : all.entrySet()) {
      byte[] bytes = module.getValue();
      Work check = () -> "accepted, " + engine.check(bytes).oversizedCount() + " oversized";
      Work work = compile ? () -> compiled(engine, bytes) : check;
      if (compile && measure(check).getString("answer").startsWith("refused")) {
        continue;
      }
      Progress.say(args[0] + " " + module.getKey() + ", " + bytes.length + " bytes");
      JsonObject worst = measure(work);
      for (int i = 1; !compile && i < CHECKS; i++) {
        JsonObject again = measure(work);
        if (again.getDouble("seconds") > worst.getDouble("seconds")) {
          worst = again;
        }
      }
      modules.add(worst.put("name", module.getKey()).put("bytes", bytes.length));
    }
    System.out.println(new JsonObject().put("modules", modules).encode());
    System.exit(0);
  }

  private static String compiled(Engine engine, byte[] bytes) throws ModuleRefusedException {
    CompiledModule module = engine.compile(bytes);
    return "compiled, "
        + module.codeBytes()
        + " bytes, "
        + module.interpretedFunctions().size()
        + " interpreted";
  }

  private static JsonObject measure(Work work) {
    long cpuNanos = PROCESS.getProcessCpuTime();
    long allocated = THREADS.getTotalThreadAllocatedBytes();
    String answer;
    boolean outOfMemory = false;
    try {
      answer = work.run();
    } catch (ModuleRefusedException e) {
      String message = String.valueOf(e.getMessage());
      outOfMemory = message.contains("more memory than the node has");
      answer =
          "refused: "
              + (message.length() > MOST_WORDS ? message.substring(0, MOST_WORDS) + "…" : message);
    }
    return new JsonObject()
        .put("answer", answer)
        .put("outOfMemory", outOfMemory)
        .put("seconds", (PROCESS.getProcessCpuTime() - cpuNanos) / 1e9)
        .put("mib", (THREADS.getTotalThreadAllocatedBytes() - allocated) / (double) (1 << 20));
  }
}
