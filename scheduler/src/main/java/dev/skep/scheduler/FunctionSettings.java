package dev.skep.scheduler;

import dev.skep.limits.LimitOverrides;
import dev.skep.limits.WasiGrants;
import java.util.List;
import java.util.Map;

/**
 * What a tenant has set on one of its functions. Immutable.
 *
 * @param args the arguments after the program's name, at most 64 of at most 4,096 characters
 * @param env environment variables, at most 64; names are 1 to 255 letters, digits and underscores,
 *     no digit first, values at most 4,096 characters
 * @param cgiResponse whether a command's stdout begins with CGI header lines (RFC 3875 section 6)
 *     rather than being the body as it is
 * @param limits what its stores may use; within its tenant's limits
 * @param grants what of the host its runs may reach besides what their way of calling grants
 * @param heldToTier1 whether its runs never run as machine code
 */
public record FunctionSettings(
    List<String> args,
    Map<String, String> env,
    boolean cgiResponse,
    LimitOverrides limits,
    WasiGrants grants,
    boolean heldToTier1) {

  public static final FunctionSettings DEFAULTS =
      new FunctionSettings(List.of(), Map.of(), false, LimitOverrides.NONE, WasiGrants.NONE);

  /** Settings of a function that is not held to tier 1. */
  public FunctionSettings(
      List<String> args,
      Map<String, String> env,
      boolean cgiResponse,
      LimitOverrides limits,
      WasiGrants grants) {
    this(args, env, cgiResponse, limits, grants, false);
  }

  private static final int MOST = 64;
  private static final int MOST_CHARS = 4_096;

  public FunctionSettings {
    args = List.copyOf(args);
    env = Map.copyOf(env);
    if (args.size() > MOST) {
      throw new IllegalArgumentException("args has " + args.size() + " entries; at most 64 go");
    }
    if (env.size() > MOST) {
      throw new IllegalArgumentException("env has " + env.size() + " entries; at most 64 go");
    }
    for (String arg : args) {
      checkText("an argument", arg);
    }
    for (Map.Entry<String, String> variable : env.entrySet()) {
      if (!variable.getKey().matches("[A-Za-z_][A-Za-z0-9_]{0,254}")) {
        throw new IllegalArgumentException(
            "an environment variable's name is 1 to 255 letters, digits and underscores, no digit"
                + " first");
      }
      checkText("the value of " + variable.getKey(), variable.getValue());
    }
  }

  private static void checkText(String what, String text) {
    if (text.length() > MOST_CHARS) {
      throw new IllegalArgumentException(
          what + " has " + text.length() + " characters; at most 4096 go");
    }
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(what + " holds a zero byte");
    }
  }
}
