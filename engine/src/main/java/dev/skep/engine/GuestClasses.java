package dev.skep.engine;

import static org.objectweb.asm.Opcodes.INVOKESTATIC;
import static org.objectweb.asm.Opcodes.POP;

import com.dylibso.chicory.compiler.internal.ClassCollector;
import com.dylibso.chicory.compiler.internal.Shaded;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.OpcodeImpl;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodTooLargeException;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.InsnList;
import org.objectweb.asm.tree.InsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * Takes the classes that the engine's compiler makes of one module, and rewrites them.
 *
 * <ul>
 *   <li>What a function charges, how deep it is, and where its memory is, {@link FunctionRewriter}
 *       puts into locals.
 *   <li>Calls of the compiler's helpers go to {@link GuestRuntime} where it has its own, else to
 *       the compiler's one class of them rather than to a copy for each module.
 *   <li>Operators on floats go to {@link QuietFloats} where the engine's own are not the
 *       standard's.
 *   <li>Polls of the thread's interrupt flag go: deadlines ride on fuel, and an interrupt would
 *       outlive the guest.
 * </ul>
 *
 * Not thread-safe.
 */
final class GuestClasses implements ClassCollector {
  private static final String RUNTIME = Type.getInternalName(GuestRuntime.class);
  private static final String SHADED = Type.getInternalName(Shaded.class);
  private static final String OPERATORS = Type.getInternalName(OpcodeImpl.class);
  private static final String QUIET = Type.getInternalName(QuietFloats.class);
  private static final Set<String> RUNTIME_METHODS = methodsOf(GuestRuntime.class);
  private static final Set<String> QUIET_METHODS = methodsOf(QuietFloats.class);

  /** Words of locals and operands that one unit of call depth pays for. */
  private static final int WORDS_PER_UNIT = 16;

  private final String className;
  private final String charge;
  private final String chargeLength;
  private final int lastGuestFunction;
  private final Map<String, byte[]> classes = new LinkedHashMap<>();
  private final Map<String, byte[]> rewritten = new LinkedHashMap<>();

  /** Call depth that a call takes, of the functions that call others. */
  private final Map<Integer, Integer> depthUnits = new HashMap<>();

  private @Nullable String mainClass;

  /**
   * @param className prefix of the generated classes' names
   * @param chargeFunction index of the function whose calls become charges
   * @param chargeLengthFunction index of the one whose calls become charges by length
   */
  GuestClasses(String className, int chargeFunction, int chargeLengthFunction) {
    this.className = className.replace('.', '/');
    this.charge = "func_" + chargeFunction;
    this.chargeLength = "func_" + chargeLengthFunction;
    this.lastGuestFunction = chargeFunction - 1;
  }

  private static Set<String> methodsOf(Class<?> type) {
    Set<String> methods = new HashSet<>();
    for (Method method : type.getDeclaredMethods()) {
      methods.add(method.getName() + Type.getMethodDescriptor(method));
    }
    return methods;
  }

  // ── What the compiler calls ───────────────────────────────────────────────────────────────

  @Override
  @SuppressWarnings("NullAway") // null until there is a main class, as the compiler's own does
  public String mainClassName() {
    return mainClass;
  }

  @Override
  public void putMainClass(String name, byte[] bytes) {
    mainClass = name;
    put(name, bytes);
  }

  @Override
  public void put(String name, byte[] bytes) {
    classes.put(name, bytes);
  }

  @Override
  public void putAll(ClassCollector other) {
    classes.putAll(other.classBytes());
  }

  @Override
  public Map<String, byte[]> classBytes() {
    return Collections.unmodifiableMap(classes);
  }

