"""Copies of a secret drawn: machines at their places, sealed or in clear, and what should not be there."""

from typing import NamedTuple

import pytest
from matplotlib.colors import to_hex

from swarmlab.viz import ink
from swarmlab.viz.copymap import chips_of, draw_copies, tell_copies


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
