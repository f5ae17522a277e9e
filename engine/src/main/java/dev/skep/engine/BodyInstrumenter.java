package dev.skep.engine;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.cranelift.CompileRequest.Charges;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.ModuleLimits;
import java.util.Arrays;

/**
 * Walks one function's body and writes it again with its fuel charges.
 *
 * <h2>Where a charge goes</h2>
 *
 * The body falls into straight runs of operators: control enters a run only at its first operator
 * and leaves it only behind its last (a call in the middle comes back). The cost of a run is known,
 * so it is charged once, before the run. Code that cannot be reached costs nothing, by the same
 * rules of reachability as Wasmtime's translation, because its figures must come out the same:
 *
 * <pre>
 *   a run ends            behind br, br_if, br_table, return, unreachable, if, else and a tail call;
 *                         before the body of a loop;
 *                         at the end of an if, and of a block that a reachable branch leaves
 *   a run goes on         through block, through the end of a loop, through the end of a block
 *                         that nothing branches to, and through calls
 *   a function's entry    belongs to its first run
 * </pre>
 *
 * <h2>Where a charge is checked</h2>
 *
 * A check in every run would cost more than the charges themselves. So the counter is signed, most
 * charges only subtract, and it is looked at
 *
 * <pre>
 *   at a function's entry and at the head of a loop         nothing goes on for ever unchecked
 *   where more than {@value #MOST_UNCHECKED} could be owed  no straight code runs on far
 *   behind a call, once more than {@value #MOST_BEHIND_CALL} follow      nor do many calls' tails
 * </pre>
 *
 * A checked charge is refused before what it pays for runs. So a run exceeds its fuel by at most
 * {@value #MOST_UNCHECKED}, and {@value #MOST_BEHIND_CALL} for each call that it comes back from;
 * it is stopped then, and has used, and pays, what it has run. How much may be owed at a place is
 * the most over all ways that lead there.
 *
 * <p>Bulk operators cost more by what they move. They are replaced by calls of functions of the
 * instrumented module ({@link BulkOperation}), which charge first; that also keeps them out of the
 * engine's interpreter, whose bounds checks overflow.
 *
 * <p>The walk decodes every operator; one that is not run here is refused with its offset. Types
 * are not checked: the validator has seen the module before.
 *
 * <p>Not thread-safe. Linear in the body, with state bounded by the nesting limit.
 */
final class BodyInstrumenter {
  private static final int BLOCK = 0;
  private static final int LOOP = 1;
  private static final int IF = 2;
  private static final int ELSE = 3;

  /** Units that may be run on credit since the last check: some microsecond. */
  static final int MOST_UNCHECKED = 1_000;

  /** Of those, what may follow a call; so that a deep recursion cannot owe much on its way back. */
  static final int MOST_BEHIND_CALL = 16;

  /** Of one function: the interpreter's parser takes a hundred times as much for a while. */
  private static final int MOST_INTERPRETED_BYTES = 4 << 20;

  private final ModuleLimits limits;
  private final boolean metering;
  private final BulkOperations bulk;
  private final int chargeFunction;

  // The control stack: what kind, was its head reachable, does a reachable branch target its end,
  // and, for an else, could the end of its then arm be reached.
  private final byte[] kinds;
  private final boolean[] headReachable;
  private final boolean[] targeted;
  private final boolean[] thenReachable;

  // For each block: the most that can be owed at its head, and, so far, at its end.
  private final int[] owedAtHead;
  private final int[] owedAtEnd;
  private int depth;
  private boolean reachable;

  /** Whether operators are replaced that the engine's interpreter gets wrong. */
  private boolean forInterpreter;

  // Where the groups of locals begin and end, and how many there are of each.
  private int groupsFrom;
  private int groupsTo;
  private int groups;
  private long locals;

  // What is written besides the original bytes, in the order of position.
  private int[] positions = new int[256];
  private int[] values = new int[256];
  private int[] lengths = new int[256];
  private int edits;

  private int runEdit;
  private int runCost;

  /** The most that can be owed where the open run begins. */
  private int owed;

  /** Whether the open run's charge is checked whatever is owed. */
  private boolean runChecked;

  /** Whether the open run calls. */
  private boolean runCalls;

  /**
   * @param chargeFunction index of the function that charges its i32 argument
   */
  BodyInstrumenter(EngineConfig config, BulkOperations bulk, int chargeFunction) {
    this.limits = config.moduleLimits();
    this.metering = config.metering();
    this.bulk = bulk;
    this.chargeFunction = chargeFunction;
    int most = limits.nesting() + 1;
    kinds = new byte[most];
    headReachable = new boolean[most];
    targeted = new boolean[most];
    thenReachable = new boolean[most];
    owedAtHead = new int[most];
    owedAtEnd = new int[most];
  }

