"""Pictures of traffic: they count what the requests say, in words too, and no two labels cover each other."""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import numpy as np
import pytest
from pretend_traffic import BALANCERS, deal, round_robin, several, sticky
from test_raft_pictures import covered, outside, words

from swarmlab import events as e
from swarmlab.viz import ink
from swarmlab.viz.arrivals import draw_arrivals, tell_arrivals
from swarmlab.viz.balancers import draw_balancers, scale_of, tell_balancers
from swarmlab.viz.clients import draw_clients, tell_clients
from swarmlab.viz.queues import draw_queues, homes, look, per_dot, tell_queues
from swarmlab.viz.scaling import draw_loads, draw_scaling, tell_loads, tell_scaling
from swarmlab.viz.tailcurve import draw_tail, tell_tail
from swarmlab.viz.theorycurves import apart, draw_theory, tell_theory
from swarmlab.viz.trafficfold import counts, panel, panels_of, queue_at, tail, took, traffic
from swarmlab.viz.turns import Turn, draw_connections, draw_turns, tell_connections, tell_turns, turns

STATIC = Path(__file__).parents[2] / "swarmlab" / "viz" / "static"
TASKS = ["web.1", "web.2", "web.3"]


@pytest.fixture(scope="module")
def runs():
    return several(slow=1, requests=1500)


def untidy(drawn):
    """Labels that cover each other, and those that leave the sheet."""
    fig = ink.figure_of(drawn)
    return covered(fig) + outside(fig)


# ── what is counted ──────────────────────────────────────────────────────────────────────────────────────────────


def test_whole_numbers_are_microseconds_and_never_is_infinite():
    rows = [(2_000_000, 2_500_000, "b", True), (1_000_000, -1, "a", False), (3_000_000, None, "", False)]
    given = traffic(rows)
    assert list(given.arrived) == [1, 2, 3] and given.tasks == ("a", "b")
    assert list(given.latency) == [np.inf, 0.5, np.inf] and list(given.task) == [0, 1, -1]
    assert list(traffic({"arrived": [1.0], "latency": [0.25], "task": [0]}).ended) == [1.25]


def test_a_run_of_the_engine_is_taken_as_it_is():
    measures = pytest.importorskip("swarmlab.traffic.measures")
    run = measures.Run(
        (0, 10, 20), (0, 10, -1), (5, 30, 20), (0, 1, -1), (200, 200, -1), ("web.1", "web.2"), (5, 40, 20)
    )
    given = traffic(run, slow=["web.2"])
    assert given.slow == (False, True) and list(given.ok) == [True, True, False]
    assert queue_at(given, [35e-6])[:, 0].tolist() == [0, 1]  # answered to the visitor at 30, done at 40
    assert counts(given) == measures_counts(run)


def measures_counts(run):
    return [sum(task == n for task in run.task) for n in range(len(run.tasks))]


def test_a_batch_is_its_first_run_and_late_answers_are_failures():
    batch = pytest.importorskip("swarmlab.traffic.batch")
    work = np.ones((2, 2))
    run = batch.Batch(
        np.array([[0.0, 1.0], [9.0, 9.0]]), np.array([[0.5, 3.0], [9, 9]]), work, np.array([[1, 0], [0, 0]]), 2, 2.0
    )
    given = traffic(run)
    assert list(given.latency) == [0.5, np.inf] and given.tasks == ("web.1", "web.2")
    assert queue_at(given, [3.5])[:, 0].tolist() == [1, 0]  # the client has left, the work goes on


