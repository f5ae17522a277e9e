package dev.skep.engine.cranelift;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import org.junit.jupiter.api.Test;

/** What the linker for x86-64 makes of constants that stand for functions. */
class X86LinkerTest {
  private static final int MARKER = 0x2345_6789;

  private static byte[] hex(int... bytes) {
    byte[] out = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      out[i] = (byte) bytes[i];
    }
    return out;
  }

  /** {@code movabs $marker:symbol, register}, and what follows. */
  private static byte[] constant(int register, int symbol, int marker, int... then) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(register < 8 ? 0x48 : 0x49);
    out.write(0xB8 + (register & 7));
    for (int word : new int[] {symbol, marker}) {
      for (int i = 0; i < 4; i++) {
        out.write(word >> (8 * i));
      }
    }
    out.writeBytes(hex(then));
    return out.toByteArray();
  }

  private static byte[] linked(byte[] caller) {
    Linker linker = new X86Linker(MARKER);
    linker.add(0, hex(0xC3));
    assertThat(linker.add(1, caller)).isEqualTo(64);
    return linker.link();
  }

  private static int displacement(byte[] code, int at) {
    return (code[at] & 0xFF)
        | (code[at + 1] & 0xFF) << 8
        | (code[at + 2] & 0xFF) << 16
        | code[at + 3] << 24;
  }

  @Test
  void aCallThatFollowsAtOnceBecomesDirect() {
    byte[] code = linked(constant(0, 0, MARKER, 0xFF, 0xD0, 0xC3));
    // A no-operation of 7 bytes, then the call, which ends where it ended before.
    assertThat(code[64]).isEqualTo((byte) 0x0F);
    assertThat(code[71]).isEqualTo((byte) 0xE8);
    assertThat(76 + displacement(code, 72)).isZero();
    assertThat(code[76]).isEqualTo((byte) 0xC3);
  }

  @Test
  void aCallThroughOneOfTheUpperRegistersDoesToo() {
    byte[] code = linked(constant(8, 0, MARKER, 0x41, 0xFF, 0xD0, 0xC3));
    assertThat(code[72]).isEqualTo((byte) 0xE8);
    assertThat(77 + displacement(code, 73)).isZero();
  }

  @Test
  void aRegisterThatCallsPreserveKeepsTheAddress() {
    // movabs to rbx; call *rbx: it may be called again.
    byte[] code = linked(constant(3, 0, MARKER, 0xFF, 0xD3, 0xFF, 0xD3));
    assertThat(code[64]).isEqualTo((byte) 0x48);
    assertThat(code[65]).isEqualTo((byte) 0x8D);
    assertThat(code[66]).isEqualTo((byte) 0x1D);
    assertThat(71 + displacement(code, 67)).isZero();
    assertThat(code[74]).isEqualTo((byte) 0xFF);
  }

  @Test
  void aConstantWithAnotherMarkerIsTheGuests() {
    byte[] caller = constant(0, 0, MARKER + 1, 0xFF, 0xD0);
    byte[] code = linked(caller);
    for (int i = 0; i < caller.length; i++) {
      assertThat(code[64 + i]).isEqualTo(caller[i]);
    }
  }

  @Test
  void aSymbolOfNothingIsRefused() {
    assertThatThrownBy(() -> linked(constant(0, 7, MARKER)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("7");
  }

  @Test
  void theStackOfAFunctionIsInItsFirstInstructions() throws UnsupportedException {
    Linker linker = new X86Linker(MARKER);
    assertThat(linker.stackOf(hex(0x55, 0x48, 0x89, 0xE5, 0xC3, 0, 0))).isEqualTo(16);
    byte[] small = hex(0x55, 0x48, 0x89, 0xE5, 0x48, 0x83, 0xEC, 0x20, 0, 0, 0);
    assertThat(linker.stackOf(small)).isEqualTo(16 + 0x20);
    byte[] large = hex(0x55, 0x48, 0x89, 0xE5, 0x48, 0x81, 0xEC, 0x00, 0x10, 0, 0);
    assertThat(linker.stackOf(large)).isEqualTo(16 + 0x1000);
    assertThatThrownBy(() -> linker.stackOf(hex(0x90, 0x90, 0x90, 0x90, 0x90)))
        .isInstanceOf(UnsupportedException.class);
  }
}
