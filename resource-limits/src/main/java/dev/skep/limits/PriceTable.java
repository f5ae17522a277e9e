package dev.skep.limits;

/**
 * What a run costs in money, in whole nano-dollars, from its receipt alone, so that a tenant can
 * recompute every line of the bill.
 *
 * @param version of the prices; every receipt names it
 * @param nanoDollarsPerRun for each run, 0 to 10^9
 * @param nanoDollarsPerMillionFuel for each million units of fuel, 0 to 10^9
 */
public record PriceTable(int version, long nanoDollarsPerRun, long nanoDollarsPerMillionFuel) {

  /**
   * About what closed platforms ask: 0.30 dollars a million runs, and 0.02 dollars a million
   * milliseconds of one core, taking a million units of fuel as a millisecond.
   */
  public static final PriceTable DEFAULTS = new PriceTable(1, 300, 20);

  private static final long MILLION = 1_000_000;

  public PriceTable {
    StoreLimits.check("version", version, 1, Integer.MAX_VALUE);
    StoreLimits.check("nanoDollarsPerRun", nanoDollarsPerRun, 0, 1_000_000_000);
    StoreLimits.check("nanoDollarsPerMillionFuel", nanoDollarsPerMillionFuel, 0, 1_000_000_000);
  }

  /**
   * Price of one run: its share by fuel rounded up to a whole nano-dollar, plus the run itself.
   *
   * @param fuel units consumed, 0 to {@link StoreLimits#MAX_FUEL}
   * @return nano-dollars (10^-9 dollars)
   */
  public long nanoDollars(long fuel) {
    return nanoDollarsPerRun + nanoDollarsOfFuel(fuel);
  }

  /**
   * Price of fuel alone, rounded up to a whole nano-dollar: what compiling a version costs.
   *
   * @param fuel units consumed, 0 to {@link StoreLimits#MAX_FUEL}
   * @return nano-dollars (10^-9 dollars)
   */
  public long nanoDollarsOfFuel(long fuel) {
    StoreLimits.check("fuel", fuel, 0, StoreLimits.MAX_FUEL);
    long whole = Math.multiplyExact(fuel / MILLION, nanoDollarsPerMillionFuel);
    long part = fuel % MILLION * nanoDollarsPerMillionFuel;
    return whole + (part + MILLION - 1) / MILLION;
  }
}