def test_records_of_a_trace_know_the_node():
    trace = pytest.importorskip("swarmlab.sim.trace")
    late = trace.RequestRecord("l", 2, "c", "w-9", "id10", "web.10", "w-2", 30, 30, -1, 50, 0, 1, "x", 7)
    rows = [late, late._replace(number=1, name="web.2", machine="w-1", arrived=10, done=40, ended=40, status=200)]
    assert homes(rows) == {"web.10": "w-2", "web.2": "w-1"}
    given = traffic(rows)
    assert given.tasks == ("web.2", "web.10") and list(given.ok) == [True, False]
    assert queue_at(given, [35e-6, 60e-6]).tolist() == [[1, 0], [1, 0]]  # what was lost with its task is there no more
    assert turns(rows) == [Turn(1, "w-9", "web.2"), Turn(2, "w-9", "web.10")]
    assert "2 requests in 1 connection, web.10 1, web.2 1" in tell_connections({"all": rows})


def test_queues_and_counts_are_those_of_a_slow_count():
    given = traffic(deal(round_robin, requests=300, replicas=3, slow=1))
    dice = Random(1)
    for at in [dice.uniform(0, 150) for _ in range(20)]:
        for n, task in enumerate(look(given, at)):
            mine = [k for k in range(len(given.arrived)) if given.task[k] == n and given.arrived[k] <= at]
            assert task["got"] == len(mine) and task["queue"] == sum(given.ended[k] > at for k in mine)


def test_percentiles_are_nearest_ranks_and_keep_what_failed():
    latencies = np.arange(1, 101) / 100
    assert (took(latencies, 0.5), took(latencies, 0.05), took(latencies, 0.01)) == (0.5, 0.95, 0.99)
    failed = np.concatenate([latencies[:98], [np.inf] * 2])
    assert took(failed, 0.01) is None and took(failed, 0.05) == 0.95
    assert tail(failed)[-1] == [0.98, 0.02]  # it ends where the rest never came back


def test_a_tail_falls_from_all_to_the_last_one():
    points = tail(np.array([1.0, 2.0, 3.0, 4.0]))
    assert points[0] == [1.0, 0.75] and points[-1] == [4.0, 0.0]
    assert [share for _, share in points] == sorted((share for _, share in points), reverse=True)


def test_a_mean_never_stands_alone(runs):
    made = panel(runs["random"])
    assert (
        set(made.marks) == {"p50", "p95", "p99", "mean"} and made.marks["p50"] < made.marks["mean"] < made.marks["p99"]
    )
    assert json.loads(json.dumps(made._asdict())) == made._asdict()


def test_nothing_to_draw_is_one_sentence():
    for make in (
        lambda: panels_of([]),
        lambda: draw_clients({"a": []}),
        lambda: panels_of({str(n): [] for n in range(7)}),
    ):
        with pytest.raises(ValueError, match=r"no requests|7 panels"):
            make()


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_balancers_stand_below_each_other_on_the_same_axes(runs):
    fig = draw_balancers(runs)
    assert untidy(fig) == [] and set(BALANCERS) <= set(words(fig))
    rings = [line.get_xdata() for line in fig.axes[0].lines if line.get_marker() == "o"]
    found, scale = panels_of(runs), scale_of(panels_of(runs))
    assert [list(each) == sorted(each) and len(each) == 3 for each in rings] == [True] * len(found)
    assert scale.queue == max(max(queue) for each in found.values() for queue in each.queues)
    assert "round robin: p50" in tell_balancers(runs) and "25% of 1500 requests" in tell_balancers(runs)


@pytest.mark.parametrize("count", [1, 6])
def test_as_many_panels_as_can_be_compared(runs, count):
    assert untidy(draw_balancers({f"balancer {n}": runs["random"] for n in range(count)})) == []


def test_the_tail_marks_three_percentiles_and_the_mean_is_a_triangle(runs):
    ax = draw_tail(runs, guess=20, goal=5.0)
    assert untidy(ax) == [] and untidy(draw_tail(runs["random"])) == []
    rings = [line for line in ax.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in rings] == [3] * len(runs)
    means = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "^"]
    assert means == [each.marks["mean"] for each in panels_of(runs).values()] and "▲ mean" in ax.get_xlabel()
    assert "p99" in tell_tail(runs["random"])


