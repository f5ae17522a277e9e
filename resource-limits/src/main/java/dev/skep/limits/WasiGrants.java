package dev.skep.limits;

import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What of the host a guest may reach. Immutable.
 *
 * @param switches those grants that are only there or not: neither the tree nor the scratch space
 * @param tree where the guest sees its read-only tree, or null for none: see {@link #checkPath}
 * @param scratch its writable space, or null for none
 */
public record WasiGrants(
    Set<WasiGrant> switches, @Nullable String tree, @Nullable ScratchGrant scratch) {

  /** Nothing at all. */
  public static final WasiGrants NONE = new WasiGrants(Set.of(), null, null);

  private static final int MOST_PATH_BYTES = 255;

  public WasiGrants {
    switches = Set.copyOf(switches);
    if (switches.contains(WasiGrant.TREE) || switches.contains(WasiGrant.SCRATCH)) {
      throw new IllegalArgumentException("tree and scratch are granted with a path");
    }
    if (tree != null) {
      checkPath("tree", tree);
      if (scratch != null && scratch.path().equals(tree)) {
        throw new IllegalArgumentException(
            "tree and scratch.path are both " + tree + "; give each a path of its own");
      }
    }
  }

  /**
   * Checks a path that a tree is seen at: {@code /}, or names of letters, digits, {@code .}, {@code
   * _} and {@code -} behind a slash each, at most 255 bytes, no name {@code .} or {@code ..}.
   *
   * @throws IllegalArgumentException if it is none
   */
  public static void checkPath(String what, String path) {
    boolean names = path.matches("(/[A-Za-z0-9._-]+)+") && !path.matches(".*/\\.\\.?(/.*)?");
    if (path.getBytes(StandardCharsets.UTF_8).length > MOST_PATH_BYTES
        || (!path.equals("/") && !names)) {
      throw new IllegalArgumentException(
          what
              + " must be / or an absolute path such as /data, of at most 255 letters, digits and"
              + " . _ - without . or .. as a name");
    }
  }

  /** Whether this is granted. */
  public boolean has(WasiGrant grant) {
    return switch (grant) {
      case TREE -> tree != null;
      case SCRATCH -> scratch != null;
      case ARGUMENTS, ENVIRONMENT, STDIN, STDOUT, STDERR, CLOCK, MONOTONIC_CLOCK, RANDOM ->
          switches.contains(grant);
    };
  }

  /** The same with this one more, which is neither the tree nor the scratch space. */
  public WasiGrants with(WasiGrant grant) {
    EnumSet<WasiGrant> more = EnumSet.of(grant);
    more.addAll(switches);
    return new WasiGrants(more, tree, scratch);
  }

  /** The same with the tree seen at this path. */
  public WasiGrants withTree(@Nullable String path) {
    return new WasiGrants(switches, path, scratch);
  }

  /** The same with this scratch space. */
  public WasiGrants withScratch(@Nullable ScratchGrant value) {
    return new WasiGrants(switches, tree, value);
  }
}
