"""A campaign in which secrets come and go, locks are turned and machines fail, on all cores, with the laws of secrets after
every event.

    python -m tools.secrets [seeds, 500 unless told] [first seed]

Prints what `tools.campaign` prints. The smallest script of the first violation is kept in build/.
"""

import sys
from functools import partial

from swarmlab import Cluster
from swarmlab.check.campaign import Case, Finding
from swarmlab.check.secret_storms import campaign, run, swarm

from .campaign import conduct, keep


def main(arguments: list[str]) -> int:
    return conduct(arguments, 500, partial(campaign, Cluster), kept)


def kept(finding: Finding) -> None:
    """Each try goes on from the same swarm."""
    keep(finding, patience=60, run=partial(again, swarm(Cluster)))


def again(begun: Cluster, case: Case, mutant: None = None) -> Finding | None:
    """The same run once more."""
    return run(case, begun.fork(), mutant)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
