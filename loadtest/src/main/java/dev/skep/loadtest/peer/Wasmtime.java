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
import org.jspecify.annotations.Nullable;

/**
 * An engine of Wasmtime's with its pooling allocator, and one module: as much of the C API as the
 * comparison needs (wasmtime.h of version 49). Fuel is on. One thread.
 *
 * <p>Every call through the FFM API costs some 10 ns here that a C program would not pay; a fresh
 * instance takes seven of them.
 */
public final class Wasmtime {
  /** Enough for any of the API's structs that are passed by address. */
  private static final long STRUCT_BYTES = 64;

  private static final long VALUE_OF = 8;
  private static final long FUEL = 1L << 60;

  private final Arena arena = Arena.ofShared();
  private final CApi api;
  private final MemorySegment engine;
  private final MemorySegment pre;
  private final MethodHandle storeNew;
  private final MethodHandle storeContext;
  private final MethodHandle setFuel;
  private final MethodHandle instantiate;
  private final MethodHandle export;
  private final MethodHandle call;
  private final MethodHandle storeDelete;
  private final MethodHandle errorMessage;
  private final MethodHandle trapMessage;
  private final MemorySegment name;
  private final long nameBytes;
  private final MemorySegment exported = arena.allocate(STRUCT_BYTES, 8);
  private final MemorySegment argument = arena.allocate(STRUCT_BYTES, 8);
  private final MemorySegment result = arena.allocate(STRUCT_BYTES, 8);
  private final MemorySegment trap = arena.allocate(ADDRESS);

  /** What the pool is told; Wasmtime's own words. */
  public record Pool(int total, long maxMemoryBytes, long reservationBytes, long guardBytes) {}

  /** A store with its one instance. */
  public record Store(MemorySegment store, MemorySegment context, MemorySegment instance) {}

