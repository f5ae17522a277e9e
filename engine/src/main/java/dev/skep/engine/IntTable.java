package dev.skep.engine;

/**
 * Rows of numbers. The array is not copied and must not change.
 *
 * @param columns of each row, 1 or more
 * @param values row by row
 */
public record IntTable(int columns, int[] values) {
  public IntTable {
    if (columns < 1 || values.length % columns != 0) {
      throw new IllegalArgumentException(
          values.length + " values do not make rows of " + columns + " columns");
    }
  }

  /** A table without rows. */
  public static IntTable empty(int columns) {
    return new IntTable(columns, new int[0]);
  }

  public int rows() {
    return values.length / columns;
  }

  /** The number in a row's column, both from 0. */
  public int at(int row, int column) {
    return values[row * columns + column];
  }
}
