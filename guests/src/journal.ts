// A WASI command in AssemblyScript that works with files by the interface's own functions, as a
// language does that has no C library between: vectors of two buffers, positions, cookies. What it
// does is its first argument's to say. It prints what it found on standard output and exits with 0; a
// function that failed is told on standard error, with its error number, and it exits with 1.
//
//   list DIR               prints every file below the directory with its size, a slash behind
//                          directories, read through a buffer that is too small
//   work DIR               keeps a journal below the directory: appends records, reads them back to
//                          front, changes one, cuts it, renames it, and removes all
//   fill DIR BYTES END     writes so many bytes to a file, then ends by: return, trap, spin

@external("wasi_snapshot_preview1", "args_sizes_get")
declare function args_sizes_get(count: usize, bytes: usize): u32;
@external("wasi_snapshot_preview1", "args_get")
declare function args_get(pointers: usize, buffer: usize): u32;
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: u32): void;
@external("wasi_snapshot_preview1", "fd_prestat_get")
declare function fd_prestat_get(fd: u32, result: usize): u32;
@external("wasi_snapshot_preview1", "fd_prestat_dir_name")
declare function fd_prestat_dir_name(fd: u32, path: usize, length: u32): u32;
@external("wasi_snapshot_preview1", "fd_close")
declare function fd_close(fd: u32): u32;
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: u32, vectors: usize, count: u32, result: usize): u32;
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: u32, vectors: usize, count: u32, result: usize): u32;
@external("wasi_snapshot_preview1", "fd_pread")
declare function fd_pread(fd: u32, vectors: usize, count: u32, at: u64, result: usize): u32;
@external("wasi_snapshot_preview1", "fd_pwrite")
declare function fd_pwrite(fd: u32, vectors: usize, count: u32, at: u64, result: usize): u32;
@external("wasi_snapshot_preview1", "fd_seek")
declare function fd_seek(fd: u32, offset: i64, whence: u32, result: usize): u32;
@external("wasi_snapshot_preview1", "fd_tell")
declare function fd_tell(fd: u32, result: usize): u32;
@external("wasi_snapshot_preview1", "fd_filestat_get")
declare function fd_filestat_get(fd: u32, result: usize): u32;
@external("wasi_snapshot_preview1", "fd_filestat_set_size")
declare function fd_filestat_set_size(fd: u32, bytes: u64): u32;
@external("wasi_snapshot_preview1", "fd_readdir")
declare function fd_readdir(fd: u32, buffer: usize, length: u32, cookie: u64, result: usize): u32;
@external("wasi_snapshot_preview1", "path_open")
declare function path_open(
  dir: u32, lookup: u32, path: usize, length: u32, flags: u32, rights: u64, inheriting: u64,
  fdFlags: u32, result: usize): u32;
@external("wasi_snapshot_preview1", "path_create_directory")
declare function path_create_directory(dir: u32, path: usize, length: u32): u32;
@external("wasi_snapshot_preview1", "path_remove_directory")
declare function path_remove_directory(dir: u32, path: usize, length: u32): u32;
@external("wasi_snapshot_preview1", "path_unlink_file")
declare function path_unlink_file(dir: u32, path: usize, length: u32): u32;
@external("wasi_snapshot_preview1", "path_rename")
declare function path_rename(
  from: u32, path: usize, length: u32, to: u32, newPath: usize, newLength: u32): u32;

const CREATE: u32 = 1;
const ONLY_DIRECTORY: u32 = 2;
const EXCLUSIVE: u32 = 4;
// fd_read, fd_seek, fd_tell, fd_readdir, fd_filestat_get, path_open, path_filestat_get
const READ: u64 = (1 << 1) | (1 << 2) | (1 << 5) | (1 << 13) | (1 << 14) | (1 << 18) | (1 << 21);
// and fd_write, fd_allocate, fd_filestat_set_size
const WRITE: u64 = READ | (1 << 6) | (1 << 8) | (1 << 22);
// and path_create_file, path_rename_source, path_rename_target, path_unlink_file, for a directory
const CHANGE: u64 = READ | (1 << 10) | (1 << 16) | (1 << 17) | (1 << 26);
const DIRECTORY: u8 = 3;
const RECORDS: i32 = 100;
const KEPT: i32 = 50;

// Where functions of the interface put what they answer, and vectors lie: 64 bytes for a filestat.
const RESULT: usize = memory.data(64, 8);
const VECTORS: usize = memory.data(16, 4);

function bytes(text: string): ArrayBuffer {
  return String.UTF8.encode(text);
}

function print(fd: u32, text: string): void {
  const line = bytes(text + "\n");
  let done = 0;
  while (done < line.byteLength) {
    store<usize>(VECTORS, changetype<usize>(line) + done);
    store<u32>(VECTORS, line.byteLength - done, 4);
    if (fd_write(fd, VECTORS, 1, RESULT) != 0) proc_exit(2);
    done += load<u32>(RESULT);
  }
}

