"""The playable placements: what is sent, what is said, and that the browser looks up what Python looks up."""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("anywidget", reason="the board needs anywidget")

from swarmlab.viz.placeboard import PlaceBoard
from swarmlab.viz.placefold import amount, placed_rows, placement_at, zones_of

STATIC = Path(__file__).parents[2] / "swarmlab" / "viz" / "static"
SCRIPTS = [str(STATIC / name) for name in ("kit.js", "placeboard.js")]
ASK = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const { placementAt, zonesOf, amount } = await import("data:text/javascript;base64," + source);
const { runs, amounts } = JSON.parse(readFileSync(0));
const look = (rows, step) => { const world = placementAt(rows, step); return [world, zonesOf(world.nodes)]; };
const answers = runs.map((rows) => rows.steps.map((_, step) => look(rows, step)));
process.stdout.write(JSON.stringify([answers, amounts.map(([value, unit]) => amount(value, unit))]));
"""
NODES = [("n1", "a", 4), ("n2", "a", 4), ("n3", "b", 8)]


def stormy(seed):
    """Placements, ends, drained nodes and labels that change, in any order."""
    dice = Random(seed)
    placed = [
        (f"{dice.choice('xyz')}.{n}", dice.choice(["n1", "n2", "n3", ""]), dice.choice([0, 1, 2])) for n in range(20)
    ]
    rows = placed_rows(NODES, placed, unit="units")
    for step in rows["steps"][5:]:
        task = dice.choice(placed)[0]
        if dice.random() < 0.4:
            step["moves"].append([task, dice.choice([None, "", "n1"]), dice.random() < 0.5])
        if dice.random() < 0.3:
            step["nodes"]["n2"] = {"zone": dice.choice("ab"), "state": dice.choice(["ready", "down"])}
    return rows


def test_both_look_up_the_same():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: nothing to compare the board with")
    runs = [stormy(seed) for seed in range(5)]
    amounts = [(0, "memory"), (1 << 29, "memory"), (3 << 29, "memory"), (0.5, "cpus"), (1, "cpus"), (2.0, "units")]
    done = subprocess.run(
        [node, "--input-type=module", "-e", ASK, "--", *SCRIPTS],
        input=json.dumps({"runs": runs, "amounts": amounts}), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers, said = json.loads(done.stdout)
    assert said == [amount(value, unit) for value, unit in amounts]
    for rows, looks in zip(runs, answers, strict=True):
        for step, (world, zones) in enumerate(looks):
            ours = placement_at(rows, step)
            assert world == json.loads(json.dumps(ours)), f"step {step}"
            assert zones == zones_of(ours["nodes"])


def test_every_step_is_a_stop():
    board = PlaceBoard(stormy(1), step=3, speed=2)
    assert board.step == 3 and board.speed == 2
    assert [mark[0] for mark in board.frames["marks"]] == [n * 1_000_000 for n in range(1, 21)]
    assert board.frames["end"] == 20_000_000 and set(board.frames["letters"].values()) == {"X", "Y", "Z"}


def test_its_plain_text_is_one_line_and_always_the_same():
    rows = placed_rows(NODES, [("web.1", "n1", 2)], unit="units")
    text = PlaceBoard(rows, step=1)._repr_mimebundle_()[0]["text/plain"]
    assert text == (
        "PlaceBoard(After step 1 of 1 (web.1 → n1): n1 1 (2 of 4), n2 0 (0 of 4), n3 0 (0 of 8); tasks by zone: a 1, b 0.)"
    )


def test_a_step_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="step 7: there are steps 0 to 1"):
        PlaceBoard(placed_rows(NODES, [("web.1", "n1", 2)]), step=7)
