package dev.skep.engine;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a run can reach through WASI: its arguments, its environment, its standard streams. Holds
 * nothing open and nothing of the host. Confined to the thread that runs the guest.
 */
final class WasiContext {
  private static final byte[] NOTHING = {};
  private static final byte[][] NONE = {};

  private final byte[][] args;
  private final byte[][] env;
  private final byte[] stdin;
  private final int mostOutput;
  private final int mostError;
  private int stdinPosition;
  private final boolean[] open = {true, true, true};
  private final ByteArrayOutputStream stdout;
  private final ByteArrayOutputStream stderr;

  private WasiContext(byte[][] args, byte[][] env, byte[] stdin, EngineConfig config) {
    this.args = args;
    this.env = env;
    this.stdin = stdin;
    this.mostOutput = config.outputBytes();
    this.mostError = config.errorBytes();
    this.stdout = new ByteArrayOutputStream(0);
    this.stderr = new ByteArrayOutputStream(0);
  }

  /** What this invocation grants. */
  static WasiContext of(Invocation invocation, EngineConfig config) {
    return switch (invocation) {
      case Invocation.CommandRun run ->
          new WasiContext(strings(run.args()), strings(variables(run.env())), run.stdin(), config);
      case Invocation.TypedCall _, Invocation.BytesCall _ ->
          new WasiContext(NONE, NONE, NOTHING, config);
    };
  }

  private static List<String> variables(Map<String, String> env) {
    List<String> variables = new ArrayList<>(env.size());
    // Sorted, so that the guest sees the same bytes on every run and node.
    new TreeMap<>(env).forEach((name, value) -> variables.add(name + "=" + value));
    return variables;
  }

  /** Zero-terminated UTF-8. */
  private static byte[][] strings(List<String> texts) {
    byte[][] strings = new byte[texts.size()][];
    for (int i = 0; i < strings.length; i++) {
      strings[i] = (texts.get(i).replace('\0', '?') + '\0').getBytes(StandardCharsets.UTF_8);
    }
    return strings;
  }

  byte[][] args() {
    return args;
  }

  byte[][] env() {
    return env;
  }

  boolean isOpen(int fd) {
    return fd >= 0 && fd < open.length && open[fd];
  }

  void close(int fd) {
    open[fd] = false;
  }

  byte[] stdin() {
    return stdin;
  }

  int stdinPosition() {
    return stdinPosition;
  }

  void consume(int count) {
    stdinPosition += count;
  }

  /** Bytes that stdout still takes. */
  int room() {
    return mostOutput - stdout.size();
  }

  void writeOut(byte[] bytes) {
    stdout.writeBytes(bytes);
  }

  /** Keeps the first bytes and drops the rest. */
  void writeError(byte[] bytes) {
    stderr.write(bytes, 0, Math.min(bytes.length, mostError - stderr.size()));
  }

  byte[] stdout() {
    return stdout.toByteArray();
  }

  byte[] stderr() {
    return stderr.size() == 0 ? NOTHING : stderr.toByteArray();
  }
}
