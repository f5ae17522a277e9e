/**
 * The only code that calls the operating system and touches memory by address.
 *
 * <p>Nothing here checks bounds: callers do, in long arithmetic, before every access. Not for use
 * outside the allocator, which is why the architecture test names its users.
 */
@NullMarked
package dev.skep.pool.os;

import org.jspecify.annotations.NullMarked;
