package dev.skep.metrics;

import java.util.List;
import java.util.stream.Stream;

/**
 * Every metric of Skep's own: the one place where its name, kind, help and labels are written.
 *
 * <p>The code registers by these constants, {@code docs/metrics.md} is rendered from them, and the
 * tests hold the dashboard and the alert rules to them. Units are seconds and bytes, in the name;
 * counters end in {@code _total}.
 */
@SuppressWarnings("ImmutableEnumChecker") // The lists are List.of.
public enum MetricName {
  BUILD_INFO("skep_build_info", Kind.GAUGE, "Always 1; says what runs", "version", "jdk"),
  READY("skep_ready", Kind.GAUGE, "1 when the node takes requests, 0 when it does not"),

  POOL_SLOTS(
      "skep_pool_slots",
      Kind.GAUGE,
      "Slots of the slab by class and state: running, idle (an instance waits), cold, warm and"
          + " pending (free), or retired",
      "class",
      "state"),
  POOL_UNPROMISED(
      "skep_pool_unpromised_slots",
      Kind.GAUGE,
      "Slots neither leased nor kept for a tenant's floor, by class; negative when promised slots"
          + " have been retired",
      "class"),
  POOL_INSTANCES("skep_pool_instances_limit", Kind.GAUGE, "Most instances live at once"),
  POOL_RESERVED("skep_pool_reserved_bytes", Kind.GAUGE, "Address space of the slab"),
  POOL_RESIDENT("skep_pool_resident_bytes", Kind.GAUGE, "Memory that the slab really holds"),
  POOL_RESIDENT_IMAGES(
      "skep_pool_resident_image_bytes",
      Kind.GAUGE,
      "Of the resident memory, pages shared with mapped images, counted once for each slot"),
  POOL_TAKES("skep_pool_takes_total", Kind.COUNTER, "Leases of slots given out"),
  POOL_REFUSALS(
      "skep_pool_refusals_total",
      Kind.COUNTER,
      "Takes refused, by reason: no_slot, no_instance, ceiling, too_large or kernel",
      "reason"),
  POOL_MOVES(
      "skep_pool_moves_total", Kind.COUNTER, "Running stores that have grown into a larger slot"),
  POOL_AFFINITY_HITS(
      "skep_pool_affinity_hits_total",
      Kind.COUNTER,
      "Takes that found a free slot with their module's images",
      "class"),
  POOL_AFFINITY_MISSES(
      "skep_pool_affinity_misses_total", Kind.COUNTER, "Takes that did not", "class"),
  POOL_AFFINITY_EVICTIONS(
      "skep_pool_affinity_evictions_total",
      Kind.COUNTER,
      "Free slots that lost their images, to other modules or because too many were warm",
      "class"),
  POOL_RESETS(
      "skep_pool_resets_total",
      Kind.COUNTER,
      "Slots returned to their image, by kind: unchanged restored the pages known from the reset"
          + " before, scanned had to find out or restored all, failed retired the slot",
      "kind"),
  POOL_RESET_SECONDS("skep_pool_reset_seconds_total", Kind.COUNTER, "Time resets took"),
  POOL_DISCARDED(
      "skep_pool_discarded_bytes_total",
      Kind.COUNTER,
      "Memory that resets gave back to the kernel rather than restore it"),
  POOL_AUDITS("skep_pool_audits_total", Kind.COUNTER, "Resets that were read back in full"),
  POOL_AUDIT_FAILURES(
      "skep_pool_audit_failures_total",
      Kind.COUNTER,
      "Audits that found a slot other than its image"),
  POOL_DECOMMITS(
      "skep_pool_decommits_total", Kind.COUNTER, "Slots given back to the kernel as a whole"),
  POOL_DECOMMIT_CALLS("skep_pool_decommit_calls_total", Kind.COUNTER, "System calls that took"),
  POOL_MAPPED_IMAGES("skep_pool_mapped_images", Kind.GAUGE, "Slots that have an image mapped"),
  POOL_MAPPED_IMAGES_LIMIT(
      "skep_pool_mapped_images_limit", Kind.GAUGE, "Most slots that may; images beyond are copied"),
  PROCESS_MAPPINGS("skep_process_mappings", Kind.GAUGE, "Memory mappings of the process"),
  PROCESS_MAPPINGS_LIMIT(
      "skep_process_mappings_limit", Kind.GAUGE, "Most mappings it may have: vm.max_map_count"),