function fail(what: string): void {
  print(2, what);
  proc_exit(1);
}

function check(what: string, errno: u32): void {
  if (errno != 0) fail(what + ": " + errno.toString());
}

function expect(what: string, value: u64, expected: u64): void {
  if (value != expected) fail(what + ": " + value.toString() + ", not " + expected.toString());
}

// The runtime's own: out of memory, an index that is out of bounds.
function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  print(2, message ? message : "abort");
  proc_exit(3);
}

function args(): string[] {
  check("args_sizes_get", args_sizes_get(RESULT, RESULT + 4));
  const count = load<u32>(RESULT);
  const pointers = new ArrayBuffer(4 * count);
  const buffer = new ArrayBuffer(load<u32>(RESULT, 4));
  check("args_get", args_get(changetype<usize>(pointers), changetype<usize>(buffer)));
  const all: string[] = [];
  for (let i: u32 = 0; i < count; i++) {
    const start = load<usize>(changetype<usize>(pointers) + 4 * i);
    let end = start;
    while (load<u8>(end) != 0) end++;
    all.push(String.UTF8.decodeUnsafe(start, end - start));
  }
  return all;
}

// The descriptor of the preopened directory of this name.
function preopened(name: string): u32 {
  for (let fd: u32 = 3; fd_prestat_get(fd, RESULT) == 0; fd++) {
    const length = load<u32>(RESULT, 4);
    const path = new ArrayBuffer(length);
    check("fd_prestat_dir_name", fd_prestat_dir_name(fd, changetype<usize>(path), length));
    if (String.UTF8.decode(path) == name) return fd;
  }
  fail("no directory " + name);
  return 0;
}

function open(dir: u32, name: string, flags: u32, rights: u64): u32 {
  const path = bytes(name);
  check(
    "path_open " + name,
    path_open(
      dir, 0, changetype<usize>(path), path.byteLength, flags, rights, WRITE, 0, RESULT));
  return load<u32>(RESULT);
}

function size(fd: u32): u64 {
  check("fd_filestat_get", fd_filestat_get(fd, RESULT));
  return load<u64>(RESULT, 32);
}

// ── Directories ─────────────────────────────────────────────────────────────────────────────────

class Entry {
  constructor(public name: string, public type: u8) {}
}

// Every entry but "." and "..", in the order of names. The buffer begins with room for a short name
// and grows for a longer one; an entry that is cut is asked for again.
function entries(dir: u32): Entry[] {
  const all: Entry[] = [];
  let buffer = new ArrayBuffer(40);
  let cookie: u64 = 0;
  while (true) {
    const start = changetype<usize>(buffer);
    const room: u32 = buffer.byteLength;
    check("fd_readdir", fd_readdir(dir, start, room, cookie, RESULT));
    const used = load<u32>(RESULT);
    let at: u32 = 0;
    while (at + 24 <= used) {
      const length = load<u32>(start + at, 16);
      if (at + 24 + length > used) break;
      const name = String.UTF8.decodeUnsafe(start + at + 24, length);
      if (name != "." && name != "..") all.push(new Entry(name, load<u8>(start + at, 20)));
      cookie = load<u64>(start + at);
      at += 24 + length;
    }
    if (used < room) break;
    if (at == 0) buffer = new ArrayBuffer(2 * room);
  }
  all.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return all;
}

function list(dir: u32, below: string): void {
  const all = entries(dir);
  for (let i = 0; i < all.length; i++) {
    const name = all[i].name;
    if (all[i].type == DIRECTORY) {
      print(1, below + name + "/");
      const inner = open(dir, name, ONLY_DIRECTORY, READ);
      list(inner, below + name + "/");
      check("fd_close", fd_close(inner));
    } else {
      const file = open(dir, name, 0, READ);
      print(1, below + name + " " + size(file).toString());
      check("fd_close", fd_close(file));
    }
  }
}

// ── The journal ─────────────────────────────────────────────────────────────────────────────────

function head(number: i32): string {
  return number.toString().padStart(4, "0") + " ";
}

function body(number: i32): string {
  return "ä".repeat(number % 7) + "record".repeat(1 + (number % 40)) + "\n";
}

// Two buffers in the vectors; how many bytes they are.
function vectors(first: ArrayBuffer, second: ArrayBuffer): u32 {
  store<usize>(VECTORS, changetype<usize>(first));
  store<u32>(VECTORS, first.byteLength, 4);
  store<usize>(VECTORS, changetype<usize>(second), 8);
  store<u32>(VECTORS, second.byteLength, 12);
  return first.byteLength + second.byteLength;
}

