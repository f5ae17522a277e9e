/**
 * Wasmtime through its C API, to be measured beside in the same run where it is installed. Nothing
 * of the product or its tests needs it.
 */
@NullMarked
package dev.skep.loadtest.peer;

import org.jspecify.annotations.NullMarked;
