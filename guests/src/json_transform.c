// A request that a real tenant might serve: JSON in, a policy, JSON out.
//
//   memory                            one page of 64 KiB, grows to 16
//   alloc(length: i32) -> i32         address of `length` bytes, or 0 when there is no room
//   transform(ptr, len: i32) -> i64   address << 32 | length of the answer, or 0: input refused
//   reset()                           gives back everything that was allocated
//
// The input is an order that somebody asks to place. The answer says whether it is allowed, needs
// review or is denied, and why; prices every line; and echoes the parties with secrets redacted.
// Refused are: malformed JSON (RFC 8259, strictly: UTF-8, escapes, duplicate keys), more than
// INPUT_MAX bytes, deeper than DEPTH_MAX, more than NODES_MAX values, amounts out of range, and a
// document that lacks what the policy needs.
//
// Built natively the same file is a command that transforms a file: it records the expected output.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

enum {
  INPUT_MAX = 64 * 1024,
  DEPTH_MAX = 16,
  NODES_MAX = 4096,
  LINES_MAX = 64,
  TAGS_MAX = 16,
  REASONS_MAX = 8,
  REDACTED_MAX = 16,
};

// ---- memory: a bump allocator over everything behind the static data ----------------------------

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#define AT(address) ((u8 *)(address))
#define ADDRESS(pointer) ((u32)(pointer))
extern u8 __heap_base;
#define HEAP_BASE ((u32)&__heap_base)
static u32 memory_bytes(void) { return (u32)__builtin_wasm_memory_size(0) << 16; }
static int memory_grow(u32 pages) { return __builtin_wasm_memory_grow(0, pages) != ~0u; }
#else
#define EXPORT(name)
static u8 native_memory[1 << 20];
#define AT(address) (native_memory + (address))
#define ADDRESS(pointer) ((u32)((u8 *)(pointer)-native_memory))
#define HEAP_BASE 1024u
static u32 memory_bytes(void) { return sizeof native_memory; }
static int memory_grow(u32 pages) { return pages == 0; }
#endif

// At -O2 clang inlines the writer into every caller and makes one function of 17 KB of the policy.
// What is called everywhere stays a function, as one would have it in a larger program.
#define NOINLINE __attribute__((noinline))

static u32 bump;  // next free byte; 0 before the first allocation

// Makes room for `length` bytes at `bump`, growing the memory if it must.
static int reserve(u32 length) {
  if (bump == 0) bump = (HEAP_BASE + 7) & ~7u;
  u32 have = memory_bytes();
  if (length <= have - bump) return 1;
  u32 lack = length - (have - bump);
  return lack <= 1u << 20 && memory_grow((lack + 0xffff) >> 16);
}

EXPORT(alloc) u32 alloc(u32 length) {
  if (length > 1u << 20 || !reserve((length + 7) & ~7u)) return 0;
  u32 address = bump;
  bump += (length + 7) & ~7u;
  return address;
}

EXPORT(reset) void reset(void) { bump = 0; }

// ---- values ------------------------------------------------------------------------------------

typedef struct {
  const u8 *at;
  u32 length;
} Text;

enum { MISSING, NIL, FALSE, TRUE, NUMBER, STRING, ARRAY, OBJECT };

// Children are a linked list in document order. `text` is a string's decoded bytes, or a number as
// it was written. `amount` is a number in ten-thousandths, rounded half away from zero.
typedef struct Node {
  u32 kind, count;
  Text key, text;
  struct Node *child, *next;
  i64 amount;
} Node;

static const Node NONE;
static const i64 UNIT = 10000;
static const i64 AMOUNT_MAX = 1000000000LL * 10000;  // 10^9 units

static int same(Text a, Text b) {
  if (a.length != b.length) return 0;
  for (u32 i = 0; i < a.length; i++)
    if (a.at[i] != b.at[i]) return 0;
  return 1;
}

