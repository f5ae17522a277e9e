/**
 * Turns the functions of a checked module into machine code ahead of time, through Cranelift, which
 * runs in the JVM itself. Owns the translation, what the code looks like and what it expects of its
 * context; knows nothing of instances, slots and the host's functions.
 *
 * <pre>
 *   CompileRequest ─▶ ModuleCompiler ─▶ FunctionTranslator ─▶ Cranelift ─▶ Linker ─▶ MachineCode
 *                     one a module      Wasm to IR, one a     (bridge)     calls
 *                                       function                           between functions
 * </pre>
 *
 * <h2>A function</h2>
 *
 * <pre>
 *   f(context, state, parameters…) → (state, first result)
 * </pre>
 *
 * The <b>state</b> is one word that goes from hand to hand in a register, so that neither fuel nor
 * call depth passes through memory at a call:
 *
 * <pre>
 *   63 ─────────────────────────── 19 18 ───────────────── 1 0
 *   fuel left of the slice, signed   call depth left         trapped
 * </pre>
 *
 * A function that has trapped answers a state with the lowest bit set, and whoever called it does
 * the same: that is how a trap comes back to the entry, and a call costs one test for it. Further
 * results are in the context ({@link dev.skep.engine.cranelift.ContextLayout}).
 *
 * <p>Nothing relies on signals: whatever could fault is checked in code before it is done.
 *
 * <p>Glossary: <b>thunk</b>, a small function of ours between two worlds; <b>operation</b>, an
 * operator that the host carries out; <b>symbol</b>, the number by which code that is not yet
 * linked names what it calls.
 */
@NullMarked
package dev.skep.engine.cranelift;

import org.jspecify.annotations.NullMarked;
