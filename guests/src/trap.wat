;; Every way to go wrong, each through a chain of named functions, so that a trap has a call stack
;; to show. The operands come from globals: no engine can know them before it runs.
(module
  (type $nullary (func (result i32)))
  (type $unary (func (param i32) (result i32)))

  (memory $memory (export "memory") 1 256)         ;; grow_all reaches its maximum, or a lower limit
  (table $callees 4 4 funcref)
  (table $growing (export "growing") 0 10000 funcref)
  (elem (table $callees) (i32.const 0) func $answer $increment)

  (global $zero (mut i32) (i32.const 0))
  (global $minus_one (mut i32) (i32.const -1))
  (global $int_min (mut i32) (i32.const 0x80000000))
  (global $one (mut i32) (i32.const 1))
  (global $far (mut i32) (i32.const 0x7ffffff0))

  (func $answer (type $nullary) (i32.const 42))
  (func $increment (type $unary) (i32.add (local.get 0) (i32.const 1)))

  ;; integer divide by zero
  (func $divide (param $a i32) (param $b i32) (result i32)
    (i32.div_s (local.get $a) (local.get $b)))
  (func $average (param $sum i32) (param $count i32) (result i32)
    (i32.add (call $divide (local.get $sum) (local.get $count)) (i32.const 0)))
  (func $div_zero (export "div_zero") (result i32)
    (call $average (i32.const 7) (global.get $zero)))

  ;; integer overflow: the least integer has no opposite
  (func $negate_by_division (param $a i32) (result i32)
    (call $divide (local.get $a) (global.get $minus_one)))
  (func $int_overflow (export "int_overflow") (result i32)
    (call $negate_by_division (global.get $int_min)))

  ;; unreachable executed
  (func $give_up (unreachable))
  (func $check_invariant (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $give_up))))
  (func $unreachable (export "unreachable")
    (call $check_invariant (global.get $zero)))

  ;; out-of-bounds memory access
  (func $load_field (param $record i32) (result i32)
    (i32.load offset=16 (local.get $record)))
  (func $follow_pointer (param $pointer i32) (result i32)
    (i32.add (call $load_field (local.get $pointer)) (i32.const 1)))
  (func $oob_load (export "oob_load") (result i32)
    (call $follow_pointer (global.get $far)))

  ;; a table index beyond the table; an empty element; a function of another type
  (func $dispatch (param $index i32) (result i32)
    (i32.add (call_indirect $callees (type $nullary) (local.get $index)) (i32.const 0)))
  (func $oob_table (export "oob_table") (result i32)
    (call $dispatch (i32.add (global.get $zero) (i32.const 1000))))
  (func $null_ref (export "null_ref") (result i32)
    (call $dispatch (i32.add (global.get $zero) (i32.const 3))))
  (func $sig_mismatch (export "sig_mismatch") (result i32)
    (call $dispatch (i32.add (global.get $zero) (i32.const 1))))

  ;; call stack exhausted: through two functions, with work left to do behind each call
  (func $descend (param $depth i32) (result i32)
    (i32.add (call $descend_again (i32.add (local.get $depth) (i32.const 1))) (i32.const 1)))
  (func $descend_again (param $depth i32) (result i32)
    (i32.add (call $descend (local.get $depth)) (i32.const 1)))
  (func $recurse (export "recurse") (result i32)
    (call $descend (i32.const 0)))

  ;; never comes back
  (func $turn_for_ever (loop $again (br $again)))
  (func $spin (export "spin") (call $turn_for_ever))

  ;; as much memory as there is to be had, page by page: the pages reached
  (func $grow_all (export "grow_all") (result i32)
    (loop $again
      (br_if $again (i32.ne (memory.grow (global.get $one)) (i32.const -1))))
    (memory.size))

  ;; as many table elements as there are to be had, one by one: the elements reached
  (func $table_grow_all (export "table_grow_all") (result i32)
    (loop $again
      (br_if $again
        (i32.ne (table.grow $growing (ref.null func) (global.get $one)) (i32.const -1))))
    (table.size $growing)))
