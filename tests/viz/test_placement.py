"""Placement: every block stands where the store has it, the ranks are those of the moment of choice."""

from itertools import pairwise

import pretend
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from test_raft_pictures import covered, outside, words

from swarmlab.viz import ink
from swarmlab.viz.placefold import amount, placed_rows, placement, placement_at, zones_of
from swarmlab.viz.placement import draw_placement, placement_strip, tell_placement

GIB = 1 << 30
LABELS = {"worker-1": "a", "worker-2": "a", "worker-3": "b"}


def node(machine, **looks):
    zone = LABELS.get(machine)
    return pretend.node(machine, **looks)._replace(labels=(("zone", zone),) if zone else ())


def task(id, name, slot, machine, memory=0, limit=0, **looks):
    return pretend.task(id, name, slot, machine, **looks)._replace(reserved=(0, memory), limits=(0, limit))


@pytest.fixture(scope="module")
def trace():
    """Two services on three labelled workers; one worker is lost, its label changes, one task fits nowhere."""
    pen = pretend.Pen(pretend.machines(1, 3))
    pen.leader = "manager-1"
    pen.store(0.1, node("manager-1", role="manager", availability="drain"))
    for name in LABELS:
        pen.store(0.2, node(name))
    pen.store(1, *(task(f"w{n}", "web", n, "", GIB, state="pending") for n in (1, 2, 3)))
    pen.store(1.1, *(task(f"w{n}", "web", n, f"worker-{n}", GIB, 2 * GIB, state="assigned") for n in (1, 2, 3)))
    pen.store(2, task("f1", "free", 1, "worker-1", state="assigned"))
    pen.store(3, task("b1", "big", 1, "", 8 * GIB, state="pending"))
    pen.store(3.1, task("b1", "big", 1, "", 8 * GIB, state="pending", err="no suitable node (insufficient resources)"))
    pen.store(4, task("w2", "web", 2, "worker-2", GIB, state="failed", desired="shutdown"))
    pen.store(4.1, task("w4", "web", 2, "worker-1", GIB, state="assigned"))
    pen.store(5, node("worker-3", state="down"))
    pen.store(5.1, task("w3", "web", 3, "worker-3", GIB, state="running", desired="shutdown"))
    pen.store(6, pretend.node("worker-1"))
    pen.store(7, task("w5", "web", 3, "worker-2", GIB, state="assigned"))
    return pen.trace


@pytest.fixture(scope="module")
def rows(trace):
    return placement(trace)


def step_of(rows, said):
    return next(n for n, step in enumerate(rows["steps"]) if said in step["said"])


def at(rows, said):
    return placement_at(rows, step_of(rows, said))


def names(world, machine):
    return [task["name"] for task in next(n for n in world["nodes"] if n["name"] == machine)["tasks"]]


def test_each_choice_is_a_step_and_what_happens_together_is_one(rows):
    said = [step["said"] for step in rows["steps"]]
    assert said[:5] == [
        "empty",
        "web.1, web.2, web.3: waiting for a node",
        *(f"web.{n} → worker-{n}" for n in (1, 2, 3)),
    ]
    assert "big.1: no suitable node (insufficient resources)" in said and "worker-1 has no zone any more" in said


def test_a_task_stands_on_its_node_until_it_has_ended(rows):
    assert names(at(rows, "web.2 → worker-2"), "worker-2") == ["web.2"]
    assert names(at(rows, "web.2: failed"), "worker-2") == []
    assert names(at(rows, "web.2 → worker-1"), "worker-1") == ["web.1", "free.1", "web.2"]


def test_what_nobody_wants_any_more_still_holds_what_it_reserved(rows):
    lost = next(node for node in placement_at(rows, len(rows["steps"]) - 1)["nodes"] if node["name"] == "worker-3")
    assert lost["state"] == "down" and lost["reserved"] == GIB and not lost["tasks"][0]["wanted"]


def test_ranks_are_those_before_the_choice(rows):
    ranks = at(rows, "web.2 → worker-1")
    found = {node["name"]: node["ranks"] for node in ranks["nodes"]}
    assert found == {"manager-1": None, "worker-1": [0, 1, 2], "worker-2": [1, 0, 0], "worker-3": [0, 1, 1]}
    assert ranks["chosen"] == "worker-1" and ranks["service"] == "web"


def test_who_is_down_or_drained_has_no_rank(rows):
    found = {node["name"]: node["ranks"] for node in at(rows, "web.3 → worker-2")["nodes"]}
    assert found == {"manager-1": None, "worker-1": [0, 2, 3], "worker-2": [1, 0, 0], "worker-3": None}


def test_who_has_no_room_has_no_rank():
    found = placed_rows([("n1", "", 4), ("n2", "", 8)], [("a.1", "n2", 6)], unit="units")
    assert found["steps"][1]["ranks"] == {"n1": None, "n2": [0, 0, 0]}


def test_what_is_not_told_is_not_drawn():
    rows = placed_rows([("n1", "", 9)], [("a.1", "n1", 1), ("a.2", "n1", 1, 2), ("a.3", "n1", 1, 2, 0.5)], unit="units")
    assert [(t["limit"], t["used"]) for t in rows["tasks"].values()] == [(0, None), (2, None), (2, 0.5)]


def test_zones_are_counted_by_label_and_follow_it(rows):
    zones = zones_of(at(rows, "web.3 → worker-3")["nodes"])
    assert [(zone["zone"], zone["tasks"]) for zone in zones] == [("", {}), ("a", {"web": 2}), ("b", {"web": 1})]
    last = zones_of(placement_at(rows, len(rows["steps"]) - 1)["nodes"])
    assert [zone["zone"] for zone in last] == ["", "a", "b"] and last[0]["tasks"] == {"web": 2, "free": 1}


