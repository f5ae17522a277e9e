// CPU kernels: six exports, each (i32) -> i32, each a checksum over all of its work.
//
// Freestanding and deterministic: no imports, no start function, no state kept between calls
// (every kernel fills what it reads), so a fresh and a reused instance give the same answers.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name)))
#define NOINLINE __attribute__((noinline))

enum {
  MATMUL_MAX = 200,     // 3 matrices of 200 x 200 doubles: 960,000 bytes
  SIEVE_MAX = 1000000,  // one byte a number
  SORT_MAX = 100000,    // one i32 an element
};

// The kernels run one at a time, so they share one arena: the size of the largest, not the sum.
static union {
  double matrices[3][MATMUL_MAX * MATMUL_MAX];
  u8 composite[SIEVE_MAX];
  int numbers[SORT_MAX];
  u8 block[4096];
} arena;

static u32 xorshift(u32 *state) {
  u32 x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

static u32 mix(u32 hash, u32 value) {
  hash = (hash ^ value) * 0x9E3779B1u;
  return hash ^ hash >> 15;
}

static int clamp(int n, int max) { return n < 0 ? 0 : n > max ? max : n; }

// ---- fib: calls ---------------------------------------------------------------------------------

// disable_tail_calls keeps the optimiser from turning the second call into a loop.
__attribute__((noinline, disable_tail_calls)) static int fibonacci(int n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

EXPORT(fib) int fib(int n) { return fibonacci(n); }

// ---- sha: 32-bit rotates, constants from memory (FIPS 180-4) ------------------------------------

static const u32 SHA_K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))

