// A WASI command, small and ordinary: counts the lines, words and bytes of its standard input and
// lists the ten most frequent words. Words are runs of ASCII letters, digits and apostrophes, in
// lower case; among equally frequent words the alphabet decides, so the output is deterministic.

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP 10

typedef struct Word {
  struct Word *next;  // in the same bucket
  unsigned count;
  char text[];
} Word;

static Word **buckets;
static size_t bucket_count, word_kinds;

static void *need(void *memory) {
  if (memory) return memory;
  fprintf(stderr, "wordcount: out of memory\n");
  exit(1);
}

static size_t hash(const char *text) {
  size_t h = 2166136261u;
  while (*text) h = (h ^ (unsigned char)*text++) * 16777619u;
  return h;
}

static void grow(void) {
  size_t count = bucket_count ? bucket_count * 2 : 64;
  Word **larger = need(calloc(count, sizeof *larger));
  for (size_t i = 0; i < bucket_count; i++)
    for (Word *word = buckets[i], *next; word; word = next) {
      next = word->next;
      Word **bucket = &larger[hash(word->text) % count];
      word->next = *bucket;
      *bucket = word;
    }
  free(buckets);
  buckets = larger;
  bucket_count = count;
}

static void count_word(const char *text, size_t length) {
  if (word_kinds >= bucket_count) grow();
  Word **bucket = &buckets[hash(text) % bucket_count];
  for (Word *word = *bucket; word; word = word->next)
    if (strcmp(word->text, text) == 0) {
      word->count++;
      return;
    }
  Word *word = need(malloc(sizeof *word + length + 1));
  word->next = *bucket;
  word->count = 1;
  memcpy(word->text, text, length + 1);
  *bucket = word;
  word_kinds++;
}

static int by_count_then_text(const void *left, const void *right) {
  const Word *a = *(Word *const *)left, *b = *(Word *const *)right;
  if (a->count != b->count) return a->count < b->count ? 1 : -1;
  return strcmp(a->text, b->text);
}

static void print_top(void) {
  Word **all = need(malloc((word_kinds + 1) * sizeof *all));
  size_t n = 0;
  for (size_t i = 0; i < bucket_count; i++)
    for (Word *word = buckets[i]; word; word = word->next) all[n++] = word;
  qsort(all, n, sizeof *all, by_count_then_text);
  for (size_t i = 0; i < n && i < TOP; i++) printf("%8u %s\n", all[i]->count, all[i]->text);
  free(all);
}

int main(void) {
  size_t lines = 0, words = 0, bytes = 0, length = 0, room = 16;
  char *word = need(malloc(room));
  int c;
  do {
    c = getchar();
    if (c != EOF) bytes++;
    if (c == '\n') lines++;
    if (c != EOF && (isalnum(c) || c == '\'')) {
      if (length + 1 == room) word = need(realloc(word, room *= 2));
      word[length++] = (char)tolower(c);
    } else if (length > 0) {
      word[length] = 0;
      count_word(word, length);
      words++;
      length = 0;
    }
  } while (c != EOF);
  free(word);
  printf("%zu lines, %zu words, %zu different, %zu bytes\n", lines, words, word_kinds, bytes);
  print_top();
  return 0;
}
