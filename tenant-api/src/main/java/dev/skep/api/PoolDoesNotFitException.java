package dev.skep.api;

import dev.skep.pool.PoolPlan;
import java.util.stream.Collectors;

/** The node does not start, because the configured pool cannot fit on this machine. */
public final class PoolDoesNotFitException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient PoolPlan plan;

  PoolDoesNotFitException(PoolPlan plan) {
    super(plan.problems().stream().map(PoolPlanPage::problem).collect(Collectors.joining("; ")));
    this.plan = plan;
  }

  /** The whole sum. */
  public PoolPlan plan() {
    return plan;
  }
}
