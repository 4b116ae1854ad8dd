"""A campaign over so many seeds, on all cores: raft under faults, with the laws after every event.

    python -m tools.campaign [seeds, 10000 unless told] [first seed]

Prints how far it is, what it found, how often it saw what it is there to see, and how fast it was. The smallest script of
the first violation is kept in build/. The exit code is 1 if there was a violation, or something was never seen.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from swarmlab.check.campaign import Finding, Report, campaign, save, shrink

LINES = 20  # of progress
KEPT = Path("build") / "violation.json"


def main(arguments: list[str]) -> int:
    return conduct(arguments, 10_000, campaign, keep)


def conduct(arguments: list[str], usual: int, search: Callable[..., Report], keep: Callable[[Finding], None]) -> int:
    """A campaign over the seeds that were asked for, what it says, and its exit code."""
    number = int(arguments[0]) if arguments else usual
    first = int(arguments[1]) if len(arguments) > 1 else 0
    begun, before = monotonic(), cpu_seconds()
    report = search(range(first, first + number), progress=Progress(number))
    print(text(report, monotonic() - begun, cpu_seconds() - before))
    if report.findings:
        keep(report.findings[0])
    return 1 if report.findings or report.unseen else 0


class Progress:
    """Prints some of the lines that it hears."""

    def __init__(self, number: int):
        self.step, self.next = number / LINES, 0.0

    def __call__(self, line: str) -> None:
        done = int(line.split()[0])
        if done >= self.next:
            print(line, flush=True)
            self.next = done + self.step


def cpu_seconds() -> float:
    """Of this process and of those that it started and that are done."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def text(report: Report, lasted: float, cpu: float) -> str:
    """What came of it."""
    lines = [f"  {finding}" for finding in report.findings]
    lines += [f"  {report.seen.get(name, 0):10,} × {name}" for name in report.covered]
    lines.append(
        f"{report.seeds:,} seeds, {len(report.findings)} violations: {lasted:.0f} s, {cpu:.0f} CPU s, "
        f"{report.seeds / max(cpu, 0.01):.1f} seeds per CPU second"
    )
    if report.unseen:
        lines.append(f"Never seen: {', '.join(report.unseen)}")
    return "\n".join(lines)


def keep(finding: Finding, **how: Any) -> None:
    """The smallest script that still does it, for `swarmlab.check.campaign.load` and `show`. `how` is for `shrink`."""
    smallest = shrink(finding, **how)
    KEPT.parent.mkdir(exist_ok=True)
    save(smallest, str(KEPT))
    print(f"The first one with {len(smallest.case.acts)} acts is in {KEPT}: {smallest}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
