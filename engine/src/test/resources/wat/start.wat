;; A start function that counts and costs.
(module
  (global $n (mut i32) (i32.const 0))
  (start $begin)
  (func $begin (global.set $n (i32.add (global.get $n) (i32.const 1))))
  (func (export "n") (result i32) (global.get $n)))
