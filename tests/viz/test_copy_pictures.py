"""Copies of a secret drawn: machines at their places, sealed or in clear, and what should not be there."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from matplotlib.colors import to_hex

from swarmlab import events as e
from swarmlab import viz
from swarmlab.cluster import Cluster
from swarmlab.viz import ink
from swarmlab.viz.copymap import chips_of, draw_copies, tell_copies
from swarmlab.viz.frames import frames
from swarmlab.viz.keeps import held_at

from .pretend import Pen, machines


class Copy(NamedTuple):
    machine: str
    place: str
    on: str
    sealed: bool
    key: str = ""
    kind: str = "secret"
    name: str = "db_pass"


MACHINES = ["manager-1", "manager-2", "worker-1", "worker-2"]
KEPT = [
    Copy(f"manager-{n}", place, on, sealed, key)
    for n in (1, 2)
    for place, on, sealed, key in (("raft log", "disk", True, "beside it"), ("manager memory", "memory", False, ""))
]
USED = [*KEPT, Copy("worker-1", "agent memory", "memory", False), Copy("worker-1", "container memory", "memory", False)]


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def rims(ax):
    return [p for p in ax.patches if to_hex(p.get_edgecolor()) == ink.WRONG]


def test_machines_without_a_copy_keep_their_place():
    said = words(draw_copies(KEPT, MACHINES))
    assert set(MACHINES) <= set(said) and said.count("memory") == 4


def test_copies_that_are_alike_are_one_chip():
    chips = chips_of([*USED, USED[-1]])["worker-1", "memory"]
    assert [(chip.place, chip.times) for chip in chips] == [("agent memory", 1), ("container memory", 2)]
    assert "container ×2" in words(draw_copies([*USED, USED[-1]], MACHINES))


def test_a_chip_says_what_opens_it():
    assert "log, key beside it" in words(draw_copies(KEPT, MACHINES))
    locked = [copy._replace(key="unlock key") for copy in KEPT if copy.sealed]
    assert "log, unlock key" in words(draw_copies(locked, MACHINES))


def test_nothing_is_vermillion_until_a_secret_lies_in_clear_on_a_disk():
    assert not rims(draw_copies(USED, MACHINES))
    config = Copy("worker-1", "container disk", "disk", False, kind="config")
    assert not rims(draw_copies([config], MACHINES))
    assert len(rims(draw_copies([*USED, config._replace(kind="secret")], MACHINES))) == 1
    assert "1 should not be there so" in tell_copies([config._replace(kind="secret")])


def test_the_learner_may_say_what_is_wrong():
    ax = draw_copies(USED, MACHINES, wrong=lambda copy: copy.machine == "worker-1")
    assert len(rims(ax)) == 2


def test_several_instants_are_a_filmstrip_of_letters():
    said = words(draw_copies({"created": KEPT, "one task": USED}, MACHINES))
    assert said.count("worker-2") == 2 and {"created", "one task", "A", "C", "L", "M"} <= set(said)
    with pytest.raises(ValueError, match="7 instants: one to 6"):
        draw_copies({str(n): KEPT for n in range(7)}, MACHINES)


def test_a_stolen_machine_is_marked():
    assert "worker-1 stolen" in words(draw_copies(USED, MACHINES, stolen=["worker-1"]))


def test_copies_in_words():
    assert tell_copies({"one task": USED}) == (
        "one task: 6 copies on 3 machines: manager-1: raft log (sealed), manager memory; manager-2: raft log (sealed), "
        "manager memory; worker-1: agent memory, container memory."
    )
    assert tell_copies([]) == "no copy anywhere."


# ── from the trace, for the board ────────────────────────────────────────────────────────────────────────────────


def copies_in(cluster):
    """What the engine itself says: machine → (place, name) of all copies."""
    found = {}
    for name in ("db_pass", "conf", "old"):
        for copy in cluster.where_is(name):
            found.setdefault(copy.machine, set()).add((copy.place, copy.name))
    return found


def copies_told(cluster):
    return {machine: {(one.place, one.name) for one in held} for machine, held in held_at(cluster.trace).items()}


def test_the_trace_alone_tells_where_every_copy_is(tmp_path):
    """Against `where_is`, through a service's life, lost power, a removed secret and a node that leaves."""
    content = tmp_path / "content"
    content.write_text("s3cret")
    cluster = Cluster(managers=3, workers=2, seed=4, messages=False)
    for line in (f"secret create db_pass {content}", f"config create conf {content}", f"secret create old {content}"):
        cluster.docker(line)
    for manager in ("manager-1", "manager-2", "manager-3"):
        cluster.docker(f"node update --availability drain {manager}")
    cluster.docker("service create -d --name web --replicas 2 --secret db_pass --config conf nginx:1.25")
    cluster.run_for(10)
    assert copies_told(cluster) == copies_in(cluster)
    assert copies_told(cluster)["worker-1"] == {
        ("agent memory", "db_pass"), ("agent memory", "conf"), ("container memory", "db_pass"), ("container disk", "conf"),
    }  # fmt: skip
    cluster.docker("secret rm old")
    cluster.crash("worker-1")
    cluster.crash("manager-3")
    assert copies_told(cluster) == copies_in(cluster)
    cluster.run_for(20)
    cluster.restart("worker-1")
    cluster.restart("manager-3")
    cluster.run_for(20)
    assert copies_told(cluster) == copies_in(cluster)
    cluster.docker("service rm web")
    cluster.run_for(15)
    cluster.docker("swarm leave --force", "worker-2")
    cluster.run_for(3)
    assert copies_told(cluster) == copies_in(cluster)


