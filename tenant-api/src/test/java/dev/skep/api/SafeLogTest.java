package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.read.ListAppender;
import org.junit.jupiter.api.Test;

/** What the node's log makes of strings that others have written. */
class SafeLogTest {
  static final String HOSTILE = "\nFORGED\r\u001b[31m\u0000\u202e\"'</script>\u2028\u009b\u007f";

  /** Writes events as a node does: by its own configuration. */
  static String rendered(Iterable<ILoggingEvent> events) throws Exception {
    LoggerContext context = new LoggerContext();
    JoranConfigurator configurator = new JoranConfigurator();
    configurator.setContext(context);
    configurator.doConfigure(SafeLogTest.class.getResource("/logback.xml"));
    ConsoleAppender<ILoggingEvent> appender =
        (ConsoleAppender<ILoggingEvent>)
            context.getLogger(Logger.ROOT_LOGGER_NAME).getAppender("STDERR");
    StringBuilder text = new StringBuilder();
    for (ILoggingEvent event : events) {
      text.append(new String(appender.getEncoder().encode(event), UTF_8));
    }
    context.stop();
    return text.toString();
  }

  /** Nothing acts on a terminal, and no line begins with what was written to forge one. */
  static void isSafe(String log) {
    log.codePoints()
        .forEach(c ->
            assertThat(c == '\n' || c == '\t' || SafeText.isShown(c))
                .as("U+%04X in %s", c, log)
                .isTrue());
    assertThat(log.lines()).noneMatch(line -> line.startsWith("FORGED"));
  }

  @Test
  void messagesPairsAndExceptionsStayOnTheirLines() throws Exception {
    LoggerContext context = new LoggerContext();
    context.setMDCAdapter(new LogbackMDCAdapter());
    Logger logger = context.getLogger("test");
    ListAppender<ILoggingEvent> events = new ListAppender<>();
    events.start();
    logger.addAppender(events);
    IllegalStateException failure =
        new IllegalStateException("outer" + HOSTILE, new RuntimeException("inner" + HOSTILE));
    failure.addSuppressed(new RuntimeException("beside" + HOSTILE));
    logger
        .atError()
        .setCause(failure)
        .addKeyValue("name" + HOSTILE, "value" + HOSTILE)
        .log("message" + HOSTILE);

    String log = rendered(events.list);
    isSafe(log);
    assertThat(log)
        .contains("message\\u000aFORGED\\u000d\\u001b[31m\\u0000\\u202e\"'</script>\\u2028")
        .contains("=\"value\\u000aFORGED")
        .contains("\\\"'</script>")
        .contains("java.lang.IllegalStateException: outer\\u000aFORGED")
        .contains("Caused by: java.lang.RuntimeException: inner\\u000aFORGED")
        .contains("Suppressed: java.lang.RuntimeException: beside\\u000aFORGED")
        .contains("\tat dev.skep.api.SafeLogTest.messagesPairsAndExceptionsStayOnTheirLines");
    assertThat(log.lines().filter(line -> line.contains(" message"))).hasSize(1);
  }
}
