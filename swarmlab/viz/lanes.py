"""Task lanes as rows: for each attempt to fill a slot, when it was wished and when it truly ran."""

from .instant import ENDED, LIVE

GONE = ("MachineCrashed", "MachineShutDown", "SwarmLeft")  # what ends a run from outside


def lanes(rows: dict, services: list[str] | None = None) -> list[dict]:
    """One row per task, grouped by slot, from the rows of `frames`; times in µs, None where one did not come.

    `wished` to `unwished` is how long somebody wanted it, `assigned` when it got its machine, `phases` what it truly
    was, as (from, to, state), `ended` how that stopped: an end state, or `gone` with its machine. `line` counts the
    tasks of one slot that overlap: a second one is a line of its own.
    """
    bars = list(_wishes(rows).values())
    for bar in bars:
        bar |= _facts(rows, bar["task"])
    chosen = [bar for bar in bars if services is None or bar["service"] in services]
    order = {bar["service"]: n for n, bar in reversed(list(enumerate(chosen)))}
    places = {machine["name"]: n for n, machine in enumerate(rows["machines"])}
    chosen.sort(
        key=lambda bar: (order[bar["service"]], bar["slot"], 0 if bar["slot"] else places.get(bar["machine"], -1))
    )
    _stack(chosen, rows["end"])
    return chosen


def _wishes(rows: dict) -> dict[str, dict]:
    """What the managers wrote down about each task."""
    bars: dict[str, dict] = {}
    for time, _, _, kind, key, task in rows["log"]:
        if kind != "task":
            continue
        bar = bars.get(key)
        if bar is None:
            if task is None:
                continue
            bar = bars[key] = _bar(key, task, time)
        if task and task["node"] and bar["assigned"] is None:
            bar |= {"assigned": time, "machine": rows["nodes"].get(task["node"], "")}
        if (task is None or task["desired"] in ENDED) and bar["unwished"] is None:
            bar["unwished"] = time
        bar["lane"] = bar["name"] if bar["slot"] else f"{bar['service']} on {bar['machine'] or 'no node yet'}"
    return bars


def _bar(key: str, task: dict, time: int) -> dict:
    names = {"task": key, "name": task["name"], "service": task["name"].rpartition(".")[0], "slot": task["slot"]}
    return names | {"lane": "", "machine": "", "wished": time, "assigned": None, "unwished": None}


def _facts(rows: dict, task: str) -> dict:
    """What the task truly was, and how that stopped."""
    phases: list[tuple] = []
    since, state, ended, ended_at = 0, "", "", None
    for time, number, _, key, run in rows["truth"]:
        if key != f"run/{task}":
            continue
        if state in LIVE:
            phases.append((since, time, state))
            cause = rows["facts"][number][3]
            now = run["state"] if run else "gone" if cause in GONE else "remove"
            ended, ended_at = (now, time) if now not in LIVE else ("", None)
        elif run and run["state"] in ENDED and not phases:
            ended, ended_at = run["state"], time
        since, state = time, run["state"] if run else ""
    if state in LIVE:
        phases.append((since, rows["end"], state))
    return {"phases": phases, "ended": ended, "ended_at": ended_at}


def _stack(bars: list[dict], end: int) -> None:
    """Give the tasks of one slot that overlap a line each."""
    taken: dict[str, list[int]] = {}
    for bar in bars:
        ends = taken.setdefault(bar["lane"], [])
        bar["line"] = next((n for n, last in enumerate(ends) if bar["wished"] >= last), len(ends))
        ends[bar["line"] : bar["line"] + 1] = [last_of(bar, end)]


def last_of(bar: dict, end: int) -> int:
    """When nothing of this task was left: neither the wish nor the fact."""
    wish = end if bar["unwished"] is None else bar["unwished"]
    return max(wish, bar["phases"][-1][1] if bar["phases"] else wish)