  /** Writes the body from {@code from} to {@code to} of {@code bytes}, its length left out. */
  void instrument(byte[] bytes, int from, int to, WasmBuffer out) throws ModuleRefusedException {
    forInterpreter = false;
    walk(bytes, from, to);
    write(bytes, from, to, 0, out);
  }

  /**
   * The same for a function that the engine's interpreter runs; it has two locals more.
   *
   * @param parameters how many the function has
   * @throws ModuleRefusedException if what is written is longer than 4 MiB
   */
  void instrumentForInterpreter(byte[] bytes, int from, int to, int parameters, WasmBuffer out)
      throws ModuleRefusedException {
    forInterpreter = true;
    walk(bytes, from, to);
    out.u32(groups + 2L);
    out.raw(bytes, groupsFrom, groupsTo);
    out.u32(1);
    out.u8(ValueKind.I64.code());
    out.u32(1);
    out.u8(ValueKind.I32.code());
    write(bytes, groupsTo, to, Math.toIntExact(parameters + locals), out);
    if (out.length() > MOST_INTERPRETED_BYTES) {
      throw new ModuleRefusedException(
          Reason.LIMIT,
          "a function is too large for a JVM method and, at offset "
              + from
              + ", for the interpreter: "
              + out.length()
              + " bytes with its charges; at most "
              + MOST_INTERPRETED_BYTES);
    }
  }

  /**
   * What {@link #instrument} would write, for whoever writes machine code: positions are of the
   * operators before which a charge is due.
   */
  Charges charges(byte[] bytes, int from, int to) throws ModuleRefusedException {
    forInterpreter = false;
    walk(bytes, from, to);
    int[] at = new int[edits];
    int[] costs = new int[edits];
    boolean[] checked = new boolean[edits];
    int count = 0;
    for (int e = 0; e < edits && metering; e++) {
      if (lengths[e] == 0 && values[e] != 0) {
        at[count] = positions[e];
        checked[count] = values[e] > 0;
        costs[count++] = values[e] > 0 ? values[e] : unchecked(values[e]);
      }
    }
    return new Charges(
        Arrays.copyOf(at, count), Arrays.copyOf(costs, count), Arrays.copyOf(checked, count));
  }

  private void walk(byte[] bytes, int from, int to) throws ModuleRefusedException {
    WasmCursor in = new WasmCursor(bytes, from, to);
    groups = in.u31();
    groupsFrom = in.position;
    locals = 0;
    for (int g = 0; g < groups; g++) {
      locals += in.u32();
      in.skip(1);
    }
    groupsTo = in.position;
    edits = 0;
    depth = 0;
    reachable = true;
    owed = 0;
    push(BLOCK);
    openRun(in.position);
    runChecked = true;
    runCost = FuelCosts.FUNCTION_ENTRY;
    while (depth > 0) {
      operator(in);
    }
    if (!in.atEnd()) {
      throw in.malformed("operators behind the function's end");
    }
  }

  /** Writes the body from {@code from} on, which is where it begins or its operators do. */
  private void write(byte[] bytes, int from, int to, int freeLocal, WasmBuffer out) {
    int copied = from;
    for (int e = 0; e < edits; e++) {
      out.raw(bytes, copied, positions[e]);
      copied = positions[e] + lengths[e];
      if (lengths[e] > 0 && values[e] < 0) {
        InterpretedOperator.write(~values[e], bytes, positions[e] + 1, copied, freeLocal, out);
      } else if (lengths[e] > 0) {
        out.u8(0x10);
        out.u32(values[e]);
      } else if (metering && values[e] != 0) {
        out.u8(0x41);
        out.s32(values[e]);
        out.u8(0x10);
        out.u32(chargeFunction);
      }
    }
    // The compiler takes a branch to the function's end for one to the block that ends right before
    // it, and fails; so none does.
    out.raw(bytes, copied, to - 1);
    out.u8(0x01);
    out.u8(0x0B);
  }

  // ── Runs ──────────────────────────────────────────────────────────────────────────────────

  private int edit(int position, int length, int value) {
    if (edits == positions.length) {
      positions = Arrays.copyOf(positions, edits * 2);
      values = Arrays.copyOf(values, edits * 2);
      lengths = Arrays.copyOf(lengths, edits * 2);
    }
    positions[edits] = position;
    lengths[edits] = length;
    values[edits] = value;
    return edits++;
  }

