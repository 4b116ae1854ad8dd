"""Tips as small multiples: the panels say what the runs say, in words too, and no two labels cover each other."""

from types import SimpleNamespace

import pytest
from test_raft_pictures import covered, outside, words

from swarmlab.lessons import tips15
from swarmlab.viz import charts, tips
from swarmlab.viz.explore import Explore

MADE = {
    "managers free": tips15.tip_managers_free,
    "labels": tips15.tip_labels,
    "watched": tips15.tip_watched,
    "network": tips15.tip_network,
    "logs": tips15.tip_logs,
}


@pytest.mark.parametrize("name", MADE)
def test_each_panel_has_its_name_and_no_two_labels_cover_each_other(name):
    tip = MADE[name]()
    ax = charts.draw_tip(tip)
    assert set(tip) <= set(words(ax)) and 2 <= len(tip) <= tips.MOST
    assert covered(ax) == [] and outside(ax) == []
    assert len(charts.tell_tip(tip)) > 60


def test_the_sawtooth_falls_when_the_leader_is_heard_and_rises_with_time():
    panel = tips.Heard("manager-1", "manager-2", (1.0, 2.5, 14.0), ((0.0, "manager-1"), (14.0, "manager-3")), (), 20)
    assert panel.ages() == [(0, 0), (1, 1), (1, 0), (2.5, 1.5), (2.5, 0), (14, 11.5), (14, 0), (20, 6)]
    assert panel.silence() == 11.5
    assert "hears nothing of its leader for 11.5 s at most, manager-3 leads from 14.0 s on" in panel.tell()


def test_a_starved_leader_is_silent_for_longer_than_an_election_takes_and_a_free_one_for_a_second():
    """Heartbeats each second, an election after 10 to 19 [swarm.md §20]."""
    starved, free = tips15.tip_managers_free().values()
    assert starved.silence() > starved.patience[0] and len(starved.led) == 2
    assert free.silence() < 1.2 and len(free.led) == 1


def test_a_deposed_leaders_late_word_is_no_sign_of_life_of_the_new_one():
    said = [(1, "manager-1", "Heartbeat"), (15, "manager-3", "AppendEntries"), (18, "manager-1", "Heartbeat")]
    said += [(19, "manager-3", "Vote"), (20, "manager-3", "Heartbeat")]
    common = {"channel": "raft", "to": tips15.FOLLOWER, "fate": ""}
    messages = [SimpleNamespace(arrived=at * 10**6, sender=who, name=name, **common) for at, who, name in said]
    cluster = SimpleNamespace(trace=SimpleNamespace(messages=messages))
    assert tips15._heard(cluster, 0, ((0, "manager-1"), (14, "manager-3"))) == (1, 15, 20)


def test_a_node_that_the_filter_leaves_out_has_its_reason_below_it():
    ax = charts.draw_tip(tips15.tip_labels())
    assert "✕ no label zone" in words(ax) and words(ax).count("✓ passes") == 5
    assert "worker-2 (Zone=a) gets none: no label zone" in charts.tell_tip(tips15.tip_labels())


def test_a_line_ends_where_a_ping_died():
    """Too long for the network: refused where it begins; too long for the wire: lost on the way [networking.md]."""
    plain, sealed, narrow, shut = tips15.tip_network().values()
    assert list(plain.probes.values()).count("passes") == 3 and list(sealed.probes.values()).count("passes") == 1
    assert narrow.probes[1450] == "lost" and narrow.gbit == 0 and "nothing large arrives" in narrow.tell()
    assert set(list(shut.probes.values())[:3]) == {"lost"} and all(shut.pages.values())


def test_lines_of_a_burnt_node_are_lost_unless_they_were_shipped():
    """`json-file` keeps lines on the node; every other driver ships each at once [docs: configure logging drivers]."""
    kept, shipped = tips15.tip_logs().values()
    machine = kept.fault[1]
    assert {where for _, where, readable in kept.lines if not readable} == {machine} and kept.lost() > 5
    assert shipped.lost() == 0 and [line[:2] for line in shipped.lines] == [line[:2] for line in kept.lines]


def test_panels_of_two_kinds_or_none_get_one_clear_sentence():
    with pytest.raises(ValueError, match="one to 6 panels of one kind, these are 0"):
        charts.draw_tip({})
    with pytest.raises(ValueError, match="of one kind"):
        charts.draw_tip({"a": tips.Hosts({"a": True}), "b": tips.Path({}, {}, 1.0)})


def test_tips_can_be_switched_on_and_off():
    box = Explore(tips15.tip_knobs, alt="one tip with and without", tip=list(tips15.KEPT), kept=False)
    for tip, (_, title) in tips15.KEPT.items():
        box.controls["tip"].value, box.controls["kept"].value = tip, False
        without = box.caption.value
        box.controls["kept"].value = True
        assert title.lower() in box.caption.value.lower() and title.lower() not in without.lower()
