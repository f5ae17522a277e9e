package dev.skep.loadtest.programs;

import dev.skep.loadtest.wasm.ByteSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Writes the body of one function by chance: statements on the typed operand stack, in blocks,
 * loops and conditionals that take and leave values.
 *
 * <h2>Why a program ends</h2>
 *
 * <pre>
 *   every function that calls  begins by taking one of the program's calls, and returns if none is left
 *   a free loop                takes one of the program's turns at its head, and leaves if none is left
 *   a tight loop               counts down a local of its own, and holds no call and no loop
 * </pre>
 *
 * Anything in a free loop may branch back to its head; to a tight loop's only its own last branch
 * does.
 */
final class BodyWriter extends BulkCode {
  private static final int MOST_NESTING = 6;
  private static final int MOST_TURNS = 12;
  private static final int MOST_TIGHT_TURNS = 400;
  private static final int VALUE_DEPTH = 3;
  private static final int EMPTY = 0x40;

  private final String results;
  private final boolean leaf;
  private int tight;
  private int loops;

  /**
   * @param leaf whether it may not call
   */
  BodyWriter(Random random, ModulePlan plan, String params, String results, boolean leaf) {
    super(random, plan, params, results);
    this.results = results;
    this.leaf = leaf;
  }

  /**
   * Writes it.
   *
   * @param operators about so many
   * @param straight of those, so many in one stretch without a branch
   */
  ByteSink write(int operators, int straight) {
    oversized = straight >= ProgramGenerator.OVERSIZED;
    for (int i = below(6); i > 0; i--) {
      newFreeLocal(anyType());
    }
    if (!leaf) {
      takeCall();
    }
    if (straight > 0) {
      statements(below(Math.max(1, operators / 2)));
      stretch(straight);
    }
    statements(operators - Math.min(operators, written));
    finish();
    return body();
  }

  private void takeCall() {
    globalGet(ModulePlan.CALLS_GLOBAL);
    i32(1);
    apply(0x48, "ii", "i");
    op(0x04);
    out.raw(EMPTY);
    pop("i");
    open("", "", "", false);
    for (int i = 0; i < results.length(); i++) {
      value(results.charAt(i), 0);
    }
    op(0x0F);
    die();
    end();
    globalGet(ModulePlan.CALLS_GLOBAL);
    i32(1);
    apply(0x6B, "ii", "i");
    globalSet(ModulePlan.CALLS_GLOBAL);
  }

  // ── Statements ────────────────────────────────────────────────────────────────────────────

  private void statements(int operators) {
    int until = written + operators;
    while (written < until && !frame().dead) {
      statement(until - written);
    }
    if (frame().dead && chance(0.5)) {
      for (int i = below(4); i >= 0; i--) {
        statement(Math.min(20, Math.max(0, until - written)));
      }
    }
  }

  private void statement(int room) {
    if (height() > MOST_OPERANDS) {
      consume();
      return;
    }
    int choice = below(100);
    if (choice < 58) {
      plain(choice);
    } else if (choice < 78 && room > 12 && frames.size() <= MOST_NESTING) {
      nested(choice, Math.min(room - 8, 8 + below(80)));
    } else if (choice < 88) {
      branch(choice);
    } else if (choice < 96 && !leaf && tight == 0) {
      call();
    } else {
      plain(below(58));
    }
  }

  /** So many operators without a branch. */
  private void stretch(int operators) {
    int until = written + operators;
    while (written < until) {
      if (height() > MOST_OPERANDS) {
        consume();
      } else {
        plain(below(54));
      }
    }
  }

  private void plain(int choice) {
    if (choice < 22) {
      List<NumericOperator> any = operatorsTo((char) 0);
      NumericOperator operator = any.get(below(any.size()));
      ensure(operator.inputs(), VALUE_DEPTH);
      numeric(operator);
    } else if (choice < 30) {
      assign();
    } else if (choice < 35) {
      int global = globalOf(anyType());
      if (global >= 0) {
        ensureSettled("" + plan.globals().charAt(global), VALUE_DEPTH);
        globalSet(global);
      }
    } else if (choice < 42) {
      store();
    } else if (choice < 45) {
      select();
    } else if (choice < 47) {
      value(anyType(), VALUE_DEPTH);
    } else if (choice < 48) {
      op(0x01);
    } else if (choice < 50) {
      bulkMemory();
    } else if (choice < 52) {
      bulkTable();
    } else if (choice < 53) {
      ensure("r", 1);
      apply(0xD1, "r", "i");
    } else if (choice < 54) {
      grow();
    } else {
      consume();
    }
  }

