"""A campaign in which secrets come and go, locks are turned and machines fail, on all cores, with the laws of secrets after
every event.

    python -m tools.secrets [seeds, 500 unless told] [first seed]

Prints what `tools.campaign` prints. The smallest script of the first violation is kept in build/.
"""

import sys
from functools import partial
from time import monotonic

from swarmlab import Cluster
from swarmlab.check.campaign import Case, Finding, save, shrink
from swarmlab.check.secret_storms import campaign, run, swarm

from .campaign import KEPT, Progress, cpu_seconds, text


def main(arguments: list[str]) -> int:
    number = int(arguments[0]) if arguments else 500
    first = int(arguments[1]) if len(arguments) > 1 else 0
    begun, before = monotonic(), cpu_seconds()
    report = campaign(Cluster, range(first, first + number), progress=Progress(number))
    print(text(report, monotonic() - begun, cpu_seconds() - before))
    if report.findings:
        smallest = shrink(report.findings[0], patience=60, run=partial(again, swarm(Cluster)))
        KEPT.parent.mkdir(exist_ok=True)
        save(smallest, str(KEPT))
        print(f"The first one with {len(smallest.case.acts)} acts is in {KEPT}: {smallest}")
    return 1 if report.findings or report.unseen else 0


def again(begun: Cluster, case: Case, mutant: None = None) -> Finding | None:
    """The same run once more."""
    return run(case, begun.fork(), mutant)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
