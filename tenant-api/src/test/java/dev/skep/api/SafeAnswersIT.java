package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLEncoder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * A tenant that puts into every string what acts on terminals, logs and pages: nothing of it
 * reaches an answer, the log or the metrics unescaped, and nothing of it reaches another tenant at
 * all.
 */
class SafeAnswersIT {
  private static final String MARK = "zq7mark";
  private static final String HOSTILE = MARK + SafeLogTest.HOSTILE + MARK;
  private static final String F = "/v1/tenants/mallory/functions/";

  private static final ListAppender<ILoggingEvent> LOG = new ListAppender<>();
  private static Level level = Level.WARN;
  private static Http mallory;
  private static Http smith;

  /** Every answer in JSON that mallory has got. */
  private static final List<Http.Answer> ANSWERS = new ArrayList<>();

  private static Logger root() {
    return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
  }

  @BeforeAll
  static void listen() throws IOException {
    level = root().getLevel();
    root().setLevel(Level.INFO);
    LOG.start();
    root().addAppender(LOG);
    mallory = TestNode.tenant("mallory");
    smith = TestNode.tenant("smith");
    try (InputStream in = SafeAnswersIT.class.getClassLoader().getResourceAsStream("wat2wasm")) {
      assertThat(in).isNotNull();
      String path = "/v1/tenants/smith/functions/wat2wasm";
      assertThat(smith.put(path, in.readAllBytes()).status()).isEqualTo(201);
      smith.patch(path, "{\"args\":[\"-\",\"--no-check\",\"--output=-\"]}");
    }
  }

  @AfterAll
  static void leave() {
    root().detachAppender(LOG);
    root().setLevel(level);
  }

  // ── Modules ───────────────────────────────────────────────────────────────────────────────

  private static byte[] assembled(String wat) {
    Http.Answer module =
        smith.send("POST", "/v1/tenants/smith/functions/wat2wasm/invoke", wat.getBytes(UTF_8));
    assertThat(module.status()).as(module.text()).isEqualTo(200);
    return module.bytes();
  }

