package dev.skep.scheduler;

/** Is shown the slots that hold an instance. */
@FunctionalInterface
public interface SlotVisitor {
  /**
   * One slot, as it is about now.
   *
   * @param slot its index
   * @param running whether a guest runs in it, else it is warm
   * @param tenant whose
   * @param function which
   * @param memoryBytes linear memory it holds
   */
  void visit(int slot, boolean running, TenantId tenant, FunctionName function, long memoryBytes);
}
