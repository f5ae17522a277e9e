package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.scheduler.TenantId;
import dev.skep.storage.IssueTokenResult.Issued;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class TokenStoreIT {
  private final TokenStore tokens = new TokenStore(TestDatabase.database());

  private Issued issue(TenantId tenant, String label) {
    return (Issued) tokens.issue(tenant, label);
  }

  private Optional<Principal> authenticate(String text) {
    return tokens.authenticate(PresentedToken.of(text).orElseThrow());
  }

  @Test
  void issuedTokenStandsForItsTenant() {
    TenantId tenant = TestDatabase.newTenant();
    Issued issued = issue(tenant, "laptop");
    assertThat(issued.plaintext()).matches("skep_[0-9a-f]{24}_[A-Za-z0-9_-]{43}");
    assertThat(authenticate(issued.plaintext()))
        .contains(new Principal.TenantPrincipal(tenant, issued.tokenId()));
  }

  @Test
  void tokenWithARightIdAndAWrongSecretIsRefused() {
    Issued issued = issue(TestDatabase.newTenant(), "");
    String plaintext = issued.plaintext();
    char last = plaintext.charAt(plaintext.length() - 5);
    String wrong =
        plaintext.substring(0, plaintext.length() - 5)
            + (last == 'A' ? 'B' : 'A')
            + plaintext.substring(plaintext.length() - 4);
    assertThat(authenticate(wrong)).isEmpty();
  }

  @Test
  void revokedTokenIsRefusedAndStaysInTheList() {
    TenantId tenant = TestDatabase.newTenant();
    Issued issued = issue(tenant, "lost");
    assertThat(tokens.revoke(tenant, issued.tokenId())).isTrue();
    assertThat(tokens.revoke(tenant, issued.tokenId())).isFalse();
    assertThat(authenticate(issued.plaintext())).isEmpty();
    assertThat(tokens.list(tenant))
        .singleElement()
        .satisfies(token -> assertThat(token.revokedAt()).isNotNull());
  }

  @Test
  void tenantCannotRevokeAnothersToken() {
    Issued issued = issue(TestDatabase.newTenant(), "mine");
    assertThat(tokens.revoke(TestDatabase.newTenant(), issued.tokenId())).isFalse();
    assertThat(authenticate(issued.plaintext())).isPresent();
  }

  @Test
  void neitherTheListNorTheDatabaseNorATextHoldsTheSecret() {
    TenantId tenant = TestDatabase.newTenant();
    Issued issued = issue(tenant, "laptop");
    String secret = issued.plaintext().substring(30);
    assertThat(tokens.list(tenant).toString()).contains(issued.tokenId()).doesNotContain(secret);
    assertThat(issued.toString()).doesNotContain(secret);
    String rows =
        TestDatabase.database()
            .query(connection ->
                Query.first(
                        connection,
                        "SELECT string_agg(tokens::text, ' ') FROM tokens WHERE tenant = ?",
                        row -> row.getString(1),
                        tenant.value())
                    .orElseThrow());
    assertThat(rows).contains(issued.tokenId()).doesNotContain(secret);
  }

  @Test
  void goodTokensComeFirstInTheList() {
    TenantId tenant = TestDatabase.newTenant();
    Issued old = issue(tenant, "old");
    Issued lost = issue(tenant, "lost");
    Issued recent = issue(tenant, "recent");
    tokens.revoke(tenant, lost.tokenId());
    assertThat(tokens.list(tenant))
        .extracting(TokenRecord::tokenId)
        .containsExactly(recent.tokenId(), old.tokenId(), lost.tokenId());
  }

  @Test
  void tokensOfATenantAreBoundedAndRevokingOneMakesRoom() {
    TenantId tenant = TestDatabase.newTenant();
    TestDatabase.database()
        .query(connection ->
            Query.update(
                connection,
                "INSERT INTO tokens (tenant, token_id, hash, label) SELECT ?,"
                    + " lpad(to_hex(i), 24, '0'), decode(repeat('00', 32), 'hex'), ''"
                    + " FROM generate_series(1, ?) i",
                tenant.value(),
                TokenStore.MAX_TOKENS_PER_TENANT));
    assertThat(tokens.issue(tenant, "one more"))
        .isEqualTo(new IssueTokenResult.LimitReached(TokenStore.MAX_TOKENS_PER_TENANT));
    tokens.revoke(tenant, "000000000000000000000001");
    assertThat(tokens.issue(tenant, "one more")).isInstanceOf(Issued.class);
  }

  @Test
  void missingTenantGetsNoToken() {
    assertThat(tokens.issue(new TenantId("nobody"), ""))
        .isEqualTo(new IssueTokenResult.NoSuchTenant());
  }

  @Test
  void labelsAreBoundedAndStorable() {
    TenantId tenant = TestDatabase.newTenant();
    assertThat(tokens.issue(tenant, "🐝".repeat(100))).isInstanceOf(Issued.class);
    assertThatThrownBy(() -> tokens.issue(tenant, "x".repeat(201)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> tokens.issue(tenant, "\ud83d"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void malformedTextIsNoToken() {
    for (String malformed :
        List.of(
            "",
            "short",
            "skep_nonsense_but_long_enough",
            "x".repeat(257),
            "x".repeat(30) + "\0",
            "Bearer ü and more of it")) {
      assertThat(PresentedToken.of(malformed)).as(malformed).isEmpty();
    }
  }

  @Test
  void issuedOperatorsTokenStandsForTheOperatorUntilRevoked() {
    Issued issued = tokens.issueOperatorToken("console");
    assertThat(tokens.hasOperatorToken()).isTrue();
    assertThat(authenticate(issued.plaintext())).contains(new Principal.Operator(issued.tokenId()));
    assertThat(tokens.revokeOperatorToken(issued.tokenId())).isTrue();
    assertThat(tokens.revokeOperatorToken(issued.tokenId())).isFalse();
    assertThat(authenticate(issued.plaintext())).isEmpty();
  }

  @Test
  void configuredOperatorsTokenReplacesTheOneBefore() {
    tokens.setOperatorToken("correct horse battery staple");
    tokens.setOperatorToken("correct horse battery staple");
    assertThat(authenticate("correct horse battery staple"))
        .contains(new Principal.Operator("configured"));
    assertThat(authenticate("correct horse battery stapler")).isEmpty();
    tokens.setOperatorToken("x".repeat(256));
    assertThat(authenticate("correct horse battery staple")).isEmpty();
    assertThat(authenticate("x".repeat(256))).isPresent();
  }

  @Test
  void configuredTokenMustHaveTheFormOfOne() {
    for (String bad :
        List.of("", "fifteen chars..", "skep_looks_like_a_tenants", "new\nline".repeat(4))) {
      assertThatThrownBy(() -> tokens.setOperatorToken(bad))
          .as(bad)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
