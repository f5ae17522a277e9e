/**
 * The pooling allocator: one slab of memory, reserved at start, cut into slots of some sizes; every
 * instance that runs has its linear memory and its tables in one of them.
 *
 * <pre>
 *  slab: one mmap, reserved at start, never grown
 *  ├─ class 0 ─────────────────────────────────────────────┬─ class 1 ─ …
 *  ├─ slot 0 ────────────────────────────────┬─ slot 1 ─ …
 *  │ [ tables ][ linear memory … limit ][ guard ]
 *    ^page      ^page                    ^page
 * </pre>
 *
 * <p>Glossary: <b>slab</b>, the preallocated memory; <b>slot</b>, an instance's piece of it;
 * <b>class</b>, the slots of one size; <b>lease</b>, the right to use a slot until it is given
 * back; <b>owner</b>, whose leases are counted together; <b>image</b>, what a module's memory or
 * table holds before its code runs; <b>reset</b>, the return of a slot to its image; <b>cold</b>,
 * of a free slot: zero; <b>warm</b>: still holding its last module's images.
 *
 * <p>Where a change goes: knobs in {@code PoolConfig}, what they come to in {@code PoolPlan}, where
 * things lie in {@code SlabLayout}; which free slot is next in {@code SlotIndex}; who may take one
 * in {@code SlotOwner} and {@code SlotCredits}; taking and giving back in {@code PoolingAllocator},
 * with {@code OnDemandAllocator} as its plain counterpart; what a slot holds in {@code SlotLease};
 * one resource of it in {@code SlotMemory} and {@code SlotTable}; what it starts with in {@code
 * MemoryImage} and {@code ModuleImages}; the way back in {@code MemoryReset} and {@code
 * DecommitQueue}; system calls in {@code dev.skep.pool.os}.
 */
@NullMarked
package dev.skep.pool;

import org.jspecify.annotations.NullMarked;
