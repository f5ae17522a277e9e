// A WASI command in the manner of CGI: the request in the environment, the body on standard input,
// the page on standard output.
//
// QUERY_STRING may ask for an ending: "exit=N" exits with status N behind the page, "trap" executes
// unreachable three named functions deep, "spin" never comes back.

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "-";
}

static NOINLINE void trap_in_parser(void) { __builtin_trap(); }

static NOINLINE void trap_in_handler(void) {
  trap_in_parser();
  puts("not reached");  // keeps the call from becoming a jump
}

static NOINLINE void trap_on_request(void) {
  trap_in_handler();
  puts("not reached");
}

static NOINLINE void spin(void) {
  for (;;) __asm__ volatile("");
}

static size_t echo_upper_cased(void) {
  static char buffer[4096];
  size_t total = 0, count;
  while ((count = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
    for (size_t i = 0; i < count; i++) buffer[i] = (char)toupper((unsigned char)buffer[i]);
    fwrite(buffer, 1, count, stdout);
    total += count;
  }
  return total;
}

int main(int argc, char **argv) {
  printf("Hello");
  for (int i = 1; i < argc; i++) printf("%s%s", i == 1 ? ", " : " ", argv[i]);
  printf("!\n");

  static const char *const NAMES[] = {"REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE",
                                      "GREETING"};
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
    printf("%s: %s\n", NAMES[i], variable(NAMES[i]));

  printf("\n");
  size_t count = echo_upper_cased();
  printf("\n%zu bytes read\n", count);
  fflush(stdout);

  const char *query = variable("QUERY_STRING");
  const char *status = strstr(query, "exit=");
  if (status) exit(atoi(status + strlen("exit=")));
  if (strstr(query, "trap")) trap_on_request();
  if (strstr(query, "spin")) spin();
  return 0;
}
