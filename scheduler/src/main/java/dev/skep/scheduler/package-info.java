/**
 * Decides which run goes next, on which worker and in which slot, and settles what it used.
 *
 * <p>Owns admission, the fair queues, the workers, the warm slots and settlement, and the
 * interfaces through which it reaches storage. Knows neither HTTP nor SQL.
 *
 * <p>Glossary: a <b>tenant</b> owns <b>functions</b>; a function has <b>versions</b>, each an
 * immutable upload named by the <b>digest</b> of its bytes; a <b>run</b> is one invocation; a
 * <b>receipt</b> is its metered record; a <b>warm slot</b> still holds its last module's instance.
 */
@NullMarked
package dev.skep.scheduler;

import org.jspecify.annotations.NullMarked;
