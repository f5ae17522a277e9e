package dev.skep.api;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The module graph, and who may know what. */
class ArchitectureTest {
  private static final JavaClasses SKEP =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.skep");

  @Test
  void modulesDependOnEachOtherAsTheGraphSays() {
    layeredArchitecture()
        .consideringOnlyDependenciesInAnyPackage("dev.skep..")
        .layer("limits")
        .definedBy("dev.skep.limits..")
        .layer("pool")
        .definedBy("dev.skep.pool..")
        .layer("engine")
        .definedBy("dev.skep.engine..")
        .layer("scheduler")
        .definedBy("dev.skep.scheduler..")
        .layer("storage")
        .definedBy("dev.skep.storage..")
        .layer("metrics")
        .definedBy("dev.skep.metrics..")
        .layer("api")
        .definedBy("dev.skep.api..")
        .whereLayer("api")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("metrics")
        .mayOnlyBeAccessedByLayers("api")
        .whereLayer("storage")
        .mayOnlyBeAccessedByLayers("api")
        .whereLayer("scheduler")
        .mayOnlyBeAccessedByLayers("api", "storage")
        .whereLayer("engine")
        .mayOnlyBeAccessedByLayers("scheduler", "api")
        .whereLayer("pool")
        .mayOnlyBeAccessedByLayers("engine", "scheduler", "api")
        .whereLayer("metrics")
        .mayNotAccessAnyLayer()
        .whereLayer("limits")
        .mayNotAccessAnyLayer()
        .check(SKEP);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("dev.skep.(*)..").should().beFreeOfCycles().check(SKEP);
  }

  @Test
  void httpIsInTheApiOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.skep.api..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.vertx..", "io.netty..")
        .check(SKEP);
  }

  @Test
  void sqlIsInStorageOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.skep.storage..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("java.sql..", "javax.sql..", "org.postgresql..", "org.flywaydb..")
        .check(SKEP);
  }

  @Test
  void engineTypesAreInTheEngineAndTheAllocatorOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackages("dev.skep.engine..", "dev.skep.pool..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("com.dylibso..", "org.objectweb.asm..")
        .check(SKEP);
  }

  @Test
  void theOperatingSystemIsInOnePackageOfTheAllocator() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.skep.pool.os..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.lang.foreign..")
        .check(SKEP);
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.skep.pool..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.skep.pool.os..")
        .check(SKEP);
  }

  @Test
  void limitsAndSchedulerKnowNoInputAndOutput() {
    noClasses()
        .that()
        .resideInAnyPackage("dev.skep.limits..", "dev.skep.scheduler..", "dev.skep.engine..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("java.net..", "java.nio.file..", "java.nio.channels..")
        .check(SKEP);
  }
}
