package dev.skep.engine;

import dev.skep.engine.Artifact.Table;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Artifacts made at random, for tests: whole, but of no code that could run. */
final class Artifacts {
  static final CompilerKey KEY =
      new CompilerKey("cranelift-0.1", 1, "x86_64-unknown-linux-gnu", "sse4.1,popcnt");

  private Artifacts() {}

  static String module(Random random) {
    byte[] digest = new byte[32];
    random.nextBytes(digest);
    return HexFormat.of().formatHex(digest);
  }

  static Artifact random(Random random) {
    byte[] code = new byte[64 + random.nextInt(random.nextInt(4) == 0 ? 4_000 : 200)];
    random.nextBytes(code);
    int functions = 1 + random.nextInt(8);
    Map<Table, IntTable> tables = new EnumMap<>(Table.class);
    tables.put(
        Table.FUNCTIONS,
        rows(functions, 2, (_, column) -> random.nextInt(column == 0 ? code.length : 5)));
    tables.put(
        Table.ENTRIES,
        rows(random.nextInt(5), 2, (row, column) -> column == 0 ? row * 3 : random.nextInt(64)));
    tables.put(
        Table.OPERATIONS,
        rows(random.nextInt(4), 3, (_, c) -> c == 0 ? random.nextInt(256) : random.nextInt()));
    tables.put(Table.FIGURES, rows(random.nextInt(6), 1, (_, _) -> random.nextInt()));
    tables.put(
        Table.RELOCATIONS,
        rows(
            random.nextInt(7),
            4,
            (row, column) ->
                switch (column) {
                  case 0 -> row * 8;
                  case 1 -> random.nextInt(2);
                  case 2 -> random.nextInt(functions);
                  default -> random.nextInt();
                }));
    tables.put(
        Table.TRAPS,
        rows(
            random.nextInt(8),
            4,
            (row, column) ->
                switch (column) {
                  case 0 -> row * 5 + 1;
                  case 1 -> random.nextInt(256);
                  case 2 -> random.nextInt(functions);
                  default -> random.nextInt(Integer.MAX_VALUE);
                }));
    Map<Integer, String> names = new TreeMap<>();
    for (int i = 0; i < functions; i++) {
      if (random.nextBoolean()) {
        names.put(i, "f" + "ü🐝\"<".substring(0, random.nextInt(2) + 3) + i);
      }
    }
    return new Artifact(module(random), KEY, code, tables, names);
  }

  private interface Cell {
    int at(int row, int column);
  }

  private static IntTable rows(int rows, int columns, Cell cell) {
    int[] values = new int[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = cell.at(i / columns, i % columns);
    }
    return new IntTable(columns, values);
  }
}
