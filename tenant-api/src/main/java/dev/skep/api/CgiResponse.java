package dev.skep.api;

import dev.skep.engine.Printable;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;

/**
 * Takes a command's stdout as a CGI response (RFC 3875 section 6): header lines, an empty line, the
 * body. {@code Status: 404 …} sets the status, {@code Location} alone makes it 302.
 */
final class CgiResponse {
  private static final int MOST_HEADER_BYTES = 16 << 10;
  private static final int MOST_HEADERS = 64;
  private static final String STATUS = "status";

  /** Headers that are the connection's or ours. */
  private static final Set<String> RESERVED =
      Set.of(
          "connection", "content-length", "transfer-encoding", "upgrade", "keep-alive", "trailer");

  private CgiResponse() {}

  static void send(HttpServerResponse response, byte[] stdout) {
    int position = 0;
    MultiMap headers = MultiMap.caseInsensitiveMultiMap();
    while (true) {
      int end = lineEnd(stdout, position);
      if (end < 0) {
        throw bad("it has no empty line behind its headers");
      }
      int stop = end > position && stdout[end - 1] == '\r' ? end - 1 : end;
      String line = new String(stdout, position, stop - position, StandardCharsets.ISO_8859_1);
      position = end + 1;
      if (line.isEmpty()) {
        break;
      }
      if (headers.size() == MOST_HEADERS) {
        throw bad("it has more than " + MOST_HEADERS + " headers");
      }
      header(headers, line);
    }
    // Nothing is set before all has been read: a refused answer shows none of the guest's headers.
    String status = headers.get(STATUS);
    headers.remove(STATUS);
    if (status != null) {
      response.setStatusCode(Integer.parseInt(status.substring(0, 3)));
    } else if (headers.contains("Location")) {
      response.setStatusCode(302);
    }
    response.headers().addAll(headers);
    response
        .putHeader("X-Content-Type-Options", "nosniff")
        .end(Buffer.buffer(stdout).slice(position, stdout.length));
  }

  private static int lineEnd(byte[] bytes, int from) {
    for (int i = from; i < bytes.length && i < MOST_HEADER_BYTES; i++) {
      if (bytes[i] == '\n') {
        return i;
      }
    }
    return -1;
  }

  /** Takes one header, if it is the guest's to set. */
  private static void header(MultiMap headers, String line) {
    int colon = line.indexOf(':');
    String name = colon < 0 ? "" : line.substring(0, colon).strip();
    String value = line.substring(colon + 1).strip();
    if (!name.matches("[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
        || value.chars().anyMatch(c -> (c < ' ' && c != '\t') || c == 0x7F)) {
      throw bad("it has the malformed header line " + Printable.of(line));
    }
    String lower = name.toLowerCase(Locale.ROOT);
    if (lower.equals(STATUS) && !value.matches("[2-5][0-9][0-9]( .*)?")) {
      throw bad("its Status is not 200 to 599");
    }
    if (!RESERVED.contains(lower) && !lower.startsWith("skep-")) {
      headers.add(name, value);
    }
  }

  private static ProblemException bad(String why) {
    return new ProblemException(
        Problem.Kind.BAD_RESPONSE,
        "the command's stdout is no CGI response: "
            + why
            + "; set cgiResponse to false to have"
            + " stdout answered as it is");
  }
}