def letters(ax):
    """(letter, x, y) of the badges at the curves: shares of the axes."""
    found = [text for text in ax.texts if text.get_bbox_patch() and text.get_position()[0] < 1.01]
    return [(text.get_text(), *text.get_position()) for text in found]


def test_letters_stand_at_the_ends_of_the_curves(runs):
    """Below the last request, or at the right edge where the rest was never answered."""
    six = {f"balancer {n}": list(runs.values())[n % 4] for n in range(6)}
    assert untidy(draw_tail(six)) == [] and len(letters(draw_tail(six))) == 6
    (a, x_a, y_a), (b, x_b, y_b) = letters(
        draw_tail({"patient": runs["two choices"], "hasty": impatient(runs["random"])})
    )[::-1]
    assert (a, b) == ("A", "B") and x_a < 0.99 and y_a < 0.2
    assert x_b == 1 and y_b > 0.5


def impatient(run, patience=5_000_000):
    """The same run, but visitors leave after a while; the tasks do not notice."""
    latencies = [end - begin for begin, end in zip(run["arrived"], run["ended"], strict=True)]
    ended = [begin + min(patience, took) for begin, took in zip(run["arrived"], latencies, strict=True)]
    return run | {"done": run["ended"], "ended": ended, "status": [200 if t < patience else 0 for t in latencies]}


def test_the_key_of_queues_says_whether_given_up_requests_are_counted(runs):
    hasty = impatient(runs["random"])
    at = {name: look(run, 100)[0]["queue"] for name, run in {"all": runs["random"], "hasty": hasty}.items()}
    assert at["all"] == at["hasty"] and untidy(draw_queues(hasty, at=[20, 100, 400])) == []
    assert "also those whose visitors have given up" in written(draw_queues(hasty)) and ", also those" in tell_queues(
        hasty
    )
    gone = hasty | {"done": hasty["ended"]}
    assert look(gone, 100)[0]["queue"] < at["all"] and "not those whose visitors" in written(draw_queues(gone))
    assert "given up" not in written(draw_queues(runs["random"])) + tell_queues(runs["random"])


def written(fig):
    """The lines below all panels."""
    return " ".join(text.get_text() for text in fig.texts)


def test_dots_are_as_many_as_requests(runs):
    fig = draw_queues(runs["round robin"], at=[20, 100, 400], nodes={"web.1": "worker-1", "web.2": "worker-1"})
    assert untidy(fig) == []
    shown = look(runs["round robin"], 400)[0]
    each = per_dot(shown["queue"])
    stacks = [len(found.get_paths()) for found in fig.axes[2].collections if found.get_paths()]
    assert max(stacks) == shown["queue"] // each
    assert f"web.1 has {shown['queue']} and got {shown['got']}" in tell_queues(runs["round robin"], at=400)
    assert untidy(draw_queues(several(slow=2, replicas=10), at=100)) == []
    assert untidy(draw_queues(deal(round_robin, replicas=60), at=[10, 20, 30])) == []


def test_a_dot_is_a_round_number():
    assert [per_dot(longest, 60) for longest in (0, 60, 61, 300, 301, 700)] == [1, 1, 2, 5, 10, 20]


def test_each_node_has_its_own_turn():
    rows = [("worker-1", "web.1"), ("worker-2", "web.1"), ("worker-1", "web.2"), ("worker-1", "web.3")]
    ax = draw_turns(rows)
    assert untidy(ax) == [] and {"next: web.1", "next: web.2"} <= set(words(ax))
    assert "worker-1 chose web.1, web.2, web.3; worker-2 chose web.1" in tell_turns(rows)
    hidden = draw_turns(rows, asked=["worker-2", "worker-3"])
    assert words(hidden).count("?") == 2 and not {"next: web.2"} & set(words(hidden)) and untidy(hidden) == []


