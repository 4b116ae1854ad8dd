// The board of swarmlab, playable: rows in (`frames.py`), the world at any instant out, drawn as one SVG.
//
// Sections: fold · words · layout · drawing · layers · controls · player; `kit.js` comes before it. `worldAt` says the
// same as `world_at` in Python, and a test holds them together. Everything drawn at `t` is a pure function of the rows, `t` and the lens.

// ── fold: rows → the world at an instant ────────────────────────────────────────────────────────────────────────

const LIVE = new Set(["assigned", "accepted", "preparing", "ready", "starting", "running"]);
const WAITING = new Set(["new", "pending", "assigned"]);
const ENDED = new Set(["complete", "shutdown", "failed", "rejected", "remove", "orphaned"]);
const UNSEEN = { looks: "unknown", role: "", term: 0, availability: "", state: "", wrong: false };
const EVERY = 256; // rows between two keyframes

/** A map of maps after any number of rows: forward step by step, backward from the nearest keyframe. */
class Replay {
  constructor(rows, step) {
    Object.assign(this, { rows, step, state: new Map(), count: 0, keyframes: [new Map()] });
  }

  after(count) {
    const frame = Math.min(Math.floor(count / EVERY), this.keyframes.length - 1);
    if (count < this.count || frame * EVERY > this.count) {
      this.state = copied(this.keyframes[frame]);
      this.count = frame * EVERY;
    }
    while (this.count < count) {
      this.step(this.state, this.rows[this.count++]);
      if (this.count === this.keyframes.length * EVERY) this.keyframes.push(copied(this.state));
    }
    return this.state;
  }
}

const copied = (maps) => new Map([...maps].map(([key, value]) => [key, value instanceof Map ? new Map(value) : value]));

function put(maps, name, key, value) {
  let inner = maps.get(name);
  if (!inner) maps.set(name, (inner = new Map()));
  if (value === null) inner.delete(key);
  else inner.set(key, value);
}

/** The folds of one run. `at(t, lens)` answers the same object while nothing has changed but the time. */
class Fold {
  constructor(frames) {
    const told = (store, row) => put(store, row[3], row[4], row[5]);
    this.frames = frames;
    this.truth = new Replay(frames.truth, (truth, row) => put(truth, row[2], row[3], row[4]));
    this.applied = new Replay(frames.applied, (applied, [, machine, index]) => {
      applied.set(machine, index);
      applied.set("", Math.max(applied.get("") || 0, index));
    });
    this.newest = new Replay(frames.log, told); // two cursors on one log: they are apart in most lenses
    this.believed = new Replay(frames.log, told);
    this.last = { key: "", world: null };
  }

  at(t, lens) {
    const happened = countUpTo(this.frames.truth, t, (row) => row[0]);
    const indexes = countUpTo(this.frames.applied, t, (row) => row[0]);
    const key = `${lens}/${happened}/${indexes}`;
    if (key !== this.last.key) this.last = { key, world: this.build(happened, indexes, lens) };
    this.last.world.time = t;
    return this.last.world;
  }

  store(replay, index) {
    return replay.after(countUpTo(this.frames.log, index, (row) => row[2]));
  }

  build(happened, indexes, lens) {
    const { frames } = this;
    const truth = this.truth.after(happened);
    const applied = this.applied.after(indexes);
    const newest = this.store(this.newest, applied.get("") || 0);
    const real = trueCells(frames, truth, newest);
    const leader = leaderOf(frames, truth);
    const isManager = (applied.get(lens) || 0) > 0 || frames.machines.some((m) => m.name === lens && m.row === "manager");
    const index = (lens === "truth" ? applied.get("") : applied.get(lens)) || 0;
    let store = newest, cells = real, seen;
    if (lens === "truth") {
      seen = seenInTruth(frames, truth, newest, leader);
    } else if (isManager) {
      store = this.store(this.believed, index);
      cells = compared(storedCells(frames, store), real);
      seen = seenByManager(frames, truth, store, newest, lens, leader);
    } else {
      store = new Map();
      cells = compared(tableCells(truth, newest, real, lens), real);
      seen = seenByWorker(frames, truth, lens);
    }
    const cuts = [...(truth.get("world") || [])].filter(([k]) => k.startsWith("cut/")).map(([, value]) => value);
    const machines = boardRows(frames, truth, applied, seen, cells, isManager && index ? real : [], lens);
    const services = servicesOf(store, cells, real, lens);
    return { time: 0, lens, index, leader, cuts, machines, tray: cells.filter((c) => !c.machine), services };
  }
}

const folds = new WeakMap();

/** The world at `t` µs, as `world_at` in Python says it. */
export function worldAt(frames, t, lens = "truth") {
  if (!folds.has(frames)) folds.set(frames, new Fold(frames));
  return folds.get(frames).at(t, lens);
}

const fact = (truth, machine, key) => truth.get(machine)?.get(key);
const serviceIn = (name) => (name.lastIndexOf(".") > 0 ? name.slice(0, name.lastIndexOf(".")) : name);
const slotOf = (cell) => `${cell.service}\n${cell.slot || cell.machine}`;

function leaderOf(frames, truth) {
  let best = "", term = 0;
  for (const { name } of frames.machines) {
    const mine = fact(truth, name, "term") || 0;
    if (fact(truth, name, "up") === "up" && fact(truth, name, "role") === "leader" && mine > term) [best, term] = [name, mine];
  }
  return best;
}

function newCell(task, name, slot, machine, wish, state, err) {
  return { task, name, service: serviceIn(name), slot, machine, wish, fact: state, err, old: false, wrong: false };
}

function storedCells(frames, store) {
  const cells = [];
  for (const [id, task] of store.get("task") || [])
    cells.push(newCell(id, task.name, task.slot, frames.nodes[task.node] || "", task.desired, task.state, task.err));
  return withOld(cells);
}

