;; Exports that keep to no calling convention.
(module
  (memory (export "memory") 1)
  (func (export "_start") (param i32))
  (func (export "alloc") (result f64) (f64.const 1))
  (func (export "bytes") (param i32 i32) (result i64) (i64.const 0))
  (func (export "no_answer") (param i32 i32))
  (func (export "wrong_params") (result i64) (i64.const 0)))
