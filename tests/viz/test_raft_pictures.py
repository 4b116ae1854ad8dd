"""Pictures of Raft: they say what the rows say, in words too, and no two labels cover each other."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from swarmlab import events as e
from swarmlab.group import RaftGroup
from swarmlab.raft.core import PAPER
from swarmlab.viz import ink, ladder, ring
from swarmlab.viz.raftframes import raft_at, raft_frames

FIGURE_7 = {
    "leader": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
    "a": [1, 1, 1, 4, 4, 5, 5, 6, 6],
    "b": [1, 1, 1, 4],
    "c": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    "d": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    "e": [1, 1, 1, 4, 4, 4, 4],
    "f": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
}


def elected(members=5, seed=3):
    """A group whose leader has lost power and has a successor."""
    group = RaftGroup(members, seed=seed, alarms=True)
    group.run_for(1)
    group.crash(group.leader)
    group.run_for(1.2)
    return group


@pytest.fixture(scope="module")
def election():
    return raft_frames(elected().trace)


@pytest.fixture(scope="module")
def written():
    """Five logs that differ: one follower was away, two are cut off with a leader that nobody else follows."""
    group = RaftGroup(5, seed=4, alarms=True)
    group.run_for(0.5)
    leader, *others = sorted(group.members, key=lambda name: name != group.leader)
    group.propose("x")
    group.run_for(0.02)
    group.crash(others[0])
    for value in range(6):
        group.propose(value)
        group.run_for(0.02)
    group.partition({leader, others[1]}, {others[2], others[3]})
    for value in range(3):
        group.propose(value, to=leader)
    group.run_for(0.01)
    return raft_frames(group.trace)


def texts(drawn):
    """Every text on a figure, with the place it takes."""
    fig = ink.figure_of(drawn)
    renderer = FigureCanvasAgg(fig).get_renderer()
    fig.draw(renderer)  # only then labels of axes know their places
    found = fig.findobj(
        lambda artist: hasattr(artist, "get_text") and artist.get_visible() and artist.get_text().strip()
    )
    return [(text.get_text(), text.get_window_extent(renderer)) for text in found]


def words(drawn):
    return [text for text, _ in texts(drawn)]


def covered(drawn):
    """Pairs of texts that cover each other by more than a hair."""
    pairs = combinations(texts(drawn), 2)
    return [(a, b) for (a, one), (b, other) in pairs if overlap(one, other) > 2]


def overlap(one, other):
    """By how many pixels two boxes cover each other, the smaller way."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return min(wide, high)


def outside(drawn):
    """Texts that do not fit on the figure."""
    box = ink.figure_of(drawn).bbox
    return [
        text
        for text, place in texts(drawn)
        if place.x0 < -1 or place.x1 > box.x1 + 1 or place.y0 < -1 or place.y1 > box.y1 + 1
    ]


# the ring


def test_an_election_has_its_instants_from_the_fault_on(election):
    instants = ring.election_instants(election)
    assert list(instants) == ["fault", "waiting", "noticed", "asked", "elected", "followed"]
    assert list(instants.values()) == sorted(instants.values()) and instants["fault"] == 1.0
    worlds = {name: raft_at(election, round(time * 1e6)) for name, time in instants.items()}
    roles = {name: sorted(server["role"] for server in world["servers"]) for name, world in worlds.items()}
    assert roles["waiting"] == ["", *["follower"] * 4]
    assert "candidate" in roles["noticed"] and "candidate" in roles["asked"]
    assert worlds["elected"]["leader"] and not worlds["asked"]["leader"]
    heard = [server["leader"] for server in worlds["followed"]["servers"] if server["looks"] == "up"]
    assert set(heard) == {worlds["elected"]["leader"]}


