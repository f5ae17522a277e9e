/**
 * Counts what a node does and says it in the words that Prometheus reads.
 *
 * <p>Owns the registry, every metric's name and the text exposition; knows no other module of Skep.
 * The others are told about it by the wiring: what happens often is an <b>event</b> (a run ended, a
 * request was answered), counted here without a lock; what another module counts anyway is a
 * <b>figure</b>, a function that is asked when somebody scrapes.
 *
 * <p>Glossary: a <b>metric</b> is a name with a kind, a help text and labels ({@link
 * dev.skep.metrics.MetricName}); a <b>series</b> is a metric with one value for each label; to
 * <b>scrape</b> is to fetch the <b>exposition</b>, the text with all series of a moment; a label is
 * <b>bounded</b> when its distinct values are, whatever tenants do.
 */
@NullMarked
package dev.skep.metrics;

import org.jspecify.annotations.NullMarked;
