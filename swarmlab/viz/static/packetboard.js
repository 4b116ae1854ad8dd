// One packet, playable: machines as columns, layers as rows. `kit.js` comes before it.
//
// Where everything stands is worked out in Python, in inches; here it is drawn, and the packet moves. What is shown at
// `t` is a pure function of the rows and `t`: a stop lasts a second, in which the packet goes on to the next.

const INCH = 96, TAGS = { task: "task", vip: "VIP", node: "node", host: "host", gateway: "gw", outside: "client" };
const ROUND = new Set(["task", "vip", "node"]);
const px = (inches) => +(inches * INCH).toFixed(1);

/** Which stop is shown at `t`, counted from 0, and how far the packet is on its way to the next (0 to 1). */
export function stopAt(frames, t) {
  const last = frames.stops.length - 1, at = Math.min(last, Math.floor(t / SECOND));
  return [at, at === last ? 0 : (t - at * SECOND) / SECOND];
}

/** An address in the box of its kind; where it ends. */
function makeChip(parent, x, y, { word, address, kind, gone, wide }) {
  if (!address) {
    make(parent, "text", { class: "sl-word", x: px(x), y: px(y) }).textContent = word;
    return x + wide;
  }
  const g = make(parent, "g", { class: "sl-addr", "data-kind": kind, ...(gone ? { "data-gone": "1" } : {}) });
  make(g, "rect", { x: px(x), y: px(y - 0.1), width: px(wide), height: px(0.2), rx: ROUND.has(kind) ? 8 : 0 });
  make(g, "text", { x: px(x + wide / 2), y: px(y), "text-anchor": "middle" }).textContent = gone ? address : `${TAGS[kind]} ${address}`;
  if (gone) make(g, "path", { d: `M${px(x + 0.04)} ${px(y)}H${px(x + wide - 0.04)}` });
  return x + wide;
}

