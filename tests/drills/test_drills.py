"""Every drill is graded right for a right, a wrong, an idle and a reckless player; the grader is not blind."""

import players
import pytest

from swarmlab.drills import Drill, drill, grade
from swarmlab.drills.checks import CHECKS, Finding

ALL = range(1, 11)


@pytest.mark.parametrize("which", ALL)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_shortest_repair_after_a_diagnosis_scores_80_at_least(which, seed):
    found = players.grade(which, players.right, seed)
    assert found.repaired and found.score >= 80, found


@pytest.mark.parametrize("which", ALL)
@pytest.mark.parametrize(
    "play, below, more",
    [(players.wrong, 40, 0), (players.wrong, 40, 10), (players.idle, 1, 0), (players.reckless, 10, 0)],
)
def test_who_repairs_the_wrong_thing_waits_or_tears_all_down_scores_low(which, play, below, more):
    found = players.grade(which, play, seed=which + more)
    assert found.score < below, found


@pytest.mark.parametrize("which", ALL)
def test_a_drill_begins_broken_and_tells_only_the_symptom(which):
    one = Drill(which)
    assert not all(one._held)
    assert str(one.grade()) == f"{one.incident.title}: not attempted"
    with pytest.raises(ValueError, match="first repair it"):
        one.debrief()
    one.give_up()
    told = one.debrief()
    assert all(cause[1].isdigit() for cause in told.causes) and told.repair
    assert (
        "{stranger}" not in one.brief.story and "{victim}" not in one.brief.story and one.brief.title in repr(one.brief)
    )


def test_the_same_number_and_seed_are_the_same_incident_and_another_seed_strikes_elsewhere():
    assert Drill(2, 5).cluster.trace.digest() == Drill(2, 5).cluster.trace.digest()
    assert len({Drill(2, seed).incident.chosen["victim"] for seed in range(8)}) == 3


def test_grading_changes_nothing():
    one = Drill(2)
    one.docker("service ls")
    before = one.cluster.trace.digest()
    assert one.grade() == one.grade()
    assert one.cluster.trace.digest() == before


def test_each_command_takes_the_time_of_typing_and_reading():
    one = Drill(2)
    one.docker("service ls")
    assert 5 <= one.seconds < 6


def test_a_grader_that_forgets_a_check_is_caught_by_the_wrong_player(monkeypatch):
    """Planted bug: nobody looks whether there is a health check; then who removed it has repaired drill 6."""

    def held(case, service: str, tasks: int, for_: float = 10):
        return Finding("", "", case.page)

    assert not players.grade(6, players.wrong, 6).repaired
    monkeypatch.setitem(CHECKS, "probed", held)
    found = players.grade(6, players.wrong, 6)
    assert found.repaired and found.score >= 40


def test_a_grader_that_forgets_harm_is_caught_by_who_reboots_everything(monkeypatch):
    """Planted bug: harm costs nothing; then who reboots all machines after the repair passes drill 2."""
    assert players.grade(2, reboot_everything, 2).score < 50
    monkeypatch.setattr(drill, "harm_done", lambda *_: [])
    assert players.grade(2, reboot_everything, 2).score >= 80


def reboot_everything(drill):
    players.right(drill)
    for machine in ("manager-1", "worker-1", "worker-2", "worker-3"):
        drill.cluster.restart(machine)


def test_visitors_who_get_the_old_pages_do_not_count_as_answered():
    one = Drill(10)
    pages = next(found for found in one.findings(one.cluster) if "acme/web:2 for" in found.wanted)
    assert not pages.holds and pages.measured.startswith("0.0%")


def test_the_time_runs_from_the_page_and_each_visit_since_then_counts():
    one = Drill(2)
    players.looks(one)
    told = one.seconds
    players.open_tunnels(one, one.incident.chosen["victim"])
    found = one.grade()
    assert told <= found.seconds < told + 10
    one.run_for(60)
    since = [visit.status == 200 for visit in one.cluster.trace.requests if visit.ended > one.start.time]
    assert found.lost == since.count(False) > 0 and found.asked <= len(since)


def test_a_repair_after_the_limit_is_none():
    one = Drill(2)
    one.run_for(one.incident.limit + 1)
    players.open_tunnels(one, one.incident.chosen["victim"])
    one.run_for(60)
    found = one.grade()
    assert not found.repaired and found.score == 30 and all(each.holds for each in found.findings)


