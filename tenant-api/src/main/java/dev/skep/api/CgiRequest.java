package dev.skep.api;

import dev.skep.engine.Invocation;
import dev.skep.scheduler.FunctionSettings;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Makes a command's run of a request: CGI's variables (RFC 3875 section 4.1), stdin the body. */
final class CgiRequest {
  /**
   * Headers that are no business of the guest: the caller's tokens; those of the connection (RFC
   * 9110 section 7.6.1); and {@code Proxy}, which programs take for the variable HTTP_PROXY
   * (CVE-2016-5385).
   */
  private static final Set<String> WITHHELD =
      Set.of(
          "authorization",
          "proxy-authorization",
          "proxy",
          "connection",
          "keep-alive",
          "te",
          "trailer",
          "transfer-encoding",
          "upgrade",
          "content-length",
          "content-type");

  private CgiRequest() {}

  static Invocation.CommandRun of(
      RoutingContext ctx, Catalog.Target target, String pathInfo, byte[] body) {
    FunctionSettings settings = target.function().settings();
    List<String> args = new ArrayList<>(settings.args().size() + 1);
    args.add(target.function().name().value());
    args.addAll(settings.args());
    return new Invocation.CommandRun(args, environment(ctx, target, pathInfo, body.length), body);
  }

  private static Map<String, String> environment(
      RoutingContext ctx, Catalog.Target target, String pathInfo, int length) {
    HttpServerRequest request = ctx.request();
    Map<String, String> env = new HashMap<>();
    for (Map.Entry<String, String> header : request.headers()) {
      String name = header.getKey().toLowerCase(Locale.ROOT);
      if (!WITHHELD.contains(name)) {
        env.merge(
            "HTTP_" + name.toUpperCase(Locale.ROOT).replace('-', '_'),
            header.getValue(),
            (a, b) -> a + ", " + b);
      }
    }
    String query = request.query();
    String type = request.getHeader("Content-Type");
    env.put("GATEWAY_INTERFACE", "CGI/1.1");
    env.put("SERVER_SOFTWARE", "skep/" + Node.VERSION);
    env.put("SERVER_PROTOCOL", request.version() == HttpVersion.HTTP_2 ? "HTTP/2.0" : "HTTP/1.1");
    env.put("SERVER_NAME", request.authority() == null ? "" : request.authority().host());
    env.put("SERVER_PORT", Integer.toString(request.localAddress().port()));
    env.put("REQUEST_METHOD", request.method().name());
    env.put("SCRIPT_NAME", "/run/" + target.tenant().tenant() + "/" + target.function().name());
    env.put("PATH_INFO", pathInfo);
    env.put("QUERY_STRING", query == null ? "" : query);
    env.put("REMOTE_ADDR", request.remoteAddress().hostAddress());
    if (length > 0) {
      env.put("CONTENT_LENGTH", Integer.toString(length));
    }
    if (type != null) {
      env.put("CONTENT_TYPE", type);
    }
    env.putAll(target.function().settings().env());
    return env;
  }
}
