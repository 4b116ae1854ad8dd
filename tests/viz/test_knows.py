"""What nodes hold in their tables, beside the truth: from the trace, in Python and on the board alike."""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import pretend
import pytest

from swarmlab import Cluster
from swarmlab.viz.beliefs import differences, tell_beliefs
from swarmlab.viz.frames import frames
from swarmlab.viz.instant import world_at
from swarmlab.viz.knows import tables_at, tables_of

STATIC = Path(__file__).parents[2] / "swarmlab" / "viz" / "static"
SCRIPTS = [str(STATIC / name) for name in ("kit.js", "player.js")]
ASK = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const { worldAt, tablesOf } = await import("data:text/javascript;base64," + source);
const { runs } = JSON.parse(readFileSync(0));
const answers = runs.map(({ frames, times }) => times.map((t) => {
  const world = worldAt(frames, t);
  return Object.fromEntries(world.machines.map(({ name }) => [name, tablesOf(frames, world, name)]));
}));
process.stdout.write(JSON.stringify(answers));
"""


@pytest.fixture(scope="module")
def run():
    """Three tasks; the machine of one loses power, and gossip needs some seconds to say so."""
    cluster = Cluster(managers=1, workers=3, seed=5)
    cluster.docker("service create --name web --replicas 3 -p 8080:80 nginx")
    cluster.run_for(20)
    return cluster


def test_after_a_while_all_tables_hold_the_truth(run):
    tables = tables_at(run.trace)
    assert tables["truth"] == {"web": ["web.1", "web.2", "web.3"]} and not differences(tables)
    assert set(tables_of(run.trace).values()) == {(3, 0, 0)}
    assert tables_at(run.trace, 0.5)["truth"] == {}


def test_a_task_on_a_machine_without_power_is_stale_in_all_other_tables(run):
    machines = {node.id: node.machine for node in run.nodes}
    home = next(machines[task.node] for task in run.tasks if task.name == "web.3")
    run.crash(home)
    run.run_for(0.5)
    tables = tables_at(run.trace)
    assert home not in tables and tables["truth"] == {"web": ["web.1", "web.2"]}
    assert {who for who, _ in differences(tables)} == set(tables) - {"truth"}
    assert set(tables_of(run.trace).values()) == {(3, 1, 0)}
    assert "holds “web”: web.1, web.2, web.3, in truth web.1, web.2" in tell_beliefs(tables)


@pytest.fixture(scope="module")
def drained():
    """A manager without tasks: first nothing is published, then (after 20 s) something, then (40 s) it hears no gossip."""
    cluster = Cluster(managers=1, workers=3, seed=5)
    cluster.docker("node update --availability drain manager-1")
    cluster.docker("network create -d overlay front")
    cluster.docker("service create --detach --name web --replicas 3 --network front nginx")
    cluster.run_for(20 - cluster.now)
    cluster.docker("service create --detach --name door --replicas 3 --publish 8080:80 nginx")
    cluster.run_for(40 - cluster.now)
    cluster.block("manager-1", 7946)
    cluster.docker("service scale --detach door=5")
    cluster.run_for(10)
    return cluster.trace


def test_a_node_on_no_network_with_tasks_lacks_nothing(drained):
    """Only nodes with a task on an overlay network hold its rows; all are on that of published ports (networking.md)."""
    assert tables_of(drained, 20) == {f"worker-{n}": (3, 0, 0) for n in (1, 2, 3)}
    assert set(tables_at(drained, 20)) == {"truth", "worker-1", "worker-2", "worker-3"}


def test_every_node_needs_the_tasks_of_published_ports(drained):
    tables = tables_of(drained, 40)
    assert tables.pop("manager-1") == (3, 0, 0) and set(tables.values()) == {(6, 0, 0)}
    assert tables_of(drained)["manager-1"] == (3, 0, 2)  # it was told of none of the new ones


def test_the_board_counts_the_same(drained):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: nothing to compare the board with")
    dice = Random(5)
    runs = [frames(trace) for trace in (pretend.story(), drained, *(pretend.noise(seed) for seed in range(15)))]
    for rows in runs[2::2]:  # “web” publishes a port
        for service in (row[5] for row in rows["log"] if row[3] == "service" and row[5] and row[5]["name"] == "web"):
            service["ports"] = [8080]
    asked = [{"frames": rows, "times": [dice.randint(0, rows["end"]) for _ in range(6)]} for rows in runs]
    asked[1]["times"] = [20_000_000, 40_000_000, drained.now]
    done = subprocess.run(
        [node, "--input-type=module", "-e", ASK, "--", *SCRIPTS],
        input=json.dumps({"runs": asked}), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for run, answers in zip(asked, json.loads(done.stdout), strict=True):
        for t, drawn in zip(run["times"], answers, strict=True):
            counted = tables_of(run["frames"], t / 1_000_000)
            for machine, counts in counted.items():
                assert tuple(drawn[machine]) == counts, f"{machine} at {t}"
            outside = {m["name"] for m in run["frames"]["machines"] if m["row"] == "outside"}
            world = world_at(run["frames"], t)["machines"]
            works = [m["name"] for m in world if m["looks"] in ("up", "frozen") and m["name"] not in outside]
            silent = [name for name in works if name not in counted]
            assert {name: drawn[name] for name in silent} == {name: [0, 0, 0] for name in silent}