  /** A string of the text format, byte by byte. */
  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (byte b : text.getBytes(UTF_8)) {
      out.append('\\').append(HexFormat.of().toHexDigits(b));
    }
    return out.append('"').toString();
  }

  private static void leb(ByteArrayOutputStream out, int value) {
    int rest = value;
    while (rest >= 0x80) {
      out.write((rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    out.write(rest);
  }

  private static void name(ByteArrayOutputStream out, String name) {
    byte[] bytes = name.getBytes(UTF_8);
    leb(out, bytes.length);
    out.writeBytes(bytes);
  }

  private static void section(ByteArrayOutputStream out, int id, ByteArrayOutputStream content) {
    out.write(id);
    leb(out, content.size());
    out.writeBytes(content.toByteArray());
  }

  /** The module with a name for each of its functions, and a custom section. */
  private static byte[] named(byte[] module, int functions) {
    ByteArrayOutputStream names = new ByteArrayOutputStream();
    leb(names, functions);
    for (int i = 0; i < functions; i++) {
      leb(names, i);
      name(names, HOSTILE + i);
    }
    ByteArrayOutputStream nameSection = new ByteArrayOutputStream();
    name(nameSection, "name");
    section(nameSection, 1, names);
    ByteArrayOutputStream other = new ByteArrayOutputStream();
    name(other, HOSTILE);
    other.writeBytes(HOSTILE.getBytes(UTF_8));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(module);
    section(out, 0, nameSection);
    section(out, 0, other);
    return out.toByteArray();
  }

  /** Every way to fail, each after saying something on standard error. */
  private static byte[] failing() {
    int length = HOSTILE.getBytes(UTF_8).length;
    return named(
        assembled(
            """
            (module
              (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (memory (export "memory") 1)
              (data (i32.const 64) TEXT)
              (func $say (param i32)
                (i32.store (i32.const 0) (i32.const 64))
                (i32.store (i32.const 4) (i32.const LENGTH))
                (drop (call $write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 8))))
              (func (export NAME_trap) (call $say (i32.const 2)) (unreachable))
              (func (export NAME_spin) (call $say (i32.const 2)) (loop (br 0)))
              (func $deep (export NAME_deep) (call $say (i32.const 2)) (call $deep) (drop (i32.const 0)))
              (func (export NAME_bytes) (param i32 i32) (result i64)
                (call $say (i32.const 2)) (i64.const -1))
              (func (export NAME_refuse) (param i32 i32) (result i64)
                (call $say (i32.const 2)) (i64.const 0))
              (func (export "alloc") (param i32) (result i32) (i32.const 1024))
              (func (export "_start")
                (call $say (i32.const 1)) (call $say (i32.const 2)) (call $exit (i32.const 3))))
            """
                .replace("TEXT", quoted(HOSTILE))
                .replace("LENGTH", Integer.toString(length))
                .replace("NAME_trap", quoted(HOSTILE + "trap"))
                .replace("NAME_spin", quoted(HOSTILE + "spin"))
                .replace("NAME_deep", quoted(HOSTILE + "deep"))
                .replace("NAME_bytes", quoted(HOSTILE + "bytes"))
                .replace("NAME_refuse", quoted(HOSTILE + "refuse"))),
        10);
  }

  // ── What must hold of every answer ────────────────────────────────────────────────────────

  private static Http.Answer noted(Http.Answer answer) {
    ANSWERS.add(answer);
    return answer;
  }

  private static void problem(Http.Answer answer, int status, String type) {
    noted(answer);
    assertThat(answer.status()).as(answer.text()).isEqualTo(status);
    assertThat(answer.json().getString("type")).isEqualTo("urn:skep:problem:" + type);
  }

  private static void isSafe(Http.Answer answer) {
    String text = answer.text();
    assertThat(answer.header("Content-Type")).matches("application/(problem\\+)?json");
    assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
    text.codePoints()
        .forEach(c -> assertThat(SafeText.isShown(c)).as("U+%04X in %s", c, text).isTrue());
    assertThat(text).doesNotContain("<");
    assertThat(new JsonObject(text)).isNotEmpty();
  }

  private static String invoke(String function, String export) {
    return F + function + "/invoke?export=" + URLEncoder.encode(export, UTF_8);
  }

  @Test
  void nothingThatATenantWritesActsElsewhere() throws Exception {
    uploads();
    runs();
    requests();
    settings();
    assertThat(TestNode.node().flushReceipts(Duration.ofSeconds(20))).isTrue();
    for (String path : List.of("usage", "runs", "compiles", "functions")) {
      noted(mallory.get("/v1/tenants/mallory/" + path));
    }
    noted(TestNode.operator().get("/v1/console"));
    noted(TestNode.operator().get("/v1/pool"));

    assertThat(ANSWERS).hasSizeGreaterThan(30);
    ANSWERS.forEach(SafeAnswersIT::isSafe);
    assertThat(ANSWERS).as("what was sent does come back").anyMatch(a -> a.text().contains(MARK));
    String log = SafeLogTest.rendered(List.copyOf(LOG.list));
    assertThat(log).contains("compiled");
    SafeLogTest.isSafe(log);
    assertThat(log).as("the log").doesNotContain(MARK);
    nobodyElseSeesAnyOfIt();
  }

  private static void uploads() {
    assertThat(noted(mallory.put(F + "fails", failing())).status()).isEqualTo(201);
    noted(mallory.get(F + "fails"));
    String odd = quoted(HOSTILE);
    problem(
        mallory.put(F + "r", assembled("(module (import " + odd + " " + odd + " (func)))")),
        422,
        "unknown-import");
    problem(
        mallory.put(F + "r", assembled("(module (import " + odd + " " + odd + " (memory 1)))")),
        422,
        "unknown-import");
    problem(
        mallory.put(
            F + "r", assembled("(module (func (export " + odd + ")) (func (export " + odd + ")))")),
        422,
        "invalid-module");
    problem(
        mallory.put(F + "r", assembled("(module (export " + odd + " (func 7)))")),
        422,
        "invalid-module");
    problem(
        mallory.put(F + "r", assembled("(module (func (export " + odd + ") (result i32)))")),
        422,
        "invalid-module");
    problem(
        mallory.put(
            F + "r", assembled("(module (func (export " + quoted(HOSTILE.repeat(99)) + ")))")),
        422,
        "module-limit");
    problem(mallory.put(F + "r", HOSTILE.getBytes(UTF_8)), 415, "not-wasm");
  }

  private static void runs() {
    mallory.patch(F + "fails", "{\"limits\":{\"fuel\":1000000}}");
    problem(mallory.post(invoke("fails", HOSTILE + "trap"), ""), 502, "guest-trapped");
    JsonObject trap = ANSWERS.getLast().json();
    assertThat(trap.getString("stderr")).as("means what it was").isEqualTo(HOSTILE);
    assertThat(trap.getJsonArray("stack").getJsonObject(0).getString("function")).contains(MARK);
    problem(mallory.post(invoke("fails", HOSTILE + "spin"), ""), 502, "out-of-fuel");
    mallory.patch(F + "fails", "{\"limits\":{\"callDepth\":50}}");
    problem(mallory.post(invoke("fails", HOSTILE + "deep"), ""), 502, "limit-exceeded");
    mallory.patch(F + "fails", "{\"limits\":{\"deadlineNanos\":1}}");
    problem(mallory.post(invoke("fails", HOSTILE + "spin"), ""), 504, "deadline-exceeded");
    mallory.patch(F + "fails", "{\"limits\":{}}");
    String bytes = invoke("fails", HOSTILE + "bytes") + "&abi=bytes";
    problem(mallory.post(bytes, HOSTILE), 502, "guest-trapped");
    problem(
        mallory.post(invoke("fails", HOSTILE + "refuse") + "&abi=bytes", HOSTILE),
        422,
        "input-refused");
    problem(
        mallory.post(invoke("fails", HOSTILE + "trap") + "&abi=bytes", ""), 400, "bad-arguments");
    problem(mallory.get("/run/mallory/fails/x"), 502, "guest-exited");
    mallory.put(
        F + "cgi",
        assembled(
            """
            (module
              (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (data (i32.const 64) TEXT)
              (func (export "_start")
                (i32.store (i32.const 0) (i32.const 64))
                (i32.store (i32.const 4) (i32.const 500))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
            """
                .replace("TEXT", quoted("X-Evil: \u001b[2J" + MARK + "\n\n"))));
    mallory.patch(F + "cgi", "{\"cgiResponse\":true}");
    problem(mallory.get("/run/mallory/cgi"), 502, "bad-response");
  }

  private static void requests() {
    String odd = URLEncoder.encode(HOSTILE, UTF_8);
    String json = new JsonObject().put(HOSTILE, HOSTILE).encode();
    problem(mallory.post(invoke("fails", HOSTILE + "none"), ""), 404, "unknown-export");
    problem(mallory.post(invoke("fails", "alloc"), json), 400, "bad-request");
    problem(
        mallory.post(
            invoke("fails", "alloc"),
            new JsonObject().put("args", new JsonArray().add(HOSTILE)).encode()),
        400,
        "bad-arguments");
    problem(mallory.post(invoke("fails", "alloc") + "&abi=" + odd, ""), 400, "bad-request");
    problem(mallory.get("/" + odd), 404, "not-found");
    problem(mallory.get(F + odd.replace("+", "%20")), 400, "bad-request");
    problem(mallory.get("/v1/tenants/" + odd + "/functions"), 400, "bad-request");
    problem(mallory.get("/v1/tenants/mallory/functions?limit=" + odd), 400, "bad-request");
    problem(mallory.get("/v1/tenants/mallory/functions?after=" + odd), 400, "bad-request");
    problem(mallory.get("/v1/tenants/mallory/usage?from=" + odd), 400, "bad-request");
    problem(mallory.get("/v1/tenants/mallory/runs?before=" + odd), 400, "bad-request");
    problem(mallory.get("/v1/tenants/mallory/runs/" + odd), 400, "bad-request");
    problem(mallory.as(MARK).get(F + "fails"), 401, "unauthenticated");
    problem(mallory.patch(F + "fails", json), 400, "bad-request");
    problem(
        mallory.patch(
            F + "fails",
            new JsonObject().put("env", new JsonObject().put(HOSTILE, HOSTILE)).encode()),
        400,
        "bad-request");
    problem(mallory.put(F + "r", new byte[0], "Content-Digest", MARK), 400, "bad-request");
  }

  private static void settings() {
    String text = HOSTILE.replace("\u0000", "");
    Http.Answer set =
        noted(
            mallory.patch(
                F + "fails",
                new JsonObject()
                    .put("args", new JsonArray().add(text))
                    .put("env", new JsonObject().put("GREETING", text))
                    .encode()));
    assertThat(set.status()).as(set.text()).isEqualTo(200);
    assertThat(set.json().getJsonObject("env").getString("GREETING")).isEqualTo(text);
    noted(
        TestNode.operator()
            .post("/v1/tenants/mallory/tokens", new JsonObject().put("label", text).encode()));
  }

  private static void nobodyElseSeesAnyOfIt() {
    Http other = TestNode.tenant("bystander");
    String functions = "/v1/tenants/bystander/functions/";
    List<Http.Answer> answers = new ArrayList<>();
    answers.add(other.put(functions + "fib", Http.guest("wasm/fib.wasm")));
    answers.add(other.put(functions + "fails", Http.guest("wasm/trap.wasm")));
    answers.add(other.put(functions + "hello", Http.guest("wasm/hello_cgi.wasm")));
    for (String export : Set.of("div_zero", "oob_load", "unreachable", "recurse", "none")) {
      answers.add(other.post(functions + "fails/invoke?export=" + export, ""));
    }
    for (int i = 0; i < 5; i++) {
      answers.add(other.post(functions + "fib/invoke?export=fib", "{\"args\":[10]}"));
      answers.add(other.get("/run/bystander/hello/x"));
    }
    assertThat(TestNode.node().flushReceipts(Duration.ofSeconds(20))).isTrue();
    for (String path :
        List.of("functions", "functions/fib", "functions/fails", "usage", "runs", "compiles")) {
      answers.add(other.get("/v1/tenants/bystander/" + path));
    }
    answers.add(other.get(F + "fails"));
    answers.add(other.get("/v1/tenants/mallory/runs"));
    answers.add(other.get("/run/mallory/fails"));
    answers.add(other.get("/v1/tenants"));
    answers.add(other.get("/v1/console"));
    Http.Answer metrics = other.get("/metrics");
    assertThat(metrics.text()).contains("skep_runs_total");
    metrics
        .text()
        .codePoints()
        .forEach(c -> assertThat(c == '\n' || SafeText.isShown(c)).as("U+%04X", c).isTrue());
    answers.add(metrics);
    answers.forEach(answer -> assertThat(answer.text()).doesNotContain(MARK, "FORGED"));
  }
}
