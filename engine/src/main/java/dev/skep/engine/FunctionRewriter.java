package dev.skep.engine;

import static org.objectweb.asm.Opcodes.ALOAD;
import static org.objectweb.asm.Opcodes.ASTORE;
import static org.objectweb.asm.Opcodes.ATHROW;
import static org.objectweb.asm.Opcodes.CHECKCAST;
import static org.objectweb.asm.Opcodes.F_NEW;
import static org.objectweb.asm.Opcodes.GOTO;
import static org.objectweb.asm.Opcodes.IFGE;
import static org.objectweb.asm.Opcodes.ILOAD;
import static org.objectweb.asm.Opcodes.INTEGER;
import static org.objectweb.asm.Opcodes.INVOKESTATIC;
import static org.objectweb.asm.Opcodes.INVOKEVIRTUAL;
import static org.objectweb.asm.Opcodes.IRETURN;
import static org.objectweb.asm.Opcodes.ISTORE;
import static org.objectweb.asm.Opcodes.ISUB;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LONG;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.RETURN;
import static org.objectweb.asm.Opcodes.TOP;

import dev.skep.limits.StoreMeter;
import dev.skep.pool.SlotMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.FrameNode;
import org.objectweb.asm.tree.IincInsnNode;
import org.objectweb.asm.tree.InsnList;
import org.objectweb.asm.tree.InsnNode;
import org.objectweb.asm.tree.JumpInsnNode;
import org.objectweb.asm.tree.LabelNode;
import org.objectweb.asm.tree.LookupSwitchInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TableSwitchInsnNode;
import org.objectweb.asm.tree.TryCatchBlockNode;
import org.objectweb.asm.tree.TypeInsnNode;
import org.objectweb.asm.tree.VarInsnNode;

/**
 * Rewrites the method of one guest function so that what it meters and checks against is in JVM
 * locals, which the JIT keeps in registers.
 *
 * <pre>
 *   local   holds                                   read                      written back
 *   meter   the memory, as the meter that it is     at entry                  never
 *   fuel    what is left of the slice               at entry, after calls     before calls, at exits
 *   depth   the call depth before this call         at entry                  at exits
 *   base    address of the memory's byte 0          at entry, after calls     never
 *   limit   accessible bytes of the memory          at entry, after calls     never
 * </pre>
 *
 * <p>Why locals: the slow path of a charge is a call, and after any call the JIT must take every
 * field to have changed. With fields, each block of a loop reads size, base and counter again; with
 * locals nothing in the loop depends on what the slow path may have done.
 *
 * <h2>Charges</h2>
 *
 * A charge at the head of a loop that is used up takes the next slice and <i>jumps back to the
 * head</i>, to pay there again:
 *
 * <pre>
 *   head: fuel −= cost; if (fuel ≥ 0) goto body; fuel = refill; goto head
 *   body: …; if (again) goto head
 * </pre>
 *
 * The JIT sees a rare outer loop around the guest's own, splits them, and is left with an inner
 * loop in which fuel falls by a constant each turn: an induction variable, whose check it can move
 * out of the loop as it does with checks of array bounds. Other charges go on where they are.
 *
 * <h2>Exits</h2>
 *
 * Whatever is thrown while {@code fuel} is the true figure passes a handler that writes it back.
 * The handler does not cover calls, during which the field is the true figure.
 *
 * <p>Not thread-safe; one a method.
 */
final class FunctionRewriter {
  private static final String METER = Type.getInternalName(SlotMemory.class);
  private static final String STORE_METER = Type.getInternalName(StoreMeter.class);
  private static final String PAY = "(IIL" + STORE_METER + ";)I";

  /** Helpers of the compiler that read what the locals hold, or change it. */
  private static final Set<String> CALLS_BACK =
      Set.of(
          "callIndirect",
          "callHostFunction",
          "memoryGrow",
          "memoryFill",
          "memoryCopy",
          "memoryInit",
          "tableGrow",
          "tableFill",
          "tableCopy",
          "tableInit");

  /** What stands for the compiler's helper, with base and limit in place of the memory. */
  private static final Map<String, String> ACCESSES =
      Map.ofEntries(
          Map.entry("memoryReadByte", "load8"),
          Map.entry("memoryReadShort", "load16"),
          Map.entry("memoryReadInt", "load32"),
          Map.entry("memoryReadLong", "load64"),
          Map.entry("memoryReadFloat", "loadFloat"),
          Map.entry("memoryReadDouble", "loadDouble"),
          Map.entry("memoryWriteByte", "store8"),
          Map.entry("memoryWriteShort", "store16"),
          Map.entry("memoryWriteInt", "store32"),
          Map.entry("memoryWriteLong", "store64"),
          Map.entry("memoryWriteFloat", "storeFloat"),
          Map.entry("memoryWriteDouble", "storeDouble"));

