#!/usr/bin/env bash
# Builds every guest from its source.
#
#   ./build.sh           writes wasm/*.wasm
#   ./build.sh --check   builds into a temporary directory and compares byte for byte with wasm/
#
# Needs clang 19 with lld, and llvm-objcopy of the same version ($CLANG and $OBJCOPY name others);
# the WASI libc and compiler-rt for wasm32 ($WASI_SYSROOT says where: /usr by default, as Debian's
# wasi-libc has it); wat2wasm from wabt; and asc of AssemblyScript ($ASC names another). The bytes
# depend on their versions: --check expects those that README.md names.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")"

check=0
case "${1-}" in
  '') ;;
  --check) check=1 ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac

first_of() {
  local name
  for name in "$@"; do
    if [[ -n $name ]] && command -v "$name" >/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "build.sh: none of these is installed: $*" >&2
  return 1
}

if command -v wasm-opt >/dev/null; then
  echo "build.sh: clang would run $(command -v wasm-opt) and change the bytes; take it out of PATH" >&2
  exit 1
fi
clang=$(first_of "${CLANG-}" clang-19 clang)
wat2wasm=$(first_of wat2wasm)
objcopy=$(first_of "${OBJCOPY-}" llvm-objcopy-19 llvm-objcopy)
asc=$(first_of "${ASC-}" asc)
sysroot=${WASI_SYSROOT-/usr}

out=wasm
if ((check)); then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"

common=(-Wall -Wextra -Werror)
# No imports and no libc. One feature set whatever the compiler's default: MVP and sign extension.
freestanding=(--target=wasm32-unknown-unknown -std=c11 -ffreestanding -fno-builtin -nostdlib
  -mcpu=mvp -msign-ext -Wl,--no-entry -Wl,--stack-first)
wasi=(--target=wasm32-wasi --sysroot="$sysroot" -std=c11 -O2
  -Wl,--stack-first -Wl,-z,stack-size=65536 -Wl,--max-memory=4194304)

built() { # module
  # Function names stay, for call stacks; DWARF, producers and target features go.
  "$objcopy" --remove-section='.debug*' --remove-section=producers \
    --remove-section=target_features "$out/$1"
  chmod 644 "$out/$1"
  printf '%-26s %7d bytes\n' "$1" "$(wc -c <"$out/$1")"
}

freestanding_c() { # module source flag...
  "$clang" "${common[@]}" "${freestanding[@]}" "${@:3}" "src/$2" -o "$out/$1"
  built "$1"
}

wasi_c() { # module source
  "$clang" "${common[@]}" "${wasi[@]}" "src/$2" -o "$out/$1"
  built "$1"
}

wasi_assemblyscript() { # module source
  # What it calls when something is wrong with the program is the program's own abort.
  "$asc" "src/$2" -o "$out/$1" -O2 --noAssert --debug --runtime incremental \
    --exportStart _start --use "abort=src/${2%.ts}/abort" \
    --stackSize 65536 --initialMemory 2 --maximumMemory 64
  built "$1"
}

text() { # module source
  "$wat2wasm" --debug-names "src/$2" -o "$out/$1"
  built "$1"
}

json_memory=(-Wl,-z,stack-size=8192 -Wl,--initial-memory=65536 -Wl,--max-memory=1048576)

echo "compiler: $("$clang" --version | head -n 1)"
freestanding_c kernels.wasm kernels.c -O2 -Wl,-z,stack-size=16384 -Wl,--max-memory=16777216
freestanding_c json_transform.wasm json_transform.c -O2 "${json_memory[@]}"
freestanding_c json_transform_small.wasm json_transform.c -Os -fno-inline "${json_memory[@]}"
wasi_c hello_cgi.wasm hello_cgi.c
wasi_c wordcount.wasm wordcount.c
wasi_c files.wasm files.c
wasi_assemblyscript journal.wasm journal.ts
text trap.wasm trap.wat
text fib.wasm fib.wat
text add.wasm add.wat
text three_pages.wasm three_pages.wat
text pages.wasm pages.wat

if ((check)); then
  status=0
  for module in "$out"/*.wasm; do
    name=${module##*/}
    cmp "$module" "wasm/$name" || status=1
  done
  for module in wasm/*.wasm; do
    if [[ ! -f $out/${module##*/} ]]; then
      echo "build.sh: $module is built from nothing" >&2
      status=1
    fi
  done
  ((status == 0)) && echo "every module equals the committed one"
  exit "$status"
fi
