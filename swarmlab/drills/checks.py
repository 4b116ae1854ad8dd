"""What counts as repaired: a small vocabulary of checks, each read off the trace. Incident files name them.

Each says in words what is wanted, what was measured, and since when it has held without a break.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from math import ceil, inf
from typing import Any, NamedTuple

from .past import END, SECOND, WISHED, Past, count_now, held_since

OK = 200
OVER = ("complete", "failed", "shutdown", "rejected", "remove", "orphaned")


class Case(NamedTuple):
    """What is judged: the run until now, when the page came (µs), and what only a try can tell."""

    past: Past
    page: int
    tries: Mapping[str, Callable[[], bool]] = {}  # "worker": whether the join token of then still lets somebody in

    @property
    def now(self) -> int:
        """µs."""
        return self.past.now


class Finding(NamedTuple):
    """One check: what is wanted, what was measured, and since when it holds (µs; None: it does not)."""

    wanted: str
    measured: str
    since: int | None

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.since is not None


def _finding(case: Case, wanted: str, measured: str, since: int | None, seconds: float = 0) -> Finding:
    """It holds if it has held for so long."""
    if since is not None and case.now - since < seconds * SECOND:
        measured, since = f"{measured}, for {(case.now - since) / SECOND:.0f} s so far", None
    return Finding(wanted, measured, since)


# ── services and tasks ───────────────────────────────────────────────────────────────────────────────────────────────


def running(
    case: Case,
    service: str,
    tasks: int,
    image: str = "",
    nodes: Sequence[str] = (),
    most: int | None = None,
    for_: float = 10,
) -> Finding:
    """So many tasks of the service run, of this image, on these machines, no more than `most`; the managers know it."""
    spans = case.past.spans(service, image, tuple(nodes))
    which = (f" of {image}" if image else "") + (f" on {', '.join(nodes)}" if nodes else "")
    wanted = f"{service}: {tasks} tasks{which} run for {for_:g} s"
    measured = f"{count_now(spans, case.now)} run"
    if ("service", case.past.service(service)) in case.past.removed or not case.past.service(service):
        return Finding(wanted, "there is no such service", None)
    if most is not None and count_now(spans, case.now) > most:
        return Finding(f"{wanted}, {most} at the most", measured, None)
    return _finding(case, wanted, measured, held_since(spans, tasks, case.now), for_)


def probed(case: Case, service: str, tasks: int, for_: float = 10) -> Finding:
    """So many running tasks of the service are under a health check that finds them well, and sees when one hangs."""
    spans = []
    for life in case.past.lives:
        rows = case.past.probes.get(life.task, [])
        if life.service == service and life.ended == END and rows and rows[-1][1]:
            bad = [n for n, (_, well) in enumerate(rows) if not well]
            spans.append((rows[bad[-1] + 1 if bad else 0][0], END))
    wanted = f"{service}: a health check finds {tasks} tasks well for {for_:g} s"
    found = _finding(case, wanted, f"{len(spans)} found well", held_since(spans, tasks, case.now), for_)
    if found.holds and not case.tries[f"hang {service}"]():
        return Finding(wanted, "it finds them well, and would also if they hung: it is tried, on a twin", None)
    return found


def given(case: Case, service: str, tasks: int, besides: str = "", for_: float = 10) -> Finding:
    """So many running tasks of the service have a secret, another one than `besides`."""
    has = {fact.task for _, _, fact in case.past.files if fact.kind == "secret" and fact.name != besides and fact.task}
    spans = [(life.began, life.ended) for life in case.past.lives if life.service == service and life.task in has]
    wanted = f"{service}: {tasks} running tasks have a secret" + (f" other than {besides}" if besides else "")
    return _finding(case, wanted, f"{count_now(spans, case.now)} have", held_since(spans, tasks, case.now), for_)


def unused(case: Case, secret: str) -> Finding:
    """No task that is to run has this secret any more."""
    users = {fact.task for _, _, fact in case.past.files if fact.kind == "secret" and fact.name == secret and fact.task}
    ends = [_over(case.past, task) for task in users]
    left = ends.count(END)
    wanted = f"no task has the secret {secret}"
    return Finding(wanted, f"{left} tasks have it", None if left else max(ends, default=0))


def _over(past: Past, task: str) -> int:
    """When its process had ended, or nobody wanted it to run any more; END if neither is so."""
    ends = [life.ended for life in past.lives if life.task == task] + [past.removed.get(("task", task), END)]
    rows = past.tasks.get(task, [])
    if rows and (rows[-1][1].desired not in WISHED or rows[-1][1].state in OVER):
        ends.append(rows[-1][0])
    return min(ends)


# ── visitors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def answered(case: Case, load: str, share: float = 0.99, image: str = "", for_: float = 20) -> Finding:
    """So large a share of the visits that ended in any so many seconds was answered, by tasks of this image."""

    def good(window: list[tuple[int, float]]) -> tuple[bool, float]:
        well = sum(latency < inf for _, latency in window) / len(window)
        return well >= share, well

    by = f" by {image}" if image else ""
    wanted = f"{load}: {share * 100:g}% of the visits answered{by} for {for_:g} s"
    return _visits(case, load, for_, good, wanted, lambda value: f"{value:.1%} in the last {for_:g} s", image)


def fast(case: Case, load: str, below: float, share: float = 0.95, for_: float = 20) -> Finding:
    """So large a share of the visits that ended in any so many seconds took less than `below` seconds."""

    def good(window: list[tuple[int, float]]) -> tuple[bool, float]:
        ordered = sorted(latency for _, latency in window)
        value = ordered[max(0, ceil(share * len(ordered)) - 1)]
        return value < below, value

    wanted = f"{load}: {share * 100:g}% of the visits within {below:g} s, for {for_:g} s"
    return _visits(case, load, for_, good, wanted, lambda value: f"{share:.0%} within {_seconds(value)}")


def _seconds(value: float) -> str:
    return "no time: they were not answered" if value == inf else f"{value:.2f} s"


def _visits(
    case: Case, load: str, seconds: float, good: Callable, wanted: str, told: Callable[[float], str], image: str = ""
) -> Finding:
    """Go back second by second from now, for as long as what ended in the window before each was well."""
    rows = sorted(
        (
            one.ended,
            (one.ended - one.arrived) / SECOND if one.status == OK and case.past.made_of(one.task, image) else inf,
        )
        for one in case.past.trace.requests
        if one.load == load
    )
    times = [time for time, _ in rows]
    since, value, end = None, None, case.now
    while end >= case.page:  # what ends before the page was before it
        begin = end - round(seconds * SECOND)
        window = rows[bisect_left(times, begin) : bisect_left(times, end)]
        well, measured = good(window) if window else (False, inf)
        value = measured if value is None and window else value
        if not well:
            break
        since, end = begin, end - SECOND
    return Finding(wanted, "no visits yet" if value is None else told(value), since)


# ── nodes and managers ───────────────────────────────────────────────────────────────────────────────────────────────


def gone(case: Case, machine: str) -> Finding:
    """The machine is no node of the swarm."""
    ends = [case.past.removed.get(("node", id), END) for id, _ in case.past.members(machine)]
    inside = END in ends
    return Finding(
        f"{machine} is no node",
        "it is in the list" if inside else "it is not",
        None if inside else max(ends, default=0),
    )


def refused(case: Case, role: str) -> Finding:
    """The join token that was good when the page came lets nobody in any more: it is tried, on a twin."""
    lets_in = case.tries[role]()
    changed = [record.time for record in case.past.trace.records if type(record.fact).__name__ == "ClusterStored"]
    wanted = f"the {role} token of then lets nobody in"
    measured = "it still lets in who has it" if lets_in else "it is refused"
    return Finding(wanted, measured, None if lets_in else max([case.page, *changed[-1:]]))


def ready(case: Case, machines: Sequence[str], for_: float = 10) -> Finding:
    """The managers hold all these machines for ready."""
    since, not_ready = [0], []
    for machine in machines:
        ids = [(id, rows) for id, rows in case.past.members(machine) if ("node", id) not in case.past.removed]
        best = [_since(rows, lambda fact: fact.state == "ready") for _, rows in ids]
        times = [time for time in best if time is not None]
        since += times[-1:]
        not_ready += [] if times else [machine]
    wanted = f"ready for {for_:g} s: {', '.join(machines)}"
    measured = f"not ready: {', '.join(not_ready)}" if not_ready else "all are"
    return _finding(case, wanted, measured, None if not_ready else max(since), for_)


def managers(case: Case, working: int, missing: int = 0, for_: float = 10) -> Finding:
    """So many members of the managers' group work, and no more than so many do not."""
    time, voters = case.past.groups[-1] if case.past.groups else (0, ())
    up = [voter for voter in voters if case.past.works(voter)]
    changes = [case.past.states[voter][-1][0] for voter in up]
    wanted = f"{working} managers have a vote and work, {missing} of those with a vote {'is' if missing == 1 else 'are'} missing"
    fits = len(up) >= working and len(voters) - len(up) <= missing
    measured = f"{len(up)} of {len(voters)} work"
    return _finding(case, wanted, measured, max([time, *changes]) if fits else None, for_)


def _since(rows: list, fits: Callable[[Any], bool]) -> int | None:
    """Since when what was written has fitted; None if it does not."""
    since = None
    for time, fact in rows:
        since = (time if since is None else since) if fits(fact) else None
    return since


CHECKS: dict[str, Callable[..., Finding]] = {
    check.__name__: check for check in (running, probed, given, unused, answered, fast, gone, refused, ready, managers)
}
