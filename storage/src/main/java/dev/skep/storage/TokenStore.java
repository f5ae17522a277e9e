package dev.skep.storage;

import dev.skep.scheduler.TenantId;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;

/**
 * Tokens of tenants and operators. Only their SHA-256 is stored. Thread-safe; every method blocks
 * on the database and throws {@link StorageException}.
 *
 * <h2>Why a plain hash, and why operators' are looked up by it</h2>
 *
 * A tenant's token carries 256 random bits, which no salt or slow hash makes harder to guess. It is
 * found by the id that it carries, and its hash compared in constant time.
 *
 * <p>An operator's token may be any text from the configuration, with no id in it, so its row is
 * found by its hash. What the time of an index look-up may leak is how many leading bits of the
 * hash agree with a stored one; whoever presents tokens can choose those bits only by hashing
 * guesses, and knowing them helps to find the token no more than inverting SHA-256 would. The hash
 * is unsalted, so a configured token that a dictionary holds is as weak as it looks: make it at
 * random.
 */
public final class TokenStore {
  /** Enough for a token a machine; keeps a tenant's rows and its list bounded. */
  public static final int MAX_TOKENS_PER_TENANT = 500;

  /** Longest label, in characters. */
  public static final int MAX_LABEL_CHARS = 200;

  /** The id of the one operator's token that comes from the configuration. */
  private static final String CONFIGURED_ID = "configured";

  private final Database database;
  private final SecureRandom random = new SecureRandom();

  public TokenStore(Database database) {
    this.database = database;
  }

  /**
   * Makes a token for a tenant. Its plaintext is in the result and nowhere else.
   *
   * @param label for its owner's eyes, 0 to 200 characters
   * @throws IllegalArgumentException if the label is longer or cannot be stored as text
   */
  public IssueTokenResult issue(TenantId tenant, String label) {
    StorableText.check("the label", label, MAX_LABEL_CHARS);
    String id = TokenFormat.newId(random);
    String plaintext = TokenFormat.newToken(TokenFormat.TENANT_PREFIX, id, random);
    return database.transaction(connection -> {
      // Held to the end, so that two issuers cannot both take the last place.
      if (TenantRow.lock(connection, tenant).isEmpty()) {
        return new IssueTokenResult.NoSuchTenant();
      }
      Query.update(
          connection,
          "DELETE FROM tokens WHERE tenant = ? AND revoked_at < now() - interval '90 days'",
          tenant.value());
      long good =
          Query.first(
                  connection,
                  "SELECT count(*) FROM tokens WHERE tenant = ? AND revoked_at IS NULL",
                  row -> row.getLong(1),
                  tenant.value())
              .orElseThrow();
      if (good >= MAX_TOKENS_PER_TENANT) {
        return new IssueTokenResult.LimitReached(MAX_TOKENS_PER_TENANT);
      }
      Query.update(
          connection,
          "INSERT INTO tokens (tenant, token_id, hash, label) VALUES (?, ?, ?, ?)",
          tenant.value(),
          id,
          TokenFormat.hash(plaintext),
          label);
      return new IssueTokenResult.Issued(id, plaintext);
    });
  }

  /** Whom a presented token stands for, if it is good. */
  public Optional<Principal> authenticate(PresentedToken token) {
    return token.tenantTokenId().isPresent()
        ? authenticateTenant(token.tenantTokenId().get(), token.hash())
        : authenticateOperator(token.hash());
  }

  private Optional<Principal> authenticateTenant(String tokenId, byte[] hash) {
    List<Candidate<TenantId>> candidates =
        database.query(connection ->
            Query.list(
                connection,
                "SELECT tenant, hash FROM tokens WHERE token_id = ? AND revoked_at IS NULL"
                    + " LIMIT 2",
                row -> new Candidate<>(new TenantId(row.getString(1)), row.getBytes(2)),
                tokenId));
    for (Candidate<TenantId> candidate : candidates) {
      if (MessageDigest.isEqual(candidate.hash(), hash)) {
        return Optional.of(new Principal.TenantPrincipal(candidate.owner(), tokenId));
      }
    }
    return Optional.empty();
  }

