package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.TenantId;
import dev.skep.storage.AnsweredFunction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A guess is of the version noted last, or of one that was stored and is on the disk. */
class LikelyVersionsTest {
  private static final TenantId TENANT = new TenantId("acme");

  private static ModuleDigest version(String text) {
    return ModuleDigest.of(text.getBytes(StandardCharsets.UTF_8));
  }

  private static FunctionName name(int number) {
    return new FunctionName("f" + number);
  }

  /** As a store has them, by name. */
  private static List<AnsweredFunction> stored(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> new AnsweredFunction(TENANT, name(i), version("v" + i)))
        .sorted((a, b) -> a.function().value().compareTo(b.function().value()))
        .toList();
  }

  private static List<AnsweredFunction> page(
      List<AnsweredFunction> all, @Nullable AnsweredFunction after, int limit) {
    int from = after == null ? 0 : all.indexOf(after) + 1;
    return all.subList(from, Math.min(all.size(), from + limit));
  }

  @Test
  void nothingIsKnownButWhatWasNoted() {
    LikelyVersions likely = new LikelyVersions((_, _) -> List.of(), _ -> true);
    assertThat(likely.of(TENANT, name(1))).isNull();
    likely.note(TENANT, name(1), version("one"));
    assertThat(likely.of(TENANT, name(1))).isEqualTo(version("one"));
    likely.note(TENANT, name(1), version("two"));
    assertThat(likely.of(TENANT, name(1))).isEqualTo(version("two"));
    assertThat(likely.of(new TenantId("other"), name(1))).isNull();
    likely.note(TENANT, name(1), null);
    assertThat(likely.of(TENANT, name(1))).isNull();
  }

  @Test
  void allPagesAreReadAndOnlyWhatIsOnTheDiskIsKept() {
    List<AnsweredFunction> all = stored(2_500);
    ModuleDigest elsewhere = version("v7");
    try (LikelyVersions likely =
        new LikelyVersions(
            (after, limit) -> page(all, after, limit), found -> !found.equals(elsewhere))) {
      likely.start();
      Awaitility.await().until(() -> likely.cache().estimatedSize() == 2_499);
      assertThat(likely.of(TENANT, name(7))).isNull();
      assertThat(likely.of(TENANT, name(0))).isEqualTo(version("v0"));
      assertThat(likely.of(TENANT, name(2_499))).isEqualTo(version("v2499"));
    }
  }

  @Test
  void whatWasNotedMeanwhileIsNewerThanWhatIsRead() {
    List<AnsweredFunction> all = stored(2);
    List<LikelyVersions> self = new ArrayList<>();
    try (LikelyVersions likely =
        new LikelyVersions(
            (after, limit) -> {
              self.getFirst().note(TENANT, name(0), version("newer"));
              return page(all, after, limit);
            },
            _ -> true)) {
      self.add(likely);
      likely.start();
      Awaitility.await().until(() -> likely.of(TENANT, name(1)) != null);
      assertThat(likely.of(TENANT, name(0))).isEqualTo(version("newer"));
    }
  }

  @Test
  void aDatabaseThatIsAwayEndsTheReadingOnly() {
    try (LikelyVersions likely =
        new LikelyVersions(
            (_, _) -> {
              throw new IllegalStateException("away");
            },
            _ -> true)) {
      likely.start();
      likely.note(TENANT, name(1), version("one"));
      assertThat(likely.of(TENANT, name(1))).isEqualTo(version("one"));
    }
  }
}
