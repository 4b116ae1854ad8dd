// Queues, playable: arrivals and ends in (`queueboard.py`), drawn as stacks of dots under the tasks. `kit.js` comes before it.
//
// Sections: looking up · columns · board. `queuesAt` says the same as `look` in Python, and a test holds them together.
// Everything drawn at `t` is a pure function of the rows and `t`.

// ── looking up ──────────────────────────────────────────────────────────────────────────────────────────────────

const itself = (time) => time;

/** Each task at `t` µs: how many requests are there, and how many it got so far. */
export function queuesAt(frames, t) {
  return frames.tasks.map(({ name, slow, before, came, went }) => {
    const got = countUpTo(came, t, itself);
    return { task: name, queue: got - countUpTo(went, t, itself), got: before + got, slow };
  });
}

/** A round number of requests for each dot; the same as `per_dot` in Python. */
export function perDot(longest, room) {
  for (let power = 1; ; power *= 10) for (const step of [1, 2, 5]) if (longest <= step * power * room) return step * power;
}

const taskText = ({ task, queue, got, slow }, fair) =>
  `${task}${slow ? ", slow" : ""}: ${queue} request${queue === 1 ? " is" : "s are"} there, got ${got}, its fair share is ${fair.toFixed(0)}`;
const fairOf = (tasks) => tasks.reduce((sum, { got }) => sum + got, 0) / Math.max(1, tasks.length);

// ── columns: a task, its queue, what it got; below all, the queues over time ────────────────────────────────────

const DEEP = 12, DOTS = 5, DOT = 10, CELL2 = 26, HIGH = 62, STRIP = 84, LEFT = 62;

