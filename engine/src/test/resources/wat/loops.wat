;; Loops without an end, by every backward branch, and with nothing in them that costs but it.
(module
  (memory 1)
  (func (export "br") (loop (br 0)))
  (func (export "br_if") (loop (br_if 0 (i32.const 1))))
  (func (export "br_table") (loop (br_table 0 0 (i32.const 7))))
  (func (export "nested") (loop (loop (br 1))))
  (func $self (export "mutual") (local i32)
    (loop (call $nothing) (br 0)))
  (func $nothing)
  (func (export "grow_nothing")
    (loop (drop (memory.grow (i32.const 0))) (br 0)))
  (func (export "fill_nothing")
    (loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (br 0))))
