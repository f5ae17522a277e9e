package dev.skep.loadtest.peer;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Wasmtime with fuel on, one instance after the other of any modules: what it answers, and what it
 * counts. As much of the C API as that needs (wasmtime.h of version 49). One thread.
 */
public final class WasmtimePrograms implements AutoCloseable {
  private static final long FUEL = 1L << 60;

  /** A {@code wasmtime_val_t}: its kind, then the value at 8. */
  private static final long VALUE_BYTES = 32;

  private static final long VALUE_OF = 8;

  /** A {@code wasmtime_extern_t}: its kind, then the function at 8. */
  private static final long EXTERN_BYTES = 32;

  private static final long INSTANCE_BYTES = 16;

  /** The standard's phrases, by {@code wasmtime_trap_code_t}. */
  private static final List<String> TRAPS =
      List.of(
          "call stack exhausted",
          "out of bounds memory access",
          "unaligned atomic",
          "out of bounds table access",
          "uninitialized element",
          "indirect call type mismatch",
          "integer overflow",
          "integer divide by zero",
          "invalid conversion to integer",
          "unreachable");

  private final Arena arena = Arena.ofConfined();
  private final CApi api;
  private final MemorySegment engine;
  private final MethodHandle moduleNew;
  private final MethodHandle moduleDelete;
  private final MethodHandle storeNew;
  private final MethodHandle storeContext;
  private final MethodHandle storeDelete;
  private final MethodHandle setFuel;
  private final MethodHandle getFuel;
  private final MethodHandle instantiate;
  private final MethodHandle export;
  private final MethodHandle call;
  private final MethodHandle errorMessage;
  private final MethodHandle errorDelete;
  private final MethodHandle trapMessage;
  private final MethodHandle trapCode;
  private final MethodHandle trapDelete;

  /** For programs that run once: fuel does not depend on how well they are compiled. */
  public WasmtimePrograms(Path library) {
    this(library, false);
  }

