"""The grade of a drill: repaired or not, how soon, what visitors lost, what harm was done, and a score from 0 to 100.

The score. Not repaired: 30 points, times the share of the checks that did not hold when the page came and hold now.
Repaired: 60 points; and up to 20 for the time, all of them within the first third of the limit, none at the limit, evenly
between; and 20 times the share of the visits since the page that were answered (all 20 where nobody visits). From either
the points of all harm are taken away.
"""

from collections.abc import Collection, Sequence
from html import escape
from typing import NamedTuple

from .checks import OK, Case, Finding
from .harm import Harm
from .past import SECOND

FOR_REPAIR, FOR_TIME, FOR_VISITS, FOR_PARTS = 60, 20, 20, 30
NOT_ATTEMPTED, GIVEN_UP = "not attempted", "given up"


class Grade(NamedTuple):
    """What came of a drill. Seconds are counted from the page."""

    drill: str  # its title
    attempted: bool
    findings: tuple[Finding, ...] = ()
    harm: tuple[Harm, ...] = ()
    seconds: float | None = None  # until it was repaired; None: it was not
    limit: int = 0
    lost: int = 0  # visits since the page that were not answered
    asked: int = 0
    score: int = 0
    given_up: bool = False

    @property
    def repaired(self) -> bool:
        """Whether every check holds."""
        return self.seconds is not None

    def __str__(self) -> str:
        if not self.attempted:
            return f"{self.drill}: {GIVEN_UP if self.given_up else NOT_ATTEMPTED}"
        return "\n".join([self.head, *("  ".join(row).rstrip() for row in self.rows())])

    def __repr__(self) -> str:
        return str(self)

    @property
    def head(self) -> str:
        """`A third of the visits: repaired after 48 s, 96 of 100`."""
        how = (
            f"repaired after {self.seconds:.0f} s"
            if self.seconds is not None
            else f"not repaired within {self.limit} s"
        )
        return f"{self.drill}: {how}, {self.score} of 100"

    def rows(self) -> list[tuple[str, str]]:
        """What was looked at, a row each: (mark and words, what was measured)."""
        checks = [(f"{'✓' if one.holds else '✗'} {one.wanted}", f"→ {one.measured}") for one in self.findings]
        lost = [("  visits lost since the page", f"→ {self.lost} of {self.asked}")] if self.asked else []
        harm = [(f"! {one.text}", f"→ {-one.points} points") for one in self.harm]
        return [*checks, *lost, *(harm or [("  no harm done", "")])]

    def _repr_html_(self) -> str:
        if not self.attempted:
            return f"<p>{escape(str(self))}</p>"
        cells = "".join(f"<tr>{''.join(_cell(text) for text in row)}</tr>" for row in self.rows())
        return f"<table><caption><b>{escape(self.head)}</b></caption><tbody>{cells}</tbody></table>"


def _cell(text: str) -> str:
    return f'<td style="text-align:left">{escape(text)}</td>'


def graded(title: str, case: Case, findings: Sequence[Finding], before: Sequence[bool], harm: Sequence[Harm], limit: int, loads: Collection[str]) -> Grade:  # fmt: skip
    """The grade of a case. `before` says of each check whether it held when the page came; `loads` are whose visits count."""
    times = [one.since for one in findings if one.since is not None]
    repaired = len(times) == len(findings)
    seconds = max(0.0, (max(times) - case.page) / SECOND) if repaired else None
    seconds = None if seconds is not None and seconds > limit else seconds
    fates = [one.status == OK for one in case.past.trace.requests if one.load in loads and one.ended > case.page]
    new = [one.holds for one, held in zip(findings, before, strict=True) if not held]
    score = score_of(seconds, limit, sum(fates), len(fates), new, sum(one.points for one in harm))
    lost = len(fates) - sum(fates)
    return Grade(title, True, tuple(findings), tuple(harm), seconds, limit, lost, len(fates), score)


def score_of(seconds: float | None, limit: int, answered: int, asked: int, new: Sequence[bool], harm: int) -> int:
    """The points, as the docstring of this room says.

    >>> score_of(60, 300, 95, 100, [], 0), score_of(200, 300, 95, 100, [], 15), score_of(None, 300, 0, 0, [True, False], 0)
    (99, 74, 15)
    """
    if seconds is None:
        points = FOR_PARTS * sum(new) / len(new) if new else 0.0
    else:
        late = max(0.0, seconds - limit / 3) / (limit * 2 / 3)
        points = FOR_REPAIR + FOR_TIME * (1 - min(1.0, late)) + FOR_VISITS * (answered / asked if asked else 1)
    return max(0, min(100, round(points - harm)))
