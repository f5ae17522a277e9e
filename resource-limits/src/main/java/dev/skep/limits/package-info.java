/**
 * What a store may use, what it has used, and what that costs: plain values and arithmetic.
 *
 * <p>Knows no engine and does no I/O. A <b>store</b> is what one run may touch and use up; its
 * <b>limits</b> ({@link dev.skep.limits.StoreLimits}) are fixed when the run starts; its
 * <b>meter</b> ({@link dev.skep.limits.StoreMeter}) counts down as the guest executes. <b>Fuel</b>
 * is instructions executed, weighed by a versioned table ({@link dev.skep.limits.FuelCosts}), and
 * <b>price</b> turns fuel into money ({@link dev.skep.limits.PriceTable}). <b>Grants</b> ({@link
 * dev.skep.limits.WasiGrants}) are what of the host a run may reach.
 */
@NullMarked
package dev.skep.limits;

import org.jspecify.annotations.NullMarked;
