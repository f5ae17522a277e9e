import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.skep.engine.CompilerEmulated;
import dev.skep.engine.Engine;
import java.io.PrintWriter;
import java.util.Arrays;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/**
 * Runs tests, by class or {@code class#method}, in a process that takes itself for aarch64; or with
 * {@code compiler FILE guest …} the compiler itself.
 */
public final class Emulated {
  private Emulated() {}

  public static void main(String[] tests) throws Exception {
    // What calls the kernel is of the processor that there is; nothing else may know of it.
    Class.forName("dev.skep.pool.os.CodeBarrier");
    System.setProperty("os.arch", "aarch64");
    System.setProperty("skep.untried", "true");
    if (tests[0].equals("compiler")) {
      Thread thread =
          new Thread(
              null,
              () -> {
                try {
                  CompilerEmulated.run(Arrays.copyOfRange(tests, 1, tests.length));
                } catch (Exception e) {
                  throw new AssertionError(e);
                }
                System.exit(0);
              },
              "compiler",
              Engine.COMPILER_STACK_BYTES);
      thread.setUncaughtExceptionHandler((_, e) -> {
        e.printStackTrace();
        System.exit(1);
      });
      thread.start();
      return;
    }
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(
                Arrays.stream(tests)
                    .map(test -> test.contains("#") ? selectMethod(test) : selectClass(test))
                    .toList())
            .build();
    SummaryGeneratingListener summary = new SummaryGeneratingListener();
    LauncherFactory.create().execute(request, summary);
    PrintWriter out = new PrintWriter(System.out, true);
    summary.getSummary().printFailuresTo(out, 5);
    summary.getSummary().printTo(out);
    System.exit(summary.getSummary().getTotalFailureCount() == 0 ? 0 : 1);
  }
}
