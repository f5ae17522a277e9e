package dev.skep.api;

import dev.skep.engine.RefusedCall;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.engine.WasmFrame;
import dev.skep.scheduler.Receipt;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Makes a run's answer of how it ended. What the run cost is in the headers of every one. */
final class RunAnswer {
  private static final int MOST_STDERR_CHARS = 4_096;

  private RunAnswer() {}

  static void send(
      HttpServerResponse response, RunReport report, Receipt receipt, boolean cgiResponse) {
    response
        .putHeader("Skep-Run", receipt.run().toString())
        .putHeader("Skep-Fuel", Long.toString(receipt.fuel()))
        .putHeader("Skep-Memory-Peak-Bytes", Long.toString(receipt.memoryPeakBytes()))
        .putHeader("Skep-Duration-Nanos", Long.toString(receipt.durationNanos()))
        .putHeader("Skep-Nanodollars", Long.toString(receipt.nanoDollars()))
        .putHeader("Skep-Outcome", receipt.outcome().word())
        .putHeader("Skep-Tier", Integer.toString(receipt.tier()));
    switch (report.result()) {
      case RunResult.Values values ->
          response
              .putHeader("Content-Type", "application/json")
              .putHeader("X-Content-Type-Options", "nosniff")
              .end(
                  SafeJson.buffer(
                      new JsonObject()
                          .put("results", WasmValues.toJson(values.results(), values.signature()))
                          .put("run", toJson(receipt))));
      case RunResult.Bytes bytes -> body(response, bytes.output(), "application/octet-stream");
      case RunResult.Exited exited when exited.exitCode() == 0 -> {
        if (cgiResponse) {
          try {
            CgiResponse.send(response, exited.stdout());
          } catch (ProblemException e) {
            failed(response, report, receipt, e.problem());
          }
        } else {
          body(response, exited.stdout(), mediaType(exited.stdout()));
        }
      }
      case RunResult.Exited exited ->
          failed(
              response,
              report,
              receipt,
              Problem.of(
                      Problem.Kind.GUEST_EXITED,
                      "the command ended with exit code " + exited.exitCode())
                  .with("exitCode", exited.exitCode()));
      case RunResult.Refused _ ->
          failed(
              response,
              report,
              receipt,
              Problem.of(
                  Problem.Kind.INPUT_REFUSED,
                  "the function answered 0: it does not accept this input"));
      case RunResult.Trapped trapped ->
          failed(
              response,
              report,
              receipt,
              Problem.of(Problem.Kind.GUEST_TRAPPED, "the function trapped: " + trapped.message())
                  .with("trap", trapped.kind().word())
                  .with("stack", stack(trapped.frames())));
      case RunResult.LimitReached reached ->
          failed(
              response,
              report,
              receipt,
              Problem.of(kind(reached), reached.message() + remedy(reached))
                  .with("limit", reached.kind().field())
                  .with("value", reached.limit())
                  .with("stack", stack(reached.frames())));
      case RunResult.HostFailed failed ->
          failed(response, report, receipt, Problem.of(Problem.Kind.INTERNAL, failed.message()));
    }
  }

  private static void body(HttpServerResponse response, byte[] bytes, String mediaType) {
    response
        .putHeader("Content-Type", mediaType)
        // What a guest answers must not be taken for anything else by a browser.
        .putHeader("X-Content-Type-Options", "nosniff")
        .end(Buffer.buffer(bytes));
  }

  /** Text if it is UTF-8 without zero bytes, else bytes. */
  private static String mediaType(byte[] bytes) {
    for (byte b : bytes) {
      if (b == 0) {
        return "application/octet-stream";
      }
    }
    try {
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .decode(ByteBuffer.wrap(bytes));
      return "text/plain; charset=utf-8";
    } catch (CharacterCodingException e) {
      return "application/octet-stream";
    }
  }

  private static void failed(
      HttpServerResponse response, RunReport report, Receipt receipt, Problem problem) {
    Problem full = explained(problem, report.refused()).with("run", toJson(receipt));
    if (report.stderr().length > 0) {
      String text = new String(report.stderr(), StandardCharsets.UTF_8);
      full =
          full.with(
              "stderr",
              text.length() > MOST_STDERR_CHARS ? text.substring(0, MOST_STDERR_CHARS) : text);
    }
    full.send(response);
  }

  /** The problem with what the guest was refused, which may be why it failed. */
  private static Problem explained(Problem problem, List<RefusedCall> refused) {
    if (refused.isEmpty()) {
      return problem;
    }
    StringBuilder detail = new StringBuilder(problem.detail());
    JsonArray list = new JsonArray();
    for (RefusedCall call : refused) {
      list.add(new JsonObject().put("function", call.function()).put("grant", call.grant().word()));
      // Language runtimes look for directories at every start: that alone explains nothing.
      if (!call.function().startsWith("fd_prestat")) {
        detail
            .append("; the guest asked for ")
            .append(call.function())
            .append(", which is not granted: add ")
            .append(Grants.example(call.grant()))
            .append(" to the function's grants with PATCH");
      }
    }
    return new Problem(problem.kind(), detail.toString(), problem.members()).with("refused", list);
  }

  private static Problem.Kind kind(RunResult.LimitReached reached) {
    return switch (reached.kind()) {
      case FUEL -> Problem.Kind.OUT_OF_FUEL;
      case DEADLINE -> Problem.Kind.DEADLINE_EXCEEDED;
      case CALL_DEPTH, MEMORY, TABLE, INSTANCES, CANCELLED, LIVE_MEMORY, LIVE_TABLE ->
          Problem.Kind.LIMIT_EXCEEDED;
    };
  }

  private static String remedy(RunResult.LimitReached reached) {
    return switch (reached.kind()) {
      case CANCELLED, INSTANCES -> "";
      case LIVE_MEMORY, LIVE_TABLE ->
          "; run fewer at a time, or ask the operator to raise the tenant's "
              + reached.kind().field();
      case FUEL, DEADLINE, CALL_DEPTH, MEMORY, TABLE ->
          "; raise limits."
              + reached.kind().field()
              + " of the function with PATCH, or ask the operator to raise the tenant's";
    };
  }

  private static JsonArray stack(List<WasmFrame> frames) {
    JsonArray stack = new JsonArray();
    for (WasmFrame frame : frames) {
      stack.add(new JsonObject().put("function", frame.name()).put("index", frame.function()));
    }
    return stack;
  }

  /** What a run cost, as every answer of ours has it. */
  static JsonObject toJson(Receipt receipt) {
    return new JsonObject()
        .put("id", receipt.run().toString())
        .put("fuel", receipt.fuel())
        .put("memoryPeakBytes", receipt.memoryPeakBytes())
        .put("durationNanos", receipt.durationNanos())
        .put("nanoDollars", receipt.nanoDollars())
        .put("outcome", receipt.outcome().word())
        .put("tier", receipt.tier());
  }
}
