package dev.skep.engine.cranelift;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** How functions for aarch64 are put together. */
class Aarch64LinkerTest {
  private static final int RET = 0xD65F_03C0;

  private static byte[] code(int... words) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(words);
    return bytes.array();
  }

  @Test
  void whatIsNoFunctionIsInATableAtTheEnd() {
    Linker linker = new Aarch64Linker(2);
    assertThat(linker.add(0, code(RET))).isZero();
    assertThat(linker.add(1, code(RET, RET))).isEqualTo(64);
    assertThat(linker.add(2, code(RET))).isEqualTo(128);
    assertThat(linker.add(4, code(RET))).isEqualTo(192);
    assertThat(linker.add(3, code(RET))).isEqualTo(256);
    byte[] linked = linker.link();
    // The table of functions comes at the next multiple of 16, where this ends.
    assertThat(linked).hasSize(256 + 32);
    ByteBuffer bytes = ByteBuffer.wrap(linked).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(bytes.getLong(linked.length - 8)).isEqualTo(128 - linked.length);
    assertThat(bytes.getLong(linked.length - 16)).isEqualTo(256 - linked.length);
    assertThat(bytes.getLong(linked.length - 24)).isEqualTo(192 - linked.length);
    // What is between two functions is no function.
    assertThat(bytes.getInt(64)).isEqualTo(RET);
    assertThat(bytes.getInt(72)).isEqualTo(0xD420_0000);
  }

  @Test
  void aSymbolOfNothingIsRefused() {
    Linker linker = new Aarch64Linker(1);
    var _ = linker.add(0, code(RET));
    var _ = linker.add(2, code(RET));
    assertThatThrownBy(linker::link)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("1");
  }

  @Test
  void theStackOfAFunctionIsInItsFirstInstructions() throws UnsupportedException {
    Linker linker = new Aarch64Linker(0);
    int pushFrame = 0xA9BF_7BFD;
    int setFrame = 0x9100_03FD;
    assertThat(linker.stackOf(code(pushFrame, setFrame, RET))).isEqualTo(16);
    int pushPair = 0xA9BF_53F3; // stp x19, x20, [sp, #-16]!
    int pushFloats = 0x6DBF_27E8; // stp d8, d9, [sp, #-16]!
    int pushOne = 0xF81F_0FF5; // str x21, [sp, #-16]!
    int reserve = 0xD100_83FF; // sub sp, sp, #32
    assertThat(
            linker.stackOf(
                code(pushFrame, setFrame, pushPair, pushFloats, pushOne, reserve, RET, reserve)))
        .isEqualTo(16 + 3 * 16 + 32);
    int pages = 0xD140_07FF; // sub sp, sp, #1, lsl #12
    assertThat(linker.stackOf(code(pushFrame, setFrame, pages, RET))).isEqualTo(16 + 4_096);
    int movz16 = 0xD28A_0210; // movz x16, #0x5010
    int movk16 = 0xF2A0_0030; // movk x16, #1, lsl #16
    int large = 0xCB30_63FF; // sub sp, sp, x16
    assertThat(linker.stackOf(code(pushFrame, setFrame, movz16, large, RET)))
        .isEqualTo(16 + 0x5010);
    assertThat(linker.stackOf(code(pushFrame, setFrame, movz16, movk16, large)))
        .isEqualTo(16 + 0x1_5010);
    // Written, and not subtracted; and subtracted, but who knows what.
    assertThat(linker.stackOf(code(pushFrame, setFrame, movz16, RET))).isEqualTo(16);
    assertThatThrownBy(() -> linker.stackOf(code(pushFrame, setFrame, movz16, RET, large)))
        .isInstanceOf(UnsupportedException.class);
    assertThatThrownBy(() -> linker.stackOf(code(pushFrame, setFrame, large)))
        .isInstanceOf(UnsupportedException.class);
    int store = 0xF900_03E5; // str x5, [sp]
    assertThat(linker.stackOf(code(pushFrame, setFrame, store, reserve))).isEqualTo(16);
    assertThatThrownBy(() -> linker.stackOf(code(RET, RET)))
        .isInstanceOf(UnsupportedException.class);
    assertThatThrownBy(() -> linker.stackOf(code(pushFrame, pushPair, setFrame)))
        .isInstanceOf(UnsupportedException.class);
  }
}
