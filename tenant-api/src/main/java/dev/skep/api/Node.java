package dev.skep.api;

import com.zaxxer.hikari.metrics.prometheus.PrometheusMetricsTrackerFactory;
import dev.skep.engine.CompilerProcess;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.metrics.NodeMetrics;
import dev.skep.pool.Backstage;
import dev.skep.pool.CodeSpace;
import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.OnDemandAllocator;
import dev.skep.pool.PoolPlan;
import dev.skep.pool.PoolingAllocator;
import dev.skep.scheduler.CompileBilling;
import dev.skep.scheduler.ModuleCache;
import dev.skep.scheduler.Scheduler;
import dev.skep.scheduler.TreeCache;
import dev.skep.storage.Database;
import dev.skep.storage.DatabaseConfig;
import dev.skep.storage.EmbeddedDatabase;
import dev.skep.storage.FunctionStore;
import dev.skep.storage.Ledger;
import dev.skep.storage.ReceiptSpool;
import dev.skep.storage.SpoolConfig;
import dev.skep.storage.TenantStore;
import dev.skep.storage.TokenStore;
import dev.skep.storage.TreeStore;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One node: everything started in order, and stopped in the opposite one.
 *
 * <p>The port listens first, so that health can be asked while the database starts. Stopping
 * refuses new runs, lets those under way end and answer, ships the receipts, and only then closes
 * what they need.
 */
public final class Node implements AutoCloseable {
  /** Version of this build. */
  public static final String VERSION = "0.1.0";

  private static final Logger LOG = LoggerFactory.getLogger(Node.class);

  /** Threads and tasks of database work: as many threads as connections, a second of waiting. */
  private static final int DATABASE_THREADS = DatabaseConfig.DEFAULT_POOL_SIZE;

  private static final int DATABASE_TASKS = 1_024;

  /** Tokens and functions that wait to be looked up; one more request is answered 503. */
  private static final int LOOKUPS_WAITING = 4_096;

  /** Uploads checked at once and waiting: each may hold a module of 16 MiB. */
  private static final int UPLOAD_THREADS = 2;

  private static final int UPLOAD_TASKS = 32;

  private static final Duration DATABASE_PATIENCE = Duration.ofSeconds(2);
  private static final long DATABASE_WATCH_SECONDS = 2;
  private static final Duration FLUSH_PATIENCE = Duration.ofSeconds(10);
  private static final int CONTROL_FACTOR = 2;

  private final NodeConfig config;
  private final Consumer<String> progress;
  private final NodeMetrics metrics = new NodeMetrics();
  private final Deque<Closing> closings = new ArrayDeque<>();
  private final List<Switch> switches = new ArrayList<>();
  private @Nullable Scheduler scheduler;
  private @Nullable ReceiptSpool spool;
  private volatile boolean started;
  private volatile boolean draining;
  private volatile boolean databaseReachable;
  private int port;
  private @Nullable String newOperatorToken;

  private interface Closing {
    void close() throws Exception;
  }

  private Node(NodeConfig config, Consumer<String> progress) {
    this.config = config;
    this.progress = progress;
  }

  /**
   * Starts a node and returns when it is ready. Blocks for seconds.
   *
   * @param progress hears, in a few words, what is being done
   * @throws PoolDoesNotFitException if the pool cannot fit on this machine; nothing was started
   * @throws Exception if anything does not start; what had started is stopped again
   */
  public static Node start(NodeConfig config, Consumer<String> progress) throws Exception {
    Backstage.enterCompilers();
    Node node = new Node(config, progress);
    try {
      node.start();
      return node;
    } catch (Exception e) {
      node.close();
      throw e;
    }
  }

