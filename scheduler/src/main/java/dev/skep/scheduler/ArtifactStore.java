package dev.skep.scheduler;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Where machine code is kept, and where nodes agree on who compiles what. Thread-safe; every method
 * may block, and throws an unchecked exception when the storage is away.
 *
 * <p>There are two things in it. <b>Artifacts</b> belong to no tenant: they are named by the module
 * and the compiler, made by nodes only, and the same for all tenants that have the same bytes.
 * <b>Asks</b> belong to a tenant, and are all that it can see: of an artifact that it has not asked
 * for it learns nothing.
 */
public interface ArtifactStore {
  /** Most bytes of an artifact. */
  int MOST_BYTES = 64 << 20;

  /** An artifact's bytes as they were written, a fresh array, if there are any. */
  Optional<byte[]> load(ArtifactKey key);

  /**
   * Forgets an artifact that cannot be used, so that it is made again: the asks that it had
   * answered are open again.
   *
   * @param because why, for the log
   */
  void discard(ArtifactKey key, String because);

  /**
   * Notes that a tenant wants machine code of a module, once more if it did before.
   *
   * @return bytes of the module; empty, and nothing noted, if the tenant does not have it
   */
  OptionalInt ask(ArtifactAsk ask, String compiler);

  /** Notes that an ask has been answered, and paid for. */
  void settle(ArtifactAsk ask, String compiler);

  /** What a tenant may know: how far what it has asked for is. */
  NativeState state(TenantId tenant, ArtifactKey key);

  /**
   * The same with all that a first run needs, in one question at most: a caller waits for it.
   *
   * @param answered whether the tenant's ask is known to have been answered: then what this node
   *     has of its own is enough, and nobody need be asked
   */
  StoredCode find(TenantId tenant, ArtifactKey key, boolean answered);

  /**
   * The same of several versions.
   *
   * @param versions at most 1,000
   * @return those that the tenant has asked for; of others nothing is said
   */
  Map<ModuleDigest, NativeState> states(
      TenantId tenant, List<ModuleDigest> versions, String compiler);

  /**
   * Asks that were noted and not settled, and that no living node is at, the oldest first.
   *
   * @param limit most of them, 1 to 1,000
   */
  List<ArtifactAsk> open(String compiler, int limit);

  /**
   * Asks whether a node is to compile a module. Of all nodes one is; when its lease has ended,
   * another may be. A module at which three nodes have ended is not tried again.
   *
   * @param lease how long the node has it to itself
   */
  ArtifactClaim claim(ArtifactKey key, NodeId node, Duration lease);

  /**
   * Makes a claim last longer.
   *
   * @return false if the node does not have it any more: another is at it, or it has gone
   */
  boolean renew(ArtifactKey key, NodeId node, Duration lease);

  /**
   * Keeps what a claim has led to.
   *
   * @param artifact 1 to {@link #MOST_BYTES} long; not kept
   * @return false, and nothing kept, if the node does not have the claim any more, or no tenant has
   *     the module
   */
  boolean ready(ArtifactKey key, NodeId node, byte[] artifact);

  /**
   * Has this node keep for itself what a first run needs, if it keeps anything: for the next {@link
   * #find}.
   *
   * @param module the bytes that the key is of; not changed any more
   * @param artifact that is in the store, as it is there; not changed any more
   */
  default void keepHere(ArtifactKey key, byte[] module, byte[] artifact) {}

  /**
   * Keeps why a claim has led to nothing.
   *
   * @return false, and nothing kept, if the node does not have the claim any more
   */
  boolean unsupported(ArtifactKey key, NodeId node, NativeState.Unsupported why);

  /** As {@link #unsupported}; it may be tried again an hour later. */
  boolean failed(ArtifactKey key, NodeId node, NativeState.Failed why);

  /** Gives a claim back, as if it had not been made. */
  void giveBack(ArtifactKey key, NodeId node);

  /**
   * Deletes artifacts that nobody has use for: of modules that no tenant has any more, and those of
   * other compilers that were made some time ago.
   *
   * @param age of those of other compilers
   * @param limit most that go in one call, 1 to 1,000
   * @return how many went
   */
  int purge(String compiler, Duration age, int limit);
}