function checkRecord(fd: u32, number: i32, at: u64, text: string): void {
  const first = new ArrayBuffer(5);
  const second = new ArrayBuffer(bytes(text).byteLength);
  const wanted = vectors(first, second);
  check("fd_seek", fd_seek(fd, at, 0, RESULT));
  expect("where it is", load<u64>(RESULT), at);
  check("fd_read", fd_read(fd, VECTORS, 2, RESULT));
  expect("bytes read", load<u32>(RESULT), wanted);
  if (String.UTF8.decode(first) != head(number) || String.UTF8.decode(second) != text) {
    fail("record " + number.toString() + " is another");
  }
}

function work(root: u32): void {
  const name = bytes("store");
  check(
    "path_create_directory",
    path_create_directory(root, changetype<usize>(name), name.byteLength));
  const store_ = open(root, "store", ONLY_DIRECTORY, CHANGE);
  const file = open(store_, "journal", CREATE | EXCLUSIVE, WRITE);
  const offsets: u64[] = [0];
  for (let i = 0; i < RECORDS; i++) {
    const wanted = vectors(bytes(head(i)), bytes(body(i)));
    check("fd_write", fd_write(file, VECTORS, 2, RESULT));
    expect("bytes written", load<u32>(RESULT), wanted);
    offsets.push(offsets[i] + wanted);
  }
  check("fd_tell", fd_tell(file, RESULT));
  expect("where the end is", load<u64>(RESULT), offsets[RECORDS]);
  expect("size", size(file), offsets[RECORDS]);
  for (let i = RECORDS - 1; i >= 0; i--) checkRecord(file, i, offsets[i], body(i));

  // In place, by position: where the descriptor is does not change.
  const changed = "X".repeat(bytes(body(7)).byteLength - 1) + "\n";
  vectors(bytes(head(7)), bytes(changed));
  check("fd_seek", fd_seek(file, -1, 2, RESULT));
  const before = load<u64>(RESULT);
  check("fd_pwrite", fd_pwrite(file, VECTORS, 2, offsets[7], RESULT));
  check("fd_tell", fd_tell(file, RESULT));
  expect("where it is", load<u64>(RESULT), before);
  const first = new ArrayBuffer(5);
  const second = new ArrayBuffer(16);
  vectors(first, second);
  check("fd_pread", fd_pread(file, VECTORS, 2, offsets[7], RESULT));
  if (String.UTF8.decode(second) != "X".repeat(16)) fail("it was not changed");
  checkRecord(file, 6, offsets[6], body(6));
  checkRecord(file, 7, offsets[7], changed);
  checkRecord(file, 8, offsets[8], body(8));

  check("fd_filestat_set_size", fd_filestat_set_size(file, offsets[KEPT]));
  vectors(new ArrayBuffer(5), new ArrayBuffer(100));
  check("fd_pread", fd_pread(file, VECTORS, 2, offsets[KEPT] - 3, RESULT));
  expect("bytes up to the end", load<u32>(RESULT), 3);
  checkRecord(file, KEPT - 1, offsets[KEPT - 1], body(KEPT - 1));
  check("fd_close", fd_close(file));

  const from = bytes("store/journal");
  const to = bytes("journal.1");
  check(
    "path_rename",
    path_rename(
      root, changetype<usize>(from), from.byteLength, store_, changetype<usize>(to),
      to.byteLength));
  for (let i = 0; i < 20; i++) {
    const part = open(store_, "part-" + "x".repeat(6 * i) + i.toString(), CREATE, WRITE);
    check("fd_close", fd_close(part));
  }
  const all = entries(store_);
  print(1, "records " + KEPT.toString() + " in " + offsets[KEPT].toString() + " bytes");
  print(1, "entries " + all.length.toString() + " from " + all[0].name + " to " + all[20].name);
  for (let i = 0; i < all.length; i++) {
    const path = bytes(all[i].name);
    check(
      "path_unlink_file",
      path_unlink_file(store_, changetype<usize>(path), path.byteLength));
  }
  check("fd_close", fd_close(store_));
  check(
    "path_remove_directory",
    path_remove_directory(root, changetype<usize>(name), name.byteLength));
  print(1, "left " + entries(root).length.toString());
}

function fill(dir: u32, count: u64, end: string): void {
  const file = open(dir, "filled", CREATE, WRITE);
  const piece = new ArrayBuffer(1024);
  let written: u64 = 0;
  while (written < count) {
    store<usize>(VECTORS, changetype<usize>(piece));
    store<u32>(VECTORS, u32(min<u64>(piece.byteLength, count - written)), 4);
    check("fd_write", fd_write(file, VECTORS, 1, RESULT));
    written += load<u32>(RESULT);
  }
  print(1, written.toString());
  if (end == "trap") unreachable();
  if (end == "spin") while (true) {}
}

const all = args();
const verb = all.length > 2 ? all[1] : "";
if (verb == "list") list(preopened(all[2]), "");
else if (verb == "work") work(preopened(all[2]));
else if (verb == "fill" && all.length == 5) fill(preopened(all[2]), U64.parseInt(all[3]), all[4]);
else fail("usage: list DIR, work DIR, or fill DIR BYTES return|trap|spin");