  private void openRun(int position) {
    runEdit = edit(position, 0, 0);
    runCost = 0;
    runChecked = false;
    runCalls = false;
  }

  private void closeRun() {
    boolean checked = runChecked || owed + (long) runCost > MOST_UNCHECKED;
    values[runEdit] = checked || runCost == 0 ? runCost : unchecked(runCost);
    owed = checked ? 0 : owed + runCost;
    if (runCalls) {
      owed = Math.max(owed, MOST_UNCHECKED - MOST_BEHIND_CALL);
    }
    runCost = 0;
  }

  /** How a charge says that it is not checked; the same again is its cost. */
  static int unchecked(int cost) {
    return ~cost;
  }

  private void push(int kind) {
    kinds[depth] = (byte) kind;
    headReachable[depth] = reachable;
    targeted[depth] = false;
    thenReachable[depth] = false;
    owedAtHead[depth] = owed;
    owedAtEnd[depth] = 0;
    depth++;
  }

  private void branchTo(long label, WasmCursor in) throws ModuleRefusedException {
    if (label >= depth) {
      throw new ModuleRefusedException(
          Reason.INVALID, "invalid module: unknown label " + label + " at offset " + in.position);
    }
    if (reachable) {
      int target = depth - 1 - (int) label;
      targeted[target] = true;
      owedAtEnd[target] = Math.max(owedAtEnd[target], owed);
    }
  }

  private void endRun() {
    if (reachable) {
      closeRun();
    }
  }

  private void beginRun(int position) {
    if (reachable) {
      openRun(position);
    }
  }

  /** Ends the run for good: what follows up to the next end or else cannot be reached. */
  private void leave() {
    endRun();
    reachable = false;
  }

  // ── Operators ─────────────────────────────────────────────────────────────────────────────

  private void operator(WasmCursor in) throws ModuleRefusedException {
    int at = in.position;
    int op = in.u8();
    if (reachable) {
      runCost += FuelCosts.of(op);
    }
    switch (op) {
      case 0x00 -> leave(); // unreachable
      case 0x01 -> {} // nop
      case 0x02, 0x03, 0x04 -> open(op, in);
      case 0x05 -> alternative(in);
      case 0x0B -> close(in);
      case 0x0C -> { // br
        endRun();
        branchTo(in.u32(), in);
        reachable = false;
      }
      case 0x0D -> { // br_if
        endRun();
        branchTo(in.u32(), in);
        beginRun(in.position);
      }
      case 0x0E -> { // br_table
        endRun();
        int count = in.u31();
        in.check("targets of one br_table", count, limits.branchTargets());
        for (int i = 0; i <= count; i++) {
          branchTo(in.u32(), in);
        }
        reachable = false;
      }
      case 0x0F -> leave(); // return
      case 0x10 -> { // call
        runCalls = true;
        in.u32();
      }
      case 0x11 -> { // call_indirect
        runCalls = true;
        in.u32();
        in.u32();
      }
      case 0x12 -> { // return_call
        in.u32();
        leave();
      }
      case 0x13 -> { // return_call_indirect
        in.u32();
        in.u32();
        leave();
      }
      case 0x1A, 0x1B -> {} // drop, select
      case 0x1C -> { // select with types
        int count = in.u31();
        in.check("types of one select", count, 1_000);
        for (int i = 0; i < count; i++) {
          ValueKind.read(in);
        }
      }
      case 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26 -> in.u32(); // local, global, table
      case 0x28,
          0x29,
          0x2A,
          0x2B,
          0x2C,
          0x2D,
          0x2E,
          0x2F,
          0x30,
          0x31,
          0x32,
          0x33,
          0x34,
          0x35,
          0x36,
          0x37,
          0x38,
          0x39,
          0x3A,
          0x3B,
          0x3C,
          0x3D,
          0x3E -> {
        memoryArgument(in);
        replaceForInterpreter(op, at, in);
      }
      case 0x3F -> in.u32(); // memory.size
      case 0x40 -> replace(in, at, BulkOperation.Kind.MEMORY_GROW, in.u31(), 0);
      case 0x41 -> in.signed(32);
      case 0x42 -> in.signed(64);
      case 0x43 -> in.skip(4);
      case 0x44 -> in.skip(8);
      case 0xD0 -> { // ref.null
        if (!ValueKind.read(in).isReference()) {
          throw in.malformed("unknown reference type");
        }
      }
      case 0xD1 -> {} // ref.is_null
      case 0xD2 -> in.u32(); // ref.func
      case 0xFC -> extended(in, at);
      case 0x06, 0x07, 0x08, 0x09, 0x0A, 0x18, 0x19, 0x1F ->
          throw in.unsupported("exception handling");
      case 0x14, 0x15, 0xD3, 0xD4, 0xD5, 0xD6 -> throw in.unsupported("typed references");
      case 0xFB -> throw in.unsupported("garbage collection");
      case 0xFD -> throw in.unsupported("SIMD vectors (v128)");
      case 0xFE -> throw in.unsupported("threads (atomic operators)");
      default -> {
        if (op < 0x45 || op > 0xC4) {
          throw in.malformed("unknown operator 0x" + Integer.toHexString(op));
        }
        replaceForInterpreter(op, at, in);
      }
    }
  }

