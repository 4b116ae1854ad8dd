"""Plants every bug there is, one at a time and on all cores, and says what caught it.

    python -m tools.mutants [seeds that each may take, 200 unless told]

The exit code is 1 if one got away.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import monotonic

from swarmlab import Cluster
from swarmlab.check import secret_mutants, update_mutants
from swarmlab.check.mutants import MUTANTS, Catch, Mutant, hunt

HUNTS = (
    (MUTANTS, hunt),
    (update_mutants.MUTANTS, partial(update_mutants.hunt, Cluster)),
    (secret_mutants.MUTANTS, partial(secret_mutants.hunt, Cluster)),
)  # bugs, and who looks for one


def main(arguments: list[str]) -> int:
    seeds, begun, escaped = int(arguments[0]) if arguments else 200, monotonic(), 0
    print(f"{'bug':32} {'trap':>4}  {'caught by':24} {'with seed':>9}  what it is")
    with ProcessPoolExecutor() as pool:
        for bugs, search in HUNTS:
            for catch in pool.map(partial(search, seeds=seeds), bugs):
                print(row(catch, bugs[catch.name]), flush=True)
                escaped += not catch.law
    times = os.times()
    cpu = times.user + times.system + times.children_user + times.children_system
    count = sum(len(bugs) for bugs, _ in HUNTS)
    print(f"{count} bugs, {escaped} escaped: {monotonic() - begun:.0f} s, {cpu:.0f} CPU s")
    return 1 if escaped else 0


def row(catch: Catch, bug: Mutant) -> str:
    seed = catch.seed if catch.law else ""
    return f"{catch.name:32} {bug.trap:4}  {catch.law or 'ESCAPED':24} {seed:>9}  {bug.about}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