def test_the_board_has_a_row_whenever_a_machine_has_more_copies_or_fewer():
    pen = Pen(machines(1, 1))
    pen.leader = "manager-1"
    pen.store(1, e.SecretStored(0, "s1", "db_pass"))
    pen.note(2, "worker-1", e.FileDelivered("secret", "s1", "db_pass"))
    pen.note(3, "worker-1", e.FileDelivered("secret", "s1", "db_pass", "t1"))
    pen.note(4, "worker-1", e.ContainerExited("c1", "t1", 0))
    pen.note(5, "worker-1", e.FileWithdrawn("secret", "s1", "db_pass"))
    pen.note(6, "manager-1", e.MachineCrashed())
    rows = [[time // 1_000_000, *rest] for time, *rest in frames(pen.trace)["copies"]]
    assert rows == [
        [1, "manager-1", 1, 1, ["db_pass"]],
        [2, "worker-1", 0, 1, ["db_pass"]],
        [3, "worker-1", 0, 2, ["db_pass"]],
        [4, "worker-1", 0, 1, ["db_pass"]],
        [5, "worker-1", 0, 0, []],
        [6, "manager-1", 1, 0, ["db_pass"]],
    ]


SCRIPTS = [str(Path(viz.__file__).parent / "static" / name) for name in ("kit.js", "player.js")]
ASK = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const { copiesAt } = await import("data:text/javascript;base64," + source);
const { copies, times } = JSON.parse(readFileSync(0));
process.stdout.write(JSON.stringify(times.map((t) => Object.fromEntries(copiesAt({ copies }, t)))));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_board_shows_what_holds_at_its_instant():
    rows = [[1, "manager-1", 1, 1, ["a"]], [2, "worker-1", 0, 1, ["a"]], [3, "worker-1", 0, 0, []]]
    asked = json.dumps({"copies": rows, "times": [0, 2, 3]})
    command = ["node", "--input-type=module", "-e", ASK, "--", *SCRIPTS]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [
        {},
        {"manager-1": [1, 1, ["a"]], "worker-1": [0, 1, ["a"]]},
        {"manager-1": [1, 1, ["a"]], "worker-1": [0, 0, []]},
    ], done.stderr
