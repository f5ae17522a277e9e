#!/usr/bin/env python3
"""Records what Wasmtime 49 charges, as test data: fuel.json and vectors.json.

    pip install wasmtime==49.0.0
    python record.py            writes both files
    python record.py --check    measures again and compares with what is there

The figures are those of Config.consume_fuel with the default operator costs: 1 for entering a
function; 0 for nop, drop, block, loop, unreachable, return, else and end; 1 for every other
operator; 1 more a byte or element for the bulk operators, a page for memory.grow, an element for
table.grow. They are what Store.get_fuel has lost over one call, or over one instantiation. Fuel
does not depend on the machine, so both files are the same wherever they are recorded.

fuel.json: the guests of ../wasm, named with the SHA-256 of their bytes. Each case is a sequence of
steps on one fresh instance.

vectors.json: modules of a few lines, as text and as the bytes that the text assembles to (base64).
`startFuel` is the cost of instantiation, `fuel` that of one call of `export` right behind it. The
vectors of the group "cost table" have their figures asserted here: they define version 1 of the
table.

Two groups of vectors show habits of Wasmtime rather than the table. "refused constant growth": a
memory.grow or table.grow that fails is charged for its pages or elements all the same if they are a
small constant. "instantiation": what segments, globals and tables need beyond plain constants is
done by a generated function, charged 1 for its entry and more for some of its work; a start
function costs 2 over its own figure (that function's entry, and the call).

Values are written as {"type", "value"}: the value is the unsigned decimal of its bits, for floats
too; a reference is "null" or "non-null". A vector or step with `trap` ends in a trap of that kind.
Its fuel is what Wasmtime had charged by then: Wasmtime settles its counter at the ends of basic
blocks and before operators that leave the function, so this may lag behind the operators executed
and is recorded as `fuelAtTrap`, for information and not as a figure to match.
"""

import argparse
import base64
import hashlib
import json
import struct
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import wasmtime

WASMTIME = "49.0.0"
TANK = 1 << 60
HERE = Path(__file__).resolve().parent
GUESTS = HERE.parent


def engine():
    config = wasmtime.Config()
    config.consume_fuel = True
    config.wasm_tail_call = True
    config.wasm_reference_types = True
    config.wasm_bulk_memory = True
    config.wasm_multi_value = True
    config.parallel_compilation = False
    return wasmtime.Engine(config)


ENGINE = engine()

# ---- values --------------------------------------------------------------------------------------

