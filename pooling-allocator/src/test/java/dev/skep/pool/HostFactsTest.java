package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.pool.HostFacts.AddressLimit;
import dev.skep.pool.HostFacts.MemoryLimit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostFactsTest {
  private static final long GIB = 1L << 30;

  @TempDir Path root;

  @BeforeEach
  void aMachineOfEightGib() throws IOException {
    file("proc/meminfo", "MemTotal: 8388608 kB\nCommitLimit: 4194304 kB\nCommitted_AS: 1048576 kB");
    file("proc/sys/vm/max_map_count", "65530\n");
    file("proc/sys/vm/overcommit_memory", "0\n");
    file("proc/self/status", "Name:\tjava\nVmSize:\t 2097152 kB\nVmRSS:\t 1 kB\n");
    file("proc/self/maps", "a\nb\nc\n");
    limit("unlimited");
  }

  private void file(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private void limit(String soft) throws IOException {
    file(
        "proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units\n"
            + "Max address space         "
            + soft
            + "            unlimited            bytes\n");
  }

  private HostFacts read() {
    return HostFacts.read(root, true, true);
  }

  @Test
  void aMachineWithoutLimitsHasItsOwn() {
    assertThat(read())
        .isEqualTo(
            new HostFacts(
                true,
                true,
                65_530,
                3,
                AddressLimit.USER_SPACE,
                1L << 47,
                2 * GIB,
                MemoryLimit.MACHINE,
                8 * GIB));
  }

  @Test
  void theLimitOfAddressSpaceIsTheLowest() throws IOException {
    limit("10737418240");
    assertThat(read().addressSpace()).isEqualTo(AddressLimit.RLIMIT_AS);
    assertThat(read().addressSpaceBytes()).isEqualTo(10 * GIB);

    // 4 GiB less 1 GiB leave less than 10 GiB less 2 GiB.
    file("proc/sys/vm/overcommit_memory", "2\n");
    assertThat(read().addressSpace()).isEqualTo(AddressLimit.COMMIT_LIMIT);
    assertThat(read().addressSpaceBytes()).isEqualTo(4 * GIB);
    assertThat(read().addressSpaceUsedBytes()).isEqualTo(GIB);

    limit("4294967296");
    assertThat(read().addressSpace()).isEqualTo(AddressLimit.RLIMIT_AS);
    assertThat(read().addressSpaceUsedBytes()).isEqualTo(2 * GIB);
  }

  @Test
  void theLowestControlGroupAboveTheProcessCounts() throws IOException {
    file("proc/self/cgroup", "0::/system.slice/skep.service\n");
    file("sys/fs/cgroup/system.slice/skep.service/memory.max", "max\n");
    assertThat(read().memory()).isEqualTo(MemoryLimit.MACHINE);
    file("sys/fs/cgroup/system.slice/memory.max", "2147483648\n");
    assertThat(read().memory()).isEqualTo(MemoryLimit.CGROUP);
    assertThat(read().memoryBytes()).isEqualTo(2 * GIB);
    file("sys/fs/cgroup/system.slice/skep.service/memory.max", "1073741824\n");
    assertThat(read().memoryBytes()).isEqualTo(GIB);
  }

  @Test
  void aContainerSeesItsGroupAsTheRoot() throws IOException {
    file("proc/self/cgroup", "0::/../../elsewhere\n");
    file("sys/fs/cgroup/memory.max", "1073741824\n");
    file("memory.max", "1\n");
    assertThat(read().memoryBytes()).isEqualTo(8 * GIB);
    file("proc/self/cgroup", "0::/\n");
    assertThat(read().memoryBytes()).isEqualTo(GIB);
  }

  @Test
  void theFirstVersionOfControlGroupsIsRead() throws IOException {
    file("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/0123\n0::/\n");
    file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assertThat(read().memory()).isEqualTo(MemoryLimit.MACHINE);
    // The path is the host's; the group is mounted as the root.
    file("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
    assertThat(read().memoryBytes()).isEqualTo(GIB);
    file("sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes", "536870912\n");
    assertThat(read().memoryBytes()).isEqualTo(GIB / 2);
  }

  @Test
  void whatTheSystemDoesNotSayIsNoLimit(@TempDir Path empty) {
    assertThat(HostFacts.read(empty, false, false))
        .isEqualTo(
            new HostFacts(
                false,
                false,
                Long.MAX_VALUE,
                0,
                AddressLimit.USER_SPACE,
                1L << 47,
                0,
                MemoryLimit.MACHINE,
                Long.MAX_VALUE));
  }

  @Test
  void thisMachineHasMemory() {
    HostFacts here = HostFacts.read();
    assertThat(here.memoryBytes()).isBetween(64L << 20, 1L << 50);
    assertThat(here.mappings()).isPositive();
    assertThat(here.addressSpaceUsedBytes()).isPositive();
  }
}
