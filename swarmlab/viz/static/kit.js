// What the boards share: elements, the chain of causes, controls, and time that is played, stepped and scrubbed.
//
// Sections: elements · why · controls · playing. It is put before `player.js` and `raftboard.js`, so that each is one
// module: a widget in a notebook cannot import a second file.

const SECOND = 1e6; // µs

/** How many rows of a sorted list have a key of at most `limit`. */
function countUpTo(rows, limit, key) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(rows[middle]) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

const seconds = (t, digits = 3) => `${(t / SECOND).toFixed(digits)} s`;

// ── elements: made once, attributes are set when they change ────────────────────────────────────────────────────

const SVG = "http://www.w3.org/2000/svg";

function make(parent, tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent?.append(element);
  return element;
}

function html(parent, tag, attributes = {}, text = "") {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent?.append(element);
  return element;
}

/** Set an attribute if it is not that already; null takes it away. */
function set(element, name, value) {
  const known = (element.known ??= {});
  if (known[name] === value) return false;
  known[name] = value;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
  return true;
}

function say(element, text) {
  if (element.said === text) return;
  element.said = text;
  element.textContent = text;
}

const show = (element, visible) => set(element, "visibility", visible ? null : "hidden");

/** Diagonal lines inside a box, one way or both: no pattern, so no id that two boards could share. */
function hatch(w, h, step, both) {
  const lines = [];
  for (let c = step; c < w + h; c += step) {
    const [x1, y1, x2, y2] = [Math.max(0, c - h), Math.min(c, h), Math.min(c, w), Math.max(0, c - w)];
    lines.push(`M${x1} ${y1}L${x2} ${y2}`);
    if (both) lines.push(`M${w - x1} ${y1}L${w - x2} ${y2}`);
  }
  return lines.join("");
}

const CROWN = "M-6 4.5L-7 -3.5L-3 .5L0 -5.5L3 .5L7 -3.5L6 4.5Z";

// ── why: the chain of causes behind anything on a board ─────────────────────────────────────────────────────────

/** The chain of facts that ends in this one, the last first; kinds in `skip` are left out behind the first. */
export function causes(frames, number, skip = new Set()) {
  const chain = [];
  for (; number >= 0 && chain.length < 200; number = frames.facts[number][2]) {
    if (!chain.length || !skip.has(frames.facts[number][3])) chain.push(number);
  }
  return chain;
}

class Why {
  constructor(parent, frames, seek, skip) {
    Object.assign(this, { frames, seek, skip, when: seconds });
    this.root = html(parent, "section", { class: "sl-why", "aria-label": "Why?", hidden: "" });
    const head = html(this.root, "header");
    this.title = html(head, "strong");
    const close = html(head, "button", { type: "button", class: "sl-close", "aria-label": "Close" }, "✕");
    close.addEventListener("click", () => this.close());
    this.near = html(this.root, "div", { class: "sl-near" });
    this.list = html(this.root, "ol");
  }

  close() {
    this.root.hidden = true;
  }

  open(title, number, near = []) {
    this.root.hidden = false;
    this.title.textContent = title;
    this.near.replaceChildren();
    for (const [label, action] of near) html(this.near, "button", { type: "button" }, label).addEventListener("click", action);
    this.list.replaceChildren(...this.steps(causes(this.frames, number, this.skip)));
    if (number < 0) html(this.list, "li", {}, "The run says nothing about it yet.");
  }

  /** Each cause with its rule; of a long chain the nearest ones, and the first of all. */
  steps(chain) {
    const shown = chain.length > 14 ? [...chain.slice(0, 12), chain[chain.length - 1]] : chain;
    const items = shown.map((number, i) => {
      const [time, source, , kind, text] = this.frames.facts[number];
      const item = html(null, "li");
      const at = html(item, "button", { type: "button", class: "sl-at", title: "Go to this instant" }, this.when(time));
      at.addEventListener("click", () => this.seek(time));
      html(item, "span", { class: "sl-said" }, `${i ? "because " : ""}${source} ${text}`);
      html(item, "em", {}, this.frames.rules[kind] || "");
      return item;
    });
    if (chain.length > shown.length) items.splice(12, 0, html(null, "li", {}, `… ${chain.length - shown.length} causes in between, and first of all`));
    return items;
  }
}

// ── controls: play, step, scrub, speed, marks ───────────────────────────────────────────────────────────────────

