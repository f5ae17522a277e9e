package dev.skep.engine;

import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.CodeSection;
import com.dylibso.chicory.wasm.types.FunctionBody;
import java.util.List;
import java.util.Map;

/**
 * What instances need of a parsed module once its classes are loaded. A parsed body has an object
 * for each operator, some hundred bytes of heap for one or two of Wasm: kept with every module in
 * the cache, they were most of what the collector had to copy. Of the empty bodies of a {@link
 * HollowModule} the parser still makes some hundred bytes each, since it reads one operator at
 * least; here they are one object.
 */
final class WithoutBodies {
  private static final FunctionBody EMPTY = new FunctionBody(List.of(), List.of());

  private WithoutBodies() {}

  /**
   * @param kept the bodies that are needed, by function, because they are interpreted
   * @param imported how many functions the module imports, which have no body
   */
  static WasmModule of(WasmModule module, Map<Integer, FunctionBody> kept, int imported) {
    CodeSection code = module.codeSection();
    CodeSection.Builder bodies =
        CodeSection.builder().setRequiresDataCount(code.isRequiresDataCount());
    for (int i = 0; i < code.functionBodyCount(); i++) {
      bodies.addFunctionBody(kept.getOrDefault(imported + i, EMPTY));
    }
    WasmModule.Builder builder =
        WasmModule.builder()
            .withValidation(false)
            .setTypeSection(module.typeSection())
            .setImportSection(module.importSection())
            .setFunctionSection(module.functionSection())
            .setTableSection(module.tableSection())
            .setGlobalSection(module.globalSection())
            .setExportSection(module.exportSection())
            .setElementSection(module.elementSection())
            .setCodeSection(bodies.build())
            .setDataSection(module.dataSection());
    module.memorySection().ifPresent(builder::setMemorySection);
    module.startSection().ifPresent(builder::setStartSection);
    module.dataCountSection().ifPresent(builder::setDataCountSection);
    module.tagSection().ifPresent(builder::setTagSection);
    return builder.build();
  }
}