  @Override
  public byte[] resolve(Class<?> type) {
    String resource = Type.getInternalName(type) + ".class";
    try (InputStream in = type.getClassLoader().getResourceAsStream(resource)) {
      if (in == null) {
        throw new IllegalStateException("no bytes of " + type.getName());
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ── What comes of them ────────────────────────────────────────────────────────────────────

  /**
   * Rewrites all classes.
   *
   * @return the functions that rewriting has made too large for a JVM method; if there are any, the
   *     classes are of no use
   */
  Set<Integer> rewrite() {
    Set<Integer> tooLarge = new HashSet<>();
    for (Map.Entry<String, byte[]> entry : classes.entrySet()) {
      if (!entry.getKey().replace('.', '/').equals(className + "Shaded")) {
        rewritten.put(entry.getKey().replace('/', '.'), rewrite(entry.getValue(), tooLarge));
      }
    }
    return tooLarge;
  }

  /** The rewritten classes by name, before they are loaded. */
  Map<String, byte[]> rewritten() {
    return Collections.unmodifiableMap(rewritten);
  }

  /** Call depth that a call takes, of the functions that call others. */
  Map<Integer, Integer> depthUnits() {
    return Collections.unmodifiableMap(depthUnits);
  }

  // ── Rewriting ─────────────────────────────────────────────────────────────────────────────

  private byte[] rewrite(byte[] original, Set<Integer> tooLarge) {
    ClassReader reader = new ClassReader(original);
    ClassNode node = new ClassNode();
    reader.accept(node, ClassReader.EXPAND_FRAMES);
    for (MethodNode method : node.methods) {
      rewrite(method);
    }
    while (true) {
      // The rewriting keeps the frames right itself.
      ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
      node.accept(writer);
      try {
        return writer.toByteArray();
      } catch (MethodTooLargeException e) {
        if (!isGuestFunction(e.getMethodName())) {
          throw e;
        }
        tooLarge.add(Integer.parseInt(e.getMethodName().substring("func_".length())));
        // Left out, so that the next look finds the next one.
        node.methods.removeIf(method -> method.name.equals(e.getMethodName()));
      }
    }
  }

  private void rewrite(MethodNode method) {
    removePolls(method.instructions);
    if (isGuestFunction(method.name)) {
      int units = 1 + (method.maxLocals + method.maxStack) / WORDS_PER_UNIT;
      if (new FunctionRewriter(method, className + "Shaded", charge).rewrite(units)) {
        depthUnits.put(Integer.parseInt(method.name.substring("func_".length())), units);
      }
    }
    for (AbstractInsnNode node : method.instructions) {
      if (node instanceof MethodInsnNode call && call.getOpcode() == INVOKESTATIC) {
        rewrite(method.instructions, call);
      }
    }
  }

  private void removePolls(InsnList code) {
    for (AbstractInsnNode node : code.toArray()) {
      if (node instanceof MethodInsnNode call
          && call.owner.equals(className + "Shaded")
          && call.name.equals("checkInterruption")) {
        code.remove(node);
      }
    }
  }

  /** Whether a method is one of the module's own functions. */
  private boolean isGuestFunction(String name) {
    return name.startsWith("func_")
        && Integer.parseInt(name.substring("func_".length())) <= lastGuestFunction;
  }

  private void rewrite(InsnList code, MethodInsnNode call) {
    if (call.owner.equals(className + "Shaded")) {
      call.owner = RUNTIME_METHODS.contains(call.name + call.desc) ? RUNTIME : SHADED;
    } else if (call.owner.equals(OPERATORS)) {
      if (QUIET_METHODS.contains(call.name + call.desc)) {
        call.owner = QUIET;
      }
    } else if (call.name.equals(charge) || call.name.equals(chargeLength)) {
      // The stack holds cost, memory, instance; the instance is not needed.
      code.insertBefore(call, new InsnNode(POP));
      call.owner = RUNTIME;
      call.name = call.name.equals(charge) ? "charge" : "chargeLength";
      call.desc = Type.getMethodDescriptor(Type.VOID_TYPE, Type.INT_TYPE, MEMORY_TYPE);
    }
  }

  private static final Type MEMORY_TYPE = Type.getType(Memory.class);
}
