package dev.skep.loadtest.hostile;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.skep.engine.Invocation;
import dev.skep.engine.Invocation.BytesCall;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The kinds of one group as they are written down. Not thread-safe. */
final class KindList {
  /** What a kind's function is called, unless its name is the point. */
  static final String F = "f";

  static final TypedCall CALL = new TypedCall(F, new long[0]);
  static final CommandRun COMMAND =
      new CommandRun(
          List.of("hostile", "argument"),
          Map.of("NAME", "value"),
          "standard input".getBytes(UTF_8));
  static final byte[] INPUT = "some input".getBytes(UTF_8);
  static final BytesCall BYTES = new BytesCall(F, INPUT);

  private final String group;
  private final List<HostileKind> kinds = new ArrayList<>();

  KindList(String group) {
    this.group = group;
  }

  List<HostileKind> kinds() {
    return List.copyOf(kinds);
  }

  KindList add(
      String name,
      Regime regime,
      Invocation invocation,
      HostileOutcome outcome,
      Supplier<byte[]> module) {
    kinds.add(new HostileKind(group, name, module, regime, invocation, outcome));
    return this;
  }

  /** A module that is refused before it runs. */
  KindList refused(String name, Reason reason, Supplier<byte[]> module) {
    return add(name, Regime.SMALL, CALL, HostileOutcome.refused(reason), module);
  }

  KindList refusedModule(String name, Reason reason, Consumer<ModuleWriter> content) {
    return refused(name, reason, written(content));
  }

  /** One exported function of this type, called without arguments; its module has a memory. */
  KindList calls(String name, Regime regime, HostileOutcome outcome, String type, Code body) {
    return add(name, regime, CALL, outcome, guest(type, body));
  }

  KindList traps(String name, TrapKind kind, String type, Code body) {
    return calls(name, Regime.RICH, HostileOutcome.trapped(kind), type, body);
  }

  KindList limited(String name, Regime regime, LimitKind kind, String type, Code body) {
    return calls(name, regime, HostileOutcome.limited(kind), type, body);
  }

  /** A function that answers one i32. */
  KindList answers(String name, long value, Code body) {
    return calls(name, Regime.RICH, HostileOutcome.answered(value), ":i", body);
  }

  /** A module whose function {@code f} is called. */
  KindList module(
      String name, Regime regime, HostileOutcome outcome, Consumer<ModuleWriter> content) {
    return add(name, regime, CALL, outcome, written(content));
  }

  static Supplier<byte[]> written(Consumer<ModuleWriter> content) {
    return () -> {
      ModuleWriter writer = new ModuleWriter();
      content.accept(writer);
      return writer.toBytes();
    };
  }

  /** A memory of a page and a table of four, and this function. */
  static Supplier<byte[]> guest(String type, Code body) {
    return written(m -> {
      m.memory(1);
      m.table(4);
      m.exported(F, type, body);
    });
  }
}
