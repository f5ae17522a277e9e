;; A command whose arguments are asked for wherever its own first argument says nothing of.
(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1 1)
  (func $check (param i32 i32)
    (if (i32.ne (local.get 0) (local.get 1)) (then (call $proc_exit (local.get 0)))))
  (func $read (param i32 i32) (result i32)
    (i32.store (i32.const 16) (local.get 0))
    (i32.store (i32.const 20) (local.get 1))
    (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 8)))
  (func (export "_start")
    ;; 21 is fault
    (call $check (call $args_get (i32.const 0x80000000) (i32.const 0)) (i32.const 21))
    (call $check (call $args_get (i32.const -4) (i32.const 0)) (i32.const 21))
    (call $check (call $args_get (i32.const 0) (i32.const -1)) (i32.const 21))
    (call $check (call $args_get (i32.const 65532) (i32.const 0)) (i32.const 21))
    (call $check (call $read (i32.const 0x80000000) (i32.const 0x7fffffff)) (i32.const 21))
    (call $check (call $read (i32.const -1) (i32.const -1)) (i32.const 21))
    (call $check (call $read (i32.const 65535) (i32.const 0x80000000)) (i32.const 21))
    ;; nothing has been taken of the four bytes of stdin until now; asking for 4 GiB gets them
    (call $check (call $read (i32.const 100) (i32.const -1)) (i32.const 0))
    (call $check (i32.load (i32.const 8)) (i32.const 4))
    (call $check (i32.load (i32.const 100)) (i32.const 0x64636261))
    (call $check (call $read (i32.const 100) (i32.const -1)) (i32.const 0))
    (call $check (i32.load (i32.const 8)) (i32.const 0))))
