package dev.skep.loadtest.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.engine.TrapKind;
import dev.skep.limits.StoreLimits;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import dev.skep.pool.SlotLease;
import dev.skep.scheduler.TenantId;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Kinds of the corpus on a node of two workers: each ends as it must, none leaves a slot or a
 * thread behind, and an instance that stands beside them all the time is not touched.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class HostileChecks {
  private static final int WORKERS = 2;
  private static final TenantId NEIGHBOUR = new TenantId("neighbour");
  private static final long SUM = 16_384L * 0x5A5A_5A5AL & 0xFFFF_FFFFL;

  private Set<Thread> threadsBefore = Set.of();
  private HostileNode node;
  private GuestInstance canary;
  private CompiledModule neighbour;

  /** A node on the tier that is tried. */
  abstract HostileNode node(int workers);

  /** The kinds that are tried on it. */
  abstract Stream<HostileKind> kinds();

  /** The node on which all of them have been tried. */
  void allWereTried(HostileNode tried) {}

  @BeforeAll
  void open() {
    threadsBefore = threads();
    node = node(WORKERS);
    neighbour = node.compile(neighbourBytes());
    SlotLease lease = (SlotLease) node.pool().take(neighbour.slotFor(node.pool().newOwner()));
    canary = (GuestInstance) neighbour.instantiate(lease, StoreLimits.DEFAULTS);
    assertThat(call("fill")).isZero();
    assertThat(call("sum")).isEqualTo(SUM);
  }

  private static Set<Thread> threads() {
    return new HashSet<>(Thread.getAllStackTraces().keySet());
  }

  /** Fills its page, keeps a global and a table beside, and sums it all up. */
  private static byte[] neighbourBytes() {
    ModuleWriter m = new ModuleWriter();
    m.memory(1);
    m.table(2);
    m.global(ModuleWriter.I32, true, Code.code().i32(0));
    int seven = m.function(":i", Code.code().i32(7));
    m.declare(seven);
    m.exported(
        "fill",
        ":i",
        Code.code()
            .i32(0)
            .i32(0x5A)
            .i32(65_536)
            .memoryFill(0)
            .i32(41)
            .globalSet(0)
            .i32(1)
            .refFunc(seven)
            .tableSet(0)
            .i32(0));
    // for (i = 65,536; i != 0;) sum += load32(i -= 4)
    Code sum = Code.code().i32(65_536).set(0).loop();
    sum.get(0).i32(-4).add().tee(0).load32(0).get(1).add().set(1).get(0).brIf(0).end().get(1);
    m.export("sum", ModuleWriter.FUNCTION, m.function(":i", 2, ModuleWriter.I32, sum));
    m.exported("rest", ":i", Code.code().globalGet(0).i32(1).callIndirect(m.type(":i"), 0).add());
    return m.toBytes();
  }

  /** Calls the canary, whose store goes on from call to call. */
  private long call(String export) {
    RunReport report = canary.run(new TypedCall(export, new long[0]), StoreLimits.DEFAULTS);
    assertThat(report.result()).isInstanceOf(RunResult.Values.class);
    return ((RunResult.Values) report.result()).results()[0];
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void endsAsDeclaredAndLeavesNothing(HostileKind kind) {
    assertThat(node.attack(kind)).isEqualTo(kind.outcome());
    assertThat(
            node.run(
                NEIGHBOUR,
                neighbourBytes(),
                neighbour,
                new TypedCall("rest", new long[0]),
                StoreLimits.DEFAULTS))
        .as("the neighbour's answer: its table is null, as in each new store")
        .isEqualTo(HostileOutcome.trapped(TrapKind.UNINITIALIZED_ELEMENT));
  }

  /** After all kinds, whichever ran last. */
  @AfterAll
  void nothingIsLeft() {
    allWereTried(node);
    assertThat(call("sum")).isEqualTo(SUM);
    assertThat(call("rest")).isEqualTo(48);
    node.stop();
    assertThat(node.busy()).isZero();
    assertThat(node.stats().leased()).as("slots held, the canary's with them").isEqualTo(1);
    canary.close();
    assertThat(node.stats().leased()).isZero();
    assertThat(node.stats().retired()).isZero();
    node.pool().close();
    Set<Thread> more = threads();
    more.removeAll(threadsBefore);
    // Caffeine's maintenance borrows the JVM's common pool, whose threads end by themselves.
    more.removeIf(thread -> thread.getName().startsWith("ForkJoinPool.commonPool"));
    // Threads that check uploads end when they have been idle for a second; there are few.
    assertThat(more.stream().filter(thread -> thread.getName().equals("skep-check")).count())
        .isLessThanOrEqualTo(8);
    more.removeIf(thread -> thread.getName().matches("skep-check|Cleaner-\\d+"));
    assertThat(more).extracting(Thread::getName).isEmpty();
  }
}