  private final MethodNode method;
  private final InsnList code;
  private final String helpers;
  private final String charge;
  private final int memory;
  private final Set<LabelNode> loopHeads = new HashSet<>();
  private final List<MethodInsnNode> charges = new ArrayList<>();
  private final List<MethodInsnNode> accesses = new ArrayList<>();
  private final List<MethodInsnNode> calls = new ArrayList<>();
  private boolean callsGuest;

  // Indexes of the locals, −1 where the function needs none.
  private int meter = -1;
  private int fuel = -1;
  private int depth = -1;
  private int base = -1;
  private int limit = -1;

  // The stretches in which the local is the true figure.
  private final LabelNode handler = new LabelNode();
  private @Nullable LabelNode coveredFrom;

  /**
   * @param helpers internal name of the compiler's class of helpers
   * @param charge name of the method whose calls are charges
   */
  FunctionRewriter(MethodNode method, String helpers, String charge) {
    this.method = method;
    this.code = method.instructions;
    this.helpers = helpers;
    this.charge = charge;
    int words = 0;
    Type[] parameters = Type.getArgumentTypes(method.desc);
    for (int i = 0; i < parameters.length - 2; i++) {
      words += parameters[i].getSize();
    }
    this.memory = words;
  }

  /**
   * @param depthUnits of call depth for a function that calls others
   * @return whether it is one
   */
  boolean rewrite(int depthUnits) {
    survey();
    if (charges.isEmpty() && accesses.isEmpty() && !callsGuest) {
      return false;
    }
    allocate();
    extendFrames();
    for (MethodInsnNode access : accesses) {
      toLocals(access);
    }
    LabelNode bodyStart = new LabelNode();
    code.insert(entry(depthUnits, bodyStart));
    coveredFrom = bodyStart;
    walk();
    cover(end());
    addHandler();
    return callsGuest;
  }

  // ── What is there ─────────────────────────────────────────────────────────────────────────

  private void survey() {
    Set<LabelNode> seen = new HashSet<>();
    for (AbstractInsnNode node = code.getFirst(); node != null; node = node.getNext()) {
      switch (node) {
        case LabelNode label -> seen.add(label);
        case JumpInsnNode jump -> target(jump.label, seen);
        case TableSwitchInsnNode table -> {
          target(table.dflt, seen);
          table.labels.forEach(label -> target(label, seen));
        }
        case LookupSwitchInsnNode lookup -> {
          target(lookup.dflt, seen);
          lookup.labels.forEach(label -> target(label, seen));
        }
        case MethodInsnNode call when call.getOpcode() == INVOKESTATIC -> survey(call);
        default -> {}
      }
    }
  }

  private void target(LabelNode label, Set<LabelNode> seen) {
    if (seen.contains(label)) {
      loopHeads.add(label);
    }
  }

  private void survey(MethodInsnNode call) {
    if (call.owner.equals(helpers)) {
      if (ACCESSES.containsKey(call.name) && isOwnMemory(call.getPrevious())) {
        accesses.add(call);
      } else if (CALLS_BACK.contains(call.name)) {
        calls.add(call);
      }
    } else if (call.name.equals(charge)) {
      charges.add(call);
    } else if (call.name.startsWith("func_") || call.name.startsWith("call_indirect_")) {
      calls.add(call);
      callsGuest = true;
    }
  }

  private boolean isOwnMemory(@Nullable AbstractInsnNode node) {
    return node instanceof VarInsnNode load && load.getOpcode() == ALOAD && load.var == memory;
  }

  private void allocate() {
    int next = method.maxLocals;
    meter = next++;
    if (!charges.isEmpty()) {
      fuel = next++;
    }
    if (callsGuest) {
      depth = next++;
    }
    if (!accesses.isEmpty()) {
      base = next;
      limit = next + 2;
    }
  }

  // ── Frames ────────────────────────────────────────────────────────────────────────────────

  private void extendFrames() {
    for (AbstractInsnNode node = code.getFirst(); node != null; node = node.getNext()) {
      if (node instanceof FrameNode frame) {
        frame.local = extended(frame.local, true);
      }
    }
  }

