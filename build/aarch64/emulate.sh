#!/usr/bin/env bash
# Runs tests of the engine with machine code for aarch64, which Unicorn (libunicorn.so.2; Debian's
# package is libunicorn2) emulates in this process, on Linux on x86-64. What the code computes, its
# fuel, its traps and frames, and what it asks of the host, are held against tier 1 as in any build.
# See docs/machine-code.md for what this does not show.
#
#   build/aarch64/emulate.sh                       the suites below
#   build/aarch64/emulate.sh CLASS[#METHOD] …      others
#   build/aarch64/emulate.sh compiler FILE GUEST … the compiler's own code for aarch64, made in some
#                                                  minutes unless it is in FILE, compiles guests
#
# MVN is how Maven is called, by default "mvn"; SKEP_JAVA_HOME is a JDK 25.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
java=${SKEP_JAVA_HOME:?must be a JDK 25}/bin
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$root"

# The last module of these is the engine, whose class path stays in the file.
${MVN:-mvn} -B -q -pl engine -am test-compile dependency:build-classpath \
  -Dmdep.outputFile="$out/classpath" -DincludeScope=test
classes=engine/target/test-classes:engine/target/classes:$(cat "$out/classpath")
# Surefire brings this one itself: it lies beside what it launches.
platform=$(tr ':' '\n' <"$out/classpath" | grep junit-platform-engine)
classes=$classes:${platform//junit-platform-engine/junit-platform-launcher}

# Beside what calls machine code: code that is unmapped stays where it is, so that nothing that was
# translated comes to be other code; and the stack that code has is the emulator's.
os=pooling-allocator/src/main/java/dev/skep/pool/os
mkdir "$out/sources" "$out/classes"
sed 's/Libc\.unmap(address, bytes);//' "$os/CodeMemory.java" >"$out/sources/CodeMemory.java"
sed 's/return Thread\.currentThread().*;/return MachineCalls.stackEnd();/' \
  "$os/ThreadStack.java" >"$out/sources/ThreadStack.java"
"$java/javac" -proc:none -nowarn -d "$out/classes" -cp "$classes" \
  "$out"/sources/*.java "$here"/*.java

if [ $# -eq 0 ]; then
  for suite in MachineCode FrameSize BytecodeTranslator Wasi WasiFiles FilesGuest JournalGuest \
    StoreState Snapshot Outcome FuelVectors GuestFuel Overdraft CallDepth; do
    set -- "$@" "dev.skep.engine.${suite}Test"
  done
  set -- "$@" dev.skep.engine.EdgeAccessProperty \
    "dev.skep.engine.SpecSuiteTest#theStandardsAssertionsHoldInMachineCode"
fi
"$java/java" --enable-native-access=ALL-UNNAMED -XX:-DontCompileHugeMethods -Xmx3g \
  -Dskep.root="$root" -Dskep.machineCode=true ${SKEP_JAVA_OPTS:-} \
  -cp "$out/classes:$classes" Emulated "$@"