  SCHEDULER_QUEUED("skep_scheduler_queued", Kind.GAUGE, "Runs that wait, over all tenants"),
  SCHEDULER_QUEUE_CAPACITY("skep_scheduler_queue_capacity", Kind.GAUGE, "Most runs that may wait"),
  SCHEDULER_RUNNING("skep_scheduler_running", Kind.GAUGE, "Runs under way"),
  SCHEDULER_ASIDE(
      "skep_scheduler_aside",
      Kind.GAUGE,
      "Of those, runs that have given up their worker and wait for their next turn"),
  SCHEDULER_YIELDS(
      "skep_scheduler_yields_total",
      Kind.COUNTER,
      "Times that a run gave up its worker at the end of its turn"),
  SCHEDULER_YIELDS_REFUSED(
      "skep_scheduler_yields_refused_total",
      Kind.COUNTER,
      "Times that a run kept its worker because as many were aside as may"),
  SCHEDULER_WORKERS(
      "skep_scheduler_workers",
      Kind.GAUGE,
      "Most guests that execute at once in their first turn, and as many that have had it"),
  SCHEDULER_REFUSED(
      "skep_scheduler_refused_total",
      Kind.COUNTER,
      "Runs refused before they began, by reason: tenant-queue-full, queue-full, pool-full,"
          + " compile-queue-full, draining or suspended",
      "reason"),
  SCHEDULER_WAIT(
      "skep_scheduler_wait_seconds", Buckets.WAIT_SECONDS, "From admission to a worker and a slot"),
  WARM_HITS(
      "skep_scheduler_warm_hits_total",
      Kind.COUNTER,
      "Runs that found an idle instance of their function"),
  WARM_MISSES(
      "skep_scheduler_warm_misses_total",
      Kind.COUNTER,
      "Runs that had to instantiate their module"),
  WARM_EVICTIONS(
      "skep_scheduler_warm_evictions_total",
      Kind.COUNTER,
      "Idle instances closed because a slot was needed"),
  FLOORS_NOT_PROMISED(
      "skep_scheduler_floors_not_promised_total",
      Kind.COUNTER,
      "Changes of a tenant's share whose floor could not be promised in full"),
  FLOOR_SLOTS_MISSING(
      "skep_scheduler_floor_slots_missing",
      Kind.GAUGE,
      "Slots of tenants' floors, of each class, that are not promised now"),

  ENGINE_COMPILES("skep_engine_compiles_total", Kind.COUNTER, "Modules compiled"),
  ENGINE_COMPILE_SECONDS("skep_engine_compile_seconds_total", Kind.COUNTER, "Time compiling took"),
  ENGINE_COMPILE_WAIT(
      "skep_engine_compile_wait_seconds",
      Buckets.COMPILE_WAIT_SECONDS,
      "From the first wish for a module to the beginning of its compile"),
  ENGINE_COMPILE_QUEUED("skep_engine_compile_queued", Kind.GAUGE, "Compiles that wait"),
  ENGINE_COMPILES_REFUSED(
      "skep_engine_compiles_refused_total",
      Kind.COUNTER,
      "Compiles refused because as many wait as may, by whose queue was full: tenant or node",
      "queue"),
  COMPILER_PROCESS_STARTS(
      "skep_compiler_process_starts_total",
      Kind.COUNTER,
      "Times that the process which checks and compiles modules was started"),
  COMPILER_PROCESS_LOST(
      "skep_compiler_process_lost_total",
      Kind.COUNTER,
      "Times that this process ended unasked; what it was at is asked again once"),
  COMPILER_PROCESS_RESIDENT(
      "skep_compiler_process_resident_bytes", Kind.GAUGE, "Memory of this process"),
  ENGINE_CHECKS(
      "skep_engine_checks_total", Kind.COUNTER, "Modules checked at upload, whatever came of it"),
  ENGINE_CHECK_CPU(
      "skep_engine_check_cpu_seconds_total",
      Kind.COUNTER,
      "CPU time that checks took, of those that were given up too as soon as they end"),
  ENGINE_REFUSED_MODULES(
      "skep_engine_refused_modules_total",
      Kind.COUNTER,
      "Uploads refused once their bytes were read, by the type of the problem that was answered:"
          + " invalid-module, module-limit, unknown-import, unavailable and others",
      "reason"),
  ENGINE_INTERPRETED_FUNCTIONS(
      "skep_engine_interpreted_functions_total",
      Kind.COUNTER,
      "Functions too large for a JVM method, over all compiled modules: they are interpreted"),
  ENGINE_MODULES_CACHED("skep_engine_modules_cached", Kind.GAUGE, "Compiled modules held"),
  ENGINE_SCRATCH_BYTES(
      "skep_engine_scratch_bytes", Kind.GAUGE, "Heap that the scratch space of runs takes"),
  ENGINE_SCRATCH_REFUSED(
      "skep_engine_scratch_refused_total",
      Kind.COUNTER,
      "Times that a run was told that there is no scratch space, though its own grant had some, by"
          + " whose bound was reached: tenant or node",
      "bound"),

