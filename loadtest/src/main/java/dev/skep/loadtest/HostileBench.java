package dev.skep.loadtest;

import dev.skep.loadtest.hostile.HostileCorpus;
import dev.skep.loadtest.hostile.HostileKind;
import dev.skep.loadtest.hostile.HostileNode;
import dev.skep.loadtest.hostile.HostileOutcome;
import dev.skep.pool.ClassStats;
import dev.skep.pool.PoolStats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
    ExecutorService attackers = Executors.newFixedThreadPool(concurrency);
    HostileNode node =
        machine.isTierTwo()
            ? HostileNode.ofMachineCode(workers, machine.compilerCode())
            : new HostileNode(workers);
    // Threads, class files and code that come once and stay are there after one pass.
    pass(node, attackers, kinds, 0);
    // So does the thread that closes images, which the first look at them begins.
    var _ = node.pool().stats();
    Census before = settled(node);
    int imagesBefore = node.pool().stats().imageFiles();
    attacks.set(0);
    Progress progress = new Progress("passes", times);
    long startNanos = System.nanoTime();
    for (int i = 1; i <= times; i++) {
      pass(node, attackers, kinds, i);
      progress.step();
    }
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    Census after = settled(node);
    PoolStats slots = node.pool().stats();
    attackers.shutdown();
    node.stop();
    long leakedSlots = (long) node.stats().leased() + node.stats().retired();
    node.pool().close();
    List<String> newThreads = new ArrayList<>(after.newThreads(before));
    newThreads.addAll(Census.workers());
    long moreFiles =
        ((long) after.fileDescriptors() - slots.imageFiles())
            - (before.fileDescriptors() - imagesBefore);
    return report(
        node,
        kinds.size(),
        seconds,
        before,
        after,
        newThreads,
        leakedSlots,
        Math.max(0, moreFiles),
        slots);
  }

  /** What it holds with no module in its cache and no garbage. */
  private static Census settled(HostileNode node) throws InterruptedException {
    node.forgetModules();
    return Census.take();
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

  private int report(
      HostileNode node,
      int kinds,
      double seconds,
      Census before,
      Census after,
      List<String> newThreads,
      long leakedSlots,
      long moreFiles,
      PoolStats slots) {
    long warm = slots.classes().stream().mapToLong(ClassStats::warm).sum();
    long imagesOfNobody = Math.max(0, slots.imageFiles() - warm);
    ResultTable table =
        new ResultTable("skep bench hostile: " + kinds + " kinds, " + times + " times");
    if (machine.isTierTwo()) {
      table
          .add("machine_code", "kinds run as machine code", node.onMachineCode().size(), "")
          .add("tier_one", "kinds that stay on tier 1", node.onTierOne().size(), "");
      node.onTierOne()
          .forEach((kind, reason) -> table.note(kind + " stays on tier 1: " + reason + "."));
    }
    table
        .add("kinds", "kinds", kinds, "")
        .add("attacks", "attacks, each run twice", (double) attacks.get(), "")
        .add("pass_seconds", "time of a pass", seconds / times, "s")
        .add("different", "not as declared", (double) different.get(), "", "must be 0")
        .add("host_failures", "  of them host failures", (double) hostFailures.get(), "")
        .add("leaked_slots", "slots not given back", (double) leakedSlots, "", "must be 0")
        .add("new_threads", "threads more than before", (double) newThreads.size(), "", "must be 0")
        .add(
            "new_files",
            "file descriptors more than before, images aside",
            (double) moreFiles,
            "",
            "must be 0")
        .add("images", "  images open", (double) slots.imageFiles(), "")
        .add(
            "images_of_nobody",
            "  more than there are warm slots, which keep one each",
            (double) imagesOfNobody,
            "",
            "must be 0")
        .add("heap_before_mib", "heap in use before", before.heapBytes() / 1048576.0, "MiB")
        .add("heap_after_mib", "  after", after.heapBytes() / 1048576.0, "MiB")
        .add("classes_before_mib", "metaspace before", before.metaspaceBytes() / 1048576.0, "MiB")
        .add("classes_after_mib", "  after", after.metaspaceBytes() / 1048576.0, "MiB")
        .note("Every pass compiles every module anew; " + concurrency + " attack at a time.")
        .note("Before is after one pass that is not measured, with all modules forgotten.")
        .print(json);
    differences.entrySet().stream()
        .limit(MOST_SHOWN)
        .forEach(entry -> System.err.println(entry.getKey() + " ended as " + entry.getValue()));
    newThreads.forEach(name -> System.err.println("a thread more: " + name));
    return different.get() + leakedSlots + newThreads.size() + moreFiles + imagesOfNobody == 0
        ? 0
        : 1;
  }
}
