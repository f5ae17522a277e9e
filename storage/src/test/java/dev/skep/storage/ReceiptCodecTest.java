package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.limits.StoreLimits;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.TenantId;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class ReceiptCodecTest {
  private final ByteBuffer buffer = ByteBuffer.allocate(2 * ReceiptCodec.MAX_RECORD_BYTES);

  @ParameterizedTest
  @EnumSource(Receipt.Outcome.class)
  void readsBackWhatItWrote(Receipt.Outcome outcome) {
    Receipt receipt = Receipts.of(Receipts.ACME, Receipts.HELLO, Receipts.NOW, outcome);
    ReceiptCodec.encode(receipt, buffer);
    buffer.flip();
    assertThat(ReceiptCodec.recordBytes(buffer, 0)).isEqualTo(buffer.limit());
    assertThat(ReceiptCodec.decode(buffer, 0)).isEqualTo(receipt);
  }

  @Test
  void readsBackCompilingAsSuch() {
    Receipt receipt = Receipts.ofCompiling(Receipts.ACME, Receipts.HELLO, Receipts.NOW);
    ReceiptCodec.encode(receipt, buffer);
    buffer.flip();
    assertThat(ReceiptCodec.recordBytes(buffer, 0)).isEqualTo(buffer.limit());
    assertThat(buffer.get(ReceiptCodec.HEADER_BYTES)).isEqualTo((byte) 2);
    assertThat(ReceiptCodec.decode(buffer, 0)).isEqualTo(receipt);
  }

  @Test
  void readsBackWhatIsOfTier2() {
    for (Receipt receipt :
        List.of(
            Receipts.onTier2(Receipts.of(Receipts.ACME, Receipts.HELLO, Receipts.NOW)),
            Receipts.onTier2(Receipts.ofCompiling(Receipts.ACME, Receipts.HELLO, Receipts.NOW)))) {
      buffer.clear();
      ReceiptCodec.encode(receipt, buffer);
      buffer.flip();
      assertThat(ReceiptCodec.recordBytes(buffer, 0)).isEqualTo(buffer.limit());
      assertThat(buffer.get(ReceiptCodec.HEADER_BYTES)).isEqualTo((byte) 3);
      assertThat(ReceiptCodec.decode(buffer, 0)).isEqualTo(receipt);
    }
  }

  /** A record as the builds wrote it that knew runs only. */
  @Test
  void readsAndWritesRunsAsTheyWereBeforeThereWereKinds() {
    byte[] body =
        HexFormat.of()
            .parseHex(
                "01" // version
                    + "019e70b93d407abc8def0123456789ab" // run
                    + "0000019e70b93d40" // started
                    + "00000000000003e8" // fuel
                    + "000000000000012d" // nano-dollars
                    + "0000000000010000" // peak
                    + "00000000001e8480" // duration
                    + "00000001" // cost table
                    + "00000001" // prices
                    + "120970d812836f19888625587a4606a5ad23cef31c8684e601771552548fc6b9"
                    + "0461636d65" // acme
                    + "0568656c6c6f" // hello
                    + "09636f6d706c65746564"); // completed
    CRC32C crc = new CRC32C();
    crc.update(body);
    buffer.putInt(body.length).putInt((int) crc.getValue()).put(body).flip();
    assertThat(ReceiptCodec.recordBytes(buffer, 0)).isEqualTo(8 + body.length);
    Receipt receipt = Objects.requireNonNull(ReceiptCodec.decode(buffer, 0));
    assertThat(receipt.kind()).isEqualTo(Receipt.Kind.RUN);
    assertThat(receipt.run().uuid())
        .isEqualTo(UUID.fromString("019e70b9-3d40-7abc-8def-0123456789ab"));
    assertThat(receipt.outcome()).isEqualTo(Receipt.Outcome.COMPLETED);
    byte[] old = Arrays.copyOf(buffer.array(), buffer.limit());
    buffer.clear();
    ReceiptCodec.encode(receipt, buffer);
    assertThat(Arrays.copyOf(buffer.array(), buffer.position())).isEqualTo(old);
  }

  @Test
  void longestReceiptFitsTheLargestRecord() {
    Receipt receipt =
        new Receipt(
            Receipt.Kind.COMPILE,
            new RunId(new UUID(-1, -1)),
            new TenantId("t".repeat(63)),
            new FunctionName("f".repeat(63)),
            Receipts.DIGEST,
            (1L << 48) - 1,
            StoreLimits.MAX_FUEL,
            Integer.MAX_VALUE,
            Integer.MAX_VALUE,
            Long.MAX_VALUE,
            1L << 32,
            Long.MAX_VALUE,
            Receipt.Outcome.HOST_FAILURE,
            Receipt.TIER_2);
    ReceiptCodec.encode(receipt, buffer);
    assertThat(buffer.position()).isLessThanOrEqualTo(ReceiptCodec.MAX_RECORD_BYTES);
    buffer.flip();
    assertThat(ReceiptCodec.decode(buffer, 0)).isEqualTo(receipt);
  }

  @Test
  void everyFlippedBitAndEveryCutIsNoticed() {
    Receipt receipt = Receipts.of(Receipts.ACME, Receipts.HELLO, Receipts.NOW);
    ReceiptCodec.encode(receipt, buffer);
    buffer.flip();
    int bytes = buffer.limit();
    for (int bit = 0; bit < bytes * 8; bit++) {
      byte before = buffer.get(bit / 8);
      buffer.put(bit / 8, (byte) (before ^ 1 << bit % 8));
      assertThat(ReceiptCodec.recordBytes(buffer, 0)).as("bit %d", bit).isZero();
      buffer.put(bit / 8, before);
    }
    for (int cut = 0; cut < bytes; cut++) {
      buffer.limit(cut);
      assertThat(ReceiptCodec.recordBytes(buffer, 0)).as("cut to %d", cut).isZero();
    }
  }

  @Test
  void refusesWhatTheLedgerCannotHoldAndLeavesTheBufferAlone() {
    Receipt negative =
        Receipts.withFuel(Receipts.of(Receipts.ACME, Receipts.HELLO, Receipts.NOW), -1);
    buffer.position(7);
    assertThatThrownBy(() -> ReceiptCodec.encode(negative, buffer))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a receipt's fuel is -1; it must be from 0 to 9223372036854775807");
    assertThat(buffer.position()).isEqualTo(7);
  }
}
