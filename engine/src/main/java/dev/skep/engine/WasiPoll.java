package dev.skep.engine;

import static dev.skep.engine.WasiErrno.SUCCESS;
import static dev.skep.engine.WasiVectors.unsigned;

import dev.skep.limits.FuelCosts;
import dev.skep.limits.WasiGrant;
import dev.skep.pool.SlotMemory;
import java.time.Instant;

/**
 * Clocks, and waiting for them: {@code clock_*} and {@code poll_oneoff}.
 *
 * <p>Waiting never holds a worker. A guest that sleeps goes on at once and finds its clocks ahead
 * by what it has slept, the real one too, so that loops which wait for a time come to their end;
 * and its deadline is nearer by as much, so that sleeping for ever ends as running for ever does.
 * Streams and files are always ready.
 */
final class WasiPoll {
  private static final int REALTIME = 0;
  private static final int MOST_CLOCK = 3;

  private static final int SUBSCRIPTION_BYTES = 48;
  private static final int EVENT_BYTES = 32;
  private static final int CLOCK_TAG = 0;
  private static final int MOST_TAG = 2;
  private static final int ABSOLUTE = 1;

  /**
   * Subscriptions between two looks at the clock: some 50 µs, since each asks for the time. A
   * memory holds a million, all paid for at once.
   */
  private static final int LOOK_EVERY = 256;

  private WasiPoll() {}

  private static boolean isClock(long id) {
    return unsigned(id) <= MOST_CLOCK;
  }

  private static void require(WasiContext wasi, long id, String function) {
    wasi.require(id == REALTIME ? WasiGrant.CLOCK : WasiGrant.MONOTONIC_CLOCK, function);
  }

  private static long now(WasiContext wasi, long id) {
    if (id == REALTIME) {
      Instant now = Instant.now();
      return now.getEpochSecond() * 1_000_000_000 + now.getNano() + wasi.sleptNanos();
    }
    return wasi.monotonicNanos();
  }

  static int resolution(SlotMemory memory, WasiContext wasi, long[] args) {
    if (!isClock(args[0])) {
      return WasiErrno.INVAL;
    }
    require(wasi, unsigned(args[0]), "clock_res_get");
    memory.writeLong((int) args[1], unsigned(args[0]) == REALTIME ? 1_000 : 1);
    return SUCCESS;
  }

  static int time(SlotMemory memory, WasiContext wasi, long[] args) {
    if (!isClock(args[0])) {
      return WasiErrno.INVAL;
    }
    require(wasi, unsigned(args[0]), "clock_time_get");
    memory.writeLong((int) args[2], now(wasi, unsigned(args[0])));
    return SUCCESS;
  }

  /**
   * {@code subscription}: user data u64 at 0, tag u8 at 8, then for a clock its id u32 at 16,
   * timeout u64 at 24, flags u16 at 40, and for a descriptor its number u32 at 16; 48 bytes. {@code
   * event}: user data u64 at 0, error u16 at 8, type u8 at 10, 32 bytes.
   *
   * <p>If a descriptor is asked for, all of them are ready and no clock has run out. Else those
   * clocks have that run out first.
   */
  static int poll(SlotMemory memory, WasiContext wasi, long[] args) {
    long count = unsigned(args[2]);
    if (count == 0) {
      return WasiErrno.INVAL;
    }
    WasiVectors.checkRange(memory, args[0], count * SUBSCRIPTION_BYTES);
    WasiVectors.checkRange(memory, args[1], count * EVENT_BYTES);
    WasiVectors.checkRange(memory, args[3], 4);
    memory.charge(count * (SUBSCRIPTION_BYTES + EVENT_BYTES) * FuelCosts.HOST_BYTE);
    long shortest = Long.MAX_VALUE;
    boolean descriptors = false;
    for (int i = 0; i < (int) count; i++) {
      lookAt(memory, i);
      int at = (int) args[0] + SUBSCRIPTION_BYTES * i;
      int tag = Byte.toUnsignedInt(memory.read(at + 8));
      if (tag > MOST_TAG) {
        return WasiErrno.INVAL;
      }
      if (tag == CLOCK_TAG) {
        shortest = Math.min(shortest, remaining(memory, wasi, at));
      } else {
        descriptors = true;
      }
    }
    if (!descriptors) {
      wasi.sleep(shortest);
    }
    memory.writeI32((int) args[3], events(memory, wasi, args, descriptors, shortest));
    return SUCCESS;
  }

  private static void lookAt(SlotMemory memory, int subscription) {
    if (subscription % LOOK_EVERY == LOOK_EVERY - 1) {
      memory.look();
    }
  }

  /** Nanoseconds until a clock has run out, 0 or more. */
  private static long remaining(SlotMemory memory, WasiContext wasi, int at) {
    long id = unsigned(memory.readInt(at + 16));
    if (!isClock(id)) {
      throw new WasiError(WasiErrno.INVAL);
    }
    require(wasi, id, "poll_oneoff");
    long timeout = memory.readLong(at + 24);
    // An unsigned number beyond 2^63 is later than any deadline.
    long nanos = timeout < 0 ? Long.MAX_VALUE : timeout;
    return isAbsolute(memory, at) ? Math.max(0, nanos - now(wasi, id)) : nanos;
  }

  private static boolean isAbsolute(SlotMemory memory, int at) {
    return (memory.readShort(at + 40) & ABSOLUTE) != 0;
  }

  private static boolean hasRunOut(SlotMemory memory, WasiContext wasi, int at, long slept) {
    return remaining(memory, wasi, at) <= (isAbsolute(memory, at) ? 0 : slept);
  }

  /** Writes those that have happened; how many. What it reads it may overwrite, so in order. */
  private static int events(
      SlotMemory memory, WasiContext wasi, long[] args, boolean descriptors, long slept) {
    int events = 0;
    int count = (int) unsigned(args[2]);
    for (int i = 0; i < count; i++) {
      lookAt(memory, i);
      int at = (int) args[0] + SUBSCRIPTION_BYTES * i;
      long userData = memory.readLong(at);
      int tag = Byte.toUnsignedInt(memory.read(at + 8));
      int errno = SUCCESS;
      if (tag == CLOCK_TAG) {
        if (descriptors || !hasRunOut(memory, wasi, at, slept)) {
          continue;
        }
      } else {
        errno = ready(wasi, memory.readInt(at + 16));
      }
      int event = (int) args[1] + EVENT_BYTES * events;
      memory.write(event, new byte[EVENT_BYTES]);
      memory.writeLong(event, userData);
      memory.writeShort(event + 8, (short) errno);
      memory.writeByte(event + 10, (byte) tag);
      events++;
    }
    return events;
  }

  private static int ready(WasiContext wasi, int fd) {
    try {
      var _ = wasi.descriptors().get(fd);
      return SUCCESS;
    } catch (WasiError e) {
      return e.errno();
    }
  }
}
