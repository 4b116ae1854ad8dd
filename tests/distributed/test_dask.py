"""A campaign on a real Dask cluster finds what it finds at home, in the same order. `make dask` runs this, `make test` does not."""

import os
from concurrent.futures import Executor, Future, ProcessPoolExecutor

import pytest
from distributed import Client, LocalCluster

from swarmlab.check.campaign import campaign
from swarmlab.check.mutants import MUTANTS

SEEDS, PIECE = range(60), 5
BUG = "any log will do"


class Here(Executor):
    """Does it at once, in this process."""

    def submit(self, work, /, *arguments):
        future: Future = Future()
        future.set_result(work(*arguments))
        return future


@pytest.fixture(scope="module")
def client():
    """A scheduler and two worker processes."""
    workers = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with workers, Client(workers) as client:
        yield client


def everywhere(client, **bug):
    """The same campaign in this process, in a pool of processes, and on the Dask cluster."""
    with ProcessPoolExecutor(2) as pool:
        places = Here(), pool, client.get_executor()
        return [campaign(SEEDS, place, piece=PIECE, **bug) for place in places]


def test_the_cluster_has_two_processes_of_its_own_and_both_work(client):
    numbers = set(client.run(os.getpid).values())
    assert len(numbers) == 2 and os.getpid() not in numbers
    with client.get_executor() as dask:
        assert set(dask.map(process, range(20))) == numbers


def process(_):
    from time import sleep

    sleep(0.02)  # or one of them would have done it all before the other one looks
    return os.getpid()


def test_an_honest_engine_has_no_findings_anywhere_and_the_same_sights(client):
    here, pool, dask = everywhere(client)
    assert here.seeds == len(SEEDS) and here.findings == () and sum(here.seen.values()) > 1000
    assert pool == here
    assert dask == here


def test_a_planted_bug_is_found_by_the_same_seeds_in_the_same_order_everywhere(client):
    here, pool, dask = everywhere(client, mutant=BUG, focus=MUTANTS[BUG].focus)
    seeds = [finding.case.seed for finding in here.findings]
    assert len(seeds) >= 5 and seeds == sorted(seeds)
    assert pool == here
    assert dask == here


def test_progress_is_told_in_the_order_of_the_seeds(client):
    told = []
    campaign(range(20), client.get_executor(), piece=PIECE, progress=told.append)
    assert told == [f"{n} of 20 seeds, 0 violations" for n in (5, 10, 15, 20)]
