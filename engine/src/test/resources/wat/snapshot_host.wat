;; Its initialiser asks the host for the time, which is of one run.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "wizer-initialize") (drop (call $now (i32.const 0) (i64.const 0) (i32.const 8))))
  (func (export "one") (result i32) (i32.const 1)))