  /** Sets a local to what is on top, if there is one of its type. */
  private void assign() {
    if (freeLocals().isEmpty()) {
      newFreeLocal(anyType());
    }
    int local = freeLocals().get(below(freeLocals().size()));
    ensureSettled("" + typeOf(local), VALUE_DEPTH);
    if (chance(0.3)) {
      tee(local);
    } else {
      set(local);
    }
  }

  private void select() {
    char type = anyType();
    String two = "" + type + type;
    ensure(two, VALUE_DEPTH);
    boolean isSettled = isSettled(0) && isSettled(1);
    value('i', 1);
    if (type == 'r' || type == 'e' || chance(0.2)) {
      op(0x1C, 1);
      out.raw(
          switch (type) {
            case 'i' -> 0x7F;
            case 'I' -> 0x7E;
            case 'f' -> 0x7D;
            case 'F' -> 0x7C;
            case 'r' -> 0x70;
            default -> 0x6F;
          });
    } else {
      op(0x1B);
    }
    pop(two + "i");
    push(type, isSettled);
  }

  /** Takes what is on top away: into a local, or to nowhere. */
  private void consume() {
    if (height() == 0) {
      return;
    }
    char type = top(1).charAt(0);
    for (int local : freeLocals()) {
      if (typeOf(local) == type && chance(0.5)) {
        settle(1);
        set(local);
        return;
      }
    }
    op(0x1A);
    pop("" + type);
  }

  // ── Blocks ────────────────────────────────────────────────────────────────────────────────

  private void nested(int choice, int room) {
    if (choice < 63) {
      String params = blockParams(2);
      String types = someTypes(2);
      ensureSettled(params, 1);
      header(0x02, params, types);
      open(params, types, types, true);
      statements(room);
      finish();
      end();
    } else if (choice < 72) {
      conditional(room);
    } else if (tight == 0) {
      if (chance(0.5)) {
        tightLoop(Math.min(room, 40));
      } else {
        freeLoop(room);
      }
    }
  }

  private String blockParams(int most) {
    return Boolean.getBoolean("x.params") ? someTypes(most) : "";
  }

  private void header(int code, String params, String types) {
    op(code);
    if (params.isEmpty() && types.isEmpty()) {
      out.raw(EMPTY);
    } else {
      out.signed(plan.writer().type(params + ":" + types));
    }
  }

  private void conditional(int room) {
    String params = blockParams(2);
    boolean alternative = chance(0.6);
    String types = alternative ? someTypes(2) : params;
    ensureSettled(params, 1);
    value('i', 2);
    pop("i");
    header(0x04, params, types);
    open(params, types, types, true);
    statements(room / 2);
    finish();
    if (alternative) {
      op(0x05);
      alternative(params);
      statements(room / 2);
      finish();
    }
    end();
  }

  private void tightLoop(int room) {
    String params = blockParams(1);
    String types = someTypes(1);
    boolean outermost = loops == 0;
    int counter = newLocal('i');
    int turns = 1 + below(outermost && chance(0.1) ? MOST_TIGHT_TURNS : MOST_TURNS);
    ensureSettled(params, 1);
    i32(turns);
    set(counter);
    header(0x03, params, types);
    open(params, params, types, false);
    tight++;
    loops++;
    statements(room);
    if (!frame().dead) {
      leave(params);
      get(counter);
      i32(-1);
      apply(0x6A, "ii", "i");
      tee(counter);
      op(0x0D, 0);
      pop("i");
    }
    loops--;
    tight--;
    finish();
    end();
  }

  private void freeLoop(int room) {
    String params = blockParams(2);
    ensureSettled(params, 1);
    header(0x02, params, params);
    open(params, params, params, true);
    header(0x03, params, params);
    open(params, params, params, true);
    loops++;
    globalGet(ModulePlan.TURNS_GLOBAL);
    i32(1);
    apply(0x6B, "ii", "i");
    globalSet(ModulePlan.TURNS_GLOBAL);
    globalGet(ModulePlan.TURNS_GLOBAL);
    i32(0);
    apply(0x48, "ii", "i");
    op(0x0D, 1);
    pop("i");
    statements(room);
    if (!frame().dead && chance(0.8)) {
      ensureSettled(params, 1);
      value('i', 1);
      op(0x0D, 0);
      pop(params + "i");
      push(params);
    }
    loops--;
    finish(false);
    end();
    finish();
    end();
  }

