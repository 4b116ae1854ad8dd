"""A campaign of faults in the middle of rolling updates, on all cores, with the laws of updates after every event.

    python -m tools.updates [seeds, 1000 unless told] [first seed]

Prints what `tools.campaign` prints. The smallest script of the first violation is kept in build/.
"""

import sys
from functools import partial
from time import monotonic

from swarmlab import Cluster
from swarmlab.check.campaign import save, shrink
from swarmlab.check.updates import campaign, run

from .campaign import KEPT, Progress, cpu_seconds, text


def main(arguments: list[str]) -> int:
    number = int(arguments[0]) if arguments else 1_000
    first = int(arguments[1]) if len(arguments) > 1 else 0
    begun, before = monotonic(), cpu_seconds()
    report = campaign(Cluster, range(first, first + number), progress=Progress(number))
    print(text(report, monotonic() - begun, cpu_seconds() - before))
    if report.findings:
        smallest = shrink(report.findings[0], patience=60, run=partial(run, Cluster))
        KEPT.parent.mkdir(exist_ok=True)
        save(smallest, str(KEPT))
        print(f"The first one with {len(smallest.case.acts)} acts is in {KEPT}: {smallest}")
    return 1 if report.findings or report.unseen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
