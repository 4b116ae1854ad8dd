"""Campaigns: the same runs everywhere, no violation of the honest engine, small scripts for the violations of others."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from swarmlab.check import campaign
from swarmlab.check.mutants import MUTANTS
from swarmlab.sim.trace import Trace

BUG = "half is enough"


@pytest.fixture(scope="module")
def finding():
    mutant = MUTANTS[BUG]
    return campaign.run(campaign.draw(3, mutant.focus), mutant)


def test_the_honest_engine_breaks_no_law_and_the_runs_see_what_they_are_there_to_see():
    report = campaign.campaign(range(120))
    assert report.findings == () and report.seeds == 120
    assert report.unseen == (), "these never happened, so nothing was tried"


def test_a_case_is_a_function_of_its_seed():
    assert campaign.draw(7) == campaign.draw(7) != campaign.draw(8)
    assert campaign.digest(campaign.draw(7)) == campaign.digest(campaign.draw(7))


def test_any_executor_gives_the_same_findings_in_the_same_order():
    how = {"mutant": BUG, "focus": MUTANTS[BUG].focus, "piece": 2}
    lines = []
    with ThreadPoolExecutor(1) as threads:
        some = campaign.campaign(range(6), threads, progress=lines.append, **how)
    assert some == campaign.campaign(range(6), **how)
    assert [finding.case.seed for finding in some.findings] == list(range(6))
    assert lines[-1] == "6 of 6 seeds, 6 violations"


def test_a_violation_is_shrunk_to_a_small_script_that_still_shows_it(finding):
    small = campaign.shrink(finding, MUTANTS[BUG])
    assert small.law == finding.law and len(small.case.acts) < min(30, len(finding.case.acts))
    assert campaign.run(small.case, MUTANTS[BUG]).law == finding.law


def test_a_shrunk_script_has_no_act_that_could_be_left_out():
    mutant = MUTANTS["vote cleared"]
    found = next(f for f in (campaign.run(campaign.draw(s, mutant.focus), mutant) for s in range(60)) if f)
    small = campaign.shrink(found, mutant)
    assert 0 < len(small.case.acts) <= 30
    for place in range(len(small.case.acts)):
        acts = small.case.acts[:place] + small.case.acts[place + 1 :]
        other = campaign.run(small.case._replace(acts=acts), mutant)
        assert other is None or other.law != small.law


def test_a_finding_is_kept_in_a_file_and_can_be_seen_again(finding, tmp_path):
    path = str(tmp_path / "finding.json")
    campaign.save(finding, path)
    assert campaign.load(path) == finding
    group = campaign.show(campaign.load(path), MUTANTS[BUG])
    assert group.kernel.now == finding.time and group.trace.messages and group.trace.alarms
    assert isinstance(group.trace, Trace)


def test_a_broken_promise_to_a_client_is_told_from_a_silent_one():
    """Trap 15: what timed out is unknown, not failed; only that makes the histories fair."""
    group = campaign.build(campaign.draw(1))
    campaign.through(group, campaign.draw(1))
    rows = group.history()
    assert any(row.returned is not None for row in rows)
    assert all(row.kind != "get" for row in rows if row.returned is None)
