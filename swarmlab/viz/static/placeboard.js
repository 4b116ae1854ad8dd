// Placements, playable: rows in (`placefold.py`), drawn as a column per node. `kit.js` comes before it.
//
// Sections: looking up · words · columns · board. `placementAt` says the same as `placement_at` in Python, and a test
// holds them together. Everything drawn at a step is a pure function of the rows and the step.

// ── looking up: everything after so many steps ──────────────────────────────────────────────────────────────────

/** Where every task stands after this step; nodes with their tasks from the bottom up, and who waits. */
export function placementAt(rows, step) {
  const looks = new Map(rows.nodes.map((node) => [node.name, { ...node }])), where = new Map();
  for (const { nodes, moves } of rows.steps.slice(0, step + 1)) {
    for (const [name, change] of Object.entries(nodes)) if (looks.has(name)) Object.assign(looks.get(name), change);
    for (const [task, node, wanted] of moves) {
      if (node === null) where.delete(task);
      else where.set(task, [node, wanted]);
    }
  }
  const now = rows.steps[step], on = new Map([["", []]]);
  for (const [task, [node, wanted]] of where) {
    if (!on.has(node)) on.set(node, []);
    on.get(node).push({ task, ...rows.tasks[task], wanted, new: task === now.task });
  }
  for (const [name, node] of looks) {
    node.tasks = on.get(name) || [];
    node.reserved = node.tasks.reduce((sum, task) => sum + task.reserved, 0);
    node.ranks = now.ranks[name] ?? null;
  }
  const chosen = where.get(now.task)?.[0] ?? "", service = now.task ? rows.tasks[now.task].service : "";
  return {
    step, last: rows.steps.length - 1, time: now.time, said: now.said, chosen, service,
    nodes: [...looks.values()], waiting: on.get(""),
  };
}

/** Neighbours of one zone, with their own counts. */
export function zonesOf(nodes) {
  const found = [];
  nodes.forEach((node, n) => {
    if (!found.length || found[found.length - 1].zone !== node.zone) found.push({ zone: node.zone, first: n, last: n, tasks: {} });
    const zone = found[found.length - 1];
    zone.last = n;
    for (const { service, wanted } of node.tasks) if (wanted) zone.tasks[service] = (zone.tasks[service] || 0) + 1;
  });
  return found;
}

