package dev.skep.engine;

import dev.skep.engine.ModuleDescription.OversizedFunction;
import dev.skep.engine.ModuleDescription.Tier;
import dev.skep.engine.ModuleRefusedException.Reason;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a node and its compiler's process say to each other, over the child's stdin and stdout. Both
 * are of one build, so there are no versions.
 *
 * <pre>
 *   request   number (4)  task                        length (4)  the module
 *   answer    number (4)  status  check CPU nanos (8)  length (4)  content
 * </pre>
 *
 * Numbers are big-endian, words as {@link DataOutputStream#writeUTF} has them. Answers come in any
 * order.
 */
final class CompilerMessages {
  /** Longest content of a message: classes within their budget, and what is said of them. */
  static final int MOST_BYTES = 1 << 30;

  /** What is asked for. */
  enum Task {
    CHECK,
    COMPILE
  }

  /** How it ended. */
  enum Status {
    DONE,
    /** Reason and message. */
    REFUSED,
    /** No room for it now: a message. */
    BUSY,
    /** It has failed, which is no fault of the module's: a message. */
    FAILED
  }

  /** A request as it comes in. */
  record Request(int number, Task task, byte[] module) {}

  /**
   * An answer as it comes in.
   *
   * @param checkCpuNanos of all checks of the process until now
   */
  record Answer(int number, Status status, long checkCpuNanos, byte[] content) {}

  private CompilerMessages() {}

  static void send(DataOutputStream out, Request request) throws IOException {
    out.writeInt(request.number());
    out.writeUTF(request.task().name());
    out.writeInt(request.module().length);
    out.write(request.module());
    out.flush();
  }

  static void send(DataOutputStream out, Answer answer) throws IOException {
    out.writeInt(answer.number());
    out.writeUTF(answer.status().name());
    out.writeLong(answer.checkCpuNanos());
    out.writeInt(answer.content().length);
    out.write(answer.content());
    out.flush();
  }

  /** The next request, waited for. */
  static Request readRequest(DataInputStream in) throws IOException {
    int number = in.readInt();
    Task task = word(Task.class, in);
    return new Request(number, task, content(in));
  }

  /** The next answer, waited for. */
  static Answer readAnswer(DataInputStream in) throws IOException {
    int number = in.readInt();
    Status status = word(Status.class, in);
    long checkCpuNanos = in.readLong();
    return new Answer(number, status, checkCpuNanos, content(in));
  }

  private static <E extends Enum<E>> E word(Class<E> words, DataInputStream in) throws IOException {
    String word = in.readUTF();
    try {
      return Enum.valueOf(words, word);
    } catch (IllegalArgumentException e) {
      throw new IOException("no " + words.getSimpleName() + " is called so", e);
    }
  }

  private static byte[] content(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length < 0 || length > MOST_BYTES) {
      throw new IOException("a message of " + length + " bytes; at most " + MOST_BYTES);
    }
    byte[] content = new byte[length];
    in.readFully(content);
    return content;
  }

  // ── Contents ──────────────────────────────────────────────────────────────────────────────

  private interface Writing {
    void to(DataOutputStream out) throws IOException;
  }

  private interface Reading<T> {
    T from(DataInputStream in) throws IOException;
  }

  private static byte[] written(Writing writing) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      writing.to(new DataOutputStream(bytes));
    } catch (IOException e) {
      throw new UncheckedIOException("arrays do not fail", e);
    }
    return bytes.toByteArray();
  }

  private static <T> T read(byte[] content, Reading<T> reading) {
    try {
      return reading.from(new DataInputStream(new ByteArrayInputStream(content)));
    } catch (IOException e) {
      throw new UncheckedIOException("the compiler's process has sent a broken message", e);
    }
  }

  static byte[] text(String message) {
    return message.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] content) {
    return new String(content, StandardCharsets.UTF_8);
  }

  static byte[] refusal(ModuleRefusedException refused) {
    return written(out -> {
      out.writeUTF(refused.reason().name());
      write(out, text(String.valueOf(refused.getMessage())));
    });
  }

  static ModuleRefusedException refusal(byte[] content) {
    return read(
        content, in -> new ModuleRefusedException(word(Reason.class, in), text(content(in))));
  }

  static byte[] oversized(OversizedFunctions functions) {
    return written(out -> write(out, functions));
  }

  static OversizedFunctions oversized(byte[] content) {
    return read(content, CompilerMessages::readOversized);
  }

  static byte[] code(TierOneCode code) {
    return written(out -> {
      write(out, code.oversized());
      write(out, code.module());
      out.writeUTF(code.mainClass());
      out.writeInt(code.classes().size());
      for (Map.Entry<String, byte[]> each : code.classes().entrySet()) {
        out.writeUTF(each.getKey());
        write(out, each.getValue());
      }
      out.writeInt(code.depthUnits().size());
      for (Map.Entry<Integer, Integer> each : code.depthUnits().entrySet()) {
        out.writeInt(each.getKey());
        out.writeInt(each.getValue());
      }
      out.writeInt(code.interpreted().size());
      for (int function : code.interpreted()) {
        out.writeInt(function);
      }
      out.writeInt(code.attempts());
    });
  }

  static TierOneCode code(byte[] content) {
    return read(
        content,
        in -> {
          OversizedFunctions oversized = readOversized(in);
          byte[] module = content(in);
          String mainClass = in.readUTF();
          int classCount = in.readInt();
          Map<String, byte[]> classes = new LinkedHashMap<>();
          for (int i = 0; i < classCount; i++) {
            String name = in.readUTF();
            classes.put(name, content(in));
          }
          int depthCount = in.readInt();
          Map<Integer, Integer> depthUnits = HashMap.newHashMap(depthCount);
          for (int i = 0; i < depthCount; i++) {
            int function = in.readInt();
            depthUnits.put(function, in.readInt());
          }
          int interpretedCount = in.readInt();
          List<Integer> interpreted = new ArrayList<>();
          for (int i = 0; i < interpretedCount; i++) {
            interpreted.add(in.readInt());
          }
          return new TierOneCode(
              oversized, module, mainClass, classes, depthUnits, interpreted, in.readInt());
        });
  }

  private static void write(DataOutputStream out, byte[] bytes) throws IOException {
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  private static void write(DataOutputStream out, OversizedFunctions functions) throws IOException {
    out.writeInt(functions.count());
    out.writeInt(functions.largest().size());
    for (OversizedFunction each : functions.largest()) {
      out.writeInt(each.index());
      // Not writeUTF, which ends at 65,535 bytes.
      write(out, text(each.name()));
      out.writeLong(each.estimatedMethodBytes());
      out.writeUTF(each.tier().name());
    }
  }

  private static OversizedFunctions readOversized(DataInputStream in) throws IOException {
    int count = in.readInt();
    int named = in.readInt();
    List<OversizedFunction> largest = new ArrayList<>();
    for (int i = 0; i < named; i++) {
      int index = in.readInt();
      String name = text(content(in));
      long bytes = in.readLong();
      largest.add(new OversizedFunction(index, name, bytes, word(Tier.class, in)));
    }
    return new OversizedFunctions(largest, count);
  }
}
