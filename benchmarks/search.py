"""The search through all orders of events: how many states it sees."""

from statistics import median
from time import process_time

from swarmlab.check.search import Bounds, figure_8, search

from .measure import Figure


def figures() -> list[Figure]:
    speeds = []
    for _ in range(3):
        start = process_time()
        found = search(figure_8(), Bounds(term=5, depth=14))
        speeds.append(found.states / (process_time() - start))
    peer = f"{found.states:,} states around figure 8 of the paper, {found.asked:,} steps of real nodes"
    return [Figure("search, three Raft nodes", median(speeds), "states / CPU s", 10_000, 30_000, True, peer)]
