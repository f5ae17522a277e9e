package dev.skep.loadtest;

import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Modules made from the guests of the repository by changing bytes at random, and some that are
 * random from the first section on. A seed and a number make one module. Not thread-safe.
 */
final class MutatedModules {
  private static final List<String> SMALL =
      List.of("add", "fib", "trap", "pages", "three_pages", "kernels");
  private static final List<String> LARGE =
      List.of("json_transform_small", "json_transform", "hello_cgi", "wordcount");

  /** Large guests take a millisecond each, so few are made of them. */
  private static final int ONE_LARGE_IN = 50;

  private static final int ONE_RANDOM_IN = 10;
  private static final int MOST_RANDOM_BYTES = 2_000;
  private static final int HEADER = 8;

  private final List<byte[]> small = SMALL.stream().map(MutatedModules::guest).toList();
  private final List<byte[]> large = LARGE.stream().map(MutatedModules::guest).toList();
  private final long seed;
  private final Random random = new Random();

  MutatedModules(long seed) {
    this.seed = seed;
  }

  private static byte[] guest(String name) {
    return Guests.bytes("wasm/" + name + ".wasm");
  }

  /** Module number {@code index}, whichever were asked for before. */
  byte[] at(long index) {
    random.setSeed(seed * 31 + index);
    if (random.nextInt(ONE_RANDOM_IN) == 0) {
      return randomSections();
    }
    List<byte[]> guests = random.nextInt(ONE_LARGE_IN) == 0 ? large : small;
    byte[] bytes = guests.get(random.nextInt(guests.size())).clone();
    for (int edits = 1 + random.nextInt(random.nextInt(4) == 0 ? 10 : 2); edits > 0; edits--) {
      bytes = edited(bytes);
    }
    return bytes;
  }

  /** A header, and sections whose lengths fit and whose contents are anything. */
  private byte[] randomSections() {
    ByteSink module = ModuleWriter.header();
    int id = 0;
    while (module.length() < MOST_RANDOM_BYTES && id < 13) {
      id += 1 + random.nextInt(3);
      byte[] content = new byte[random.nextInt(200)];
      random.nextBytes(content);
      if (content.length > 0) {
        // A count that may be true, rather than one past every limit.
        content[0] = (byte) random.nextInt(8);
      }
      module.raw(ModuleWriter.section(id, new ByteSink().raw(content)));
    }
    return module.toBytes();
  }

  private byte[] edited(byte[] original) {
    byte[] bytes = original;
    int at = HEADER + random.nextInt(bytes.length - HEADER);
    switch (random.nextInt(8)) {
      case 0 -> bytes[at] = (byte) random.nextInt(256);
      case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
      case 2 -> bytes[at]++;
      case 3 -> bytes[at]--;
      case 4 -> {
        int from = Math.min(bytes.length, at + 1 + random.nextInt(4));
        byte[] shorter = Arrays.copyOf(bytes, at + bytes.length - from);
        System.arraycopy(bytes, from, shorter, at, bytes.length - from);
        bytes = shorter.length <= HEADER ? bytes : shorter;
      }
      case 5 -> {
        byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
        System.arraycopy(bytes, at, longer, at + 1, bytes.length - at);
        longer[at] = (byte) random.nextInt(256);
        bytes = longer;
      }
      case 6 -> {
        byte[] other = small.get(random.nextInt(small.size()));
        int from = random.nextInt(other.length);
        int count = Math.min(Math.min(other.length - from, bytes.length - at), 20);
        System.arraycopy(other, from, bytes, at, count);
      }
      default -> bytes[at] = (byte) (random.nextBoolean() ? 0xFF : 0x80);
    }
    return bytes;
  }
}