PACK = {"i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}
BITS = {"i32": "<I", "i64": "<Q", "f32": "<I", "f64": "<Q"}


def value(kind, v):
    """One typed value as JSON: the unsigned decimal of its bits."""
    if kind not in PACK:
        return {"type": kind, "value": "null" if v is None else "non-null"}
    if kind in ("i32", "i64"):
        v = v & (1 << int(kind[1:])) - 1
        return {"type": kind, "value": str(v)}
    return {"type": kind, "value": str(struct.unpack(BITS[kind], struct.pack(PACK[kind], v))[0])}


def typed(types, values):
    return [value(str(t), v) for t, v in zip(types, values)]


class Instance:
    """A module on a store of its own, with its fuel gauge."""

    def __init__(self, wasm, memory_limit=-1, table_limit=-1, wasi=None):
        self.store = wasmtime.Store(ENGINE)
        self.store.set_fuel(TANK)
        if memory_limit >= 0 or table_limit >= 0:
            self.store.set_limits(memory_size=memory_limit, table_elements=table_limit)
        linker = wasmtime.Linker(ENGINE)
        if wasi:
            linker.define_wasi()
            self.store.set_wasi(wasi)
        module = wasmtime.Module(ENGINE, wasm)
        self.instance = linker.instantiate(self.store, module)
        self.start_fuel = TANK - self.store.get_fuel()
        self.exports = self.instance.exports(self.store)

    def call(self, export, args=()):
        """Calls an export: a step of a case, as JSON."""
        function = self.exports[export]
        kind = function.type(self.store)
        step = {"export": export, "args": typed(kind.params, args)}
        before = self.store.get_fuel()
        try:
            results = function(self.store, *args)
        except wasmtime.Trap as trap:
            step["trap"] = trap.trap_code.name.lower()
            step["fuelAtTrap"] = before - self.store.get_fuel()
            return step, None
        fuel = before - self.store.get_fuel()
        if not kind.results:
            many = []
        elif len(kind.results) == 1:
            many = [results]
        else:
            many = list(results)
        step["results"] = typed(kind.results, many)
        step["fuel"] = fuel
        return step, many[0] if len(many) == 1 else many


# ---- the guests ----------------------------------------------------------------------------------


def case(name, guest, wasm, instance, steps, **more):
    return {
        "name": name,
        "guest": f"wasm/{guest}",
        "sha256": hashlib.sha256(wasm).hexdigest(),
        **more,
        "startFuel": instance.start_fuel,
        "steps": steps,
    }


def call_case(guest, export, args, limits=None):
    wasm = (GUESTS / "wasm" / guest).read_bytes()
    limits = limits or {}
    instance = Instance(wasm, limits.get("memoryBytes", -1), limits.get("tableElements", -1))
    step, _ = instance.call(export, args)
    name = f"{guest.removesuffix('.wasm')} {export}({', '.join(map(str, args))})"
    more = {"limits": limits} if limits else {}
    return case(name, guest, wasm, instance, [step], **more)


def transform_case(guest):
    """alloc, the input written into memory, transform: and the answer is the expected one."""
    wasm = (GUESTS / "wasm" / guest).read_bytes()
    order = (GUESTS / "data/order.json").read_bytes()
    expected = (GUESTS / "data/order.expected.json").read_bytes()
    instance = Instance(wasm)
    memory = instance.exports["memory"]
    steps = []
    for _ in range(2):  # the second time round behind reset: the same figures
        alloc, address = instance.call("alloc", [len(order)])
        memory.write(instance.store, order, address)
        alloc["thenWriteAtResult"] = "data/order.json"
        transform, packed = instance.call("transform", [address, len(order)])
        address, length = packed >> 32, packed & 0xFFFFFFFF
        answer = bytes(memory.read(instance.store, address, address + length))
        assert answer == expected, f"{guest}: the answer differs from data/order.expected.json"
        transform["answer"] = "data/order.expected.json"
        reset, _ = instance.call("reset")
        steps += [alloc, transform, reset]
    return case(f"{guest.removesuffix('.wasm')} order", guest, wasm, instance, steps)


def wasi_case(name, guest, argv, env, stdin):
    """A command that returns from _start, rather than through proc_exit."""
    wasm = (GUESTS / "wasm" / guest).read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        source, sink = Path(scratch, "stdin"), Path(scratch, "stdout")
        source.write_bytes((GUESTS / stdin).read_bytes() if stdin else b"")
        wasi = wasmtime.WasiConfig()
        wasi.argv = argv
        wasi.env = env
        wasi.stdin_file = str(source)
        wasi.stdout_file = str(sink)
        instance = Instance(wasm, wasi=wasi)
        step, _ = instance.call("_start")
        del instance.exports
        instance.store.close()
        stdout = sink.read_text("utf-8")
    more = {"argv": argv, "env": dict(env), "stdin": stdin, "stdout": stdout}
    return case(name, guest, wasm, instance, [step], **more)


def guests():
    cases = [
        call_case("kernels.wasm", export, [n])
        for export, sizes in [
            ("fib", (10, 20, 32)),
            ("sha", (1,)),
            ("matmul", (20, 200)),
            ("json", (1, 500)),
            ("sieve", (1000, 1000000)),
            ("sort", (1000, 100000)),
        ]
        for n in sizes
    ]
    cases += [transform_case("json_transform.wasm"), transform_case("json_transform_small.wasm")]
    cases += [
        call_case("fib.wasm", "fib", [10]),
        call_case("fib.wasm", "fib", [32]),
        call_case("add.wasm", "add_i32", [2147483647, 1]),
        call_case("add.wasm", "add_i64", [9223372036854775807, 1]),
        call_case("add.wasm", "add_f32", [1.5, 0.25]),
        call_case("add.wasm", "add_f64", [0.1, 0.2]),
        call_case("add.wasm", "swap", [7, -9]),
    ]
    cases += [
        call_case("trap.wasm", "grow_all", []),
        call_case("trap.wasm", "grow_all", [], {"memoryBytes": 64 * 65536}),
        call_case("trap.wasm", "table_grow_all", []),
        call_case("trap.wasm", "table_grow_all", [], {"tableElements": 100}),
    ]
    cases += [
        call_case("trap.wasm", export, [])
        for export in ("div_zero", "int_overflow", "unreachable", "oob_load", "oob_table",
                       "null_ref", "sig_mismatch")
    ]
    cases += [
        wasi_case("wordcount words.txt", "wordcount.wasm", ["wordcount"], [], "data/words.txt"),
        wasi_case("wordcount nothing", "wordcount.wasm", ["wordcount"], [], None),
        wasi_case(
            "hello_cgi page",
            "hello_cgi.wasm",
            ["hello_cgi", "World"],
            [
                ("REQUEST_METHOD", "POST"),
                ("PATH_INFO", "/greet"),
                ("QUERY_STRING", "lang=en"),
                ("CONTENT_TYPE", "text/plain"),
                ("GREETING", "good morning"),
            ],
            "data/words.txt",
        ),
    ]
    return cases


# ---- the vectors ---------------------------------------------------------------------------------

VECTORS = []


def vector(group, name, wat, args=(), fuel=None):
    VECTORS.append((group, name, wat, list(args), fuel))


def body(text, before="", signature=""):
    """A module with one exported function."""
    head = f"  {before}\n" if before else ""
    sig = f" {signature}" if signature else ""
    return f'(module\n{head}  (func (export "run"){sig}\n    {text}))'


def cost_table():
    def row(name, fuel, text, before="", signature=""):
        vector("cost table", name, body(text, before, signature), fuel=fuel)

    row("empty", 1, "")
    row("nop", 1, "nop")
    row("const drop", 2, "i32.const 1 drop")
    row("call empty", 3, "call $empty", "(func $empty)")
    row("block br", 2, "(block (br 0))")
    row("if taken, nop", 3, "(if (i32.const 1) (then nop) (else nop))")
    row("if not taken, nop", 3, "(if (i32.const 0) (then nop) (else nop))")
    row("if taken, return", 3, "(if (i32.const 1) (then return) (else nop))")
    row("if not taken, return", 3, "(if (i32.const 0) (then nop) (else return))")
    row("loop of 10 turns", 71,
        "(loop local.get 0 i32.const 1 i32.add local.tee 0 i32.const 10 i32.lt_u br_if 0)",
        signature="(local i32)")
    for n, fuel in ((0, 5), (100, 105), (1000, 1005)):
        row(f"memory.fill {n}", fuel,
            f"(memory.fill (i32.const 0) (i32.const 7) (i32.const {n}))", "(memory 1)")
    row("memory.grow 3", 6, "(drop (memory.grow (i32.const 3)))", "(memory 1)")
    row("table.fill 10", 15, "(table.fill (i32.const 0) (ref.null func) (i32.const 10))",
        "(table 20 funcref)")
    row("table.grow 5", 9, "(drop (table.grow (ref.null func) (i32.const 5)))",
        "(table 0 funcref)")


def blocks_and_branches():
    def row(name, text, before="", signature="", args=()):
        vector("branches", name, body(text, before, signature), args)

    row("block", "(block)")
    row("blocks, nested, empty", "(block (block (block (loop (block)))))")
    row("loop without a branch", "(loop nop)")
    row("br out of three blocks",
        "(block (block (block (br 2) (drop (i32.const 1))) (drop (i32.const 2)))"
        " (drop (i32.const 3))) (drop (i32.const 4))")
    row("br out of two of three blocks",
        "(block (block (block (br 1)) (drop (i32.const 2))) (drop (i32.const 3)))"
        " (drop (i32.const 4))")
    row("br to the function's end", "(block (br 1)) (drop (i32.const 4))")
    row("br with a value", "(drop (block (result i32) (br 0 (i32.const 5)) (drop)"
        " (i32.const 6)))")
    row("br that drops operands",
        "(drop (block (result i32) (i32.const 1) (i32.const 2) (i32.const 3) (br 0)))")
    for taken in (0, 1):
        word = "taken" if taken else "not taken"
        row(f"br_if {word}",
            "(block (br_if 0 (local.get 0)) (drop (i32.const 1)) (drop (i32.const 2)))"
            " (drop (i32.const 3))", signature="(param i32)", args=[taken])
        row(f"br_if {word}, out of two blocks",
            "(block (block (br_if 1 (local.get 0)) (drop (i32.const 1))) (drop (i32.const 2)))"
            " (drop (i32.const 3))", signature="(param i32)", args=[taken])
        row(f"br_if {word}, to the function's end",
            "(br_if 0 (local.get 0)) (drop (i32.const 1))", signature="(param i32)", args=[taken])
        row(f"br_if {word}, with a value",
            "(block (result i32) (br_if 0 (i32.const 8) (local.get 0)) (drop) (i32.const 9))",
            signature="(param i32) (result i32)", args=[taken])
        row(f"br_if {word}, in an arm",
            "(block (if (local.get 0) (then (br_if 1 (local.get 1)) (drop (i32.const 1)))"
            " (else (br_if 1 (local.get 1)) (drop (i32.const 1)) (drop (i32.const 2)))))"
            " (drop (i32.const 3))", signature="(param i32 i32)", args=[taken, taken])
        row(f"br_if {word}, behind a block that ends",
            "(block (block (drop (i32.const 1))) (br_if 0 (local.get 0)) (drop (i32.const 2)))",
            signature="(param i32)", args=[taken])
    table = ("(block (block (block (block (br_table 0 1 2 3 (local.get 0)))"
             " (drop (i32.const 0)) (return)) (drop (i32.const 0)) (drop (i32.const 1)) (return))"
             " (drop (i32.const 0)) (drop (i32.const 1)) (drop (i32.const 2)) (return))"
             " (drop (i32.const 0)) (drop (i32.const 1)) (drop (i32.const 2)) (drop (i32.const 3))")
    for n in (0, 1, 2, 3, 4, -1):
        row(f"br_table to {n}", table, signature="(param i32)", args=[n])
    row("br_table with only a default", "(block (br_table 0 (local.get 0))) (drop (i32.const 1))",
        signature="(param i32)", args=[5])
    for n in (0, 1):
        row(f"br_table to a loop's head, {n + 1} turns",
            "(block (loop (local.set 1 (local.get 0)) (local.set 0 (i32.const 0))"
            " (br_table 1 0 (local.get 1))))", signature="(param i32) (local i32)", args=[n])
        row(f"br_table with a value, to {n}",
            "(block (result i32) (i32.add (block (result i32)"
            " (br_table 0 1 (i32.const 7) (local.get 0))) (i32.const 1)))",
            signature="(param i32) (result i32)", args=[n])


def ifs():
    for taken in (1, 0):
        word = "taken" if taken else "not taken"

        def row(name, text, signature="(param i32)", args=(taken,)):
            vector("if", f"{name}, {word}", body(text, "", signature), args)

        row("without else, empty", "(if (local.get 0) (then))")
        row("without else", "(if (local.get 0) (then (drop (i32.const 1)))) (drop (i32.const 2))")
        row("with else, of unequal cost",
            "(if (local.get 0) (then (drop (i32.const 1)))"
            " (else (drop (i32.const 1)) (drop (i32.const 2)))) (drop (i32.const 3))")
        row("with an empty else", "(if (local.get 0) (then (drop (i32.const 1))) (else))")
        row("with a result",
            "(if (result i32) (local.get 0) (then (i32.const 1))"
            " (else (i32.add (i32.const 1) (i32.const 2))))",
            "(param i32) (result i32)")
        row("with parameters",
            "(i32.const 3) (if (param i32) (result i32) (local.get 0) (then (i32.const 4) i32.add)"
            " (else))", "(param i32) (result i32)")
        row("nested", "(if (local.get 0) (then (if (local.get 0) (then (drop (i32.const 1))))"
            " (drop (i32.const 2))) (else (if (local.get 0) (then) (else (drop (i32.const 1))))"
            " (drop (i32.const 2)) (drop (i32.const 3)))) (drop (i32.const 4))")
        row("that branches out of itself",
            "(if (local.get 0) (then (br 0) (drop (i32.const 1)))"
            " (else (drop (i32.const 2)) (br 0) (drop (i32.const 3)))) (drop (i32.const 4))")
        row("both arms return",
            "(if (local.get 0) (then (return)) (else (drop (i32.const 1)) (return)))"
            " (drop (i32.const 2)) (drop (i32.const 3))")
        row("one arm unreachable",
            "(if (local.get 0) (then (drop (i32.const 1))) (else (drop (i32.const 1)) (br 1)"
            " (unreachable))) (drop (i32.const 2))")


def loops():
    def row(name, text, signature, args=()):
        vector("loops", name, body(text, "", signature), args)

    down = "(local.tee 0 (i32.sub (local.get 0) (i32.const 1)))"
    for n in (1, 2, 100):
        row(f"br_if back, {n} turns", f"(loop (br_if 0 {down}))", "(param i32)", [n])
        row(f"br back behind an exit, {n} turns",
            f"(block (loop (br_if 1 (i32.eqz {down})) (br 0)))", "(param i32)", [n])
        row(f"if with br back, {n} turns",
            f"(loop (if {down} (then (drop (i32.const 1)) (br 1))))", "(param i32)", [n])
    row("nested, 3 by 4 turns",
        "(loop (local.set 1 (i32.const 4))"
        " (loop (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))"
        f" (br_if 0 {down}))", "(param i32) (local i32)", [3])
    row("continue to the outer from the inner",
        f"(block (loop (br_if 1 (i32.eqz {down})) (loop (br 1))))", "(param i32)", [4])
    row("with parameters and result, 5 turns",
        f"(i32.const 0) (loop (param i32) (result i32) (i32.const 2) i32.add (br_if 0 {down}))",
        "(param i32) (result i32)", [5])
    row("falls through",
        "(drop (i32.const 1)) (loop (drop (i32.const 2))) (drop (i32.const 3))", "")


def dead_code():
    def row(name, text, before="", signature="", args=()):
        vector("dead code", name, body(text, before, signature), args)

    tail = "(drop (i32.const 1)) (drop (i32.add (i32.const 1) (i32.const 2)))"
    row("behind return", f"(return) {tail}")
    row("behind br", f"(br 0) {tail}")
    row("behind br in a block", f"(block (br 0) {tail}) (drop (i32.const 1))")
    row("behind br_table", f"(br_table 0 0 (i32.const 1)) {tail}")
    row("behind a call, behind return", "(call $f) (return) (call $f) (call $f)", "(func $f)")
    row("blocks behind return", f"(return) (block {tail} (block {tail}) (loop {tail} (br 0)))")
    row("if behind return",
        f"(return) (if (i32.const 1) (then {tail}) (else {tail})) {tail}")
    row("if without else behind br",
        f"(block (br 0) (if (i32.const 1) (then {tail})) {tail}) (drop (i32.const 1))")
    row("rest of an arm, then else",
        f"(if (local.get 0) (then (drop (i32.const 1)) (br 0) (block {tail}) {tail})"
        " (else (drop (i32.const 2)) (drop (i32.const 3))))", signature="(param i32)", args=[0])
    row("rest of an arm, then the end",
        f"(if (local.get 0) (then (drop (i32.const 1)) (br 0) (if (i32.const 1) (then {tail})"
        f" (else {tail})) {tail}) (else (drop (i32.const 2)))) (drop (i32.const 3))",
        signature="(param i32)", args=[1])
    row("behind an if whose arms both branch away",
        f"(block (if (local.get 0) (then (br 1)) (else (br 1))) {tail}) (drop (i32.const 1))",
        signature="(param i32)", args=[1])
    row("end reached by br alone",
        f"(block (block (br 1)) {tail}) (drop (i32.const 1))")
    row("end reached by br_if alone",
        f"(block (br_if 0 (local.get 0)) (return)) {tail}", signature="(param i32)", args=[1])
    row("end reached by nobody",
        f"(block (return)) {tail} (block {tail}) {tail}")
    row("end of a block with a result, reached by br alone",
        "(drop (block (result i32) (br 0 (i32.const 3)) (i32.add)))")
    row("inner end reached by nobody, outer by br_if",
        f"(block (block (br_if 1 (local.get 0)) (return)) {tail}) (drop (i32.const 1))",
        signature="(param i32)", args=[1])
    row("a loop that is never left",
        f"(block (loop (br_if 1 (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
        f" (br 0) {tail}) {tail}) (drop (i32.const 1))", signature="(param i32)", args=[3])
    row("nested blocks that all end dead",
        f"(block (block (block (br 2) {tail}) {tail}) {tail}) (drop (i32.const 1))")
    row("br_if behind br", "(block (br 0) (br_if 0 (i32.const 1)) (drop (i32.const 1)))")
    row("memory.fill behind return",
        "(return) (memory.fill (i32.const 0) (i32.const 0) (i32.const 100))", "(memory 1)")
    row("behind unreachable, not run",
        f"(if (local.get 0) (then (unreachable) {tail} (block {tail})))"
        " (drop (i32.const 1))", signature="(param i32)", args=[0])
    row("behind unreachable in a block that br_if leaves",
        f"(block (br_if 0 (local.get 0)) (unreachable) (block {tail}) {tail})"
        " (drop (i32.const 1))", signature="(param i32)", args=[1])


def calls():
    def row(name, text, before="", signature="", args=()):
        vector("calls", name, body(text, before, signature), args)

    row("call with arguments and result",
        "(call $add (i32.const 1) (i32.const 2))",
        "(func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))",
        "(result i32)")
    row("calls, three deep", "(call $a)",
        "(func $a (call $b) (call $b)) (func $b (call $c) (call $c)) (func $c)")
    row("call of a function that returns in the middle",
        "(call $f (local.get 0)) (call $f (i32.const 0))",
        "(func $f (param i32) (drop (i32.const 1)) (if (local.get 0) (then (return)))"
        " (drop (i32.const 2)) (drop (i32.const 3)))", "(param i32)", [1])
    row("call of a function that ends dead", "(drop (call $f)) (drop (i32.const 1))",
        "(func $f (result i32) (return (i32.const 1)) (i32.const 2))")
    row("call_indirect", "(call_indirect (type $t) (i32.const 0))",
        "(type $t (func (result i32))) (table 1 funcref) (elem (i32.const 0) func $f)"
        " (func $f (result i32) (i32.const 9))", "(result i32)")
    row("call_indirect with arguments, second table",
        "(call_indirect $u (type $t) (i32.const 4) (i32.const 1))",
        "(type $t (func (param i32) (result i32))) (table $s 1 funcref) (table $u 2 funcref)"
        " (elem (table $u) (i32.const 1) func $f)"
        " (func $f (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))",
        "(result i32)")
    row("return in the middle",
        "(drop (i32.const 1)) (if (local.get 0) (then (return (i32.const 7))))"
        " (drop (i32.const 2)) (i32.const 8)", "", "(param i32) (result i32)", [1])
    row("return in the middle, not reached",
        "(drop (i32.const 1)) (if (local.get 0) (then (return (i32.const 7))))"
        " (drop (i32.const 2)) (i32.const 8)", "", "(param i32) (result i32)", [0])
    row("return out of loops and blocks",
        "(block (loop (block (loop (return (i32.const 1)))))) (i32.const 2)", "", "(result i32)")
    row("several results",
        "(call $two) (i32.add)", "(func $two (result i32 i32) (i32.const 1) (i32.const 2))",
        "(result i32)")
    row("unused locals", "(call $f)", "(func $f (local i32 i64 f32 f64 i32 i32 i32))")
    row("recursion", "(call $f (local.get 0))",
        "(func $f (param i32) (result i32) (if (result i32) (i32.eqz (local.get 0))"
        " (then (i32.const 1)) (else (i32.mul (local.get 0) (call $f (i32.sub (local.get 0)"
        " (i32.const 1)))))))", "(param i32) (result i32)", [10])
    row("call inside a loop, 3 turns",
        "(loop (call $f) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
        "(func $f (drop (i32.const 1)))", "(param i32)", [3])

    def tail(name, text, before="", signature="", args=()):
        vector("tail calls", name, body(text, before, signature), args)

    tail("return_call", "(return_call $f)", "(func $f (drop (i32.const 1)))")
    tail("return_call with dead code behind",
         "(return_call $f) (drop (i32.const 1)) (block (drop (i32.const 2)))",
         "(func $f (result i32) (i32.const 5))", "(result i32)")
    tail("return_call, 100 times", "(return_call $f (local.get 0) (i32.const 0))",
         "(func $f (param i32 i32) (result i32) (if (result i32) (i32.eqz (local.get 0))"
         " (then (local.get 1)) (else (return_call $f (i32.sub (local.get 0) (i32.const 1))"
         " (i32.add (local.get 1) (i32.const 2))))))", "(param i32) (result i32)", [100])
    tail("return_call, even and odd", "(return_call $even (local.get 0))",
         "(func $even (param i32) (result i32) (if (i32.eqz (local.get 0))"
         " (then (return (i32.const 1)))) (return_call $odd (i32.sub (local.get 0)"
         " (i32.const 1)))) (func $odd (param i32) (result i32) (if (i32.eqz (local.get 0))"
         " (then (return (i32.const 0)))) (return_call $even (i32.sub (local.get 0)"
         " (i32.const 1))))", "(param i32) (result i32)", [7])
    tail("return_call_indirect", "(return_call_indirect (type $t) (i32.const 3) (i32.const 0))",
         "(type $t (func (param i32) (result i32))) (table 1 funcref) (elem (i32.const 0) func $f)"
         " (func $f (type $t) (i32.add (local.get 0) (i32.const 1)))", "(result i32)")
    tail("return_call in an arm, taken",
         "(if (local.get 0) (then (return_call $f))) (drop (i32.const 1))",
         "(func $f (drop (i32.const 1)))", "(param i32)", [1])
    tail("return_call in an arm, not taken",
         "(if (local.get 0) (then (return_call $f))) (drop (i32.const 1))",
         "(func $f (drop (i32.const 1)))", "(param i32)", [0])


def variables_and_values():
    def row(name, text, before="", signature="", args=()):
        vector("values", name, body(text, before, signature), args)

    row("select", "(select (i32.const 1) (i32.const 2) (local.get 0))", "",
        "(param i32) (result i32)", [1])
    row("select, typed", "(select (result i64) (i64.const 1) (i64.const 2) (local.get 0))", "",
        "(param i32) (result i64)", [0])
    row("select of references",
        "(ref.is_null (select (result funcref) (ref.null func) (ref.null func) (i32.const 1)))",
        "", "(result i32)")
    row("drops", "(i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) drop drop drop drop")
    row("nops", "nop nop (drop (i32.const 1)) nop nop")
    row("local.get", "(local.get 0)", "", "(param i32) (result i32)", [3])
    row("local.set", "(local.set 0 (i32.const 1))", "", "(local i32)")
    row("local.tee", "(local.tee 0 (i32.const 1))", "", "(param i32) (result i32)", [3])
    row("global.get", "(global.get 0)", "(global i32 (i32.const 5))", "(result i32)")
    row("global.set", "(global.set 0 (i32.const 1))", "(global (mut i32) (i32.const 5))")
    row("global.get and set, i64",
        "(global.set 0 (i64.add (global.get 0) (i64.const 1)))", "(global (mut i64) (i64.const 5))")
    row("ref.null", "(drop (ref.null func)) (drop (ref.null extern))")
    row("ref.func and ref.is_null", "(ref.is_null (ref.func $f))",
        "(func $f) (elem declare func $f)", "(result i32)")
    row("multi-value block",
        "(i32.sub (block (result i32 i32) (i32.const 9) (i32.const 4)))", "", "(result i32)")
    row("multi-value block with parameters",
        "(i32.const 1) (i32.const 2) (block (param i32 i32) (result i32 i32) (i32.const 3)"
        " i32.add) i32.sub", "", "(result i32)")
    row("multi-value br_if",
        "(block (result i32 i32) (i32.const 1) (i32.const 2) (br_if 0 (local.get 0)) drop drop"
        " (i32.const 3) (i32.const 4)) i32.add", "", "(param i32) (result i32)", [1])
    row("multi-value loop", "(i32.const 0) (local.get 0) (loop (param i32 i32) (result i32 i32)"
        " (i32.const 1) i32.sub local.tee 0 (br_if 0 (local.get 0))) i32.add", "",
        "(param i32) (result i32)", [3])
    row("multi-value results", "(local.get 0) (i64.const 2) (f64.const 3)", "",
        "(param i32) (result i32 i64 f64)", [1])
    row("i32 operators",
        "(i32.popcnt (i32.rotl (i32.xor (i32.clz (local.get 0)) (i32.ctz (local.get 0)))"
        " (i32.shr_u (local.get 0) (i32.const 3))))", "", "(param i32) (result i32)", [1234567])
    row("i32 divisions",
        "(i32.add (i32.div_s (local.get 0) (i32.const 7)) (i32.add (i32.div_u (local.get 0)"
        " (i32.const 7)) (i32.add (i32.rem_s (local.get 0) (i32.const 7)) (i32.rem_u (local.get 0)"
        " (i32.const 7)))))", "", "(param i32) (result i32)", [-1000])
    row("i64 operators",
        "(i64.mul (i64.rotr (i64.sub (local.get 0) (i64.const 5)) (i64.const 9))"
        " (i64.extend_i32_u (i64.lt_s (local.get 0) (i64.const 0))))", "",
        "(param i64) (result i64)", [-123456789012])
    row("i64 divisions", "(i64.add (i64.div_u (local.get 0) (i64.const 10))"
        " (i64.rem_s (local.get 0) (i64.const 10)))", "", "(param i64) (result i64)", [-5])
    row("f32 operators",
        "(f32.max (f32.sqrt (f32.mul (local.get 0) (local.get 0))) (f32.nearest (f32.div"
        " (local.get 0) (f32.const 3))))", "", "(param f32) (result f32)", [2.5])
    row("f64 operators",
        "(f64.copysign (f64.floor (f64.add (local.get 0) (f64.const 0.5))) (f64.neg"
        " (local.get 0)))", "", "(param f64) (result f64)", [2.5])
    row("sign extension",
        "(i64.extend8_s (i64.extend16_s (i64.extend32_s (i64.extend_i32_s (i32.extend8_s"
        " (i32.extend16_s (local.get 0)))))))", "", "(param i32) (result i64)", [0x1234_8081])
    row("saturating conversions",
        "(i64.add (i64.trunc_sat_f64_s (local.get 0)) (i64.add (i64.extend_i32_u"
        " (i32.trunc_sat_f64_u (local.get 0))) (i64.trunc_sat_f32_u (f32.demote_f64"
        " (local.get 0)))))", "", "(param f64) (result i64)", [1e30])
    row("conversions", "(i64.reinterpret_f64 (f64.convert_i32_s (i32.wrap_i64"
        " (i64.trunc_f64_s (f64.promote_f32 (local.get 0))))))", "", "(param f32) (result i64)",
        [77.75])
    row("comparisons", "(i32.and (f64.lt (local.get 0) (f64.const 1)) (i32.or (i64.eqz"
        " (i64.const 0)) (i32.ge_u (i32.const 1) (i32.const 2))))", "",
        "(param f64) (result i32)", [0.5])


def memories():
    one = "(memory 1 4)"

    def row(name, text, before=one, signature="", args=()):
        vector("memory", name, body(text, before, signature), args)

    row("loads", "(drop (i32.load (i32.const 0))) (drop (i64.load offset=8 (i32.const 0)))"
        " (drop (f32.load (i32.const 0))) (drop (f64.load (i32.const 0)))"
        " (drop (i32.load8_s (i32.const 0))) (drop (i32.load16_u (i32.const 0)))"
        " (drop (i64.load32_s (i32.const 0)))")
    row("stores", "(i32.store (i32.const 0) (i32.const 1)) (i64.store (i32.const 8) (i64.const 1))"
        " (f32.store (i32.const 0) (f32.const 1)) (f64.store (i32.const 0) (f64.const 1))"
        " (i32.store8 (i32.const 0) (i32.const 1)) (i64.store16 (i32.const 0) (i64.const 1))")
    row("memory.size", "(memory.size)", one, "(result i32)")
    for n in (0, 1, 3):
        row(f"memory.grow {n}, succeeds", "(memory.grow (local.get 0))", one,
            "(param i32) (result i32)", [n])
    for n in (4, 1000, 65536, -1):
        row(f"memory.grow {n}, fails", "(memory.grow (local.get 0))", one,
            "(param i32) (result i32)", [n])
    row("memory.grow twice, the second fails",
        "(i32.add (memory.grow (local.get 0)) (memory.grow (local.get 0)))", one,
        "(param i32) (result i32)", [3])
    data = '(memory 1) (data $d "0123456789abcdef")'
    for n in (0, 1, 17, 4096, 65536):
        row(f"memory.fill {n}", "(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", one,
            "(param i32)", [n])
        row(f"memory.copy {n}", "(memory.copy (i32.const 0) (i32.const 0) (local.get 0))", one,
            "(param i32)", [n])
    row("memory.copy 100, overlapping",
        "(memory.copy (i32.const 10) (i32.const 0) (local.get 0))", one, "(param i32)", [100])
    for n in (0, 1, 16):
        row(f"memory.init {n}", "(memory.init $d (i32.const 8) (i32.const 0) (local.get 0))", data,
            "(param i32)", [n])
    row("data.drop", "(data.drop $d)", data)
    row("data.drop twice, then memory.init 0",
        "(data.drop $d) (data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))",
        data)
    row("memory.fill in a loop, 5 turns of 10",
        "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 10))"
        " (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))", one, "(param i32)", [5])
    row("memory.fill in an arm, not run",
        "(if (local.get 0) (then (memory.fill (i32.const 0) (i32.const 1) (i32.const 10))))", one,
        "(param i32)", [0])


def tables():
    ten = "(table $t 10 20 funcref) (func $f) (elem declare func $f)"

    def row(name, text, before=ten, signature="", args=()):
        vector("tables", name, body(text, before, signature), args)

    row("table.get", "(drop (table.get $t (i32.const 1)))")
    row("table.set", "(table.set $t (i32.const 1) (ref.func $f))")
    row("table.get of what was set",
        "(table.set $t (i32.const 1) (ref.func $f)) (ref.is_null (table.get $t (i32.const 1)))",
        ten, "(result i32)")
    row("table.size", "(table.size $t)", ten, "(result i32)")
    for n in (0, 1, 10):
        row(f"table.grow {n}, succeeds", "(table.grow $t (ref.func $f) (local.get 0))", ten,
            "(param i32) (result i32)", [n])
    for n in (11, 1000, -1):
        row(f"table.grow {n}, fails", "(table.grow $t (ref.null func) (local.get 0))", ten,
            "(param i32) (result i32)", [n])
    externs = "(table $t 10 20 externref)"
    row("table.grow 3, of externref", "(table.grow $t (ref.null extern) (i32.const 3))", externs,
        "(result i32)")
    row("table.grow 11, of externref, fails", "(table.grow $t (ref.null extern) (local.get 0))",
        externs, "(param i32) (result i32)", [11])
    row("table.get and set of externref",
        "(table.set $t (i32.const 1) (ref.null extern)) (drop (table.get $t (i32.const 1)))",
        externs)
    segment = ("(table $t 10 20 funcref) (func $f) (elem $e func $f $f $f $f)"
               " (table $u 10 funcref)")
    for n in (0, 1, 10):
        row(f"table.fill {n}", "(table.fill $t (i32.const 0) (ref.func $f) (local.get 0))", ten,
            "(param i32)", [n])
        row(f"table.copy {n}", "(table.copy $t $u (i32.const 0) (i32.const 0) (local.get 0))",
            segment, "(param i32)", [n])
    row("table.copy 5, within", "(table.copy $t $t (i32.const 5) (i32.const 0) (local.get 0))",
        segment, "(param i32)", [5])
    for n in (0, 1, 4):
        row(f"table.init {n}", "(table.init $t $e (i32.const 2) (i32.const 0) (local.get 0))",
            segment, "(param i32)", [n])
    row("elem.drop", "(elem.drop $e)", segment)
    row("elem.drop, then table.init 0",
        "(elem.drop $e) (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0))", segment)


def constant_operands():
    """The bulk operators again, with a length that the compiler knows."""

    def row(name, text, before=""):
        vector("constant operands", name, body(text, before))

    memory = '(memory 1 200) (data $d "0123456789abcdef")'
    for n in (0, 1, 8, 128, 129, 4096):
        row(f"memory.copy {n}", f"(memory.copy (i32.const 9) (i32.const 0) (i32.const {n}))",
            memory)
        row(f"memory.fill {n}", f"(memory.fill (i32.const 9) (i32.const 0) (i32.const {n}))",
            memory)
    for n in (0, 3, 16):
        row(f"memory.init {n}", f"(memory.init $d (i32.const 9) (i32.const 0) (i32.const {n}))",
            memory)
    for n in (0, 1, 128, 129):
        row(f"memory.grow {n}, succeeds", f"(drop (memory.grow (i32.const {n})))", memory)
    table = "(table $t 200 400 funcref) (func $f) (elem $e func $f $f $f $f)"
    for n in (0, 3, 128, 129):
        row(f"table.fill {n}", f"(table.fill $t (i32.const 0) (ref.func $f) (i32.const {n}))",
            table)
        row(f"table.copy {n}", f"(table.copy $t $t (i32.const 1) (i32.const 0) (i32.const {n}))",
            table)
        row(f"table.grow {n}, succeeds", f"(drop (table.grow $t (ref.func $f) (i32.const {n})))",
            table)
    for n in (0, 3):
        row(f"table.init {n}", f"(table.init $t $e (i32.const 1) (i32.const 0) (i32.const {n}))",
            table)


def refused_constant_growth():
    """Where Wasmtime 49 charges for pages and elements that nobody got.

    A grow operator is charged by what it grows, and by nothing when it fails: unless the operand is
    a constant to the compiler and at most 128. Constant are i32.const; global.get of an immutable
    global with a constant initialiser; and local.get or local.tee of a local whose only value here
    is such a constant, as far as the construction of SSA form sees. Not constant are parameters,
    a local's zero, anything calculated, and a local in a loop or behind branches that join.
    """

    def row(name, text, before="", signature="", args=()):
        vector("refused constant growth", name, body(text, before, signature), args)

    full = "(memory 1 1)"

    def grow(operand):
        return f"(drop (memory.grow {operand}))"

    for n in (1, 50, 128, 129, 1000, -1):
        row(f"memory.grow {n}", grow(f"(i32.const {n})"), full)
        row(f"table.grow {n}", f"(drop (table.grow (ref.null func) (i32.const {n})))",
            "(table 1 1 funcref)")
    row("memory.grow 50, twice", grow("(i32.const 50)") * 2, full)
    row("memory.grow 50, by local.set", "(local.set 0 (i32.const 50)) " + grow("(local.get 0)"),
        full, "(local i32)")
    row("memory.grow 50, by local.tee", grow("(local.tee 0 (i32.const 50))"), full, "(local i32)")
    row("memory.grow 50, by local.set before a block that br_if leaves",
        "(local.set 0 (i32.const 50)) (block (br_if 0 (i32.const 1))) " + grow("(local.get 0)"),
        full, "(local i32)")
    row("memory.grow 50, by local.set before if",
        "(local.set 0 (i32.const 50)) (if (i32.const 1) (then " + grow("(local.get 0)") + "))",
        full, "(local i32)")
    row("memory.grow 50, by local.set before a loop",
        "(local.set 0 (i32.const 50)) (loop " + grow("(local.get 0)") + ")", full, "(local i32)")
    row("memory.grow 50, by local.set in both arms",
        "(if (i32.const 1) (then (local.set 0 (i32.const 50)))"
        " (else (local.set 0 (i32.const 50))))" + grow("(local.get 0)"), full, "(local i32)")
    row("memory.grow 50, as an immutable global", grow("(global.get 0)"),
        full + " (global i32 (i32.const 50))")
    row("memory.grow 50, as a mutable global", grow("(global.get 0)"),
        full + " (global (mut i32) (i32.const 50))")
    row("memory.grow 50, as a sum", grow("(i32.add (i32.const 25) (i32.const 25))"), full)
    row("memory.grow 50, as a block's result", grow("(block (result i32) (i32.const 50))"), full)
    row("memory.grow 50, as a branch's value",
        grow("(block (result i32) (br 0 (i32.const 50)))"), full)
    row("memory.grow 50, by select",
        grow("(select (i32.const 50) (i32.const 50) (i32.const 1))"), full)
    row("memory.grow 50, as a parameter", grow("(local.get 0)"), full, "(param i32)", [50])


def instantiation():
    def row(name, before, text="", signature=""):
        vector("instantiation", name, body(text, before, signature))

    row("extended constant expression",
        "(global $a i32 (i32.add (i32.const 40) (i32.mul (i32.const 1) (i32.const 2))))"
        ' (memory 1) (data (i32.add (i32.const 8) (i32.const 8)) "abc")',
        "(i32.add (global.get $a) (i32.load8_u (i32.const 17)))", "(result i32)")
    row("active data segments", '(memory 2) (data (i32.const 0) "0123456789")'
        ' (data (i32.const 70000) "0123456789")')
    row("active element segments", "(table 10 funcref) (func $f)"
        " (elem (i32.const 2) func $f $f $f $f)")
    row("table with an initial element", "(func $f) (table 10 funcref (ref.func $f))",
        "(ref.is_null (table.get 0 (i32.const 9)))", "(result i32)")
    extended = "(i32.add (i32.const 1) (i32.const 1))"
    row("global by an extended constant expression", f"(global i32 {extended})")
    row("global by global.get", "(global $a i32 (i32.const 1)) (global i32 (global.get $a))")
    row("global with ref.func", "(func $f) (global funcref (ref.func $f))")
    row("global with ref.null", "(global funcref (ref.null func))")
    for n in (0, 3, 10):
        text = "x" * n
        row(f"data of {n} bytes by an extended constant expression",
            f'(memory 1) (data {extended} "{text}")')
        row(f"data of {n} bytes by global.get",
            f'(global $a i32 (i32.const 1)) (memory 1) (data (global.get $a) "{text}")')
    row("data by a constant, then by an extended constant expression",
        f'(memory 1) (data (i32.const 8) "abcdefgh") (data {extended} "abc")')
    row("elements by an extended constant expression",
        f"(func $f) (table 10 funcref) (elem {extended} func $f $f $f)")
    row("elements by an extended constant expression, then start",
        f"(func $f) (table 10 funcref) (elem {extended} func $f $f $f) (start $f)")
    row("global by an extended constant expression, then start",
        f"(func $f) (global i32 {extended}) (start $f)")
    row("elements as expressions", "(func $f) (table 10 funcref)"
        " (elem (i32.const 1) funcref (ref.func $f) (ref.null func))")
    row("passive elements", "(func $f) (elem func $f $f)")
    row("passive elements, then start", "(func $f) (elem func $f $f) (start $f)")
    row("declared elements", "(func $f) (elem declare func $f)")
    row("passive data", '(memory 1) (data "0123456789")')
    row("table with an initial null", "(table 10 funcref (ref.null func))")
    row("passive segments", '(memory 1) (table 1 funcref) (func $f) (data "0123456789")'
        " (elem func $f $f)")
    row("large memory and table", "(memory 100 200) (table 5000 funcref)")
    row("start, empty", "(func $s) (start $s)")
    row("start that loops and stores",
        "(memory 1) (global $n (mut i32) (i32.const 10)) (func $s (loop (i32.store8"
        " (global.get $n) (i32.const 1)) (global.set $n (i32.sub (global.get $n) (i32.const 1)))"
        " (br_if 0 (global.get $n)))) (start $s)",
        "(i32.load8_u (i32.const 10))", "(result i32)")
    row("start that calls and fills",
        "(memory 1) (func $s (call $f) (memory.fill (i32.const 0) (i32.const 3)"
        " (i32.const 100))) (func $f (drop (memory.grow (i32.const 2)))) (start $s)",
        "(memory.size)", "(result i32)")


def traps():
    def row(name, text, before="", signature="", args=()):
        vector("traps", name, body(text, before, signature), args)

    row("unreachable", "(drop (i32.const 1)) (unreachable)")
    row("unreachable in a callee", "(drop (i32.const 1)) (call $f) (drop (i32.const 1))",
        "(func $f (drop (i32.const 1)) (unreachable))")
    row("division by zero, work before and behind",
        "(drop (i32.const 1)) (drop (i32.div_s (i32.const 1) (local.get 0))) (drop (i32.const 2))"
        " (drop (i32.const 3))", "", "(param i32)", [0])
    row("load out of bounds, work behind",
        "(drop (i32.load (local.get 0))) (drop (i32.const 2)) (drop (i32.const 3))", "(memory 1)",
        "(param i32)", [65536])
    row("memory.fill out of bounds",
        "(memory.fill (i32.const 65000) (i32.const 1) (local.get 0))", "(memory 1)", "(param i32)",
        [1000])
    row("memory.copy out of bounds, of 2 GiB",
        "(memory.copy (i32.const 1) (i32.const 0) (local.get 0))", "(memory 1)", "(param i32)",
        [0x7FFFFFFF])
    row("memory.init of a dropped segment",
        "(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (local.get 0))",
        '(memory 1) (data $d "abc")', "(param i32)", [1])
    row("table.fill out of bounds", "(table.fill (i32.const 1) (ref.null func) (local.get 0))",
        "(table 10 funcref)", "(param i32)", [0x7FFFFFFF])
    row("table.get out of bounds", "(drop (table.get (local.get 0)))", "(table 10 funcref)",
        "(param i32)", [10])
    row("call_indirect of null", "(call_indirect (local.get 0)) (drop (i32.const 1))",
        "(table 10 funcref)", "(param i32)", [1])
    row("call_indirect of another type", "(drop (call_indirect (result i32) (i32.const 0)))",
        "(table 1 funcref) (func $f) (elem (i32.const 0) func $f)")


def measure(group, name, wat, args, fuel):
    wasm = bytes(wasmtime.wat2wasm(wat))
    instance = Instance(wasm)
    step, _ = instance.call("run", args)
    if fuel is not None:
        assert step["fuel"] == fuel, f"{name}: Wasmtime charges {step['fuel']}, not {fuel}"
    return {
        "group": group,
        "name": name,
        "wat": wat,
        "wasm": base64.b64encode(wasm).decode(),
        "startFuel": instance.start_fuel,
        **step,
    }


def vectors():
    for fill in (cost_table, blocks_and_branches, ifs, loops, dead_code, calls,
                 variables_and_values, memories, tables, constant_operands,
                 refused_constant_growth, instantiation, traps):
        fill()
    names = [(group, name) for group, name, *_ in VECTORS]
    assert len(set(names)) == len(names), "two vectors share a name"
    return [measure(*v) for v in VECTORS]


# ---- the files -----------------------------------------------------------------------------------


def document(about, key, entries):
    lines = ",\n".join(" " + json.dumps(e, ensure_ascii=False) for e in entries)
    head = json.dumps({"wasmtime": WASMTIME, "costTable": 1, "about": about}, indent=1)
    return head[:-2] + f',\n "{key}": [\n{lines}\n ]\n}}\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    if version("wasmtime") != WASMTIME:
        sys.exit(f"record.py: Wasmtime {version('wasmtime')} is installed, the figures are those "
                 f"of {WASMTIME}")
    files = {
        "vectors.json": document("Small modules and what one call of each costs; see record.py.",
                                 "vectors", vectors()),
        "fuel.json": document("The guests of ../wasm and what their calls cost; see record.py.",
                              "cases", guests()),
    }
    status = 0
    for name, text in files.items():
        path = HERE / name
        if not options.check:
            path.write_text(text, "utf-8")
        elif path.read_text("utf-8") != text:
            print(f"record.py: {name} differs from what Wasmtime charges", file=sys.stderr)
            status = 1
    if options.check and status == 0:
        print("both files are what Wasmtime charges")
    sys.exit(status)


if __name__ == "__main__":
    main()
