"""Requests without an engine: a few ways to deal them to queues that serve in order."""

from heapq import heappop, heappush
from random import Random


def deal(choose, requests=2000, replicas=4, load=0.8, slow=0, slower=3.0, seed=1, keep=1):
    """Poisson arrivals, exponential service of mean 1 s; `keep` requests share one connection, and so one task."""
    dice, now, turn, chosen = Random(seed), 0.0, 0, 0
    free, open_, rows = [0.0] * replicas, [[] for _ in range(replicas)], []
    for number in range(requests):
        now += dice.expovariate(load * replicas)
        for jobs in open_:
            while jobs and jobs[0] <= now:
                heappop(jobs)
        if number % keep == 0:
            chosen, turn = choose([len(jobs) for jobs in open_], turn, dice), turn + 1
        service = dice.expovariate(1) * (slower if chosen < slow else 1)
        free[chosen] = max(now, free[chosen]) + service
        heappush(open_[chosen], free[chosen])
        rows.append((round(now * 1e6), round(free[chosen] * 1e6), f"web.{chosen + 1}"))
    names = [f"web.{n + 1}" for n in range(replicas)]
    columns = dict(zip(("arrived", "ended", "task"), (list(column) for column in zip(*rows, strict=True)), strict=True))
    return columns | {"tasks": names, "slow": names[:slow]}


def at_random(lengths, turn, dice):
    return dice.randrange(len(lengths))


def round_robin(lengths, turn, dice):
    return turn % len(lengths)


def least_connections(lengths, turn, dice):
    return min(range(len(lengths)), key=lambda n: lengths[n])


def two_choices(lengths, turn, dice):
    return min(dice.sample(range(len(lengths)), 2), key=lambda n: lengths[n])


def sticky(lengths, turn, dice):
    return 0


BALANCERS = {
    "random": at_random,
    "round robin": round_robin,
    "two choices": two_choices,
    "least connections": least_connections,
}


def several(**options):
    """The same arrivals for each balancer."""
    return {name: deal(choose, **options) for name, choose in BALANCERS.items()}
