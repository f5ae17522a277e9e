package dev.skep.scheduler;

import dev.skep.engine.Artifact;
import java.util.Optional;

/** What a cache of modules asks of machine code. Thread-safe. */
public interface MachineCodeSource {
  /** Nothing is ever there. */
  MachineCodeSource NONE =
      new MachineCodeSource() {
        @Override
        public boolean isReady(TenantId tenant, ModuleDigest version) {
          return false;
        }

        @Override
        public boolean look(TenantId tenant, ModuleDigest version) {
          return false;
        }

        @Override
        public Optional<Found> find(TenantId tenant, ModuleDigest version, boolean answered) {
          return Optional.empty();
        }

        @Override
        public Optional<Artifact> load(ModuleDigest version) {
          return Optional.empty();
        }

        @Override
        public void discard(ModuleDigest version, String because) {}
      };

  /**
   * Whether the tenant's runs of this version may run as machine code, as far as this node knows.
   * One look into a cache, without a lock.
   */
  boolean isReady(TenantId tenant, ModuleDigest version);

  /**
   * The same, and asks the store if this node does not know. From then on {@link #isReady} knows.
   * Blocks, and throws as the store does.
   */
  boolean look(TenantId tenant, ModuleDigest version);

  /**
   * A version with its machine code.
   *
   * @param module its bytes
   * @param artifact its machine code, whole
   */
  record Found(byte[] module, Artifact artifact) {}

  /**
   * What a version's first run needs, if the tenant's runs may run as machine code and it is there:
   * {@link #look} and {@link #load} in one question to the store. Blocks, and throws as the store
   * does.
   *
   * @param answered whether the tenant's ask is known to have been answered: then nobody is asked
   *     for what this node has of its own
   */
  Optional<Found> find(TenantId tenant, ModuleDigest version, boolean answered);

  /** The machine code, if it is there and whole. Blocks on the store. */
  Optional<Artifact> load(ModuleDigest version);

  /**
   * Has machine code thrown away that does not fit its module, and made again. Blocks.
   *
   * @param because why, for the log
   */
  void discard(ModuleDigest version, String because);
}
