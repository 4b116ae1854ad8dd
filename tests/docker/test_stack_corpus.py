"""Other people's stack files against what docker 28.2.2 made of them; `stack_score.py` says what is compared, and prints it."""

import pytest
from stack_score import SCORES, corpus, findings, scores


def test_the_score_does_not_fall() -> None:
    stacks = corpus()
    if stacks is None:
        pytest.skip("no stack files to compare with")
    found = findings(stacks)
    reached = scores(found)
    wrong = [finding for finding in found if not finding.agrees]
    assert {subject: total for subject, (_, total) in reached.items()} == {s: total for s, (_, total) in SCORES.items()}
    assert all(reached[subject][0] >= agree for subject, (agree, _) in SCORES.items()), wrong
