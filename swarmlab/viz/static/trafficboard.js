// Traffic with knobs: panels in (`trafficfold.py`), drawn as a row of small pictures per run. `kit.js` comes before it.
//
// Sections: words · scales · rows · knobs · board. Everything drawn is a pure function of the panels. A position that was
// asked for before is drawn at once; otherwise the kernel is asked, one position at a time, the newest next.

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────

const MARKED = [["p50", 0.5], ["p95", 0.05], ["p99", 0.01]];

/** A length of time as people say it; the same as `ink.span` in Python. */
export function span(s) {
  if (s < 1) return s >= 0.01 || s === 0 ? `${(s * 1000).toFixed(0)} ms` : `${(s * 1000).toFixed(1)} ms`;
  if (s < 120) return s < 10 ? `${s.toFixed(2)} s` : `${s.toFixed(1)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** A latency, or that it never ended. */
export const latency = (value, unit) => (value === null ? "never" : unit === "s" ? span(value) : `${+value.toPrecision(3)}×`);
const tickText = (value, unit) => (unit !== "s" ? `${+value.toPrecision(3)}×` : value < 1 ? `${+(value * 1000).toPrecision(3)} ms` : `${+value.toPrecision(4)} s`);
const percent = (share) => `${(100 * share).toFixed(share < 0.1 && share > 0 ? 1 : 0)} %`;
const lastPart = (name) => name.split(/[. ]/).pop().slice(-3);
const sum = (list) => list.reduce((all, one) => all + one, 0);

/** One run in a sentence, for those who listen. */
function panelText(title, { marks, counts, queues, requests, failed, unit }) {
  const whole = Math.max(1, sum(counts)), longest = Math.max(0, ...queues.map((queue) => Math.max(0, ...queue)));
  const tail = MARKED.map(([name]) => `${name} ${latency(marks[name], unit)}`).join(", ");
  const shares = `tasks got ${percent(Math.min(...counts) / whole)} to ${percent(Math.max(...counts) / whole)} of ${requests} requests`;
  return `${title ? `${title}: ` : ""}${tail}; ${shares}${failed ? `, ${failed} failed` : ""}, longest queue ${longest}`;
}

// ── scales: the same for all panels, and in steps, so that they stay while a knob is turned ─────────────────────

const STOPS = [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000];
const down13 = (value) => { const e = 10 ** Math.floor(Math.log10(value)); return value >= 3 * e ? 3 * e : e; };
const up13 = (value) => { const e = 10 ** Math.floor(Math.log10(value)); return value <= e ? e : value <= 3 * e ? 3 * e : 10 * e; };

/** Axes that hold for all of these panels. */
export function scales(panels) {
  const halves = panels.map(({ marks }) => marks.p50 ?? 0.01), lasts = panels.map(({ tail }) => (tail.length ? tail[tail.length - 1][0] : 1));
  const most = up13(Math.max(...lasts)), least = Math.max(down13(Math.min(...halves) / 2), most / 1e5);
  const share = Math.max(...panels.map(({ counts }) => (Math.max(0, ...counts) / Math.max(1, sum(counts))) * counts.length));
  const queue = Math.max(3, ...panels.flatMap(({ queues }) => queues.map((list) => Math.max(0, ...list))));
  const lowest = Math.min(...panels.map(({ requests }) => Math.max(0.0005, 1 / requests)), 0.005);
  return { least, most: Math.max(most, least * 10), times: Math.max(1.5, Math.ceil(share * 2) / 2), queue: STOPS.find((stop) => stop >= queue) ?? queue, lowest };
}

// ── rows: a small picture is a few paths ────────────────────────────────────────────────────────────────────────

const ROW = 104, BETWEEN = 30, HEAD = 24, LINE = 18;
const TAIL = "latency  ○ p50 p95 p99  ▲ mean";

class Rows {
  constructor(parent, width, count) {
    Object.assign(this, { width, count });
    const rest = width - 190 - 3 * 52;
    this.counts = [236, rest * 0.27], this.queues = [236 + rest * 0.27 + 50, rest * 0.4];
    this.tails = [this.queues[0] + rest * 0.4 + 50, rest * 0.33 - 16];
    this.stagger = this.tails[1] < 190; // no room for the words of two axes side by side
    const height = HEAD + count * ROW + (count - 1) * BETWEEN + (this.stagger ? 4 : 3) * LINE + 4;
    this.svg = make(parent, "svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
    this.heads = [this.counts, this.queues, this.tails].map(([x], n) => {
      const head = make(this.svg, "text", { class: "sl-head", x, y: 13 });
      head.textContent = (width < 760 ? ["share", "queues", "tail"] : ["share, dashed: fair", "queues, logarithmic", "tail: so many slower"])[n];
      return head;
    });
    this.rows = Array.from({ length: count }, (_, n) => this.makeRow(HEAD + n * (ROW + BETWEEN)));
    this.ticks = [];
    this.note = make(this.svg, "text", { class: "sl-tick", x: this.counts[0], y: height - 4 });
    this.foot = HEAD + count * ROW + (count - 1) * BETWEEN;
  }

  makeRow(top) {
    const g = make(this.svg, "g", { class: "sl-run", transform: `translate(0 ${top})` }), path = (kind) => make(g, "path", { class: kind });
    const row = { g, top };
    row.title = make(g, "text", { class: "sl-title", x: 2, y: 12 });
    row.numbers = [0, 1, 2, 3, 4].map((n) => make(g, "text", { class: n === 3 ? "sl-mean" : n === 4 ? "sl-failed" : "", x: 2, y: 31 + 17 * n }));
    row.ghosts = [0, 1, 2].map((n) => make(g, "text", { class: "sl-ghosttext", x: 106, y: 31 + 17 * n }));
    for (const kind of ["axis", "gridline", "bars2", "slowbars", "slowhatch", "fair"]) row[kind] = path(`sl-${kind}`);
    row.ghostbars = path("sl-ghost");
    row.queue = path("sl-queue"), row.slow = path("sl-queue sl-slowqueue");
    row.ghost = path("sl-ghost"), row.tail = path("sl-tail"), row.meantick = path("sl-meantick");
    row.rings = MARKED.map(() => make(g, "circle", { class: "sl-ring2", r: 4 }));
    row.labels = [];
    return row;
  }

  /** A text of the row, made when it is first needed. */
  label(row, n, kind, x, y, text) {
    const made = (row.labels[n] ??= make(row.g, "text"));
    set(made, "class", kind), set(made, "x", x.toFixed(1)), set(made, "y", y.toFixed(1)), say(made, text);
    return n + 1;
  }

  draw(panels, held) {
    const all = [...panels.map(([, panel]) => panel), ...held.map(([, panel]) => panel)], scale = scales(all);
    this.scale = scale;
    panels.forEach(([title, panel], n) => this.drawRow(this.rows[n], title, panel, held[n]?.[1], n === this.count - 1));
    const slow = panels.some(([, panel]) => panel.slow.some(Boolean));
    say(this.note, [slow ? "hatched, thick: slower task" : "", held.length ? "italic, dashed: what was kept" : ""].filter(Boolean).join("  ·  "));
    set(this.svg, "aria-label", panels.map(([title, panel]) => panelText(title, panel)).join(". "));
  }

  drawRow(row, title, panel, held, last) {
    const { marks, unit, failed } = panel;
    set(row.g, "data-title", title), set(row.g, "data-p99", marks.p99 === null ? "never" : String(marks.p99));
    set(row.g, "data-counts", panel.counts.join(" "));
    say(row.title, title);
    MARKED.forEach(([name], n) => say(row.numbers[n], `${name}  ${latency(marks[name], unit)}`));
    say(row.numbers[3], `mean  ${latency(marks.mean, unit)}`), say(row.numbers[4], failed ? `✕ ${failed} failed` : "");
    row.ghosts.forEach((text, n) => say(text, held ? latency(held.marks[MARKED[n][0]], held.unit) : ""));
    let n = this.drawCounts(row, panel, held, 0);
    n = this.drawQueues(row, panel, n, last);
    n = this.drawTail(row, panel, held, n, last);
    for (; n < row.labels.length; n++) say(row.labels[n], "");
  }

  drawCounts(row, { counts, slow, tasks }, held, n) {
    const [x, wide] = this.counts, count = Math.max(1, counts.length), pitch = wide / count, thick = pitch * 0.8, most = this.scale.times * 1.08;
    const whole = Math.max(1, sum(counts)), high = (got, all = whole, of = count) => (got / all) * of * (ROW / most) * (count / of);
    const bar = (got, k) => `M${(x + (k + 0.1) * pitch).toFixed(1)} ${ROW}v${(-high(got)).toFixed(1)}h${thick.toFixed(1)}v${high(got).toFixed(1)}Z`;
    set(row.bars2, "d", counts.map((got, k) => (slow[k] ? "" : bar(got, k))).join("") || null);
    set(row.slowbars, "d", counts.map((got, k) => (slow[k] ? bar(got, k) : "")).join("") || null);
    set(row.slowhatch, "d", counts.map((got, k) => (slow[k] ? stripes(x + (k + 0.1) * pitch, ROW - high(got), thick, high(got)) : "")).join("") || null);
    const fair = ROW - ROW / most;
    set(row.fair, "d", `M${x} ${fair.toFixed(1)}H${(x + wide).toFixed(1)}`);
    set(row.ghostbars, "d", held && held.counts.length === count ? held.counts.map((got, k) => {
      const y = ROW - high(got, Math.max(1, sum(held.counts)));
      return `M${(x + (k + 0.05) * pitch).toFixed(1)} ${y.toFixed(1)}h${(pitch * 0.9).toFixed(1)}`;
    }).join("") : null);
    n = this.label(row, n, "sl-tick sl-ends", x - 6, fair + 4, percent(1 / count));
    if (pitch >= 15) tasks.forEach((name, k) => (n = this.label(row, n, "sl-tick sl-middle", x + (k + 0.5) * pitch, ROW + 14, lastPart(name))));
    else n = this.label(row, n, "sl-tick sl-middle", x + wide / 2, ROW + 14, `${count} tasks`);
    return n;
  }

  drawQueues(row, { queues, slow, span: [since, until], unit }, n, last) {
    const [x, wide] = this.queues, top = Math.log1p(this.scale.queue) * 1.04, y = (length) => ROW - (Math.log1p(length) / top) * ROW;
    const line = (queue) => "M" + queue.map((length, k) => `${(x + (k / (queue.length - 1)) * wide).toFixed(1)} ${y(length).toFixed(1)}`).join("L");
    set(row.queue, "d", queues.map((queue, k) => (slow[k] ? "" : line(queue))).join("") || null);
    set(row.slow, "d", queues.map((queue, k) => (slow[k] ? line(queue) : "")).join("") || null);
    const stops = STOPS.filter((stop) => stop <= this.scale.queue), shown = stops.length > 5 ? stops.filter((_, k) => (stops.length - 1 - k) % 2 === 0) : stops;
    this.grid = shown.map((stop) => `M${x} ${y(stop).toFixed(1)}h${wide.toFixed(1)}`).join("");
    for (const stop of shown) n = this.label(row, n, "sl-tick sl-ends", x - 6, y(stop) + 4, String(stop));
    if (last) {
      n = this.label(row, n, "sl-tick sl-ends", x + wide, ROW + 15, unit === "s" ? span(until - since) : `${+(until - since).toPrecision(3)}×`);
      n = this.label(row, n, "sl-tick sl-middle", x + wide / 2, ROW + 15 + LINE, unit === "s" ? "time" : "time, in mean services");
      n = this.label(row, n, "sl-tick sl-middle", x, ROW + 15, "0");
    }
    return n;
  }

  drawTail(row, panel, held, n, last) {
    const [x, wide] = this.tails, { least, most, lowest } = this.scale, { marks, unit } = panel;
    const across = (value) => x + (Math.log(Math.min(most, Math.max(least, value)) / least) / Math.log(most / least)) * wide;
    const up = (share) => 4 + (Math.log(1.2 / share) / Math.log(1.2 / (lowest / 1.4))) * (ROW - 4);
    const curve = ({ tail, failed }) => {
      const points = tail.filter(([value, share]) => share >= lowest && value >= least).map(([value, share]) => [across(value), up(share)]);
      if (failed && points.length) points.push([x + wide, points[points.length - 1][1]]);
      return points.length > 1 ? "M" + points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L") : null;
    };
    set(row.tail, "d", curve(panel)), set(row.ghost, "d", held ? curve(held) : null);
    set(row.meantick, "d", marks.mean === null ? null : `M${across(marks.mean).toFixed(1)} ${ROW - 9}l4.5 9h-9Z`);
    MARKED.forEach(([name, share], k) => {
      show(row.rings[k], marks[name] !== null);
      if (marks[name] !== null) set(row.rings[k], "cx", across(marks[name]).toFixed(1)), set(row.rings[k], "cy", up(share).toFixed(1));
      n = this.label(row, n, "sl-tick sl-ends", x - 6, up(share) + 4, name);
    });
    set(row.gridline, "d", this.grid + MARKED.map(([, share]) => `M${x} ${up(share).toFixed(1)}h${wide.toFixed(1)}`).join(""));
    const axis = [this.counts, this.queues, this.tails].map(([from, far]) => `M${from} ${ROW + 0.5}h${far.toFixed(1)}`).join(""), ticks = [];
    for (let value = 10 ** Math.ceil(Math.log10(least) - 1e-9); value <= most * 1.001; value *= 10) ticks.push(value);
    set(row.axis, "d", axis + ticks.map((value) => `M${across(value).toFixed(1)} ${ROW}v4`).join(""));
    const every = Math.max(1, Math.ceil((ticks.length * 52) / wide));
    if (last) for (const [k, value] of ticks.entries()) if (k % every === 0) n = this.label(row, n, "sl-tick sl-middle", across(value), ROW + 16, tickText(value, unit));
    if (last && this.stagger) n = this.label(row, n, "sl-tick sl-ends", this.width - 2, ROW + 15 + 2 * LINE, TAIL);
    else if (last) n = this.label(row, n, "sl-tick sl-middle", x + wide / 2, ROW + 15 + LINE, TAIL);
    return n;
  }
}

/** Diagonal lines inside a bar. */
function stripes(x, y, wide, high) {
  const lines = [];
  for (let c = 6; c < wide + high; c += 6) {
    const [x1, y1, x2, y2] = [Math.max(0, c - high), Math.min(c, high), Math.min(c, wide), Math.max(0, c - wide)];
    lines.push(`M${(x + x1).toFixed(1)} ${(y + y1).toFixed(1)}L${(x + x2).toFixed(1)} ${(y + y2).toFixed(1)}`);
  }
  return lines.join("");
}

// ── knobs ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** A control for one knob: `get` its value, `put` one. */
function makeKnob(parent, knob, moved) {
  const wrap = html(parent, "label", { class: "sl-knob", "data-knob": knob.name });
  html(wrap, "span", {}, knob.label);
  if (knob.kind === "choice") {
    const select = html(wrap, "select");
    knob.options.forEach((text, n) => html(select, "option", { value: n }, text));
    select.addEventListener("change", moved);
    return { get: () => +select.value, put: (value) => (select.value = String(value)) };
  }
  if (knob.kind === "switch") {
    const box = html(wrap, "input", { type: "checkbox" });
    box.addEventListener("change", moved);
    return { get: () => box.checked, put: (value) => (box.checked = value) };
  }
  const { least, most, step } = knob, input = html(wrap, "input", { type: "range", min: least, max: most, step }), out = html(wrap, "output");
  const digits = Math.min(4, (String(+(+step).toPrecision(4)).split(".")[1] || "").length);
  const get = () => (knob.whole ? Math.round(+input.value) : +(+input.value).toFixed(6));
  const tell = () => say(out, get().toFixed(digits));
  input.addEventListener("input", () => (tell(), moved()));
  return { get, put: (value) => ((input.value = String(value)), tell()) };
}

// ── board: one view of one model ────────────────────────────────────────────────────────────────────────────────

const PATIENCE = 6000; // ms until a kernel that does not answer is spoken of

class TrafficBoard {
  constructor(model, el) {
    Object.assign(this, { model, answers: new Map(), held: [], asked: null, begun: 0, timer: 0, speaker: 0 });
    this.root = html(el, "div", { class: "sl-player sl-traffic", tabindex: 0, role: "group", "aria-label": "Traffic with knobs" });
    const box = html(this.root, "div", { class: "sl-knobs" });
    this.knobs = new Map(model.get("knobs").map((knob) => [knob.name, makeKnob(box, knob, () => this.moved())]));
    const tools = html(this.root, "div", { class: "sl-tools" });
    this.keep = html(tools, "button", { type: "button", class: "sl-keep", "aria-pressed": "false", title: "Keep this picture behind the next ones, to compare" }, "keep to compare");
    this.keep.addEventListener("click", () => this.hold());
    this.said = html(tools, "span", { class: "sl-say" });
    this.stage = html(this.root, "div", { class: "sl-stage", tabindex: 0, role: "group", "aria-label": "What visitors met" }); // it may scroll
    this.live = html(this.root, "div", { class: "sl-live", "aria-live": "polite" });
    this.root.addEventListener("keydown", (event) => event.key !== "Tab" && event.key !== "Escape" && event.stopPropagation());
    this.place(model.get("position"));
    this.answered = () => this.receive(model.get("result"));
    model.on("change:result", this.answered);
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.stage);
    this.receive(model.get("result"));
    set(this.root, "data-ready", "1");
  }

  place(position) {
    for (const [name, knob] of this.knobs) knob.put(position[name]);
  }

  get position() {
    return Object.fromEntries([...this.knobs].map(([name, knob]) => [name, knob.get()]));
  }

  /** A knob was turned: draw what is known, else ask for it. */
  moved() {
    this.begun = performance.now();
    const position = this.position, known = this.answers.get(JSON.stringify(position));
    if (known) this.shown(known);
    if (this.asked === null) this.ask(position);
  }

  ask(position) {
    if (JSON.stringify(this.model.get("position")) === JSON.stringify(position)) return; // it is the one that is answered
    this.asked = JSON.stringify(position);
    if (!this.answers.has(this.asked)) set(this.root, "data-busy", "1");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.late(), PATIENCE);
    this.model.set("position", position);
    this.model.save_changes();
  }

  late() {
    this.asked = null;
    set(this.root, "data-busy", null);
    this.tell("no answer: the knobs need a running kernel", true);
  }

  /** An answer. Another view of this model, or Python, may have asked for it. */
  receive(result) {
    const key = JSON.stringify(result.position), now = JSON.stringify(this.position);
    if (!result.error) this.answers.set(key, result);
    if (this.answers.size > 300) this.answers.delete(this.answers.keys().next().value);
    const mine = this.asked === key;
    if (mine) (this.asked = null), clearTimeout(this.timer), set(this.root, "data-busy", null);
    if (this.asked === null && !mine) this.place(result.position);
    if (result.error) this.tell(result.error, true);
    else this.shown(result);
    if (mine && key !== now) this.ask(this.position);
  }

  tell(text, wrong = false) {
    say(this.said, text), set(this.said, "data-wrong", wrong ? "1" : null);
  }

  shown(result) {
    this.result = result;
    this.tell(result.said || "");
    this.fit(true);
    if (this.begun) set(this.root, "data-took", (performance.now() - this.begun).toFixed(1));
    set(this.root, "data-position", JSON.stringify(result.position));
    clearTimeout(this.speaker);
    this.speaker = setTimeout(() => say(this.live, [result.said, ...result.panels.map(([title, panel]) => panelText(title, panel))].filter(Boolean).join(". ")), 400);
  }

  /** Keep what is shown behind what comes, or let it go. */
  hold() {
    this.held = this.held.length ? [] : this.result.panels;
    set(this.keep, "aria-pressed", String(this.held.length > 0));
    say(this.keep, this.held.length ? "let it go" : "keep to compare");
    this.fit(true);
  }

  fit(anyway = false) {
    const width = Math.round(Math.min(1400, Math.max(560, this.stage.clientWidth || 960))), { panels } = this.result;
    if (!this.rows || this.rows.width !== width || this.rows.count !== panels.length) {
      this.stage.replaceChildren();
      this.rows = new Rows(this.stage, width, panels.length);
    } else if (!anyway) return;
    this.rows.draw(panels, this.held.length === panels.length ? this.held : []);
  }

  remove() {
    this.model.off("change:result", this.answered);
    this.observer.disconnect();
    clearTimeout(this.timer), clearTimeout(this.speaker);
    this.root.remove();
  }
}

export default renders(TrafficBoard);
