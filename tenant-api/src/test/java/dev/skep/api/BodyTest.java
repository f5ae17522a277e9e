package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.buffer.Buffer;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BodyTest {
  /** In pieces of up to so many bytes; what is declared need not be true. */
  @ParameterizedTest
  @CsvSource({
    "0, 0, 1",
    "0, -1, 1",
    "0, 100, 1",
    "1, 1, 1",
    "1, -1, 1",
    "2048, 2048, 2048",
    "2048, 2048, 7",
    "2048, 2047, 100",
    "2048, 2049, 100",
    "65536, 65536, 65536",
    "65537, 65537, 65537",
    "65537, -1, 3",
    "65536, -1, 1000",
    "131072, 131072, 65536",
    "131073, 131073, 9000",
    "1000000, 9223372036854775807, 70000",
    "1000000, 10, 200000",
  })
  void bytesAreThoseThatCame(int length, long declared, int piece) {
    Random random = new Random(length + 31L * piece);
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    Body body = new Body(declared);
    int from = 0;
    while (from < length) {
      int part = Math.min(length - from, 1 + random.nextInt(piece));
      body.add(Buffer.buffer().appendBytes(bytes, from, part));
      from += part;
      assertThat(body.length()).isEqualTo(from);
    }
    body.add(Buffer.buffer());
    assertThat(body.take()).isEqualTo(bytes);
    assertThat(body.length()).isZero();
    assertThat(body.take()).isEmpty();
  }
}
