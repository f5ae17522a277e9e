/**
 * Programs made by chance: valid modules of the core standard (2.0, no vectors), each from a seed.
 *
 * <p>A <b>program</b> ({@link dev.skep.loadtest.programs.Program}) exports {@code run}, which does
 * everything, and {@code state}, which digests what {@code run} has left behind. A program is
 * <b>calm</b> if it cannot trap, else <b>wild</b>. Values on the operand stack are <b>settled</b>
 * if their bits are the same on every engine: the standard leaves the bits of a NaN that arithmetic
 * makes to the engine, so such a value is made one certain NaN before anything can see its bits.
 */
@NullMarked
package dev.skep.loadtest.programs;

import org.jspecify.annotations.NullMarked;
