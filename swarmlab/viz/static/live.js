// The live board: one or two boards that follow running clusters, and the buttons for what people do to them.
//
// Sections: pieces · side · controls · acts · view. `kit.js` and `player.js` come before it.

// ── pieces: rows that grow ──────────────────────────────────────────────────────────────────────────────────────

const GROWING = new Set(["facts", "log", "applied", "truth", "messages", "requests", "marks", "copies"]);

/** Undo what a replay has folded of rows that are no longer the same. */
function cutReplay(replay, keep) {
  replay.keyframes.length = Math.min(replay.keyframes.length, Math.floor(keep / EVERY) + 1);
  if (replay.count <= keep) return;
  const last = replay.keyframes.length - 1;
  replay.state = copied(replay.keyframes[last]);
  replay.count = last * EVERY;
}

/** Add a piece (`viz/follow.py`) to the rows, in place. */
export function grow(rows, piece) {
  const fold = folds.get(rows);
  for (const [name, value] of Object.entries(piece)) {
    if (!GROWING.has(name)) {
      rows[name] = value;
      continue;
    }
    const [keep, more] = value, shorter = keep < rows[name].length;
    rows[name].length = keep;
    for (const row of more) rows[name].push(row);
    if (!fold || !shorter) continue;
    const replays = { truth: [fold.truth], applied: [fold.applied], log: [fold.newest, fold.believed] }[name] || [];
    for (const replay of replays) cutReplay(replay, keep);
  }
  if (fold) fold.last.key = "";
  if (piece.log) opened.delete(rows);
  return rows;
}

/** Take what came into the model, which all its views share. False: something is missing, and was asked for. */
function take(model, message) {
  const whole = model.get("whole");
  if (message.seq <= whole.seq) return true;
  if (message.seq !== whole.seq + 1) return ask(model, whole), false;
  whole.seq = message.seq;
  Object.assign(whole.boards, message.begun || {});
  for (const [name, piece] of Object.entries(message.pieces || {})) if (whole.boards[name]) grow(whole.boards[name], piece);
  Object.assign(whole.state, message.state || {});
  if (!whole.state.twin) delete whole.boards.B;
  if (whole.seq % 50 === 0) model.send({ got: whole.seq });
  return true;
}

function ask(model, whole) {
  if (performance.now() - (whole.asked || -1e9) < 2000) return;
  whole.asked = performance.now();
  model.send({ ask: "whole" });
}

// ── side: one board without controls of its own ─────────────────────────────────────────────────────────────────

const STUB = { draw() {}, makeMarks() {}, pressed() {}, tell() {}, playing() {}, lens: {}, speed: {} };

/** What a player expects of a model, for a board that belongs to a view. */
function modelOf(view, name, rows) {
  const traits = () => ({ frames: rows, speed: view.speed, time: view.t ?? rows.end, lens: view.lens, layers: view.layers, height: view.model.get("height") });
  return { view, name, get: (trait) => traits()[trait], set() {}, save_changes() {}, on() {}, off() {} };
}

class Side extends Player {
  constructor(view, name, rows) {
    super(modelOf(view, name, rows), view.stage);
    this.root.className = "sl-side";
    for (const [key, value] of Object.entries({ role: "group", "aria-label": `Board ${name}`, "data-board": name })) this.root.setAttribute(key, value);
    this.root.removeAttribute("tabindex");
    this.live.remove();
  }

  build() {
    const { view, name } = this.model;
    Object.assign(this, { view, name, layers: view.layers, lens: view.lens, off: view.off, hues: view.hues, controls: STUB, looked: 0 });
    this.frames.lines = 2; // room for what will be deployed, so that the page does not jump
    const head = html(this.root, "div", { class: "sl-sidehead" });
    html(head, "b", {}, name);
    this.when_ = html(head, "span", {});
    this.legend = html(this.root, "div", { class: "sl-legend", role: "group", "aria-label": "Services" });
    this.stage = html(this.root, "div", { class: "sl-stage" });
    this.why = new Why(this.root, this.frames, (t) => view.go(t), AGREEING);
    if (view.model.get("height")) this.stage.style.maxHeight = `${view.model.get("height")}px`;
  }

