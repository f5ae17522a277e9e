/**
 * Writes WebAssembly modules byte by byte, valid or not, for those who make modules that no
 * toolchain would.
 */
@NullMarked
package dev.skep.loadtest.wasm;

import org.jspecify.annotations.NullMarked;
