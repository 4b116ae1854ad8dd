"""A story per rule of Raft: each happens, to the µs, as it is told. `make golden` writes them anew; read the diff."""

import re
from pathlib import Path

import pytest
import stories

from swarmlab.check.mutants import MUTANTS
from swarmlab.raft import election, log, membership

FILES = sorted(Path(stories.__file__).parent.glob("*.txt"))


def read(path):
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_happens_as_it_is_told(path):
    assert stories.play(read(path)) == read(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_story_names_its_rule_and_is_short(path):
    lines = read(path).splitlines()
    assert re.fullmatch(r"# .* \[(Raft|dissertation) .*\d\]\.?", lines[0]), lines[0]
    assert sum(line.startswith(stories.INDENT) for line in lines) <= 40
    assert all(len(line) <= 140 for line in lines)


honest = membership.settle


def forgetful(node, *change):
    """Nobody remembers who was removed."""
    effects = honest(node, *change)
    node.removed = ()
    return effects


PLANTED = {  # the bug that each story must show
    "01_first_election": "no majority asked",
    "02_split_vote": "same time-out",
    "03_a_write": "applies what is not agreed on",
    "04_a_leader_crashes": "any log will do",
    "05_an_old_leader": "locked out",
    "06_conflicting_logs": "keeps conflicts",
    "07_figure_8": "figure 8",
    "08_a_late_heartbeat": "heartbeats say too much",
    "09_check_quorum": "lease outlives the voters",
    "10_stickiness": (election, "ignores", lambda *_: False),
    "11_without_pre_vote": "always re-arms",
    "12_with_pre_vote": "encouragement is a vote",
    "13_a_transfer": "handover is ignored",
    "14_a_transfer_that_fails": (membership, "check_handover", lambda *_: []),
    "15_a_snapshot": "believes in next",
    "16_a_learner": "learners count",
    "17_joint_consensus": (membership, "leave_joint", lambda *_: []),
    "18_the_leader_goes": "leader writes on",
    "19_a_removed_member": (membership, "settle", forgetful),
    "20_a_fresh_read": "old round confirms",
    "21_power_goes_midway": "vote not saved",
    "22_a_slow_disk": "own disk unasked",
    "23_a_damaged_log": (log, "_examine", lambda *_: None),
}


def test_every_story_has_a_bug_that_it_must_show():
    assert [path.stem for path in FILES] == list(PLANTED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_story_is_another_one_with_the_bug_that_it_is_about(path, monkeypatch):
    bug = PLANTED[path.stem]
    if isinstance(bug, tuple):
        monkeypatch.setattr(*bug)
        assert is_another(path)
    else:
        with MUTANTS[bug].planted():
            assert is_another(path)


def is_another(path):
    """It goes on in another way, or comes to an end because something is impossible."""
    try:
        return stories.play(read(path)) != read(path)
    except (AssertionError, AttributeError):
        return True


def test_what_somebody_changed_by_hand_is_noticed_and_put_right(tmp_path):
    told = read(FILES[0])
    copy = tmp_path / "story.txt"
    copy.write_text(told.replace("votes for node-2", "votes for node-3", 1), encoding="utf-8")
    assert stories.play(read(copy)) != read(copy)
    assert stories.rewrite(tmp_path) == ["story.txt"]
    assert read(copy) == told
    assert stories.rewrite(tmp_path) == []
