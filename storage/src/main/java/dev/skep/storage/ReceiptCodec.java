package dev.skep.storage;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.TenantId;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * One receipt as one record of a segment. All numbers are big-endian.
 *
 * <pre>
 *   0        4        8         9
 *   ┌────────┬────────┬─────────┬──────────────────────────────────────────────┐
 *   │ length │ CRC32C │ version │ fields                                       │
 *   │ int    │ int    │ 1 to 3  │                                              │
 *   └────────┴────────┴─────────┴──────────────────────────────────────────────┘
 *                     ├──────────── length bytes, under the CRC ───────────────┤
 *
 *   fields of version 1:
 *     run id 16 | started, fuel, nano-dollars, peak, duration 8 each | cost table, prices 4 each
 *     | digest 32 | tenant, function, outcome: a length byte and that many of ASCII each
 *   version 2 has one more text behind them: the kind
 *   version 3 has a byte behind that: the tier
 * </pre>
 *
 * Outcome and kind are words and not ordinals, so that reordering an enum misreads nothing. A run
 * on tier 1 is written as version 1, which is what every build before there were kinds reads and
 * wrote, and whatever is of tier 2 as version 3.
 */
final class ReceiptCodec {
  static final int HEADER_BYTES = 8;

  /** Version, fixed fields, and three texts of one character at least. */
  static final int MIN_BODY_BYTES = 1 + 16 + 5 * 8 + 2 * 4 + Digests.BYTES + 3 * 2;

  /**
   * Tenant and function at most 63 characters, outcome at most 32, a kind of at most 15, a tier.
   */
  static final int MAX_BODY_BYTES = MIN_BODY_BYTES + 62 + 62 + 31 + 16 + 1;

  static final int MAX_RECORD_BYTES = HEADER_BYTES + MAX_BODY_BYTES;

  /** Largest instant that a run's id can hold, RFC 9562. */
  private static final long MAX_EPOCH_MILLIS = (1L << 48) - 1;

  private static final byte RUN_VERSION = 1;
  private static final byte KIND_VERSION = 2;
  private static final byte TIER_VERSION = 3;

  private ReceiptCodec() {}

  /**
   * Appends a record at {@code out}'s position; leaves {@code out} as it was if it throws.
   *
   * @param out big-endian, with {@link #MAX_RECORD_BYTES} to spare
   * @throws IllegalArgumentException if a field is outside what the ledger's columns hold
   */
  static void encode(Receipt receipt, ByteBuffer out) {
    check("startedEpochMillis", receipt.startedEpochMillis(), MAX_EPOCH_MILLIS);
    check("fuel", receipt.fuel(), Long.MAX_VALUE);
    check("nanoDollars", receipt.nanoDollars(), Long.MAX_VALUE);
    check("memoryPeakBytes", receipt.memoryPeakBytes(), Long.MAX_VALUE);
    check("durationNanos", receipt.durationNanos(), Long.MAX_VALUE);
    check("costTableVersion", receipt.costTableVersion(), Integer.MAX_VALUE);
    check("priceVersion", receipt.priceVersion(), Integer.MAX_VALUE);
    int start = out.position();
    out.position(start + HEADER_BYTES);
    byte version =
        receipt.tier() != Receipt.TIER_1
            ? TIER_VERSION
            : receipt.kind() == Receipt.Kind.RUN ? RUN_VERSION : KIND_VERSION;
    out.put(version);
    out.putLong(receipt.run().uuid().getMostSignificantBits());
    out.putLong(receipt.run().uuid().getLeastSignificantBits());
    out.putLong(receipt.startedEpochMillis());
    out.putLong(receipt.fuel());
    out.putLong(receipt.nanoDollars());
    out.putLong(receipt.memoryPeakBytes());
    out.putLong(receipt.durationNanos());
    out.putInt(receipt.costTableVersion());
    out.putInt(receipt.priceVersion());
    out.put(Digests.toBytes(receipt.version()));
    putText(out, receipt.tenant().value());
    putText(out, receipt.function().value());
    putText(out, receipt.outcome().word());
    if (version >= KIND_VERSION) {
      putText(out, receipt.kind().word());
    }
    if (version >= TIER_VERSION) {
      out.put((byte) receipt.tier());
    }
    int length = out.position() - start - HEADER_BYTES;
    out.putInt(start, length);
    out.putInt(start + 4, crc(out, start + HEADER_BYTES, length));
  }

  /**
   * How long the record at {@code at} is, header included, if it is whole and its CRC is right;
   * otherwise 0.
   *
   * @param in big-endian, data up to its limit
   */
  static int recordBytes(ByteBuffer in, int at) {
    int available = in.limit() - at;
    if (available < HEADER_BYTES) {
      return 0;
    }
    int length = in.getInt(at);
    if (length < MIN_BODY_BYTES || length > MAX_BODY_BYTES || length > available - HEADER_BYTES) {
      return 0;
    }
    int crc = in.getInt(at + 4);
    return crc == crc(in, at + HEADER_BYTES, length) ? HEADER_BYTES + length : 0;
  }

  /**
   * The receipt of the record at {@code at}, which {@link #recordBytes} has found whole; null if
   * its version is not known here or its fields make no receipt.
   */
  static @Nullable Receipt decode(ByteBuffer in, int at) {
    ByteBuffer body = in.slice(at + HEADER_BYTES, in.getInt(at));
    int version = body.get();
    if (version < RUN_VERSION || version > TIER_VERSION) {
      return null;
    }
    RunId run = new RunId(new UUID(body.getLong(), body.getLong()));
    long startedEpochMillis = body.getLong();
    long fuel = body.getLong();
    long nanoDollars = body.getLong();
    long memoryPeakBytes = body.getLong();
    long durationNanos = body.getLong();
    int costTableVersion = body.getInt();
    int priceVersion = body.getInt();
    byte[] digest = new byte[Digests.BYTES];
    body.get(digest);
    try {
      TenantId tenant = new TenantId(getText(body));
      FunctionName function = new FunctionName(getText(body));
      Receipt.Outcome outcome = Receipt.Outcome.of(getText(body));
      return new Receipt(
          version == RUN_VERSION ? Receipt.Kind.RUN : Receipt.Kind.of(getText(body)),
          run,
          tenant,
          function,
          Digests.fromBytes(digest),
          startedEpochMillis,
          fuel,
          costTableVersion,
          priceVersion,
          nanoDollars,
          memoryPeakBytes,
          durationNanos,
          outcome,
          version == TIER_VERSION ? body.get() : Receipt.TIER_1);
    } catch (IllegalArgumentException | java.nio.BufferUnderflowException e) {
      return null;
    }
  }

  private static void check(String name, long value, long max) {
    if (value < 0 || value > max) {
      throw new IllegalArgumentException(
          "a receipt's " + name + " is " + value + "; it must be from 0 to " + max);
    }
  }

  private static void putText(ByteBuffer out, String ascii) {
    out.put((byte) ascii.length());
    out.put(ascii.getBytes(StandardCharsets.US_ASCII));
  }

  private static String getText(ByteBuffer in) {
    byte[] ascii = new byte[Byte.toUnsignedInt(in.get())];
    in.get(ascii);
    return new String(ascii, StandardCharsets.US_ASCII);
  }

  private static int crc(ByteBuffer buffer, int at, int length) {
    CRC32C crc = new CRC32C();
    crc.update(buffer.slice(at, length));
    return (int) crc.getValue();
  }
}
