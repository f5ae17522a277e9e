package dev.skep.engine;

import static org.objectweb.asm.Opcodes.BIPUSH;
import static org.objectweb.asm.Opcodes.ICONST_0;
import static org.objectweb.asm.Opcodes.ICONST_5;
import static org.objectweb.asm.Opcodes.ICONST_M1;
import static org.objectweb.asm.Opcodes.SIPUSH;

import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.InsnNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;

/** Instructions that push an int. */
final class Constants {
  private Constants() {}

  /** The shortest instruction that pushes {@code value}. */
  static AbstractInsnNode push(int value) {
    if (value >= -1 && value <= 5) {
      return new InsnNode(ICONST_0 + value);
    }
    if (value >= Byte.MIN_VALUE && value <= Byte.MAX_VALUE) {
      return new IntInsnNode(BIPUSH, value);
    }
    return value >= Short.MIN_VALUE && value <= Short.MAX_VALUE
        ? new IntInsnNode(SIPUSH, value)
        : new LdcInsnNode(value);
  }

  /**
   * What an instruction pushes.
   *
   * @throws IllegalStateException if it pushes no int
   */
  static int valueOf(AbstractInsnNode node) {
    int opcode = node.getOpcode();
    if (opcode >= ICONST_M1 && opcode <= ICONST_5) {
      return opcode - ICONST_0;
    }
    if (node instanceof IntInsnNode push) {
      return push.operand;
    }
    if (node instanceof LdcInsnNode ldc && ldc.cst instanceof Integer value) {
      return value;
    }
    throw new IllegalStateException("the compiler did not push a charge's cost before it");
  }
}