class Columns {
  constructor(parent, frames, width) {
    Object.assign(this, { frames, width });
    const count = frames.tasks.length, nodes = frames.tasks.some(({ node }) => node);
    this.pitch = Math.min(130, (width - LEFT - 8) / Math.max(1, count));
    this.across = Math.max(1, Math.min(DOTS, Math.floor(this.pitch / DOT) - 1));
    this.each = perDot(frames.longest, DEEP * this.across);
    this.top = nodes ? 26 : 4, this.dots = this.top + 22 + CELL2 + 8;
    const deep = Math.max(3, Math.ceil(Math.ceil(frames.longest / this.each) / this.across));
    this.floor = this.dots + deep * DOT + 16 + HIGH, this.strip = this.floor + 42;
    const height = this.strip + STRIP + 18;
    this.svg = make(parent, "svg", { class: "sl-queuesview", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Under each task its queue" });
    this.say("sl-qscale", LEFT - 8, this.dots + 10, "queue"), this.say("sl-qscale", LEFT - 8, this.floor - 4, "got");
    if (nodes) this.makeNodes();
    this.columns = frames.tasks.map((task, n) => this.makeColumn(task, LEFT + n * this.pitch));
    this.fair = make(this.svg, "path", { class: "sl-qfair" });
    this.makeStrip();
  }

  say(kind, x, y, text) {
    const made = make(this.svg, "text", { class: kind, x, y });
    made.textContent = text;
    return made;
  }

  makeNodes() {
    const { tasks } = this.frames;
    tasks.forEach(({ node }, n) => {
      if (!node || (n && tasks[n - 1].node === node)) return;
      let last = n;
      while (last + 1 < tasks.length && tasks[last + 1].node === node) last++;
      const [a, b] = [LEFT + n * this.pitch + 3, LEFT + (last + 1) * this.pitch - 3];
      make(this.svg, "path", { class: "sl-qbracket", d: `M${a.toFixed(1)} 23v-4H${b.toFixed(1)}v4` });
      this.say("sl-qnode", ((a + b) / 2).toFixed(1), 13, node.length * 7 < b - a ? node : node.replace("manager-", "m-").replace("worker-", "w-"));
    });
  }

  makeColumn(task, x) {
    const g = make(this.svg, "g", { class: "sl-node sl-column2", "data-task": task.name, "data-slow": task.slow ? "1" : null, tabindex: 0, role: "button" });
    if (!task.slow) g.removeAttribute("data-slow");
    const middle = x + this.pitch / 2, view = { g, middle };
    view.title = make(g, "title");
    make(g, "rect", { class: "sl-qhit", x: x + 1, y: this.top, width: this.pitch - 2, height: this.floor + 20 - this.top, rx: 4 });
    const name = make(g, "text", { class: "sl-qname", x: middle, y: this.top + 14 });
    name.textContent = task.name.length * 7.2 < this.pitch ? task.name : task.name.split(".").pop().slice(-3);
    make(g, "rect", { class: "sl-qcell", x: middle - CELL2 / 2, y: this.top + 20, width: CELL2, height: CELL2 });
    if (task.slow) make(g, "path", { class: "sl-qhatch", transform: `translate(${middle - CELL2 / 2} ${this.top + 20})`, d: hatch(CELL2, CELL2, 7, false) });
    view.count = make(g, "text", { class: "sl-qcount", x: middle + CELL2 / 2 + 4, y: this.top + 38 });
    view.dots = make(g, "path", { class: "sl-qdots" });
    view.rest = make(g, "circle", { class: "sl-qrest", r: DOT * 0.34 });
    view.bar = make(g, "rect", { class: "sl-qbar", x: middle - this.pitch * 0.3, width: this.pitch * 0.6 });
    if (task.slow) view.hatch = make(g, "path", { class: "sl-qhatch" });
    view.got = make(g, "text", { class: "sl-qgot", x: middle, y: this.floor + 16 });
    return view;
  }

  makeStrip() {
    const { start, end, tasks, longest } = this.frames, points = Math.min(600, Math.round(this.width - 32)), wide = this.width - 32; // as far as the hand of the time line goes
    this.across2 = (t) => 16 + ((t - start) / Math.max(1, end - start)) * wide;
    const most = Math.max(3, longest), lines = tasks.map(() => []);
    for (let k = 0; k <= points; k++) {
      const t = start + ((end - start) * k) / points;
      queuesAt(this.frames, t).forEach(({ queue }, n) => lines[n].push(`${this.across2(t).toFixed(1)} ${(this.strip + STRIP - (Math.min(queue, most) / most) * STRIP).toFixed(1)}`));
    }
    make(this.svg, "path", { class: "sl-qaxis", d: `M16 ${this.strip + STRIP}H${this.width - 16}` });
    lines.forEach((line, n) => make(this.svg, "path", { class: `sl-qline${tasks[n].slow ? " sl-qslow" : ""}`, d: `M${line.join("L")}` }));
    this.say("sl-qnote", 16, this.strip + 4, `queues, the longest ${longest}`);
    this.cursor = make(this.svg, "line", { class: "sl-qcursor", y1: this.strip - 4, y2: this.strip + STRIP + 4 });
  }

  draw(t) {
    const tasks = queuesAt(this.frames, t), fair = fairOf(tasks), most = Math.max(1, fair * 2, ...tasks.map(({ got }) => got));
    tasks.forEach((task, n) => this.drawColumn(this.columns[n], task, fair, most));
    const y = (this.floor - (fair / most) * HIGH).toFixed(1);
    set(this.fair, "d", `M${LEFT} ${y}H${(LEFT + tasks.length * this.pitch).toFixed(1)}`);
    set(this.cursor, "x1", this.across2(t).toFixed(1)), set(this.cursor, "x2", this.across2(t).toFixed(1));
  }

  drawColumn(view, task, fair, most) {
    const { g, middle } = view, full = Math.floor(task.queue / this.each), rest = task.queue % this.each;
    set(g, "data-queue", String(task.queue)), set(g, "data-got", String(task.got));
    say(view.count, this.pitch > 62 ? String(task.queue) : "");
    const at = (n) => [middle + ((n % this.across) + 0.5 - this.across / 2) * DOT, this.dots + (Math.floor(n / this.across) + 0.5) * DOT], r = DOT * 0.4;
    let d = "";
    for (let n = 0; n < full; n++) {
      const [x, y] = at(n);
      d += `M${(x - r).toFixed(1)} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
    }
    set(view.dots, "d", d || null), show(view.rest, rest > 0);
    if (rest) set(view.rest, "cx", at(full)[0].toFixed(1)), set(view.rest, "cy", at(full)[1].toFixed(1));
    const high = (task.got / most) * HIGH;
    set(view.bar, "y", (this.floor - high).toFixed(1)), set(view.bar, "height", high.toFixed(1));
    if (view.hatch) set(view.hatch, "transform", `translate(${(middle - this.pitch * 0.3).toFixed(1)} ${(this.floor - high).toFixed(1)})`), set(view.hatch, "d", hatch(Math.round(this.pitch * 0.6), Math.round(high), 7, false));
    say(view.got, String(task.got).length * 7.4 < this.pitch ? String(task.got) : `${Math.round(task.got / 1000)}k`);
    say(view.title, taskText(task, fair));
  }
}

// ── board: one view of one model ────────────────────────────────────────────────────────────────────────────────

class QueueBoard extends Playable {
  constructor(model, el) {
    super(model, el, "Queues, playable");
  }

  build() {
    this.root.classList.add("sl-queues");
    this.furnish(Controls);
    this.key2 = html(this.root, "div", { class: "sl-qkey" });
  }

  fit() {
    const width = Math.round(Math.min(1400, Math.max(320, this.stage.clientWidth || 960)));
    if (this.width === width) return;
    this.width = width;
    this.stage.replaceChildren();
    this.columns = new Columns(this.stage, this.frames, width);
    const { each } = this.columns, { more } = this.frames;
    say(this.key2, `${each === 1 ? "a dot is one request" : `a dot is ${each} requests, a hollow one fewer`}, waiting or in work${more && `, ${more}`} · dashed: the fair share of what came`);
    this.controls.makeMarks(width);
    if (this.root.dataset.ready) this.draw();
  }

  digits() {
    return 1;
  }

  words() {
    const tasks = queuesAt(this.frames, this.t), fair = fairOf(tasks);
    return `${this.when(this.t)}: ${tasks.slice(0, 12).map((task) => taskText(task, fair)).join("; ")}`;
  }

  draw() {
    this.columns.draw(this.t);
    this.controls.draw(this.t);
    set(this.root, "data-time", String(this.t));
  }

  /** A click on a task says how it stands there, and what came last. */
  ask(target) {
    const name = target.closest(".sl-column2")?.dataset.task, tasks = queuesAt(this.frames, this.t);
    const task = tasks.find((one) => one.task === name);
    if (task) this.why.open(taskText(task, fairOf(tasks)), countUpTo(this.frames.facts, this.t, (fact) => fact[0]) - 1);
  }
}

export default renders(QueueBoard);
