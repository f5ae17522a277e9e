// The operators' console: asks the node once a second and draws what it says. No framework, nothing
// from elsewhere; what the server says reaches the page through textContent and pixels only.
//
// Layout of this file: numbers, words, slab, charts, tables, picture, polling, token.

const POLL_MILLIS = 1_000;
const HIDDEN_POLL_MILLIS = 10_000; // A tab nobody looks at need not cost the node much.
const ANSWER_MILLIS = 10_000;
const BACKOFF_MOST_MILLIS = 15_000;
const HISTORY_MILLIS = 5 * 60_000;
const RATE_MILLIS = 10_000; // Rates in tables are over so long: a second's would flicker.
const ROWS_AT_FIRST = 50;
const OWNERS_SHOWN = 8;
const TOKEN = "skep.operator-token";

const byId = (id) => document.getElementById(id);
const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
// Writing equal text would still move what a screen reader reads.
const say = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// ---- Numbers ------------------------------------------------------------------------------------

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const three = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

function scaled(value, step, units) {
  let unit = 0;
  while (value >= step * 0.9995 && unit < units.length - 1) {
    value /= step;
    unit++;
  }
  return (unit === 0 && Number.isInteger(value) ? String(value) : three(value)) + units[unit];
}

const count = (n) => (n < 100_000 ? grouped.format(n) : scaled(n, 1000, ["", " k", " M", " G", " T", " P", " E"]));
const bytes = (n) => scaled(n, 1024, [" B", " KiB", " MiB", " GiB", " TiB", " PiB"]);
const nanos = (n) => (n === 0 ? "0 s" : n < 60e9 ? scaled(n, 1000, [" ns", " µs", " ms", " s"]) : span(n / 1e6));
const rate = (n) => (n === 0 ? "0/s" : n < 0.005 ? "<0.01/s" : (n < 1000 ? three(n) : count(Math.round(n))) + "/s");
const share = (part, whole) => (whole > 0 ? ((100 * part) / whole).toFixed(1) + " %" : "–");

function money(nanoDollars) {
  const dollars = nanoDollars / 1e9;
  if (dollars === 0) return "$0";
  if (dollars < 0.000001) return "<$0.000001";
  return "$" + dollars.toLocaleString("en", {
    minimumFractionDigits: dollars >= 100 ? 2 : 6,
    maximumFractionDigits: dollars >= 100 ? 2 : 6,
  });
}

function span(millis) {
  const s = Math.max(0, Math.floor(millis / 1000));
  const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"],
    [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).map(([n, unit]) => n + " " + unit).join(" ");
}

const clock = (millis) => new Date(millis).toLocaleTimeString("en-GB");

// ---- Colours ------------------------------------------------------------------------------------

