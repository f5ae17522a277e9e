package dev.skep.storage;

import org.jspecify.annotations.Nullable;

/** The database refused a statement: a bug here, or a schema that is not this version's. */
public final class QueryFailedException extends StorageException {
  private static final long serialVersionUID = 1L;

  private final String sqlState;

  QueryFailedException(String message, String sqlState, @Nullable Throwable cause) {
    super(message, cause);
    this.sqlState = sqlState;
  }

  /** Five characters, of PostgreSQL's appendix A; empty when the driver gave none. */
  public String sqlState() {
    return sqlState;
  }
}
