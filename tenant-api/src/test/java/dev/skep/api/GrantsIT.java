package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a function is granted, over HTTP and PostgreSQL; its guest is {@code files.wasm}. */
class GrantsIT {
  private static final String F = "/v1/tenants/granter/functions/";
  private static Http tenant;

  @BeforeAll
  static void upload() {
    tenant = TestNode.tenant("granter");
  }

  private static byte[] zip(String... namesAndTexts) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream out = new ZipOutputStream(bytes, UTF_8)) {
      for (int i = 0; i < namesAndTexts.length; i += 2) {
        out.putNextEntry(new ZipEntry(namesAndTexts[i]));
        out.write(namesAndTexts[i + 1].getBytes(UTF_8));
        out.closeEntry();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** A function of the guest with these grants. */
  private static void function(String name, JsonObject grants) {
    assertThat(tenant.put(F + name, Http.guest("wasm/files.wasm")).status()).isEqualTo(201);
    grant(name, grants);
  }

  private static void grant(String name, JsonObject grants) {
    Http.Answer answer = tenant.patch(F + name, new JsonObject().put("grants", grants).encode());
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.json().getJsonObject("grants")).isEqualTo(grants);
  }

  private static Http.Answer run(String name, String... args) {
    JsonArray array = new JsonArray();
    for (String arg : args) {
      array.add(arg);
    }
    tenant.patch(F + name, new JsonObject().put("args", array).encode());
    return tenant.get("/run/granter/" + name);
  }

  @Test
  void aTreeIsUploadedGrantedReadReplacedAndTakenAway() {
    function("reader", new JsonObject());
    Http.Answer none = run("reader", "read", "/data/greeting");
    assertThat(none.status()).isEqualTo(502);
    assertThat(none.json().getJsonArray("refused").encode())
        .contains("{\"function\":\"fd_prestat_get\",\"grant\":\"tree\"}");

    String tree = F + "reader/tree";
    assertThat(tenant.get(tree).status()).isEqualTo(404);
    assertThat(tenant.delete(tree).status()).isEqualTo(404);
    byte[] first = zip("greeting", "good morning", "sub/deep", "x");
    Http.Answer stored = tenant.put(tree, first, "Content-Type", "application/zip");
    assertThat(stored.status()).as(stored.text()).isEqualTo(201);
    assertThat(stored.json().getLong("bytes")).isEqualTo(13);
    assertThat(stored.json().getJsonArray("entries").size()).isEqualTo(3);
    assertThat(tenant.put(tree, first).status()).isEqualTo(200);
    assertThat(tenant.get(tree).json()).isEqualTo(stored.json());
    assertThat(tenant.get(F + "reader").json().getString("tree"))
        .isEqualTo(stored.json().getString("tree"));
    // Uploaded, and still not granted.
    assertThat(run("reader", "read", "/data/greeting").status()).isEqualTo(502);

    grant("reader", new JsonObject().put("tree", "/data"));
    Http.Answer read = run("reader", "read", "/data/greeting");
    assertThat(read.text()).isEqualTo("good morning");
    assertThat(run("reader", "list", "/data").text()).isEqualTo("greeting\nsub/\n");
    assertThat(run("reader", "read", "/data/../greeting").status()).isEqualTo(502);
    assertThat(run("reader", "read", "/etc/passwd").status()).isEqualTo(502);
    Http.Answer written = run("reader", "write", "/data/new", "x");
    assertThat(written.status()).isEqualTo(502);
    assertThat(written.json().getString("detail"))
        .contains("path_open", "\"scratch\": {\"path\": \"/tmp\"}", "PATCH");

    assertThat(tenant.put(tree, zip("greeting", "good night")).status()).isEqualTo(201);
    assertThat(run("reader", "read", "/data/greeting").text()).isEqualTo("good night");
    assertThat(tenant.delete(tree).status()).isEqualTo(204);
    assertThat(run("reader", "list", "/data").text()).isEmpty();
    assertThat(run("reader", "read", "/data/greeting").status()).isEqualTo(502);
  }

  @Test
  void scratchSpaceIsForgottenAfterEachRun() {
    JsonObject scratch =
        new JsonObject().put("path", "/tmp").put("bytes", 65_536).put("entries", 10);
    function("writer", new JsonObject().put("scratch", scratch));
    for (int i = 0; i < 3; i++) {
      assertThat(run("writer", "write", "/tmp/file", "kept for now").text())
          .isEqualTo("kept for now\n");
      assertThat(run("writer", "list", "/tmp").text()).isEmpty();
      assertThat(run("writer", "work", "/tmp").text()).endsWith("done\n");
    }
  }

  @Test
  void whatIsMissingIsNamedWithWhatToDo() {
    function("clockless", new JsonObject());
    Http.Answer refused = run("clockless", "random");
    assertThat(refused.status()).isEqualTo(502);
    assertThat(refused.json().getString("detail"))
        .contains("the guest asked for random_get, which is not granted")
        .contains("\"random\": true")
        .contains("PATCH")
        .doesNotContain("fd_prestat");
    grant("clockless", new JsonObject().put("random", true));
    assertThat(run("clockless", "random").text()).hasSize(17);
    assertThat(run("clockless", "time").json().getString("detail")).contains("clock_time_get");
    grant("clockless", new JsonObject().put("clock", true).put("monotonicClock", true));
    assertThat(run("clockless", "time").text()).endsWith("moves\n");
    assertThat(run("clockless", "random").status()).isEqualTo(502);
    assertThat(run("clockless", "sleep", "5").text()).isEqualTo("5\n");
    Http.Answer slept = run("clockless", "sleep", "60");
    assertThat(slept.status()).isEqualTo(504);
    assertThat(slept.json().getString("detail")).contains("slept");
  }

  @Test
  void grantsAndArchivesThatAreNoneAreRefused() {
    function("strict", new JsonObject());
    for (String grants :
        new String[] {
          "{\"clocks\": true}",
          "{\"clock\": 1}",
          "{\"tree\": \"data\"}",
          "{\"tree\": \"/a/../b\"}",
          "{\"tree\": \"/a/\"}",
          "{\"tree\": 5}",
          "{\"scratch\": true}",
          "{\"scratch\": {}}",
          "{\"scratch\": {\"path\": \"/tmp\", \"bytes\": 16777217}}",
          "{\"scratch\": {\"path\": \"/tmp\", \"bytes\": 1}}",
          "{\"scratch\": {\"path\": \"/tmp\", \"entries\": 4294967297}}",
          "{\"scratch\": {\"path\": \"/tmp\", \"size\": 1}}",
          "{\"tree\": \"/x\", \"scratch\": {\"path\": \"/x\"}}",
          "[]",
        }) {
      Http.Answer answer = tenant.patch(F + "strict", "{\"grants\": " + grants + "}");
      assertThat(answer.status()).as(grants).isEqualTo(400);
    }
    Http.Answer out = tenant.put(F + "strict/tree", zip("../out", "x"));
    assertThat(out.status()).isEqualTo(422);
    assertThat(out.json().getString("type")).isEqualTo("urn:skep:problem:tree-refused");
    assertThat(out.json().getString("detail")).contains("../out");
    assertThat(tenant.put(F + "strict/tree", "nothing".getBytes(UTF_8)).status()).isEqualTo(422);
    assertThat(tenant.put(F + "strict/tree", new byte[(16 << 20) + 1]).status()).isEqualTo(413);
    assertThat(tenant.put(F + "nobody/tree", zip("a", "x")).status()).isEqualTo(404);
    Http other = TestNode.tenant("granter-two");
    assertThat(other.put(F + "strict/tree", zip("a", "x")).status()).isEqualTo(404);
    assertThat(other.get(F + "strict/tree").status()).isEqualTo(404);
  }
}
