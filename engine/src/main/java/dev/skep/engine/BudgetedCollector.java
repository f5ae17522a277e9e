package dev.skep.engine;

import com.dylibso.chicory.compiler.internal.ClassCollector;
import java.util.Map;

/** Hands the compiler's classes on, and counts them towards the module's budget. */
final class BudgetedCollector implements ClassCollector {
  private final GuestClasses classes;
  private final CompileBudget budget;

  BudgetedCollector(GuestClasses classes, CompileBudget budget) {
    this.classes = classes;
    this.budget = budget;
    budget.check();
  }

  GuestClasses classes() {
    return classes;
  }

  @Override
  public String mainClassName() {
    return classes.mainClassName();
  }

  @Override
  public void putMainClass(String name, byte[] bytes) {
    budget.generated(bytes.length);
    classes.putMainClass(name, bytes);
  }

  @Override
  public void put(String name, byte[] bytes) {
    budget.generated(bytes.length);
    classes.put(name, bytes);
  }

  @Override
  public void putAll(ClassCollector other) {
    classes.putAll(other);
  }

  @Override
  public Map<String, byte[]> classBytes() {
    return classes.classBytes();
  }

  @Override
  public byte[] resolve(Class<?> type) {
    return classes.resolve(type);
  }
}
