package dev.skep.pool;

import dev.skep.pool.os.Libc;
import dev.skep.pool.os.PageScan;
import dev.skep.pool.os.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What the machine lets this process have, as {@link PoolPlan} needs to know it. A limit that the
 * system does not say is {@link Long#MAX_VALUE}, as good as none.
 *
 * @param pageScan whether the kernel can say which pages were written (Linux 6.7)
 * @param guards whether the kernel makes guards without mappings (Linux 6.13)
 * @param mostMappings mappings a process may have, {@code vm.max_map_count}
 * @param mappings that this process has already
 * @param addressSpace the limit of address space that leaves least
 * @param addressSpaceBytes that limit
 * @param addressSpaceUsedBytes what counts towards it already
 * @param memory which limit of physical memory is the lowest
 * @param memoryBytes that limit
 */
public record HostFacts(
    boolean pageScan,
    boolean guards,
    long mostMappings,
    long mappings,
    AddressLimit addressSpace,
    long addressSpaceBytes,
    long addressSpaceUsedBytes,
    MemoryLimit memory,
    long memoryBytes) {

  /** What may bound a process's address space. */
  public enum AddressLimit {
    /** What user space can address with four levels of page tables. */
    USER_SPACE,
    /** {@code ulimit -v}. */
    RLIMIT_AS,
    /** With {@code vm.overcommit_memory} at 2 every reservation counts as memory. */
    COMMIT_LIMIT
  }

  /** What may bound a process's memory. */
  public enum MemoryLimit {
    MACHINE,
    CGROUP
  }

  /** Four levels of 9 bits over pages of 12, the upper half of it the kernel's (x86-64). */
  private static final long USER_SPACE_BYTES = 1L << 47;

  /** Version 1 says "none" by the largest multiple of its page. */
  private static final long NO_LIMIT_BYTES = 1L << 60;

  private static final String MEMORY_CONTROLLER = "memory";

  /** Reads the facts of this process and machine. Some milliseconds. */
  public static HostFacts read() {
    return read(Path.of("/"), PageScan.isSupported(), canGuard());
  }

  /** The same from copies of {@code /proc} and {@code /sys} under another root. */
  static HostFacts read(Path root, boolean pageScan, boolean guards) {
    Path proc = root.resolve("proc");
    Path self = proc.resolve("self");
    List<String> memInfo = lines(proc.resolve("meminfo"));
    long used = kibibytes(lines(self.resolve("status")), "VmSize:", 0);

    AddressLimit limit = AddressLimit.USER_SPACE;
    long bytes = USER_SPACE_BYTES;
    long rlimit = softLimit(lines(self.resolve("limits")), "Max address space");
    if (rlimit < bytes) {
      limit = AddressLimit.RLIMIT_AS;
      bytes = rlimit;
    }
    if (number(proc.resolve("sys/vm/overcommit_memory"), 0) == 2) {
      long most = kibibytes(memInfo, "CommitLimit:", Long.MAX_VALUE);
      long committed = kibibytes(memInfo, "Committed_AS:", 0);
      if (most - committed < bytes - used) {
        limit = AddressLimit.COMMIT_LIMIT;
        bytes = most;
        used = committed;
      }
    }
    long machine = kibibytes(memInfo, "MemTotal:", Long.MAX_VALUE);
    long cgroup = cgroupBytes(root, lines(self.resolve("cgroup")));
    return new HostFacts(
        pageScan,
        guards,
        number(proc.resolve("sys/vm/max_map_count"), Long.MAX_VALUE),
        lines(self.resolve("maps")).size(),
        limit,
        bytes,
        used,
        cgroup < machine ? MemoryLimit.CGROUP : MemoryLimit.MACHINE,
        Math.min(cgroup, machine));
  }

  /** Tries it on a page of its own. */
  private static boolean canGuard() {
    long page;
    try {
      page = Libc.mapPrivate(Libc.PAGE_BYTES);
    } catch (SystemCallException e) {
      return false;
    }
    try {
      return Libc.installGuard(page, Libc.PAGE_BYTES);
    } finally {
      Libc.unmap(page, Libc.PAGE_BYTES);
    }
  }

  /**
   * The lowest limit of the process's control groups and all above them, of either version
   * (cgroups(7)). In a container the path may be that of the host and its own group the root.
   */
  private static long cgroupBytes(Path root, List<String> groups) {
    long least = Long.MAX_VALUE;
    Path mounted = root.resolve("sys/fs/cgroup");
    for (String line : groups) {
      String[] fields = line.split(":", 3);
      if (fields.length < 3) {
        continue;
      }
      if (fields[1].isEmpty()) {
        least = Math.min(least, leastUpwards(mounted, fields[2], "memory.max"));
      } else if (List.of(fields[1].split(",")).contains(MEMORY_CONTROLLER)) {
        Path controller = mounted.resolve(MEMORY_CONTROLLER);
        least = Math.min(least, leastUpwards(controller, fields[2], "memory.limit_in_bytes"));
      }
    }
    return least >= NO_LIMIT_BYTES ? Long.MAX_VALUE : least;
  }

  private static long leastUpwards(Path top, String group, String file) {
    long least = Long.MAX_VALUE;
    Path at = top.resolve(group.substring(Math.min(1, group.length()))).normalize();
    while (at != null && at.startsWith(top)) {
      least = Math.min(least, number(at.resolve(file), Long.MAX_VALUE));
      at = at.getParent();
    }
    return least;
  }

  // ── Files, none of which need be there ────────────────────────────────────────────────────

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      return List.of();
    }
  }

  private static long number(Path file, long fallback) {
    List<String> lines = lines(file);
    return lines.isEmpty() ? fallback : number(lines.getFirst(), fallback);
  }

  /** A word such as {@code max} or {@code unlimited} gives the fallback. */
  private static long number(String text, long fallback) {
    try {
      return Long.parseLong(text.strip());
    } catch (NumberFormatException e) {
      return fallback;
    }
  }

  private static long kibibytes(List<String> lines, String name, long fallback) {
    for (String line : lines) {
      if (line.startsWith(name) && line.endsWith(" kB")) {
        long kib = number(line.substring(name.length(), line.length() - 3), -1);
        return kib < 0 ? fallback : kib << 10;
      }
    }
    return fallback;
  }

  private static long softLimit(List<String> lines, String name) {
    for (String line : lines) {
      if (line.startsWith(name)) {
        return number(line.substring(name.length()).strip().split("\\s+", 2)[0], Long.MAX_VALUE);
      }
    }
    return Long.MAX_VALUE;
  }
}
