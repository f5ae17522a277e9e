;; A start function that never ends.
(module
  (start $begin)
  (func $begin (loop (br 0)))
  (func (export "f")))
