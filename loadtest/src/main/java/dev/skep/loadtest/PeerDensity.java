package dev.skep.loadtest;

import dev.skep.loadtest.peer.Wasmtime;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;

/**
 * Lets Wasmtime hold many instances in a process of its own and prints what that takes, as JSON.
 */
final class PeerDensity {
  /** From here on its pool reserves less a slot, or it would not have the address space. */
  private static final int MANY = 20_000;

  private PeerDensity() {}

  /**
   * @param args its library, and how many to hold
   */
  public static void main(String[] args) {
    int live = Integer.parseInt(args[1]);
    Wasmtime peer =
        new Wasmtime(
            Path.of(args[0]),
            Guests.bytes(Guests.THREE_PAGES),
            "add",
            new Wasmtime.Pool(
                live + 10, 16L << 20, live > MANY ? 16L << 20 : 64L << 20, 64L << 10));
    for (int i = 0; i < 2_000; i++) {
      var _ = peer.once(i);
    }
    var _ = Machine.heapBytesAfterCollection();
    long before = Machine.residentBytes() + Machine.pageTableBytes();
    int held = 0;
    String stopped = "";
    try {
      while (held < live) {
        Wasmtime.Store store = peer.instantiate();
        if (peer.call(store, held) != 3 * held) {
          throw new IllegalStateException("wrong answer");
        }
        held++;
      }
    } catch (Wasmtime.RefusedException e) {
      stopped = String.valueOf(e.getMessage());
    }
    System.out.println(
        new JsonObject()
            .put("live", held)
            .put("stopped", stopped)
            .put("processBytes", Machine.residentBytes() + Machine.pageTableBytes() - before)
            .encode());
    // Its stores go with the process.
    Runtime.getRuntime().halt(0);
  }
}
