/**
 * The service as the outside sees it: the control plane for operators and tenants, the data plane
 * that runs functions, the console, health and metrics, and the wiring of all modules into a node.
 *
 * <p>The only code with HTTP types. Handlers run on event loops and never block: what touches the
 * database goes through {@link dev.skep.api.BlockingWork}; what runs guests goes through the
 * scheduler.
 *
 * <p>Where a change goes: a route and its handler in the {@code …Routes} class of its subject; a
 * setting in {@link dev.skep.api.NodeConfig}; an error in {@link dev.skep.api.Problem}; what is
 * started in which order in {@link dev.skep.api.Node}.
 *
 * <p>Glossary: <b>operator</b>, who runs the node; <b>tenant</b>, who owns functions and pays;
 * <b>problem</b>, an error document by RFC 9457.
 */
@NullMarked
package dev.skep.api;

import org.jspecify.annotations.NullMarked;
