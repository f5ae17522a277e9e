package dev.skep.limits;

/**
 * What an uploaded module may contain. Checked by a linear scan before anything is allocated for
 * it; every refusal names the offset, the value and the limit.
 *
 * @param moduleBytes size of the upload
 * @param types entries of the type section
 * @param functions functions, imported and defined
 * @param imports imports of every kind
 * @param exports exports of every kind
 * @param globals globals defined
 * @param tables tables defined
 * @param memories memories defined
 * @param segments data and element segments, each kind
 * @param elements elements over all element segments
 * @param bodyBytes bytes of one function's body
 * @param locals locals of one function, parameters not counted
 * @param totalLocals locals over all functions
 * @param nesting blocks within blocks of one function
 * @param branchTargets targets of one {@code br_table}
 * @param nameBytes bytes of one import's, export's or custom section's name
 */
public record ModuleLimits(
    int moduleBytes,
    int types,
    int functions,
    int imports,
    int exports,
    int globals,
    int tables,
    int memories,
    int segments,
    int elements,
    int bodyBytes,
    int locals,
    int totalLocals,
    int nesting,
    int branchTargets,
    int nameBytes) {

  /**
   * Wide enough for what compilers emit (a language runtime of 10 MB has some 30,000 functions),
   * narrow enough that parsing stays within a few hundred megabytes.
   */
  public static final ModuleLimits DEFAULTS =
      new ModuleLimits(
          16 << 20, 10_000, 50_000, 1_000, 10_000, 10_000, 16, 8, 50_000, 100_000, 1 << 20, 5_000,
          500_000, 500, 10_000, 1_024);
}
