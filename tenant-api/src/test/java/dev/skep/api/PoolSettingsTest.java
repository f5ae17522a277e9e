package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.api.NodeConfig.Variable;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolConfig.PageScanning;
import dev.skep.pool.SlotClass;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PoolSettingsTest {
  private static final Map<String, String> ALL =
      Map.ofEntries(
          Map.entry("SKEP_ALLOCATOR", "on-demand"),
          Map.entry("SKEP_SLOT_CLASSES", "1MiB:100,4MiB/16MiB:20"),
          Map.entry("SKEP_INSTANCES", "50"),
          Map.entry("SKEP_MEMORIES", "60"),
          Map.entry("SKEP_TABLES", "70"),
          Map.entry("SKEP_MEMORIES_PER_MODULE", "2"),
          Map.entry("SKEP_TABLES_PER_MODULE", "3"),
          Map.entry("SKEP_TABLE_ELEMENTS", "4000"),
          Map.entry("SKEP_GUARD_BYTES", "8KiB"),
          Map.entry("SKEP_UNUSED_WARM_SLOTS", "5"),
          Map.entry("SKEP_KEEP_RESIDENT_MEMORY", "1MiB"),
          Map.entry("SKEP_KEEP_RESIDENT_TABLE", "4096"),
          Map.entry("SKEP_DECOMMIT_BATCH", "7"),
          Map.entry("SKEP_PAGE_SCAN", "off"),
          Map.entry("SKEP_MAP_IMAGE_BYTES", "32KiB"),
          Map.entry("SKEP_IMAGE_MAPPINGS", "8"),
          Map.entry("SKEP_AUDIT_EVERY", "9"));

  private static PoolConfig of(Map<String, String> environment) {
    return PoolSettings.of(new Settings(environment));
  }

  @Test
  void everyKnobIsRead() {
    assertThat(of(ALL))
        .isEqualTo(
            new PoolConfig(
                List.of(new SlotClass(1 << 20, 100), new SlotClass(4 << 20, 16 << 20, 20)),
                50,
                60,
                70,
                2,
                3,
                4_000,
                8_192,
                5,
                1 << 20,
                4_096,
                7,
                PageScanning.OFF,
                32 << 10,
                8,
                9));
    assertThat(PoolSettings.isOnDemand(new Settings(ALL))).isTrue();
    assertThat(PoolSettings.VARIABLES).extracting(Variable::name).hasSameElementsAs(ALL.keySet());
  }

  @Test
  void eachKnobAloneChangesWhatItNames() {
    for (Map.Entry<String, String> knob : ALL.entrySet()) {
      Map<String, String> alone = Map.of(knob.getKey(), knob.getValue());
      boolean changed =
          PoolSettings.isOnDemand(new Settings(alone)) || !of(alone).equals(PoolConfig.DEFAULTS);
      assertThat(changed).as(knob.getKey()).isTrue();
    }
  }

  @Test
  void nothingSetGivesTheDefaults() {
    Map<String, String> empty = new TreeMap<>();
    ALL.keySet().forEach(name -> empty.put(name, ""));
    assertThat(of(empty)).isEqualTo(PoolConfig.DEFAULTS);
    assertThat(of(Map.of())).isEqualTo(PoolConfig.DEFAULTS);
    assertThat(PoolSettings.isOnDemand(new Settings(empty))).isFalse();
  }

  /** The page shows defaults as they can be written. */
  @Test
  void theDefaultsThatThePageShowsAreTheDefaults() {
    Map<String, String> shown = new TreeMap<>();
    for (Variable variable : PoolSettings.VARIABLES) {
      shown.put(variable.name(), variable.fallback().replace("`", ""));
    }
    assertThat(of(shown)).isEqualTo(PoolConfig.DEFAULTS);
    assertThat(PoolSettings.isOnDemand(new Settings(shown))).isFalse();
  }

  @Test
  void fewSlotsBoundTheInstances() {
    assertThat(of(Map.of("SKEP_SLOT_CLASSES", "64MiB:12")).instances()).isEqualTo(12);
    assertThat(of(Map.of("SKEP_SLOT_CLASSES", "64MiB:50000")).instances())
        .isEqualTo(PoolConfig.DEFAULTS.instances());
  }

  @Test
  void neverMapsNoImage() {
    assertThat(of(Map.of("SKEP_MAP_IMAGE_BYTES", "never")).mapImageBytes())
        .isEqualTo(Long.MAX_VALUE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          SKEP_INSTANCES            | 0         | from 1 to 28672
          SKEP_INSTANCES            | 28673     | from 1 to 28672
          SKEP_INSTANCES            | all       | from 1 to 28672
          SKEP_MEMORIES             | 0         | from 1 to 1000000000
          SKEP_TABLES               | -1        | from 1 to 1000000000
          SKEP_MEMORIES_PER_MODULE  | 101       | from 1 to 100
          SKEP_TABLES_PER_MODULE    | 0         | from 1 to 100
          SKEP_TABLE_ELEMENTS       | 10000001  | from 1 to 10000000
          SKEP_GUARD_BYTES          | 100       | a multiple of 4KiB up to 1GiB
          SKEP_GUARD_BYTES          | 2GiB      | a multiple of 4KiB up to 1GiB
          SKEP_UNUSED_WARM_SLOTS    | 1000001   | from 0 to 1000000
          SKEP_KEEP_RESIDENT_MEMORY | 1000      | a multiple of 4KiB up to 1GiB
          SKEP_KEEP_RESIDENT_MEMORY | 64 kB     | a multiple of 4KiB up to 1GiB
          SKEP_KEEP_RESIDENT_TABLE  | -4096     | a multiple of 4KiB up to 1GiB
          SKEP_DECOMMIT_BATCH       | 1025      | from 0 to 1024
          SKEP_PAGE_SCAN            | on        | auto or off
          SKEP_MAP_IMAGE_BYTES      | 0         | from 1 to 1024GiB
          SKEP_MAP_IMAGE_BYTES      | always    | from 1 to 1024GiB
          SKEP_IMAGE_MAPPINGS       | 1000001   | from 0 to 1000000
          SKEP_AUDIT_EVERY          | -1        | from 0 to 2147483647
          SKEP_SLOT_CLASSES         | 64MiB     | 512KiB:16384,4MiB:8192,64MiB:4096
          SKEP_SLOT_CLASSES         | 64MiB:x   | 512KiB:16384,4MiB:8192,64MiB:4096
          SKEP_SLOT_CLASSES         | 1:2:3     | 512KiB:16384,4MiB:8192,64MiB:4096
          SKEP_SLOT_CLASSES         | 1MiB:1,   | 512KiB:16384,4MiB:8192,64MiB:4096
          SKEP_SLOT_CLASSES         | 100:1     | a multiple of 65536 up to 4294967296
          SKEP_SLOT_CLASSES         | 8GiB:1    | a multiple of 65536 up to 4294967296
          SKEP_SLOT_CLASSES         | 2MiB/1MiB:1 | from memoryBytes, 2097152, to 17179869184
          SKEP_SLOT_CLASSES         | 1MiB:0    | from 1 to 1000000
          SKEP_SLOT_CLASSES         | 2MiB:1,1MiB:1 | more than the class before it
          SKEP_SLOT_CLASSES         | 1MiB:900000,2MiB:900000 | from 1 to 1000000
          """)
  void aMalformedValueIsNamedWithItsLimits(String name, String value, String limits) {
    assertThatThrownBy(() -> of(Map.of(name, value)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(name + " is \"" + value + "\"", limits);
  }

  @Test
  void anUnknownAllocatorIsNamed() {
    assertThatThrownBy(
            () -> PoolSettings.isOnDemand(new Settings(Map.of("SKEP_ALLOCATOR", "none"))))
        .hasMessageContainingAll("SKEP_ALLOCATOR", "none", "pooling or on-demand");
  }

  @Test
  void tooManyClassesAreCounted() {
    assertThatThrownBy(() ->
            of(
                Map.of(
                    "SKEP_SLOT_CLASSES",
                    "1MiB:1,2MiB:1,3MiB:1,4MiB:1,5MiB:1,6MiB:1,7MiB:1,8MiB:1,9MiB:1")))
        .hasMessageContainingAll("SKEP_SLOT_CLASSES", "classes is 9", "from 1 to 8");
  }
}