  listen() {
    this.stops = [];
    const observer = new ResizeObserver(() => this.fit());
    observer.observe(this.stage);
    this.stops.push(() => observer.disconnect());
  }

  settle() {}
  announce() {}

  /** Other rows, since some of the old ones are missing. */
  adopt(rows) {
    rows.lines = 2;
    this.frames = this.why.frames = rows;
    this.about = null;
    this.fit(true);
  }

  /** What must be drawn anew when rows came: the board itself only when it has no place for them. */
  grew(piece) {
    this.about = null;
    this.dirty ||= Boolean(piece.machines || piece.log || piece.truth);
  }

  fitIfDue(now) {
    if (!this.dirty || now - this.looked < 500) return;
    Object.assign(this, { looked: now, dirty: false });
    this.fit(this.shape(this.board.layout.width) !== this.board.shape);
  }

  /** Everything on which the drawn board depends, but for the time. */
  shape(width) {
    const { height, boxes } = layout(this.frames, width);
    return [width, height, ...boxes.keys(), ...servicesIn(this.frames)].join();
  }

  fit(always = false) {
    const width = Math.round(Math.min(1400, Math.max(340, this.stage.clientWidth || 960)));
    if (this.board?.layout.width === width && !always) return;
    const focused = this.stage.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    this.board?.root.remove();
    this.board = new Board(this.stage, this.frames, width);
    Object.assign(this.board, { hues: this.hues, still: this.still, shape: this.shape(width) });
    this.board.letters = this.view.lettersOf(this.board.services);
    this.makeLegend();
    this.mark();
    if (this.root.dataset.ready) this.draw(), this.paint();
    if (focused) this.board.nodes.get(focused)?.g.focus({ preventScroll: true });
  }

  /** Which machines are chosen for a partition. */
  mark() {
    for (const [name, { g }] of this.board.nodes) set(g, "data-chosen", this.view.chosen.has(name) ? "1" : null);
  }

  /** What is played is drawn; but the boards in a past instant are not animated. */
  at(t, playing) {
    Object.assign(this, { t, playing, speed: this.view.speed, lens: this.view.lens });
    const { following, speed } = this.view, ahead = following && this.frames.end - t > 2 * SECOND * Math.max(1, speed);
    say(this.when_, seconds(t, 1) + (ahead ? `, which is past here: its now is ${seconds(this.frames.end, 0)}` : ""));
    return this.draw();
  }

  colour(service) {
    super.colour(service);
    for (const side of this.view.sides.values()) side.paint(), side.draw();
  }

  paint() {
    for (const [name, { chip }] of this.chips) {
      set(chip, "data-hue", this.hues.get(name) || null);
      chip.setAttribute("aria-pressed", String(this.hues.has(name)));
    }
  }
}

function servicesIn(frames) {
  const services = new Set(frames.log.filter((row) => row[3] === "service" && row[5]).map((row) => row[5].name));
  for (const row of frames.truth) if (row[4] && row[3].startsWith("run/")) services.add(row[4].service);
  return services;
}

// ── controls: beside those of the player, the way back to now ───────────────────────────────────────────────────

const PACES = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60];
const AXIS = 60 * SECOND; // the time line is so long at least, and doubles when it is full

class LiveControls extends BoardControls {
  constructor(parent, view) {
    super(parent, view);
    this.now = html(null, "button", { type: "button", class: "sl-now", title: "Back to now (End)" }, "now");
    this.bar.insertBefore(this.now, this.clock);
    this.now.addEventListener("click", () => view.follow_());
    this.edge = make(null, "path", { class: "sl-edge" });
  }

  makeMarks(width) {
    super.makeMarks(width);
    this.track.append(this.edge);
  }

  machines(names) {
    this.lens.replaceChildren();
    for (const [value, text] of [["truth", "truth"], ...names.map((name) => [name, name])]) html(this.lens, "option", { value }, text);
    this.lens.value = this.player.lens;
  }

  playing(yes) {
    super.playing(yes);
    set(this.play, "aria-label", yes ? "Let the world pause" : "Let the world go on");
    set(this.play, "title", yes ? "Let the world pause (space)" : "Let the world go on (space)");
  }

