package dev.skep.loadtest;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Random;

/**
 * A module whose memory begins with a large image, made here rather than committed:
 *
 * <pre>
 *  (memory 32) (data (i32.const 0) "… random bytes …")
 *  (func (export "touch") (param $n i32) (result i32)
 *    ;; for each of the first n pages of 4 KiB: sum += its first word; its first word = sum
 * </pre>
 */
final class ImageGuest {
  /** A page of the system. */
  static final int PAGE = 4_096;

  private static final int I32 = 0x7F;

  private final byte[] image;

  /**
   * @param imageBytes of the image, a multiple of the page, at most 2 MiB
   */
  ImageGuest(int imageBytes) {
    image = new byte[imageBytes];
    new Random(imageBytes).nextBytes(image);
  }

  byte[] module() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {0, 'a', 's', 'm', 1, 0, 0, 0});
    section(out, 1, new byte[] {1, 0x60, 1, I32, 1, I32});
    section(out, 3, new byte[] {1, 0});
    section(out, 5, new byte[] {1, 0, 32});
    ByteArrayOutputStream exports = new ByteArrayOutputStream();
    exports.write(1);
    byte[] name = "touch".getBytes(StandardCharsets.UTF_8);
    exports.write(name.length);
    exports.writeBytes(name);
    exports.writeBytes(new byte[] {0, 0});
    section(out, 7, exports.toByteArray());
    section(out, 10, code());
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    data.writeBytes(new byte[] {1, 0, 0x41, 0, 0x0B});
    unsigned(data, image.length);
    data.writeBytes(image);
    section(out, 11, data.toByteArray());
    return out.toByteArray();
  }

  /** Locals: 0 n, 1 address, 2 sum. */
  private static byte[] code() {
    byte[] body = {
      1,
      2,
      I32, // two locals more
      0x03,
      0x40, // loop
      0x20,
      1, // address, for the store
      0x20,
      2,
      0x20,
      1,
      0x28,
      2,
      0,
      0x6A,
      0x22,
      2, // sum += load address
      0x36,
      2,
      0, // store
      0x20,
      1,
      0x41,
      (byte) 0x80,
      0x20,
      0x6A,
      0x21,
      1, // address += 4096
      0x20,
      0,
      0x41,
      1,
      0x6B,
      0x22,
      0, // n -= 1
      0x0D,
      0, // br_if loop
      0x0B, // end
      0x20,
      2,
      0x0B // sum
    };
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(1);
    unsigned(out, body.length);
    out.writeBytes(body);
    return out.toByteArray();
  }

  private static void section(ByteArrayOutputStream out, int id, byte[] content) {
    out.write(id);
    unsigned(out, content.length);
    out.writeBytes(content);
  }

  /** LEB128. */
  private static void unsigned(ByteArrayOutputStream out, int value) {
    int rest = value;
    while (rest >= 0x80) {
      out.write((rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    out.write(rest);
  }

  /** What {@code touch} answers on a memory as the module has it. */
  int expected(int pages) {
    ByteBuffer words = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
    int sum = 0;
    for (int i = 0; i < pages; i++) {
      sum += words.getInt(i * PAGE);
    }
    return sum;
  }
}
