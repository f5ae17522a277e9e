/**
 * Keeps what outlives a process: tenants, tokens, functions and their versions, and the ledger of
 * receipts, in PostgreSQL; and, between a run's end and the ledger, the receipt spool on disk.
 *
 * <p>The only code with SQL. Knows neither HTTP nor engines. The stores block their caller on the
 * network: call them from threads that may wait. {@link dev.skep.storage.ReceiptSpool#append} is
 * the one exception, for the way of every request.
 *
 * <p>Glossary:
 *
 * <ul>
 *   <li><b>store</b>: here a class that reads and writes one kind of row (a Wasm store, what one
 *       run may touch, does not occur in this package);
 *   <li><b>ledger</b>: the table of all receipts and its hourly sums;
 *   <li><b>rollup</b>: those sums, by tenant, function and hour;
 *   <li><b>spool</b>: the write-ahead log of receipts that are durable and perhaps not yet in the
 *       ledger; made of <b>segments</b>, files that are appended to, sealed, shipped and deleted;
 *   <li><b>ship</b>: insert a batch of the spool's records into the ledger;
 *   <li><b>torn tail</b>: bytes after the last whole record of the last segment, left by a crash;
 *   <li><b>cluster</b>: PostgreSQL's word for a data directory and what is in it;
 *   <li><b>postmaster</b>: PostgreSQL's first process, parent of all others of the cluster;
 *   <li><b>keyset paging</b>: the next page begins after the last key of this one, so that pages
 *       neither skip nor repeat rows while rows come and go.
 * </ul>
 */
@NullMarked
package dev.skep.storage;

import org.jspecify.annotations.NullMarked;