  draw(t) {
    const { start, end } = this.player.span(), latest = this.player.latest();
    if (+this.scrub.max !== end) this.scrub.max = end;
    if (+this.scrub.value !== t) this.scrub.value = t;
    say(this.clock, seconds(t, 1));
    const x = 8 + ((latest - start) / (end - start)) * (this.player.width - 16);
    set(this.edge, "d", `M${x.toFixed(0)} 2V24`);
    set(this.now, "aria-pressed", String(this.player.following));
  }
}

// ── acts: what people do to a cluster ───────────────────────────────────────────────────────────────────────────

const HELP = [
  ["Space", "the world pauses, and goes on"],
  ["← → or ↑ ↓", "from event to event (with Shift: from fact to fact); the world goes on meanwhile"],
  ["PageUp PageDown Home", "jump in the time line"],
  ["End or N", "back to now"],
  ["+ −", "another pace"],
  ["Tab to a machine, then K R D A", "kill it, restart it, drain it, make it active again"],
  ["X, then C", "choose machines, then cut the chosen off from the others; M mends all cuts"],
  ["F", "fork here: another cluster whose past is the one you see; board B shows it, and in the notebook it is live.twin"],
  ["Enter, or a click", "why is this so?"],
  ["/", "type a docker command"],
];

class Acts {
  constructor(parent, view) {
    this.view = view;
    this.root = html(parent, "div", { class: "sl-acts", role: "group", "aria-label": "What people do" });
    const machine = this.group("machine");
    this.machine = this.select(machine, "Machine", "sl-which");
    for (const [name, label] of [["kill", "kill"], ["restart", "restart"]]) this.button(machine, name, label, () => this.on(name));
    for (const to of ["drain", "active"]) this.button(machine, to, to, () => this.on("available", { availability: to }));
    const futures = this.group("future");
    this.button(futures, "fork", "fork here", () => view.fork());
    this.board = this.select(futures, "Acts are for board", "sl-aim");
    this.board.addEventListener("change", () => view.aim(this.board.value));
    this.away = this.button(futures, "unfork", "close B", () => view.do("unfork"));
    this.button(futures, "help", "?", () => this.toggleHelp()).setAttribute("aria-label", "Help: keys");
    const cut = this.group("network");
    this.chips = html(cut, "span", { class: "sl-chosen", role: "group", "aria-label": "Machines to cut off" });
    this.button(cut, "partition", "cut off", () => view.cut());
    this.button(cut, "heal", "heal", () => view.do("heal"));
    const scale = this.group("service");
    this.service = this.select(scale, "Service", "sl-service");
    this.replicas = html(scale, "input", { type: "number", class: "sl-replicas", min: 0, max: 999, value: 3, "aria-label": "Replicas" });
    this.button(scale, "scale", "scale", () => view.do("scale", { service: this.service.value, replicas: Math.max(0, Math.round(+this.replicas.value || 0)) }));
    this.service.addEventListener("change", () => this.proposeReplicas());
    this.replicas.addEventListener("keydown", (event) => event.key === "Enter" && this.root.querySelector(".sl-act-scale").click());
    this.stacks = this.group("stack");
    this.stack = this.select(this.stacks, "Stack file", "sl-stackfile");
    this.name = html(this.stacks, "input", { type: "text", class: "sl-stackname", size: 9, "aria-label": "Name of the stack", spellcheck: "false" });
    this.stack.addEventListener("change", () => this.proposeName());
    this.button(this.stacks, "deploy", "deploy", () => view.do("deploy", { file: this.stack.value, name: this.name.value }));
    const typed = this.group("$ docker", "sl-typed");
    this.command = html(typed, "input", { type: "text", class: "sl-command", placeholder: "service ls", "aria-label": "A docker command", spellcheck: "false", autocomplete: "off" });
    this.command.addEventListener("keydown", (event) => event.key === "Enter" && this.type());
    this.node = this.select(typed, "On", "sl-on");
    this.button(typed, "docker", "run", () => this.type());
    this.answers = html(parent, "div", { class: "sl-answers" });
    this.answer = html(this.answers, "div", { class: "sl-answer", role: "status", "aria-live": "polite" });
    this.full = html(this.answers, "details", { hidden: "", open: "" });
    html(this.full, "summary", {}, "all of it");
    this.text = html(this.full, "pre", { tabindex: 0 });
    this.help = html(parent, "div", { class: "sl-help", role: "note", "aria-label": "Keys", hidden: "" });
    for (const [keys, what] of HELP) {
      const row = html(this.help, "div");
      html(row, "b", {}, keys), html(row, "span", {}, what);
    }
    this.lists = {};
    this.hasTwin(false);
  }