/** Too many nodes for a column each: one for each zone, its tasks summed by service. */
function byZone(world) {
  const zones = new Map();
  for (const node of world.nodes) {
    if (!zones.has(node.zone)) zones.set(node.zone, { name: node.zone || "no zone", zone: node.zone, capacity: 0, reserved: 0, tasks: new Map(), ranks: null, nodes: 0, odd: 0 });
    const zone = zones.get(node.zone);
    zone.capacity += node.capacity, zone.reserved += node.reserved, zone.nodes++, zone.odd += stateOf(node) ? 1 : 0;
    for (const task of node.tasks) {
      const key = `${task.service}/${task.wanted}`, sum = zone.tasks.get(key) || { ...task, task: key, name: task.service, reserved: 0, limit: 0, used: null, new: false };
      sum.reserved += task.reserved, sum.new ||= task.new;
      zone.tasks.set(key, sum);
    }
  }
  const nodes = [...zones.values()].map((zone) => ({ ...zone, state: "ready", availability: "active", tasks: [...zone.tasks.values()] }));
  return { ...world, nodes, chosen: world.nodes.find((node) => node.name === world.chosen)?.zone || "" };
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────

const GIB = 2 ** 30, MIB = 2 ** 20;
const STATES = { drain: "drained", pause: "paused" };

const short = (value) => String(+value.toPrecision(4));

/** So much of it, as people say it; the same as `amount` in Python. */
export function amount(value, unit) {
  if (unit === "cpus") return `${short(value)} CPU${value === 1 ? "" : "s"}`;
  if (unit !== "memory") return short(value);
  return !value ? "0" : value < GIB ? `${short(value / MIB)} MiB` : `${short(value / GIB)} GiB`;
}

const stateOf = (node) => (node.state === "ready" ? STATES[node.availability] || "" : node.state);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// ── columns ─────────────────────────────────────────────────────────────────────────────────────────────────────

const HIGH = 250, LINE = 19, CHIP = 20, LABELS = 84;
const MANY = 50, FULL = 12;

class Columns {
  constructor(parent, frames, width) {
    const dense = frames.nodes.length > MANY;
    Object.assign(this, { frames, width, dense });
    this.most = this.largest(dense);
    const count = dense ? new Set(frames.nodes.map((node) => node.zone)).size : frames.nodes.length;
    this.pitch = Math.min(120, (width - LABELS - 10) / count);
    this.wide = this.pitch * (count > FULL ? 0.78 : 0.62);
    this.full = this.pitch >= 46;
    this.perLine = Math.max(1, Math.floor(this.wide / (CHIP + 2)));
    const floating = this.floating(), lines = this.full ? Math.min(3, Math.ceil(floating / this.perLine)) : 0;
    Object.assign(this, { lines, top: 60, floor: 60 + HIGH });
    this.names = this.floor + 10 + lines * (CHIP + 3) + 12;
    this.rankTop = this.names + 2 * LINE;
    this.brackets = this.full ? this.rankTop + (dense ? 0 : 3 * LINE) + 6 : this.names + LINE + 8;
    const height = this.brackets + (dense ? 0 : 22 + LINE);
    this.svg = make(parent, "svg", { class: "sl-columns", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "A column per node, as high as its capacity" });
    this.makeScale();
    this.nodes = Array.from({ length: count }, (_, n) => this.makeNode(LABELS + n * this.pitch));
    this.zones = [], this.chips = [];
    this.tray = make(this.svg, "g", { class: "sl-waiting" });
    make(this.tray, "rect", { class: "sl-trayline", x: 2, y: 6, width: width - 4, height: 30, rx: 4 });
    make(this.tray, "text", { x: 10, y: 26 }).textContent = "no node yet";
  }

  /** What the highest column comes to: capacity, or what is reserved where that is more. */
  largest(dense) {
    const sums = new Map();
    for (const node of this.frames.nodes) {
      const key = dense ? node.zone : node.name;
      sums.set(key, (sums.get(key) || 0) + node.capacity);
    }
    return Math.max(1e-9, ...sums.values());
  }

  /** How many tasks without a reservation ever stand on one node. */
  floating() {
    const now = new Map(), counts = new Map();
    let most = 0;
    for (const { moves } of this.frames.steps) {
      for (const [task, node] of moves) {
        if (this.frames.tasks[task].reserved) continue;
        const old = now.get(task);
        if (old) counts.set(old, counts.get(old) - 1);
        now.set(task, node);
        if (node) counts.set(node, (counts.get(node) || 0) + 1), most = Math.max(most, counts.get(node));
      }
    }
    return most;
  }

  makeScale() {
    const x = LABELS - 10, text = (y, words, kind = "sl-scale") => (make(this.svg, "text", { class: kind, x: x - 6, y }).textContent = words);
    make(this.svg, "path", { class: "sl-axisline", d: `M${x} ${this.floor}V${this.floor - HIGH}` });
    text(this.floor - HIGH + 4, amount(this.most, this.frames.unit)), text(this.floor + 4, "0");
    if (this.lines) text(this.floor + 24, "reserve 0");
    this.heads = ["failures", "of the service", "all tasks"].map((words, n) => {
      const head = make(this.svg, "text", { class: "sl-scale sl-rankname", x: x - 6, y: this.rankTop + n * LINE });
      head.textContent = words;
      return head;
    });
  }

  makeNode(x) {
    const g = make(this.svg, "g", { class: "sl-node sl-column", transform: `translate(${x.toFixed(1)} 0)`, tabindex: 0, role: "button" });
    const left = (this.pitch - this.wide) / 2, middle = this.pitch / 2;
    const view = { g, left, middle, title: make(g, "title"), blocks: [] };
    view.box = make(g, "rect", { class: "sl-box", x: left, width: this.wide });
    view.hatch = make(g, "path", { class: "sl-lines" });
    view.held = make(g, "text", { class: "sl-held", x: middle });
    view.stack = make(g, "g");
    view.name = make(g, "text", { class: "sl-nodename", x: middle, y: this.names });
    view.state = make(g, "text", { class: "sl-state", x: middle, y: this.names + LINE - 2 });
    view.chosen = make(g, "rect", { class: "sl-chosen", x: middle - 15, y: this.rankTop - 14, width: 30, height: 3 * LINE, rx: 3 });
    view.ranks = [0, 1, 2].map((n) => make(g, "text", { class: "sl-rank", x: middle, y: this.rankTop + n * LINE }));
    return view;
  }

  makeBlock(parent) {
    const g = make(parent, "g", { class: "sl-block2" });
    return {
      g, box: make(g, "rect", { class: "sl-reserved" }), used: make(g, "rect", { class: "sl-used" }),
      limit: make(g, "path", { class: "sl-limit" }), letter: make(g, "text", { class: "sl-letter" }), title: make(g, "title"),
    };
  }

  draw(world) {
    const shown = this.dense ? byZone(world) : world;
    shown.nodes.forEach((node, n) => this.drawNode(this.nodes[n], node, shown));
    for (const head of this.heads) show(head, Boolean(world.service) && !this.dense && this.full);
    if (world.service) say(this.heads[1], `of ${world.service}`.slice(0, 13));
    this.drawTray(world.waiting);
    this.drawZones(shown);
  }

  drawNode(view, node, world) {
    const { g } = view, scale = HIGH / this.most, high = node.capacity * scale, top = this.floor - high, state = stateOf(node);
    const chosen = world.service !== "" && node.name === world.chosen;
    set(g, "data-name", node.name), set(g, "data-state", state || null), set(g, "data-chosen", chosen ? "1" : null);
    set(g, "data-reserved", String(node.reserved)), set(g, "data-ranks", node.ranks ? node.ranks.join("/") : null);
    set(view.box, "y", top.toFixed(1)), set(view.box, "height", high.toFixed(1));
    set(view.hatch, "transform", `translate(${view.left} ${top.toFixed(1)})`);
    set(view.hatch, "d", state ? hatch(Math.round(this.wide), Math.round(high), state === "drained" || state === "paused" ? 12 : 9, !STATES[node.availability]) : "");
    say(view.held, this.full ? `${this.plain(node.reserved)} of ${this.plain(node.capacity)}` : "");
    set(view.held, "y", (this.floor - Math.max(high, node.reserved * scale) - 8).toFixed(1));
    say(view.name, this.full ? this.fitting(node.name) : ""), say(view.state, this.full ? state : state ? (state === "paused" ? "‖" : state === "drained" ? "▥" : "✕") : "");
    node.ranks?.forEach((rank, n) => say(view.ranks[n], String(rank)));
    view.ranks.forEach((rank) => {
      show(rank, Boolean(world.service) && !this.dense && this.full);
      if (!node.ranks) say(rank, "–");
    });
    show(view.chosen, chosen && !this.dense && this.full);
    this.drawStack(view, node, scale);
    say(view.title, nodeText(node, this.frames.unit));
  }

  /** Blocks from the floor up; what reserves nothing stands below the floor. */
  drawStack(view, node, scale) {
    let y = this.floor, free = 0;
    node.tasks.forEach((task, n) => {
      const block = (view.blocks[n] ??= this.makeBlock(view.stack)), tall = task.reserved * scale;
      const place = task.reserved ? [view.left, y - tall, this.wide, tall] : this.freePlace(view.left, free++);
      show(block.g, task.reserved > 0 || (this.full && place[1] < this.names - LINE - 4));
      this.drawBlock(block, task, place, task.reserved ? view.left + this.wide + 4 + 4 * (n % 3) : null, scale);
      y -= tall;
    });
    for (let n = node.tasks.length; n < view.blocks.length; n++) show(view.blocks[n].g, false);
  }

  freePlace(left, n) {
    return [left + (n % this.perLine) * (CHIP + 2), this.floor + 8 + Math.floor(n / this.perLine) * (CHIP + 3), CHIP, CHIP];
  }

  drawBlock(block, task, [x, y, wide, tall], whisker, scale) {
    const { g, box, used, limit, letter } = block, { colours, letters } = this.frames;
    set(g, "data-task", task.name), set(g, "data-wanted", task.wanted ? "1" : null), set(g, "data-new", task.new ? "1" : null);
    set(g, "data-hue", task.wanted && colours[task.service] ? "1" : null);
    for (const [key, value] of Object.entries({ x, y, width: wide, height: Math.max(0.5, tall) })) set(box, key, value.toFixed(1));
    set(box, "fill", task.wanted ? colours[task.service] || null : null);
    const inUse = (task.used || 0) * scale, foot = task.reserved ? y + tall : this.floor; // to scale, whatever was reserved
    for (const [key, value] of Object.entries({ x: x + 3, y: foot - inUse, width: wide * 0.3, height: inUse })) set(used, key, value.toFixed(1));
    const high = Math.min(task.limit * scale, y + tall - (this.floor - HIGH) + 8), cut = high < task.limit * scale;
    set(limit, "d", task.limit && whisker && this.full ? `M${whisker} ${(y + tall).toFixed(1)}v${-high.toFixed(1)}${cut ? "" : "m-3 0h6"}` : "");
    say(letter, tall >= 12 && wide >= 16 ? letters[task.service] : "");
    set(letter, "x", (x + wide / 2).toFixed(1)), set(letter, "y", (y + tall / 2 + 4.2).toFixed(1));
    say(block.title, `${task.name}: ${task.reserved ? `reserves ${amount(task.reserved, this.frames.unit)}` : "reserves nothing"}${task.wanted ? "" : ", no longer wanted"}`);
  }

  drawTray(tasks) {
    const room = Math.floor((this.width - 160) / 24);
    show(this.tray, tasks.length > 0);
    tasks.slice(0, room).forEach((task, n) => {
      const chip = (this.chips[n] ??= this.makeChip(96 + n * 24));
      show(chip.g, true), say(chip.letter, this.frames.letters[task.service]), set(chip.g, "data-waiting", task.name);
    });
    for (let n = Math.min(room, tasks.length); n < this.chips.length; n++) show(this.chips[n].g, false), set(this.chips[n].g, "data-waiting", null);
    this.more ??= make(this.tray, "text", { x: 96 + room * 24, y: 26 });
    say(this.more, tasks.length > room ? `+${tasks.length - room}` : "");
  }

  makeChip(x) {
    const g = make(this.tray, "g", { class: "sl-waits", transform: `translate(${x} 11)` });
    make(g, "rect", { width: CHIP, height: CHIP });
    return { g, letter: make(g, "text", { class: "sl-letter", x: CHIP / 2, y: 14.5 }) };
  }

  drawZones(world) {
    const zones = zonesOf(world.nodes), single = zones.length === 1 && !zones[0].zone;
    (this.dense || single ? [] : zones).forEach((zone, n) => {
      const view = (this.zones[n] ??= this.makeZone()), [a, b] = [LABELS + zone.first * this.pitch + 6, LABELS + (zone.last + 1) * this.pitch - 6];
      show(view.g, true), set(view.g, "data-zone", zone.zone || "–");
      set(view.line, "d", `M${a.toFixed(1)} ${this.brackets - 5}v5H${b.toFixed(1)}v-5`);
      const middle = ((a + b) / 2).toFixed(1), counts = Object.entries(zone.tasks).map(([name, count]) => `${this.frames.letters[name]} ${count}`);
      say(view.name, b - a > 60 || zone.zone ? zone.zone || "no zone" : "–"), set(view.name, "x", middle);
      const most = Math.max(1, Math.floor((b - a + 10) / 34));
      say(view.counts, counts.length > most ? `${Object.values(zone.tasks).reduce((x, y) => x + y, 0)} tasks` : counts.join(" · "));
      set(view.counts, "x", middle);
    });
    for (let n = this.dense || single ? 0 : zones.length; n < this.zones.length; n++) show(this.zones[n].g, false);
  }

  makeZone() {
    const g = make(this.svg, "g", { class: "sl-zone2" });
    return {
      g, line: make(g, "path"), name: make(g, "text", { class: "sl-zonename2", y: this.brackets + 16 }),
      counts: make(g, "text", { class: "sl-zonecount", y: this.brackets + 16 + LINE }),
    };
  }

  plain(value) {
    const { unit } = this.frames, divide = unit === "memory" ? (this.most >= GIB / 2 ? GIB : MIB) : 1;
    return String(+(value / divide).toPrecision(3));
  }

  /** The name, shortened where the column is narrow. */
  fitting(name) {
    return name.length * 7.4 < this.pitch ? name : name.replace("manager-", "m-").replace("worker-", "w-").replace("node-", "n-");
  }
}

function nodeText(node, unit) {
  const wanted = node.tasks.filter((task) => task.wanted).length, state = stateOf(node);
  return `${node.name}: ${plural(wanted, "task")}, ${amount(node.reserved, unit)} of ${amount(node.capacity, unit)} reserved${state ? `, ${state}` : ""}${node.odd ? `, ${node.odd} of ${node.nodes} nodes take nothing` : ""}`;
}

// ── board: one view of one model ────────────────────────────────────────────────────────────────────────────────

class PlaceControls extends Controls {
  draw(t) {
    super.draw(t);
    const { at, rows } = this.player;
    say(this.clock, `step ${at} of ${rows.steps.length - 1}`);
  }
}

class PlaceBoard extends Playable {
  constructor(model, el) {
    super(model, el, "Placements, playable");
  }

  get rows() {
    return this.frames;
  }

  get at() {
    return Math.floor(this.t / SECOND);
  }

  /** Between two steps nothing is to be seen: a hand that lets go is at one. */
  settle() {
    this.t = this.at * SECOND;
    super.settle();
  }

  build() {
    this.root.classList.add("sl-places");
    this.said = html(this.root, "div", { class: "sl-saidnow" });
    this.furnish(PlaceControls);
    this.why.when = (t) => this.when(t);
    const key = Object.entries(this.frames.letters).map(([name, letter]) => `${letter} ${name}`);
    if (Object.values(this.frames.tasks).some((task) => task.limit)) key.push("whisker: limit");
    if (Object.values(this.frames.tasks).some((task) => task.used !== null)) key.push("dark inside: in use");
    html(this.root, "div", { class: "sl-key2" }, key.join(" · "));
  }

  fit() {
    const width = Math.round(Math.min(1400, Math.max(320, this.stage.clientWidth || 960)));
    if (this.width === width) return;
    this.width = width;
    this.stage.replaceChildren();
    this.columns = new Columns(this.stage, this.frames, width);
    this.controls.makeMarks(width);
    if (this.root.dataset.ready) this.draw();
  }

  digits() {
    return 0;
  }

  when(t) {
    const step = Math.floor(t / SECOND), { time, fact } = this.rows.steps[step];
    return `step ${step}${fact >= 0 ? `, ${seconds(time)}` : ""}`;
  }

  words() {
    const { said, nodes } = placementAt(this.rows, this.at);
    return `${this.when(this.t)}: ${said}; ${nodes.length > FULL ? `${nodes.length} nodes` : nodes.map((node) => nodeText(node, this.rows.unit)).join("; ")}`;
  }

  draw() {
    const world = placementAt(this.rows, this.at);
    this.columns.draw(world);
    say(this.said, `${this.when(this.at * SECOND)}: ${world.said}`);
    this.controls.draw(this.t);
    set(this.root, "data-step", String(this.at)), set(this.root, "data-chosen", world.chosen);
  }

  /** A click on a node says what stands there, and which choice came last. */
  ask(target) {
    const name = target.closest(".sl-node")?.dataset.name, world = placementAt(this.rows, this.at);
    const node = world.nodes.find((one) => one.name === name);
    if (!node) return;
    const touched = ({ moves, nodes }) => name in nodes || moves.some(([, at]) => at === name);
    let last = this.at;
    while (last > 0 && !touched(this.rows.steps[last])) last--;
    const near = node.tasks.map((task) => {
      const came = this.rows.steps.findIndex((step) => step.task === task.task);
      return [`${task.name}${came >= 0 ? `, since step ${came}` : ""}`, () => came >= 0 && this.go(came * SECOND)];
    });
    this.why.open(nodeText(node, this.rows.unit), last, near.slice(0, 12));
  }
}

export default renders(PlaceBoard);
