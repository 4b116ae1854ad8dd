// A raft group, playable: rows in (`raftframes.py`), drawn as a ring, a ladder and a space–time diagram with one cursor.
//
// Sections: looking up · words · ring · ladder · diagram · board; `kit.js` comes before it. `raftAt` says the same as
// `raft_at` in Python, and a test holds them together. Everything drawn at `t` is a pure function of the rows and `t`.

// ── looking up: the group at an instant ─────────────────────────────────────────────────────────────────────────

const NEW = {
  looks: "off", role: "outside", term: 0, vote: "", leader: "", timer: null, votes: null, places: null, log: [], base: 0,
  commit: 0, group: null, transfer: "",
};
const sentAt = (row) => row[0];

function valueAt(tracks, key, t) {
  const track = tracks[key];
  if (!track) return NEW[key] ?? null;
  const seen = countUpTo(track[0], t, (time) => time);
  return seen ? track[1][seen - 1] : NEW[key] ?? null;
}

function serverAt(frames, name, t) {
  const tracks = frames.tracks[name], now = { name };
  for (const key of Object.keys(NEW)) now[key] = valueAt(tracks, key, t);
  const { log, timer } = now;
  delete now.timer;
  now.last = log.length ? log[log.length - 1][1] : now.base;
  now.deadline = timer ? timer[1] : null;
  now.left = timer ? Math.max(0, (timer[1] - t) / frames.longest) : null;
  now.armed = timer ? (timer[1] - timer[0]) / frames.longest : null;
  now.peers = {};
  for (const key of Object.keys(tracks)) {
    if (!key.startsWith("peer/")) continue;
    const value = valueAt(tracks, key, t);
    if (value !== null) now.peers[key.slice(5)] = value;
  }
  return now;
}

/** How far along its line a message dies; 0 for one that does not. */
const deathOf = (fate, arrived) => (fate === "down" ? 1 : arrived < 0 ? 0.5 : 0);

/** Messages between two servers, and for `linger` µs those that came to an end. */
function underWay(frames, t, linger) {
  const { messages, flight, slowest } = frames, found = [];
  const first = countUpTo(messages, t - 2 * slowest - Math.max(linger, flight) - 1, sentAt);
  for (let number = first; number < messages.length && messages[number][0] <= t; number++) {
    const [sent, arrived, from, to, name, term, fate, fact, brief] = messages[number];
    const dies = deathOf(fate, arrived), end = arrived < 0 ? sent + flight : arrived;
    const far = Math.min(1, (t - sent) / Math.max(1, end - sent)), dead = dies > 0 && far >= dies;
    const over = dead ? end + Math.max(linger, flight) : end + linger;
    if (t < over) found.push({ number, from, to, name, term, fate, fact, far: dies ? Math.min(far, dies) : far, dead, brief });
  }
  return found;
}

