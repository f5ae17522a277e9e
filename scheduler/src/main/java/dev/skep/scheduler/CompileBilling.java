package dev.skep.scheduler;

import dev.skep.limits.FuelCosts;
import dev.skep.limits.PriceTable;
import java.time.InstantSource;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * Charges tenants for compiling what they upload: once for each version, by the module's bytes,
 * whichever node compiles it and how often. Thread-safe; never blocks.
 *
 * <p>Every upload of a version appends the same receipt again, told by its id, and the ledger keeps
 * the first: so a receipt that an earlier upload has lost is made good by the next one.
 */
public final class CompileBilling {
  private final PriceTable prices;
  private final ReceiptLog receipts;
  private final InstantSource clock;
  private final Consumer<Receipt> natively;

  public CompileBilling(PriceTable prices, ReceiptLog receipts, InstantSource clock) {
    this(prices, receipts, clock, _ -> {});
  }

  /**
   * @param natively hears of each receipt for compiling to machine code that has been kept; must
   *     neither block nor throw
   */
  public CompileBilling(
      PriceTable prices, ReceiptLog receipts, InstantSource clock, Consumer<Receipt> natively) {
    this.prices = prices;
    this.receipts = receipts;
    this.clock = clock;
    this.natively = natively;
  }

  /** What compiling a module of so many bytes costs, for the answer to its upload. */
  public Receipt receipt(
      TenantId tenant, FunctionName function, ModuleDigest version, int moduleBytes) {
    return receipt(
        RunId.ofCompiling(tenant, version),
        tenant,
        function,
        version,
        FuelCosts.compiling(moduleBytes),
        Receipt.TIER_1);
  }

  /**
   * What compiling a module to machine code costs: by its bytes, once for each version, whatever
   * comes of it and whether or not another tenant has it compiled already.
   */
  public Receipt nativeReceipt(
      TenantId tenant, FunctionName function, ModuleDigest version, int moduleBytes) {
    return receipt(
        RunId.ofCompilingNatively(tenant, version),
        tenant,
        function,
        version,
        FuelCosts.compilingNatively(moduleBytes),
        Receipt.TIER_2);
  }

  private Receipt receipt(
      RunId id, TenantId tenant, FunctionName function, ModuleDigest version, long fuel, int tier) {
    return new Receipt(
        Receipt.Kind.COMPILE,
        id,
        tenant,
        function,
        version,
        clock.millis(),
        fuel,
        FuelCosts.VERSION,
        prices.version(),
        prices.nanoDollarsOfFuel(fuel),
        0,
        0,
        Receipt.Outcome.COMPLETED,
        tier);
  }

  /** Appends the receipt; completes when it is durable, or with why it could not be kept. */
  public CompletableFuture<Receipt> charge(Receipt receipt) {
    CompletableFuture<Receipt> kept = new CompletableFuture<>();
    try {
      receipts.append(
          receipt,
          failure -> {
            if (failure == null) {
              if (receipt.tier() == Receipt.TIER_2) {
                natively.accept(receipt);
              }
              kept.complete(receipt);
            } else {
              kept.completeExceptionally(failure);
            }
          });
    } catch (RuntimeException e) {
      kept.completeExceptionally(e);
    }
    return kept;
  }
}
