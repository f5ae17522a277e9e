;; A small function that writes three pages of the system: a counter in each, far enough apart.
(module
  (memory (export "memory") 2)
  ;; Adds v to each of the three and returns their sum.
  (func (export "add") (param $v i32) (result i32)
    (i32.store (i32.const 0x8) (i32.add (i32.load (i32.const 0x8)) (local.get $v)))
    (i32.store (i32.const 0x5010) (i32.add (i32.load (i32.const 0x5010)) (local.get $v)))
    (i32.store (i32.const 0x11018) (i32.add (i32.load (i32.const 0x11018)) (local.get $v)))
    (i32.add
      (i32.load (i32.const 0x8))
      (i32.add (i32.load (i32.const 0x5010)) (i32.load (i32.const 0x11018))))))
