"""The fold in the browser says what the fold in Python says: at any instant, through any lens, forward and backward."""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import pretend
import pytest

from swarmlab.viz.frames import frames, summary, world_at

STATIC = Path(__file__).parents[2] / "swarmlab" / "viz" / "static"
SCRIPTS = [str(STATIC / name) for name in ("kit.js", "player.js")]

ASK = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const { worldAt, summary } = await import("data:text/javascript;base64," + source);
const { runs } = JSON.parse(readFileSync(0));
const answers = runs.map(({ frames, questions }) => questions.map(([t, lens]) => {
  const world = worldAt(frames, t, lens);
  return [structuredClone(world), summary(world)];
}));
process.stdout.write(JSON.stringify(answers));
"""


def asked_in_the_browsers_language(runs):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: nothing to compare the board's fold with")
    done = subprocess.run(
        [node, "--input-type=module", "-e", ASK, "--", *SCRIPTS],
        input=json.dumps({"runs": runs}), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def questions(rows, dice, count):
    """Instants in no order, so that keyframes are used too; every lens."""
    lenses = ["truth", *(machine["name"] for machine in rows["machines"])]
    edges = [row[0] for row in rows["truth"]] or [0]
    return [
        (dice.choice([dice.choice(edges), dice.randint(0, rows["end"])]), lens) for _ in range(count) for lens in lenses
    ]


def assert_agreement(traces, count):
    dice = Random(5)
    runs = [{"frames": rows, "questions": questions(rows, dice, count)} for rows in map(frames, traces)]
    for run, answers in zip(runs, asked_in_the_browsers_language(runs), strict=True):
        for (t, lens), (world, said) in zip(run["questions"], answers, strict=True):
            ours = world_at(run["frames"], t, lens)
            assert world == ours, f"at {t} through {lens}"
            assert said == summary(ours)


def test_both_agree_on_a_run_with_faults():
    assert_agreement([pretend.story()], 25)


def test_both_agree_on_a_crowd():
    assert_agreement([pretend.crowd(12, 40, 1500)], 12)


def test_both_agree_on_noise():
    assert_agreement([pretend.noise(seed) for seed in range(40)], 5)
