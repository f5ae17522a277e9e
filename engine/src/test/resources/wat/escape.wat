;; Tries every path that could lead out of its directories, 3 and 4, with the functions that take one.
;; Exits with 0 if none of them succeeded; else with the number of the path, from 1, and 100
;; times the number of the function.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory"
    (func $rmdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink"
    (func $readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 1)
  ;; each path behind its length; a length of 0 ends them
  (data (i32.const 0)
    "\02.."
    "\03../"
    "\06../etc"
    "\0e../../../../.."
    "\0d../etc/passwd"
    "\0b/etc/passwd"
    "\01/"
    "\02//"
    "\05/data"
    "\0d/data/../file"
    "\05./../"
    "\09dir/../.."
    "\0cdir/../../.."
    "\0fdir/./.././../x"
    "\0a.//..//etc"
    "\07file/.."
    "\08file/../"
    "\05file/"
    "\06file/."
    "\0cfile/../file"
    "\07file\00/x"
    "\03..\00"
    "\02\c0\ae"
    "\06\c0\ae\c0\ae/x"
    "\05..\c0\afx"
    "\03\ed\a0\80"
    "\03..."
    "\07..\5cfile"
    "\00")
  (data (i32.const 8192) "l")
  (func $check (param $errno i32) (param $function i32) (param $path i32)
    (if (i32.eqz (local.get $errno))
      (then
        (call $exit
          (i32.add (i32.mul (local.get $function) (i32.const 100)) (local.get $path))))))
  (func $try (param $dir i32) (param $at i32) (param $length i32) (param $number i32)
    (local $open i32)
    ;; to look, to read, as a directory, without following, with all rights
    (loop $flags
      (call $check
        (call $path_open (local.get $dir) (i32.and (local.get $open) (i32.const 1)) (local.get $at)
          (local.get $length) (i32.and (local.get $open) (i32.const 2)) (i64.const 2) (i64.const -1)
          (i32.const 0) (i32.const 9000))
        (i32.const 1) (local.get $number))
      (br_if $flags
        (i32.lt_u (local.tee $open (i32.add (local.get $open) (i32.const 1))) (i32.const 4))))
    (call $check
      (call $stat (local.get $dir) (i32.const 1) (local.get $at) (local.get $length)
        (i32.const 9000))
      (i32.const 2) (local.get $number))
    (call $check (call $rmdir (local.get $dir) (local.get $at) (local.get $length)) (i32.const 3)
      (local.get $number))
    (call $check (call $unlink (local.get $dir) (local.get $at) (local.get $length)) (i32.const 4)
      (local.get $number))
    (call $check
      (call $rename (local.get $dir) (local.get $at) (local.get $length) (i32.const 4)
        (i32.const 8192) (i32.const 1))
      (i32.const 5) (local.get $number))
    (call $check
      (call $link (local.get $dir) (i32.const 1) (local.get $at) (local.get $length) (i32.const 4)
        (i32.const 8192) (i32.const 1))
      (i32.const 6) (local.get $number))
    (call $check
      (call $symlink (local.get $at) (local.get $length) (local.get $dir) (i32.const 8192)
        (i32.const 1))
      (i32.const 7) (local.get $number))
    (call $check
      (call $readlink (local.get $dir) (local.get $at) (local.get $length) (i32.const 9000)
        (i32.const 100) (i32.const 9200))
      (i32.const 8) (local.get $number)))
  (func (export "_start") (local $at i32) (local $length i32) (local $number i32)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.tee $length (i32.load8_u (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $number (i32.add (local.get $number) (i32.const 1)))
        (call $try (i32.const 3) (local.get $at) (local.get $length) (local.get $number))
        (call $try (i32.const 4) (local.get $at) (local.get $length) (local.get $number))
        (local.set $at (i32.add (local.get $at) (local.get $length)))
        (br $next)))
    ;; nothing was made, and the paths have all been looked at
    (call $check (call $stat (i32.const 4) (i32.const 0) (i32.const 8192) (i32.const 1)
      (i32.const 9000)) (i32.const 9) (i32.const 0))
    (if (i32.ne (local.get $number) (i32.const 28)) (then (call $exit (local.get $number))))))