const SPEEDS = [0.001, 0.01, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64];
const MARKS = {
  fault: "M-1 -7L-5 1H-1L-3 7L5 -2H1L3 -7Z",
  leader: "M-6 5L-7 -4L-3 0L0 -6L3 0L7 -4L6 5Z",
  election: "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1 -5 0",
  down: "M-6 -4H6L0 6Z",
  back: "M-6 4H6L0 -6Z",
  command: "M-6 -5L0 0L-6 5M1 5H7",
  join: "M-6 0H6M0 -6V6",
  task: "M-4.5 -4.5L4.5 4.5M4.5 -4.5L-4.5 4.5",
  lost: "M0 -6L6 0L0 6L-6 0Z",
  decided: "M-5 -5H5V5H-5Z",
  healed: "M-5 -5H5V5H-5Z",
  group: "M-6 0H6M0 -6V6",
  cut: "M-4.5 -4.5L4.5 4.5M4.5 -4.5L-4.5 4.5",
  snapshot: "M-6 -4H6V4H-6ZM-6 4L0 -4M0 4L6 -4",
  commit: "M-5 -4H5V4H-5Z",
  entry: "M-5 -4H5V4H-5Z",
  vote: "M-5 0L-1.5 4L5 -4",
  refused: "M-5 0H5",
};
const ICONS = { play: "M4 2L13 8L4 14Z", pause: "M4 2H7V14H4ZM9 2H12V14H9Z", back: "M3 2H5V14H3ZM13 2L5.5 8L13 14Z", next: "M11 2H13V14H11ZM3 2L10.5 8L3 14Z" };
const RANK = [
  "fault", "leader", "down", "decided", "healed", "task", "lost", "back", "command", "join", "election", "group", "cut",
  "snapshot", "commit", "entry", "vote", "refused",
];

/** The marks of the time line, those that would overlap drawn as one: the most important, with all their labels. */
export function grouped(marks, start, end, width, apart = 17) {
  const groups = [];
  for (const mark of marks) {
    const x = ((mark[0] - start) / Math.max(1, end - start)) * width, last = groups[groups.length - 1];
    if (last && x - last.x < apart) last.marks.push(mark);
    else groups.push({ x, marks: [mark] });
  }
  for (const group of groups) group.first = [...group.marks].sort((a, b) => RANK.indexOf(a[2]) - RANK.indexOf(b[2]))[0];
  return groups;
}

class Controls {
  constructor(parent, player) {
    this.player = player;
    const { frames } = player;
    this.track = make(parent, "svg", { class: "sl-track", height: 26, role: "group", "aria-label": "Events" });
    this.label = html(parent, "div", { class: "sl-label", "aria-hidden": "true" });
    const range = { min: frames.start, max: Math.max(frames.start + 1, frames.end), step: 1 };
    this.scrub = html(parent, "input", { type: "range", class: "sl-scrub", ...range, "aria-label": "Time" });
    this.bar = html(parent, "div", { class: "sl-bar" });
    const button = (name, label, action) => {
      const made = html(this.bar, "button", { type: "button", class: `sl-${name}`, "aria-label": label, title: label });
      make(make(made, "svg", { viewBox: "0 0 16 16", class: "sl-icon" }), "path", { d: ICONS[name] });
      made.addEventListener("click", action);
      return made;
    };
    button("back", "Previous event", () => player.step(-1));
    this.play = button("play", "Play", () => player.toggle());
    button("next", "Next event", () => player.step(1));
    this.clock = html(this.bar, "output", { class: "sl-clock" });
    const speeds = [...new Set([...player.speeds(), player.speed])].sort((a, b) => a - b);
    this.speed = this.select("sl-speed", player.speedWord || "speed", speeds.map((s) => [s, `${s}×`]), (value) => player.setSpeed(+value));
    this.scrub.addEventListener("input", () => (player.pause(false), this.tell("", 0, this.track.clientWidth), player.seek(+this.scrub.value)));
    this.scrub.addEventListener("change", () => player.settle());
  }

  select(kind, label, options, act) {
    const wrap = html(this.bar, "label", {}, `${label} `), made = html(wrap, "select", { class: kind });
    for (const [value, text] of options) html(made, "option", { value }, text);
    made.addEventListener("change", () => act(made.value));
    return made;
  }