const dark = matchMedia("(prefers-color-scheme: dark)");
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** OKLCH to red, green and blue, 0 to 255: hues of one lightness look equally light. */
function oklch(lightness, chroma, degrees) {
  const a = chroma * Math.cos((degrees * Math.PI) / 180);
  const b = chroma * Math.sin((degrees * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((c) => {
    const v = Math.min(1, Math.max(0, c));
    return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
  });
}

function parsed(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** A tenant keeps its colour for as long as the page is open: by the order of its coming. */
const ordinals = new Map();
function ordinal(tenant) {
  let known = ordinals.get(tenant);
  if (known === undefined) {
    known = ordinals.size;
    ordinals.set(tenant, known);
  }
  return known;
}

function tenantColour(order, idle) {
  // The golden angle keeps any number of hues apart; every other turn is a little lighter.
  const hue = (70 + order * 137.508) % 360;
  const turn = order % 2 ? 0.05 : 0;
  return dark.matches
    ? oklch(idle ? 0.5 : 0.78 + turn, idle ? 0.09 : 0.15, hue)
    : oklch(idle ? 0.8 : 0.54 + turn, idle ? 0.1 : 0.17, hue);
}

const rgb = (c) => `rgb(${c[0]} ${c[1]} ${c[2]})`;

function swatch(tenant) {
  const made = element("span", "swatch");
  made.style.backgroundColor = rgb(tenantColour(ordinal(tenant), false));
  return made;
}

// ---- Slab ---------------------------------------------------------------------------------------

const STATES = {
  running: "a guest runs in it",
  idle: "an instance waits in it for its next run",
  warm: "free, and holds a module's images",
  pending: "free, and waits to be given back to the kernel",
  cold: "free and zero",
  retired: "never used again",
};
const LEASED = new Set(["running", "idle"]);

/** Of what a class of slots holds: "4 MiB" rather than "4.00 MiB". */
const sizeOf = (memoryBytes) => bytes(memoryBytes).replace(/\.0+ /, " ");

/**
 * Draws a slot as a cell, row by row, a block a class. Every cell of a block is one pixel of a small
 * picture that is enlarged at once, so 100,000 slots cost no more than a photograph.
 */
class SlabMap {
  constructor() {
    this.frame = byId("map");
    this.picture = document.createElement("canvas");
    this.blocks = [];
    this.shown = 0;
    this.cursor = -1;
    this.marked = null;
    this.byTenant = true;
    this.frame.addEventListener("pointermove", (e) => this.moveTo(this.at(e)));
    this.frame.addEventListener("pointerleave", () => {
      if (document.activeElement !== this.frame) this.moveTo(-1);
    });
    this.frame.addEventListener("click", (e) => {
      this.moveTo(this.at(e));
      this.markCursor();
    });
    this.frame.addEventListener("focus", () => {
      if (this.cursor < 0 && this.shown > 0 && this.frame.matches(":focus-visible")) this.moveTo(0);
    });
    this.frame.addEventListener("blur", () => this.moveTo(-1));
    this.frame.addEventListener("keydown", (e) => this.key(e));
    byId("by-state").addEventListener("click", () => this.colourBy(false));
    byId("by-tenant").addEventListener("click", () => this.colourBy(true));
    new ResizeObserver(() => this.draw()).observe(this.frame);
  }

  show(pool, slab) {
    if (slab.shown !== this.shown) {
      this.shown = slab.shown;
      this.state = new Uint8Array(slab.shown);
      this.tenant = new Int32Array(slab.shown);
      this.func = new Int32Array(slab.shown);
      this.cursor = Math.min(this.cursor, slab.shown - 1);
    }
    this.states = slab.states;
    this.tenants = slab.tenants;
    this.functions = slab.functions;
    this.owned = new Map();
    let slot = 0;
    for (const [length, state, tenant = -1, func = -1] of slab.stretches) {
      this.state.fill(state, slot, slot + length);
      this.tenant.fill(tenant, slot, slot + length);
      this.func.fill(func, slot, slot + length);
      slot += length;
      if (tenant >= 0) this.owned.set(tenant, (this.owned.get(tenant) ?? 0) + length);
    }
    this.showBlocks(pool);
    this.pool = pool;
    this.draw();
    this.describe();
    this.legend();
    this.summarise(slab);
  }

  showBlocks(pool) {
    if (this.blocks.length !== pool.classes.length) {
      this.blocks = pool.classes.map(() => {
        const root = element("div", "block");
        const head = element("p", "block-head");
        const block = { root, name: element("b"), counts: element("span"), canvas: element("canvas") };
        block.canvas.setAttribute("aria-hidden", "true");
        head.append(block.name, " ", block.counts);
        root.append(head, block.canvas);
        return block;
      });
      this.frame.replaceChildren(...this.blocks.map((block) => block.root));
    }
    let first = 0;
    pool.classes.forEach((each, i) => {
      const block = this.blocks[i];
      block.first = Math.min(first, this.shown);
      block.slots = Math.min(each.slots, this.shown - block.first);
      block.size = sizeOf(each.memoryBytes);
      first += each.slots;
      const used = Object.keys(STATES).filter((state) => each[state] > 0)
        .map((state) => grouped.format(each[state]) + " " + state);
      say(block.name, block.size);
      say(block.counts, `${grouped.format(each.slots)} slots: ${used.join(", ")}`);
      block.root.hidden = block.slots === 0;
    });
  }

  /** The largest cell, in device pixels, with which all blocks fit the width and a fair height. */
  layout() {
    const ratio = devicePixelRatio || 1;
    const width = Math.max(40, Math.floor(this.frame.clientWidth * ratio));
    const height = Math.floor(Math.min(460, Math.max(240, innerHeight * 0.45)) * ratio);
    const rowsOf = (cell) => this.blocks.reduce((sum, b) => sum + Math.ceil(b.slots / Math.floor(width / cell)), 0);
    let cell = Math.floor(22 * ratio);
    while (cell > 1 && rowsOf(cell) * cell > height) cell--;
    this.cell = cell;
    this.columns = Math.floor(width / cell);
    this.ratio = ratio;
  }

  draw() {
    if (this.shown === 0) return;
    this.layout();
    const colours = this.colours();
    for (const block of this.blocks) if (block.slots > 0) this.drawBlock(block, colours);
  }

  drawBlock(block, colours) {
    const { picture, cell } = this;
    const columns = Math.min(this.columns, block.slots);
    const rows = Math.ceil(block.slots / columns);
    const { canvas } = block;
    const width = columns * cell;
    const height = rows * cell;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = width / this.ratio + "px";
      canvas.style.height = height / this.ratio + "px";
    }
    picture.width = columns;
    picture.height = rows;
    const small = picture.getContext("2d");
    const image = small.createImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < block.slots; i++) pixels[i] = this.colourOf(block.first + i, colours);
    small.putImageData(image, 0, 0);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, width, height);
    context.drawImage(picture, 0, 0, width, height);
    // Smaller cells would be mostly gap, and their colours washed out.
    if (cell >= 6 * this.ratio) this.grid(context, columns, rows);
    const at = this.cursor - block.first;
    if (at >= 0 && at < block.slots) this.ring(context, at % columns, Math.floor(at / columns), width, height);
  }

  /** The colour of a state: by tenant, the free ones are grey, so that no tenant looks like them. */
  colourName(state) {
    return this.byTenant && (state === "warm" || state === "pending") ? "held" : state;
  }

  /** What the pixels of a slot can be, by state and by tenant. */
  colours() {
    const packed = (c) => (255 << 24) | (c[2] << 16) | (c[1] << 8) | c[0];
    const of = (name) => packed(parsed(style("--" + name)));
    return {
      state: this.states.map((state) => of(this.byTenant && LEASED.has(state) ? "dim" : this.colourName(state))),
      dim: of("dim"),
      running: this.tenants.map((t) => packed(tenantColour(ordinal(t), false))),
      idle: this.tenants.map((t) => packed(tenantColour(ordinal(t), true))),
      marked: this.marked === null ? -1 : this.tenants.indexOf(this.marked),
    };
  }

  colourOf(slot, colours) {
    const state = this.states[this.state[slot]];
    const tenant = this.tenant[slot];
    if (LEASED.has(state)) {
      if (this.marked !== null && tenant !== colours.marked) return colours.dim;
      if (this.byTenant && tenant >= 0) return colours[state][tenant];
    }
    return colours.state[this.state[slot]];
  }

  grid(context, columns, rows) {
    const gap = this.cell >= 10 ? Math.round(this.ratio) + 1 : 1;
    for (let column = 1; column <= columns; column++) {
      context.clearRect(column * this.cell - gap, 0, gap, rows * this.cell);
    }
    for (let row = 1; row <= rows; row++) {
      context.clearRect(0, row * this.cell - gap, columns * this.cell, gap);
    }
  }

  /** Around the slot; where cells are tiny, wide enough to be seen. */
  ring(context, column, row, width, height) {
    const pen = Math.max(2, Math.round(this.ratio * 1.5));
    const side = Math.max(this.cell + pen - 1, 9 * this.ratio);
    const place = (at, most) => Math.min(Math.max(pen / 2, (at + 0.5) * this.cell - side / 2), Math.max(pen / 2, most - side - pen / 2));
    context.lineWidth = pen;
    context.strokeStyle = style("--text");
    context.strokeRect(place(column, width), place(row, height), side, side);
  }

  at(event) {
    const block = this.blocks.find((each) => each.canvas === event.target);
    if (!block) return -1;
    const box = block.canvas.getBoundingClientRect();
    const columns = Math.min(this.columns, block.slots);
    const column = Math.floor(((event.clientX - box.left) * this.ratio) / this.cell);
    const row = Math.floor(((event.clientY - box.top) * this.ratio) / this.cell);
    const slot = row * columns + column;
    return column >= 0 && column < columns && slot >= 0 && slot < block.slots ? block.first + slot : -1;
  }

  blockOf(slot) {
    return this.blocks.findIndex((block) => slot >= block.first && slot < block.first + block.slots);
  }

  key(event) {
    if (this.shown === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const from = Math.max(0, this.cursor);
    const turn = (by) => this.blocks[Math.min(this.blocks.length - 1, Math.max(0, this.blockOf(from) + by))].first;
    const steps = {
      ArrowLeft: () => from - 1,
      ArrowRight: () => from + 1,
      ArrowUp: () => this.above(from),
      ArrowDown: () => this.below(from),
      PageUp: () => turn(-1),
      PageDown: () => turn(1),
      Home: () => 0,
      End: () => this.shown - 1,
      n: () => this.nextLeased(from),
      t: () => from,
      Enter: () => from,
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!steps[key]) return;
    event.preventDefault();
    this.moveTo(Math.min(this.shown - 1, Math.max(0, steps[key]())));
    if (key === "Enter") this.markCursor();
    if (key === "t") this.colourBy(!this.byTenant);
  }

  above(slot) {
    const b = this.blockOf(slot);
    const at = slot - this.blocks[b].first;
    if (at >= this.columns) return slot - this.columns;
    if (b === 0) return slot;
    const { first, slots } = this.blocks[b - 1];
    const lastRow = Math.floor((slots - 1) / this.columns) * this.columns;
    return first + Math.min(lastRow + at, slots - 1);
  }

  below(slot) {
    const b = this.blockOf(slot);
    const { first, slots } = this.blocks[b];
    const at = slot - first;
    if (at + this.columns < slots) return slot + this.columns;
    const next = this.blocks[b + 1];
    return next && next.slots > 0 ? next.first + Math.min(at % this.columns, next.slots - 1) : slot;
  }

  nextLeased(from) {
    for (let i = 1; i <= this.shown; i++) {
      const slot = (from + i) % this.shown;
      if (LEASED.has(this.states[this.state[slot]])) return slot;
    }
    return from;
  }

  moveTo(slot) {
    if (slot === this.cursor) return;
    const before = this.blocks[this.blockOf(this.cursor)];
    this.cursor = slot;
    const now = this.blocks[this.blockOf(slot)];
    const colours = this.colours();
    for (const block of new Set([before, now])) if (block) this.drawBlock(block, colours);
    this.describe();
  }

  describe() {
    if (this.cursor < 0) {
      say(byId("slot"), "Point at a slot, or move with the arrow keys.");
      return;
    }
    const state = this.states[this.state[this.cursor]];
    const words = [
      "slot " + grouped.format(this.cursor),
      this.blocks[this.blockOf(this.cursor)].size,
      this.tenants[this.tenant[this.cursor]],
      this.functions[this.func[this.cursor]],
      `${state}: ${STATES[state] ?? ""}`,
    ];
    say(byId("slot"), words.filter(Boolean).join(" · "));
  }

  markCursor() {
    mark(this.cursor < 0 ? null : (this.tenants[this.tenant[this.cursor]] ?? null));
  }

  colourBy(tenant) {
    this.byTenant = tenant;
    byId("by-tenant").setAttribute("aria-pressed", String(tenant));
    byId("by-state").setAttribute("aria-pressed", String(!tenant));
    this.draw();
    this.legend();
  }

  legend() {
    if (!this.pool) return;
    const states = byId("states");
    const names = Object.keys(STATES);
    keyed(states, [...names, ""], (state) => {
      const item = element("li");
      if (state === "") return item;
      item.title = STATES[state];
      item.append(element("span", "swatch"), state + " ", element("b"));
      return item;
    });
    // By tenant, strong is running and pale is idle, whichever the hue.
    const hues = (idle) => [0, 1, 2].map((order) => rgb(tenantColour(order, idle)));
    const stripes = ([a, b, c]) => `linear-gradient(90deg, ${a} 34%, ${b} 34% 67%, ${c} 67%)`;
    names.forEach((state, i) => {
      const item = states.children[i];
      item.firstChild.style.background =
        this.byTenant && LEASED.has(state) ? stripes(hues(state === "idle")) : style("--" + this.colourName(state));
      say(item.lastChild, count(this.pool.classes.reduce((sum, each) => sum + each[state], 0)));
    });
    say(states.lastChild, "of " + grouped.format(this.pool.slots));

    const top = [...this.owned].sort((a, b) => b[1] - a[1]).slice(0, OWNERS_SHOWN);
    const owners = byId("owners");
    keyed(owners, top.map(([tenant]) => this.tenants[tenant]), (tenant) => {
      const item = element("li");
      item.append(ownerButton(tenant), element("b"));
      return item;
    });
    top.forEach(([, slots], i) => say(owners.children[i].lastChild, count(slots)));
  }

  /** For those who cannot see the map: the same in a few words. */
  summarise(slab) {
    const classes = this.blocks.map((block) => `${block.size}: ${block.counts.textContent}`);
    const rest = slab.shown < slab.slots ? ` Only the first ${grouped.format(slab.shown)} are shown.` : "";
    say(byId("slab-summary"), `${grouped.format(slab.slots)} slots. ${classes.join(". ")}.${rest}`);
    byId("slab-rest").hidden = rest === "";
    say(byId("slab-rest"), rest.trim());
  }
}

/** Marks a tenant on the map and wherever it is named, or none. */
function mark(tenant) {
  slab.marked = slab.marked === tenant ? null : tenant;
  slab.draw();
  showMarks();
}

function showMarks() {
  for (const button of document.querySelectorAll(".owner")) {
    button.setAttribute("aria-pressed", String(button.dataset.tenant === slab.marked));
  }
}

function ownerButton(tenant) {
  const button = element("button", "owner");
  button.type = "button";
  button.dataset.tenant = tenant;
  button.title = "Mark on the slab";
  button.setAttribute("aria-pressed", String(tenant === slab.marked));
  button.append(swatch(tenant), element("span", "", tenant));
  button.addEventListener("click", () => mark(tenant));
  return button;
}

/** Gives a parent one child for each key, in that order, keeping those it has, focus included. */
function keyed(parent, keys, make) {
  const have = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = document.activeElement;
  let place = parent.firstElementChild;
  for (const key of keys) {
    let child = have.get(key);
    if (child) {
      have.delete(key);
    } else {
      child = make(key);
      child.dataset.key = key;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  have.forEach((child) => child.remove());
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

// ---- Charts -------------------------------------------------------------------------------------

const CHARTS = [
  { name: "queued", series: [["queued", ""]], format: count },
  { name: "running", series: [["running", ""]], format: count },
  { name: "runs a second", series: [["rate", ""]], format: (n) => rate(n) },
  { name: "wait p99", series: [["wait", ""]], format: nanos },
  { name: "run", series: [["p50", "p50 "], ["p99", "p99 "]], format: nanos },
];
const KEYS = ["one", "two"];
const history = [];
const NOTHING = { queued: null, running: null, rate: null, wait: null, p50: null, p99: null };

function buildCharts() {
  for (const chart of CHARTS) {
    const figure = element("figure", chart.series.length > 1 ? "wide" : "");
    const caption = element("figcaption");
    const values = element("span", "values");
    chart.values = chart.series.map(([, label], i) => {
      const now = element("span", "now");
      const value = element("span", "", "–");
      if (chart.series.length > 1) now.append(element("span", "key " + KEYS[i]));
      now.append(label, value);
      values.append(now);
      return value;
    });
    caption.append(element("span", "name", chart.name), values);
    chart.canvas = element("canvas");
    chart.canvas.setAttribute("aria-hidden", "true");
    figure.append(caption, chart.canvas);
    byId("charts").append(figure);
    new ResizeObserver(() => drawChart(chart)).observe(chart.canvas);
  }
}

/** The next of 1, 2, 5, 10, … that is not below. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.9999);
}

function drawChart(chart) {
  const { canvas } = chart;
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (width === 0) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const bottom = height - 16;
  const top = 14;
  const now = history.length > 0 ? history[history.length - 1].at : 0;
  const x = (at) => width - ((now - at) / HISTORY_MILLIS) * width;
  let most = 0;
  for (const sample of history) for (const [key] of chart.series) most = Math.max(most, sample[key] ?? 0);
  const scale = roundUp(most || 1);
  const y = (value) => bottom - (value / scale) * (bottom - top);

  context.font = "11px system-ui, sans-serif";
  context.fillStyle = style("--soft");
  context.strokeStyle = style("--line");
  context.lineWidth = 1;
  context.beginPath();
  for (const level of [0, 0.5, 1]) {
    const line = Math.round(y(scale * level)) + 0.5;
    context.moveTo(0, line);
    context.lineTo(width, line);
  }
  context.stroke();
  context.fillText(chart.format(scale), 0, top - 3);
  context.fillText("−5 min", 0, height - 3);
  context.textAlign = "right";
  context.fillText("now", width, height - 3);

  chart.series.forEach(([key], i) => {
    const colour = style(`--${KEYS[i]}`);
    const stretches = stretchesOf(key);
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    for (const stretch of stretches) {
      context.beginPath();
      stretch.forEach((s, n) => (n ? context.lineTo(x(s.at), y(s[key])) : context.moveTo(x(s.at), y(s[key]))));
      context.stroke();
      if (chart.series.length === 1) {
        context.lineTo(x(stretch[stretch.length - 1].at), bottom);
        context.lineTo(x(stretch[0].at), bottom);
        context.globalAlpha = 0.13;
        context.fillStyle = colour;
        context.fill();
        context.globalAlpha = 1;
      }
    }
  });
}

/** Samples in a row; a line is not drawn over a time in which the node did not answer. */
function stretchesOf(key) {
  const stretches = [];
  let last = null;
  for (const sample of history) {
    if (sample[key] === null) {
      last = null;
      continue;
    }
    if (last === null) stretches.push([]);
    stretches[stretches.length - 1].push(sample);
    last = sample;
  }
  return stretches;
}

function showCharts() {
  const last = history[history.length - 1];
  for (const chart of CHARTS) {
    drawChart(chart);
    chart.series.forEach(([key], i) => say(chart.values[i], last[key] === null ? "–" : chart.format(last[key])));
  }
}

// ---- Tables -------------------------------------------------------------------------------------

const COLUMNS = [
  ["tenant", "tenant", null],
  ["nanoDollars", "cost", money],
  ["fuel", "fuel", count],
  ["runs", "runs", count],
  ["failed", "failed", count],
  ["refused", "refused", count],
  ["memoryBytes", "memory", bytes],
  ["slots", "slots", count],
  ["evictionsCaused", "evicts", count],
  ["evictionsSuffered", "evicted", count],
  ["running", "running", count],
  ["queued", "queued", count],
];
const BAD_WHEN_ANY = new Set(["refused"]);
let sortKey = "nanoDollars";
let sortDown = true;
let showAll = false;

function buildTenants() {
  const row = document.querySelector("#tenants thead tr");
  for (const [key, label] of COLUMNS) {
    const head = element("th");
    head.scope = "col";
    const button = element("button", "", label);
    button.type = "button";
    button.addEventListener("click", () => {
      sortDown = sortKey === key ? !sortDown : key !== "tenant";
      sortKey = key;
      showTenants();
    });
    head.append(button);
    row.append(head);
  }
  byId("find").addEventListener("input", showTenants);
  byId("tenants-all").addEventListener("click", () => {
    showAll = !showAll;
    showTenants();
  });
}

function showTenants() {
  if (!picture) return;
  document.querySelectorAll("#tenants thead th").forEach((head, i) => {
    if (COLUMNS[i][0] === sortKey) head.setAttribute("aria-sort", sortDown ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  const wanted = byId("find").value.trim().toLowerCase();
  const found = picture.tenants.filter((t) => t.tenant.toLowerCase().includes(wanted));
  const byName = (a, b) => (a.tenant < b.tenant ? -1 : a.tenant > b.tenant ? 1 : 0);
  found.sort((a, b) => (sortKey === "tenant" ? byName(a, b) : a[sortKey] - b[sortKey]) * (sortDown ? -1 : 1) || byName(a, b));
  const shown = showAll ? found : found.slice(0, ROWS_AT_FIRST);
  const body = document.querySelector("#tenants tbody");
  keyed(body, shown.map((t) => t.tenant), (tenant) => {
    const row = element("tr");
    const head = element("th");
    head.scope = "row";
    head.append(ownerButton(tenant));
    row.append(head, ...COLUMNS.slice(1).map(() => element("td")));
    return row;
  });
  shown.forEach((tenant, i) => {
    const cells = body.children[i].children;
    for (let c = 1; c < COLUMNS.length; c++) {
      const [key, , format] = COLUMNS[c];
      say(cells[c], format(tenant[key]));
      cells[c].className = tenant[key] === 0 ? "zero" : BAD_WHEN_ANY.has(key) ? "bad" : "";
    }
  });
  say(byId("tenants-shown"), picture.tenants.length === 0 ? "No tenant has run anything yet."
    : `${grouped.format(shown.length)} of ${grouped.format(picture.tenants.length)}`);
  const all = byId("tenants-all");
  all.hidden = found.length <= ROWS_AT_FIRST;
  say(all, showAll ? "Show fewer" : "Show all");
}

/** Rows of a name, a figure and a remark; a row marked bad stands out unless its figure is 0. */
function showCounts(id, rows) {
  const table = byId(id);
  if (!table.tBodies[0]) table.append(element("tbody"));
  const body = table.tBodies[0];
  keyed(body, rows.map(([name]) => name), (name) => {
    const row = element("tr");
    const head = element("th", "", name);
    head.scope = "row";
    row.append(head, element("td"), element("td"));
    return row;
  });
  rows.forEach(([, figure, remark, bad], i) => {
    const row = body.children[i];
    row.className = bad ? "bad" : "";
    say(row.children[1], figure);
    row.children[1].className = figure === "0" ? "zero" : "";
    say(row.children[2], remark ?? "");
    row.children[2].className = remark === "0/s" ? "zero" : "";
  });
}

// ---- The picture --------------------------------------------------------------------------------

const FEATURES = { pageScan: "page scan", guards: "guards", batchedDecommit: "batched decommit" };
let picture = null;
const recent = [];

/** How fast a figure rises, a second, over the last seconds; null when that is not known yet. */
function rises(read) {
  const first = recent[0];
  const last = recent[recent.length - 1];
  const millis = last.node.nowEpochMillis - first.node.nowEpochMillis;
  return millis > 0 ? (1000 * Math.max(0, read(last) - read(first))) / millis : null;
}

function rising(read) {
  const perSecond = rises(read);
  return perSecond === null ? "" : rate(perSecond);
}

function remember(next) {
  const before = recent[recent.length - 1];
  if (before && before.node.startedEpochMillis !== next.node.startedEpochMillis) recent.length = 0;
  const previous = recent[recent.length - 1];
  const millis = previous ? next.node.nowEpochMillis - previous.node.nowEpochMillis : 0;
  const at = performance.now();
  history.push({
    at,
    queued: next.scheduler.queued,
    running: next.scheduler.running,
    rate: millis > 0 ? (1000 * Math.max(0, next.runs.total - previous.runs.total)) / millis : null,
    wait: next.scheduler.waitP99Nanos,
    p50: next.runs.p50Nanos,
    p99: next.runs.p99Nanos,
  });
  while (history[0].at < at - HISTORY_MILLIS) history.shift();
  // The slab is left out: it is large, and no rate is taken of it.
  recent.push({ ...next, slab: null, tenants: null });
  while (recent.length > 2 && recent[0].node.nowEpochMillis < next.node.nowEpochMillis - RATE_MILLIS) recent.shift();
}

function show(next) {
  remember(next);
  picture = next;
  const { node, pool, scheduler, runs, receipts, engine, machineCode } = next;
  say(byId("ready"), node.ready ? "ready" : "not ready");
  byId("ready").className = "pill " + (node.ready ? "good" : "bad");
  say(byId("reasons"), node.ready ? "" : node.notReadyBecause.join(", "));
  say(byId("version"), node.version);
  say(byId("jdk"), node.jdk);
  say(byId("uptime"), span(node.nowEpochMillis - node.startedEpochMillis));
  say(byId("updated"), clock(Date.now()));
  document.title = (node.ready ? "" : "NOT READY · ") + "Skep console";

  slab.show(pool, next.slab);
  showCharts();
  showTenants();

  showCounts("refused", Object.keys(scheduler.refused).map((reason) =>
    [reason, count(scheduler.refused[reason]), rising((p) => p.scheduler.refused[reason] ?? 0),
      rises((p) => p.scheduler.refused[reason] ?? 0) > 0]));
  showCounts("outcomes", [
    ["all", count(runs.total), rising((p) => p.runs.total)],
    ...Object.keys(runs.byOutcome).map((outcome) =>
      [outcome, count(runs.byOutcome[outcome]), rising((p) => p.runs.byOutcome[outcome] ?? 0),
        outcome === "host-failure" && runs.byOutcome[outcome] > 0]),
  ]);
  const { resets, instancesReused: reused, images, mappings } = pool;
  const done = resets.unchanged + resets.scanned;
  const budget = ({ held, most }) => [held === null ? "–" : count(held), most === null ? "" : "of " + count(most)];
  const nearlyFull = ({ held, most }) => held !== null && most !== null && held > 0.9 * most;
  showCounts("pool", [
    ...pool.classes.map((each) =>
      [sizeOf(each.memoryBytes), count(each.running + each.idle), "of " + count(each.slots)]),
    ["instances", ...budget(pool.instances), nearlyFull(pool.instances)],
    ["idle hits", count(reused.hits), share(reused.hits, reused.hits + reused.misses)],
    ["idle misses", count(reused.misses), rising((p) => p.pool.instancesReused.misses)],
    ["evictions", count(reused.evictions), rising((p) => p.pool.instancesReused.evictions)],
    ["affinity hits", count(pool.affinityHits), share(pool.affinityHits, pool.affinityHits + pool.affinityMisses)],
    ["affinity misses", count(pool.affinityMisses), rising((p) => p.pool.affinityMisses)],
    ["affinity evictions", count(pool.affinityEvictions), rising((p) => p.pool.affinityEvictions)],
    ["takes", count(pool.takes), rising((p) => p.pool.takes)],
    ["moves", count(pool.moves), rising((p) => p.pool.moves)],
    ...Object.keys(pool.refusedBy).filter((reason) => pool.refusedBy[reason] > 0).map((reason) =>
      ["refused: " + reason.replaceAll("_", " "), count(pool.refusedBy[reason]),
        rising((p) => p.pool.refusedBy[reason] ?? 0), rises((p) => p.pool.refusedBy[reason] ?? 0) > 0]),
    ["floors missing", count(pool.floors.missingSlots), "slots", pool.floors.missingSlots > 0],
  ]);
  showCounts("memory", [
    ["resets", count(done), rising((p) => p.pool.resets.unchanged + p.pool.resets.scanned)],
    ["unchanged", count(resets.unchanged), share(resets.unchanged, done)],
    ["scanned", count(resets.scanned), share(resets.scanned, done)],
    ["failed", count(resets.failed), "", resets.failed > 0],
    ["time of a reset", nanos(resets.meanNanos), "mean"],
    ["discarded", bytes(resets.discardedBytes), ""],
    ["audits", count(resets.audits), rising((p) => p.pool.resets.audits)],
    ["audit failures", count(resets.auditFailures), "", resets.auditFailures > 0],
    ["decommits", count(pool.decommits.slots), "in " + count(pool.decommits.calls)],
    ["retired", count(pool.retired), "slots", pool.retired > 0],
    ["mapped images", ...budget(images), nearlyFull(images)],
    ["mappings", ...budget(mappings), nearlyFull(mappings)],
    ["resident", pool.residentBytes === null ? "–" : bytes(pool.residentBytes), ""],
    ["of images", pool.residentImageBytes === null ? "–" : bytes(pool.residentImageBytes), ""],
    ["reserved", bytes(pool.reservedBytes), ""],
    ...Object.keys(FEATURES).map((feature) => [FEATURES[feature], pool.features[feature] ? "yes" : "no", ""]),
  ]);
  showCounts("receipts", [
    ["pending", count(receipts.pending), ""],
    ["lag", nanos(receipts.lagMillis * 1e6), "", receipts.lagMillis > 120_000],
    ["spool", bytes(receipts.spoolBytes), ""],
    ["appended", count(receipts.appended), rising((p) => p.receipts.appended)],
    ["shipped", count(receipts.shipped), rising((p) => p.receipts.shipped)],
    ["failed", count(receipts.failed), rising((p) => p.receipts.failed), receipts.failed > 0],
  ]);
  showCounts("engine", [
    ["workers", count(scheduler.workers), count(scheduler.running - scheduler.aside) + " running, " + count(scheduler.aside) + " aside"],
    ["queue", count(scheduler.queued), "of " + count(scheduler.queueCapacity), scheduler.queued > scheduler.queueCapacity / 2],
    ["wait p50", nanos(scheduler.waitP50Nanos), ""],
    ["modules held", count(engine.modulesCached), ""],
    ["compiles", count(engine.compiles), rising((p) => p.engine.compiles)],
    ["compiles waiting", count(engine.compileQueued), ""],
    ["time of a compile", engine.compiles > 0 ? nanos((engine.compileMillis * 1e6) / engine.compiles) : "–", "mean"],
  ]);
  showCounts("machine", [
    ["compiler", machineCode.compiler, machineCode.compiler === "making"
      ? count(machineCode.compilerFunctionsDone) + " of " + count(machineCode.compilerFunctions) : machineCode.because,
      machineCode.compiler === "failed"],
    ["runs on tier 1", count(runs.byTier["1"]), share(runs.byTier["1"], runs.total)],
    ["runs on tier 2", count(runs.byTier["2"]), share(runs.byTier["2"], runs.total)],
    ["mapped", bytes(machineCode.codeBytes), "of " + bytes(machineCode.codeBytesLimit),
      machineCode.codeBytes > 0.9 * machineCode.codeBytesLimit],
    ["modules mapped", count(machineCode.codeMappings), ""],
    ...(machineCode.on ? [
      ["waiting", count(machineCode.queued), count(machineCode.compiling) + " being compiled"],
      ["compiled", count(machineCode.compiled), rising((p) => p.machineCode.compiled ?? 0)],
      ["time of a compile", machineCode.compiled > 0 ? nanos((machineCode.compileMillis * 1e6) / machineCode.compiled) : "–", "mean"],
      ["not translated", count(machineCode.unsupported), "modules"],
      ["failed", count(machineCode.failed), rising((p) => p.machineCode.failed ?? 0)],
      ["thrown away", count(machineCode.artifactsRefused), "artifacts", machineCode.artifactsRefused > 0],
      ["on disk", bytes(machineCode.cacheBytes), ""],
    ] : []),
  ]);
}

// ---- Polling ------------------------------------------------------------------------------------

let timer = 0;
let asking = null;
let failures = 0;
let lastAnswerMillis = Date.now();
let nextTryMillis = 0;
let failure = "";

async function poll() {
  clearTimeout(timer);
  const token = sessionStorage.getItem(TOKEN);
  if (token === null) {
    ask("");
    return;
  }
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  const late = setTimeout(() => mine.abort("late"), ANSWER_MILLIS);
  const began = performance.now();
  let answered = 0;
  try {
    const response = await fetch("/v1/console", {
      headers: { Authorization: "Bearer " + token, Accept: "application/json" },
      cache: "no-store",
      credentials: "omit",
      signal: mine.signal,
    });
    answered = response.status;
    if (response.status === 401 || response.status === 403) {
      sessionStorage.removeItem(TOKEN);
      ask(response.status === 401 ? "The node does not know this token." : "This token is not an operator's.");
      return;
    }
    if (!response.ok) throw new Error("it answers " + response.status);
    const answer = await response.json();
    if (mine !== asking) return; // Another poll took over.
    show(answer);
    failures = 0;
    lastAnswerMillis = Date.now();
  } catch (e) {
    if (mine !== asking) return;
    failures++;
    failure = mine.signal.aborted ? `longer than ${ANSWER_MILLIS / 1000} s`
      : e instanceof TypeError && answered === 0 ? "no connection" : e.message;
    history.push({ ...NOTHING, at: performance.now() });
  } finally {
    clearTimeout(late);
  }
  // A large slab on a slow line must not take more than half of the time.
  const millis = failures > 0 ? Math.min(BACKOFF_MOST_MILLIS, POLL_MILLIS * 2 ** (failures - 1))
    : Math.max(document.hidden ? HIDDEN_POLL_MILLIS : POLL_MILLIS - (performance.now() - began), performance.now() - began);
  nextTryMillis = Date.now() + millis;
  timer = setTimeout(poll, millis);
  showDown();
}

function showDown() {
  const down = failures > 0;
  document.body.classList.toggle("stale", down);
  byId("down").hidden = !down;
  if (!down) return;
  document.title = "NO ANSWER · Skep console";
  byId("ready").className = "pill";
  say(byId("ready"), "no answer");
  say(byId("down-what"), `No answer since ${clock(lastAnswerMillis)}`);
  say(byId("down-why"), `for ${span(Date.now() - lastAnswerMillis)}; the last try: ${failure}.`);
  say(byId("down-next"), `Next try in ${span(Math.max(0, nextTryMillis - Date.now()) + 999)}.`);
}

// ---- The token ----------------------------------------------------------------------------------

function ask(why) {
  clearTimeout(timer);
  failures = 0;
  showDown();
  say(byId("ask-why"), why);
  byId("token").value = "";
  if (!byId("ask").open) byId("ask").showModal();
  byId("token").focus();
}

byId("ask").addEventListener("cancel", (e) => e.preventDefault());
byId("ask-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const token = byId("token").value.trim();
  if (token === "") return;
  sessionStorage.setItem(TOKEN, token);
  byId("token").value = "";
  byId("ask").close();
  lastAnswerMillis = Date.now();
  poll();
});
byId("forget").addEventListener("click", () => {
  sessionStorage.removeItem(TOKEN);
  location.reload();
});
byId("retry").addEventListener("click", poll);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !byId("ask").open) poll();
});
dark.addEventListener("change", () => {
  for (const button of document.querySelectorAll(".owner")) {
    button.firstChild.replaceWith(swatch(button.dataset.tenant));
  }
  slab.draw();
  slab.legend();
  CHARTS.forEach(drawChart);
});

const slab = new SlabMap();
buildCharts();
buildTenants();
setInterval(showDown, 1_000);
poll();