def test_turns_are_read_from_a_trace():
    class Record:
        def __init__(self, source, fact):
            self.source, self.fact = source, fact

    stored = e.TaskStored(0, "t1", "s", "web.1", 1, "n", "running", "running", "", "", "web:1")
    facts = [("m", stored), ("client", e.RequestSent(1, "http://w:80/", "w")), ("w", e.RequestForwarded(1, "t1", "x"))]
    trace = type("Trace", (), {"records": [Record(*fact) for fact in facts]})
    assert turns(trace) == turns(trace, ":80") == [Turn(1, "w", "web.1")] and turns(trace, ":81") == []


def test_one_connection_goes_to_one_task():
    panels = {"one": [(0, "web.1")] * 100, "each its own": [(n, TASKS[n % 3]) for n in range(100)]}
    fig = draw_connections(panels, TASKS)
    assert untidy(fig) == [] and {"100", "34", "33", "0"} <= set(words(fig))
    assert "one: 100 requests in 1 connection, web.1 100, web.2 0, web.3 0." in tell_connections(panels, TASKS)


def test_what_failed_is_counted_and_vermillion():
    rows = [(n / 10, n / 10 + 0.01, "web.1", not 20 <= n < 30) for n in range(100)]
    fig = draw_clients({"without": rows, "with\na check": rows}, bands=[(2, 3, "no power")], step=0.5)
    assert untidy(fig) == [] and words(fig).count("✕ 10 failed") == 2
    lost = [patch for patch in fig.axes[0].patches if patch.get_facecolor()[:3] == (213 / 255, 94 / 255, 0)]
    assert sum(-patch.get_height() for patch in lost) == 10
    assert "100 requests, 10 failed, the first asked at 2.0 s" in tell_clients({"a": rows}, bands=[(2, 3, "no power")])


def test_a_dot_far_from_its_line_is_vermillion():
    lines = {"d = 1": [(0.5, 2.0), (0.9, 10.0)], "d = 2": [(0.5, 1.27), (0.9, 2.61)]}
    dots = {"d = 1": [(0.5, 2.01, 0.01), (0.9, 10.5, 0.1)], "d = 2": [(0.9, 2.6, 0.01)]}
    assert [round(far) for _, far in apart(lines["d = 1"], dots["d = 1"])] == [1, 5]
    fig = draw_theory(lines, dots)
    wrong = [line for line in fig.axes[1].lines if line.get_markeredgecolor() == ink.WRONG and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in wrong] == [[0.9]] and untidy(fig) == []
    assert "d = 2 at 0.9: 2.6 ± 0.02, by the formula 2.61" in tell_theory(lines, dots)
    assert "5.0 standard errors" in tell_theory(lines, dots) and untidy(draw_theory(lines)) == []


def test_arrivals_beside_independent_ones():
    dice, at, times = Random(1), 0.0, []
    for _ in range(5000):
        at += dice.expovariate(10)
        times.append(at)
    assert untidy(draw_arrivals({"independent": times}, {"counted": [0, 40] * 200})) == []
    told = tell_arrivals({"independent": times}, {"counted": [0, 40] * 200})
    assert "variance 1.0 times" in told and "counted: 20.0 requests a second" in told and "variance 20.0 times" in told


def test_scaling_shows_the_wish_and_the_fact(runs):
    wish = {"ran": [[0, 4], [120_000_000, 6]], "wanted": [[0, 4], [100_000_000, 6]]}
    fig = draw_scaling(runs["two choices"], wish, goal=5.0, bands=[(100, None, "scaled")])
    assert untidy(fig) == [] and "4 → 6" in words(fig)
    assert "from 4 to 6" in tell_scaling(runs["two choices"], wish, goal=5.0)


def test_new_replicas_that_get_nothing_stay_empty():
    idle = {"long": deal(sticky, requests=400), "short": deal(round_robin, requests=400)}
    assert untidy(draw_loads(idle, since=50)) == []
    assert "long: web.1 100%, web.2 0%, web.3 0%, web.4 0%; short: web.1 25%" in tell_loads(idle, since=50)


# ── widgets ──────────────────────────────────────────────────────────────────────────────────────────────────────