  /** On a thread whose niceness the server inherits: no run waits for it. */
  private EmbeddedDatabase startDatabase() throws Exception {
    FutureTask<EmbeddedDatabase> start =
        new FutureTask<>(() -> EmbeddedDatabase.start(config.dataDir().resolve("postgres")));
    Thread.ofPlatform()
        .name("skep-database-start")
        .start(() -> {
          Backstage.DATABASE.enter();
          start.run();
        });
    try {
      return start.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }

  private void start() throws Exception {
    plan();
    Vertx vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
    closings.push(() -> await(vertx.close()));
    progress.accept("listening on " + config.host() + ":" + config.port());
    listen(vertx);

    DatabaseConfig databaseConfig;
    if (config.databaseUrl() != null) {
      databaseConfig = DatabaseConfig.parse(config.databaseUrl());
      progress.accept("connecting to the database");
    } else {
      progress.accept("starting the embedded PostgreSQL in " + config.dataDir());
      EmbeddedDatabase embedded = startDatabase();
      embedded.stepBack(Backstage.DATABASE.nice());
      closings.push(embedded::close);
      databaseConfig = embedded.config();
    }
    Database database =
        Database.open(databaseConfig, new PrometheusMetricsTrackerFactory(metrics.registry()));
    closings.push(database::close);
    databaseReachable = true;
    watch(database);

    TenantStore tenants = new TenantStore(database);
    TokenStore tokens = new TokenStore(database);
    FunctionStore functions = new FunctionStore(database);
    TreeStore trees = new TreeStore(database);
    Ledger ledger = new Ledger(database);
    operatorToken(tokens);

    progress.accept("opening the receipt spool");
    ReceiptSpool receipts =
        ReceiptSpool.open(
            SpoolConfig.of(config.dataDir().resolve("spool")), ledger, Backstage.ANSWERS::enter);
    spool = receipts;
    closings.push(receipts::close);

    progress.accept("reserving slots of " + PoolSettings.text(config.pool().classes()));
    InstanceAllocator pool =
        config.onDemand()
            ? new OnDemandAllocator(config.pool())
            : new PoolingAllocator(config.pool());
    closings.push(pool::close);
    CompilerProcess compiler = CompilerProcess.start(config.compilerHeapBytes());
    closings.push(compiler::close);
    Engine engine =
        new Engine(
            EngineConfig.DEFAULTS.withScratch(config.scratchBytes(), config.scratchTenantPercent()),
            compiler,
            new CodeSpace(config.tiers().codeBytes()));
    NodeFigures figures = new NodeFigures(metrics);
    ModuleCache modules =
        new ModuleCache(engine, functions::moduleBytes, config.scheduler(), metrics::compileBegan);
    closings.push(modules::close);
    TreeCache treeCache = new TreeCache(trees::archive, config.treeCacheBytes());
    closings.push(treeCache::close);
    Scheduler runs = new Scheduler(config.scheduler(), pool, receipts, figures);
    scheduler = runs;
    closings.push(runs::close);
    CompileBilling billing =
        new CompileBilling(
            config.scheduler().prices(),
            receipts,
            InstantSource.system(),
            kept -> metrics.compileCharged(kept.tenant().value(), kept.fuel()));
    Tiers tiers =
        TierStart.start(
            config,
            engine,
            modules,
            database,
            functions::moduleBytes,
            billing,
            closing -> closings.push(closing::close));

    BlockingWork databaseWork =
        new BlockingWork(
            vertx,
            "skep-database",
            DATABASE_THREADS * CONTROL_FACTOR,
            DATABASE_TASKS,
            Backstage.GUESTS);
    BlockingWork uploads =
        new BlockingWork(vertx, "skep-upload", UPLOAD_THREADS, UPLOAD_TASKS, Backstage.CHECKS);
    ThreadPoolExecutor lookups =
        new ThreadPoolExecutor(
            DATABASE_THREADS,
            DATABASE_THREADS,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(LOOKUPS_WAITING),
            lookupThreads());
    closings.push(lookups::shutdownNow);
    Catalog catalog =
        new Catalog(
            tokens,
            functions,
            engine.compilerKey().text(),
            lookups,
            found -> loadAhead(tiers, modules, found));
    PoolState poolState = new PoolState(pool, runs);
    ConsoleState console =
        new ConsoleState(
            poolState, runs, engine, modules, tiers, receipts, figures, this::notReady);
    figures.register(
        poolState,
        runs,
        engine,
        compiler,
        modules,
        tiers,
        treeCache,
        receipts,
        catalog,
        () -> notReady().isEmpty());
    Services services =
        new Services(
            config,
            engine,
            modules,
            billing,
            tiers,
            runs,
            tenants,
            tokens,
            functions,
            trees,
            treeCache,
            ledger,
            catalog,
            databaseWork,
            uploads);
    for (Switch target : switches) {
      target.router = HttpApi.router(vertx, services, metrics, console, poolState, this::notReady);
    }
    started = true;
  }

  /** Loads the machine code of a function that is about to run, if it may run it. */
  private static void loadAhead(Tiers tiers, ModuleCache modules, Catalog.Target found) {
    if (!found.tenant().suspended() && tiers.isFree(found.tenant(), found.function().settings())) {
      modules.loadAhead(
          found.tenant().tenant(), found.function().currentDigest(), found.answered());
    }
  }

  /** A request waits for each look-up, which is mostly a wait itself. */
  private static ThreadFactory lookupThreads() {
    ThreadFactory threads =
        Thread.ofPlatform()
            .daemon()
            .name("skep-lookup-", 0)
            .stackSize(Engine.COMPILER_STACK_BYTES)
            .factory();
    return work ->
        threads.newThread(() -> {
          Backstage.ANSWERS.enter();
          work.run();
        });
  }

  /** Refuses a pool that would fail at some later moment. */
  private void plan() throws PoolDoesNotFitException {
    if (config.onDemand()) {
      return;
    }
    PoolPlan plan = config.poolPlan();
    if (!plan.problems().isEmpty()) {
      throw new PoolDoesNotFitException(plan);
    }
    LOG.atInfo()
        .addKeyValue("addressSpaceBytes", plan.addressSpace().total())
        .addKeyValue("mappings", plan.mappings().total())
        .addKeyValue("idleBytes", plan.idle().total())
        .addKeyValue("worstBytes", plan.worst().total())
        .addKeyValue("memoryBytes", plan.idle().limit())
        .addKeyValue("overcommitted", plan.isOvercommitted())
        .log("the pool fits; ./skep pool plan shows the sum");
  }

  // ── The port ──────────────────────────────────────────────────────────────────────────────

  /** What an event loop serves: the starting routes first, then all. */
  private static final class Switch extends VerticleBase {
    private final HttpServerOptions options;
    private final AtomicInteger port;
    private volatile Router router;

    Switch(Router router, HttpServerOptions options, AtomicInteger port) {
      this.router = router;
      this.options = options;
      this.port = port;
    }

    @Override
    public Future<?> start() {
      Backstage.ANSWERS.enter();
      return vertx
          .createHttpServer(options)
          .requestHandler(request -> router.handle(request))
          .listen()
          .onSuccess(server -> port.set(server.actualPort()));
    }
  }

  private void listen(Vertx vertx) throws Exception {
    HttpServerOptions options =
        new HttpServerOptions()
            .setHost(config.host())
            .setPort(config.port())
            .setMaxInitialLineLength(8_192)
            .setMaxHeaderSize(16_384)
            .setIdleTimeout(3_600)
            .setCompressionSupported(false)
            .setHandle100ContinueAutomatically(true);
    AtomicInteger bound = new AtomicInteger(config.port());
    Supplier<Switch> verticle =
        () -> {
          Switch created = new Switch(HttpApi.starting(vertx, this::notReady), options, bound);
          switches.add(created);
          return created;
        };
    // A free port is one number only when one event loop has asked for it.
    int loops =
        config.port() == 0 ? 1 : Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
    try {
      await(vertx.deployVerticle(verticle, new DeploymentOptions().setInstances(loops)));
    } catch (Exception e) {
      throw new IOException(
          "cannot listen on "
              + config.host()
              + ":"
              + config.port()
              + " ("
              + e.getMessage()
              + "); set SKEP_PORT or SKEP_HOST",
          e);
    }
    port = bound.get();
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  // ── Health ────────────────────────────────────────────────────────────────────────────────

  private List<String> notReady() {
    List<String> because = new ArrayList<>();
    if (draining) {
      because.add("draining");
    } else if (!started) {
      because.add("starting");
    } else {
      if (!databaseReachable) {
        because.add("database unreachable");
      }
      if (scheduler != null && scheduler.isFull()) {
        because.add("full");
      }
    }
    return because;
  }

  /** Looks after the database beside the requests that ask for readiness. */
  private void watch(Database database) {
    var watcher =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("skep-database-watch").factory());
    var _ =
        watcher.scheduleWithFixedDelay(
            () -> databaseReachable = database.isReachable(DATABASE_PATIENCE),
            DATABASE_WATCH_SECONDS,
            DATABASE_WATCH_SECONDS,
            TimeUnit.SECONDS);
    closings.push(watcher::shutdownNow);
  }

  private void operatorToken(TokenStore tokens) {
    if (config.operatorToken() != null) {
      tokens.setOperatorToken(config.operatorToken());
    } else if (!tokens.hasOperatorToken()) {
      newOperatorToken = tokens.issueOperatorToken("first start").plaintext();
    }
  }

  // ── For whoever started it ────────────────────────────────────────────────────────────────

  /** The port it listens on. */
  public int port() {
    return port;
  }

  /** Where it listens, as a URL without a path. */
  public String url() {
    String host = config.host().equals("0.0.0.0") ? "127.0.0.1" : config.host();
    return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
  }

  /** The operator's token if this start has made one; it is shown nowhere else. */
  public @Nullable String newOperatorToken() {
    return newOperatorToken;
  }

  /** Waits until every receipt of a run that has been answered is in the ledger. */
  public boolean flushReceipts(Duration patience) {
    return spool == null || spool.flush(patience);
  }

  /** Stops gracefully. Blocks for up to the drain's patience and some seconds. Idempotent. */
  @Override
  public synchronized void close() {
    if (draining) {
      return;
    }
    draining = true;
    try {
      if (scheduler != null && !scheduler.drain(config.drainPatience())) {
        LOG.atWarn().log("runs were still under way when the drain's patience ended");
      }
      if (spool != null && !spool.flush(FLUSH_PATIENCE)) {
        LOG.atWarn().log("receipts stay in the spool until the next start");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    while (!closings.isEmpty()) {
      try {
        closings.pop().close();
      } catch (Exception e) {
        LOG.atWarn().setCause(e).log("a part of the node did not stop cleanly");
      }
    }
  }
}