def test_without_a_fault_it_is_the_first_election_and_without_an_end_it_stays_open():
    group = RaftGroup(3, seed=1)
    group.run_for(0.5)
    assert list(ring.election_instants(group.trace)) == ["waiting", "noticed", "asked", "elected", "followed"]
    group = RaftGroup(3, seed=1)
    group.run_for(0.5)
    group.partition({"node-1"}, {"node-2"}, {"node-3"})
    group.run_for(1)
    assert list(ring.election_instants(group.trace)) == ["fault", "waiting", "noticed"]


def test_a_strip_is_titled_by_name_time_and_what_happened(election):
    said = words(ring.election_strip(election))
    assert "fault · 1.0000 s" in said and "node-4 lost power" in said and "node-1 leads in term 2" in said
    assert "arc: what is left of a time-out  ·  squares: the votes it needs" in "  ·  ".join(said)


@pytest.mark.parametrize("members", [3, 5, 7])
def test_no_label_of_a_ring_covers_another(members):
    group = elected(members, seed=members)
    rows = raft_frames(group.trace)
    strip = ring.election_strip(rows)
    assert covered(strip) == [] and outside(strip) == []
    single = ring.draw_ring(rows, ring.election_instants(rows)["asked"])
    assert covered(single) == [] and outside(single) == []


def test_a_ring_says_who_is_what_in_letters():
    group = elected()
    group.freeze(group.leader, 0.1)
    said = words(ring.draw_ring(group.trace, group.now))
    assert said.count("F") == 3 and "down" in said and "frozen" in said and said.count("T 2") == 4


def test_a_ring_in_words(election):
    told = ring.tell_ring(election, ring.election_instants(election)["asked"])
    assert "node-1 asks for votes in term 2" in told and "has 1 of the 3 votes it needs" in told
    assert ring.tell_election(election).startswith("6 rings of 5 servers. fault: t=1.000 s: nobody leads, node-4 down;")


def test_every_server_has_its_place_for_good(election):
    places = [ring.spots(election["servers"], 3, 3, 0.4) for _ in range(2)]
    assert places[0] == places[1]
    (x, top), *others = places[0].values()
    assert abs(x) < 1e-9 and all(y < top for _, y in others)


# space and time


def test_a_space_time_diagram_has_a_row_per_server_and_says_terms(election):
    ax = ring.draw_spacetime(election, 0.9, 1.6)
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"node-{n}" for n in range(1, 6)]
    said = words(ax)
    assert {"L 1", "L 2", "F 1", "F 2", "down"} <= set(said) and said.count("✓") == 3
    assert "simulated time, ms" in said[-1] or any("simulated time, ms" in text for text in said)
    assert "0.136 s" not in ring.tell_spacetime(election, 0.9, 0.95)
    assert "node-1 leads in term 2" in ring.tell_spacetime(election, 0.9, 1.6)


def test_no_word_of_a_diagram_is_cut_off(election, written):
    for ax in (ring.draw_spacetime(election), ring.draw_spacetime(written), ring.draw_spacetime(election, 1.13, 1.14)):
        assert [text for text in outside(ax) if not text.replace(".", "").isdigit()] == []  # ticks beyond the axis


def test_the_sides_of_many_cuts_stand_above_each_other():
    group = RaftGroup(5, seed=4)
    for name in ("node-1", "node-2", "node-3"):
        group.run_for(0.1)
        group.partition({name}, set(group.members) - {name}, one_way=name == "node-3")
    group.run_for(0.1)
    ax = ring.draw_spacetime(group.trace)
    assert [text for text in words(ax) if text.startswith("cut: n-3 → ")]
    assert not [pair for pair in covered(ax) if pair[0].startswith("cut") or pair[1].startswith("cut")]
    assert [text for text in outside(ax) if text.startswith("cut")] == []


def test_a_split_vote_says_how_many_asked():
    group = RaftGroup(5, seed=3, alarms=True)
    group.run_for(1)
    group.align()
    group.crash(group.leader)
    group.run_for(1)
    strip = ring.election_strip(group.trace)
    assert "4 servers ask for votes at once" in words(strip)
    assert covered(strip) == [] and outside(strip) == []


