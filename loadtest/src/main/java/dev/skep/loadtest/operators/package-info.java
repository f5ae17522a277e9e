/**
 * A guest for each family of operators, whose time goes to that family: what a unit of fuel buys of
 * a processor.
 *
 * <p><b>Family</b>: operators that cost the processor alike. <b>Step</b>: one of the family with
 * the operands that it needs. <b>Turn</b>: a loop's body, some steps in a row.
 */
@NullMarked
package dev.skep.loadtest.operators;

import org.jspecify.annotations.NullMarked;