  /**
   * @param library its shared library
   * @param optimised whether code is compiled as Wasmtime does by default, or in a hurry
   */
  public WasmtimePrograms(Path library, boolean optimised) {
    api = new CApi(library, arena);
    engine = engine(optimised);
    moduleNew = api.handle("wasmtime_module_new", ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
    moduleDelete = api.handle("wasmtime_module_delete", null, ADDRESS);
    storeNew = api.handle("wasmtime_store_new", ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    storeContext = api.handle("wasmtime_store_context", ADDRESS, ADDRESS);
    storeDelete = api.handle("wasmtime_store_delete", null, ADDRESS);
    setFuel = api.handle("wasmtime_context_set_fuel", ADDRESS, ADDRESS, JAVA_LONG);
    getFuel = api.handle("wasmtime_context_get_fuel", ADDRESS, ADDRESS, ADDRESS);
    instantiate =
        api.handle(
            "wasmtime_instance_new",
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            JAVA_LONG,
            ADDRESS,
            ADDRESS);
    export = api.exportGet();
    call = api.functionCall();
    errorMessage = api.handle("wasmtime_error_message", null, ADDRESS, ADDRESS);
    errorDelete = api.handle("wasmtime_error_delete", null, ADDRESS);
    trapMessage = api.handle("wasm_trap_message", null, ADDRESS, ADDRESS);
    trapCode = api.handle("wasmtime_trap_code", JAVA_BOOLEAN, ADDRESS, ADDRESS);
    trapDelete = api.handle("wasm_trap_delete", null, ADDRESS);
  }

  private MemorySegment engine(boolean optimised) {
    try {
      MemorySegment config = (MemorySegment) api.handle("wasm_config_new", ADDRESS).invokeExact();
      set("wasmtime_config_consume_fuel_set", JAVA_BOOLEAN).invokeExact(config, true);
      if (!optimised) {
        int noOptimisation = 0;
        set("wasmtime_config_cranelift_opt_level_set", JAVA_INT)
            .invokeExact(config, noOptimisation);
      }
      return (MemorySegment)
          api.handle("wasm_engine_new_with_config", ADDRESS, ADDRESS).invokeExact(config);
    } catch (Throwable e) {
      throw CApi.failed(e);
    }
  }

  private MethodHandle set(String symbol, MemoryLayout value) {
    return api.handle(symbol, null, ADDRESS, value);
  }

  /**
   * Makes an instance of a module without imports, to be closed before the next.
   *
   * @throws IllegalStateException if Wasmtime refuses it
   */
  public Running instantiate(byte[] bytes) {
    return new Running(bytes);
  }

  /** An instance in a store of its own. */
  public final class Running implements AutoCloseable {
    private final Arena own = Arena.ofConfined();
    private final MemorySegment module;
    private final MemorySegment store;
    private final MemorySegment context;
    private final MemorySegment instance = own.allocate(INSTANCE_BYTES, 8);
    private final MemorySegment out = own.allocate(ADDRESS);
    private final long fuelAtStart;

    private Running(byte[] bytes) {
      try {
        MemorySegment copy = own.allocateFrom(JAVA_BYTE, bytes);
        must((MemorySegment) moduleNew.invokeExact(engine, copy, (long) bytes.length, out));
        module = out.get(ADDRESS, 0);
        store =
            (MemorySegment) storeNew.invokeExact(engine, MemorySegment.NULL, MemorySegment.NULL);
        context = (MemorySegment) storeContext.invokeExact(store);
        must((MemorySegment) setFuel.invokeExact(context, FUEL));
        out.set(ADDRESS, 0, MemorySegment.NULL);
        must(
            (MemorySegment)
                instantiate.invokeExact(context, module, MemorySegment.NULL, 0L, instance, out));
        String trap = trapped(out.get(ADDRESS, 0));
        if (trap != null) {
          throw new IllegalStateException("Wasmtime's instance trapped: " + trap);
        }
        fuelAtStart = consumed();
      } catch (Throwable e) {
        throw CApi.failed(e);
      }
    }

    /**
     * Calls an export.
     *
     * @param signature parameters, a colon, results, of the letters {@code i I f F}
     * @param args raw bits
     */
    public PeerRun call(String name, String signature, long... args) {
      int results = signature.length() - 1 - args.length;
      try (Arena scratch = Arena.ofConfined()) {
        byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
        MemorySegment found = scratch.allocate(EXTERN_BYTES, 8);
        if (!(boolean)
            export.invokeExact(
                context,
                instance,
                scratch.allocateFrom(JAVA_BYTE, utf8),
                (long) utf8.length,
                found)) {
          throw new IllegalStateException("there is no export " + name);
        }
        MemorySegment given = scratch.allocate(VALUE_BYTES * Math.max(1, args.length), 8);
        for (int i = 0; i < args.length; i++) {
          // The kinds are numbered i32, i64, f32, f64 from 0.
          given.set(JAVA_BYTE, VALUE_BYTES * i, (byte) "iIfF".indexOf(signature.charAt(i)));
          given.set(JAVA_LONG, VALUE_BYTES * i + VALUE_OF, args[i]);
        }
        MemorySegment answer = scratch.allocate(VALUE_BYTES * Math.max(1, results), 8);
        out.set(ADDRESS, 0, MemorySegment.NULL);
        must(
            (MemorySegment)
                call.invokeExact(
                    context,
                    found.asSlice(VALUE_OF),
                    given,
                    (long) args.length,
                    answer,
                    (long) results,
                    out));
        String trap = trapped(out.get(ADDRESS, 0));
        long[] values = new long[trap == null ? results : 0];
        for (int i = 0; i < values.length; i++) {
          char type = signature.charAt(args.length + 1 + i);
          MemorySegment value = answer.asSlice(VALUE_BYTES * i + VALUE_OF);
          values[i] =
              type == 'i' || type == 'f'
                  ? value.get(JAVA_INT, 0) & 0xFFFF_FFFFL
                  : value.get(JAVA_LONG, 0);
        }
        return new PeerRun(values, trap, consumed());
      } catch (Throwable e) {
        throw CApi.failed(e);
      }
    }

    /**
     * Fuel that making the instance took: the start function's, or, without one, that of a function
     * of Wasmtime's own for globals that begin as a reference.
     */
    public long fuelAtStart() {
      return fuelAtStart;
    }

    private long consumed() throws Throwable {
      must((MemorySegment) getFuel.invokeExact(context, out));
      return FUEL - out.get(JAVA_LONG, 0);
    }

    private void must(MemorySegment error) throws Throwable {
      if (!error.equals(MemorySegment.NULL)) {
        String message = CApi.text(errorMessage, error, own);
        errorDelete.invokeExact(error);
        throw new IllegalStateException("Wasmtime: " + message);
      }
    }

    private @Nullable String trapped(MemorySegment trap) throws Throwable {
      if (trap.equals(MemorySegment.NULL)) {
        return null;
      }
      MemorySegment code = own.allocate(JAVA_INT);
      boolean known = (boolean) trapCode.invokeExact(trap, code);
      int number = code.get(JAVA_BYTE, 0);
      String message =
          known && number < TRAPS.size() ? TRAPS.get(number) : CApi.text(trapMessage, trap, own);
      trapDelete.invokeExact(trap);
      return message;
    }

    /** Gives store and module back. */
    @Override
    public void close() {
      try {
        storeDelete.invokeExact(store);
        moduleDelete.invokeExact(module);
      } catch (Throwable e) {
        throw CApi.failed(e);
      }
      own.close();
    }
  }

  @Override
  public void close() {
    try {
      api.handle("wasm_engine_delete", null, ADDRESS).invokeExact(engine);
    } catch (Throwable e) {
      throw CApi.failed(e);
    }
    arena.close();
  }
}
