"""A campaign of faults in the middle of rolling updates, on all cores, with the laws of updates after every event.

    python -m tools.updates [seeds, 1000 unless told] [first seed]

Prints what `tools.campaign` prints. The smallest script of the first violation is kept in build/.
"""

import sys
from functools import partial

from swarmlab import Cluster
from swarmlab.check.updates import campaign, run

from .campaign import conduct, keep


def main(arguments: list[str]) -> int:
    return conduct(arguments, 1_000, partial(campaign, Cluster), partial(keep, patience=60, run=partial(run, Cluster)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