ASK = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const module = await import("data:text/javascript;base64," + source);
const asked = JSON.parse(readFileSync(0));
process.stdout.write(JSON.stringify(asked.map(([name, ...given]) => module[name](...given))));
"""


def in_the_browser(script, *asked):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: nothing to compare the board with")
    files = [str(STATIC / "kit.js"), str(STATIC / script)]
    done = subprocess.run(
        [node, "--input-type=module", "-e", ASK, "--", *files],
        input=json.dumps(asked), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_both_count_the_same():
    pytest.importorskip("anywidget")
    from swarmlab.viz.queueboard import QueueBoard

    board = QueueBoard(deal(round_robin, requests=500, slow=1), happened={"a fault": 50}, start=20, end=90)
    assert {"fault", "entry"} >= {mark[2] for mark in board.frames["marks"]} and board.time == 20_000_000
    instants = [20_000_000, 35_123_456, 50_000_000, 90_000_000]
    answers = in_the_browser("queueboard.js", *(["queuesAt", board.frames, at] for at in instants))
    assert answers == [look(board.given, at / 1e6) for at in instants]
    sizes = [(n, room) for n in (0, 5, 61, 500, 12345) for room in (24, 60)]
    assert in_the_browser("queueboard.js", *(["perDot", *size] for size in sizes)) == [per_dot(*size) for size in sizes]
    assert repr(board).startswith("QueueBoard(t=20.000 s: web.1 ") and board.frames["more"] == ""
    assert QueueBoard(impatient(deal(round_robin, slow=1))).frames["more"].startswith("also those")


def test_both_say_a_latency_alike():
    values = [0.0, 0.0004, 0.05, 0.99, 2.25, 64.3, 119.96, 150.0, 8000.0]
    said = in_the_browser("trafficboard.js", *(["span", value] for value in values))
    assert said == [ink.span(value) for value in values]


class Law(tuple):
    """As the laws of service times are."""


def test_knobs_ask_and_mistakes_are_one_line():
    pytest.importorskip("anywidget")
    from swarmlab.viz.trafficboard import TrafficBoard

    asked = []

    def run(load=0.5, way="round robin", slow=0, keep=False):
        asked.append((load, way, slow, keep))
        if load >= 1:
            raise ValueError("a load of 1:\nno queue is ever short again")
        return deal(BALANCERS[way], requests=100, load=load, slow=slow), f"load {load}"

    board = TrafficBoard(
        run, load=(0.1, 1.0, 0.1), way=list(BALANCERS), slow=(0, 2), keep=False, words={"load": "load ρ"}
    )
    assert board.values == {"load": 0.5, "way": "round robin", "slow": 0, "keep": False} and len(asked) == 1
    board.position = {"load": 0.8, "way": 0, "slow": 1, "keep": False}
    assert asked[-1] == (0.8, "random", 1, False) and board.result["said"] == "load 0.8"
    before = board.result["panels"]
    board.position = board.position | {"load": 1.0}
    assert board.result["error"] == "a load of 1: no queue is ever short again" and board.result["panels"] == before
    board.position = board.position | {"load": 0.8}
    assert "error" not in board.result and len(asked) == 3  # known positions are not counted anew
    data, metadata = board._repr_mimebundle_()
    assert data["text/plain"].startswith("TrafficBoard(load ρ 0.8, way random, slow 1, keep no; p99: ")
    assert data["image/png"] and len(metadata["image/png"]["alt"]) > 20
    assert untidy(board.still()) == [] and board.tell().startswith("load 0.8 p50")
    laws = {"constant": Law([0.05]), "exponential": Law([0.05])}  # equal, and not the same
    chosen = TrafficBoard(lambda law=laws["exponential"]: deal(round_robin, requests=20), law=laws)
    assert chosen.position == {"law": 1} and chosen.values["law"] is laws["exponential"]
    with pytest.raises(ValueError, match="a knob is"):
        TrafficBoard(run, load="high")
    with pytest.raises(ValueError, match="a load of 1"):
        TrafficBoard(run, load=(1.0, 1.0))