static NOINLINE void sha_block(u32 state[8], const u8 *p) {
  u32 w[64];
  for (int i = 0; i < 16; i++, p += 4)
    w[i] = (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
  for (int i = 16; i < 64; i++) {
    u32 s0 = ROTR(w[i - 15], 7) ^ ROTR(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = ROTR(w[i - 2], 17) ^ ROTR(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  u32 a = state[0], b = state[1], c = state[2], d = state[3];
  u32 e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 64; i++) {
    u32 t1 = h + (ROTR(e, 6) ^ ROTR(e, 11) ^ ROTR(e, 25)) + ((e & f) ^ (~e & g)) + SHA_K[i] + w[i];
    u32 t2 = (ROTR(a, 2) ^ ROTR(a, 13) ^ ROTR(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

// SHA-256 of `mib` MiB; byte i of the message is the top byte of (u32)(i + 1) * 2654435761.
EXPORT(sha) int sha(int mib) {
  u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  u64 bytes = (u64)clamp(mib, 1 << 12) << 20;
  u32 next = 0;
  for (u64 done = 0; done < bytes; done += sizeof arena.block) {
    for (u32 i = 0; i < sizeof arena.block; i++) {
      next += 2654435761u;
      arena.block[i] = (u8)(next >> 24);
    }
    for (u32 i = 0; i < sizeof arena.block; i += 64) sha_block(state, arena.block + i);
  }
  // The message is a whole number of blocks: the padding is a block of its own.
  for (int i = 0; i < 64; i++) arena.block[i] = 0;
  arena.block[0] = 0x80;
  for (int i = 0; i < 8; i++) arena.block[63 - i] = (u8)(bytes * 8 >> 8 * i);
  sha_block(state, arena.block);
  return (int)state[0];
}

// ---- matmul: f64 arithmetic over rows and columns -----------------------------------------------

EXPORT(matmul) int matmul(int n) {
  n = clamp(n, MATMUL_MAX);
  double *a = arena.matrices[0], *b = arena.matrices[1], *c = arena.matrices[2];
  for (int i = 0; i < n * n; i++) {
    a[i] = (double)(i * 7 % 23) * 0.5 - 4.0;
    b[i] = (double)(i * 11 % 31) * 0.25 - 3.0;
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
      c[i * n + j] = sum;
    }
  // Every product is a multiple of 1/8 and far below 2^24: the conversion below is exact.
  u32 hash = 17;
  for (int i = 0; i < n * n; i++) hash = mix(hash, (u32)(int)(c[i] * 8.0));
  return (int)hash;
}

// ---- json: bytes and branches -------------------------------------------------------------------

// Small on purpose: json(1) is the call of a few microseconds that measures all that is around it.
static const u8 JSON_TEXT[] =
    "{\"site\": \"north-7\", \"updated\": \"2024-05-17T08:30:00Z\", \"complete\": true, \"curso"
    "r\": null, \"shelves\": [\n  {\"id\": 1, \"label\": \"shelf \\\"A0\\\"\", \"depth\": 0.589"
    ", \"open\": true, \"boxes\": [{\"sku\": \"BR-52750\", \"count\": 333, \"weight\": 2.91, \""
    "tags\": []}, {\"sku\": \"CM-77387\", \"count\": 29, \"weight\": 54.58, \"tags\": [\"fragil"
    "e\"]}]},\n  {\"id\": 2, \"label\": \"shelf \\\"B3\\\"\", \"depth\": 0.303, \"open\": false"
    ", \"boxes\": [{\"sku\": \"DT-10156\", \"count\": 123, \"weight\": 5.45, \"tags\": [\"fragi"
    "le\", \"spare\", \"heavy\"]}, {\"sku\": \"AX-76642\", \"count\": 299, \"weight\": 23.81, "
    "\"tags\": [\"fragile\"]}]},\n  {\"id\": 3, \"label\": \"shelf \\\"C6\\\"\", \"depth\": 0.8"
    "68, \"open\": false, \"boxes\": [{\"sku\": \"BR-38959\", \"count\": 214, \"weight\": 8.66,"
    " \"tags\": []}, {\"sku\": \"CM-74434\", \"count\": 349, \"weight\": 10.85, \"tags\": [\"ex"
    "port\"]}]},\n  {\"id\": 4, \"label\": \"shelf \\\"D9\\\"\", \"depth\": 0.317, \"open\": tr"
    "ue, \"boxes\": [{\"sku\": \"AX-74972\", \"count\": 30, \"weight\": 37.14, \"tags\": [\"spa"
    "re\", \"heavy\", \"cold\"]}, {\"sku\": \"DT-77750\", \"count\": 232, \"weight\": 21.7, \"t"
    "ags\": [\"cold\"]}]}], \"limits\": {\"max\": 1.5e6, \"min\": -40, \"step\": 0.0025}, \"not"
    "e\": \"tab\\there, newline\\nthere, path C:\\\\temp\"}";

enum { STRING = 1, NUMBER, WORD, PUNCTUATION, BAD };

static int number_byte(u8 c) {
  return (u8)(c - '0') < 10 || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

// The token at p, which is no space: answers its end. The text's NUL ends every run.
static const u8 *token(const u8 *p, u32 *kind) {
  u8 c = *p++;
  if (c == '"') {
    for (; *p != '"'; p++) {
      if (*p == '\\') p++;
      if (*p == 0) return *kind = BAD, p;
    }
    return *kind = STRING, p + 1;
  }
  if (c == ',' || c == ':' || (c | 0x20) == '{' || (c | 0x20) == '}') return *kind = PUNCTUATION, p;
  if (c == '-' || (u8)(c - '0') < 10) {
    while (number_byte(*p)) p++;
    return *kind = NUMBER, p;
  }
  while ((u8)(*p - 'a') < 26) p++;
  return *kind = WORD, p;
}

static NOINLINE u32 tokenize(const u8 *p, u32 hash, u32 *tokens) {
  u32 count = 0, kind;
  for (;;) {
    while (*p == ' ' || *p == '\n') p++;
    if (*p == 0) break;
    const u8 *start = p;
    p = token(p, &kind);
    hash = hash * 31 + kind + (u32)(p - start) * 8;
    count++;
  }
  *tokens += count;
  return hash;
}

// Tokenizes the built-in text n times: the number of tokens, folded with the kind and the length of
// each.
EXPORT(json) int json(int n) {
  u32 hash = 1, tokens = 0;
  for (int i = 0; i < n; i++) hash = tokenize(JSON_TEXT, hash, &tokens);
  return (int)(tokens ^ hash << 16);
}

// ---- sieve: strided byte stores -----------------------------------------------------------------

// Folds the number of primes below n with their sum.
EXPORT(sieve) int sieve(int n) {
  n = clamp(n, SIEVE_MAX);
  u8 *composite = arena.composite;
  for (int i = 0; i < n; i++) composite[i] = 0;
  u32 count = 0, sum = 0;
  for (int i = 2; i < n; i++) {
    if (composite[i]) continue;
    count++, sum += (u32)i;
    if (i <= n / i)
      for (int j = i * i; j < n; j += i) composite[j] = 1;
  }
  return (int)mix(sum, count);
}

// ---- sort: unpredictable branches, recursion ----------------------------------------------------

static NOINLINE void quicksort(int *v, int low, int high) {
  while (high - low > 16) {
    int middle = low + (high - low) / 2;
    int x = v[low], y = v[middle], z = v[high];
    int pivot = x < y ? (y < z ? y : x < z ? z : x) : (x < z ? x : y < z ? z : y);
    int i = low - 1, j = high + 1;
    for (;;) {
      do i++; while (v[i] < pivot);
      do j--; while (v[j] > pivot);
      if (i >= j) break;
      int swap = v[i];
      v[i] = v[j], v[j] = swap;
    }
    // The smaller half by recursion, the larger by the loop: depth stays below log2 of the length.
    if (j - low < high - j - 1) {
      quicksort(v, low, j);
      low = j + 1;
    } else {
      quicksort(v, j + 1, high);
      high = j;
    }
  }
  for (int i = low + 1; i <= high; i++) {
    int value = v[i], j = i - 1;
    for (; j >= low && v[j] > value; j--) v[j + 1] = v[j];
    v[j + 1] = value;
  }
}

// Sorts n pseudo-random integers; answers 0 should the result be out of order.
EXPORT(sort) int sort(int n) {
  n = clamp(n, SORT_MAX);
  int *v = arena.numbers;
  u32 state = 2463534242u;
  for (int i = 0; i < n; i++) v[i] = (int)xorshift(&state);
  quicksort(v, 0, n - 1);
  u32 hash = 1;
  for (int i = 0; i < n; i++) {
    if (i > 0 && v[i - 1] > v[i]) return 0;
    hash = mix(hash, (u32)v[i]);
  }
  return (int)hash;
}
