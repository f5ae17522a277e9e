package dev.skep.storage;

import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;

/** Tells a database that is away from a statement that is wrong. */
final class SqlFailures {
  private SqlFailures() {}

  static StorageException translate(SQLException failure) {
    String state = failure.getSQLState() == null ? "" : failure.getSQLState();
    if (failure instanceof SQLTransientConnectionException || isTransient(state)) {
      return new DatabaseUnavailableException(
          "the database is not available: " + failure.getMessage(), failure);
    }
    return new QueryFailedException(
        "the database refused a statement: " + failure.getMessage(), state, failure);
  }

  /**
   * Classes of PostgreSQL's appendix A: 08 connection, 40 rolled back (deadlock, serialization), 53
   * out of resources (disk, memory, connections), 57 operator (shutdown, cancel), 58 system.
   */
  private static boolean isTransient(String sqlState) {
    if (sqlState.length() != 5) {
      return false;
    }
    return switch (sqlState.substring(0, 2)) {
      case "08", "40", "53", "57", "58" -> true;
      default -> false;
    };
  }
}
