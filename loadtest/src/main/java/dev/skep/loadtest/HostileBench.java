package dev.skep.loadtest;

import dev.skep.loadtest.hostile.HostileCorpus;
import dev.skep.loadtest.hostile.HostileKind;
import dev.skep.loadtest.hostile.HostileNode;
import dev.skep.loadtest.hostile.HostileOutcome;
import dev.skep.pool.os.ImageFile;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * The hostile corpus over and over on one node in this process, several at a time: what ends
 * otherwise than declared, and what is left behind.
 */
@Command(
    name = "hostile",
    mixinStandardHelpOptions = true,
    description = "Runs every hostile module again and again, and counts what leaks or goes wrong.")
final class HostileBench implements Callable<Integer> {
  /** So many differences are shown one by one. */
  private static final int MOST_SHOWN = 20;

  /** A pass of the corpus takes seconds; this is a machine that is overloaded. */
  private static final int PASS_MINUTES = 30;

  /** At what is closed beside; a second or two each. */
  private static final int MOST_LOOKS = 10;

  @Option(names = "--times", defaultValue = "100", description = "Passes of the corpus, 100.")
  private int times;

  @Option(names = "--workers", defaultValue = "2", description = "Of the scheduler, 2.")
  private int workers;

  @Option(names = "--concurrency", defaultValue = "4", description = "Kinds at once, 4.")
  private int concurrency;

  @Option(
      names = "--only",
      defaultValue = "",
      description = "Only kinds whose group/name begins with this.")
  private String only = "";

  @Mixin private MachineOptions machine = new MachineOptions();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private final AtomicLong attacks = new AtomicLong();
  private final AtomicLong hostFailures = new AtomicLong();

  /** What did not end as declared, by kind: the first such end. */
  private final Map<String, HostileOutcome> differences = new LinkedHashMap<>();

  private final AtomicLong different = new AtomicLong();

  @Override
  public Integer call() throws InterruptedException {
    if (times < 1 || workers < 1 || concurrency < 1) {
      throw new IllegalArgumentException("counts must be positive");
    }
    List<HostileKind> kinds =
        HostileCorpus.kinds().stream().filter(kind -> kind.id().startsWith(only)).toList();
    if (kinds.isEmpty()) {
      throw new IllegalArgumentException("no kind begins with " + only);
    }
    // In a method of its own, so that afterwards nothing here holds the node.
    Left left = measure(kinds);
    return report(kinds.size(), left, imagesLeft());
  }

  /**
   * What a node that is closed has left behind, and what ran on which tier.
   *
   * @param moreFiles file descriptors, images aside
   */
  private record Left(
      double seconds,
      Census before,
      Census after,
      List<String> newThreads,
      long slots,
      long moreFiles,
      Set<String> onMachineCode,
      Map<String, String> onTierOne) {}

  private Left measure(List<HostileKind> kinds) throws InterruptedException {
    ExecutorService attackers = Executors.newFixedThreadPool(concurrency);
    HostileNode node =
        machine.isTierTwo()
            ? HostileNode.ofMachineCode(workers, machine.compilerCode())
            : new HostileNode(workers);
    // Threads, class files and code that come once and stay are there after one pass.
    pass(node, attackers, kinds, 0);
    // So does the thread that closes images, which the first look at them begins.
    var _ = ImageFile.open();
    Settled before = Settled.of(node);
    attacks.set(0);
    Progress progress = new Progress("passes", times);
    long startNanos = System.nanoTime();
    for (int i = 1; i <= times; i++) {
      pass(node, attackers, kinds, i);
      progress.step();
    }
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    Settled after = Settled.of(node);
    attackers.shutdown();
    node.stop();
    long leakedSlots = (long) node.stats().leased() + node.stats().retired();
    node.pool().close();
    List<String> newThreads = new ArrayList<>(after.census.newThreads(before.census));
    newThreads.addAll(Census.workers());
    return new Left(
        seconds,
        before.census,
        after.census,
        newThreads,
        leakedSlots,
        Math.max(0, after.files() - before.files()),
        node.onMachineCode(),
        node.onTierOne());
  }