  group(title, kind = "") {
    const group = html(this.root, "span", { class: `sl-group ${kind}`, role: "group", "aria-label": title });
    html(group, "span", { class: "sl-grouphead", "aria-hidden": "true" }, title);
    return group;
  }

  button(parent, kind, label, act) {
    const made = html(parent, "button", { type: "button", class: `sl-act sl-act-${kind}` }, label);
    made.addEventListener("click", act);
    return made;
  }

  select(parent, label, kind) {
    return html(parent, "select", { class: kind, "aria-label": label });
  }

  /** Options of a list, made anew only if they are others; what was chosen stays chosen. */
  options(select, rows) {
    const key = JSON.stringify(rows);
    if (select.listed === key) return false;
    select.listed = key;
    const was = select.value;
    select.replaceChildren();
    for (const [value, text] of rows) html(select, "option", { value }, text);
    if (rows.some(([value]) => value === was)) select.value = was;
    return true;
  }

  machines(names) {
    if (!this.options(this.machine, names.map((name) => [name, name]))) return;
    this.options(this.node, [["", "a manager"], ...names.map((name) => [name, name])]);
    this.chips.replaceChildren();
    for (const name of names) {
      const short = name.replace(/^(manager|worker|node)-/, (word) => `${word[0]}-`);
      const chip = html(this.chips, "button", { type: "button", "data-machine": name, "aria-label": `cut off ${name}` }, short);
      chip.addEventListener("click", () => this.view.choose(name));
    }
    this.choose();
  }

  choose() {
    for (const chip of this.chips.children) chip.setAttribute("aria-pressed", String(this.view.chosen.has(chip.dataset.machine)));
  }

  services(rows) {
    this.rows = rows;
    const scaled = rows.filter((row) => row.mode === "replicated").map((row) => [row.service, row.service]);
    if (this.options(this.service, scaled)) this.proposeReplicas();
    this.root.querySelector(".sl-act-scale").disabled = !scaled.length;
  }

  proposeReplicas() {
    const row = this.rows?.find((row) => row.service === this.service.value);
    if (row) this.replicas.value = row.wanted;
  }

