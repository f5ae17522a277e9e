/**
 * Machine code for the benches and tests of this module: compiling it, with the compiler's own
 * machine code where a file of it is at hand.
 */
@NullMarked
package dev.skep.loadtest.machine;

import org.jspecify.annotations.NullMarked;