  /** The engine refused. */
  public static final class RefusedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private RefusedException(String message) {
      super(message);
    }
  }

  /**
   * @param library its shared library
   * @param module bytes of the module
   * @param function that {@link #call} calls, of one i32 to one
   */
  public Wasmtime(Path library, byte[] module, String function, Pool pool) {
    api = new CApi(library, arena);
    storeNew = handle("wasmtime_store_new", ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    storeContext = handle("wasmtime_store_context", ADDRESS, ADDRESS);
    setFuel = handle("wasmtime_context_set_fuel", ADDRESS, ADDRESS, JAVA_LONG);
    instantiate =
        handle("wasmtime_instance_pre_instantiate", ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    export = api.exportGet();
    call = api.functionCall();
    storeDelete = handle("wasmtime_store_delete", null, ADDRESS);
    errorMessage = handle("wasmtime_error_message", null, ADDRESS, ADDRESS);
    trapMessage = handle("wasm_trap_message", null, ADDRESS, ADDRESS);
    byte[] utf8 = function.getBytes(StandardCharsets.UTF_8);
    name = arena.allocateFrom(JAVA_BYTE, utf8);
    nameBytes = utf8.length;
    engine = engine(pool);
    pre = compile(module);
  }

  private MethodHandle handle(String symbol, @Nullable MemoryLayout answer, MemoryLayout... args) {
    return api.handle(symbol, answer, args);
  }

  private MemorySegment engine(Pool pool) {
    try {
      MemorySegment config = (MemorySegment) handle("wasm_config_new", ADDRESS).invokeExact();
      handle("wasmtime_config_consume_fuel_set", null, ADDRESS, JAVA_BOOLEAN)
          .invokeExact(config, true);
      MemorySegment pooling =
          (MemorySegment) handle("wasmtime_pooling_allocation_config_new", ADDRESS).invokeExact();
      String set = "wasmtime_pooling_allocation_config_";
      for (String total : new String[] {"core_instances", "memories", "tables"}) {
        handle(set + "total_" + total + "_set", null, ADDRESS, JAVA_INT)
            .invokeExact(pooling, pool.total);
      }
      handle(set + "max_memory_size_set", null, ADDRESS, JAVA_LONG)
          .invokeExact(pooling, pool.maxMemoryBytes);
      handle("wasmtime_config_memory_reservation_set", null, ADDRESS, JAVA_LONG)
          .invokeExact(config, pool.reservationBytes);
      handle("wasmtime_config_memory_guard_size_set", null, ADDRESS, JAVA_LONG)
          .invokeExact(config, pool.guardBytes);
      handle("wasmtime_pooling_allocation_strategy_set", null, ADDRESS, ADDRESS)
          .invokeExact(config, pooling);
      return (MemorySegment)
          handle("wasm_engine_new_with_config", ADDRESS, ADDRESS).invokeExact(config);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  private MemorySegment compile(byte[] module) {
    try {
      MemorySegment out = arena.allocate(ADDRESS);
      check(
          (MemorySegment)
              handle("wasmtime_module_new", ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS)
                  .invokeExact(
                      engine, arena.allocateFrom(JAVA_BYTE, module), (long) module.length, out));
      MemorySegment linker =
          (MemorySegment) handle("wasmtime_linker_new", ADDRESS, ADDRESS).invokeExact(engine);
      MemorySegment made = arena.allocate(ADDRESS);
      check(
          (MemorySegment)
              handle("wasmtime_linker_instantiate_pre", ADDRESS, ADDRESS, ADDRESS, ADDRESS)
                  .invokeExact(linker, out.get(ADDRESS, 0), made));
      return made.get(ADDRESS, 0);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  /** A new store with an instance of the module. */
  public Store instantiate() {
    return instantiate(arena.allocate(16, 8));
  }

  private Store instantiate(MemorySegment instance) {
    try {
      MemorySegment store =
          (MemorySegment) storeNew.invokeExact(engine, MemorySegment.NULL, MemorySegment.NULL);
      MemorySegment context = (MemorySegment) storeContext.invokeExact(store);
      check((MemorySegment) setFuel.invokeExact(context, FUEL));
      trap.set(ADDRESS, 0, MemorySegment.NULL);
      check((MemorySegment) instantiate.invokeExact(pre, context, instance, trap));
      return new Store(store, context, instance);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  /** Calls the function. */
  public int call(Store store, int value) {
    try {
      if (!(boolean) export.invokeExact(store.context, store.instance, name, nameBytes, exported)) {
        throw new RefusedException("there is no such export");
      }
      argument.set(JAVA_BYTE, 0, (byte) 0);
      argument.set(JAVA_INT, VALUE_OF, value);
      trap.set(ADDRESS, 0, MemorySegment.NULL);
      check(
          (MemorySegment)
              call.invokeExact(store.context, exported.asSlice(8), argument, 1L, result, 1L, trap));
      return result.get(JAVA_INT, VALUE_OF);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  /** Gives the store and its instance back. */
  public void delete(Store store) {
    try {
      storeDelete.invokeExact(store.store);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  private final MemorySegment scratch = arena.allocate(16, 8);

  /** A new store, to be deleted before the next that this makes. */
  Store fresh() {
    return instantiate(scratch);
  }

  /** A fresh instance, one call, and its end: what Wasmtime does for each request. */
  public int once(int value) {
    Store store = instantiate(scratch);
    int answer = call(store, value);
    delete(store);
    return answer;
  }

  private void check(MemorySegment error) throws Throwable {
    MemorySegment raised = trap.get(ADDRESS, 0);
    if (!error.equals(MemorySegment.NULL)) {
      throw new RefusedException(text(errorMessage, error));
    }
    if (!raised.equals(MemorySegment.NULL)) {
      throw new RefusedException(text(trapMessage, raised));
    }
  }

  private String text(MethodHandle message, MemorySegment of) throws Throwable {
    return CApi.text(message, of, arena);
  }

  private static RuntimeException failed(Throwable e) {
    return CApi.failed(e);
  }
}
