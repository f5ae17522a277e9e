;; One export a numeric type, and one with several results: what a caller must convert.
(module
  (func $add_i32 (export "add_i32") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func $add_i64 (export "add_i64") (param i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 1)))
  (func $add_f32 (export "add_f32") (param f32 f32) (result f32)
    (f32.add (local.get 0) (local.get 1)))
  (func $add_f64 (export "add_f64") (param f64 f64) (result f64)
    (f64.add (local.get 0) (local.get 1)))
  (func $swap (export "swap") (param i32 i64) (result i64 i32)
    (local.get 1)
    (local.get 0)))
