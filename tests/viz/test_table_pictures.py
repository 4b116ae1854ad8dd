"""Symptoms of closed ports, the map of a subnet, beliefs beside the truth: what is wrong has vermillion, nothing else."""

from math import inf

import pytest

from swarmlab.viz import ink
from swarmlab.viz.addressmap import counts_of, draw_addresses, tell_addresses
from swarmlab.viz.beliefs import differences, draw_beliefs, tell_beliefs
from swarmlab.viz.symptoms import answer_of, draw_symptoms, said, tell_symptoms

PORTS = {
    "nothing": {"the name": True, "a connection": 0.002},
    "4789/udp": {"the name": True, "a connection": (False, "timed out")},
    "7946/udp\n7946/tcp": {"the name": inf, "a connection": None},
}
USES = [("10.0.1.1", "gateway"), ("10.0.1.2", "vip", "web"), ("10.0.1.3", "node", "worker-1")]
TABLES = {
    "truth": {"web": ["10.0.1.2"], "tasks.web": ["10.0.1.6", "10.0.1.5"]},
    "worker-1": {"web": "10.0.1.2", "tasks.web": ["10.0.1.5", "10.0.1.6"]},
    "worker-2": {"web": "10.0.1.2", "tasks.web": ["10.0.1.5"], "old": "10.0.1.9"},
}


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def wrong(ax):
    """Shapes filled or rimmed in vermillion."""
    from matplotlib.colors import to_hex

    return [p for p in ax.patches if ink.WRONG in (to_hex(p.get_facecolor()), to_hex(p.get_edgecolor()))]


def test_an_answer_may_be_a_truth_a_time_or_words():
    answers = [said(answer_of(value)) for value in (True, False, None, 0.25, inf, "by name", (0.25, "slow"))]
    assert answers == ["✓ yes", "✕ no", "not asked", "✓ 250 ms", "✕ never", "by name", "✓ slow"]


def test_every_symptom_stands_in_its_cell_and_what_fails_is_vermillion():
    ax = draw_symptoms(PORTS)
    assert [text for text in words(ax) if text.startswith(("✓", "✕"))] == [
        "✓ yes",
        "✓ 2.0 ms",
        "✓ yes",
        "✕ timed out",
        "✕ never",
    ]
    assert len(wrong(ax)) == 3, "two failures, and the bar of what never came"


def test_symptoms_in_words():
    assert tell_symptoms(PORTS).endswith("7946/udp and 7946/tcp: the name ✕ never, a connection not asked.")
    with pytest.raises(ValueError, match="no port was closed"):
        draw_symptoms({})


def test_an_address_map_counts_all_addresses_of_its_subnet():
    counts = counts_of("10.0.1.0/24", USES)
    assert sum(counts.values()) == 256 and counts["free"] == 251 and counts["ends"] == 2
    full = [*USES, *((f"10.0.1.{n}", "task", f"web.{n}") for n in range(4, 255))]
    assert counts_of("10.0.1.0/24", full)["free"] == 0
    assert tell_addresses("10.0.1.0/24", full, 3) == (
        "10.0.1.0/24: 1 gateway, 1 VIP, 1 node, 251 tasks; no address is free; 3 tasks wait for one."
    )


def test_an_address_map_has_a_cell_for_every_address():
    for subnet, size in (("10.0.1.0/28", 16), ("10.0.1.0/24", 256), ("10.0.0.0/22", 1024)):
        ax = draw_addresses(subnet, USES)
        cells = [p for p in ax.patches if p.get_x() < 7.1 and p.get_width() > 0.1]
        assert len([p for p in cells if p.get_x() >= 0.6]) >= size
    assert "✕ 3 tasks found no address:" in words(draw_addresses("10.0.1.0/24", USES, waiting=3))


def test_tasks_take_the_colour_of_their_service():
    said = words(draw_addresses("10.0.1.0/24", [*USES, ("10.0.1.4", "task", "web.1")], services=["web"]))
    assert "1 task of web" in said and "V2" in said and "N3" in said


@pytest.mark.parametrize(
    ("subnet", "rows", "message"),
    [
        ("10.0.1.0", [], "'10.0.1.0' is not a subnet"),
        ("10.0.0.0/8", [], "10.0.0.0/8 has 16777216 addresses: the map shows 4 to 1024"),
        ("10.0.1.0/24", [("10.0.2.1", "task", "a.1")], "10.0.2.1 is not in 10.0.1.0/24"),
        (
            "10.0.1.0/24",
            [("10.0.1.5", "task", "a.1"), ("10.0.1.5", "task", "a.2")],
            "10.0.1.5 has two owners: a.1, a.2",
        ),
        ("10.0.1.0/24", [("10.0.1.5", "whale")], "kind 'whale' is none of"),
    ],
)
def test_bad_addresses_are_refused_in_one_sentence(subnet, rows, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        draw_addresses(subnet, rows)


def test_only_what_differs_from_the_truth_has_a_rim():
    assert differences(TABLES) == [("worker-2", "tasks.web"), ("worker-2", "old")]
    assert len(wrong(draw_beliefs(TABLES))) == 2
    assert not wrong(draw_beliefs({"truth": {"a": 1}, "worker-1": {"a": 1}}))


def test_beliefs_in_words():
    assert tell_beliefs(TABLES).endswith("worker-2 holds “old”: 10.0.1.9, in truth nothing.")
    assert (
        tell_beliefs({"truth": {"a": 1}, "n": {"a": 1}}, title="names")
        == "Names: all 1 agree with the truth on 1 rows."
    )
    with pytest.raises(ValueError, match="there is no 'truth' among: n"):
        draw_beliefs({"n": {}})


def test_an_address_map_takes_what_the_swarm_says_of_its_networks():
    from swarmlab.overlay.addresses import Used

    rows = [Used("10.0.1.1", "gateway", "front"), Used("10.0.1.2", "virtual IP", "web"), Used("10.0.1.3", "node", "w")]
    assert counts_of("10.0.1.0/24", rows)["vip"] == 1