  /** Locals of a frame with ours behind them. */
  private List<Object> extended(@Nullable List<Object> locals, boolean all) {
    List<Object> list = new ArrayList<>(locals == null ? List.of() : locals);
    int words = 0;
    for (Object local : list) {
      words += local.equals(LONG) || local.equals(Opcodes.DOUBLE) ? 2 : 1;
    }
    list.addAll(Collections.nCopies(meter - words, TOP));
    list.add(METER);
    if (fuel >= 0) {
      list.add(INTEGER);
    }
    if (all && depth >= 0) {
      list.add(INTEGER);
    }
    if (all && base >= 0) {
      list.add(LONG);
      list.add(LONG);
    }
    return list;
  }

  // ── Code ──────────────────────────────────────────────────────────────────────────────────

  private void toLocals(MethodInsnNode access) {
    code.remove(access.getPrevious());
    code.insertBefore(access, new VarInsnNode(LLOAD, base));
    code.insertBefore(access, new VarInsnNode(LLOAD, limit));
    access.name = Objects.requireNonNull(ACCESSES.get(access.name));
    access.owner = METER;
    access.desc = access.desc.replaceFirst("Lcom/[^;]*;\\)", "JJ)");
  }

  private InsnList entry(int depthUnits, LabelNode bodyStart) {
    InsnList list = new InsnList();
    list.add(new VarInsnNode(ALOAD, memory));
    list.add(new TypeInsnNode(CHECKCAST, METER));
    list.add(new VarInsnNode(ASTORE, meter));
    if (depth >= 0) {
      list.add(new VarInsnNode(ALOAD, meter));
      list.add(Constants.push(depthUnits));
      list.add(onMeter("enter", "(I)I"));
      list.add(new VarInsnNode(ISTORE, depth));
    }
    list.add(read());
    list.add(bodyStart);
    return list;
  }

  /** Reads into the locals what others may have changed. */
  private InsnList read() {
    InsnList list = new InsnList();
    if (fuel >= 0) {
      list.add(new VarInsnNode(ALOAD, meter));
      list.add(onMeter("openSlice", "()I"));
      list.add(new VarInsnNode(ISTORE, fuel));
    }
    if (base >= 0) {
      list.add(new VarInsnNode(ALOAD, meter));
      list.add(onMeter("baseAddress", "()J"));
      list.add(new VarInsnNode(LSTORE, base));
      list.add(new VarInsnNode(ALOAD, meter));
      list.add(onMeter("sizeBytes", "()J"));
      list.add(new VarInsnNode(LSTORE, limit));
    }
    return list;
  }

  private InsnList writeBack() {
    InsnList list = new InsnList();
    if (fuel >= 0) {
      list.add(new VarInsnNode(ALOAD, meter));
      list.add(new VarInsnNode(ILOAD, fuel));
      list.add(onMeter("closeSlice", "(I)V"));
    }
    return list;
  }

  private static MethodInsnNode onMeter(String name, String descriptor) {
    return new MethodInsnNode(INVOKEVIRTUAL, METER, name, descriptor, false);
  }

  private void walk() {
    Set<AbstractInsnNode> isCharge = Set.copyOf(charges);
    Set<AbstractInsnNode> isCall = Set.copyOf(calls);
    // Whether the field may be behind the local; at a label, unknown.
    boolean dirty = false;
    for (AbstractInsnNode node = code.getFirst(); node != null; ) {
      AbstractInsnNode next = node.getNext();
      if (isCharge.contains(node)) {
        charge((MethodInsnNode) node);
        dirty = true;
      } else if (isCall.contains(node)) {
        aroundCall(node, dirty);
        dirty = false;
      } else if (node instanceof LabelNode) {
        dirty = true;
      } else if (node.getOpcode() >= IRETURN && node.getOpcode() <= RETURN) {
        if (dirty) {
          code.insertBefore(node, writeBack());
        }
        if (depth >= 0) {
          code.insertBefore(node, new VarInsnNode(ALOAD, meter));
          code.insertBefore(node, new VarInsnNode(ILOAD, depth));
          code.insertBefore(node, onMeter("leave", "(I)V"));
        }
      }
      node = next;
    }
  }

  private void aroundCall(AbstractInsnNode call, boolean dirty) {
    if (dirty) {
      code.insertBefore(call, writeBack());
    }
    uncovered(call, call);
    InsnList after = read();
    code.insert(call, after);
  }

  /** Leaves these instructions out of what the handler covers. */
  private void uncovered(AbstractInsnNode first, AbstractInsnNode last) {
    LabelNode before = new LabelNode();
    code.insertBefore(first, before);
    cover(before);
    LabelNode after = new LabelNode();
    code.insert(last, after);
    coveredFrom = after;
  }