  NATIVE_COMPILER(
      "skep_native_compiler",
      Kind.GAUGE,
      "1 for what compiles to machine code, 0 for the rest: unavailable (the node is held to tier"
          + " 1), jvm, making (jvm, while its machine code is made), machine-code or failed (jvm,"
          + " for good)",
      "phase"),
  NATIVE_QUEUED(
      "skep_native_queued", Kind.GAUGE, "Versions that wait to be compiled to machine code"),
  NATIVE_COMPILING("skep_native_compiling", Kind.GAUGE, "Modules being compiled to machine code"),
  NATIVE_COMPILES(
      "skep_native_compiles_total",
      Kind.COUNTER,
      "Compiles to machine code by what came of them: ready, unsupported, failed, or lost (another"
          + " node had taken over, or the module had gone)",
      "result"),
  NATIVE_COMPILE_SECONDS(
      "skep_native_compile_seconds_total", Kind.COUNTER, "Wall-clock time of these compiles"),
  NATIVE_TAKEN_OVER(
      "skep_native_taken_over_total",
      Kind.COUNTER,
      "Compiles to machine code begun after a node had not finished the same"),
  NATIVE_REFUSED(
      "skep_native_refused_total",
      Kind.COUNTER,
      "Wishes for machine code refused because as many waited as may, by whose queue was full:"
          + " tenant or node",
      "queue"),
  NATIVE_LOADS(
      "skep_native_loads_total", Kind.COUNTER, "Times that stored machine code was loaded"),
  NATIVE_LOADS_REFUSED(
      "skep_native_loads_refused_total",
      Kind.COUNTER,
      "Loads given up because as many waited as may; the runs take tier 1"),
  ARTIFACTS_REFUSED(
      "skep_artifacts_refused_total",
      Kind.COUNTER,
      "Stored machine code that was thrown away, by what was wrong: disk or database (it was not"
          + " what had been written there), or content (it is not meant for this, or does not fit)",
      "reason"),
  ARTIFACT_CACHE_BYTES(
      "skep_artifact_cache_bytes", Kind.GAUGE, "Machine code in the data directory"),
  ARTIFACT_CACHE_LIMIT(
      "skep_artifact_cache_limit_bytes", Kind.GAUGE, "Most that may be in the data directory"),
  ARTIFACT_CACHE_READS(
      "skep_artifact_cache_reads_total",
      Kind.COUNTER,
      "Looks for machine code in the data directory: hit or miss",
      "result"),
  ARTIFACT_CACHE_EVICTIONS(
      "skep_artifact_cache_evictions_total",
      Kind.COUNTER,
      "Files deleted because there was no room"),
  ARTIFACT_CACHE_FAILURES(
      "skep_artifact_cache_failures_total", Kind.COUNTER, "Files that could not be written"),
  CODE_BYTES("skep_code_bytes", Kind.GAUGE, "Machine code mapped"),
  CODE_BYTES_LIMIT("skep_code_bytes_limit", Kind.GAUGE, "Most machine code that may be mapped"),
  CODE_MAPPINGS("skep_code_mappings", Kind.GAUGE, "Mappings of machine code, one a module"),
  CODE_LEASES("skep_code_leases", Kind.GAUGE, "Instances that run machine code, and compilers"),
  CODE_REFUSED(
      "skep_code_refused_total",
      Kind.COUNTER,
      "Machine code not mapped, because of the limit or the kernel; the module stays on tier 1"),

  RUNS(
      "skep_runs_total",
      Kind.COUNTER,
      "Runs that ended, by outcome: completed, refused, exited, trapped, out-of-fuel, deadline,"
          + " limit, cancelled or host-failure",
      "tenant",
      "outcome"),
  TIER_RUNS(
      "skep_runs_by_tier_total",
      Kind.COUNTER,
      "Runs that ended, by the tier they ran on: 1 (classes of the JVM) or 2 (machine code)",
      "tier"),
  RUN_DURATION(
      "skep_run_duration_seconds",
      Buckets.RUN_SECONDS,
      "Wall-clock time of the guest, the queue and time aside not counted"),
  RUN_MEMORY_PEAK(
      "skep_run_memory_peak_bytes",
      Buckets.MEMORY_BYTES,
      "Most linear memory that a run held at once"),
  FUEL("skep_fuel_total", Kind.COUNTER, "Fuel consumed, in units of the cost table", "tenant"),
  COMPILE_FUEL(
      "skep_compile_fuel_total",
      Kind.COUNTER,
      "Fuel charged for checking and compiling versions that are new to their function, and for"
          + " compiling versions to machine code, in units of the cost table; the ledger charges"
          + " bytes that several functions of a tenant share only once",
      "tenant"),
  NANODOLLARS(
      "skep_nanodollars_total", Kind.COUNTER, "Price of the runs, in 1e-9 dollars", "tenant"),