function trueCells(frames, truth, store) {
  const runs = new Map();
  for (const { name } of frames.machines)
    for (const [key, run] of truth.get(name) || []) if (key.startsWith("run/")) runs.set(key.slice(4), [name, run]);
  const cells = storedCells(frames, store);
  for (const cell of cells) {
    const [machine, run] = runs.get(cell.task) || ["", null];
    if (run) Object.assign(cell, { machine, fact: run.state, err: run.err });
    else if (!WAITING.has(cell.fact) && !ENDED.has(cell.fact)) cell.fact = "gone";
    runs.delete(cell.task);
  }
  for (const [task, [machine, run]] of runs) {
    if (!LIVE.has(run.state)) continue;
    const cell = newCell(task, `${run.service}.${run.slot || task}`, run.slot, machine, "", run.state, run.err);
    cells.push(Object.assign(cell, { wrong: true }));
  }
  return withOld(cells);
}

function withOld(cells) {
  const newest = new Map(cells.map((cell) => [slotOf(cell), cell.task]));
  for (const cell of cells)
    cell.old = ENDED.has(cell.wish) && !LIVE.has(cell.fact) && newest.get(slotOf(cell)) !== cell.task;
  return cells;
}

function tableCells(truth, newest, real, lens) {
  const cells = real.filter((cell) => cell.machine === lens).map((cell) => ({ ...cell }));
  const own = new Set(cells.map((cell) => cell.task));
  for (const [key, value] of truth.get(lens) || []) {
    const task = key.slice(8);
    if (!key.startsWith("backend/") || own.has(task)) continue;
    const known = newest.get("task")?.get(task) || { name: value.service, slot: 0 };
    cells.push(newCell(task, known.name, known.slot, value.machine, "running", "running", ""));
  }
  return cells;
}

function compared(cells, real) {
  const facts = new Map(real.map((cell) => [cell.task, cell.fact]));
  for (const cell of cells) cell.wrong = cell.wrong || facts.get(cell.task) !== cell.fact;
  return cells;
}

const nodesOf = (store) => new Map([...(store.get("node")?.values() || [])].map((node) => [node.machine, node]));
const awake = (truth, name) => ["up", "frozen"].includes(fact(truth, name, "up"));

function seenInTruth(frames, truth, newest, leader) {
  const nodes = nodesOf(newest), seen = new Map();
  for (const { name } of frames.machines) {
    const { availability, state } = nodes.get(name) || UNSEEN;
    const role = fact(truth, name, "role") || "";
    const wrong = role === "leader" && leader !== "" && leader !== name;
    seen.set(name, { looks: fact(truth, name, "up") || "off", role, term: fact(truth, name, "term") || 0, availability, state, wrong });
  }
  return seen;
}

function seenByManager(frames, truth, store, newest, lens, leader) {
  const nodes = nodesOf(store), known = nodesOf(newest), seen = new Map();
  for (const { name } of frames.machines) {
    const node = nodes.get(name);
    if (!awake(truth, lens)) seen.set(name, UNSEEN);
    else if (!node) seen.set(name, { ...UNSEEN, wrong: known.has(name) });
    else seen.set(name, nodeSeen(truth, node, name, lens, leader));
  }
  return seen;
}

function nodeSeen(truth, node, name, lens, leader) {
  const mine = name === lens ? fact(truth, lens, "role") || "" : "follower"; // led by whom it holds for the leader
  const role = node.role !== "manager" ? "" : fact(truth, lens, "leader") === name ? "leader" : mine;
  const looks = { ready: "up", down: "down", disconnected: "down" }[node.state] || "unknown";
  const isUp = fact(truth, name, "up") === "up";
  return {
    looks,
    role,
    term: node.role === "manager" && (name === lens || role === "leader") ? fact(truth, lens, "term") || 0 : 0,
    availability: node.availability,
    state: node.state,
    wrong: looks !== "unknown" && ((looks === "up") !== isUp || (role === "leader" && name !== leader)),
  };
}

function seenByWorker(frames, truth, lens) {
  const seen = new Map();
  for (const { name } of frames.machines) {
    const state = name === lens ? "alive" : fact(truth, lens, `peer/${name}`) || "";
    const looks = { alive: "up", suspect: "suspect", failed: "down" }[state] || "unknown";
    const wrong = looks !== "unknown" && (looks !== "down") !== (fact(truth, name, "up") === "up");
    seen.set(name, awake(truth, lens) ? { ...UNSEEN, looks, state, wrong } : UNSEEN);
  }
  return seen;
}

function boardRows(frames, truth, applied, seen, cells, real, lens) {
  const believed = new Set(cells.map((cell) => cell.task));
  const hidden = real.filter((cell) => LIVE.has(cell.fact) && !believed.has(cell.task));
  const rows = frames.machines.map(({ name }) => {
    const keys = lens === "truth" || lens === name ? [...(truth.get(name) || [])] : [];
    return {
      name,
      ...seen.get(name),
      swarm: fact(truth, name, "swarm") || "",
      applied: applied.get(name) || 0,
      blocked: keys.filter(([key]) => key.startsWith("blocked/")).map(([key]) => key.slice(8)),
      cells: [],
      plain: keys.filter(([k]) => k.startsWith("plain/")).map(([k, value]) => ({ container: k.slice(6), ...value })),
      hidden: hidden.filter((cell) => cell.machine === name).length,
    };
  });
  const byName = new Map(rows.map((row) => [row.name, row]));
  for (const cell of cells) byName.get(cell.machine)?.cells.push(cell);
  return rows;
}

function servicesOf(store, cells, real, lens) {
  const modes = new Map([...(store.get("service")?.values() || [])].map((service) => [service.name, service]));
  const count = (list, test) => list.reduce((map, c) => (test(c) ? map.set(c.service, (map.get(c.service) || 0) + 1) : map), new Map());
  const wants = count(cells, (c) => c.wish === "running");
  const runs = (c) => c.wish === "running" && c.fact === "running";
  const has = count(cells, runs), truly = count(real, runs);
  return [...(modes.size ? modes.keys() : new Set(cells.map((c) => c.service)))].map((service) => {
    const { mode, replicas } = modes.get(service) || { mode: "", replicas: 0 };
    const wanted = mode.startsWith("replicated") ? replicas : wants.get(service) || 0;
    const filled = has.get(service) || 0;
    const wrong = lens !== "truth" && modes.size > 0 && filled !== (truly.get(service) || 0);
    return { service, mode, wanted, filled, wrong };
  });
}

// ── words: what is said instead of drawn ────────────────────────────────────────────────────────────────────────

