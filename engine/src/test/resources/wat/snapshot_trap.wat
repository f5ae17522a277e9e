;; Its initialiser traps.
(module
  (memory (export "memory") 1)
  (func (export "wizer.initialize") (unreachable))
  (func (export "one") (result i32) (i32.const 1)))
