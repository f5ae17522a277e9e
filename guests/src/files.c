// A WASI command that works with files: what it does is its first argument's to say. Each command
// prints what it found on standard output and exits with 0; a failure is told on standard error, by
// the name of what failed and why, and exits with 1.
//
//   read PATH          prints the file
//   list PATH          prints the names in the directory, one a line, a slash behind directories
//   stat PATH          prints the size, or "directory"
//   write PATH TEXT    writes the text in two pieces, reads it back and prints it
//   work DIR           makes, renames, truncates, lists and removes files below the directory
//   time               prints the seconds of the real clock and whether the other one moves
//   random             prints eight random bytes
//   sleep SECONDS      sleeps, and prints by how many seconds the monotonic clock has moved on

// Clocks, sleeping and getentropy are beyond C11.
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void copy(int fd, const char *name) {
  char buffer[512];
  ssize_t count;
  while ((count = read(fd, buffer, sizeof buffer)) > 0) {
    if (fwrite(buffer, 1, (size_t)count, stdout) != (size_t)count) fail("stdout");
  }
  if (count < 0) fail(name);
}

static int read_file(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) fail(path);
  copy(fd, path);
  close(fd);
  return 0;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(const char *path) {
  DIR *dir = opendir(path);
  if (!dir) fail(path);
  char *names[1000];
  size_t count = 0;
  struct dirent *entry;
  errno = 0;
  while (count < 1000 && (entry = readdir(dir))) {
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
      char *name = malloc(strlen(entry->d_name) + 2);
      sprintf(name, "%s%s", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
      names[count++] = name;
    }
  }
  if (errno) fail(path);
  closedir(dir);
  qsort(names, count, sizeof names[0], by_name);
  for (size_t i = 0; i < count; i++) puts(names[i]);
  return 0;
}

static int status(const char *path) {
  struct stat s;
  if (stat(path, &s)) fail(path);
  if (S_ISDIR(s.st_mode)) {
    puts("directory");
  } else {
    printf("%lld\n", (long long)s.st_size);
  }
  return 0;
}

static int write_file(const char *path, const char *text) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) fail(path);
  size_t half = strlen(text) / 2;
  if (write(fd, text, half) != (ssize_t)half) fail("write");
  if (pwrite(fd, text + half, strlen(text) - half, (off_t)half) < 0) fail("pwrite");
  if (lseek(fd, 0, SEEK_SET) != 0) fail("lseek");
  copy(fd, path);
  close(fd);
  puts("");
  return 0;
}

static int work(const char *dir) {
  char a[256], b[256], sub[256], inner[256];
  snprintf(sub, sizeof sub, "%s/sub", dir);
  snprintf(a, sizeof a, "%s/a", dir);
  snprintf(b, sizeof b, "%s/sub/b", dir);
  snprintf(inner, sizeof inner, "%s/sub/inner", dir);
  if (mkdir(sub, 0700)) fail("mkdir");
  if (mkdir(inner, 0700)) fail("mkdir inner");
  FILE *file = fopen(a, "w");
  if (!file) fail("fopen");
  for (int i = 0; i < 1000; i++) fprintf(file, "line %d\n", i);
  if (fclose(file)) fail("fclose");
  file = fopen(a, "a");
  if (!file || fputs("last\n", file) < 0 || fclose(file)) fail("append");
  if (rename(a, b)) fail("rename");
  if (!access(a, F_OK)) return 2;
  status(b);
  list(sub);
  if (truncate(b, 5)) fail("truncate");
  read_file(b);
  puts("");
  if (!rmdir(sub) || errno != ENOTEMPTY) return 3;
  if (unlink(b)) fail("unlink");
  if (rmdir(inner)) fail("rmdir inner");
  if (rmdir(sub)) fail("rmdir");
  list(dir);
  puts("done");
  return 0;
}

static long long monotonic(void) {
  struct timespec at;
  if (clock_gettime(CLOCK_MONOTONIC, &at)) fail("monotonic clock");
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int tell_time(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) fail("clock");
  long long first = monotonic();
  while (monotonic() == first) {
  }
  printf("%lld moves\n", (long long)now.tv_sec);
  return 0;
}

static int print_random(void) {
  unsigned char bytes[8];
  if (getentropy(bytes, sizeof bytes)) fail("random");
  for (size_t i = 0; i < sizeof bytes; i++) printf("%02x", bytes[i]);
  puts("");
  return 0;
}

static int take_a_nap(const char *seconds) {
  long long before = monotonic();
  struct timespec wait = {.tv_sec = atoi(seconds)};
  if (clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL)) fail("sleep");
  printf("%lld\n", (monotonic() - before) / 1000000000LL);
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (argc == 3 && !strcmp(what, "read")) return read_file(argv[2]);
  if (argc == 3 && !strcmp(what, "list")) return list(argv[2]);
  if (argc == 3 && !strcmp(what, "stat")) return status(argv[2]);
  if (argc == 4 && !strcmp(what, "write")) return write_file(argv[2], argv[3]);
  if (argc == 3 && !strcmp(what, "work")) return work(argv[2]);
  if (argc == 2 && !strcmp(what, "time")) return tell_time();
  if (argc == 2 && !strcmp(what, "random")) return print_random();
  if (argc == 3 && !strcmp(what, "sleep")) return take_a_nap(argv[2]);
  fputs("usage: files read|list|stat|write|work|time|random|sleep ...\n", stderr);
  return 64;
}
