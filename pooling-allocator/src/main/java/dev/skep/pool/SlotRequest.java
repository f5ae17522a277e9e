package dev.skep.pool;

/**
 * A wish for a slot.
 *
 * @param owner whose slots it counts among
 * @param images of the module whose instance it is for: a slot that still holds them is preferred
 * @param memoryBytes linear memory that the instance starts with, over all its memories; the slot
 *     is of the smallest class that holds it, or of the one that the module has grown into before
 */
public record SlotRequest(SlotOwner owner, ModuleImages images, long memoryBytes) {}
