;; Bytes calls that answer with pointers and lengths of their own choice.
(module
  (memory (export "memory") 1)
  (global $alloc (mut i32) (i32.const 64))
  (func (export "alloc") (param i32) (result i32) (i32.const 64))
  (func (export "past_the_end") (param i32 i32) (result i64) (i64.const 0x0000ffff_00000002))
  (func (export "all") (param i32 i32) (result i64) (i64.const 0x00000000_00010000))
  (func (export "negative_length") (param i32 i32) (result i64) (i64.const 0x00000001_ffffffff))
  (func (export "negative_pointer") (param i32 i32) (result i64) (i64.const 0xffffffff_00000001))
  (func (export "sum_overflows") (param i32 i32) (result i64) (i64.const 0x80000000_80000000))
  (func (export "empty_at_end") (param i32 i32) (result i64) (i64.const 0x00010000_00000000)))