/** The group at `t` µs, as `raft_at` in Python says it. `linger` keeps messages for a while where they ended. */
export function raftAt(frames, t, linger = 0) {
  const servers = frames.servers.map((name) => serverAt(frames, name, t));
  const leaders = servers.filter((server) => server.role === "leader");
  const newest = Math.max(0, ...leaders.map((server) => server.term));
  const told = frames.groups.filter(([time]) => time <= t), group = told.length ? told[told.length - 1][1] : null;
  const members = group ? Object.values(group).flat() : frames.servers;
  for (const server of servers) {
    server.wrong = server.role === "leader" && server.term < newest;
    server.member = members.includes(server.name);
  }
  const leading = leaders.filter((server) => server.looks === "up").reduce((best, s) => (best && best.term >= s.term ? best : s), null);
  const cuts = frames.cuts.filter(([since, until]) => since <= t && t < until);
  return { time: t, leader: leading ? leading.name : "", group, servers, cuts, messages: underWay(frames, t, linger) };
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────

const VERBS = { precandidate: "asks whether to campaign", candidate: "asks for votes" };

/** The group in one sentence; the same as `summary` in Python. */
export function summary({ time, leader, servers }) {
  const leads = servers.find((server) => server.name === leader), up = servers.filter((server) => server.looks === "up");
  const said = [leads ? `${leads.name} leads, term ${leads.term}` : "nobody leads"];
  for (const [role, verb] of Object.entries(VERBS)) {
    for (const s of up) if (s.role === role) said.push(`${s.name} ${verb} in term ${s.term}`);
  }
  for (const s of servers) if (s.wrong) said.push(`${s.name} still believes it leads term ${s.term}`);
  for (const s of servers) if (s.looks !== "up") said.push(`${s.name} ${s.looks}`);
  const most = (key) => Math.max(0, ...servers.map((server) => server[key]));
  const clock = (Math.floor(time / 1000) / 1000).toFixed(3);
  return `t=${clock} s: ${said.join(", ")}; ${most("commit")} of ${most("last")} entries committed`;
}

const spoken = (value) => (value === true ? "yes" : value === false ? "no" : value ?? "?");

/** What a message says, in a sentence. */
function messageText(frames, number) {
  const [, , from, to, name, term, fate, , brief] = frames.messages[number];
  const says = (frames.says[name] || "").replace(/\{(\w+)\}/g, (_, key) => (key === "term" ? term : spoken(brief[key])));
  return `${name}, ${from} to ${to}${fate ? `, ${fate}` : ""}: ${says}`;
}

const ASKS = new Set(["RequestVote", "PreVoteRequest"]), ANSWERS = new Set(["Vote", "PreVote"]);
const SIGNS = new Set(["Heartbeat", "HeartbeatAnswer"]);
const LETTERS = { follower: "F", candidate: "C", precandidate: "P" };

function kindOf({ name, brief, dead }) {
  if (dead) return "lost";
  if (ANSWERS.has(name)) return brief[0] ? "yes" : "no";
  return ASKS.has(name) ? "ask" : name === "AppendEntries" && brief[1] ? "entries" : "other";
}

const isNoMember = (server) => server.role === "outside" || !server.member;

/** What a server is, in a few words. */
function serverText(server) {
  const role = isNoMember(server) ? "no member" : server.role || "no role";
  const places = (server.places || []).map(([need, got]) => `, ${got} of ${need} votes`).join("");
  return `${server.name}: ${server.looks === "up" ? "" : `${server.looks}, `}${role}, term ${server.term}${places}`;
}

// ── ring ────────────────────────────────────────────────────────────────────────────────────────────────────────

const DISC = 27, RIM = 38, LABEL = 22, PLACE = 11;

/** The middle of each server: the first on top, the others clockwise; names outside, as in `ring.py`. */
export function spots(names, width, height) {
  const angles = names.map((_, n) => Math.PI / 2 - (2 * Math.PI * n) / names.length);
  const lowest = Math.min(...angles.map(Math.sin)), room = height - 2 * RIM - 2 * LABEL - 8;
  let down = lowest < 1 ? room / (1 - lowest) : 0;
  const across = Math.min(width / 2 - RIM - 14, 1.25 * down);
  down = Math.min(down, 1.15 * across);
  const middle = 4 + RIM + LABEL + (room - down * (1 - lowest)) / 2 + down;
  return new Map(names.map((name, n) => [name, [width / 2 + across * Math.cos(angles[n]), middle - down * Math.sin(angles[n])]]));
}

/** From the top clockwise, over this share of a circle. */
function arc(r, share) {
  if (share <= 0.002) return "";
  if (share > 0.998) return `M0 ${-r}A${r} ${r} 0 1 1 -.01 ${-r}`;
  const angle = 2 * Math.PI * share;
  return `M0 ${-r}A${r} ${r} 0 ${share > 0.5 ? 1 : 0} 1 ${(r * Math.sin(angle)).toFixed(2)} ${(-r * Math.cos(angle)).toFixed(2)}`;
}

/** Lines across a circle: both ways for no power, level for frozen. */
function roundHatch(r, step, level) {
  const lines = [];
  for (let c = -r + step; c < r; c += step) {
    const half = Math.sqrt(r * r - c * c), [k, u] = [c * Math.SQRT1_2, half * Math.SQRT1_2];
    const at = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;
    if (level) lines.push(`M${at(-half, c)}L${at(half, c)}`);
    else lines.push(`M${at(k - u, k + u)}L${at(k + u, k - u)}M${at(u - k, k + u)}L${at(-u - k, k - u)}`);
  }
  return lines.join("");
}

let ruler = null;

/** How many pixels a name takes, in the letters that the style sheet gives it. */
function textWidth(name) {
  ruler ??= Object.assign(document.createElement("canvas").getContext("2d"), { font: '650 13px system-ui, -apple-system, "Segoe UI", sans-serif' });
  return Math.ceil(ruler.measureText(name).width) + 1;
}

/** Name and term, side by side round `x`. */
function makeLabel(parent, name, x, y) {
  const g = make(parent, "g", { class: "sl-tagged" }), wide = textWidth(name), left = x - (wide + 40) / 2;
  const label = { g, name: make(g, "text", { class: "sl-name", x: left, y: y + 4.5 }) };
  label.name.textContent = name;
  label.badge = make(g, "g", { class: "sl-term", transform: `translate(${left + wide + 6} ${y - 9})` });
  make(label.badge, "rect", { width: 34, height: 18, rx: 5 });
  label.term = make(label.badge, "text", { x: 17, y: 13 });
  return label;
}

function drawTerm(label, server) {
  show(label.badge, !isNoMember(server) && server.looks !== "off");
  set(label.badge, "data-tint", server.term % 2 ? "odd" : "even");
  say(label.term, `T ${server.term}`);
}

class Ring {
  constructor(parent, frames, width, height) {
    Object.assign(this, { frames, width, height, spots: spots(frames.servers, width, height), flying: [] });
    this.svg = make(parent, "svg", { class: "sl-ringview", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Servers on a ring" });
    this.cut = make(this.svg, "path", { class: "sl-cut" });
    this.cutWord = make(this.svg, "text", { class: "sl-cutword" });
    this.lines = make(this.svg, "g");
    const middle = [...this.spots.values()].reduce((sum, [, y]) => sum + y, 0) / frames.servers.length;
    this.servers = new Map(frames.servers.map((name) => [name, this.makeServer(name, ...this.spots.get(name), middle)]));
    this.shapes = make(this.svg, "g");
  }

  makeServer(name, x, y, middle) {
    const g = make(this.svg, "g", { class: "sl-node sl-server", "data-name": name, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, tabindex: 0, role: "button" });
    const view = { g, title: make(g, "title") };
    view.armed = make(g, "path", { class: "sl-armed" });
    view.left = make(g, "path", { class: "sl-left" });
    view.rim = make(g, "circle", { class: "sl-rim", r: RIM + 4 });
    make(g, "circle", { class: "sl-disc", r: DISC });
    make(g, "circle", { class: "sl-second", r: DISC - 4 });
    view.hatch = make(g, "path", { class: "sl-lines" });
    view.crown = make(g, "path", { class: "sl-crown", d: CROWN });
    view.letter = make(g, "text", { class: "sl-letter" });
    view.word = make(g, "text", { class: "sl-word" });
    view.votes = make(g, "g", { class: "sl-votes" });
    view.boxes = [];
    view.label = makeLabel(g, name, 0, y < middle ? -RIM - LABEL / 2 : RIM + LABEL / 2);
    return view;
  }

  draw(world, off) {
    this.drawCut(world.cuts);
    for (const server of world.servers) this.drawServer(this.servers.get(server.name), server);
    this.drawMessages(world.messages.filter(({ name }) => !off.has("heartbeats") || !SIGNS.has(name)));
  }

  drawServer(view, server) {
    const { g } = view, works = server.looks === "up", none = isNoMember(server), halves = (works && !none && server.places) || [];
    const role = none ? "outside" : server.role || "none";
    set(g, "data-role", role), set(g, "data-looks", server.looks), set(g, "data-term", String(server.term));
    set(g, "data-wrong", server.wrong ? "1" : null), set(g, "data-places", halves.map((half) => half.join("/")).join(" ") || null);
    const share = works && !none && role !== "leader" ? server.left : null;
    set(g, "data-left", share === null ? null : share.toFixed(4));
    set(view.armed, "d", share === null ? "" : arc(RIM - 4, Math.min(1, server.armed)));
    set(view.left, "d", share === null ? "" : arc(RIM - 4, Math.min(1, share)));
    set(view.hatch, "d", works ? "" : (view[server.looks] ??= roundHatch(DISC, 7, server.looks === "frozen")));
    const below = halves.length > 0 || (!works && (LETTERS[role] || role === "leader"));
    const lift = below ? (halves.length > 1 ? -11 : -7) : 0;
    set(view.crown, "transform", `translate(0 ${lift}) scale(1.5)`);
    say(view.letter, LETTERS[role] || ""), set(view.letter, "y", lift + 6);
    say(view.word, works ? (role === "broken" ? "no log" : "") : server.looks), set(view.word, "y", below ? 15 : 4);
    this.drawPlaces(view, halves);
    drawTerm(view.label, server);
    say(view.title, serverText(server));
  }

  /** As many places as votes are needed, per half of the group: empty, asked for, with a tick. */
  drawPlaces(view, halves) {
    let used = 0;
    halves.forEach(([need, got, may], row) => {
      for (let n = 0; n < need; n++) {
        const box = (view.boxes[used++] ??= this.makePlace(view.votes));
        const x = (n - need / 2) * (PLACE + 2) + 1, y = 4 + (row - (halves.length - 1) / 2) * (PLACE + 2) + (halves.length > 1 ? 2 : 0);
        set(box.g, "transform", `translate(${x} ${y})`), show(box.g, true), show(box.tick, n < got);
        set(box.g, "data-asked", n >= got && n < got + may ? "1" : null);
      }
    });
    for (let n = used; n < view.boxes.length; n++) show(view.boxes[n].g, false), show(view.boxes[n].tick, false);
  }

  makePlace(parent) {
    const g = make(parent, "g", { class: "sl-place" });
    make(g, "rect", { width: PLACE, height: PLACE });
    return { g, tick: make(g, "path", { d: `M2 5.5L4.6 8.5L9.5 1.5` }) };
  }

  /** A dashed line through every gap between neighbours that cannot talk. */
  drawCut(cuts) {
    const key = cuts.map((cut) => cut[0]).join();
    if (this.cutKey === key) return;
    this.cutKey = key;
    const { servers } = this.frames, lines = [], [cx, cy] = [this.width / 2, this.height / 2];
    let word = null;
    for (const [, , groups, oneWay] of cuts) {
      const side = new Map(groups.flatMap((group, n) => group.map((name) => [name, n])));
      const gaps = servers.flatMap((name, n) => {
        const next = servers[(n + 1) % servers.length];
        if (!side.has(name) || !side.has(next) || side.get(name) === side.get(next)) return [];
        const [[x0, y0], [x1, y1]] = [this.spots.get(name), this.spots.get(next)];
        return [[cx + ((x0 + x1) / 2 - cx) * 1.12, cy + ((y0 + y1) / 2 - cy) * 1.12]];
      });
      const at = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
      if (gaps.length === 2) lines.push(`M${at(gaps[0])}L${at(gaps[1])}`);
      else for (const gap of gaps) lines.push(`M${cx} ${cy}L${at(gap)}`);
      if (gaps.length) word = [gaps[0], oneWay ? "cut one way" : "cut"];
    }
    set(this.cut, "d", lines.join(""));
    say(this.cutWord, word ? word[1] : "");
    if (word) set(this.cutWord, "x", word[0][0].toFixed(1)), set(this.cutWord, "y", word[0][1].toFixed(1));
  }

  between(from, to, share) {
    const [[x0, y0], [x1, y1]] = [this.spots.get(from), this.spots.get(to)];
    const edge = (RIM + 5) / Math.hypot(x1 - x0, y1 - y0), at = edge + (1 - 2 * edge) * share;
    return [x0 + (x1 - x0) * at, y0 + (y1 - y0) * at];
  }

  drawMessages(messages) {
    const shown = messages.slice(-60);
    shown.forEach((message, n) => {
      const view = (this.flying[n] ??= this.makeMessage()), kind = kindOf(message);
      const [[x0, y0], [x, y], [x1, y1]] = [0, message.far, 1].map((share) => this.between(message.from, message.to, share));
      const line = (element, ...ends) => ["x1", "y1", "x2", "y2"].forEach((key, i) => set(element, key, ends[i].toFixed(1)));
      line(view.trail, x0, y0, x, y), line(view.rest, x, y, x1, y1);
      set(view.g, "data-kind", kind), set(view.trail, "data-kind", kind), set(view.g, "data-number", String(message.number));
      set(view.g, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      for (const element of [view.g, view.trail]) show(element, true);
      show(view.rest, !message.dead);
      if (view.named !== message.number) (view.named = message.number), say(view.title, messageText(this.frames, message.number));
    });
    for (let n = shown.length; n < this.flying.length; n++) for (const key of ["g", "trail", "rest"]) show(this.flying[n][key], false);
  }

  makeMessage() {
    const g = make(this.shapes, "g", { class: "sl-flying" });
    const view = { g, trail: make(this.lines, "line", { class: "sl-trail" }), rest: make(this.lines, "line", { class: "sl-rest" }), title: make(g, "title") };
    make(g, "circle", { class: "sl-reach", r: 11 });
    make(g, "circle", { class: "sl-dot", r: 4 });
    make(g, "circle", { class: "sl-round", r: 7 });
    make(g, "rect", { class: "sl-block", x: -4.5, y: -4.5, width: 9, height: 9 });
    make(g, "path", { class: "sl-yes", d: "M-3.4 .2L-1 2.8L3.6 -3" });
    make(g, "path", { class: "sl-no", d: "M-3.4 0H3.4" });
    make(g, "path", { class: "sl-cross", d: "M-5 -5L5 5M5 -5L-5 5" });
    return view;
  }
}

// ── ladder ──────────────────────────────────────────────────────────────────────────────────────────────────────

const ROW = 46, HIGH = 27, REST = 84, COLUMNS = 12;

class Ladder {
  constructor(parent, frames, told, width) {
    this.label = 30 + Math.max(...frames.servers.map(textWidth)) + 50;
    this.columns = Math.max(4, Math.min(COLUMNS, Math.floor((width - this.label - REST - 8) / 20) - 1));
    this.cell = Math.min(40, (width - this.label - REST - 8) / (this.columns + 1));
    this.above = 24 + 17 * told.length + (told.length ? 4 : 0);
    const height = this.above + ROW * frames.servers.length + 6;
    Object.assign(this, { frames, told, width, height });
    this.svg = make(parent, "svg", { class: "sl-ladder", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Logs: a row per server, a column per index" });
    this.heads = this.many(this.columns, () => make(this.svg, "text", { class: "sl-head", y: this.above - 9 }));
    this.rows = frames.servers.map((name, n) => this.makeRow(name, this.above + n * ROW));
    this.commit = make(this.svg, "path", { class: "sl-commit" });
    this.heard = told.map((_, n) => this.makeTold(this.above - 26 - 17 * n));
  }

  many(count, build) {
    return Array.from({ length: count }, (_, n) => build(n));
  }

  makeRow(name, y) {
    const g = make(this.svg, "g", { class: "sl-row sl-node", "data-name": name, transform: `translate(0 ${y})` });
    const row = { g, y, name };
    row.role = make(g, "g", { class: "sl-role", transform: `translate(13 ${HIGH / 2}) scale(.85)` });
    make(row.role, "circle", { class: "sl-ring", r: 12 });
    make(row.role, "circle", { class: "sl-ring sl-second", r: 9.5 });
    make(row.role, "path", { class: "sl-crown", d: CROWN });
    row.letter = make(row.role, "text", { class: "sl-letter", y: 4.5 });
    row.label = makeLabel(g, name, 30 + (textWidth(name) + 40) / 2, HIGH / 2);
    row.rest = this.makeCell(g);
    row.rest.hatch = make(row.rest.g, "path", { class: "sl-lines" });
    row.rest.g.append(row.rest.text);
    row.cells = this.many(this.columns, () => this.makeCell(g));
    const arrow = "M0 -5L5 4H-5Z";
    row.match = make(g, "path", { class: "sl-match", d: arrow }), row.next = make(g, "path", { class: "sl-next", d: arrow });
    make(row.match, "title").textContent = "match: proven to the leader", make(row.next, "title").textContent = "next: what the leader will send";
    return row;
  }

  makeCell(parent) {
    const g = make(parent, "g", { class: "sl-entry", visibility: "hidden" });
    return { g, box: make(g, "rect", { height: HIGH, x: 1 }), text: make(g, "text", { y: HIGH / 2 + 4.5 }) };
  }

  makeTold(y) {
    return { y, line: make(this.svg, "path", { class: "sl-toldline" }), text: make(this.svg, "text", { class: "sl-told", y: y + 9 }) };
  }

  draw(world) {
    const ends = Math.max(0, ...world.servers.map((server) => server.last));
    this.first = Math.max(1, ends - this.columns + 1);
    this.left = this.label + (this.first > 1 ? REST : 0);
    this.heads.forEach((head, n) => {
      const index = this.first + n;
      say(head, index <= ends ? String(index) : ""), set(head, "x", (this.x(index) + this.cell / 2).toFixed(1));
    });
    const leader = world.servers.find((server) => server.name === world.leader);
    world.servers.forEach((server, n) => this.drawRow(this.rows[n], server, leader?.peers[server.name]));
    set(this.commit, "d", this.step(world.servers));
    this.drawTold(world.time, ends);
  }

  x(index) {
    return this.left + (Math.max(index, this.first) - this.first) * this.cell;
  }

  drawRow(row, server, believed) {
    const none = isNoMember(server), role = none ? "outside" : server.role;
    set(row.g, "data-looks", server.looks), set(row.g, "data-role", role || "none");
    show(row.role, server.looks === "up" && !none && role !== "broken");
    say(row.letter, LETTERS[role] || "");
    const works = server.looks === "up";
    drawTerm(row.label, server), say(row.label.name, server.name);
    this.drawRest(row.rest, server);
    const terms = new Map();
    let first = server.base + 1;
    for (const [term, last] of server.log) {
      for (let index = Math.max(first, this.first); index <= last; index++) terms.set(index, term);
      first = last + 1;
    }
    row.cells.forEach((cell, n) => {
      const index = this.first + n, term = terms.get(index);
      show(cell.g, term !== undefined);
      set(cell.g, "data-index", term === undefined ? null : String(index));
      if (term !== undefined) this.drawCell(cell, this.x(index), this.cell, String(term), index <= server.commit, term, works);
    });
    for (const [arrow, index] of [[row.match, believed?.[0]], [row.next, believed?.[1]]]) {
      show(arrow, index !== undefined);
      set(arrow, "data-index", index === undefined ? null : String(index));
      const hidden = this.left - (arrow === row.match ? 20 : 8);
      if (index !== undefined) set(arrow, "transform", `translate(${(index >= this.first ? this.x(index) + this.cell / 2 : hidden).toFixed(1)} ${HIGH + 8})`);
    }
  }

  drawCell(cell, x, wide, text, known, term, works) {
    set(cell.g, "transform", `translate(${x.toFixed(1)} 0)`), set(cell.box, "width", (wide - 2).toFixed(1));
    set(cell.text, "x", (wide / 2).toFixed(1)), say(cell.text, text);
    set(cell.g, "data-term", text), set(cell.g, "data-known", known ? "1" : null);
    set(cell.g, "data-tint", term % 2 ? "odd" : "even"), set(cell.g, "data-dim", works ? null : "1");
  }

  /** One cell for all that stands further left, or in the snapshot. */
  drawRest(cell, server) {
    const compacted = server.base > 0 && server.base >= this.first - 1, begin = this.first > 1 ? this.label : this.left;
    show(cell.g, compacted || this.first > 1);
    set(cell.g, "data-snapshot", server.base ? String(server.base) : null);
    if (compacted) {
      const wide = this.x(server.base + 1) - begin;
      this.drawCell(cell, begin, wide, wide > 88 ? `snapshot ≤ ${server.base}` : `≤ ${server.base}`, true, 0, true);
      set(cell.hatch, "d", hatch(Math.round(wide - 2), HIGH, 8, false));
    } else if (this.first > 1) {
      const until = Math.min(server.last, this.first - 1), begins = server.base ? `≤ ${server.base}` : "1";
      const text = until > server.base ? `${begins} … ${until}` : until ? begins : "empty";
      this.drawCell(cell, begin, REST - 4, text, server.commit >= until && until > 0, 0, true);
      set(cell.hatch, "d", server.base ? hatch(REST - 6, HIGH, 8, false) : "");
    }
  }

  /** Right of the last entry that each server knows to be committed, as a step through the rows. */
  step(servers) {
    if (!servers.some((server) => server.commit)) return "";
    let path = "", before = null;
    servers.forEach((server, n) => {
      if (isNoMember(server) || !["up", "frozen"].includes(server.looks)) return (before = null);
      const top = this.above + n * ROW - 4, end = top + ROW - (n === servers.length - 1 ? 10 : 0);
      const x = server.commit >= this.first - 1 ? this.x(server.commit + 1) : this.label - 2;
      path += `${before === null ? `M${x.toFixed(1)} ${top}` : `H${x.toFixed(1)}`}V${end}`;
      before = x;
    });
    return path;
  }

  /** What the client was told hangs above its entry, from the moment when it was told. */
  drawTold(t, ends) {
    let level = 0;
    this.told.forEach(([time, index, text], n) => {
      const visible = time <= t && index >= this.first && index <= ends, { line, text: label } = this.heard[n];
      show(line, visible), show(label, visible);
      if (!visible) return;
      const x = this.x(index) + this.cell / 2, y = this.above - 26 - 17 * level++;
      set(line, "d", `M${x.toFixed(1)} ${y - 1}V${this.above - 21}`), say(label, text);
      set(label, "x", Math.min(x - 4, this.width - 6.4 * text.length - 4).toFixed(1)), set(label, "y", y - 4);
    });
  }
}

// ── diagram: a row per server, time to the right; what has not happened yet is blank ────────────────────────────

const LANE = 34, BAR = 15, AXIS = 24;
const STEPS = [1, 2, 5];

class Diagram {
  constructor(parent, frames, width) {
    const height = LANE * frames.servers.length + AXIS + 8;
    this.label = 12 + Math.max(...frames.servers.map(textWidth));
    Object.assign(this, { frames, width, height, wide: width - this.label - 4, hits: [], ticks: [] });
    this.svg = make(parent, "svg", { class: "sl-diagram", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": "Who was what, and who said what to whom, time to the right" });
    frames.servers.forEach((name, n) => (make(this.svg, "text", { class: "sl-lane", x: this.label - 8, y: this.y(n) + 4.5 }).textContent = name));
    this.view = make(this.svg, "svg", { x: this.label, y: 0, width: this.wide, height: height - AXIS });
    const path = (name) => make(this.view, "path", { class: `sl-${name}` });
    this.cuts = make(this.view, "g");
    [this.beats, this.appends, this.votes, this.lost, this.ends, this.crosses] = ["beats", "appends", "votelines", "lostlines", "ends", "crosses"].map(path);
    this.bars = make(this.view, "g");
    [this.signs, this.cursor] = ["signs", "cursor"].map(path);
    this.axis = make(this.svg, "g", { class: "sl-axis", transform: `translate(${this.label} ${height - AXIS})` });
    make(this.axis, "path", { d: `M0 .5H${this.wide}` });
    this.pools = { bars: [], cuts: [] };
    this.lanes = new Map(frames.servers.map((name, n) => [name, n]));
  }

  y(lane) {
    return 4 + LANE * lane + LANE / 2;
  }

  /** The window: most of it past, and never before the beginning. */
  range(t, span) {
    const { start, end } = this.frames, whole = Math.max(1, end - start), length = Math.min(span, whole);
    const since = length === whole ? start : Math.max(start, Math.round(t - 0.85 * length));
    return [since, since + length];
  }

  draw(world, t, span, off) {
    const [since, until] = (this.window = this.range(t, span));
    const x = (time) => ((time - since) / (until - since)) * this.wide;
    this.drawAxis(since, until, x);
    this.drawCuts(since, Math.min(t, until), x);
    this.drawBars(since, Math.min(t, until), x);
    this.drawMessages(since, t, x, off);
    this.drawSigns(since, t, x);
    set(this.cursor, "d", `M${x(t).toFixed(1)} 0V${this.height - AXIS}`);
  }

  drawAxis(since, until, x) {
    const rough = (until - since) / Math.max(3, Math.floor(this.wide / 110)), power = 10 ** Math.floor(Math.log10(rough));
    const step = (STEPS.find((s) => s * power >= rough) || 10) * power, [unit, word] = step < 1000 ? [1000, "ms"] : step < SECOND ? [1000, "ms"] : [SECOND, "s"];
    const digits = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
    let used = 0;
    for (let time = Math.ceil(since / step) * step; time <= until; time += step) {
      const tick = (this.ticks[used++] ??= { line: make(this.axis, "path"), text: make(this.axis, "text", { y: 17 }) });
      show(tick.line, true), show(tick.text, true);
      set(tick.line, "d", `M${x(time).toFixed(1)} 0V5`), set(tick.text, "x", Math.min(this.wide - 22, Math.max(14, x(time))).toFixed(1));
      say(tick.text, `${(time / unit).toFixed(digits)} ${word}`);
    }
    for (let n = used; n < this.ticks.length; n++) show(this.ticks[n].line, false), show(this.ticks[n].text, false);
  }

  pool(name, count, build) {
    const pool = this.pools[name];
    while (pool.length < count) pool.push(build());
    pool.forEach((item, n) => show(item.g, n < count));
    return pool;
  }

  drawCuts(since, until, x) {
    const rows = this.frames.cuts.filter((cut) => cut[0] < until && cut[1] > since);
    const pool = this.pool("cuts", rows.length, () => {
      const g = make(this.cuts, "g", { class: "sl-band" });
      return { g, box: make(g, "rect", { y: 0, height: this.height - AXIS }) };
    });
    rows.forEach(([from, to], n) => {
      const [a, b] = [x(Math.max(from, since)), x(Math.min(to, until))];
      set(pool[n].box, "x", a.toFixed(1)), set(pool[n].box, "width", Math.max(0, b - a).toFixed(1));
    });
  }

  drawBars(since, until, x) {
    const rows = [];
    for (const [name, lane] of this.lanes) {
      for (const span of this.frames.spans[name]) {
        if (span[0] < until && span[1] > since && !(span[2] === "off" && span[0] === 0)) rows.push([lane, ...span]);
      }
    }
    const pool = this.pool("bars", rows.length, () => {
      const g = make(this.bars, "g", { class: "sl-bar2" });
      return { g, box: make(g, "rect", { height: BAR, rx: 2 }), hatch: make(g, "path", { class: "sl-lines" }), text: make(g, "text") };
    });
    rows.forEach(([lane, from, to, looks, role, term], n) => {
      const { g, box, text } = pool[n], [a, b] = [x(Math.max(from, since)), x(Math.min(to, until))], y = this.y(lane) - BAR / 2;
      set(box, "x", a.toFixed(1)), set(box, "y", y), set(box, "width", Math.max(0.5, b - a).toFixed(1));
      set(g, "data-role", role || "none"), set(g, "data-looks", looks), set(g, "data-tint", term % 2 ? "odd" : "even");
      set(pool[n].hatch, "d", looks === "up" ? "" : hatch(Math.round(b - a), BAR, looks === "frozen" ? 5 : 8, looks !== "frozen"));
      set(pool[n].hatch, "transform", `translate(${a.toFixed(1)} ${y})`);
      const letter = role === "leader" ? "L" : LETTERS[role] || "", long = looks === "up" ? `${letter} ${term}` : looks;
      say(text, letter + looks && b - a > 7 * long.length + 8 ? long : ""), set(text, "x", (a + 5).toFixed(1)), set(text, "y", y + 12);
    });
  }

  drawMessages(since, t, x, off) {
    const { messages, flight, slowest } = this.frames, paths = { beats: [], appends: [], votes: [], lost: [], ends: [], crosses: [] };
    const last = countUpTo(messages, t, sentAt), first = Math.max(countUpTo(messages, since - 2 * slowest, sentAt), last - 4000);
    this.hits = [];
    for (let number = first; number < last; number++) {
      const [sent, arrived, from, to, name, , fate] = messages[number];
      const [a, b] = [this.lanes.get(from), this.lanes.get(to)], side = b > a ? 1 : -1;
      const beat = SIGNS.has(name), x0 = x(sent);
      if (beat && off.has("heartbeats")) {
        if (name === "Heartbeat") paths.beats.push(`M${x0.toFixed(1)} ${this.y(a) + BAR / 2}v5`);
        continue;
      }
      const dies = deathOf(fate, arrived), end = arrived < 0 ? sent + flight : arrived, far = Math.min(dies || 1, (t - sent) / Math.max(1, end - sent));
      const [y0, y1] = [this.y(a) + (side * BAR) / 2, this.y(b) - (side * BAR) / 2];
      const [x1, y2] = [x0 + (x(end) - x0) * far, y0 + (y1 - y0) * far];
      const dead = dies > 0 && far === dies;
      const kind = dead ? "lost" : ASKS.has(name) || ANSWERS.has(name) || name === "TimeoutNow" ? "votes" : "appends";
      paths[kind].push(`M${x0.toFixed(1)} ${y0.toFixed(1)}L${x1.toFixed(1)} ${y2.toFixed(1)}`);
      if (far === (dies || 1)) paths[dead ? "crosses" : "ends"].push(dead ? `M${(x1 - 3).toFixed(1)} ${(y2 - 3).toFixed(1)}l6 6m0 -6l-6 6` : `M${x1.toFixed(1)} ${y2.toFixed(1)}h.01`);
      this.hits.push([x0, y0, x1, y2, number]);
    }
    for (const [name, parts] of Object.entries(paths)) set(this[name], "d", parts.join(""));
  }

  /** Where a server gave its vote, or refused it; where it lost power. */
  drawSigns(since, t, x) {
    const { marks, facts } = this.frames, parts = [];
    for (let n = countUpTo(marks, since - 1, sentAt); n < marks.length && marks[n][0] <= t; n++) {
      const [time, number, kind] = marks[n], lane = this.lanes.get(facts[number][1]);
      if (lane === undefined || (kind !== "vote" && kind !== "refused")) continue;
      const [px, py] = [x(time), this.y(lane) - BAR / 2 - 5];
      parts.push(kind === "vote" ? `M${(px - 3.5).toFixed(1)} ${py}l2.5 2.6l4.5 -5.6` : `M${(px - 3.5).toFixed(1)} ${py}h7`);
    }
    set(this.signs, "d", parts.join(""));
  }

  /** The message near this place, -1 for none. */
  near(px, py) {
    let best = 7, found = -1;
    for (const [x0, y0, x1, y1, number] of this.hits) {
      const length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
      const share = length ? Math.max(0, Math.min(1, ((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) / length)) : 0;
      const far = Math.hypot(px - x0 - share * (x1 - x0), py - y0 - share * (y1 - y0));
      if (far < best) [best, found] = [far, number];
    }
    return found;
  }
}

// ── board: one view of one model ────────────────────────────────────────────────────────────────────────────────

const VIEWS = [["both", "ring and ladder"], ["ring", "ring"], ["ladder", "ladder"]];
const ABOUT = new Set([
  "BecameFollower", "BecamePreCandidate", "BecameCandidate", "BecameLeader", "SteppedDown", "MachineStarted", "MachineCrashed",
  "MachineShutDown", "MachineFrozen", "MachineThawed", "VoteGranted", "LeaderRecognised", "TransferBegun", "LogUnreadable",
]);

class RaftControls extends Controls {
  constructor(parent, player) {
    super(parent, player);
    this.view = this.select("sl-view", "view", VIEWS, (value) => player.setView(value));
    this.switches(["heartbeats", "diagram"], (name) => player.toggleLayer(name));
    this.pressed("heartbeats", false);
  }
}

class RaftBoard extends Playable {
  constructor(model, el) {
    super(model, el, "A raft group, playable");
  }

  build() {
    this.root.classList.add("sl-raft");
    this.off = new Set(["heartbeats"]);
    this.view = this.model.get("view");
    this.furnish(RaftControls);
    this.controls.view.value = this.view;
  }

  listen() {
    super.listen();
    this.follow("view", () => this.setView(this.model.get("view"), false));
  }

  fit() {
    const width = Math.round(Math.min(1400, Math.max(320, this.stage.clientWidth || 960)));
    const key = `${width}/${this.view}/${this.off.has("diagram")}`;
    if (this.fitted === key) return;
    [this.fitted, this.width] = [key, width];
    this.stage.replaceChildren();
    const panels = html(this.stage, "div", { class: "sl-panels" }), count = this.frames.servers.length;
    const beside = this.view === "both" && width >= 780, half = beside ? Math.min(430, Math.round(width * 0.39)) : width;
    const ladder = beside ? width - half - 12 : width, high = Math.min(count > 5 ? 400 : 340, Math.max(280, half * 0.95));
    this.ring = this.view === "ladder" ? null : new Ring(panels, this.frames, this.view === "both" && !beside ? Math.min(width, 560) : Math.min(half, 620), high);
    const told = [...this.model.get("told")].sort((a, b) => b[1] - a[1]); // the last hangs lowest: no line crosses a text
    this.ladder = this.view === "ring" ? null : new Ladder(panels, this.frames, told, ladder);
    this.diagram = this.off.has("diagram") ? null : new Diagram(this.stage, this.frames, width);
    this.controls.makeMarks(width);
    if (this.root.dataset.ready) this.draw();
  }

  digits() {
    return this.frames.longest < SECOND ? 4 : 2;
  }

  words() {
    return summary(raftAt(this.frames, this.t));
  }

  draw() {
    const linger = Math.min(1.5, 0.3 * this.speed) * SECOND, world = raftAt(this.frames, this.t, linger);
    this.ring?.draw(world, this.off);
    this.ladder?.draw(world);
    this.diagram?.draw(world, this.t, Math.max(12 * this.speed * SECOND, 8 * this.frames.flight), this.off);
    this.controls.draw(this.t);
    set(this.root, "data-time", String(this.t)), set(this.root, "data-leader", world.leader), set(this.root, "data-view", this.view);
  }

  setView(value, sync = true) {
    this.view = value;
    this.controls.view.value = value;
    if (sync) this.model.set("view", value), this.model.save_changes();
    this.fit();
  }

  toggleLayer(name) {
    if (!this.off.delete(name)) this.off.add(name);
    this.controls.pressed(name, !this.off.has(name));
    this.fit();
    this.draw();
  }

  /** A click on anything answers why it is so; one on an empty place of the diagram goes there. */
  ask(target, event) {
    const flying = target.closest("[data-number]"), entry = target.closest("[data-index]"), node = target.closest(".sl-node");
    if (flying) this.askMessage(+flying.dataset.number);
    else if (entry && node && target.closest(".sl-entry")) this.askEntry(node.dataset.name, +entry.dataset.index);
    else if (node) this.askServer(node.dataset.name);
    else if (event && this.diagram?.svg.contains(target)) this.askDiagram(event);
  }

  askDiagram(event) {
    const box = this.diagram.svg.getBoundingClientRect(), scale = this.diagram.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale - this.diagram.label, (event.clientY - box.top) * scale];
    const number = this.diagram.near(x, y), [since, until] = this.diagram.window;
    if (number >= 0) this.askMessage(number);
    else if (x >= 0) this.go(since + (x / this.diagram.wide) * (until - since));
  }

  askMessage(number) {
    const [sent, arrived] = this.frames.messages[number];
    const near = [[`sent at ${seconds(sent, 6)}`, () => this.go(sent)]];
    if (arrived >= 0) near.push([`arrives at ${seconds(arrived, 6)}`, () => this.go(arrived)]);
    this.why.open(messageText(this.frames, number), this.frames.messages[number][7], near);
  }

  askServer(name) {
    const server = raftAt(this.frames, this.t).servers.find((one) => one.name === name);
    this.why.open(serverText(server), this.lastFact((fact) => fact[1] === name && ABOUT.has(fact[3])));
  }

  /** The number of the last such fact up to now. */
  lastFact(test) {
    for (let n = countUpTo(this.frames.facts, this.t, (fact) => fact[0]) - 1; n >= 0; n--) if (test(this.frames.facts[n])) return n;
    return -1;
  }

  /** Why an entry is there, and since when its server knows that it is agreed on. */
  askEntry(name, index) {
    const until = countUpTo(this.frames.facts, this.t, (fact) => fact[0]);
    const mine = this.frames.entries.filter(([number, server]) => server === name && number < until);
    const written = mine.filter(([, , first, last]) => first && first <= index && index <= last).pop()?.[0] ?? -1;
    const known = mine.find(([number, , first, last]) => !first && last >= index && number > written)?.[0] ?? -1;
    const near = [["why it is there", () => this.why.open(`${name}, entry ${index}: appended`, written)]];
    if (known >= 0) near.push(["why it is committed", () => this.why.open(`${name}, entry ${index}: committed`, known)]);
    this.why.open(`${name}, entry ${index}: ${known >= 0 ? "it knows that this is committed" : "appended, not known to be committed"}`, known >= 0 ? known : written, near);
  }
}

export default renders(RaftBoard);