  private void end() {
    op(0x0B);
    close();
  }

  /** Leaves on the stack of the innermost block what it answers, or branches to its end. */
  private void finish() {
    finish(frame().open);
  }

  private void finish(boolean mayBranch) {
    String types = frame().results;
    if (frame().dead) {
      // What is missing may be taken from code that cannot be reached.
      while (height() > 0 && !isPolymorphic(types)) {
        drop();
      }
      if (height() == 0 && chance(0.3)) {
        for (int i = 0; i < types.length(); i++) {
          value(types.charAt(i), 0);
        }
      }
      return;
    }
    boolean exact = height() == types.length() && top(height()).equals(types);
    if (!exact && mayBranch && chance(0.3)) {
      ensureSettled(types, 1);
      if (frames.size() == 1 && chance(0.5)) {
        op(0x0F);
      } else {
        op(0x0C, 0);
      }
      die();
      return;
    }
    leave(types);
  }

  /** Makes the innermost block's stack exactly these. */
  private void leave(String types) {
    while (height() > 0 && !(height() <= types.length() && types.startsWith(top(height())))) {
      drop();
    }
    settle(height());
    for (int i = height(); i < types.length(); i++) {
      value(types.charAt(i), 1);
      settle(1);
    }
  }

  private void drop() {
    op(0x1A);
    pop(top(1));
  }

  // ── Branches ──────────────────────────────────────────────────────────────────────────────

  /** A block that may be branched to, as many blocks out; the function itself is one. */
  private int anyLabel() {
    int label = below(frames.size());
    while (!at(label).open) {
      label = (label + 1) % frames.size();
    }
    return label;
  }

  private Frame at(int label) {
    return frames.get(frames.size() - 1 - label);
  }

  private void branch(int choice) {
    int label = anyLabel();
    String types = at(label).label;
    if (choice < 84) {
      ensureSettled(types, 1);
      value('i', 2);
      op(0x0D, label);
      pop(types + "i");
      push(types);
    } else if (choice < 85) {
      ensureSettled(types, 1);
      op(0x0C, label);
      die();
    } else if (choice < 86) {
      ensureSettled(types, 1);
      table(types);
      die();
    } else if (choice < 87) {
      ensureSettled(results, 1);
      op(0x0F);
      die();
    } else if (wild()) {
      op(0x00);
      die();
    }
  }

  /** br_table over labels that take the same along. */
  private void table(String types) {
    List<Integer> labels = new ArrayList<>();
    for (int label = 0; label < frames.size(); label++) {
      if (at(label).open && at(label).label.equals(types)) {
        labels.add(label);
      }
    }
    int targets = below(6);
    if (chance(0.5)) {
      masked(7, 1);
    } else {
      value('i', 1);
    }
    op(0x0E, targets);
    for (int i = 0; i <= targets; i++) {
      out.u32(labels.get(below(labels.size())));
    }
    pop("i");
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────

  private void call() {
    int function = below(plan.signatures().size());
    if (chance(0.6)) {
      ensureSettled(plan.params(function), 1);
      op(0x10, function);
      called(function);
    } else if (wild()) {
      ensureSettled(plan.params(function), 1);
      value('i', 1);
      indirect(function, below(2));
    } else if (chance(0.3)) {
      setAndCall(function);
    } else {
      int element = below(ModulePlan.ELEMENTS);
      boolean alike = element < ModulePlan.ALIKE;
      int target = plan.stable()[alike ? 0 : element];
      if (target < 0) {
        return;
      }
      ensureSettled(plan.params(target), 1);
      if (alike) {
        masked(ModulePlan.ALIKE - 1, 1);
      } else {
        i32(element);
      }
      indirect(target, ModulePlan.STABLE_TABLE);
    }
  }

  /** Writes a function into the table and calls it from there. */
  private void setAndCall(int function) {
    int element = below(ModulePlan.ELEMENTS);
    ensureSettled(plan.params(function), 1);
    i32(element);
    op(0xD2, function);
    push('r');
    op(0x26, ModulePlan.FUNCTION_TABLE);
    pop("ir");
    i32(element);
    indirect(function, ModulePlan.FUNCTION_TABLE);
  }

  private void indirect(int function, int table) {
    op(0x11, plan.writer().type(plan.signatures().get(function)), table);
    pop("i");
    called(function);
  }

  private void called(int function) {
    pop(plan.params(function));
    push(plan.results(function));
  }
}