  /** A row of switches, all on: `act` is told the name of the one that was pressed. */
  switches(names, act) {
    this.toggles = html(this.bar, "span", { class: "sl-toggles", role: "group", "aria-label": "Layers" });
    for (const name of names) {
      const toggle = html(this.toggles, "button", { type: "button", "aria-pressed": "true", "data-layer": name }, name);
      toggle.addEventListener("click", () => act(name));
    }
  }

  pressed(name, yes) {
    this.toggles.querySelector(`[data-layer="${name}"]`)?.setAttribute("aria-pressed", String(yes));
  }

  makeMarks(width) {
    const { frames } = this.player, { start, end } = this.player.span();
    this.track.replaceChildren();
    this.track.setAttribute("width", width);
    for (const { x, marks, first } of grouped(frames.marks, start, end, width - 16)) {
      const g = make(this.track, "g", { class: "sl-mark", "data-kind": first[2], transform: `translate(${(x + 8).toFixed(1)} 13)`, tabindex: -1, role: "button" });
      const others = marks.length > 1 ? ` (and ${marks.length - 1} more until ${this.player.when(marks[marks.length - 1][0])})` : "";
      const text = `${this.player.when(first[0])}  ${first[3]}${others}`;
      g.setAttribute("aria-label", text);
      make(g, "rect", { x: -8, y: -12, width: 16, height: 24, class: "sl-hit" });
      make(g, "path", { d: MARKS[first[2]] || MARKS.election });
      if (marks.length > 1) make(g, "path", { class: "sl-many", d: "M-4 11H4" });
      for (const event of ["pointerenter", "focus"]) g.addEventListener(event, () => this.tell(text, x + 8, width));
      for (const event of ["pointerleave", "blur"]) g.addEventListener(event, () => this.tell("", 0, width));
      g.addEventListener("click", () => (this.player.go(first[0]), this.player.why.open(first[3], first[1])));
    }
  }

  /** The label of a mark, beside its glyph on whichever side there is room. */
  tell(text, x, width) {
    say(this.label, text);
    const style = x < width / 2 ? { left: `${x}px`, right: "auto" } : { left: "auto", right: `${width - x}px` };
    Object.assign(this.label.style, style, { display: text ? "block" : "none" });
  }

  playing(yes) {
    set(this.play, "aria-label", yes ? "Pause" : "Play");
    set(this.play.querySelector("path"), "d", yes ? ICONS.pause : ICONS.play);
  }

  draw(t) {
    if (+this.scrub.value !== t) this.scrub.value = t;
    say(this.clock, seconds(t, this.player.speed < 0.1 ? 6 : 3));
  }
}

// ── playing: one view of one model ──────────────────────────────────────────────────────────────────────────────

/** Time that goes on. Who extends it has `build` (make what is drawn on), `fit` (to the width there is), `draw`,
 *  `words` (what is to be seen, in a sentence), `ask` (a click) and `digits` (of the seconds in labels). */
class Playable {
  constructor(model, el, label) {
    this.model = model;
    this.frames = model.get("frames");
    Object.assign(this, { t: 0, speed: model.get("speed"), playing: false, request: 0 });
    this.root = html(el, "div", { class: "sl-player", tabindex: 0, role: "application", "aria-label": label });
    this.build();
    this.live = html(this.root, "div", { class: "sl-live", "aria-live": "polite" });
    this.still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches || false;
    this.controls.speed.value = String(this.speed);
    this.listen();
    this.fit();
    this.seek(model.get("time"));
    this.settle();
    set(this.root, "data-ready", "1");
  }

  /** The stage on which `fit` builds, controls below it, and the answers to why. */
  furnish(Kind, skip) {
    this.stage = html(this.root, "div", { class: "sl-stage" });
    this.controls = new Kind(html(this.root, "div", { class: "sl-controls" }), this);
    this.why = new Why(this.root, this.frames, (t) => this.go(t), skip);
  }

  listen() {
    this.stops = [];
    const on = (target, event, action, options) => {
      target.addEventListener(event, action, options);
      this.stops.push(() => target.removeEventListener(event, action, options));
    };
    on(this.root, "keydown", (event) => this.key(event));
    on(this.stage, "click", (event) => this.ask(event.target, event));
    this.follow("time", () => !this.playing && this.model.get("time") !== this.t && this.go(this.model.get("time"), false));
    this.follow("speed", () => this.setSpeed(this.model.get("speed"), false));
    const observer = new ResizeObserver(() => this.fit());
    observer.observe(this.stage);
    this.stops.push(() => observer.disconnect());
  }