  private Optional<Principal> authenticateOperator(byte[] hash) {
    Optional<Candidate<String>> candidate =
        database.query(connection ->
            Query.first(
                connection,
                "SELECT token_id, hash FROM operator_tokens WHERE hash = ?"
                    + " AND revoked_at IS NULL LIMIT 1",
                row -> new Candidate<>(row.getString(1), row.getBytes(2)),
                hash));
    return candidate
        .filter(found -> MessageDigest.isEqual(found.hash(), hash))
        .map(found -> new Principal.Operator(found.owner()));
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared as a record
  private record Candidate<T>(T owner, byte[] hash) {}

  /**
   * Ends a tenant's token. It stays in the list, marked, for 90 days at least.
   *
   * @return whether it was good until now
   */
  public boolean revoke(TenantId tenant, String tokenId) {
    return database.query(connection ->
        Query.update(
                connection,
                "UPDATE tokens SET revoked_at = now() WHERE tenant = ? AND token_id = ?"
                    + " AND revoked_at IS NULL",
                tenant.value(),
                tokenId)
            == 1);
  }

  /** A tenant's tokens, the good ones first, then the newest first; at most 1,000. */
  public List<TokenRecord> list(TenantId tenant) {
    return database.query(connection ->
        Query.list(
            connection,
            "SELECT token_id, label, created_at, revoked_at FROM tokens WHERE tenant = ?"
                + " ORDER BY revoked_at IS NOT NULL, created_at DESC, token_id LIMIT "
                + PageLimit.MOST,
            row ->
                new TokenRecord(
                    row.getString("token_id"),
                    row.getString("label"),
                    Timestamps.read(row, "created_at"),
                    Timestamps.readNullable(row, "revoked_at")),
            tenant.value()));
  }

  /**
   * Makes a token for an operator. Its plaintext is in the result and nowhere else.
   *
   * @param label for operators' eyes, 0 to 200 characters
   * @throws IllegalArgumentException if the label is longer or cannot be stored as text
   */
  public IssueTokenResult.Issued issueOperatorToken(String label) {
    StorableText.check("the label", label, MAX_LABEL_CHARS);
    String id = TokenFormat.newId(random);
    String plaintext = TokenFormat.newToken(TokenFormat.OPERATOR_PREFIX, id, random);
    database.query(connection ->
        Query.update(
            connection,
            "INSERT INTO operator_tokens (token_id, hash, label) VALUES (?, ?, ?)",
            id,
            TokenFormat.hash(plaintext),
            label));
    return new IssueTokenResult.Issued(id, plaintext);
  }

  /**
   * Makes {@code plaintext} the configured operator's token, in place of the one configured before;
   * tokens that were issued stay good. Nodes with different configurations would keep replacing
   * each other's.
   *
   * @param plaintext 16 to 256 printable ASCII characters, not beginning with {@code skep_}
   * @throws IllegalArgumentException if it is something else; the message does not quote it
   */
  public void setOperatorToken(String plaintext) {
    if (!TokenFormat.isOperatorForm(plaintext)) {
      throw new IllegalArgumentException(
          "the operator's token must be 16 to 256 printable ASCII characters, and not begin with "
              + TokenFormat.TENANT_PREFIX
              + " as tenants' do; it has "
              + plaintext.length());
    }
    database.query(connection ->
        Query.update(
            connection,
            "INSERT INTO operator_tokens (token_id, hash, label) VALUES (?, ?, ?)"
                + " ON CONFLICT (token_id) DO UPDATE SET hash = excluded.hash,"
                + " revoked_at = NULL, created_at = CASE WHEN operator_tokens.hash ="
                + " excluded.hash THEN operator_tokens.created_at ELSE now() END",
            CONFIGURED_ID,
            TokenFormat.hash(plaintext),
            "from the configuration"));
  }

  /** Ends an operator's token; whether it was good until now. */
  public boolean revokeOperatorToken(String tokenId) {
    return database.query(connection ->
        Query.update(
                connection,
                "UPDATE operator_tokens SET revoked_at = now() WHERE token_id = ?"
                    + " AND revoked_at IS NULL",
                tokenId)
            == 1);
  }

  /** Whether any operator's token is good; if not, the first start issues one. */
  public boolean hasOperatorToken() {
    return database.query(connection ->
        Query.first(
                connection,
                "SELECT 1 FROM operator_tokens WHERE revoked_at IS NULL LIMIT 1",
                row -> row.getInt(1))
            .isPresent());
  }
}
