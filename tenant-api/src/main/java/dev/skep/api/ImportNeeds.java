package dev.skep.api;

import dev.skep.limits.WasiGrant;

/** Which grant of a run each function of WASI preview 1 needs to be of use; one word each. */
final class ImportNeeds {
  /** Of what can be called without any grant. */
  static final String NOTHING = "nothing";

  /** Which of the two, the guest says when it calls. */
  private static final String CLOCKS =
      WasiGrant.CLOCK.word() + " or " + WasiGrant.MONOTONIC_CLOCK.word();

  private static final String FILES = WasiGrant.TREE.word() + " or " + WasiGrant.SCRATCH.word();

  private ImportNeeds() {}

  /** The word for an imported function of {@code wasi_snapshot_preview1}. */
  static String of(String function) {
    return switch (function) {
      case "args_get", "args_sizes_get" -> WasiGrant.ARGUMENTS.word();
      case "environ_get", "environ_sizes_get" -> WasiGrant.ENVIRONMENT.word();
      case "fd_read" -> WasiGrant.STDIN.word();
      case "fd_write" -> WasiGrant.STDOUT.word();
      case "clock_time_get", "clock_res_get" -> CLOCKS;
      case "poll_oneoff" -> WasiGrant.MONOTONIC_CLOCK.word();
      case "random_get" -> WasiGrant.RANDOM.word();
      case "fd_advise",
          "fd_allocate",
          "fd_datasync",
          "fd_fdstat_set_rights",
          "fd_filestat_set_size",
          "fd_filestat_set_times",
          "fd_pread",
          "fd_prestat_get",
          "fd_prestat_dir_name",
          "fd_pwrite",
          "fd_readdir",
          "fd_renumber",
          "fd_sync" ->
          FILES;
      default -> function.startsWith("path_") ? FILES : NOTHING;
    };
  }
}
