package dev.skep.loadtest.hostile;

import java.util.List;
import java.util.stream.Stream;

/** All kinds, in a fixed order. */
public final class HostileCorpus {
  private static final List<HostileKind> KINDS =
      Stream.of(
              LoopKinds.kinds(),
              GrowthKinds.kinds(),
              BulkKinds.kinds(),
              RecursionKinds.kinds(),
              StartKinds.kinds(),
              WasiKinds.kinds(),
              ShapeKinds.kinds(),
              OversizedKinds.kinds(),
              SegmentKinds.kinds(),
              NameKinds.kinds(),
              TrapKinds.kinds(),
              MalformedKinds.kinds(),
              UnsupportedKinds.kinds(),
              EngineFaultKinds.kinds())
          .flatMap(List::stream)
          .toList();

  private HostileCorpus() {}

  public static List<HostileKind> kinds() {
    return KINDS;
  }
}