  stackFiles(files) {
    this.stacks.hidden = !files.length;
    if (this.options(this.stack, files.map((file) => [file, file.replace(/^.*\//, "")]))) this.proposeName();
  }

  proposeName() {
    this.name.value = this.stack.value.replace(/^.*\//, "").replace(/\.ya?ml$/, "").replace(/[^A-Za-z0-9_-]/g, "");
  }

  on(name, details = {}) {
    this.view.do(name, { machine: this.machine.value, ...details });
  }

  type() {
    if (!this.command.value.trim()) return;
    this.view.do("docker", { command: this.command.value, node: this.node.value });
    this.command.select();
  }

  hasTwin(yes) {
    this.options(this.board, (yes ? ["A", "B"] : ["A"]).map((name) => [name, `acts go to ${name}`]));
    this.board.hidden = this.away.hidden = !yes;
  }

  /** The last thing that was done, and what was answered. */
  tell(said, twin) {
    const last = said[said.length - 1];
    if (!last) return;
    const [, board, asked, line, text, ok] = last;
    say(this.answer, `${twin ? `${board}  ` : ""}${asked}  →  ${line || "…"}`);
    set(this.answer, "data-ok", ok ? null : "0");
    this.full.hidden = !text;
    if (this.text.textContent !== text) this.text.textContent = text;
  }

  toggleHelp() {
    this.help.hidden = !this.help.hidden;
    this.view.root.querySelector(".sl-act-help").setAttribute("aria-expanded", String(!this.help.hidden));
  }
}

// ── view ────────────────────────────────────────────────────────────────────────────────────────────────────────

const GONE = "The kernel is gone, and the cluster with it: run the cell again.";
const FRAME = 33, CALM = 125; // ms between two pictures, at least: while something flies, and while only the clock goes on

class LiveView extends Playable {
  constructor(model, el) {
    super(model, el, "The live board of a cluster. Question mark: help");
    this.root.classList.add("sl-liveboard");
    this.sync();
    this.follow_();
    model.send({ open: true });
    const pulse = setInterval(() => this.gone || model.send({ got: this.whole.seq }), 60_000); // so long as it says so, it is sent what is new
    this.stops.push(() => clearInterval(pulse));
    this.run();
  }

  get state() {
    return this.whole.state;
  }

  get width() {
    return this.stage.clientWidth || 960;
  }

  speeds() {
    return PACES;
  }

  get speedWord() {
    return "pace";
  }

  build() {
    const { model } = this;
    this.whole = model.get("whole");
    Object.assign(this, { frames: this.whole.boards.A, speed: this.state.pace, layers: model.get("layers"), lens: model.get("lens") });
    Object.assign(this, { off: new Set(), hues: new Map(), letters: new Map(), chosen: new Set(), sides: new Map(), aimed: "A", following: true });
    this.notice = html(this.root, "div", { class: "sl-notice", role: "alert", hidden: "" });
    this.stage = html(this.root, "div", { class: "sl-sides" });
    this.controls = new LiveControls(html(this.root, "div", { class: "sl-controls" }), this);
    this.controls.lens.value = this.lens;
    this.acts = new Acts(this.root, this);
  }

  listen() {
    super.listen();
    const on = (name, action) => (this.model.on(name, action), this.stops.push(() => this.model.off(name, action)));
    this.root.addEventListener("focusin", (event) => this.pick(event.target.closest(".sl-node")?.dataset.name));
    on("msg:custom", (message) => this.took(message));
    on("change:whole", () => this.adopt());
    on("change:lens", () => this.setLens(this.model.get("lens"), false));
    on("comm_live_update", () => this.lost());
    const kernel = this.model.widget_manager?.kernel, watch = (_, status) => /restarting|dead|terminating/.test(status) && this.lost();
    kernel?.statusChanged?.connect(watch);
    this.stops.push(() => kernel?.statusChanged?.disconnect(watch));
  }

  // what comes from the cluster

  took(message) {
    if (!take(this.model, message)) return;
    this.whole = this.model.get("whole");
    this.found();
    for (const name of Object.keys(message.begun || {})) this.sides.get(name)?.adopt(this.whole.boards[name]); // instead of an older one
    for (const [name, piece] of Object.entries(message.pieces || {})) this.sides.get(name)?.grew(piece);
    this.stale ||= Object.values(message.pieces || {}).some((piece) => piece.marks);
    if (message.pieces?.[this.aimed]?.log) this.served = null;
    if (message.begun?.B) this.aimed = "B"; // who forks wants to do something else there
    this.sync();
    this.arrived = performance.now();
    this.run();
  }

  adopt() {
    this.whole = this.model.get("whole");
    for (const [name, side] of this.sides) if (this.whole.boards[name]) side.adopt(this.whole.boards[name]);
    this.sync();
    this.stale = true;
    this.run();
  }

  /** The boards that there are, the machines and services on them, and what stands around them. */
  sync() {
    const { boards } = this.whole, state = this.state;
    for (const [name, side] of this.sides) if (!boards[name]) side.remove(), this.sides.delete(name);
    for (const [name, rows] of Object.entries(boards)) if (!this.sides.has(name)) this.sides.set(name, new Side(this, name, rows));
    if (!this.sides.has(this.aimed)) this.aimed = "A";
    this.frames = boards[this.aimed];
    this.why = this.sides.get(this.aimed).why;
    set(this.root, "data-boards", [...this.sides.keys()].join(""));
    for (const [name, side] of this.sides) set(side.root, "data-aimed", name === this.aimed ? "1" : null);
    if (this.speed !== state.pace) this.setSpeed(state.pace, false);
    this.controls.playing(!state.paused && !state.over);
    const names = this.frames.machines.filter((m) => m.row !== "outside").map((m) => m.name);
    if (this.named !== names.join()) (this.named = names.join()), this.controls.machines(names), this.acts.machines(names);
    if (this.served !== this.frames) (this.served = this.frames), this.acts.services(worldAt(this.frames, this.frames.end).services); // those that there are now
    this.acts.stackFiles(state.stacks), this.acts.hasTwin(state.twin), this.acts.tell(state.said, state.twin);
    this.acts.board.value = this.aimed;
    if (state.over) this.tell("This board was closed; what it showed last stays.");
  }

  lettersOf(services) {
    for (const name of services) if (!this.letters.has(name)) this.letters = initials(new Set([...this.letters.keys(), ...services]));
    return this.letters;
  }

  lost() {
    this.gone = true;
    set(this.root, "data-gone", "1");
    this.tell(GONE);
  }

  found() {
    if (this.gone) (this.gone = false), set(this.root, "data-gone", null), (this.notice.hidden = true);
  }

  tell(text) {
    this.notice.hidden = false;
    say(this.notice, text);
  }

  // time

  /** The last instant that all boards can show. */
  latest() {
    return Math.min(...Object.values(this.whole.boards).map((rows) => rows.end));
  }

  span() {
    let end = AXIS;
    while (end < this.latest()) end *= 2;
    return { start: this.frames.start, end };
  }

  fit() {
    this.stale = true;
    this.draw();
  }

  seek(t) {
    this.t = Math.round(Math.min(this.latest(), Math.max(0, t ?? this.latest())));
    this.draw();
  }

  /** To an instant: from the last one on the board follows. */
  go(t) {
    if (t >= this.latest()) return this.follow_();
    this.pause();
    this.seek(t);
    this.announce();
  }

  /** Who drags the time line leaves the present. */
  pause() {
    this.following = false;
  }

  follow_() {
    this.following = true;
    this.seek(this.latest());
    this.announce();
    this.run();
  }

  settle() {
    if (this.t >= this.latest()) this.following = true;
    this.announce();
    this.run();
  }

  /** Draw as long as something moves: a little behind the clock, so that it moves evenly. */
  run() {
    if (this.request || this.removed) return;
    let last = performance.now();
    const later = (tick) => (this.still ? setTimeout(() => tick(performance.now()), 1000) // reduced motion: a picture a second
      : setTimeout(() => !this.removed && requestAnimationFrame(tick), (this.flies() ? FRAME : CALM) - 20)); // the browser rests meanwhile
    const tick = (now) => {
      this.request = 0;
      if (this.removed) return;
      this.advance(Math.min(250, now - last));
      last = now;
      for (const side of this.sides.values()) side.fitIfDue(now);
      if (this.moves()) this.request = later(tick);
    };
    this.request = later(tick);
  }

  /** Whether a message or a visit is on its way on one of the boards. */
  flies() {
    return [...this.sides.values()].some(({ board }) => board && [board.dots, board.beats, board.diamonds].some((pool) => pool?.moves));
  }

  /** Whether there is more to be drawn, though nothing comes. */
  moves() {
    return [...this.sides.values()].some((side) => side.dirty) || (this.following && this.t < this.latest());
  }

  advance(passed) {
    const end = this.latest(), waits = this.state.paused || this.still || performance.now() - (this.arrived || 0) > 400;
    if (this.following) {
      const goal = end - 0.15 * this.speed * SECOND, next = this.t + passed * 1000 * this.speed;
      const far = waits || Math.abs(goal - next) > 2 * this.speed * SECOND;
      this.t = Math.round(far ? end : Math.min(end, Math.max(this.t, next + 0.1 * (goal - next))));
    }
    this.draw();
  }

  draw() {
    if (!this.sides.size || !this.controls) return;
    const playing = this.following && !this.state.paused;
    for (const side of this.sides.values()) side.at(this.t, playing);
    const { end } = this.span(), now = performance.now(), axis = `${end}/${this.width}`;
    if (this.axis !== axis || (this.stale && now - (this.marked || 0) > 500)) {
      Object.assign(this, { axis, stale: false, marked: now });
      this.controls.makeMarks(this.width);
    }
    this.controls.draw(this.t);
    for (const [name, value] of Object.entries({ time: this.t, end: this.latest(), following: this.following, paused: Boolean(this.state.paused) })) set(this.root, `data-${name}`, String(value));
    set(this.root, "data-past", this.following ? null : "1");
  }

  digits() {
    return 1;
  }

  words() {
    const texts = [...this.sides].map(([name, side]) => `${this.sides.size > 1 ? `${name}: ` : ""}${side.words()}`);
    return texts.join(". ");
  }

  // what the learner does

  do(name, details = {}) {
    if (!this.gone && !this.state.over) this.model.send({ do: name, board: this.aimed, ...details });
  }

  toggle() {
    this.do("clock", { paused: !this.state.paused });
  }

  setSpeed(value, sync = true) {
    this.speed = value;
    if (![...this.controls.speed.options].some((option) => +option.value === value)) html(this.controls.speed, "option", { value }, `${value}×`);
    this.controls.speed.value = String(value);
    if (sync) this.do("clock", { pace: value });
  }

  setLens(value, sync = true) {
    this.lens = value;
    this.controls.lens.value = value;
    if (sync) this.model.set("lens", value), this.model.save_changes();
    this.draw();
  }

  toggleLayer(name) {
    for (const side of this.sides.values()) {
      side.controls = STUB;
      if (side === this.sides.get("A")) side.toggleLayer(name);
      else side.draw();
    }
    this.controls.pressed(name, !this.off.has(name));
  }

  fork() {
    this.do("fork", this.following ? {} : { time: this.t });
  }

  aim(name) {
    this.aimed = name;
    this.stale = true;
    this.sync(), this.draw();
  }

  choose(name) {
    if (!this.chosen.delete(name)) this.chosen.add(name);
    this.acts.choose();
    for (const side of this.sides.values()) side.mark();
  }

  ask(target) {
    const node = target.closest?.(".sl-node"), side = this.sides.get(target.closest?.(".sl-side")?.dataset.board);
    if (node && side && this.sides.size > 1) this.aim(side.name);
    side?.ask(target);
  }

  /** Who is touched on the board is meant by the buttons, too. */
  pick(name) {
    if ([...this.acts.machine.options].some((option) => option.value === name)) this.acts.machine.value = name;
  }

  /** Cut the chosen machines off from all others; then nothing is chosen any more. */
  cut() {
    this.do("partition", { machines: [...this.chosen] });
    for (const name of [...this.chosen]) this.choose(name);
  }

  faster(by) {
    const place = PACES.findIndex((pace) => pace >= this.speed);
    this.setSpeed(PACES[Math.max(0, Math.min(PACES.length - 1, (place < 0 ? PACES.length : place) + by))]);
  }

  key(event) {
    const { key, target } = event, node = target.closest(".sl-node"), machine = node?.dataset.name;
    if (target.closest("input:not([type=range]), pre, summary")) {
      if (key === "Escape") this.root.focus();
      if (key !== "Tab") event.stopPropagation();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("select")) return super.key(event);
    const onIt = (name, details = {}) => () => (node.closest(".sl-side").dataset.board !== this.aimed && this.aim(node.closest(".sl-side").dataset.board), this.do(name, { machine, ...details }));
    const actions = {
      n: () => this.follow_(),
      f: () => this.fork(),
      m: () => this.do("heal"),
      c: () => this.cut(),
      "+": () => this.faster(1),
      "-": () => this.faster(-1),
      "?": () => this.acts.toggleHelp(),
      "/": () => this.acts.command.focus(),
    };
    if (machine) Object.assign(actions, { k: onIt("kill"), r: onIt("restart"), d: onIt("available", { availability: "drain" }), a: onIt("available", { availability: "active" }), x: () => this.choose(machine) });
    const action = actions[key.toLowerCase()] || (key === "End" && (() => this.follow_()));
    if (!action) return super.key(event);
    event.stopPropagation();
    event.preventDefault();
    action();
  }

  remove() {
    this.removed = true;
    this.model.send({ open: false });
    for (const side of this.sides.values()) side.remove();
    super.remove();
  }
}

export default {
  initialize({ model }) {
    model.on("msg:custom", (message) => take(model, message));
  },
  ...renders(LiveView),
};
