package dev.skep.limits;

/**
 * What an uploaded module may contain. Checked by a linear scan before anything is allocated for
 * it; every refusal names the offset, the value and the limit.
 *
 * @param moduleBytes size of the upload
 * @param types entries of the type section
 * @param typeValues parameters and results over all types
 * @param functions functions, imported and defined
 * @param imports imports of every kind
 * @param exports exports of every kind
 * @param globals globals defined
 * @param tables tables defined
 * @param tableMinElements elements that all tables start with
 * @param memories memories defined
 * @param segments data and element segments, each kind
 * @param elements elements over all element segments
 * @param constantBytes bytes of one constant expression
 * @param bodyBytes bytes of one function's body
 * @param locals locals of one function, parameters not counted
 * @param totalLocals locals over all functions
 * @param nesting blocks within blocks of one function
 * @param operands values on the operand stack of one function at once
 * @param branchTargets targets of one {@code br_table}
 * @param totalBranchTargets targets of all {@code br_table}s
 * @param nameBytes bytes of one import's, export's or custom section's name
 * @param totalNameBytes bytes of all names of imports and exports
 * @param customSections custom sections
 * @param customBytes bytes of all custom sections
 * @param checkSteps steps that checking and compiling take beyond one for each operator: levels
 *     that branches look up, values that blocks, branches and calls move, operands below a block,
 *     blocks beside a loop
 * @param typePairs types times functions: the compiler compares each with each
 * @param indirectCases functions that calls through a table may reach, summed over all types
 */
public record ModuleLimits(
    int moduleBytes,
    int types,
    int typeValues,
    int functions,
    int imports,
    int exports,
    int globals,
    int tables,
    long tableMinElements,
    int memories,
    int segments,
    int elements,
    int constantBytes,
    int bodyBytes,
    int locals,
    int totalLocals,
    int nesting,
    int operands,
    int branchTargets,
    int totalBranchTargets,
    int nameBytes,
    int totalNameBytes,
    int customSections,
    int customBytes,
    long checkSteps,
    long typePairs,
    long indirectCases) {

  /**
   * Wide enough for what compilers emit (a language runtime of 10 MB has some 30,000 functions),
   * narrow enough that parsing stays within a few hundred megabytes, and that a megabyte is checked
   * in two seconds whatever it holds.
   */
  public static final ModuleLimits DEFAULTS =
      new ModuleLimits(
          16 << 20, // moduleBytes
          10_000, // types
          100_000, // typeValues: ten for each of the most types
          50_000, // functions
          1_000, // imports
          10_000, // exports
          10_000, // globals
          16, // tables
          10_000_000, // tableMinElements: the most that a slot can be configured for
          8, // memories
          50_000, // segments
          100_000, // elements
          1_024, // constantBytes: compilers emit some ten
          1 << 20, // bodyBytes
          5_000, // locals
          500_000, // totalLocals
          500, // nesting
          1_000, // operands: compilers keep some dozens, and a call takes 250 at most
          10_000, // branchTargets
          500_000, // totalBranchTargets
          1_024, // nameBytes
          1 << 20, // totalNameBytes
          1_000, // customSections: debug information has a dozen
          16 << 20, // customBytes: they are skipped, so no more than the module
          20_000_000, // checkSteps: some 20 ns each; ordinary code takes some 100,000 a megabyte
          50_000_000, // typePairs: some 20 ns each
          200_000); // indirectCases: a toolchain that writes each type once has one a function
}
