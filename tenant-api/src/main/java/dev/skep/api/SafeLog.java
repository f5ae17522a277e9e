package dev.skep.api;

import ch.qos.logback.classic.pattern.ClassicConverter;
import ch.qos.logback.classic.pattern.ThrowableProxyConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.StackTraceElementProxy;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.KeyValuePair;

/**
 * The parts of a log line that may hold what guests, tenants and clients have written. Whatever a
 * caller hands to the log, an event's message and its pairs are one line, and so is the message of
 * every exception; see {@code logback.xml}. A caller that forgets to make a string printable can so
 * neither forge a line nor reach the terminal of who reads it.
 */
final class SafeLog {
  private SafeLog() {}

  /** The message. */
  public static final class Message extends ClassicConverter {
    @Override
    public String convert(ILoggingEvent event) {
      String message = event.getFormattedMessage();
      return message == null ? "" : SafeText.line(message);
    }
  }

  /** The pairs, as {@code key="value"} with quotes in values escaped. */
  public static final class Pairs extends ClassicConverter {
    @Override
    public String convert(ILoggingEvent event) {
      if (event.getKeyValuePairs() == null) {
        return "";
      }
      StringBuilder text = new StringBuilder();
      for (KeyValuePair pair : event.getKeyValuePairs()) {
        String value = String.valueOf(pair.value).replace("\\", "\\\\").replace("\"", "\\\"");
        text.append(text.isEmpty() ? "" : " ")
            .append(SafeText.line(String.valueOf(pair.key)))
            .append("=\"")
            .append(SafeText.line(value))
            .append('"');
      }
      return text.toString();
    }
  }

  /** The exception: its causes, outermost first, each with its frames. */
  public static final class Failure extends ThrowableProxyConverter {
    private static final int MOST_CAUSES = 16;
    private static final int MOST_FRAMES = 100;

    @Override
    protected String throwableProxyToString(IThrowableProxy thrown) {
      StringBuilder text = new StringBuilder();
      @Nullable IThrowableProxy cause = thrown;
      for (int i = 0; cause != null && i < MOST_CAUSES; i++) {
        append(text, i == 0 ? "" : "Caused by: ", cause);
        IThrowableProxy[] suppressed = cause.getSuppressed();
        for (int s = 0; suppressed != null && s < Math.min(suppressed.length, MOST_CAUSES); s++) {
          append(text, "Suppressed: ", suppressed[s]);
        }
        cause = cause.getCause();
      }
      return text.toString();
    }

    private static void append(StringBuilder text, String what, IThrowableProxy thrown) {
      text.append(what).append(thrown.getClassName());
      if (thrown.getMessage() != null) {
        text.append(": ").append(SafeText.line(thrown.getMessage()));
      }
      text.append('\n');
      StackTraceElementProxy[] frames = thrown.getStackTraceElementProxyArray();
      if (frames == null) {
        return;
      }
      int shown = Math.min(frames.length - thrown.getCommonFrames(), MOST_FRAMES);
      for (int i = 0; i < shown; i++) {
        text.append("\tat ").append(SafeText.line(frames[i].getStackTraceElement().toString()));
        text.append('\n');
      }
      if (shown < frames.length) {
        text.append("\t… ").append(frames.length - shown).append(" more\n");
      }
    }
  }
}
