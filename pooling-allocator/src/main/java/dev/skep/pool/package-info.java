/**
 * The pooling allocator: one slab of memory, reserved at start, cut into slots; every instance that
 * runs has its linear memory and its tables in one of them.
 *
 * <pre>
 *  slab: one mmap, reserved at start, never grown
 *  ├─ slot 0 ──────────────────────────────────────┬─ slot 1 ─ …
 *  │ [ tables ][ linear memory …………… limit ][ guard ]│
 *    ^page      ^page                        ^page
 * </pre>
 *
 * <p>Glossary: <b>slab</b>, the preallocated memory; <b>slot</b>, an instance's piece of it;
 * <b>lease</b>, the right to use a slot until it is given back; <b>image</b>, what a module's
 * memory or table holds before its code runs; <b>reset</b>, the return of a slot to its image.
 *
 * <p>Where a change goes: the arithmetic of the layout in {@code SlabLayout}; which slot is free in
 * {@code SlotFreeList}; what a slot holds in {@code SlotLease}; one resource of it in {@code
 * SlotMemory} and {@code SlotTable}; system calls in {@code dev.skep.pool.os}.
 */
@NullMarked
package dev.skep.pool;

import org.jspecify.annotations.NullMarked;
