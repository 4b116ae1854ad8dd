"""Other people's stack files against what docker 28.2.2 made of them; `stack_score.py` says what is compared, and prints it."""

import pytest
from stack_score import corpus, findings, scores

# what was compared → how many of how many agree; the first may only grow
SCORES = {
    "texts of stack config": (24, 24),
    "refusals": (1, 1),
    "accepted files": (23, 23),
    "warnings": (23, 23),
    "networks": (23, 23),
    "names of services": (23, 23),
    "fields of services": (2964, 2964),
    "refusals by stack config": (37, 37),
    "words of stack config": (20, 20),
    "words of stack deploy": (37, 37),
    "layers": (37, 37),
}


def test_the_score_does_not_fall() -> None:
    stacks = corpus()
    if stacks is None:
        pytest.skip("no stack files to compare with")
    found = findings(stacks)
    reached = scores(found)
    wrong = [finding for finding in found if not finding.agrees]
    assert {subject: total for subject, (_, total) in reached.items()} == {s: total for s, (_, total) in SCORES.items()}
    assert all(reached[subject][0] >= agree for subject, (agree, _) in SCORES.items()), wrong
