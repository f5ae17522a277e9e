/**
 * Modules that mean harm, each with the outcome it must have.
 *
 * <p>A <b>kind</b> ({@link dev.skep.loadtest.hostile.HostileKind}) is one way to attack: a module,
 * made by code, and how it is called. The <b>corpus</b> ({@link
 * dev.skep.loadtest.hostile.HostileCorpus}) is all of them, by <b>group</b>. A <b>regime</b>
 * ({@link dev.skep.loadtest.hostile.Regime}) is the limits that a kind runs under. {@link
 * dev.skep.loadtest.hostile.HostileNode} is an engine, a pool and a scheduler to run them on.
 *
 * <p>{@link dev.skep.loadtest.wasm.ModuleWriter} and {@link dev.skep.loadtest.wasm.Code} write
 * modules byte by byte, because most of these no toolchain would make. All is deterministic: the
 * same kind has the same bytes each time.
 */
@NullMarked
package dev.skep.loadtest.hostile;

import org.jspecify.annotations.NullMarked;
