;; Its initialiser counts to a million before it is done.
(module
  (memory (export "memory") 1)
  (func (export "wizer.initialize") (local $i i32)
    (loop $again
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
    (i32.store (i32.const 0) (local.get $i)))
  (func (export "counted") (result i32) (i32.load (i32.const 0))))
