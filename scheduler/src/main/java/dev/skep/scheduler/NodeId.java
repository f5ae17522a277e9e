package dev.skep.scheduler;

import java.util.UUID;

/**
 * Names one life of one process: a node that starts again is another.
 *
 * @param uuid the name
 */
public record NodeId(UUID uuid) {

  /** A name that no other process has. */
  public static NodeId random() {
    return new NodeId(UUID.randomUUID());
  }

  @Override
  public String toString() {
    return uuid.toString();
  }
}
