package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TokenFormatTest {
  private final SecureRandom random = new SecureRandom();

  @Test
  void issuedTokenGivesItsIdBack() {
    for (int i = 0; i < 1_000; i++) {
      String id = TokenFormat.newId(random);
      String token = TokenFormat.newToken(TokenFormat.TENANT_PREFIX, id, random);
      assertThat(TokenFormat.tenantTokenId(token)).contains(id);
      assertThat(TokenFormat.isOperatorForm(token)).isFalse();
    }
  }

  @Test
  void operatorsTokenIsNoTenants() {
    String token =
        TokenFormat.newToken(TokenFormat.OPERATOR_PREFIX, TokenFormat.newId(random), random);
    assertThat(TokenFormat.tenantTokenId(token)).isEmpty();
    assertThat(TokenFormat.isOperatorForm(token)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "skep_",
        "skep_0123456789abcdef01234567_",
        "skep_0123456789abcdef01234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "skep_0123456789abcdef01234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "skep_0123456789ABCDEF01234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "skep_0123456789abcdef0123456_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "skep_0123456789abcdef01234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        " skep_0123456789abcdef01234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "skep_0123456789abcdef01234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
      })
  void malformedTokenIsNoTenants(String token) {
    assertThat(TokenFormat.tenantTokenId(token)).isEmpty();
  }

  @Test
  void operatorsTokenIsPrintableAndOfSixteenTo256Characters() {
    assertThat(TokenFormat.isOperatorForm("x".repeat(15))).isFalse();
    assertThat(TokenFormat.isOperatorForm("x".repeat(16))).isTrue();
    assertThat(TokenFormat.isOperatorForm("x".repeat(256))).isTrue();
    assertThat(TokenFormat.isOperatorForm("x".repeat(257))).isFalse();
    assertThat(TokenFormat.isOperatorForm("correct horse battery staple")).isTrue();
    assertThat(TokenFormat.isOperatorForm("x".repeat(16) + "\n")).isFalse();
    assertThat(TokenFormat.isOperatorForm("x".repeat(16) + "ü")).isFalse();
    assertThat(TokenFormat.isOperatorForm("skep_" + "x".repeat(16))).isFalse();
  }
}
