package dev.skep.api;

/** Which grant of a run each function of WASI preview 1 needs to be of use; one word each. */
final class ImportNeeds {
  /** Of what can be called without any grant. */
  static final String NOTHING = "nothing";

  private ImportNeeds() {}

  /** The word for an imported function of {@code wasi_snapshot_preview1}. */
  static String of(String function) {
    return switch (function) {
      case "args_get", "args_sizes_get" -> "args";
      case "environ_get", "environ_sizes_get" -> "env";
      case "fd_read" -> "stdin";
      case "fd_write" -> "stdout";
      case "clock_time_get", "clock_res_get" -> "clock";
      case "random_get" -> "random";
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
          "tree";
      default -> function.startsWith("path_") ? "tree" : NOTHING;
    };
  }
}
