/** Tests of storage; those called {@code *IT} run a real PostgreSQL. */
@NullMarked
package dev.skep.storage;

import org.jspecify.annotations.NullMarked;
