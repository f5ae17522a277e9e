package dev.skep.engine;

import dev.skep.engine.CompilerMessages.Answer;
import dev.skep.engine.CompilerMessages.Request;
import dev.skep.engine.CompilerMessages.Status;
import dev.skep.limits.ModuleBudgets;
import dev.skep.pool.Backstage;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The compiler's process: takes requests from stdin and answers on stdout, each on a thread of its
 * own, until stdin ends, which it does when the node does, however that ends.
 */
final class CompilerProcessMain {
  /** When nothing has been asked for so long, the heap is given back. */
  private static final long IDLE_SECONDS = 10;

  private final LocalCompiler compiler =
      new LocalCompiler(EngineConfig.DEFAULTS, ModuleBudgets.DEFAULTS);
  private final DataInputStream in;
  private final DataOutputStream out;

  /** Threads; the node sees to it that there are few. */
  private final AtomicInteger busy = new AtomicInteger();

  /** Requests since the heap was last given back. */
  private final AtomicInteger served = new AtomicInteger();

  private CompilerProcessMain(DataInputStream in, DataOutputStream out) {
    this.in = in;
    this.out = out;
  }

  /** Takes no arguments. */
  public static void main(String[] args) throws IOException {
    DataOutputStream out =
        new DataOutputStream(
            new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16));
    // What is printed is no answer.
    System.setOut(System.err);
    Backstage.COMPILES.enterWhole();
    DataInputStream in =
        new DataInputStream(
            new BufferedInputStream(new FileInputStream(FileDescriptor.in), 1 << 16));
    new CompilerProcessMain(in, out).serve();
  }

  private void serve() throws IOException {
    ScheduledExecutorService idle =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("skep-idle").factory());
    var _ =
        idle.scheduleWithFixedDelay(this::giveBack, IDLE_SECONDS, IDLE_SECONDS, TimeUnit.SECONDS);
    try {
      while (true) {
        Request request = CompilerMessages.readRequest(in);
        busy.incrementAndGet();
        Thread thread =
            new Thread(null, () -> answer(request), "skep-compile", Engine.COMPILER_STACK_BYTES);
        thread.setDaemon(true);
        thread.start();
      }
    } catch (EOFException e) {
      // The node has ended, or wants another process. What is under way is for nobody.
      Runtime.getRuntime().halt(0);
    }
  }

  private void giveBack() {
    if (busy.get() == 0 && served.getAndSet(0) > 0) {
      System.gc();
    }
  }

  private void answer(Request request) {
    try {
      Answer answer = answered(request);
      synchronized (out) {
        CompilerMessages.send(out, answer);
      }
    } catch (IOException e) {
      // Nobody reads any more.
      Runtime.getRuntime().halt(1);
    } finally {
      served.incrementAndGet();
      busy.decrementAndGet();
    }
  }

  private Answer answered(Request request) {
    Status status;
    byte[] content;
    try {
      content =
          switch (request.task()) {
            case CHECK -> CompilerMessages.oversized(compiler.check(request.module()));
            case COMPILE -> CompilerMessages.code(compiler.compile(request.module()));
          };
      status = Status.DONE;
    } catch (ModuleRefusedException e) {
      status = Status.REFUSED;
      content = CompilerMessages.refusal(e);
    } catch (RejectedExecutionException e) {
      status = Status.BUSY;
      content = CompilerMessages.text(String.valueOf(e.getMessage()));
    } catch (RuntimeException | Error e) {
      // For the operator, who has the stack trace from here only.
      e.printStackTrace();
      status = Status.FAILED;
      content = CompilerMessages.text(e.getClass().getName());
    }
    return new Answer(request.number(), status, compiler.checkCpuNanos(), content);
  }
}
