package dev.skep.storage;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;

/** Receipts for tests. */
final class Receipts {
  /** The middle of an hour of 2026. */
  static final long NOW = 1_780_000_200_000L;

  static final TenantId ACME = new TenantId("acme");
  static final FunctionName HELLO = new FunctionName("hello");
  static final ModuleDigest DIGEST = ModuleDigest.of("module".getBytes(StandardCharsets.US_ASCII));

  private Receipts() {}

  static Receipt of(TenantId tenant, FunctionName function, long startedEpochMillis) {
    return of(tenant, function, startedEpochMillis, Receipt.Outcome.COMPLETED);
  }

  static Receipt of(
      TenantId tenant, FunctionName function, long startedEpochMillis, Receipt.Outcome outcome) {
    return new Receipt(
        Receipt.Kind.RUN,
        RunId.at(startedEpochMillis),
        tenant,
        function,
        DIGEST,
        startedEpochMillis,
        1_000,
        1,
        1,
        301,
        65_536,
        2_000_000,
        outcome,
        Receipt.TIER_1);
  }

  /** For compiling {@link #DIGEST}. */
  static Receipt ofCompiling(TenantId tenant, FunctionName function, long epochMillis) {
    return new Receipt(
        Receipt.Kind.COMPILE,
        RunId.ofCompiling(tenant, DIGEST),
        tenant,
        function,
        DIGEST,
        epochMillis,
        30_000,
        1,
        1,
        7,
        0,
        0,
        Receipt.Outcome.COMPLETED,
        Receipt.TIER_1);
  }

  /** The same, of tier 2. */
  static Receipt onTier2(Receipt r) {
    return new Receipt(
        r.kind(),
        r.run(),
        r.tenant(),
        r.function(),
        r.version(),
        r.startedEpochMillis(),
        r.fuel(),
        r.costTableVersion(),
        r.priceVersion(),
        r.nanoDollars(),
        r.memoryPeakBytes(),
        r.durationNanos(),
        r.outcome(),
        Receipt.TIER_2);
  }

  /** {@code count} receipts, a millisecond apart. */
  static List<Receipt> list(int count) {
    return IntStream.range(0, count).mapToObj(i -> of(ACME, HELLO, NOW + i)).toList();
  }

  static Receipt withFuel(Receipt r, long fuel) {
    return new Receipt(
        r.kind(),
        r.run(),
        r.tenant(),
        r.function(),
        r.version(),
        r.startedEpochMillis(),
        fuel,
        r.costTableVersion(),
        r.priceVersion(),
        r.nanoDollars(),
        r.memoryPeakBytes(),
        r.durationNanos(),
        r.outcome(),
        r.tier());
  }
}
