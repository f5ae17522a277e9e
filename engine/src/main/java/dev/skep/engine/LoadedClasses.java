package dev.skep.engine;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Machine;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * A module's classes, loaded. They have a loader of their own and go when the module does.
 *
 * @param machines makes what runs an instance; throws when called if there are no classes
 * @param codeBytes of the classes
 * @param depthUnits call depth that a call takes, of the functions that call others
 * @param runs whether there are any
 */
record LoadedClasses(
    Function<Instance, Machine> machines,
    long codeBytes,
    Map<Integer, Integer> depthUnits,
    boolean runs) {

  /** Of a module that is run as machine code only. */
  static final LoadedClasses NONE = new LoadedClasses(_ -> LoadedClasses::none, 0, Map.of(), false);

  LoadedClasses(
      Function<Instance, Machine> machines, long codeBytes, Map<Integer, Integer> depthUnits) {
    this(machines, codeBytes, depthUnits, true);
  }

  private static long[] none(int function, long... args) {
    throw new IllegalStateException("the module is run as machine code only");
  }

  /** Loads what was generated. */
  static LoadedClasses of(TierOneCode code) {
    GuestLoader loader = new GuestLoader(code.classes());
    long bytes = code.classes().values().stream().mapToLong(b -> b.length).sum();
    try {
      Class<?> main = loader.loadClass(code.mainClass());
      MethodHandle constructor =
          MethodHandles.publicLookup()
              .findConstructor(main, MethodType.methodType(void.class, Instance.class));
      @SuppressWarnings("unchecked")
      Function<Instance, Machine> machines =
          MethodHandleProxies.asInterfaceInstance(Function.class, constructor);
      return new LoadedClasses(machines, bytes, Map.copyOf(code.depthUnits()));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the compiler's classes do not load", e);
    }
  }

  /** Loads a module's classes when they are first used, so that unused functions cost nothing. */
  private static final class GuestLoader extends ClassLoader {
    private final Map<String, byte[]> classes;

    GuestLoader(Map<String, byte[]> classes) {
      super(GuestRuntime.class.getClassLoader());
      this.classes = new HashMap<>(classes);
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      byte[] bytes = classes.remove(name);
      if (bytes == null) {
        throw new ClassNotFoundException(name);
      }
      return defineClass(name, bytes, 0, bytes.length);
    }
  }
}
