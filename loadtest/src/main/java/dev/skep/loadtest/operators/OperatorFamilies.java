package dev.skep.loadtest.operators;

import java.util.ArrayList;
import java.util.List;

/** All families, in the order in which they are shown. */
public final class OperatorFamilies {
  private OperatorFamilies() {}

  /** Writes them all; no two have the same key. */
  public static List<OperatorFamily> all() {
    List<OperatorFamily> all = new ArrayList<>(IntegerFamilies.all());
    all.addAll(FloatFamilies.all());
    all.addAll(ControlFamilies.all());
    all.addAll(MemoryFamilies.all());
    all.addAll(TableFamilies.all());
    all.addAll(HostFamilies.all());
    all.addAll(OversizedFamilies.all());
    return List.copyOf(all);
  }
}
