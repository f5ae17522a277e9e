package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.limits.LimitKind;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;
import java.util.function.Consumer;

/**
 * Recursion, plain and otherwise, small and wide, and through host calls at every depth that is
 * left. The guest's own limit ends it, never the JVM's stack.
 */
final class RecursionKinds {
  /** Of {@link Regime#SMALL}; a small frame counts one. */
  private static final int DEPTH = 1_000;

  private RecursionKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("recursion");
    for (Regime regime : new Regime[] {Regime.SMALL, Regime.DEEP}) {
      String depth = "-" + regime.limits().callDepth();
      plain(list, regime, depth);
      tailCalls(list, regime, depth);
      hosts(list, regime, depth);
    }
    edges(list);
    return list.kinds();
  }

  private static void endless(
      KindList list, Regime regime, String name, Consumer<ModuleWriter> module) {
    list.module(name, regime, HostileOutcome.limited(LimitKind.CALL_DEPTH), module);
  }

  private static void plain(KindList list, Regime regime, String depth) {
    endless(list, regime, "plain" + depth, m -> m.exported(F, ":", code().call(m.nextFunction())));
    endless(
        list,
        regime,
        "with-a-result" + depth,
        m -> m.exported(F, ":i", code().call(m.nextFunction()).i32(1).add()));
    endless(
        list,
        regime,
        "mutual" + depth,
        m -> {
          int first = m.nextFunction();
          m.exported(F, ":", code().call(first + 1));
          m.function(":", code().call(first + 2));
          m.function(":", code().call(first));
        });
    endless(
        list,
        regime,
        "indirect" + depth,
        m -> {
          m.table(1);
          int self = m.exported(F, ":", code().i32(0).callIndirect(m.type(":"), 0));
          m.elements(code().i32(0), self);
        });
    endless(
        list,
        regime,
        "indirect-and-direct-in-turn" + depth,
        m -> {
          m.table(1);
          int first = m.exported(F, ":", code().i32(0).callIndirect(m.type(":"), 0));
          int second = m.function(":", code().call(first));
          m.elements(code().i32(0), second);
        });
    for (int locals : new int[] {100, 1_000, 5_000}) {
      endless(list, regime, "through-" + locals + "-locals" + depth, m -> manyLocals(m, locals));
    }
    endless(list, regime, "with-wide-parameters" + depth, RecursionKinds::wide);
    endless(
        list,
        regime,
        "with-500-operands-open" + depth,
        m ->
            m.exported(
                F,
                ":i",
                code().repeat(500, c -> c.i32(3)).call(m.nextFunction()).repeat(500, Code::add)));
    endless(
        list,
        regime,
        "within-300-blocks" + depth,
        m ->
            m.exported(
                F,
                ":",
                code().repeat(300, Code::block).call(m.nextFunction()).repeat(300, Code::end)));
    endless(
        list,
        regime,
        "twice-at-each-depth" + depth,
        m -> m.exported(F, ":", code().call(m.nextFunction()).call(m.nextFunction())));
    endless(
        list,
        regime,
        "between-tail-calls" + depth,
        m -> {
          int first = m.nextFunction();
          m.exported(F, ":", code().call(first + 1));
          m.function(":", code().returnCall(first));
        });
  }

  /** The compiler makes tail calls calls, so that they count depth as all others do. */
  private static void tailCalls(KindList list, Regime regime, String depth) {
    endless(
        list,
        regime,
        "by-tail-call" + depth,
        m -> m.exported(F, ":", code().returnCall(m.nextFunction())));
    endless(
        list,
        regime,
        "by-mutual-tail-calls" + depth,
        m -> {
          int first = m.nextFunction();
          m.exported(F, ":", code().returnCall(first + 1));
          m.function(":", code().returnCall(first));
        });
    endless(
        list,
        regime,
        "by-indirect-tail-call" + depth,
        m -> {
          m.table(1);
          int self = m.exported(F, ":", code().i32(0).returnCallIndirect(m.type(":"), 0));
          m.elements(code().i32(0), self);
        });
    endless(
        list,
        regime,
        "by-tail-call-with-arguments" + depth,
        m -> {
          int self = m.nextFunction();
          m.function("iI:i", code().get(0).i32(1).add().get(1).i64(2).op(0x7C).returnCall(self));
          m.exported(F, ":", code().i32(0).i64(0).call(self).drop());
        });
  }

  /** Locals that are live over the call. */
  private static void manyLocals(ModuleWriter m, int locals) {
    int self = m.nextFunction();
    Code body = code();
    for (int i = 0; i < locals; i += 50) {
      body.i64(i).set(i);
    }
    body.call(self);
    for (int i = 0; i < locals; i += 50) {
      body.get(i).drop();
    }
    m.export(F, ModuleWriter.FUNCTION, m.function(":", locals, ModuleWriter.I64, body));
  }

  /** 120 parameters of type i64, which is 240 words. */
  private static void wide(ModuleWriter m) {
    int self = m.nextFunction();
    Code pass = code();
    Code begin = code();
    for (int i = 0; i < 120; i++) {
      pass.get(119 - i);
      begin.i64(i);
    }
    m.function("I".repeat(120) + ":", pass.call(self));
    m.exported(F, ":", begin.call(self));
  }

  /** A host call at each depth on the way down, the last of them with no depth left. */
  private static void hosts(KindList list, Regime regime, String depth) {
    host(list, regime, depth, "random_get", "ii:i", code().i32(0).i32(8));
    host(list, regime, depth, "fd_write", "iiii:i", code().i32(2).i32(16).i32(1).i32(8));
    host(list, regime, depth, "fd_read", "iiii:i", code().i32(0).i32(16).i32(1).i32(8));
    host(list, regime, depth, "args_get", "ii:i", code().i32(64).i32(128));
    host(list, regime, depth, "environ_sizes_get", "ii:i", code().i32(64).i32(68));
    host(list, regime, depth, "clock_time_get", "iIi:i", code().i32(0).i64(0).i32(64));
    host(list, regime, depth, "path_open", "iiiiiIIii:i", path());
    endless(
        list,
        regime,
        "through-memory-growth" + depth,
        m -> {
          m.memory(1);
          m.exported(F, ":", code().i32(1).memoryGrow(0).drop().call(m.nextFunction()));
        });
    endless(
        list,
        regime,
        "through-bulk-operators" + depth,
        m -> {
          m.memory(1);
          m.exported(F, ":", code().i32(0).i32(1).i32(9).memoryFill(0).call(m.nextFunction()));
        });
  }

  private static Code path() {
    return code().i32(3).i32(0).i32(0).i32(4).i32(0).i64(0).i64(0).i32(0).i32(8);
  }

  private static void host(
      KindList list, Regime regime, String depth, String function, String type, Code arguments) {
    endless(
        list,
        regime,
        "through-" + function.replace('_', '-') + depth,
        m -> {
          int host = m.importWasi(function, type);
          m.memory(1);
          Code body = code();
          body.sink().raw(arguments.sink());
          m.exported(F, ":", body.call(host).drop().call(host + 1));
        });
  }

  /** Down to an exact depth and then a host call: one unit decides. */
  private static void edges(KindList list) {
    for (int left = 3; left >= 0; left--) {
      edge(list, "random-get-with-" + left + "-left", DEPTH - left, HostileOutcome.answered(0));
    }
    edge(list, "random-get-one-too-deep", DEPTH + 1, HostileOutcome.limited(LimitKind.CALL_DEPTH));
  }

  /** So many frames that call, the last of them the host. */
  private static void edge(KindList list, String name, int frames, HostileOutcome outcome) {
    list.module(
        name,
        Regime.SMALL,
        outcome,
        m -> {
          int host = m.importWasi("random_get", "ii:i");
          m.memory(1);
          int down = m.nextFunction();
          // if (result i32) local.get 0; i32.const 1; sub; call down; else random_get(0, 8)
          m.function(
              "i:i",
              code()
                  .get(0)
                  .op(0x04, 0x7F)
                  .get(0)
                  .i32(-1)
                  .add()
                  .call(down)
                  .orElse()
                  .i32(0)
                  .i32(8)
                  .call(host)
                  .end());
          m.exported(F, ":i", code().i32(frames - 2).call(down));
        });
  }
}