  private void replaceForInterpreter(int op, int at, WasmCursor in) {
    if (forInterpreter && InterpretedOperator.isWritten(op)) {
      edit(at, in.position - at, ~op);
    }
  }

  private static void memoryArgument(WasmCursor in) throws ModuleRefusedException {
    long align = in.u32();
    if ((align & 0x40) != 0) {
      in.u32();
    }
    in.u32();
  }

  private void extended(WasmCursor in, int at) throws ModuleRefusedException {
    long op = in.u32();
    switch ((int) op) {
      case 0, 1, 2, 3, 4, 5, 6, 7 -> {} // saturating truncation
      case 8 -> replace(in, at, BulkOperation.Kind.MEMORY_INIT, in.u31(), in.u31());
      case 9 -> replace(in, at, BulkOperation.Kind.DATA_DROP, in.u31(), 0);
      case 10 -> replace(in, at, BulkOperation.Kind.MEMORY_COPY, in.u31(), in.u31());
      case 11 -> replace(in, at, BulkOperation.Kind.MEMORY_FILL, in.u31(), 0);
      case 12 -> replace(in, at, BulkOperation.Kind.TABLE_INIT, in.u31(), in.u31());
      case 13 -> in.u32(); // elem.drop
      case 14 -> replace(in, at, BulkOperation.Kind.TABLE_COPY, in.u31(), in.u31());
      case 15 -> replace(in, at, BulkOperation.Kind.TABLE_GROW, in.u31(), 0);
      case 16 -> in.u32(); // table.size
      case 17 -> replace(in, at, BulkOperation.Kind.TABLE_FILL, in.u31(), 0);
      default -> throw in.malformed("unknown operator 0xfc " + op);
    }
  }

  private void replace(WasmCursor in, int at, BulkOperation.Kind kind, int first, int second)
      throws ModuleRefusedException {
    edit(at, in.position - at, bulk.functionFor(kind, first, second, in));
  }

  private void open(int op, WasmCursor in) throws ModuleRefusedException {
    blockType(in);
    in.check("nested blocks", depth, limits.nesting());
    if (op == 0x02) {
      push(BLOCK);
      return;
    }
    endRun();
    push(op == 0x03 ? LOOP : IF);
    beginRun(in.position);
    runChecked = op == 0x03;
  }

  private static void blockType(WasmCursor in) throws ModuleRefusedException {
    if (in.atEnd()) {
      throw in.malformed("unexpected end");
    }
    int first = in.bytes[in.position] & 0xFF;
    if (first == 0x40) {
      in.u8();
    } else if ((first & 0xC0) == 0x40) {
      ValueKind.read(in);
    } else {
      in.signed(33);
    }
  }

  private void alternative(WasmCursor in) throws ModuleRefusedException {
    int top = depth - 1;
    if (kinds[top] != IF) {
      throw in.malformed("else without if");
    }
    if (reachable) {
      closeRun();
      owedAtEnd[top] = Math.max(owedAtEnd[top], owed);
    }
    thenReachable[top] = reachable;
    kinds[top] = ELSE;
    reachable = headReachable[top];
    owed = owedAtHead[top];
    beginRun(in.position);
  }

  private void close(WasmCursor in) {
    int top = --depth;
    int kind = kinds[top];
    boolean joins =
        switch (kind) {
          case LOOP -> false;
          case IF -> true;
          case ELSE -> targeted[top] || thenReachable[top];
          default -> targeted[top];
        };
    if (!headReachable[top]) {
      return;
    }
    if (depth == 0) {
      endRun();
      return;
    }
    if (joins) {
      int atEnd = kind == IF ? Math.max(owedAtEnd[top], owedAtHead[top]) : owedAtEnd[top];
      if (reachable) {
        closeRun();
        atEnd = Math.max(atEnd, owed);
      }
      owed = atEnd;
      reachable = true;
      openRun(in.position);
    }
  }
}
