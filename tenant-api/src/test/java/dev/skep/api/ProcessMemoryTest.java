package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcessMemoryTest {
  private final AtomicLong now = new AtomicLong();

  @Test
  void readsWhatTheKernelSaysAtMostEveryFiveSeconds(@TempDir Path proc) throws IOException {
    Files.createDirectories(proc.resolve("self"));
    Files.createDirectories(proc.resolve("sys/vm"));
    Files.writeString(proc.resolve("self/maps"), "a\nb\nc\n");
    Files.writeString(proc.resolve("self/status"), "Name:\tjava\nRssShmem:\t      12 kB\n");
    Files.writeString(proc.resolve("sys/vm/max_map_count"), "65530\n");
    var memory = new ProcessMemory(proc, now::get);
    var first = new ProcessMemory.Reading(3, 65_530, 12_288);
    assertThat(memory.read()).isEqualTo(first);
    assertThat(memory.read().headroom()).isEqualTo(65_527);
    Files.writeString(proc.resolve("self/maps"), "a\n".repeat(100_000));
    now.set(4_999_999_999L);
    assertThat(memory.read()).isEqualTo(first);
    now.set(5_000_000_000L);
    assertThat(memory.read().mappings()).isEqualTo(100_000);
    assertThat(memory.read().headroom()).as("more than it may have").isZero();
  }

  @Test
  void whatTheKernelDoesNotSayIsUnknown(@TempDir Path empty) {
    var memory = new ProcessMemory(empty, now::get);
    assertThat(memory.read()).isEqualTo(new ProcessMemory.Reading(-1, -1, -1));
    assertThat(memory.read().headroom()).isEqualTo(-1);
  }

  @Test
  void theProcessOfThisTestHasMappings() {
    var reading = new ProcessMemory().read();
    assertThat(reading.mappings()).isBetween(10L, reading.mostMappings());
    assertThat(reading.mostMappings()).isGreaterThan(1_000);
    assertThat(reading.sharedBytes()).isNotNegative();
  }

  @Test
  void anyProcessHasResidentMemoryAndWhatIsNoneHasNot() {
    assertThat(ProcessMemory.residentBytes(ProcessHandle.current().pid())).isGreaterThan(1 << 20);
    assertThat(ProcessMemory.residentBytes(0)).isZero();
  }
}
