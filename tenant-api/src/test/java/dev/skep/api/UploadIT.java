package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** What the answer of an upload says of the module. */
class UploadIT {
  private static final Http TENANT = TestNode.tenant("uploader");
  private static final String F = "/v1/tenants/uploader/functions/";

  @Test
  void functionsThatBecomeHugeMethodsAreNamedInTheAnswerAndLater() {
    Http.Answer put = TENANT.put(F + "json", Http.guest("wasm/json_transform.wasm"));
    assertThat(put.status()).as(put.text()).isEqualTo(201);
    JsonArray oversized = put.json().getJsonArray("oversizedFunctions");
    assertThat(oversized.size()).isPositive().isEqualTo(put.json().getInteger("oversizedCount"));
    JsonObject largest = oversized.getJsonObject(0);
    assertThat(largest.getString("tier")).isEqualTo("compiled-late");
    assertThat(largest.getLong("estimatedMethodBytes")).isBetween(8_001L, 65_535L);
    assertThat(largest.getInteger("slowdown")).isEqualTo(1);
    assertThat(largest.getString("name")).isNotBlank();
    JsonObject shown = TENANT.get(F + "json").json();
    assertThat(shown.getJsonArray("oversizedFunctions")).isEqualTo(oversized);

    Http.Answer small = TENANT.put(F + "small", Http.guest("wasm/fib.wasm"));
    assertThat(small.json().getInteger("oversizedCount")).isZero();
  }

  @Test
  void aModuleWhoseExportsCannotBeListedIsOverALimit() {
    // Escaped, each of these control characters takes six.
    Http.Answer put = TENANT.put(F + "listed", exporting(9_000, "\u0001".repeat(20)));
    assertThat(put.status()).as(put.text()).isEqualTo(422);
    assertThat(put.json().getString("type")).isEqualTo("urn:skep:problem:module-limit");
    assertThat(put.json().getString("detail")).contains("characters as JSON; at most 1048576");
  }

  @Test
  void namesThatAreEscapedOnlyInAnAnswerAreWithinTheLimit() {
    byte[] module = exporting(1_000, "<".repeat(200));
    Http.Answer put = TENANT.put(F + "escaped", module);
    assertThat(put.status()).as(put.text()).isEqualTo(201);
    assertThat(put.text()).hasSizeGreaterThan(1 << 20).doesNotContain("<");
    assertThat(put.json().getJsonArray("exports").getJsonObject(7).getString("name"))
        .isEqualTo("<".repeat(200) + 7);
    assertThat(put.json().getJsonObject("compile").getLong("fuel")).isPositive();
  }

  /** A module that exports its memory by many names. */
  private static byte[] exporting(int count, String prefix) {
    ByteArrayOutputStream exports = new ByteArrayOutputStream();
    unsigned(exports, count);
    for (int i = 0; i < count; i++) {
      byte[] name = (prefix + i).getBytes(StandardCharsets.UTF_8);
      unsigned(exports, name.length);
      exports.writeBytes(name);
      exports.write(2);
      exports.write(0);
    }
    ByteArrayOutputStream module = new ByteArrayOutputStream();
    module.writeBytes(new byte[] {0, 'a', 's', 'm', 1, 0, 0, 0, 5, 3, 1, 0, 1, 7});
    unsigned(module, exports.size());
    module.writeBytes(exports.toByteArray());
    return module.toByteArray();
  }

  /** One value of the page of metrics, 0 if it is not there. */
  private static double metric(String sample) {
    return TestNode.operator()
        .as(null)
        .get("/metrics")
        .text()
        .lines()
        .filter(line -> line.startsWith(sample + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(sample.length() + 1)))
        .sum();
  }

  @Test
  void whatUploadsTakeAndPayIsMeasured() {
    String invalid = "skep_engine_refused_modules_total{reason=\"not-wasm\",}";
    String digest = "skep_engine_refused_modules_total{reason=\"digest-mismatch\",}";
    String charged = "skep_compile_fuel_total{tenant=\"upload-payer\",}";
    Http payer = TestNode.tenant("upload-payer");
    String functions = "/v1/tenants/upload-payer/functions/";
    double invalidBefore = metric(invalid);
    double digestBefore = metric(digest);
    double checkedBefore = metric("skep_engine_checks_total");
    double cpuBefore = metric("skep_engine_check_cpu_seconds_total");

    assertThat(payer.put(functions + "none", new byte[8]).status()).isEqualTo(415);
    assertThat(metric(invalid)).isEqualTo(invalidBefore + 1);
    byte[] fib = Http.guest("wasm/fib.wasm");
    assertThat(
            payer
                .put(functions + "one", fib, "Content-Digest", "sha-256=:" + "A".repeat(43) + "=:")
                .status())
        .isEqualTo(400);
    assertThat(metric(digest)).isEqualTo(digestBefore + 1);
    assertThat(metric(charged)).isZero();

    byte[] add = Http.guest("wasm/add.wasm");
    for (byte[] version : new byte[][] {fib, fib, add, fib}) {
      assertThat(payer.put(functions + "one", version).status()).isIn(200, 201);
    }
    assertThat(metric(charged)).as("each version once").isEqualTo((84 + 207) * 1_000);
    // Other tests may upload too.
    assertThat(metric("skep_engine_checks_total")).isGreaterThanOrEqualTo(checkedBefore + 5);
    assertThat(metric("skep_engine_check_cpu_seconds_total")).isGreaterThan(cpuBefore);
    assertThat(payer.post(functions + "one/invoke?export=fib", "{\"args\":[5]}").status())
        .isEqualTo(200);
    assertThat(metric("skep_engine_compile_wait_seconds_count")).isPositive();
  }

  @Test
  void aModuleIsHeldUntilItsLastTenantDeletesIt() {
    Http other = TestNode.tenant("second-holder");
    String theirs = "/v1/tenants/second-holder/functions/held";
    byte[] module = withCustomSection(Http.guest("wasm/add.wasm"), "held");
    TestNode.deploy(TENANT, F + "held", module, 1);
    TestNode.deploy(other, theirs, module, 1);
    String run = "/invoke?export=add_i32";
    String args = "{\"args\":[1,2]}";
    assertThat(TENANT.post(F + "held" + run, args).status()).isEqualTo(200);
    assertThat(TENANT.delete(F + "held").status()).isEqualTo(204);
    assertThat(isCompiled(other, theirs)).isTrue();
    assertThat(other.post(theirs + run, args).status()).isEqualTo(200);

    assertThat(other.delete(theirs).status()).isEqualTo(204);
    double before = metric("skep_engine_compiles_total");
    TestNode.deploy(other, theirs, module, 1);
    assertThat(other.post(theirs + run, args).status()).isEqualTo(200);
    assertThat(metric("skep_engine_compiles_total")).isGreaterThanOrEqualTo(before + 1);
  }

  /** The module in bytes that no other test has. */
  private static byte[] withCustomSection(byte[] module, String name) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(module);
    out.write(0);
    unsigned(out, name.length() + 1);
    unsigned(out, name.length());
    out.writeBytes(name.getBytes(StandardCharsets.UTF_8));
    return out.toByteArray();
  }

  private static boolean isCompiled(Http tenant, String function) {
    return tenant.get(function).json().getJsonObject("compiled").getBoolean("ready");
  }

  private static void unsigned(ByteArrayOutputStream out, int value) {
    int rest = value;
    while (rest > 0x7F) {
      out.write((rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    out.write(rest);
  }
}
