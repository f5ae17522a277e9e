package dev.skep.loadtest.peer;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Finds functions of Wasmtime's C API. */
@SuppressWarnings("restricted") // the one place that calls a peer
final class CApi {
  private final SymbolLookup library;

  CApi(Path library, Arena arena) {
    this.library = SymbolLookup.libraryLookup(library, arena);
  }

  /**
   * @param answer null if it answers nothing
   */
  MethodHandle handle(String symbol, @Nullable MemoryLayout answer, MemoryLayout... args) {
    FunctionDescriptor type =
        answer == null ? FunctionDescriptor.ofVoid(args) : FunctionDescriptor.of(answer, args);
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(symbol), type);
  }

  /** {@code wasmtime_instance_export_get}: store, instance, name, its length, what it is. */
  MethodHandle exportGet() {
    return handle(
        "wasmtime_instance_export_get",
        JAVA_BOOLEAN,
        ADDRESS,
        ADDRESS,
        ADDRESS,
        JAVA_LONG,
        ADDRESS);
  }

  /** {@code wasmtime_func_call}: store, function, arguments, results, and where a trap goes. */
  MethodHandle functionCall() {
    return handle(
        "wasmtime_func_call",
        ADDRESS,
        ADDRESS,
        ADDRESS,
        ADDRESS,
        JAVA_LONG,
        ADDRESS,
        JAVA_LONG,
        ADDRESS);
  }

  /** A message, handed over as a {@code wasm_byte_vec_t}: a length and an address. */
  static String text(MethodHandle message, MemorySegment of, Arena arena) throws Throwable {
    MemorySegment vector = arena.allocate(16, 8);
    message.invokeExact(of, vector);
    long length = vector.get(JAVA_LONG, 0);
    MemorySegment bytes = vector.get(ADDRESS, 8).reinterpret(length);
    return new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  static RuntimeException failed(Throwable e) {
    return e instanceof RuntimeException known ? known : new IllegalStateException(e);
  }
}
