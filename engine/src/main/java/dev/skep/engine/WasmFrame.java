package dev.skep.engine;

/**
 * One frame of a guest's stack.
 *
 * @param function index of the function
 * @param name from the module's name section, made printable, or {@code func[index]}
 */
public record WasmFrame(int function, String name) {}
