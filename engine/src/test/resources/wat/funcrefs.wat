;; References that come from outside.
(module
  (table $t 1 funcref)
  (type $f (func))
  (func (export "call") (param funcref)
    (table.set $t (i32.const 0) (local.get 0))
    (call_indirect $t (type $f) (i32.const 0)))
  (func (export "extern") (param externref) (result externref) (local.get 0)))