#define T(literal) ((Text)S(literal))
#define S(literal) {(const u8 *)(literal), sizeof(literal) - 1}

// ---- parser ------------------------------------------------------------------------------------

static const u8 *at, *end;  // the input that is left
static u32 nodes;
static int failed;

static int fail(void) {
  failed = 1;
  return 0;
}

// Here and below: loops over bytes keep their place in a local variable. `at` is a global that any
// store through a byte pointer might change, so a compiler must reload it every time.

static void skip_spaces(void) {
  const u8 *p = at, *stop = end;
  while (p < stop && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  at = p;
}

static int accept(u8 c) {
  if (at >= end || *at != c) return 0;
  at++;
  return 1;
}

static int accept_word(Text word) {
  if ((u32)(end - at) < word.length || !same((Text){at, word.length}, word)) return fail();
  at += word.length;
  return 1;
}

static int hex4(u32 *value) {
  if (end - at < 4) return fail();
  *value = 0;
  for (int i = 0; i < 4; i++) {
    u32 c = *at++, digit = c - '0' < 10 ? c - '0' : (c | 32) - 'a' < 6 ? (c | 32) - 'a' + 10 : 16;
    if (digit > 15) return fail();
    *value = *value << 4 | digit;
  }
  return 1;
}

static u8 *put_utf8(u8 *out, u32 c) {
  if (c < 0x80) {
    *out++ = (u8)c;
  } else if (c < 0x800) {
    *out++ = (u8)(0xC0 | c >> 6);
    *out++ = (u8)(0x80 | (c & 63));
  } else if (c < 0x10000) {
    *out++ = (u8)(0xE0 | c >> 12);
    *out++ = (u8)(0x80 | (c >> 6 & 63));
    *out++ = (u8)(0x80 | (c & 63));
  } else {
    *out++ = (u8)(0xF0 | c >> 18);
    *out++ = (u8)(0x80 | (c >> 12 & 63));
    *out++ = (u8)(0x80 | (c >> 6 & 63));
    *out++ = (u8)(0x80 | (c & 63));
  }
  return out;
}

// The escape behind a backslash. A surrogate must come with its other half.
static u8 *unescape(u8 *out) {
  u32 c, low;
  if (at >= end) return fail(), out;
  switch (*at++) {
    case '"': *out++ = '"'; return out;
    case '\\': *out++ = '\\'; return out;
    case '/': *out++ = '/'; return out;
    case 'b': *out++ = '\b'; return out;
    case 'f': *out++ = '\f'; return out;
    case 'n': *out++ = '\n'; return out;
    case 'r': *out++ = '\r'; return out;
    case 't': *out++ = '\t'; return out;
    case 'u': break;
    default: return fail(), out;
  }
  if (!hex4(&c)) return out;
  if (c - 0xDC00 < 0x400) return fail(), out;
  if (c - 0xD800 < 0x400) {
    if (!accept('\\') || !accept('u') || !hex4(&low) || low - 0xDC00 >= 0x400) return fail(), out;
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
  }
  return put_utf8(out, c);
}

// Steps over one character of two bytes or more, if it is well-formed UTF-8 (Unicode, table 3-7).
static int step_utf8(void) {
  u32 lead = *at, more, low = 0x80, high = 0xBF;
  if (lead - 0xC2 < 0x1E) more = 1;
  else if (lead - 0xE0 < 0x10) more = 2;
  else if (lead - 0xF0 < 5) more = 3;
  else return fail();
  if (lead == 0xE0) low = 0xA0;   // overlong
  if (lead == 0xED) high = 0x9F;  // surrogates
  if (lead == 0xF0) low = 0x90;   // overlong
  if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
  if ((u32)(end - at) <= more || at[1] < low || at[1] > high) return fail();
  for (u32 i = 2; i <= more; i++)
    if ((at[i] & 0xC0) != 0x80) return fail();
  at += more + 1;
  return 1;
}

// Steps over characters that stand for themselves.
static void step_plain(void) {
  const u8 *p = at, *stop = end;
  while (p < stop && *p != '"' && *p != '\\') {
    if (*p < 0x20) {
      fail();
      return;
    }
    if (*p < 0x80) {
      p++;
      continue;
    }
    at = p;
    if (!step_utf8()) return;
    p = at;
  }
  at = p;
}

// A string with escapes is never longer decoded than written, so the room is known beforehand.
static Text decode(const u8 *start) {
  u32 room = 0;
  for (const u8 *p = at; p < end && *p != '"'; p += *p == '\\' ? 2 : 1) room = (u32)(p - start) + 2;
  u32 address = alloc(room);
  if (!address) return fail(), (Text){start, 0};
  u8 *out = AT(address), *first = out;
  const u8 *from = start;
  for (;;) {
    while (from < at) *out++ = *from++;
    if (!accept('\\')) break;
    out = unescape(out);
    if (failed) break;
    from = at;
    step_plain();
    if (failed) break;
  }
  return (Text){first, (u32)(out - first)};
}

// Behind the opening quote. Without escapes the text stays where it is in the input.
static Text parse_text(void) {
  const u8 *start = at;
  step_plain();
  if (failed) return (Text){start, 0};
  Text text = {start, (u32)(at - start)};
  if (at < end && *at == '\\') text = decode(start);
  if (!failed && !accept('"')) fail();
  return text;
}

static int digit_here(void) { return at < end && *at >= '0' && *at <= '9'; }

// amount * 10^scale in ten-thousandths; refuses what leaves the range.
static int set_amount(Node *node, i64 digits, int scale, int negative) {
  scale += 4;
  for (; scale > 0 && digits <= AMOUNT_MAX && digits != 0; scale--) digits *= 10;
  int round = 0;
  for (; scale < 0 && digits != 0; scale++) round = digits % 10 >= 5, digits /= 10;
  digits += scale == 0 ? round : 0;
  if (digits > AMOUNT_MAX) return fail();
  node->amount = negative ? -digits : digits;
  return 1;
}

static int parse_exponent(int *scale) {
  int negative = accept('-'), exponent = 0;
  if (!negative) accept('+');
  if (!digit_here()) return fail();
  for (; digit_here(); at++)
    if (exponent < 1000) exponent = exponent * 10 + (*at - '0');
  *scale += negative ? -exponent : exponent;
  return 1;
}

static int parse_number(Node *node) {
  const u8 *start = at;
  int negative = accept('-'), scale = 0;
  i64 digits = 0;
  if (!digit_here()) return fail();
  if (!accept('0')) {
    for (; digit_here(); at++) {
      if (digits <= AMOUNT_MAX) digits = digits * 10 + (*at - '0');
      else scale++;
    }
  }
  if (accept('.')) {
    if (!digit_here()) return fail();
    for (; digit_here(); at++)
      if (digits <= AMOUNT_MAX) digits = digits * 10 + (*at - '0'), scale--;
  }
  if ((accept('e') || accept('E')) && !parse_exponent(&scale)) return 0;
  node->kind = NUMBER;
  node->text = (Text){start, (u32)(at - start)};
  return set_amount(node, digits, scale, negative);
}

static Node *new_node(void) {
  u32 address = nodes++ < NODES_MAX ? alloc(sizeof(Node)) : 0;
  if (!address) return fail(), (Node *)0;
  Node *node = (Node *)AT(address);
  node->kind = node->count = 0;
  node->key = node->text = (Text){at, 0};
  node->child = node->next = 0;
  node->amount = 0;
  return node;
}

static int parse_key(const Node *object, Node *member) {
  skip_spaces();
  if (!accept('"')) return fail();
  member->key = parse_text();
  // Two readings of one document are a way around a policy.
  for (const Node *n = object->child; n; n = n->next)
    if (same(n->key, member->key)) return fail();
  skip_spaces();
  return failed || accept(':') ? !failed : fail();
}

static int parse_value(Node *node, u32 depth);

static int parse_children(Node *node, u32 depth, u8 close) {
  Node **link = &node->child;
  if (depth >= DEPTH_MAX) return fail();
  skip_spaces();
  if (accept(close)) return 1;
  do {
    Node *child = new_node();
    if (!child || (close == '}' && !parse_key(node, child))) return 0;
    if (!parse_value(child, depth + 1)) return 0;
    *link = child;
    link = &child->next;
    node->count++;
    skip_spaces();
  } while (accept(','));
  return accept(close) ? 1 : fail();
}

static int parse_value(Node *node, u32 depth) {
  skip_spaces();
  if (at >= end) return fail();
  switch (*at) {
    case '{': at++; node->kind = OBJECT; return parse_children(node, depth, '}');
    case '[': at++; node->kind = ARRAY; return parse_children(node, depth, ']');
    case '"': at++; node->kind = STRING; node->text = parse_text(); return !failed;
    case 't': node->kind = TRUE; return accept_word(T("true"));
    case 'f': node->kind = FALSE; return accept_word(T("false"));
    case 'n': node->kind = NIL; return accept_word(T("null"));
    default: return parse_number(node);
  }
}

static NOINLINE const Node *get(const Node *object, Text key) {
  if (object->kind == OBJECT)
    for (const Node *n = object->child; n; n = n->next)
      if (same(n->key, key)) return n;
  return &NONE;
}

// What the policy cannot do without.
static const Node *need(const Node *object, Text key, u32 kind) {
  const Node *n = get(object, key);
  if (n->kind != kind) fail();
  return n;
}

// ---- writer: straight behind the last allocation ------------------------------------------------

static u8 *out, *out_end;

static int out_room(u32 length) {
  if (failed) return 0;
  if ((u32)(out_end - out) >= length) return 1;
  u32 used = ADDRESS(out) - bump;
  if (!reserve(used + length)) return fail();
  out_end = AT(memory_bytes());
  return 1;
}

static void put(u8 c) {
  if (out_room(1)) *out++ = c;
}

static NOINLINE void put_raw(Text text) {
  if (!out_room(text.length)) return;
  u8 *to = out;
  for (const u8 *from = text.at, *stop = from + text.length; from < stop;) *to++ = *from++;
  out = to;
}

// 0 for what stands for itself, else what follows the backslash.
static u8 escape_of(u8 c) {
  if (c >= 0x20) return c == '"' || c == '\\' ? c : 0;
  return c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : 'u';
}

static u8 *put_escaped(u8 *to, u8 c, u8 escape) {
  static const u8 HEX[] = "0123456789abcdef";
  *to++ = '\\';
  *to++ = escape;
  if (escape == 'u') {
    *to++ = '0';
    *to++ = '0';
    *to++ = HEX[c >> 4];
    *to++ = HEX[c & 15];
  }
  return to;
}

static NOINLINE void put_text(Text text) {
  if (!out_room(6 * text.length + 2)) return;  // every byte as \u00xx, and the quotes
  u8 *to = out;
  *to++ = '"';
  for (const u8 *from = text.at, *stop = from + text.length; from < stop; from++) {
    u8 escape = escape_of(*from);
    if (escape) to = put_escaped(to, *from, escape);
    else *to++ = *from;
  }
  *to++ = '"';
  out = to;
}

// No comma behind an opening bracket or at the very start, one before everything else.
static void put_comma(void) {
  if (!failed && ADDRESS(out) != bump && out[-1] != '{' && out[-1] != '[') put(',');
}

static NOINLINE void put_key(Text key) {
  put_comma();
  put_text(key);
  put(':');
}

static NOINLINE void put_integer(u64 value) {
  u8 digits[20];
  u32 n = 0;
  do digits[n++] = (u8)('0' + value % 10);
  while (value /= 10);
  while (n) put(digits[--n]);
}

// Hundredths as a decimal fraction.
static void put_cents(i64 cents) {
  u64 value = cents < 0 ? -(u64)cents : (u64)cents;
  if (cents < 0) put('-');
  put_integer(value / 100);
  put('.');
  put((u8)('0' + value / 10 % 10));
  put((u8)('0' + value % 10));
}

static void put_member(Text key, Text value) {
  put_key(key);
  put_text(value);
}

static NOINLINE void put_amount(Text key, i64 cents) {
  put_key(key);
  put_cents(cents);
}

// ---- policy: tables ----------------------------------------------------------------------------

enum { ALLOW, REVIEW, DENY };
static const Text OUTCOME[] = {S("allow"), S("review"), S("deny")};

typedef struct {
  Text name;
  i64 limit_cents;  // may order, or approve, up to this
  u32 clearance;
} Role;

static const Role ROLES[] = {
    {S("viewer"), 0, 0},           {S("auditor"), 0, 0},
    {S("buyer"), 250000, 1},       {S("manager"), 2500000, 2},
    {S("director"), 25000000, 3},
};

typedef struct {
  Text name;
  u32 tax_basis_points;
  u32 clearance;          // below it the line is denied
  i64 line_review_cents;  // above it the line needs review
} Category;

static const Category CATEGORIES[] = {
    {S("hardware"), 2500, 1, 250000}, {S("software"), 2500, 1, 100000},
    {S("books"), 600, 0, 100000},     {S("office"), 2500, 0, 50000},
    {S("services"), 2500, 2, 500000}, {S("chemicals"), 2500, 2, 50000},
    {S("weapons"), 2500, 4, 0},
};

static const Text EMBARGOED[] = {S("XA"), S("XB"), S("ZZ")};
static const Text HOME[] = {S("SE"), S("NO"), S("DK"), S("FI")};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static NOINLINE int among(const Text *list, u32 count, Text text) {
  for (u32 i = 0; i < count; i++)
    if (same(list[i], text)) return 1;
  return 0;
}

static const Role *role_of(const Node *person) {
  Text name = get(person, T("role"))->text;
  for (u32 i = 0; i < COUNT(ROLES); i++)
    if (same(ROLES[i].name, name)) return &ROLES[i];
  return 0;
}

static const Category *category_of(const Node *item) {
  Text name = get(item, T("category"))->text;
  for (u32 i = 0; i < COUNT(CATEGORIES); i++)
    if (same(CATEGORIES[i].name, name)) return &CATEGORIES[i];
  return 0;
}

// ---- policy: what one call finds out ------------------------------------------------------------

typedef struct {
  const Node *item;
  i64 total_cents;
  u32 outcome;
  Text reason;
} Line;

static Line lines[LINES_MAX];
static Text tags[TAGS_MAX], reasons[REASONS_MAX];
static u32 line_count, tag_count, reason_count, outcome;
static u32 redacted_count;
static struct { Text owner, key; } redacted[REDACTED_MAX];
static i64 gross, discount, tax, shipping, net, quantity;

static NOINLINE void add_tag(Text tag) {
  if (tag_count < TAGS_MAX && !among(tags, tag_count, tag)) tags[tag_count++] = tag;
}

static NOINLINE void decide(u32 verdict, Text reason) {
  if (verdict > outcome) outcome = verdict;
  if (reason_count < REASONS_MAX && !among(reasons, reason_count, reason))
    reasons[reason_count++] = reason;
}

// a * b / divisor, rounded half away from zero; |a * b| stays below 2^63 by the ranges above.
static i64 scale(i64 a, i64 b, i64 divisor) {
  i64 product = a * b;
  return (product + (product < 0 ? -divisor : divisor) / 2) / divisor;
}

static void line_verdict(Line *line, u32 verdict, Text reason) {
  if (verdict <= line->outcome) return;
  line->outcome = verdict;
  line->reason = reason;
}

static void judge_line(Line *line, const Role *role, i64 count) {
  const Category *category = category_of(line->item);
  u32 clearance = role ? role->clearance : 0;
  if (!category) {
    line_verdict(line, DENY, T("category-not-sold"));
  } else {
    if (clearance < category->clearance) line_verdict(line, DENY, T("clearance"));
    if (line->total_cents > category->line_review_cents)
      line_verdict(line, REVIEW, T("line-amount"));
  }
  if (count > 100) line_verdict(line, REVIEW, T("bulk"));
  if (line->outcome == DENY) return;
  gross += line->total_cents;
  quantity += count;
  tax += scale(line->total_cents, category->tax_basis_points, 10000);
  for (const Node *tag = get(line->item, T("tags"))->child; tag; tag = tag->next)
    if (tag->kind == STRING) add_tag(tag->text);
}

static void judge_item(const Node *item, const Role *role) {
  i64 count = need(item, T("quantity"), NUMBER)->amount;
  i64 price = need(item, T("unitPrice"), NUMBER)->amount;
  need(item, T("sku"), STRING);
  if (failed || line_count == LINES_MAX) { fail(); return; }
  // At most 64 lines of 10^4 pieces at 10^5 each: 6.4 * 10^12 cents, and a percentage of that in
  // ten-thousandths stays below 2^63.
  if (count <= 0 || count > 10000 * UNIT || count % UNIT || price < 0 || price > 100000 * UNIT) {
    fail();
    return;
  }
  Line *line = &lines[line_count++];
  line->item = item;
  line->total_cents = scale(count / UNIT, price, 100);
  line->outcome = ALLOW;
  line->reason = (Text){0, 0};
  judge_line(line, role, count / UNIT);
  if (line->outcome == REVIEW) decide(REVIEW, T("line-review"));
  if (line->outcome == DENY) decide(REVIEW, T("line-denied"));
}

// The highest limit among the approvals that count: not one's own, by a role that exists.
static i64 approved_limit(const Node *approvals, Text actor) {
  i64 best = 0;
  for (const Node *a = approvals->child; a; a = a->next) {
    const Role *role = role_of(a);
    Text by = get(a, T("by"))->text;
    if (!role || by.length == 0) continue;
    if (same(by, actor)) add_tag(T("self-approved"));
    else if (role->limit_cents > best) best = role->limit_cents;
  }
  return best;
}

static void judge_actor(const Node *actor, const Role *role) {
  if (!role) decide(DENY, T("unknown-role"));
  else if (role->limit_cents == 0) decide(DENY, T("role-may-not-order"));
  if (get(actor, T("suspended"))->kind == TRUE) decide(DENY, T("actor-suspended"));
  if (get(actor, T("mfa"))->kind != TRUE) decide(net > 50000 ? DENY : REVIEW, T("second-factor"));
}

static void judge_delivery(const Node *order) {
  Text country = need(get(order, T("shipTo")), T("country"), STRING)->text;
  int home = among(HOME, COUNT(HOME), country);
  if (among(EMBARGOED, COUNT(EMBARGOED), country)) decide(DENY, T("embargo"));
  shipping = gross >= 100000 && home ? 0 : home ? 4900 : 14900;
  if (get(order, T("express"))->kind == TRUE) {
    shipping += 2500;
    add_tag(T("express"));
  }
  if (!home) add_tag(T("abroad"));
}

static void judge_totals(const Node *order) {
  i64 percent = get(order, T("discountPercent"))->amount;
  if (percent < 0 || percent > 100 * UNIT) { fail(); return; }
  if (percent > 15 * UNIT) decide(REVIEW, T("discount"));
  discount = scale(gross, percent, 100 * UNIT);
  tax = scale(tax, 100 * UNIT - percent, 100 * UNIT);
  judge_delivery(order);
  net = gross - discount + tax + shipping;
}

static void judge_amount(const Node *root, const Node *actor, const Role *role) {
  i64 limit = approved_limit(get(root, T("approvals")), get(actor, T("id"))->text);
  if (role && net > role->limit_cents) {
    if (limit == 0) decide(DENY, T("needs-approval"));
    else if (net > limit) decide(DENY, T("approval-too-low"));
    else add_tag(T("approved"));
  }
  if (net > 1000000) add_tag(T("large"));
  if (line_count == 0) decide(DENY, T("no-lines"));
}

static void judge_payment(const Node *payment, const Node *order) {
  Text method = need(payment, T("method"), STRING)->text;
  if (!same(get(payment, T("currency"))->text, need(order, T("currency"), STRING)->text))
    decide(REVIEW, T("currency"));
  if (same(method, T("cash")) && net > 100000) decide(DENY, T("cash-limit"));
  if (same(method, T("card")) && net > 500000) decide(REVIEW, T("card-limit"));
}

// ---- redaction ---------------------------------------------------------------------------------

static int is_secret(Text key) {
  static const Text SECRET[] = {
      S("password"), S("secret"), S("apiToken"),
      S("cvv"),      S("pin"),    S("privateKey"),
  };
  return among(SECRET, COUNT(SECRET), key);
}

static int is_account(Text key) { return same(key, T("cardNumber")) || same(key, T("iban")); }

static void note_redacted(Text owner, Text key) {
  if (redacted_count == REDACTED_MAX) return;
  redacted[redacted_count].owner = owner;
  redacted[redacted_count++].key = key;
}

static void put_node(const Node *node, Text owner);

// Of an account only the last four characters, and those only if they are plain ASCII.
static void put_redacted(const Node *node, Text owner) {
  note_redacted(owner, node->key);
  if (!is_account(node->key) || node->kind != STRING || node->text.length <= 8) {
    put_raw(T("\"***\""));
    return;
  }
  put_raw(T("\"****"));
  for (u32 i = node->text.length - 4; i < node->text.length; i++) {
    u8 c = node->text.at[i];
    put(c < 0x20 || c >= 0x80 || c == '"' || c == '\\' ? '*' : c);
  }
  put('"');
}

static void put_children(const Node *node, Text owner) {
  for (const Node *n = node->child; n && !failed; n = n->next) {
    if (node->kind == OBJECT) put_key(n->key);
    else put_comma();
    if (node->kind == OBJECT && (is_secret(n->key) || is_account(n->key))) put_redacted(n, owner);
    else put_node(n, owner);
  }
}

static void put_node(const Node *node, Text owner) {
  switch (node->kind) {
    case OBJECT: put('{'); put_children(node, owner); put('}'); return;
    case ARRAY: put('['); put_children(node, owner); put(']'); return;
    case STRING: put_text(node->text); return;
    case NUMBER: put_raw(node->text); return;
    case TRUE: put_raw(T("true")); return;
    case FALSE: put_raw(T("false")); return;
    default: put_raw(T("null"));
  }
}

// ---- the answer --------------------------------------------------------------------------------

static void put_list(Text key, const Text *list, u32 count) {
  put_key(key);
  put('[');
  for (u32 i = 0; i < count; i++) {
    put_comma();
    put_text(list[i]);
  }
  put(']');
}

static void put_echo(Text key, const Node *node) {
  put_key(key);
  put_node(node, key);
}

static void put_totals(Text currency) {
  put_key(T("totals"));
  put('{');
  put_member(T("currency"), currency);
  put_key(T("quantity"));
  put_integer((u64)quantity);
  put_amount(T("gross"), gross);
  put_amount(T("discount"), discount);
  put_amount(T("tax"), tax);
  put_amount(T("shipping"), shipping);
  put_amount(T("net"), net);
  put('}');
}

static void put_line(const Line *line) {
  put_comma();
  put('{');
  put_member(T("sku"), get(line->item, T("sku"))->text);
  put_amount(T("total"), line->total_cents);
  put_member(T("decision"), OUTCOME[line->outcome]);
  if (line->reason.length) put_member(T("reason"), line->reason);
  put('}');
}

static void put_redactions(void) {
  put_key(T("redacted"));
  put('[');
  for (u32 i = 0; i < redacted_count; i++) {
    put_comma();
    put('"');
    put_raw(redacted[i].owner);
    put('.');
    put_raw(redacted[i].key);
    put('"');
  }
  put(']');
}

static void sort_tags(void) {
  for (u32 i = 1; i < tag_count; i++)
    for (u32 j = i; j > 0; j--) {
      Text a = tags[j - 1], b = tags[j];
      u32 k = 0;
      while (k < a.length && k < b.length && a.at[k] == b.at[k]) k++;
      if (k == a.length || (k < b.length && a.at[k] < b.at[k])) break;
      tags[j - 1] = b;
      tags[j] = a;
    }
}

static void put_answer(const Node *root, const Node *order) {
  put('{');
  put_member(T("id"), need(get(root, T("request")), T("id"), STRING)->text);
  put_member(T("decision"), OUTCOME[outcome]);
  put_list(T("reasons"), reasons, reason_count);
  put_echo(T("actor"), get(root, T("actor")));
  put_totals(get(order, T("currency"))->text);
  put_key(T("lines"));
  put('[');
  for (u32 i = 0; i < line_count; i++) put_line(&lines[i]);
  put(']');
  put_echo(T("payment"), get(root, T("payment")));
  put_redactions();
  put_list(T("tags"), tags, tag_count);
  put('}');
}

static void judge(const Node *root) {
  const Node *actor = need(root, T("actor"), OBJECT), *order = need(root, T("order"), OBJECT);
  const Node *items = need(order, T("items"), ARRAY), *payment = need(root, T("payment"), OBJECT);
  const Role *role = role_of(actor);
  for (const Node *item = items->child; item && !failed; item = item->next) judge_item(item, role);
  if (!failed) judge_totals(order);
  if (failed) return;
  judge_actor(actor, role);
  judge_amount(root, actor, role);
  judge_payment(payment, order);
  sort_tags();
  put_answer(root, order);
}

static void begin(const u8 *input, u32 length) {
  at = input;
  end = input + length;
  nodes = 0;
  failed = 0;
  outcome = ALLOW;
  line_count = tag_count = reason_count = redacted_count = 0;
  gross = discount = tax = shipping = net = quantity = 0;
}

EXPORT(transform) i64 transform(u32 ptr, u32 len) {
  // Only what `alloc` gave out may be read: the input lies between the heap's start and `bump`.
  if (len == 0 || len > INPUT_MAX || ptr < HEAP_BASE || ptr > bump || len > bump - ptr) return 0;
  begin(AT(ptr), len);
  Node *root = new_node();
  if (!root || !parse_value(root, 0)) return 0;
  skip_spaces();
  if (at != end) return 0;
  out = out_end = AT(bump);
  judge(root);
  if (failed) return 0;
  u32 address = bump, length = ADDRESS(out) - address;
  bump = (address + length + 7) & ~7u;
  return (i64)((u64)address << 32 | length);
}

#ifndef __wasm__
#include <stdio.h>

int main(int argc, char **argv) {
  static u8 input[INPUT_MAX + 1];
  FILE *file = argc > 1 ? fopen(argv[1], "rb") : stdin;
  if (!file) return perror(argv[1]), 1;
  u32 length = (u32)fread(input, 1, sizeof input, file);
  u32 address = alloc(length);
  for (u32 i = 0; i < length; i++) AT(address)[i] = input[i];
  u64 answer = (u64)transform(address, length);
  fwrite(AT((u32)(answer >> 32)), 1, (u32)answer, stdout);
  return answer == 0;
}
#endif