/** How a machine looks that does not work. */
const OUT = ["down", "frozen", "off"];

/** The board in one sentence; the same as `summary` in Python. */
export function summary(world) {
  const tenths = Math.floor(world.time / 1e5);
  const leads = world.machines.find((m) => m.role === "leader" && m.name === world.leader);
  const sum = (key) => world.services.reduce((total, service) => total + service[key], 0);
  const named = (looks) => world.machines.filter((m) => m.looks === looks).map((m) => m.name).join(", ");
  const believer = world.lens === "truth" ? "" : `, as ${world.lens} sees it`;
  const who = leads ? `${leads.name} leads, term ${leads.term}` : "nobody leads";
  const lost = OUT.filter(named).map((looks) => `${named(looks)} ${looks}`).join(", ") || "nothing down";
  return `t=${Math.floor(tenths / 10)}.${tenths % 10} s${believer}: ${who}; ${sum("filled")} of ${sum("wanted")} tasks run; ${lost}`;
}

/** How managers agree on each step: left out of an explanation that is about something else (lesson 03 tells it). */
const AGREEING = new Set(["EntriesAppended", "CommitAdvanced", "Applied"]);

/** 'node/x' or 'task/y' → the numbers of the facts about it, in order. */
function subjects(frames) {
  const about = new Map();
  const add = (key, number) => (about.has(key) ? about.get(key).push(number) : about.set(key, [number]));
  for (const [, number, machine, key] of frames.truth) {
    if (number < 0) continue;
    if (key.startsWith("run/")) add(`task/${key.slice(4)}`, number);
    else if (["up", "role", "term", "swarm"].includes(key) || key.startsWith("blocked/")) add(`node/${machine}`, number);
  }
  for (const [, number, , kind, id, fields] of frames.log) {
    if (kind === "task") add(`task/${id}`, number);
    if (kind === "node" && fields) add(`node/${fields.machine}`, number);
  }
  for (const list of about.values()) list.sort((a, b) => a - b);
  return about;
}

/** One or two letters for each service, so that no two are the same. */
function initials(names) {
  const taken = new Map();
  for (const name of names) {
    const word = name.slice(name.lastIndexOf("_") + 1) || name;
    const tries = [word[0].toUpperCase(), ...[...word.slice(1)].map((letter) => word[0].toUpperCase() + letter)];
    const free = tries.find((text) => ![...taken.values()].includes(text));
    taken.set(name, free || tries[0] + (taken.size % 10));
  }
  return taken;
}

// ── layout: where everything stands, for good ───────────────────────────────────────────────────────────────────

const GAP = 14, GUTTER = 112, EDGE = 3, NARROW = 620;

/** The most tasks that a machine ever has at once, by the store. */
function peaks(frames) {
  const place = new Map(), now = new Map(), most = new Map();
  const move = (machine, by) => {
    now.set(machine, (now.get(machine) || 0) + by);
    most.set(machine, Math.max(most.get(machine) || 0, now.get(machine)));
  };
  for (const [, , , kind, id, fields] of frames.log) {
    if (kind !== "task") continue;
    const machine = fields && !ENDED.has(fields.desired) ? frames.nodes[fields.node] || "" : null;
    if (place.has(id) && place.get(id) !== machine) move(place.get(id), -1), place.delete(id);
    if (machine !== null && !place.has(id)) move(machine, 1), place.set(id, machine);
  }
  return most;
}

/** Boxes by machine, and the frame round them, for a board of this width: a pure function of rows and width. */
export function layout(frames, width) {
  const rows = { manager: [], worker: [], outside: [] };
  for (const machine of frames.machines) (rows[machine.row] || rows.worker).push(machine);
  if (width < NARROW) rows.outside = []; // two boards side by side: there is room for the swarm only
  const inside = rows.manager.length + rows.worker.length;
  const density = inside <= 12 && width >= NARROW ? "full" : inside <= 50 ? "dots" : "counts";
  const cell = density === "full" ? 28 : 11, gap = density === "full" ? 6 : 4, least = density === "full" ? 138 : 82;
  const left = rows.outside.length ? GUTTER : EDGE, room = width - left - EDGE;
  const head = density === "full" ? 36 : 25;
  const most = peaks(frames), boxes = new Map(), zones = [];
  const place = (machines, x, y, columns, wide, apart = GAP) => {
    const perRow = Math.max(1, Math.floor((wide - 16 + gap) / (cell + gap)));
    const need = Math.max(frames.lines || 1, ...machines.map((m) => Math.ceil((most.get(m.name) || 0) / perRow)));
    const lines = density === "full" ? Math.min(6, need) : Math.min(4, need);
    const high = head + lines * (cell + gap) + (density === "full" ? 22 : 4);
    machines.forEach((machine, i) => {
      const box = { x: x + (i % columns) * (wide + apart), y: y + Math.floor(i / columns) * (high + GAP), w: wide, h: high };
      boxes.set(machine.name, { ...box, head, cell, gap, perRow, lines, density });
    });
    return y + Math.ceil(machines.length / columns) * (high + GAP);
  };
  let y = 8;
  if (rows.manager.length) {
    const columns = Math.min(rows.manager.length, Math.max(1, Math.floor((room + GAP) / (least + GAP))));
    const wide = Math.min(214, Math.floor((room - GAP * (columns - 1)) / columns));
    const apart = Math.max(GAP, Math.min(84, Math.floor((room - columns * wide) / (columns + 1)))); // they talk most: room to see it
    y = place(rows.manager, left + Math.floor((room - columns * (wide + apart) + apart) / 2), y, columns, wide, apart);
  }
  const tray = { x: left, y: y + 4, w: room, h: 36, perRow: Math.floor((room - 118) / (cell + gap)), lines: 1, cell, gap, density };
  y += 36 + GAP + 4;
  const byZone = new Map();
  for (const machine of rows.worker) byZone.set(machine.zone, [...(byZone.get(machine.zone) || []), machine]);
  const named = byZone.size > 1;
  const columns = Math.max(byZone.size, Math.min(rows.worker.length, Math.floor((room + GAP) / (least + GAP))));
  const wide = Math.min(214, Math.floor((room - GAP * (columns - 1)) / columns));
  let x = left, bottom = y, used = 0;
  if (density !== "counts" && columns === rows.worker.length) x += Math.floor((room - columns * (wide + GAP) + GAP) / 2);
  [...byZone].forEach(([zone, machines], i) => {
    const left = byZone.size - i - 1, share = Math.round((columns * machines.length) / rows.worker.length);
    const mine = left ? Math.min(Math.max(1, share), columns - used - left) : columns - used;
    const box = { zone, x, y, w: mine * (wide + GAP) - GAP, machines: machines.map((m) => m.name) };
    const top = y + (named ? 22 : 0);
    box.end = density === "counts" ? top + 96 : place(machines, x, top, mine, wide);
    if (named || density === "counts") zones.push({ ...box, top });
    bottom = Math.max(bottom, box.end);
    (x += mine * (wide + GAP)), (used += mine);
  });
  rows.outside.forEach((machine, i) => boxes.set(machine.name, { x: EDGE, y: 24 + i * 84, w: 84, h: 50, outside: true, density }));
  return { width, height: Math.max(bottom, 24 + rows.outside.length * 84) + 4, boxes, zones, tray, density };
}

// ── drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────

const FILLING = { assigned: 0.12, accepted: 0.25, preparing: 0.4, ready: 0.55, starting: 0.75, running: 1, complete: 1 };
const GLYPHS = {
  failed: "M.26 .26L.74 .74M.74 .26L.26 .74",
  rejected: "M.5 .2A.3 .3 0 1 0 .501 .2M.29 .71L.71 .29",
  complete: "M.24 .52L.43 .72L.77 .3",
  orphaned: "M.36 .36A.15 .15 0 1 1 .5 .52L.5 .62M.5 .76L.5 .78",
};
const scaled = (path, size) => path.replace(/[\d.]+/g, (n, at) => (/A[^MLA]*$/.test(path.slice(0, at)) && /^[01]$/.test(n) ? n : +(n * size).toFixed(2)));

/** A place for one task: its outline is the wish, its filling is the fact. */
function makeCell(parent, x, y, size) {
  const g = make(parent, "g", { class: "sl-task", transform: `translate(${x} ${y})`, visibility: "hidden" });
  const r = size > 14 ? 4 : size > 9 ? 3 : 2;
  const view = { g, size, title: make(g, "title") };
  view.rim = make(g, "rect", { class: "sl-rim", x: -3, y: -3, width: size + 6, height: size + 6, rx: r + 3 });
  make(g, "rect", { class: "sl-bed", width: size, height: size, rx: r });
  view.fill = make(g, "rect", { class: "sl-fill", width: size, height: 0, rx: r });
  view.outline = make(g, "rect", { class: "sl-outline", width: size, height: size, rx: r });
  view.letter = make(g, "text", { class: "sl-letter", x: size / 2, y: size * 0.68, "font-size": Math.round(size * 0.5) });
  view.glyph = make(g, "path", { class: "sl-glyph" });
  view.glyphs = Object.fromEntries(Object.entries(GLYPHS).map(([state, path]) => [state, scaled(path, size)]));
  return view;
}

function drawCell(view, cell, board) {
  show(view.g, Boolean(cell));
  view.cell = cell;
  if (!cell) return set(view.g, "data-task", null);
  const { g, size } = view, high = Math.round((FILLING[cell.fact] || 0) * size);
  const isNew = set(g, "data-task", cell.task);
  if (set(g, "data-state", cell.fact) || isNew) board.flash(view.outline);
  set(g, "data-wish", cell.wish || "none");
  set(g, "data-wrong", cell.wrong ? "1" : null);
  set(g, "data-hue", board.hues.get(cell.service) || null);
  set(view.fill, "height", high), set(view.fill, "y", size - high);
  set(view.glyph, "d", view.glyphs[cell.fact] || "");
  say(view.letter, size > 14 ? board.letters.get(cell.service) || "" : "");
  say(view.title, `${cell.name}: ${cell.fact}${cell.wish && cell.wish !== cell.fact ? `, should be ${cell.wish}` : ""}${cell.err ? ` (${cell.err})` : ""}`);
}

const bars = (w, top, h) => Array.from({ length: Math.floor(w / 12) }, (_, i) => `M${8 + i * 12} ${top}V${h}`).join("");

function makeNode(parent, name, box) {
  const g = make(parent, "g", { class: "sl-node", "data-name": name, transform: `translate(${box.x} ${box.y})`, tabindex: 0, role: "button" });
  const view = { g, box, name, title: make(g, "title") };
  view.rim = make(g, "rect", { class: "sl-rim", x: -4, y: -4, width: box.w + 8, height: box.h + 8, rx: 12 });
  make(g, "rect", { class: "sl-box", width: box.w, height: box.h, rx: 8 });
  view.hatch = make(g, "path", { class: "sl-hatch", d: hatch(box.w, box.h, 11, true) });
  view.bars = make(g, "path", { class: "sl-bars", d: bars(box.w, box.head || 0, box.h - 6) });
  const small = box.density !== "full" && !box.outside;
  const short = small ? name.replace(/^(manager|worker|node)-/, (word) => `${word[0]}-`) : name;
  make(g, "text", { class: "sl-name", x: box.outside ? box.w / 2 : 9, y: box.outside ? 30 : 17, "text-anchor": box.outside ? "middle" : "start" }).textContent = short;
  if (box.outside) return view;
  view.tag = make(g, "text", { class: "sl-tag", x: small ? box.w - 6 : 9, y: small ? 17 : 30, "text-anchor": small ? "end" : "start" });
  view.role = make(g, "g", { class: "sl-role", transform: small ? `translate(${box.w - 14} 14) scale(.75)` : `translate(${box.w - 19} 18)` });
  make(view.role, "circle", { class: "sl-ring", r: 12 });
  make(view.role, "circle", { class: "sl-ring sl-second", r: 9.5 });
  make(view.role, "path", { class: "sl-crown", d: CROWN });
  view.letter = make(view.role, "text", { class: "sl-letter", y: 4.5 });
  view.badge = make(g, "g", { class: "sl-term", transform: small ? `translate(${box.w - 52} 5)` : `translate(${box.w - 70} 8.5)` });
  make(view.badge, "rect", { width: small ? 26 : 33, height: 19, rx: 5 });
  view.term = make(view.badge, "text", { x: small ? 13 : 16.5, y: 13.5 });
  view.cells = makeCells(g, 8, box.head + 2, box);
  const bottom = box.h - 17;
  view.old = box.density === "full" ? Array.from({ length: Math.floor((box.w - 60) / 15) }, (_, i) => makeCell(g, 8 + i * 15, bottom, 11)) : [];
  view.old.forEach((cell) => cell.g.classList.add("sl-old"));
  if (!small) view.knows = makeLabel(g, "sl-knows", box.h), view.copies = makeLabel(g, "sl-copies", box.h);
  view.more = make(g, "text", { class: "sl-more", x: box.w - 7, y: small ? box.h - 3 : box.h - 8, "text-anchor": "end" });
  return view;
}

