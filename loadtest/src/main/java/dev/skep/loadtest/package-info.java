/**
 * Measures Skep: uses all modules, and nothing uses it.
 *
 * <p>Every figure is printed with machine, JDK and flags, and beside what it is compared with.
 */
@NullMarked
package dev.skep.loadtest;

import org.jspecify.annotations.NullMarked;
