package dev.skep.loadtest;

import dev.skep.loadtest.NodeClient.Answer;
import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.ModuleWriter;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;

/** A kind of function of which there are any number, each with other bytes. */
enum FirstRequestGuest {
  /** A few hundred bytes: what is left is what any function's first request takes. */
  SMALL("small", "a small module", 3_000) {
    @Override
    byte[] module(int number) {
      return SmallModules.module(number);
    }

    @Override
    String query() {
      return "export=" + SmallModules.call().export();
    }

    @Override
    Buffer body() {
      JsonArray args = new JsonArray();
      for (long arg : SmallModules.call().args()) {
        args.add(arg);
      }
      return new JsonObject().put("args", args).toBuffer();
    }

    @Override
    boolean answersRight(int number, Buffer body) {
      return body.toJsonObject().getJsonArray("results").getLong(0) == SmallModules.answer(number);
    }
  },

  /** The JSON guest, made another by a section that means nothing. */
  JSON("json", "the JSON guest, -O2", 200) {
    @Override
    byte[] module(int number) {
      ByteSink section =
          new ByteSink()
              .name("number")
              .raw(Integer.toString(number).getBytes(StandardCharsets.US_ASCII));
      return new ByteSink().raw(JSON_GUEST).raw(ModuleWriter.section(0, section)).toBytes();
    }

    @Override
    String query() {
      return "export=transform&abi=bytes";
    }

    @Override
    Buffer body() {
      return ORDER;
    }

    @Override
    boolean answersRight(int number, Buffer body) {
      return body.equals(ANSWER);
    }
  };

  private static final byte[] JSON_GUEST = Guests.bytes(JsonTrial.GUEST);
  private static final Buffer ORDER = Buffer.buffer(Guests.bytes(Guests.ORDER));
  private static final Buffer ANSWER = Buffer.buffer(Guests.bytes(Guests.ANSWER));

  private final String key;
  private final String what;
  private final int warmUp;

  FirstRequestGuest(String key, String what, int warmUp) {
    this.key = key;
    this.what = what;
    this.warmUp = warmUp;
  }

  /** In the keys of figures, and in the names of functions. */
  String key() {
    return key;
  }

  /** For people. */
  String what() {
    return what;
  }

  /** How many others are run once before a first request is measured. */
  int warmUp() {
    return warmUp;
  }

  /** The module with a number. */
  abstract byte[] module(int number);

  /** Of the request that runs it. */
  abstract String query();

  /** Of the request that runs it. */
  abstract Buffer body();

  /** Whether the module with that number answers so. */
  abstract boolean answersRight(int number, Buffer body);

  boolean isRight(int number, Answer answer, int tier) {
    return answer.status() == 200 && answer.tier() == tier && answersRight(number, answer.body());
  }
}