/** A label on the lower edge of a box: what this node knows, or has. */
function makeLabel(parent, kind, y) {
  const g = make(parent, "g", { class: `${kind} sl-lowlabel`, transform: `translate(9 ${y})`, visibility: "hidden" });
  return { g, box: make(g, "rect", { x: -4, y: -7, height: 14, rx: 4 }), text: make(g, "text", { y: 3.8 }), title: make(g, "title") };
}

function makeCells(parent, x, y, { perRow, lines, cell, gap }) {
  const at = (i) => [x + (i % perRow) * (cell + gap), y + Math.floor(i / perRow) * (cell + gap)];
  return Array.from({ length: perRow * lines }, (_, i) => makeCell(parent, ...at(i), cell));
}

const TAGS = { down: "down", frozen: "frozen", off: "off", suspect: "suspected", unknown: "unknown" };

function drawNode(view, machine, world, board) {
  const { g, box } = view, bare = !machine.swarm && machine.looks === "up" && world.lens === "truth";
  if (box.outside) return;
  set(g, "data-looks", machine.looks), set(g, "data-availability", machine.availability || null);
  set(g, "data-wrong", machine.wrong ? "1" : null), set(g, "data-lens", world.lens === machine.name ? "1" : null);
  const side = board.sides.get(machine.name);
  // down is what somebody believes; the truth is that the power is off
  const looks = world.lens === "truth" && machine.looks === "down" ? "no power" : TAGS[machine.looks];
  const tags = [looks, { drain: "▥ drained", pause: "❚❚ paused" }[machine.availability], side && `cut ${side}`];
  tags.push(machine.blocked.length && `✕ ${machine.blocked.join(" ")}`, bare && "no swarm");
  if (box.density === "full" && machine.applied && machine.looks !== "down") tags.push(`log ${machine.applied}`);
  const text = tags.filter(Boolean);
  say(view.tag, box.density === "full" ? text.join(" · ") : machine.role ? "" : text[0] || "");
  say(view.title, [machine.name, ...text, machine.role && `${machine.role}, term ${machine.term}`].filter(Boolean).join(", "));
}

/** What the layers draw on: a view per machine, and a sheet below and one above for what moves. */
class Board {
  constructor(root, frames, width) {
    Object.assign(this, { frames, hues: new Map(), playing: false, window: SECOND / 4, sides: new Map() });
    const services = new Set(frames.log.filter((row) => row[3] === "service" && row[5]).map((row) => row[5].name));
    for (const row of frames.truth) if (row[3].startsWith("run/") && row[4]) services.add(row[4].service);
    this.services = [...services];
    this.letters = initials(this.services);
    this.layout = layout(frames, width);
    const { height, boxes, zones, tray, density } = this.layout;
    this.root = html(root, "div", { class: "sl-sheets" });
    const sheet = (name) => make(this.root, "svg", { class: name, viewBox: `0 0 ${width} ${height}`, width, height, "data-density": density });
    // three sheets, so that what moves never makes the browser paint what stands: trails and zones, nodes, moving shapes
    [this.under, this.svg, this.over] = [sheet("sl-under"), sheet("sl-board"), sheet("sl-over")];
    for (const zone of zones) this.makeZone(zone);
    this.trayView = this.makeTray(tray);
    this.nodes = new Map([...boxes].map(([name, box]) => [name, makeNode(this.svg, name, box)]));
  }

  makeZone(zone) {
    const { x, y, w, top, end } = zone;
    const g = make(this.under, "g", { class: "sl-zone" });
    make(g, "path", { d: `M${x} ${y + 18}V${y + 12}H${x + w}V${y + 18}` });
    zone.label = make(g, "text", { x: x + w / 2, y: y + 7 });
    zone.label.textContent = zone.zone || "workers";
    if (this.layout.density !== "counts") return;
    make(g, "rect", { class: "sl-box", x, y: top, width: w, height: end - top - GAP, rx: 8 });
    zone.lines = [0, 1].map((i) => make(g, "text", { class: "sl-count", x: x + 12, y: top + 20 + i * 18 }));
    zone.deviants = Array.from({ length: Math.floor((w - 20) / 16) }, (_, i) => makeCell(g, x + 12 + i * 16, top + 58, 11));
  }

  makeTray(tray) {
    const g = make(this.svg, "g", { class: "sl-tray" });
    make(g, "rect", { x: tray.x, y: tray.y, width: tray.w, height: tray.h, rx: 8 });
    const label = make(g, "text", { x: tray.x + 10, y: tray.y + 22 });
    label.textContent = "no node yet";
    return { label, cells: makeCells(g, tray.x + 88, tray.y + (tray.h - tray.cell) / 2, tray) };
  }

  flash(element) {
    if (this.playing && !this.still && this.window < SECOND) element.animate([{ strokeWidth: "5px" }, {}], 380);
  }

  /** Where a line between two machines leaves one box and meets the other. */
  between(from, to) {
    const a = this.layout.boxes.get(from), b = this.layout.boxes.get(to);
    if (!a || !b || a === b) return null;
    const [ax, ay, bx, by] = [a.x + a.w / 2, a.y + a.h / 2, b.x + b.w / 2, b.y + b.h / 2];
    const edge = (box) => Math.min(box.w / 2 / Math.max(Math.abs(bx - ax), 1e-6), box.h / 2 / Math.max(Math.abs(by - ay), 1e-6), 0.5);
    const [p, q] = [edge(a), 1 - edge(b)];
    return [ax + (bx - ax) * p, ay + (by - ay) * p, ax + (bx - ax) * q, ay + (by - ay) * q];
  }

