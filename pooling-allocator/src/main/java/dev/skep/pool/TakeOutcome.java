package dev.skep.pool;

/** What asking for a slot came to. */
public sealed interface TakeOutcome permits SlotLease, TakeRefused {}
