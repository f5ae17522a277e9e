package dev.skep.storage;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the database is, and how much of it one node takes. Immutable.
 *
 * @param jdbcUrl {@code jdbc:postgresql://…}, several hosts allowed, without user and password
 * @param user the database's role, not empty
 * @param password null when the server asks for none; never in {@link #toString}
 * @param poolSize most connections of this node, 1 to 256
 * @param connectionTimeout longest wait for a connection, 250 ms to 60 s
 */
public record DatabaseConfig(
    String jdbcUrl,
    String user,
    @Nullable String password,
    int poolSize,
    Duration connectionTimeout) {

  /** The variable of the environment that {@link #parse} is meant for. */
  public static final String URL_VARIABLE = "SKEP_DATABASE_URL";

  /**
   * Caches keep SQL off the way of requests, so few threads query at once; PostgreSQL's default of
   * 100 connections is then enough for a dozen nodes.
   */
  public static final int DEFAULT_POOL_SIZE = 8;

  /** Longer than a fail-over's hiccup, shorter than what a caller of the API waits. */
  public static final Duration DEFAULT_CONNECTION_TIMEOUT = Duration.ofSeconds(5);

  private static final String JDBC_SCHEME = "jdbc:postgresql://";
  private static final Duration SHORTEST_TIMEOUT = Duration.ofMillis(250);
  private static final Duration LONGEST_TIMEOUT = Duration.ofSeconds(60);

  public DatabaseConfig {
    if (!jdbcUrl.startsWith(JDBC_SCHEME)) {
      throw new IllegalArgumentException("a JDBC URL must begin with " + JDBC_SCHEME);
    }
    if (user.isEmpty()) {
      throw new IllegalArgumentException("the database's user is empty");
    }
    if (poolSize < 1 || poolSize > 256) {
      throw new IllegalArgumentException("poolSize is " + poolSize + "; it must be from 1 to 256");
    }
    if (connectionTimeout.compareTo(SHORTEST_TIMEOUT) < 0
        || connectionTimeout.compareTo(LONGEST_TIMEOUT) > 0) {
      throw new IllegalArgumentException(
          "connectionTimeout is " + connectionTimeout + "; it must be from 250 ms to 60 s");
    }
  }

  /**
   * Reads a URL in either of the forms in use: {@code jdbc:postgresql://host/db?user=u&password=p},
   * or {@code postgres://u:p@host:5432/db} ({@code postgresql://} too), user and password
   * percent-encoded. Other parameters are kept for the driver. Pool and timeout are the defaults.
   *
   * @throws InvalidDatabaseUrlException if it is neither, or names no host, database or user
   */
  public static DatabaseConfig parse(String url) {
    String trimmed = url.strip();
    if (trimmed.startsWith("jdbc:")) {
      return parseJdbc(trimmed);
    }
    if (trimmed.startsWith("postgres://") || trimmed.startsWith("postgresql://")) {
      return parseLibpq(trimmed);
    }
    throw new InvalidDatabaseUrlException(
        "a database URL begins with jdbc:postgresql:// or postgres://");
  }

  private static DatabaseConfig parseJdbc(String url) {
    if (!url.startsWith(JDBC_SCHEME)) {
      throw new InvalidDatabaseUrlException(
          "a JDBC URL must begin with " + JDBC_SCHEME + "; Skep speaks to PostgreSQL only");
    }
    int question = url.indexOf('?');
    String location = question < 0 ? url : url.substring(0, question);
    String rest = location.substring(JDBC_SCHEME.length());
    int slash = rest.indexOf('/');
    if (slash <= 0 || slash == rest.length() - 1) {
      throw new InvalidDatabaseUrlException("the database URL must name a host and a database");
    }
    if (rest.indexOf('@') >= 0) {
      throw new InvalidDatabaseUrlException(
          "a JDBC URL takes its user and password as parameters, not before an '@'");
    }
    Parameters parameters = Parameters.of(question < 0 ? "" : url.substring(question + 1));
    return of(location, parameters, parameters.user(), parameters.password());
  }

  private static DatabaseConfig parseLibpq(String url) {
    URI uri;
    try {
      uri = new URI(url);
    } catch (URISyntaxException e) {
      // The exception's own message would quote the whole URL, password and all.
      throw new InvalidDatabaseUrlException(
          "the database URL is malformed at character "
              + e.getIndex()
              + "; percent-encode what is special in the user and the password");
    }
    String path = uri.getRawPath();
    if (uri.getHost() == null || path == null || path.length() < 2) {
      throw new InvalidDatabaseUrlException("the database URL must name a host and a database");
    }
    Parameters parameters = Parameters.of(uri.getRawQuery() == null ? "" : uri.getRawQuery());
    String user = parameters.user();
    String password = parameters.password();
    String userInfo = uri.getRawUserInfo();
    if (userInfo != null) {
      int colon = userInfo.indexOf(':');
      user = decode(colon < 0 ? userInfo : userInfo.substring(0, colon));
      password = colon < 0 ? password : decode(userInfo.substring(colon + 1));
    }
    String port = uri.getPort() < 0 ? "" : ":" + uri.getPort();
    return of(JDBC_SCHEME + uri.getHost() + port + path, parameters, user, password);
  }

  private static DatabaseConfig of(
      String location, Parameters parameters, @Nullable String user, @Nullable String password) {
    if (user == null || user.isEmpty()) {
      throw new InvalidDatabaseUrlException("the database URL must name a user");
    }
    String others = String.join("&", parameters.others());
    return new DatabaseConfig(
        others.isEmpty() ? location : location + "?" + others,
        user,
        password,
        DEFAULT_POOL_SIZE,
        DEFAULT_CONNECTION_TIMEOUT);
  }

  /** A literal '+' stays one here, unlike in a form. */
  private static String decode(String percentEncoded) {
    try {
      return URLDecoder.decode(percentEncoded.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      // Not chained: its message may quote part of the password.
      throw new InvalidDatabaseUrlException("the database URL has a malformed percent-encoding");
    }
  }

  public DatabaseConfig withPoolSize(int value) {
    return new DatabaseConfig(jdbcUrl, user, password, value, connectionTimeout);
  }

  public DatabaseConfig withConnectionTimeout(Duration value) {
    return new DatabaseConfig(jdbcUrl, user, password, poolSize, value);
  }

  @Override
  public String toString() {
    return "DatabaseConfig[jdbcUrl="
        + jdbcUrl
        + ", user="
        + user
        + ", password="
        + (password == null ? "none" : "…")
        + ", poolSize="
        + poolSize
        + ", connectionTimeout="
        + connectionTimeout
        + "]";
  }

  /** A URL's query, the credentials taken out of it. */
  private record Parameters(@Nullable String user, @Nullable String password, List<String> others) {
    static Parameters of(String query) {
      String user = null;
      String password = null;
      List<String> others = new ArrayList<>();
      for (String parameter : query.split("&", -1)) {
        if (parameter.startsWith("user=")) {
          user = decode(parameter.substring("user=".length()));
        } else if (parameter.startsWith("password=")) {
          password = decode(parameter.substring("password=".length()));
        } else if (!parameter.isEmpty()) {
          others.add(parameter);
        }
      }
      return new Parameters(user, password, others);
    }
  }
}