  /** What a node holds with no module in its cache and no garbage, and how many images of it. */
  private record Settled(Census census, int images) {
    static Settled of(HostileNode node) throws InterruptedException {
      node.forgetModules();
      Census census;
      int images;
      int looks = 0;
      do {
        // Images are closed beside, once the collector has found that nobody has them.
        images = ImageFile.open();
        census = Census.take();
      } while (images != ImageFile.open() && ++looks < MOST_LOOKS);
      return new Settled(census, images);
    }

    long files() {
      return (long) census.fileDescriptors() - images;
    }
  }

  /** Images that are open though their node is gone. Waits for those that are being closed. */
  private static int imagesLeft() throws InterruptedException {
    for (int looks = 0; ImageFile.open() > 0 && looks < MOST_LOOKS; looks++) {
      var _ = Machine.heapBytesAfterCollection();
    }
    return ImageFile.open();
  }

  private void pass(
      HostileNode node, ExecutorService attackers, List<HostileKind> kinds, int number)
      throws InterruptedException {
    AtomicInteger next = new AtomicInteger();
    List<Callable<Void>> work =
        java.util.Collections.nCopies(
            concurrency,
            () -> {
              for (int i = next.getAndIncrement(); i < kinds.size(); i = next.getAndIncrement()) {
                attack(node, kinds.get(i), number);
              }
              return null;
            });
    var _ = attackers.invokeAll(work, PASS_MINUTES, TimeUnit.MINUTES);
    if (next.get() < kinds.size()) {
      throw new IllegalStateException("a pass did not end in " + PASS_MINUTES + " minutes");
    }
  }

  private void attack(HostileNode node, HostileKind kind, int number) {
    HostileOutcome outcome = node.attack(kind.salted(number));
    attacks.incrementAndGet();
    if (outcome instanceof HostileOutcome.HostFailure) {
      hostFailures.incrementAndGet();
    }
    if (!outcome.equals(kind.outcome())) {
      different.incrementAndGet();
      synchronized (differences) {
        differences.putIfAbsent(kind.id(), outcome);
      }
    }
  }

  private int report(int kinds, Left left, int images) {
    ResultTable table =
        new ResultTable("skep bench hostile: " + kinds + " kinds, " + times + " times");
    if (machine.isTierTwo()) {
      table
          .add("machine_code", "kinds run as machine code", left.onMachineCode.size(), "")
          .add("tier_one", "kinds that stay on tier 1", left.onTierOne.size(), "");
      left.onTierOne.forEach(
          (kind, reason) -> table.note(kind + " stays on tier 1: " + reason + "."));
    }
    table
        .add("kinds", "kinds", kinds, "")
        .add("attacks", "attacks, each run twice", (double) attacks.get(), "")
        .add("pass_seconds", "time of a pass", left.seconds / times, "s")
        .add("different", "not as declared", (double) different.get(), "", "must be 0")
        .add("host_failures", "  of them host failures", (double) hostFailures.get(), "")
        .add("leaked_slots", "slots not given back", (double) left.slots, "", "must be 0")
        .add(
            "new_threads",
            "threads more than before",
            (double) left.newThreads.size(),
            "",
            "must be 0")
        .add(
            "new_files",
            "file descriptors more than before, images aside",
            (double) left.moreFiles,
            "",
            "must be 0")
        .add("images", "  images open when the node is gone", (double) images, "", "must be 0")
        .add("heap_before_mib", "heap in use before", left.before.heapBytes() / 1048576.0, "MiB")
        .add("heap_after_mib", "  after", left.after.heapBytes() / 1048576.0, "MiB")
        .add(
            "classes_before_mib",
            "metaspace before",
            left.before.metaspaceBytes() / 1048576.0,
            "MiB")
        .add("classes_after_mib", "  after", left.after.metaspaceBytes() / 1048576.0, "MiB")
        .note("Every pass compiles every module anew; " + concurrency + " attack at a time.")
        .note("Before is after one pass that is not measured, with all modules forgotten.")
        .print(json);
    differences.entrySet().stream()
        .limit(MOST_SHOWN)
        .forEach(entry -> System.err.println(entry.getKey() + " ended as " + entry.getValue()));
    left.newThreads.forEach(name -> System.err.println("a thread more: " + name));
    long wrong = different.get() + left.slots + left.newThreads.size() + left.moreFiles + images;
    return wrong == 0 ? 0 : 1;
  }
}