  draw(world, t, names) {
    this.sides = new Map(world.cuts.flatMap((cut) => cut.groups.flatMap((group, i) => group.map((name) => [name, "ABCDEFGH"[i]]))));
    set(this.svg, "data-layers", names.join(" "));
    for (const machine of world.machines) {
      const view = this.nodes.get(machine.name);
      if (view) drawNode(view, machine, world, this);
    }
    for (const name of names) layers[name]?.(this, world, t);
  }
}

// ── layers: each draws one thing from the same world; later lessons add theirs here, by name ────────────────────

export const layers = {
  /** Who leads, who asks, who follows, and in which term. */
  roles(board, world) {
    for (const machine of world.machines) {
      const view = board.nodes.get(machine.name);
      if (!view?.role) continue;
      show(view.role, Boolean(machine.role)), show(view.badge, machine.term > 0 && Boolean(machine.role));
      set(view.g, "data-role", machine.role || null);
      say(view.letter, { candidate: "C", precandidate: "P", follower: "F" }[machine.role] || "");
      say(view.term, view.box.density === "full" ? `T ${machine.term}` : `${machine.term}`);
      set(view.badge, "data-tint", machine.term % 2 ? "odd" : "even");
    }
  },

  /** Slots, tasks and plain containers; what has no node waits in the tray. */
  tasks(board, world) {
    const hues = [...board.hues].join();
    if (board.drawn === world && board.drawnHues === hues) return;
    Object.assign(board, { drawn: world, drawnHues: hues });
    for (const machine of world.machines) {
      const view = board.nodes.get(machine.name);
      if (!view?.cells) continue;
      const plain = machine.plain.map((p) => plainCell(p, machine.name));
      const now = [...plain, ...machine.cells.filter((cell) => !cell.old)], old = machine.cells.filter((cell) => cell.old);
      view.cells.forEach((cell, i) => drawCell(cell, now[i], board));
      view.old.forEach((cell, i) => drawCell(cell, old[Math.max(0, old.length - view.old.length) + i], board));
      const unseen = now.length - view.cells.length;
      say(view.more, machine.hidden ? `${machine.hidden} not known` : unseen > 0 ? `+${unseen}` : "");
      set(view.more, "data-wrong", machine.hidden ? "1" : null);
    }
    board.trayView.cells.forEach((cell, i) => drawCell(cell, world.tray[i], board));
    const more = world.tray.length - board.trayView.cells.length;
    say(board.trayView.label, more > 0 ? `no node yet, +${more}` : "no node yet");
    for (const zone of board.layout.zones) if (zone.lines) drawZone(zone, world, board);
  },

  /** What machines say to each other, but for signs of life: those say nothing new, their absence is what counts. */
  messages(board, world, t) {
    (board.dots ??= new Pool(board, "sl-message", DOT)).draw(flights(board, t, (name) => !ROUTINE.has(name) && !TRAFFIC.has(name)));
  },

  /** The signs of life, on demand. */
  heartbeats(board, world, t) {
    (board.beats ??= new Pool(board, "sl-message", DOT)).draw(flights(board, t, (name) => ROUTINE.has(name)));
  },

  /** How many tasks each node's tables hold, for names and load balancers, and how many of them wrongly or not at all. */
  tables(board, world) {
    for (const { name, looks } of world.machines) {
      const view = board.nodes.get(name)?.knows;
      if (!view) continue;
      const [known, stale, missing] = tablesOf(board.frames, world, name);
      const shown = (world.lens === "truth" || world.lens === name) && (known > 0 || missing > 0) && !OUT.includes(looks);
      const words = [`knows ${known}`, stale && `${stale} stale`, missing && `lacks ${missing}`].filter(Boolean).join(" · ");
      say(view.text, words), set(view.box, "width", Math.round(words.length * 5.6 + 8));
      set(view.g, "data-wrong", stale || missing ? "1" : null), show(view.g, shown);
    }
  },

  /** How many copies of secrets and configs each machine has, sealed (▨) and in clear (□); only the truth tells. */
  copies(board, world, t) {
    const held = copiesAt(board.frames, t);
    for (const { name } of world.machines) {
      const view = board.nodes.get(name)?.copies;
      if (!view) continue;
      const [sealed, clear, names] = held.get(name) || [0, 0, []];
      const words = [sealed && `▨ ${sealed} sealed`, clear && `□ ${clear} clear`].filter(Boolean).join(" · ");
      say(view.text, words), say(view.title, names.join(", ")), set(view.box, "width", Math.round(words.length * 5.3 + 8));
      show(view.g, world.lens === "truth" && Boolean(words));
    }
  },

  /** Visits: diamonds from stop to stop. */
  requests(board, world, t) {
    const rows = board.frames.requests, wanted = [];
    for (let i = countUpTo(rows, t, (row) => row[6][0][0]) - 1; i >= 0 && wanted.length < 60; i--) {
      const [number, last, url, , , error, stops] = rows[i];
      if (rows[i][6][0][0] < t - board.window - 60 * SECOND) break;
      if (stops[stops.length - 1][0] + board.window < t) continue;
      for (let s = 1; s < stops.length && stops[s - 1][0] <= t; s++) {
        const [[left, here], [there, next]] = [stops[s - 1], stops[s]];
        const dies = error && s === stops.length - 1;
        wanted.push([`${number}.${s}`, here, next, Math.min(1, (t - left) / Math.max(1, there - left)), dies ? 1 : 0, `request ${number} ${url}`, last]);
      }
    }
    (board.diamonds ??= new Pool(board, "sl-request", "M0 -5.5L5.5 0L0 5.5L-5.5 0Z")).draw(wanted);
  },
};

/** machine → [sealed, clear, names] of the copies that it has at `t` µs. */
export function copiesAt(frames, t) {
  const held = new Map(), rows = frames.copies || [];
  for (let i = 0; i < rows.length && rows[i][0] <= t; i++) held.set(rows[i][1], rows[i].slice(2));
  return held;
}

/** Tasks that a node's tables hold, beside those that truly are there to be found: [known, stale, missing]. It needs
 *  those of published services, and the others if it has any of these: then it is on another network. */