def test_a_later_start_begins_with_what_stood_there(trace):
    late = placement(trace, start=3.5)
    assert late["steps"][0]["said"] == "as it stood"
    assert names(placement_at(late, 0), "worker-1") == ["web.1", "free.1"]
    assert [task["name"] for task in placement_at(late, 0)["waiting"]] == ["big.1"]


def test_processors_are_counted_as_people_do():
    pen = pretend.Pen(pretend.machines(1, 0))
    pen.leader = "manager-1"
    pen.store(0.1, node("manager-1", role="manager"))
    pen.store(1, task("a", "web", 1, "manager-1", state="assigned")._replace(reserved=(5 * 10**8, 0)))
    world = placement_at(placement(pen.trace, "cpus"), 1)
    assert world["nodes"][0]["reserved"] == 0.5 and world["nodes"][0]["capacity"] == 2
    assert [amount(value, "cpus") for value in (0.5, 1)] == ["0.5 CPUs", "1 CPU"]
    assert [amount(value, "memory") for value in (0, 1 << 29, 3 << 29)] == ["0", "512 MiB", "1.5 GiB"]


def blocks(ax):
    """The heights of what is drawn as blocks, by colour."""
    found: dict = {}
    for patch in ax.patches:
        if isinstance(patch, Rectangle) and to_hex(patch.get_facecolor()) in ink.HUES:
            found.setdefault(to_hex(patch.get_facecolor()), []).append(round(patch.get_height(), 3))
    return found


def test_a_block_is_as_high_as_what_it_reserves():
    rows = placed_rows([("n1", "", 4 * GIB)], [("a.1", "n1", GIB), ("b.1", "n1", 2 * GIB, 3 * GIB, GIB)])
    drawn = blocks(draw_placement(rows, high=2.0))
    assert drawn == {ink.HUES[0]: [0.5], ink.HUES[1]: [1.0]}


def test_what_is_in_use_is_drawn_to_scale_even_where_nothing_is_reserved():
    rows = placed_rows([("n1", "", 4 * GIB)], [("a.1", "n1", GIB, 0, 3 * GIB), ("b.1", "n1", 0, 0, 2 * GIB)])
    ax = draw_placement(rows, high=2.0)
    shades = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_alpha()]
    assert [round(shade.get_height(), 3) for shade in shades] == [1.5, 1.0]
    assert len({round(shade.get_y() + shade.get_height(), 3) for shade in shades}) == 1  # both stand on the floor


def test_title_and_tray_end_with_a_narrow_picture():
    why = "no suitable node (insufficient resources on 3 nodes; 1 node not available for new tasks)"
    for count in (1, 5):
        rows = placed_rows([(f"n{n}", "", GIB) for n in range(count)], [("a.1", "", 2 * GIB)])
        rows["steps"][-1]["said"] = f"a.1: {why}"
        ax = draw_placement(rows)
        assert outside(ax) == [] and any(text.endswith("… · step 1 of 1") for text in words(ax))
        wide = ink.inches(ax)[0]
        assert wide < ink.WIDTH and all(patch.get_x() + patch.get_width() <= wide for patch in ax.patches)


def test_no_label_covers_another(rows):
    for step in range(len(rows["steps"])):
        ax = draw_placement(rows, step)
        assert covered(ax) == [] and outside(ax) == []
    strip = placement_strip(rows)
    assert covered(strip) == [] and outside(strip) == []
    assert {"failures", "of web", "✕ down", "no node yet"} <= set(words(strip)) | set(words(draw_placement(rows)))


@pytest.mark.parametrize("count", [1, 3, 7, 12, 20, 50, 51, 300])
def test_it_is_drawn_for_few_nodes_and_for_many(count):
    nodes = [(f"worker-{n + 1}", "abc"[n * 3 // count], 4 * GIB) for n in range(count)]
    placed = [
        (f"{service}.{n}", f"worker-{n % count + 1}", GIB // 2) for service in ("web", "db") for n in range(count)
    ]
    rows = placed_rows(nodes, placed)
    ax = draw_placement(rows)
    assert covered(ax) == [] and outside(ax) == []
    if count > 50:
        assert any("100 nodes, 200 tasks, 2 on each" in text or count == 51 for text in words(ax))


def test_it_says_it_in_words(rows):
    said = tell_placement(rows)
    assert "worker-3 0 (1 GiB of 4 GiB, down)" in said and "1 task without a node" in said


def test_what_there_is_not_is_refused(trace, rows):
    with pytest.raises(ValueError, match="step 99: there are steps 0 to"):
        draw_placement(rows, 99)
    with pytest.raises(ValueError, match="unit 'disk' is none of"):
        placement(trace, unit="disk")


def test_services_are_told_apart_without_colour(rows):
    letters = {text for text in words(draw_placement(rows)) if len(text) == 1 and text.isalpha()}
    assert {"W", "F", "B"} <= letters
    assert all(a != b for a, b in pairwise(sorted(ink.HUES)))


def test_the_trace_says_what_tasks_reserve():
    from swarmlab.manager.store import FACTS
    from swarmlab.objects import Resources, Task, TaskSpec

    spec = TaskSpec(reservations=Resources(nano_cpus=1, memory=2), limits=Resources(memory=3))
    told = FACTS[Task](1, Task("t", "s", spec=spec))
    assert (told.reserved, told.limits) == ((1, 2), (0, 3))
