;; Writes as much of its memory and its table as it is asked to, so that it is known what its slot
;; holds afterwards. Its image is 64 KiB: four pieces less than five pages of 4 KiB apart.
(module
  (memory $memory (export "memory") 1 65536)
  (table $table 4096 10000000 funcref)

  (data (i32.const 0) "\01")
  (data (i32.const 20480) "\02")
  (data (i32.const 40960) "\03")
  (data (i32.const 61440) "\04")

  ;; grows the memory to hold `count` pages of 4 KiB, and writes to each
  (func $write_memory (param $count i32) (result i32)
    (local $missing i32)
    (local $page i32)
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (local.get $count) (i32.const 15)) (i32.const 4))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1))
          (then (return (i32.const 0))))))
    (loop $next
      (if (i32.lt_u (local.get $page) (local.get $count))
        (then
          (i32.store (i32.shl (local.get $page) (i32.const 12)) (i32.const -1))
          (local.set $page (i32.add (local.get $page) (i32.const 1)))
          (br $next))))
    (i32.const 1))

  ;; grows the table to `count` elements, and writes each
  (func $write_table (param $count i32) (result i32)
    (local $missing i32)
    (local.set $missing (i32.sub (local.get $count) (table.size $table)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq
              (table.grow $table (ref.null func) (local.get $missing))
              (i32.const -1))
          (then (return (i32.const 0))))))
    (table.fill $table (i32.const 0) (ref.null func) (local.get $count))
    (i32.const 1))

  ;; → 1, or 0 if there is not so much to be had
  (func $write (export "write") (param $pages i32) (param $elements i32) (result i32)
    (i32.and
      (call $write_memory (local.get $pages))
      (call $write_table (local.get $elements)))))
