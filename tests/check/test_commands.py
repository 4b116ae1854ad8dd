"""`make campaign` and `make mutants`: what they print, and when they fail."""

from concurrent.futures import Executor, Future

import pytest

from swarmlab.check.campaign import COVERED, Case, Finding, Report
from swarmlab.check.mutants import MUTANTS, Catch, hunt
from tools import campaign, mutants

FOUND = Finding("election safety", "two lead", 1_500_000, Case(7, {}, ()))


class Here(Executor):
    """In place of a pool of processes: does it at once, in this one."""

    def submit(self, work, /, *arguments):
        future: Future = Future()
        future.set_result(work(*arguments))
        return future


@pytest.mark.parametrize(
    ("findings", "seen", "code"),
    [((), dict.fromkeys(COVERED, 3), 0), ((FOUND,), dict.fromkeys(COVERED, 3), 1), ((), {"torn": 3}, 1)],
    ids=["all well", "a violation", "too little was seen"],
)
def test_a_campaign_fails_on_a_violation_and_on_what_it_never_saw(findings, seen, code, monkeypatch, capsys):
    monkeypatch.setattr(campaign, "campaign", lambda seeds, progress: Report(len(seeds), findings, seen))
    monkeypatch.setattr(campaign, "keep", lambda finding: None)
    assert campaign.main(["40", "100"]) == code
    told = capsys.readouterr().out
    assert f"40 seeds, {len(findings)} violations" in told
    assert ("seed 7: election safety at 1.500 s" in told) == bool(findings)
    assert ("Never seen: BecamePreCandidate, SteppedDown" in told) == (len(seen) == 1)


def test_a_campaign_prints_twenty_lines_of_progress_or_so(capsys):
    progress = campaign.Progress(10_000)
    for done in range(25, 10_001, 25):
        progress(f"{done} of 10000 seeds, 0 violations")
    told = capsys.readouterr().out.splitlines()
    assert 15 <= len(told) <= 25
    assert told[0].startswith("25 of 10000 seeds")


def test_the_first_violation_is_kept_as_a_small_script(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(campaign, "shrink", lambda finding: finding)
    campaign.keep(FOUND)
    assert (tmp_path / "build" / "violation.json").exists()
    assert "with 0 acts" in capsys.readouterr().out


def test_a_hunt_fails_when_a_bug_gets_away(monkeypatch, capsys):
    few = {name: MUTANTS[name] for name in ("no majority asked", "late disk")}
    search = lambda name, seeds: Catch(name, "a law" if name == "late disk" else "", 3)  # noqa: E731
    monkeypatch.setattr(mutants, "HUNTS", ((few, search),))
    monkeypatch.setattr(mutants, "ProcessPoolExecutor", Here)
    assert mutants.main([]) == 1
    told = capsys.readouterr().out
    assert "ESCAPED" in told and "a law" in told and "2 bugs, 1 escaped" in told


def test_a_hunt_catches_a_bug_that_is_easy_to_catch(monkeypatch, capsys):
    monkeypatch.setattr(mutants, "HUNTS", (({"no majority asked": MUTANTS["no majority asked"]}, hunt),))
    monkeypatch.setattr(mutants, "ProcessPoolExecutor", Here)
    assert mutants.main(["5"]) == 0
    assert "1 bugs, 0 escaped" in capsys.readouterr().out