  RECEIPTS_APPENDED(
      "skep_receipts_appended_total", Kind.COUNTER, "Receipts made durable in the spool"),
  RECEIPT_WAIT(
      "skep_receipt_wait_seconds",
      Buckets.WAIT_SECONDS,
      "From a run's end to its receipt on the disk, before which nobody hears of it"),
  RECEIPTS_SHIPPED(
      "skep_receipts_shipped_total", Kind.COUNTER, "Receipts written to the ledger in Postgres"),
  RECEIPTS_FAILED(
      "skep_receipts_failed_total", Kind.COUNTER, "Receipts that could not be made durable"),
  RECEIPTS_PENDING("skep_receipts_pending", Kind.GAUGE, "Receipts durable but not in the ledger"),
  RECEIPT_SPOOL("skep_receipt_spool_bytes", Kind.GAUGE, "The spool on disk"),
  RECEIPT_SHIP_LAG(
      "skep_receipt_ship_lag_seconds", Kind.GAUGE, "Age of the oldest receipt not in the ledger"),

  HTTP_REQUESTS(
      "skep_http_requests_total",
      Kind.COUNTER,
      "Requests answered, by the route's template and the status code",
      "route",
      "status"),
  HTTP_REQUEST(
      "skep_http_request_seconds",
      Buckets.HTTP_SECONDS,
      "From the request's head to the response's end",
      "route"),
  HTTP_ANSWER_WAIT(
      "skep_http_answer_wait_seconds",
      Buckets.WAIT_SECONDS,
      "From a receipt on the disk to the turn of its answer on the event loop"),
  HTTP_IN_FLIGHT("skep_http_in_flight", Kind.GAUGE, "Requests not yet answered");

  /** What a metric does over time, as Prometheus tells kinds apart. */
  public enum Kind {
    /** Goes up and down. */
    GAUGE,
    /** Only goes up, from 0 at start. */
    COUNTER,
    /** Counts observations in buckets, each holding all that are at most its bound. */
    HISTOGRAM
  }

  private final String series;
  private final Kind kind;
  private final String help;
  private final List<String> labels;
  private final List<Double> buckets;

  MetricName(String series, Kind kind, String help, String... labels) {
    this(series, kind, help, List.of(), labels);
  }

  MetricName(String series, List<Double> buckets, String help, String... labels) {
    this(series, Kind.HISTOGRAM, help, buckets, labels);
  }

  MetricName(String series, Kind kind, String help, List<Double> buckets, String... labels) {
    this.series = series;
    this.kind = kind;
    this.help = help;
    this.buckets = buckets;
    this.labels = List.of(labels);
  }

  /** The name as Prometheus knows it, such as {@code skep_runs_total}. */
  public String series() {
    return series;
  }

  public Kind kind() {
    return kind;
  }

  /** One line for people, without a full stop. */
  public String help() {
    return help;
  }

  /** Names of the labels, in the order in which their values are given; unmodifiable. */
  public List<String> labels() {
    return labels;
  }

  /** Upper bounds of a histogram's buckets, rising, without infinity; empty for other kinds. */
  public List<Double> buckets() {
    return buckets;
  }

  /** Names under which samples are exposed: the name itself, or a histogram's three. */
  public List<String> sampleNames() {
    return kind == Kind.HISTOGRAM
        ? List.of(series + "_bucket", series + "_sum", series + "_count")
        : List.of(series);
  }

  double[] bucketArray() {
    return buckets.stream().mapToDouble(Double::doubleValue).toArray();
  }

  String[] labelArray() {
    return labels.toArray(String[]::new);
  }

  /**
   * Bounds of the histograms. Durations go by 1, 2, 5: a quantile read from them is never more than
   * 2.5 times off, at three buckets a decade, and an observation costs some ten comparisons.
   */
  private static final class Buckets {
    private static final List<Double> DECADES =
        Stream.of(
                1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2,
                0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
            .toList();

    /** 10 µs, about what a warm run takes, to 10 s, beyond which nobody waits. */
    private static final List<Double> WAIT_SECONDS = range(1e-5, 10);

    /** 1 ms, what compiling the smallest module takes, to 60 s, a queue that is long. */
    private static final List<Double> COMPILE_WAIT_SECONDS = range(1e-3, 60);

    /** 10 µs to 60 s, the longest deadline. */
    private static final List<Double> RUN_SECONDS = range(1e-5, 60);

    /** From 100 µs, the least that HTTP and a token's check cost, to 60 s. */
    private static final List<Double> HTTP_SECONDS = range(1e-4, 60);

    /** 64 KiB, one page, to 4 GiB, all that 32 bits address, by powers of 4. */
    private static final List<Double> MEMORY_BYTES =
        Stream.iterate(0x1p16, bound -> bound <= 0x1p32, bound -> bound * 4).toList();

    private static List<Double> range(double first, double last) {
      return DECADES.stream().filter(bound -> bound >= first && bound <= last).toList();
    }
  }
}
