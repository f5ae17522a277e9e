package dev.skep.api;

import dev.skep.engine.Engine;
import dev.skep.engine.ModuleDescription;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.PoolConfig;
import dev.skep.storage.FunctionStore;

/** Says whether a module can be stored and run, in the words of the API. */
final class UploadCheck {
  private UploadCheck() {}

  /**
   * Checks a module. CPU-bound: see {@link Engine#check}.
   *
   * @param limits what the tenant's stores may use
   * @param pool what a slot of the node holds
   * @throws ProblemException why it is refused
   */
  static ModuleDescription check(Engine engine, PoolConfig pool, StoreLimits limits, byte[] bytes) {
    ModuleDescription description;
    try {
      description = engine.check(bytes);
    } catch (ModuleRefusedException e) {
      throw new ProblemException(problem(e));
    }
    long memoryLimit = memoryLimit(pool, limits);
    if (description.memoryMinBytes() > memoryLimit) {
      throw new ProblemException(
          Problem.Kind.MODULE_LIMIT,
          "the module's memory starts at "
              + description.memoryMinBytes()
              + " bytes; "
              + memoryLimit
              + " are allowed: declare less or ask the operator for a higher memoryBytes");
    }
    long tableLimit = tableLimit(pool, limits);
    if (description.tableMinElements() > tableLimit) {
      throw new ProblemException(
          Problem.Kind.MODULE_LIMIT,
          "the module's tables start at "
              + description.tableMinElements()
              + " elements; "
              + tableLimit
              + " are allowed: declare less or ask the operator for a higher tableElements");
    }
    int stored = FunctionJson.of(description).encode().length();
    if (stored > FunctionStore.MAX_DESCRIPTION_CHARS) {
      throw new ProblemException(
          Problem.Kind.MODULE_LIMIT,
          "the module's exports and imports take "
              + stored
              + " characters as JSON; at most "
              + FunctionStore.MAX_DESCRIPTION_CHARS
              + " are allowed: export less, or by shorter names");
    }
    return description;
  }

  /** Most bytes that a module's memories may start with. */
  static long memoryLimit(PoolConfig pool, StoreLimits limits) {
    return Math.min(limits.memoryBytes(), pool.mostMemoryBytes());
  }

  /** Most elements that a module's tables may start with. */
  static long tableLimit(PoolConfig pool, StoreLimits limits) {
    return Math.min(limits.tableElements(), pool.tableElements());
  }

  /** The problem that an engine's refusal is. */
  static Problem problem(ModuleRefusedException refused) {
    Problem.Kind kind =
        switch (refused.reason()) {
          case NOT_WASM -> Problem.Kind.NOT_WASM;
          case NOT_A_MODULE -> Problem.Kind.NOT_A_MODULE;
          case MALFORMED -> Problem.Kind.MALFORMED_MODULE;
          case INVALID -> Problem.Kind.INVALID_MODULE;
          case UNSUPPORTED -> Problem.Kind.UNSUPPORTED_FEATURE;
          case LIMIT -> Problem.Kind.MODULE_LIMIT;
          case UNKNOWN_IMPORT -> Problem.Kind.UNKNOWN_IMPORT;
        };
    return Problem.of(kind, String.valueOf(refused.getMessage()));
  }

  /** Why a function whose module was stored does not run: compiling it was refused. */
  static Problem doesNotCompile(ModuleRefusedException refused) {
    Problem problem = problem(refused);
    return Problem.of(
        problem.kind(), "the module was stored and does not compile: " + problem.detail());
  }
}
