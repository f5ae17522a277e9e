package dev.skep.api;

import dev.skep.engine.Engine;
import dev.skep.scheduler.CompileBilling;
import dev.skep.scheduler.ModuleCache;
import dev.skep.scheduler.Scheduler;
import dev.skep.scheduler.TreeCache;
import dev.skep.storage.FunctionStore;
import dev.skep.storage.Ledger;
import dev.skep.storage.TenantStore;
import dev.skep.storage.TokenStore;
import dev.skep.storage.TreeStore;

/**
 * What routes need. All parts are thread-safe.
 *
 * @param config of the node
 * @param engine checks uploads
 * @param modules compiles and keeps them
 * @param compiling charges for that
 * @param tiers which tier runs what
 * @param scheduler runs them
 * @param tenants stored
 * @param tokens stored
 * @param functions stored
 * @param trees stored
 * @param treeCache unpacks and keeps them
 * @param ledger of receipts
 * @param catalog what of these is in memory
 * @param database where database work is done
 * @param uploads where uploads are checked
 */
record Services(
    NodeConfig config,
    Engine engine,
    ModuleCache modules,
    CompileBilling compiling,
    Tiers tiers,
    Scheduler scheduler,
    TenantStore tenants,
    TokenStore tokens,
    FunctionStore functions,
    TreeStore trees,
    TreeCache treeCache,
    Ledger ledger,
    Catalog catalog,
    BlockingWork database,
    BlockingWork uploads) {}
