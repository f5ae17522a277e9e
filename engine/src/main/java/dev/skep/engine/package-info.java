/**
 * Turns uploaded bytes into code that runs metered in a slot, and runs it.
 *
 * <pre>
 *   bytes ─▶ ModuleScanner ─▶ Parser, Validator ─▶ FuelInstrumenter ─▶ compiler ─▶ GuestClasses
 *            bounds, features   (Chicory)          charges by block     (Chicory)   rewrites calls
 *                                                                                        │
 *   Invocation ─▶ GuestInstance (a lease of a slot, an engine instance) ◀── CompiledModule
 * </pre>
 *
 * <p>From the parser to the rewriting, what is heavy is a {@link dev.skep.engine.TierOneCompiler}:
 * in this process, or in one of its own ({@link dev.skep.engine.CompilerProcess}).
 *
 * <p>The only code with engine types; none is in its public interface, so that the engine can be
 * replaced in one module. Classes that generated code must reach are public for the JVM's sake and
 * say so.
 *
 * <p>Glossary: <b>module</b>, validated code; <b>instance</b>, a running copy of it; <b>store</b>,
 * what one run may touch and use up; <b>trap</b>, the standard's word for a guest's fatal error;
 * <b>command</b>, a WASI program with {@code _start}.
 */
@NullMarked
package dev.skep.engine;

import org.jspecify.annotations.NullMarked;