def test_only_what_is_over_for_long_enough_counts():
    one = Drill(1)
    one.cluster.label(one.incident.chosen["first"], disk="ssd")
    tasks = [one.findings(one.cluster)[0] for _ in range(16) if not one.run_for(1)]
    young = [found for found in tasks if found.measured.endswith(" s so far")]
    assert 8 <= len(young) <= 10 and not any(found.holds for found in young) and tasks[-1].holds


def test_the_score_is_what_its_rule_says():
    assert grade.score_of(0, 300, 0, 0, [], 0) == 100
    assert grade.score_of(300, 300, 1, 2, [], 0) == 70
    assert grade.score_of(None, 300, 0, 0, [True, False, False], 0) == 10
    assert grade.score_of(10, 300, 0, 0, [], 130) == 0


BAD = [
    ("title: 3", "title: a text, not 3"),
    ("color: red", "unknown key 'color'"),
    ("setup: [{docker: a, wait: 1}]", "setup 1: unknown key 'wait'"),
    ("setup: [{explode: a}]", "setup 1: unknown key 'explode'"),
    ("faults: [{crash: worker-1}]", "fault 1: needs `at`"),
    ("faults: [{at: 1, block: {machine: a}}]", "fault 1: block: port is missing"),
    ("repaired: [{perfect: {}}]", "repaired 1: unknown check 'perfect'"),
    ("repaired: [{running: {service: web}}]", "repaired 1: running: tasks is missing"),
    ("harm: {spare: 1}", "harm: unknown key 'spare'"),
    ("load: [{name: a, url: b}]", "load 1: give either rate"),
    ("limit: 3", "limit: 3: at least 30 seconds"),
    ("faults: [{at: 1, crash: '{victim}'}]", "{victim} is not in choose"),
    ("faults: [{at: 61, crash: worker-1}]", "fault 1: at: after the page"),
    ("faults: [{at: 9, crash: worker-1}, {at: 1, crash: worker-9}]", "fault 2: no such machine: worker-9"),
    ("faults: [{at: 1, docker: service explode}]", "fault 1: docker service explode: "),
    ("limit: 1000000", "limit: 1000000: at least 30 seconds, an hour at the most"),
    (
        "repaired: [{running: {service: web, tasks: many}}]",
        "repaired 1: running: tasks: a whole number, 0 or more, not 'many'",
    ),
    ("repaired: [{running: {service: wob, tasks: 3}}]", "repaired 1: running: service: there is no service wob"),
    ("repaired: [{gone: {machine: worker-9}}]", "repaired 1: gone: machine: there is no machine worker-9"),
    ("repaired: [{answered: {load: nobody}}]", "repaired 1: answered: load: there is no load nobody"),
    ("harm: {machines: [worker-9]}", "harm: machines: there is no machine worker-9"),
    ("harm: {concerned: [3]}", "harm: concerned: a list of texts, not [3]"),
    ("harm: {settings: 1}", "harm: settings: true or false, not 1"),
    ("harm: {forbid: [{command: '(', says: a, points: 1}]}", "harm: forbid 1: command: "),
    ("page: {at: 60, story: a, hands: [drill.cluster.fly()]}", "page: hands: there is no act fly"),
    ("debrief: {causes: [{text: a, lesson: '1', fact: Magic}], repair: [a]}", "cause 1: fact: the trace has no Magic"),
    (
        "debrief: {causes: [{text: a, lesson: '1', fact: NodeStored, holds: {colour: 1}}], repair: [a]}",
        "cause 1: holds: NodeStored has no colour",
    ),
]


@pytest.mark.parametrize("line, said", BAD, ids=[line for line, _ in BAD])
def test_a_bad_file_is_refused_in_one_line_that_names_the_key(tmp_path, root, line, said):
    import yaml

    whole = yaml.safe_load((root / "data/incidents/04_every_fourth.yml").read_text(encoding="utf-8"))
    whole["choose"] = {"slot": [1]}
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump(whole | yaml.safe_load(line)), encoding="utf-8")
    with pytest.raises(ValueError) as fault:
        Drill(str(path))
    assert str(fault.value).startswith("mine.yml: ") and said in str(fault.value) and "\n" not in str(fault.value)
