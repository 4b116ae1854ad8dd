"""The raft board: what it sends, what it says in plain text, and that the browser looks up what Python looks up."""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("anywidget", reason="the board needs anywidget")

from swarmlab.group import RaftGroup
from swarmlab.raft.core import PAPER, SWARMKIT
from swarmlab.viz.raftboard import RaftBoard
from swarmlab.viz.raftframes import raft_at, raft_frames, summary
from swarmlab.viz.ring import spots

STATIC = Path(__file__).parents[2] / "swarmlab" / "viz" / "static"
SCRIPTS = [str(STATIC / name) for name in ("kit.js", "raftboard.js")]
ASK = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const { raftAt, summary } = await import("data:text/javascript;base64," + source);
const { runs } = JSON.parse(readFileSync(0));
const answers = runs.map(({ frames, times }) => times.map((t) => [raftAt(frames, t), summary(raftAt(frames, t))]));
process.stdout.write(JSON.stringify(answers));
"""


SMALL = PAPER._replace(snapshot_every=15, keep=4, pre_vote=True)


def stormy(seed):
    """A run with most of what can be drawn: cuts, crashes, freezes, elections, snapshots, a change of members."""
    group, dice = RaftGroup(5, SMALL, seed=seed, alarms=True, spare=1), Random(seed)
    group.run_for(0.5)
    for step in range(30):
        names = list(group.nodes)
        if step % 7 == 3:
            group.partition(set(names[:2]), set(names[2:]))
        elif step % 7 == 5:
            group.heal()
        elif step == 11 and group.leader:
            group.change(add=["node-6"])
        elif step % 11 == 7:
            group.crash(dice.choice(names))
        elif step % 11 == 10:
            group.freeze(dice.choice(names), 0.1)
        elif step % 5 == 0 and len(names) < 5:
            group.restart(next(name for name in group.members if name not in names))
        elif group.leader:
            group.propose(step)
        group.run_for(dice.choice([0.001, 0.02, 0.2]))
    return group


@pytest.fixture(scope="module")
def trace():
    return stormy(1).trace


def in_the_browsers_language(runs):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: nothing to compare the board with")
    done = subprocess.run(
        [node, "--input-type=module", "-e", ASK, "--", *SCRIPTS],
        input=json.dumps({"runs": runs}), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_both_look_up_the_same():
    dice, runs = Random(3), []
    for seed in range(4):
        rows = raft_frames(stormy(seed).trace)
        edges = [row[0] for row in rows["facts"]] + [message[0] + 1 for message in rows["messages"]]
        runs.append({"frames": rows, "times": [dice.choice(edges) for _ in range(150)] + [0, rows["end"]]})
    for run, answers in zip(runs, in_the_browsers_language(runs), strict=True):
        for time, (world, said) in zip(run["times"], answers, strict=True):
            ours = raft_at(run["frames"], time)
            assert world == json.loads(json.dumps(ours)), f"at {time} µs"
            assert said == summary(ours)


def test_a_stretch_of_a_run_shows_what_the_whole_run_shows(trace):
    whole, board = raft_frames(trace), RaftBoard(trace, start=0.6, end=1.5)
    assert (board.frames["start"], board.frames["end"], board.time) == (600_000, 1_500_000, 600_000)
    assert len(json.dumps(board.frames)) < len(json.dumps(whole))
    for time in range(600_000, 1_500_000, 13_457):
        worlds = [raft_at(rows, time) for rows in (board.frames, whole)]
        for message in worlds[0]["messages"] + worlds[1]["messages"]:
            del message["number"]  # counted from the beginning of the stretch
        assert worlds[0] == worlds[1]
    assert all(600_000 <= mark[0] <= 1_500_000 for mark in board.frames["marks"])


def test_everything_is_sent_once_and_only_the_cursor_comes_back(trace):
    board = RaftBoard(trace, view="ring", time=1, speed=0.25)
    assert (board.view, board.time, board.speed) == ("ring", 1_000_000, 0.25)
    sent = {name for name in board.keys if not name.startswith("_")}
    assert {"frames", "speed", "time", "told", "view"} == sent - {"layout", "tabbable", "tooltip"}


def test_its_plain_text_is_one_line_and_always_the_same():
    group = RaftGroup(3, seed=5)
    group.run_for(1)
    texts = [RaftBoard(group.trace, time=1)._repr_mimebundle_()[0]["text/plain"] for _ in range(2)]
    assert texts == [f"RaftBoard(t=1.000 s: {group.leader} leads, term 1; 1 of 1 entries committed)"] * 2


def test_a_time_out_can_be_watched_whatever_the_ticks_are():
    for settings, speed in ((PAPER, 0.1), (SWARMKIT, 4)):
        group = RaftGroup(3, settings, seed=5, alarms=True)
        group.run_for(1)
        assert RaftBoard(group.trace).speed == speed


def test_without_time_outs_the_heartbeats_tell_the_pace():
    group = RaftGroup(3, SWARMKIT, seed=5)
    group.run_for(60)
    assert RaftBoard(group.trace).speed == 1.0


def test_what_the_client_was_told_may_come_with_a_time(trace):
    assert RaftBoard(trace, told={3: "done"}).told == [[0, 3, "done"]]
    assert RaftBoard(trace, told=[(0.5, 3, "done")]).told == [[500_000, 3, "done"]]


def test_what_cannot_be_shown_is_refused_in_one_line(trace):
    with pytest.raises(ValueError, match="view 'rings' is none of: both, ring, ladder"):
        RaftBoard(trace, view="rings")
    with pytest.raises(ValueError, match="from 9 s to 2 s: the run goes from 0 to"):
        RaftBoard(trace, start=9, end=2)


def test_servers_stand_where_the_figure_has_them():
    names = [f"n{n}" for n in range(5)]
    script = (
        ASK.split("const { raftAt")[0]
        + f"""
const {{ spots }} = await import("data:text/javascript;base64," + source);
process.stdout.write(JSON.stringify([...spots({json.dumps(names)}, 400, 400)]));"""
    )
    node = shutil.which("node") or pytest.skip("node is not installed")
    done = subprocess.run([node, "--input-type=module", "-e", script, "--", *SCRIPTS], capture_output=True, text=True)
    browser, figure = dict(json.loads(done.stdout)), spots(names, 4, 4, 0.4)
    clockwise = sorted(names, key=lambda name: (browser[name][0] > 200, browser[name][1]))
    assert clockwise == sorted(names, key=lambda name: (figure[name][0] > 1e-9, -figure[name][1]))