export function tablesOf(frames, world, name) {
  const { truth } = folds.get(frames), now = truth.state, real = new Map(), open = published(frames);
  const held = (machine) => [...(now.get(machine) || [])].filter(([key]) => key.startsWith("backend/")).map(([key, value]) => [key.slice(8), value]);
  for (const machine of world.machines)
    if (fact(now, machine.name, "up") === "up")
      for (const [task, value] of held(machine.name))
        if (value.machine === machine.name && fact(now, machine.name, `run/${task}`)?.state === "running") real.set(task, value.service);
  const known = new Map(held(name).map(([task, value]) => [task, value.service]));
  const apart = [...known.values()].some((service) => !open.has(service)), member = Boolean(fact(now, name, "swarm"));
  const stale = [...known.keys()].filter((task) => !real.has(task)).length;
  const missing = [...real].filter(([task, service]) => !known.has(task) && (apart || (member && open.has(service)))).length;
  return [known.size, stale, missing];
}

const opened = new WeakMap();

/** Services that ever publish a port: all nodes of the swarm are on the network of those. */
function published(frames) {
  if (!opened.has(frames)) {
    const rows = frames.log.filter(([, , , kind, , fields]) => kind === "service" && fields && fields.ports.length);
    opened.set(frames, new Set(rows.map((row) => row[5].name)));
  }
  return opened.get(frames);
}

const DOT = "M-3.6 0A3.6 3.6 0 1 1 3.6 0A3.6 3.6 0 1 1 -3.6 0Z";
const ROUTINE = new Set(["Heartbeat", "HeartbeatAnswer", "Ping", "Ack", "Rumours", "State"]);
const TRAFFIC = new Set(["Visit", "Frame", "Response"]); // drawn as requests

/** Messages under way at `t`, at simulated speed. Most arrive within a millisecond, so each leaves its trail for a moment
 *  (`board.window`, simulated time); where the dot itself is, is never stretched. */
function flights(board, t, wanted) {
  const rows = board.frames.messages, from = t - board.window - 5 * SECOND, found = [];
  for (let i = countUpTo(rows, t, (row) => row[0]) - 1; i >= 0 && rows[i][0] >= from && found.length < 48; i--) {
    const [sent, arrived, sender, to, , name, fate, cause] = rows[i];
    const end = arrived < 0 ? sent + 2000 : arrived; // one that never came is shown to die after 2 ms
    if (end + board.window < t || sender === to || !wanted(name)) continue;
    const dies = fate === "down" ? 1 : arrived >= 0 ? 0 : 0.5;
    found.push([i, sender, to, Math.min(1, (t - sent) / Math.max(1, end - sent)), dies, fate ? `${name}, ${fate}` : name, cause]);
  }
  return found;
}

const plainCell = ({ container, name, state }, machine) =>
  newCell(container, name || container, 0, machine, state === "exited" ? "" : "running", { created: "ready", running: "running" }[state] || "shutdown", "");

function drawZone(zone, world, board) {
  const mine = new Set(zone.machines), machines = world.machines.filter((m) => mine.has(m.name));
  const cells = machines.flatMap((m) => m.cells.filter((cell) => !cell.old));
  const down = machines.filter((m) => m.looks !== "up");
  say(zone.lines[0], `${machines.length} nodes${down.length ? `, ${down.length} not up` : ""}`);
  const lost = down.map((m) => newCell(`node/${m.name}`, m.name, 0, m.name, "running", m.looks === "down" ? "failed" : "gone", ""));
  const odd = [...lost, ...cells.filter((c) => c.wrong || (c.wish === "running" && c.fact !== "running"))];
  zone.deviants.forEach((view, i) => drawCell(view, odd[i], board));
  const more = odd.length - zone.deviants.length, count = (key) => cells.filter((cell) => cell[key] === "running").length;
  say(zone.lines[1], `${count("fact")} of ${count("wish")} tasks run${more > 0 ? `; ${more} more deviate` : ""}`);
}

/** Moving things: a trail under the boxes and a shape above them, made when first needed and used again. */
class Pool {
  constructor(board, kind, shape) {
    Object.assign(this, { board, kind, shape, items: [], trails: make(board.under, "g"), shapes: make(board.over, "g") });
  }

  item(i) {
    if (!this.items[i]) {
      const g = make(this.shapes, "g", { class: this.kind });
      const trail = make(this.trails, "line", { class: `${this.kind}-trail` });
      this.items[i] = { g, trail, title: make(g, "title"), body: make(g, "path"), cross: make(g, "path", { class: "sl-cross", d: "M-5 -5L5 5M5 -5L-5 5" }) };
    }
    return this.items[i];
  }