  /** The constant, the memory and the instance are pushed right before a charge's call. */
  private void charge(MethodInsnNode call) {
    AbstractInsnNode pushInstance = call.getPrevious();
    AbstractInsnNode pushMemory = pushInstance.getPrevious();
    AbstractInsnNode pushCost = pushMemory.getPrevious();
    int cost = Constants.valueOf(pushCost);
    LabelNode head = headBefore(pushCost);
    InsnList list = new InsnList();
    if (cost < 0) {
      subtract(BodyInstrumenter.unchecked(cost), list);
      code.insertBefore(pushCost, list);
    } else if (head == null) {
      list.add(new VarInsnNode(ILOAD, fuel));
      list.add(Constants.push(cost));
      list.add(new VarInsnNode(ALOAD, meter));
      list.add(new MethodInsnNode(INVOKESTATIC, STORE_METER, "pay", PAY, false));
      list.add(new VarInsnNode(ISTORE, fuel));
      code.insertBefore(pushCost, list);
    } else {
      atHead(head, cost, pushCost);
    }
    code.remove(pushCost);
    code.remove(pushMemory);
    code.remove(pushInstance);
    code.remove(call);
  }

  private void subtract(int cost, InsnList list) {
    if (cost <= -Short.MIN_VALUE) {
      list.add(new IincInsnNode(fuel, -cost));
    } else {
      list.add(new VarInsnNode(ILOAD, fuel));
      list.add(Constants.push(cost));
      list.add(new InsnNode(ISUB));
      list.add(new VarInsnNode(ISTORE, fuel));
    }
  }

  private void atHead(LabelNode head, int cost, AbstractInsnNode before) {
    LabelNode body = new LabelNode();
    InsnList pay = new InsnList();
    subtract(cost, pay);
    pay.add(new VarInsnNode(ILOAD, fuel));
    pay.add(new JumpInsnNode(IFGE, body));
    pay.add(new VarInsnNode(ALOAD, meter));
    pay.add(new VarInsnNode(ILOAD, fuel));
    pay.add(Constants.push(cost));
    AbstractInsnNode refill = onMeter("refill", "(II)I");
    pay.add(refill);
    pay.add(new VarInsnNode(ISTORE, fuel));
    pay.add(new JumpInsnNode(GOTO, head));
    pay.add(body);
    pay.add(frameLike(Objects.requireNonNull(frameOf(before))));
    code.insertBefore(before, pay);
    // It has put the figure right when it throws.
    uncovered(refill, refill);
  }

  private static FrameNode frameLike(FrameNode frame) {
    return new FrameNode(
        F_NEW,
        frame.local.size(),
        frame.local.toArray(),
        frame.stack == null ? 0 : frame.stack.size(),
        frame.stack == null ? new Object[0] : frame.stack.toArray());
  }

  /** The label of a loop's head right before this instruction, if there is one. */
  private @Nullable LabelNode headBefore(AbstractInsnNode first) {
    if (frameOf(first) == null) {
      return null;
    }
    for (AbstractInsnNode n = first.getPrevious(); n != null && n.getOpcode() < 0; ) {
      if (n instanceof LabelNode label && loopHeads.contains(label)) {
        return label;
      }
      n = n.getPrevious();
    }
    return null;
  }

  private static @Nullable FrameNode frameOf(AbstractInsnNode first) {
    for (AbstractInsnNode n = first.getPrevious(); n != null && n.getOpcode() < 0; ) {
      if (n instanceof FrameNode frame) {
        return frame;
      }
      n = n.getPrevious();
    }
    return null;
  }

  // ── The handler ───────────────────────────────────────────────────────────────────────────

  private LabelNode end() {
    LabelNode end = new LabelNode();
    code.add(end);
    return end;
  }

  private void cover(LabelNode to) {
    LabelNode from = coveredFrom;
    if (fuel < 0 || from == null) {
      return;
    }
    for (AbstractInsnNode n = from; !n.equals(to); n = n.getNext()) {
      if (n.getOpcode() >= 0) {
        method.tryCatchBlocks.add(new TryCatchBlockNode(from, to, handler, null));
        return;
      }
    }
  }

  private void addHandler() {
    if (fuel < 0) {
      return;
    }
    code.add(handler);
    code.add(
        new FrameNode(
            F_NEW,
            meter + 2,
            extended(null, false).toArray(),
            1,
            new Object[] {"java/lang/Throwable"}));
    code.add(writeBack());
    code.add(new InsnNode(ATHROW));
  }
}
