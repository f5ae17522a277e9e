package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * A large program that no one here wrote: WABT's assembler, as a function of a tenant. To be
 * compiled to machine code it takes a node of the tests minutes, since the JVM runs the compiler
 * there; so a build does that only if it is told to:
 *
 * <pre>
 * mvn test -pl tenant-api -am -Dtest=Wat2WasmIT -Dsurefire.failIfNoSpecifiedTests=false -Dskep.wat2wasm=true
 * </pre>
 */
class Wat2WasmIT {
  private static final boolean AS_MACHINE_CODE = Boolean.getBoolean("skep.wat2wasm");

  private static byte[] wat2wasm() throws IOException {
    // The module inside the artifact com.dylibso.chicory:wabt.
    try (InputStream in = Wat2WasmIT.class.getClassLoader().getResourceAsStream("wat2wasm")) {
      assertThat(in).isNotNull();
      return in.readAllBytes();
    }
  }

  @Test
  void onTier1ItAssemblesAModuleThatIsThenUploadedAndCalled() throws IOException {
    assemble("assembler-1", 1);
  }

  @Test
  void asMachineCodeItDoesTheSame() throws IOException {
    Assumptions.assumeTrue(
        AS_MACHINE_CODE,
        () -> {
          String reason = "compiling it takes minutes: not run without -Dskep.wat2wasm=true";
          System.out.println("Wat2WasmIT, as machine code: " + reason);
          return reason;
        });
    assemble("assembler-2", 2);
  }

  private static void assemble(String id, int tier) throws IOException {
    Http tenant = TestNode.tenant(id);
    String f = "/v1/tenants/" + id + "/functions/";
    TestNode.deploy(tenant, f + "wat2wasm", wat2wasm(), tier);
    tenant.patch(f + "wat2wasm", "{\"args\":[\"-\",\"--output=-\"]}");

    byte[] source =
        """
        (module
          (func (export "gcd") (param i32 i32) (result i32)
            (if (result i32) (i32.eqz (local.get 1))
              (then (local.get 0))
              (else
                (call 0 (local.get 1) (i32.rem_u (local.get 0) (local.get 1)))))))
        """
            .getBytes(UTF_8);
    Http.Answer module = tenant.send("POST", f + "wat2wasm/invoke", source);
    assertThat(module.status()).as(module.text()).isEqualTo(200);
    assertThat(module.bytes()).startsWith(0, 'a', 's', 'm');
    assertThat(module.header("Content-Type")).isEqualTo("application/octet-stream");
    assertThat(module.header("Skep-Tier")).isEqualTo(Integer.toString(tier));

    assertThat(tenant.put(f + "gcd", module.bytes()).status()).isEqualTo(201);
    Http.Answer gcd = tenant.post(f + "gcd/invoke?export=gcd", "{\"args\":[1071,462]}");
    assertThat(gcd.json().getJsonArray("results").getInteger(0)).isEqualTo(21);

    Http.Answer wrong = tenant.send("POST", f + "wat2wasm/invoke", "(module (".getBytes(UTF_8));
    assertThat(wrong.status()).isEqualTo(502);
    assertThat(wrong.json().getInteger("exitCode")).isNotZero();
    assertThat(wrong.json().getString("stderr")).contains("error");
    assertThat(wrong.header("Skep-Tier")).isEqualTo(Integer.toString(tier));
  }
}
