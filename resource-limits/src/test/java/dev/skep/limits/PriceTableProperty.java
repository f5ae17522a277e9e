package dev.skep.limits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Prices against the same sum in numbers without bounds. */
class PriceTableProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final BigInteger MILLION = BigInteger.valueOf(1_000_000);

  static {
    System.out.println("PriceTableProperty -Dskep.seed=" + SEED);
  }

  private static BigInteger model(PriceTable prices, long fuel) {
    BigInteger[] share =
        BigInteger.valueOf(fuel)
            .multiply(BigInteger.valueOf(prices.nanoDollarsPerMillionFuel()))
            .divideAndRemainder(MILLION);
    BigInteger roundedUp = share[1].signum() > 0 ? share[0].add(BigInteger.ONE) : share[0];
    return roundedUp.add(BigInteger.valueOf(prices.nanoDollarsPerRun()));
  }

  private static void agrees(PriceTable prices, long fuel) {
    assertThat(BigInteger.valueOf(prices.nanoDollars(fuel)))
        .as("seed %d, %s, fuel %d", SEED, prices, fuel)
        .isEqualTo(model(prices, fuel));
  }

  @Test
  void aPriceIsTheExactSumRoundedUp() {
    Random random = new Random(SEED);
    long[] edges = {
      0, 1, 999_999, 1_000_000, 1_000_001, StoreLimits.MAX_FUEL - 1, StoreLimits.MAX_FUEL
    };
    for (int i = 0; i < 20_000; i++) {
      PriceTable prices =
          new PriceTable(
              1,
              random.nextLong(1_000_000_001),
              random.nextInt(4) == 0 ? 1_000_000_000 : random.nextLong(1_000_000_001));
      agrees(prices, random.nextLong(StoreLimits.MAX_FUEL + 1));
      agrees(prices, random.nextLong(2_000_000));
      agrees(prices, edges[random.nextInt(edges.length)]);
    }
    for (long edge : edges) {
      agrees(PriceTable.DEFAULTS, edge);
      agrees(new PriceTable(1, 1_000_000_000, 1_000_000_000), edge);
      agrees(new PriceTable(1, 0, 0), edge);
    }
  }

  @Test
  void moreFuelIsNeverCheaper() {
    Random random = new Random(SEED);
    for (int i = 0; i < 20_000; i++) {
      long less = random.nextLong(StoreLimits.MAX_FUEL);
      long more = less + random.nextLong(StoreLimits.MAX_FUEL - less + 1);
      assertThat(PriceTable.DEFAULTS.nanoDollars(more))
          .isGreaterThanOrEqualTo(PriceTable.DEFAULTS.nanoDollars(less));
    }
  }

  @Test
  void theSmallestFractionOfANanoDollarCostsAWholeOne() {
    assertThat(new PriceTable(1, 0, 1).nanoDollars(1)).isEqualTo(1);
    assertThat(new PriceTable(1, 0, 1).nanoDollars(1_000_000)).isEqualTo(1);
    assertThat(new PriceTable(1, 0, 1).nanoDollars(1_000_001)).isEqualTo(2);
    assertThat(PriceTable.DEFAULTS.nanoDollars(0)).isEqualTo(300);
    assertThat(PriceTable.DEFAULTS.nanoDollars(60_000)).isEqualTo(302);
  }

  @Test
  void fuelAndPricesOutOfRangeAreRefused() {
    assertThatThrownBy(() -> PriceTable.DEFAULTS.nanoDollars(-1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> PriceTable.DEFAULTS.nanoDollars(StoreLimits.MAX_FUEL + 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new PriceTable(0, 0, 0)).hasMessageContaining("version");
    assertThatThrownBy(() -> new PriceTable(1, -1, 0)).hasMessageContaining("nanoDollarsPerRun");
    assertThatThrownBy(() -> new PriceTable(1, 0, 1_000_000_001))
        .hasMessageContaining("nanoDollarsPerMillionFuel");
  }
}