  /** Do this when the other side has changed a trait. */
  follow(name, action) {
    this.model.on(`change:${name}`, action);
    this.stops.push(() => this.model.off(`change:${name}`, action));
  }

  seek(t) {
    this.t = Math.round(Math.min(this.frames.end, Math.max(this.frames.start, t)));
    this.draw();
  }

  go(t, sync = true) {
    this.pause(false);
    this.seek(t);
    if (sync) this.settle();
    else this.announce();
  }

  /** The hand is off: tell Python where we are, and those who listen what is to be seen. */
  settle() {
    this.model.set("time", this.t);
    this.model.save_changes();
    this.announce();
  }

  announce() {
    say(this.live, this.words());
  }

  toggle() {
    if (this.playing) return this.pause();
    this.controls.tell("", 0, this.width);
    if (this.t >= this.frames.end) this.seek(this.frames.start);
    this.playing = true;
    this.controls.playing(true);
    let last = performance.now(), waited = 0;
    const tick = (now) => {
      const passed = Math.min(250, now - last);
      last = now;
      if (this.still) {
        waited += passed; // reduced motion: from event to event, one a second
        if (waited > 1000) (waited = 0), this.seek(this.nextMark(1));
      } else {
        this.seek(this.t + Math.max(1, passed * 1000 * this.speed));
      }
      if (this.t >= this.frames.end) return this.pause();
      this.request = requestAnimationFrame(tick);
    };
    this.request = requestAnimationFrame(tick);
  }

  pause(settle = true) {
    if (!this.playing) return;
    cancelAnimationFrame(this.request);
    this.playing = false;
    this.controls.playing(false);
    if (settle) this.settle();
  }

  speeds() {
    return SPEEDS;
  }

  /** What the time line shows, from one end to the other. */
  span() {
    return this.frames;
  }

  /** An instant in words, for labels. */
  when(t) {
    return seconds(t, this.digits());
  }

  nextMark(by, rows = this.frames.marks) {
    const seen = countUpTo(rows, by > 0 ? this.t : this.t - 1, (row) => row[0]);
    const row = by > 0 ? rows[seen] : rows[seen - 1];
    return row ? row[0] : by > 0 ? this.frames.end : this.frames.start;
  }

  step(by, rows) {
    this.go(this.nextMark(by, rows));
    const mark = this.frames.marks.find((row) => row[0] === this.t), { start, end } = this.span();
    const x = 8 + ((this.t - start) / Math.max(1, end - start)) * (this.width - 16);
    this.controls.tell(mark ? `${this.when(mark[0])}  ${mark[3]}` : "", x, this.width);
  }

  setSpeed(value, sync = true) {
    this.speed = value;
    this.controls.speed.value = String(value);
    if (sync) this.model.set("speed", value), this.model.save_changes();
    this.draw();
  }

  /** JupyterLab takes arrows, Home and End for itself, so nothing but Tab and Escape leaves this widget. */
  key(event) {
    const { key, target } = event;
    if (key === "Escape") this.why.close();
    if (key === "Tab" || key === "Escape") return;
    event.stopPropagation();
    if (target.closest("select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = event.shiftKey ? this.frames.facts : this.frames.marks, page = (this.frames.end - this.frames.start) / 20;
    const actions = {
      ArrowRight: () => this.step(1, rows),
      ArrowUp: () => this.step(1, rows),
      ArrowLeft: () => this.step(-1, rows),
      ArrowDown: () => this.step(-1, rows),
      PageUp: () => this.go(this.t + page),
      PageDown: () => this.go(this.t - page),
      Home: () => this.go(this.frames.start),
      End: () => this.go(this.frames.end),
    };
    if (!target.closest("button")) actions[" "] = () => this.toggle();
    if (target.closest(".sl-node")) actions.Enter = () => this.ask(target);
    if (!actions[key]) return;
    event.preventDefault();
    actions[key]();
  }

  remove() {
    cancelAnimationFrame(this.request);
    for (const stop of this.stops) stop();
    this.root.remove();
  }
}

/** What anywidget calls for each view of such a board; it calls the answer when the view goes away. */
const renders = (Kind) => ({
  render({ model, el }) {
    const player = new Kind(model, el);
    el.player = player;
    return () => player.remove();
  },
});