  /** Rows of [key, from, to, how far (0 to 1), where it dies (0: nowhere), text, fact]. */
  draw(rows) {
    let used = 0;
    this.moves = rows.length > 0;
    for (const [, from, to, far, dies, text, number] of rows) {
      const line = this.board.between(from, to);
      if (!line) continue;
      const { g, trail, title, body, cross } = this.item(used++);
      const reach = dies ? Math.min(far, dies) : far, dead = dies > 0 && far >= dies;
      const [x, y] = [line[0] + (line[2] - line[0]) * reach, line[1] + (line[3] - line[1]) * reach];
      set(g, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`), set(g, "data-fact", String(number));
      set(body, "d", dead ? "" : this.shape), show(cross, dead), say(title, text), show(g, true), show(trail, true);
      set(trail, "x1", line[0].toFixed(1)), set(trail, "y1", line[1].toFixed(1)), set(trail, "x2", x.toFixed(1)), set(trail, "y2", y.toFixed(1));
      set(trail, "data-dead", dead ? "1" : null);
    }
    for (let i = used; i < this.items.length; i++) show(this.items[i].g, false), show(this.items[i].trail, false);
  }
}

// ── controls: lens and layers beside what every board has ──────────────────────────────────────────────────────

class BoardControls extends Controls {
  constructor(parent, player) {
    super(parent, player);
    const names = player.frames.machines.filter((m) => m.row !== "outside").map((m) => [m.name, `as ${m.name} sees it`]);
    this.lens = this.select("sl-lens", "lens", [["truth", "truth"], ...names], (value) => player.setLens(value));
    this.switches(player.layers, (name) => player.toggleLayer(name));
  }
}

// ── player: one view of one model ───────────────────────────────────────────────────────────────────────────────

const HUES = ["orange", "green", "purple", "yellow"];

class Player extends Playable {
  constructor(model, el) {
    super(model, el, "The board of this run, playable");
  }

  build() {
    this.layers = this.model.get("layers");
    this.lens = this.model.get("lens");
    this.off = new Set();
    this.hues = new Map();
    this.legend = html(this.root, "div", { class: "sl-legend", role: "group", "aria-label": "Services" });
    this.furnish(BoardControls, AGREEING);
    if (this.model.get("height")) this.stage.style.maxHeight = `${this.model.get("height")}px`;
    this.controls.lens.value = this.lens;
  }

  listen() {
    super.listen();
    this.follow("lens", () => this.setLens(this.model.get("lens"), false));
  }

  /** Build the board for the width there is; again when that changes. */
  fit() {
    const width = Math.round(Math.min(1400, Math.max(NARROW, this.stage.clientWidth || 960)));
    if (this.board?.layout.width === width) return;
    this.board?.root.remove();
    this.board = new Board(this.stage, this.frames, width);
    Object.assign(this.board, { hues: this.hues, still: this.still });
    this.makeLegend();
    this.controls.makeMarks(width);
    if (this.root.dataset.ready) this.draw();
  }

  get width() {
    return this.board.layout.width;
  }

  digits() {
    return 1;
  }

  words() {
    return summary(worldAt(this.frames, this.t, this.lens));
  }

  makeLegend() {
    this.chips = this.board.services.map((service) => {
      const chip = html(this.legend, "button", { type: "button", class: "sl-chip", "aria-pressed": "false", title: `Colour ${service}` });
      const view = { chip, letter: html(chip, "b", {}, this.board.letters.get(service)), name: html(chip, "span", {}, service), count: html(chip, "i") };
      chip.addEventListener("click", () => this.colour(service));
      return [service, view];
    });
    this.legend.replaceChildren(...this.chips.map(([, view]) => view.chip));
  }

  draw() {
    const world = worldAt(this.frames, this.t, this.lens);
    this.board.window = Math.min(1.5, 0.3 * this.speed) * SECOND;
    this.board.playing = this.playing;
    this.board.draw(world, this.t, this.layers.filter((name) => !this.off.has(name)));
    this.controls.draw(this.t);
    set(this.root, "data-time", String(this.t));
    set(this.root, "data-lens", this.lens);
    if (this.counted !== world || this.countedChips !== this.chips) this.count(world);
    return world;
  }

  count(world) {
    [this.counted, this.countedChips] = [world, this.chips];
    const rows = new Map(world.services.map((row) => [row.service, row]));
    for (const [service, { chip, count }] of this.chips) {
      const row = rows.get(service);
      say(count, row ? `${row.filled}/${row.wanted}` : "–");
      set(chip, "data-wrong", row?.wrong ? "1" : null), set(chip, "data-short", row && row.filled < row.wanted ? "1" : null);
      set(chip, "data-absent", row ? null : "1");
    }
  }

  // what the learner chooses

  setLens(value, sync = true) {
    this.lens = value;
    this.controls.lens.value = value;
    if (sync) this.model.set("lens", value), this.model.save_changes();
    this.draw();
    if (!this.playing) this.announce();
  }

  toggleLayer(name) {
    if (!this.off.delete(name)) this.off.add(name);
    this.controls.pressed(name, !this.off.has(name));
    this.board[{ messages: "dots", heartbeats: "beats", requests: "diamonds" }[name]]?.draw([]);
    this.draw();
  }

  colour(service) {
    const free = HUES.find((hue) => ![...this.hues.values()].includes(hue));
    if (!this.hues.delete(service) && free) this.hues.set(service, free);
    for (const [name, { chip }] of this.chips) {
      set(chip, "data-hue", this.hues.get(name) || null);
      chip.setAttribute("aria-pressed", String(this.hues.has(name)));
    }
    this.draw();
  }

  /** The last fact about a subject (`node/x`, `task/y`) up to now; under a manager's lens the last one that it has written down. */
  last(subject, world = null) {
    this.about ??= subjects(this.frames);
    this.indexes ??= new Map(this.frames.log.map((row) => [row[1], row[2]]));
    const believed = world && world.lens !== "truth" && world.index;
    const isKnown = (number) => this.frames.facts[number][0] <= this.t && (!believed || this.indexes.get(number) <= believed);
    const known = (this.about.get(subject) || []).filter(isKnown);
    return known.length ? known[known.length - 1] : -1;
  }

  /** A click on anything answers why it is so. */
  ask(target) {
    const moving = target.closest("[data-fact]"), task = target.closest(".sl-task"), node = target.closest(".sl-node");
    if (moving) this.why.open(moving.querySelector("title").textContent, +moving.dataset.fact);
    else if (task?.dataset.task?.startsWith("node/")) this.askNode(task.dataset.task.slice(5));
    else if (task?.dataset.task) this.askTask(task.dataset.task, task.querySelector("title").textContent);
    else if (node) this.askNode(node.dataset.name);
  }

  /** Under a lens: why this is believed, and beside it the truth. */
  askTask(id, title) {
    const world = worldAt(this.frames, this.t, this.lens), subject = `task/${id}`;
    const truth = this.last(subject), believed = this.last(subject, world);
    if (truth === believed) return this.why.open(title, truth);
    const near = [["the truth, and why", () => this.why.open(`${title.split(":")[0]}, in truth`, truth)]];
    this.why.open(`${this.lens} believes: ${title}`, believed, near);
  }

  askNode(name) {
    const machine = worldAt(this.frames, this.t, this.lens).machines.find((m) => m.name === name);
    const near = machine.cells.slice(-16).map((cell) => [
      `${cell.name} ${cell.fact}`,
      () => this.why.open(`${cell.name}: ${cell.fact}`, this.last(`task/${cell.task}`)),
    ]);
    this.why.open(`${name}: ${machine.looks}${machine.role ? `, ${machine.role}` : ""}`, this.last(`node/${name}`), near);
  }
}