def test_a_cut_is_a_band_that_names_its_sides(written):
    assert any(text.startswith("cut: n-") for text in words(ring.draw_spacetime(written)))


# the ladder


def test_the_ladder_prints_every_term_and_what_the_client_was_told(written):
    end = written["end"] / 1e6
    lines = ladder.lines_at(written, end)
    ax = ladder.draw_ladder(written, end, told={2: "done: x", 9: "timed out", 10: "timed out"})
    entries = sum(line.last - line.base for line in lines)
    said = words(ax)
    assert said.count("1") == entries + 1  # and the index of the first column
    assert {"done: x", "timed out", "▲ match: proven to the leader", "△ next: what it will send"} <= set(
        "  ·  ".join(said).split("  ·  ")
    )
    assert covered(ax) == [] and outside(ax) == []


def test_match_and_next_are_what_the_leader_believes(written):
    lines = {line.name: line for line in ladder.lines_at(written, written["end"] / 1e6)}
    leader = next(line for line in lines.values() if line.role == "leader")
    assert leader.match is None
    assert all(line.match < line.next for line in lines.values() if line is not leader)


def test_without_a_leader_nobody_has_a_match(election):
    assert all(line.match is None for line in ladder.lines_at(election, 1.05))


def test_figure_7_has_all_its_logs():
    ax = ladder.draw_logs(FIGURE_7, terms={"leader": 8})
    said = words(ax)
    assert [said.count(name) for name in FIGURE_7] == [1] * 7 and "T 8" in said
    assert covered(ax) == [] and outside(ax) == []
    assert "b: 1 to 3 of term 1, 4 of term 4;" in ladder.tell_logs(FIGURE_7)


def test_what_was_compacted_is_one_cell():
    group = RaftGroup(3, PAPER._replace(snapshot_every=20, keep=6), seed=4)
    group.run_for(0.5)
    away = next(name for name in group.members if name != group.leader)
    group.crash(away)
    for value in range(40):
        group.propose(value)
        group.run_for(0.01)
    ax = ladder.draw_ladder(group.trace, group.now)
    base = next(line.base for line in ladder.lines_at(raft_frames(group.trace), group.now) if line.role == "leader")
    assert words(ax).count(f"snapshot ≤ {base}") == 2 and f"{away}, down" in words(ax)
    assert covered(ax) == [] and outside(ax) == []


@pytest.mark.parametrize("members", [3, 7])
def test_no_label_of_a_strip_of_ladders_covers_another(members):
    group = RaftGroup(members, seed=4)
    group.run_for(0.4)
    for value in range(11):
        group.propose(value)
        group.run_for(0.0007)
    strip = ladder.ladder_strip(
        group.trace, {"begun": 0.4, "half": 0.404, "end": group.now}, told={12: "no answer yet"}
    )
    assert covered(strip) == [] and outside(strip) == []


# all of them


def test_pictures_are_drawn_on_the_axes_that_are_given(election, written):
    fig = Figure(figsize=(10, 8))
    one, two, three = fig.subplots(3)
    assert ring.draw_ring(election, 1.1, one) is one
    assert ring.draw_spacetime(election, 1, 1.2, two) is two
    assert ladder.draw_ladder(written, 0.6, three) is three


def test_the_same_run_gives_the_same_file(election):
    files = [ink.png(ink.figure_of(ring.draw_ring(election, 1.1365))) for _ in range(2)]
    assert files[0] == files[1]


def test_a_group_of_one_can_be_drawn():
    group = RaftGroup(1, seed=1)
    group.run_for(0.3)
    ring.draw_ring(group.trace, 0.1)
    ring.draw_spacetime(group.trace)
    ladder.draw_ladder(group.trace, 0.2)
    assert group.trace.of(e.BecameLeader)
