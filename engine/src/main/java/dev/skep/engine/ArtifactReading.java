package dev.skep.engine;

/** What came of reading an {@link Artifact}. */
public sealed interface ArtifactReading permits Artifact, ArtifactReading.Refused {

  /** Why bytes are not the artifact that was wanted. */
  enum Reason {
    /** Too few or too many bytes. */
    LENGTH,
    /** It is something else, or of another version of the format. */
    FORMAT,
    /** Its bytes are not those that were written. */
    CORRUPT,
    /** It is of another module, compiler, fuel table or processor: stale. */
    STALE,
    /** It is whole, and says what cannot be. */
    MALFORMED
  }

  /**
   * The bytes are not to be run.
   *
   * @param message what is wrong, for a log
   */
  record Refused(Reason reason, String message) implements ArtifactReading {}
}