class Path {
  constructor(parent, frames) {
    const height = px(frames.height), width = px(frames.width);
    this.frames = frames;
    this.svg = make(parent, "svg", { class: "sl-way", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Machines as columns, layers as rows" });
    this.makeGround();
    const ways = make(this.svg, "g");
    this.ways = frames.stops.map((stop) => this.makeWay(ways, stop));
    this.stops = frames.stops.map((stop, n) => this.makeStop(stop, n));
    this.dot = make(this.svg, "path", { class: "sl-packet", d: "M0 -7L7 0L0 7L-7 0Z" });
    this.notes = frames.stops.map((stop) => this.makePacket(stop));
  }

  makeGround() {
    const { columns, layers, bottom, wire, width } = this.frames;
    for (const [name, left, right] of columns) {
      make(this.svg, "rect", { class: "sl-box", x: px(left + 0.03), y: 4, width: px(right - left - 0.06), height: px(bottom) - 4, rx: 6 });
      make(this.svg, "text", { class: "sl-machine", x: px(left + 0.12), y: px(0.19) }).textContent = name;
    }
    for (const [lines, top] of layers) {
      make(this.svg, "path", { class: "sl-rule", d: `M10 ${px(top)}H${px(width - 0.03)}` });
      lines.forEach((line, n) => (make(this.svg, "text", { class: "sl-layer", x: 10, y: px(top + 0.16 + n * 0.165) }).textContent = line));
    }
    if (!wire) return;
    make(this.svg, "path", { class: "sl-wire", d: `M${px(columns[0][1])} ${px(wire)}H${px(width - 0.03)}` });
    make(this.svg, "text", { class: "sl-layer", x: 10, y: px(wire) }).textContent = "the wire";
  }

  /** The way to a stop, with the tunnel round it; of both so much is drawn as the packet has gone. */
  makeWay(parent, { way, tunnel }) {
    const d = way.map(([x, y], n) => `${n ? "L" : "M"}${px(x)} ${px(y)}`).join("");
    const line = (kind) => make(parent, "path", { class: kind, d, pathLength: 1, "stroke-dasharray": "1 2" });
    return way.length ? [tunnel ? line("sl-tunnel") : null, line("sl-line")].filter(Boolean) : [];
  }

  makeStop({ machine, layer, at: [x, y], size: [wide, high], lines, rungs, first, line, rung, lost, said }, n) {
    const g = make(this.svg, "g", { class: "sl-node sl-stop", "data-stop": n + 1, tabindex: 0, role: "button", "aria-label": said });
    make(g, "title").textContent = `${machine}, ${layer}`;
    make(g, "rect", { class: "sl-hit", x: px(x - 0.12), y: px(y - 0.12), width: px(wide), height: px(high) });
    make(g, "circle", { cx: px(x), cy: px(y), r: 10 });
    make(g, "text", { class: "sl-number", x: px(x), y: px(y) }).textContent = lost ? "✕" : n + 1;
    if (lost) set(g, "data-lost", "1");
    lines.forEach((text, i) => (make(g, "text", { class: "sl-said", x: px(x + 0.2), y: px(y + i * line) }).textContent = text));
    rungs.forEach((items, i) => {
      let left = x + 0.2;
      for (const item of items) left = makeChip(g, left, y + first + i * rung, item) + 0.07;
    });
    return g;
  }

  /** What is written on the packet when it leaves this stop, the outer addresses round the inner ones. */
  makePacket({ packet, lost }) {
    const y = this.frames.bottom + 0.36 + 0.22, g = make(this.svg, "g", { class: "sl-note" });
    make(g, "text", { class: "sl-layer", x: 10, y: px(y) }).textContent = lost ? "lost here" : "the packet now";
    const left = this.frames.columns[0][1], shells = [];
    let x = left + 0.07;
    packet.forEach((pair, n) => {
      const begin = x;
      pair.forEach((chip, i) => {
        if (i) make(g, "text", { class: "sl-word", x: px(x + 0.04), y: px(y) }).textContent = "→";
        x = makeChip(g, x + (i ? 0.22 : 0), y, chip);
      });
      shells.push([begin, n]), (x += 0.18);
    });
    for (const [begin, n] of shells) {
      const inner = n === packet.length - 1, end = x - (inner ? 0.1 : 0.02), high = inner ? 0.28 : 0.36;
      const shell = make(null, "rect", { class: inner ? "sl-inner" : "sl-outer", x: px(begin - 0.08), y: px(y - high / 2), width: px(end - begin + 0.08), height: px(high), rx: 3 });
      if (inner) g.insertBefore(shell, g.querySelector(".sl-outer")?.nextSibling || g.firstChild);
      else g.insertBefore(shell, g.firstChild);
    }
    return g;
  }

  draw(at, far) {
    this.stops.forEach((g, n) => (show(g, n <= at), set(g, "data-now", n === at ? "1" : null)));
    this.ways.forEach((lines, n) => {
      for (const line of lines) {
        show(line, n <= at || (n === at + 1 && far > 0));
        set(line, "stroke-dashoffset", n <= at ? "0" : (1 - far).toFixed(3));
      }
    });
    this.notes.forEach((g, n) => show(g, n === at));
    const next = this.ways[at + 1]?.at(-1);
    show(this.dot, far > 0 && Boolean(next));
    if (far > 0 && next) {
      const { x, y } = next.getPointAtLength(far * next.getTotalLength());
      set(this.dot, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    }
  }
}

// ── board: one view of one model ────────────────────────────────────────────────────────────────────────────────

class PacketControls extends Controls {
  draw(t) {
    super.draw(t);
    say(this.clock, this.player.when(t));
  }
}

class PacketBoard extends Playable {
  constructor(model, el) {
    super(model, el, "The way of a packet, playable");
  }

  /** A hand that lets go is at a stop. */
  settle() {
    this.t = stopAt(this.frames, this.t)[0] * SECOND;
    if (this.path) this.draw();
    super.settle();
  }

  build() {
    this.root.classList.add("sl-packets");
    this.furnish(PacketControls);
    this.why.when = (t) => this.when(t);
  }

  fit() {
    const width = Math.round(Math.min(1150, Math.max(760, this.stage.clientWidth || 960)));
    if (this.width === width) return;
    this.width = width;
    this.path ??= new Path(this.stage, this.frames);
    this.path.svg.setAttribute("width", width);
    this.controls.makeMarks(Math.min(width, this.stage.clientWidth || width));
    if (this.root.dataset.ready) this.draw();
  }

  digits() {
    return 0;
  }

  when(t) {
    return `stop ${stopAt(this.frames, t)[0] + 1} of ${this.frames.stops.length}`;
  }

  words() {
    return this.frames.stops[stopAt(this.frames, this.t)[0]].said;
  }

  draw() {
    const [at, far] = stopAt(this.frames, this.t);
    this.path.draw(at, this.still ? 0 : far);
    this.controls.draw(this.t);
    set(this.root, "data-stop", String(at + 1));
  }

  /** A click on a stop says what is done there, and why. */
  ask(target) {
    const stop = target.closest(".sl-stop");
    if (stop) this.why.open(this.frames.stops[stop.dataset.stop - 1].said, stop.dataset.stop - 1);
  }
}

export default renders(PacketBoard);
