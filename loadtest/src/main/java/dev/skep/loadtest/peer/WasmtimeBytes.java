package dev.skep.loadtest.peer;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A guest in Wasmtime that takes bytes and answers bytes, by {@code alloc}, {@code transform} and
 * {@code reset}. Fuel is on. One thread.
 */
public final class WasmtimeBytes {
  private static final long STRUCT_BYTES = 64;
  private static final long VALUE_BYTES = 32;
  private static final long VALUE_OF = 8;

  private final Arena arena = Arena.ofShared();
  private final Wasmtime engine;
  private final MethodHandle export;
  private final MethodHandle call;
  private final MethodHandle memoryData;
  private final MemorySegment args = arena.allocate(2 * VALUE_BYTES, 8);
  private final MemorySegment answer = arena.allocate(VALUE_BYTES, 8);
  private final MemorySegment trap = arena.allocate(ADDRESS);
  private final MemorySegment memoryName = name("memory");
  private final MemorySegment allocName = name("alloc");
  private final MemorySegment transformName = name("transform");
  private final MemorySegment resetName = name("reset");

  /** An instance and its exports. */
  public final class Instance implements AutoCloseable {
    private final Wasmtime.Store store;
    private final MemorySegment memory;
    private final MemorySegment alloc;
    private final MemorySegment transform;
    private final MemorySegment reset;

    private Instance(Wasmtime.Store store, Places places) {
      this.store = store;
      this.memory = export(store, memoryName, places.memory);
      this.alloc = export(store, allocName, places.alloc);
      this.transform = export(store, transformName, places.transform);
      this.reset = export(store, resetName, places.reset);
    }

    /** Gives back what the guest holds. */
    public void reset() {
      invoke(store, reset, 0, 0);
    }

    /** Hands it the bytes and answers what it answers; none if it refuses them. */
    public byte[] transform(byte[] input) {
      args.set(JAVA_BYTE, 0, (byte) 0);
      args.set(JAVA_INT, VALUE_OF, input.length);
      invoke(store, alloc, 1, 1);
      int pointer = answer.get(JAVA_INT, VALUE_OF);
      MemorySegment.copy(input, 0, at(pointer, input.length), JAVA_BYTE, 0, input.length);
      args.set(JAVA_INT, VALUE_OF, pointer);
      args.set(JAVA_BYTE, VALUE_BYTES, (byte) 0);
      args.set(JAVA_INT, VALUE_BYTES + VALUE_OF, input.length);
      invoke(store, transform, 2, 1);
      long found = answer.get(JAVA_LONG, VALUE_OF);
      return at((int) (found >>> 32), (int) found).toArray(JAVA_BYTE);
    }

    /** A part of its memory. */
    @SuppressWarnings("restricted") // the one place that calls a peer
    private MemorySegment at(int address, int length) {
      try {
        MemorySegment base = (MemorySegment) memoryData.invokeExact(store.context(), memory);
        return MemorySegment.ofAddress(base.address() + Integer.toUnsignedLong(address))
            .reinterpret(length);
      } catch (Throwable e) {
        throw CApi.failed(e);
      }
    }

    @Override
    public void close() {
      engine.delete(store);
    }
  }

  /** Where exports are put. */
  private record Places(
      MemorySegment memory, MemorySegment alloc, MemorySegment transform, MemorySegment reset) {}

  private final Places places = places();

  private Places places() {
    return new Places(place(), place(), place(), place());
  }

  private MemorySegment place() {
    return arena.allocate(STRUCT_BYTES, 8);
  }

  /**
   * @param library Wasmtime's shared library
   * @param module bytes of the guest
   */
  public WasmtimeBytes(Path library, byte[] module, Wasmtime.Pool pool) {
    engine = new Wasmtime(library, module, "transform", pool);
    CApi api = new CApi(library, arena);
    export = api.exportGet();
    call = api.functionCall();
    memoryData = api.handle("wasmtime_memory_data", ADDRESS, ADDRESS, ADDRESS);
  }

  private MemorySegment name(String name) {
    return arena.allocateFrom(JAVA_BYTE, name.getBytes(StandardCharsets.UTF_8));
  }

  /** A fresh instance to be used and closed before the next. */
  public Instance fresh() {
    return new Instance(engine.fresh(), places);
  }

  /** An instance to be kept beside others. */
  public Instance kept() {
    return new Instance(engine.instantiate(), places());
  }

  private MemorySegment export(Wasmtime.Store store, MemorySegment name, MemorySegment place) {
    try {
      if (!(boolean)
          export.invokeExact(store.context(), store.instance(), name, name.byteSize(), place)) {
        throw new IllegalStateException("the guest lacks an export");
      }
      return place.asSlice(VALUE_OF);
    } catch (Throwable e) {
      throw CApi.failed(e);
    }
  }

  private void invoke(Wasmtime.Store store, MemorySegment function, long params, long results) {
    try {
      trap.set(ADDRESS, 0, MemorySegment.NULL);
      MemorySegment error =
          (MemorySegment)
              call.invokeExact(store.context(), function, args, params, answer, results, trap);
      if (!error.equals(MemorySegment.NULL) || !trap.get(ADDRESS, 0).equals(MemorySegment.NULL)) {
        throw new IllegalStateException("the guest did not come back");
      }
    } catch (Throwable e) {
      throw CApi.failed(e);
    }
  }
}
