package dev.skep.pool;

/**
 * What one owner of slots is sure of and may have at most.
 *
 * @param floorSlots slots of every class that nobody else can take, 0 to 1,000,000
 * @param ceilingSlots most slots over all classes, 1 to 1,000,000, at least the floor
 * @param weight of its share of the slots that are kept warm, 1 to 1,000
 * @param memoryBytes most linear memory live at once over all its stores, 0 or more
 * @param tableElements most table elements live at once over all its stores, 0 or more
 */
public record SlotShare(
    int floorSlots, int ceilingSlots, int weight, long memoryBytes, long tableElements) {

  /** Nothing for sure, everything if nobody else wants it. */
  public static final SlotShare ANY =
      new SlotShare(0, 1_000_000, 1, Long.MAX_VALUE, Long.MAX_VALUE);

  public SlotShare {
    check("floorSlots", floorSlots, 0, 1_000_000);
    check("ceilingSlots", ceilingSlots, Math.max(1, floorSlots), 1_000_000);
    check("weight", weight, 1, 1_000);
    check("memoryBytes", memoryBytes, 0, Long.MAX_VALUE);
    check("tableElements", tableElements, 0, Long.MAX_VALUE);
  }

  private static void check(String name, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be from " + least + " to " + most);
    }
  }
}
