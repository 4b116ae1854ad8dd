"""What a repair must not cost: rules that are the same for all drills, each read off the trace.

A file says what its right repair needs, and nothing of that counts: `ALLOWED` are the keys of its `harm`, with what holds
where a key is left out.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..events import (
    BecameLeader,
    Commanded,
    CommandReturned,
    MachineCrashed,
    MachineFrozen,
    MachineShutDown,
    Partitioned,
    PortBlocked,
    PortUnblocked,
    SwarmLeft,
)
from .past import END, Past

ALLOWED: dict[str, Any] = {
    "concerned": [],  # services that may be changed
    "removable": [],  # services, networks, secrets that may be removed
    "tasks": 0,  # how many tasks that ran well may be ended
    "machines": [],  # machines that may be rebooted
    "nodes": [],  # machines that may be taken out of the list of nodes
    "leaders": 0,  # how often the managers may elect
    "shut": {},  # machine → ports that the house rules keep shut
    "strangers": [],  # machines that must not get any secret
    "forbid": [],  # commands of this incident's own: {command: a regular expression, says: text, points: number}
}
POINTS = {  # what each costs
    "service removed": 30,
    "other service changed": 15,
    "task ended": 3,
    "volume removed": 40,
    "network removed": 10,
    "secret removed": 20,
    "machine rebooted": 10,
    "node removed": 15,
    "left the swarm": 20,
    "leader lost": 10,
    "port opened": 15,
    "port shut": 10,
    "network cut": 20,
    "secret given away": 30,
}
MOST_FOR_TASKS = 30
PEOPLE = (Commanded, MachineCrashed, MachineShutDown, MachineFrozen, Partitioned, PortBlocked, PortUnblocked)


class Harm(NamedTuple):
    """Something that was done, and what it costs."""

    text: str
    points: int


def harm_done(past: Past, page: int, first: int, allowed: Mapping, volumes: tuple[set, set]) -> list[Harm]:
    """All harm since the page (µs, and the number of the first fact after it). `volumes` are (machine, name) then and now."""
    since = past.trace.records[first:]
    found = [*_services(past, page, allowed), *_objects(past, page, allowed), *_tasks(past, page, first, allowed)]
    found += [Harm(f"the volume {name} on {machine} is gone, with all that was in it", POINTS["volume removed"]) for machine, name in sorted(volumes[0] - volumes[1])]  # fmt: skip
    found += [*_machines(past, since, page, allowed), *_ports(since, allowed), *_leaders(past, since, page, allowed)]
    return [*found, *_given_away(past, page, allowed), *_forbidden(since, allowed)]


def _services(past: Past, page: int, allowed: Mapping) -> list[Harm]:
    found = []
    for id, rows in past.services.items():
        before = [fact for time, fact in rows if time <= page]
        if not before or past.removed.get(("service", id), END) <= page:
            continue
        name = before[-1].name
        if ("service", id) in past.removed and name not in allowed["removable"]:
            found.append(Harm(f"service {name} was removed", POINTS["service removed"]))
        elif rows[-1][1].spec_version != before[-1].spec_version and name not in allowed["concerned"]:
            found.append(Harm(f"service {name} was changed, which had nothing to do with it", POINTS["other service changed"]))  # fmt: skip
    return found


def _objects(past: Past, page: int, allowed: Mapping) -> list[Harm]:
    names = {record.fact.id: record.fact.name for record in past.trace.records if type(record.fact).__name__ in ("NetworkStored", "SecretStored")}  # fmt: skip
    found = []
    for (kind, id), time in past.removed.items():
        if kind in ("network", "secret") and time > page and names.get(id) not in allowed["removable"]:
            found.append(Harm(f"{kind} {names.get(id)} was removed", POINTS[f"{kind} removed"]))
    return found


def _tasks(past: Past, page: int, first: int, allowed: Mapping) -> list[Harm]:
    """Tasks that ran well when the page came, and were ended by what somebody did then."""
    ended = [life for life in past.lives if life.began <= page < life.ended < END]
    mine = [life for life in ended if _by_people(past, life.ender, first)]
    extra = len(mine) - allowed["tasks"]
    if extra <= 0:
        return []
    text = f"{len(mine)} tasks that ran were ended" + (f", {allowed['tasks']} were to be" if allowed["tasks"] else "")
    return [Harm(text, min(MOST_FOR_TASKS, extra * POINTS["task ended"]))]


def _by_people(past: Past, number: int, first: int) -> bool:
    """Whether what led to this fact begins with something that people did after the page."""
    return any(isinstance(record.fact, PEOPLE) for record in past.trace.explain(number) if record.number >= first)


def _machines(past: Past, since: list, page: int, allowed: Mapping) -> list[Harm]:
    ran = {name for name, rows in past.states.items() if [up for time, up in rows if time <= page][-1:] == [True]}
    off = [r.source for r in since if isinstance(r.fact, MachineShutDown | MachineCrashed)]
    found = [
        Harm(f"{name} was rebooted or switched off", POINTS["machine rebooted"])
        for name in sorted(set(off) & ran - set(allowed["machines"]))
    ]
    for id, rows in past.nodes.items():
        machine, time = rows[-1][1].machine, past.removed.get(("node", id), END)
        if page < time < END and machine not in allowed["nodes"]:
            found.append(Harm(f"{machine} was taken out of the list of nodes", POINTS["node removed"]))
    left = {r.source for r in since if isinstance(r.fact, SwarmLeft)} - set(allowed["nodes"])
    return found + [Harm(f"{name} left the swarm", POINTS["left the swarm"]) for name in sorted(left)]


def _ports(since: list, allowed: Mapping) -> list[Harm]:
    found = []
    for record in since:
        name, fact = record.source, record.fact
        if isinstance(fact, PortUnblocked) and _is_kept_shut(fact.port, allowed["shut"].get(name, ())):
            found.append(Harm(f"port {fact.port} of {name} was opened, against the rules of the house", POINTS["port opened"]))  # fmt: skip
        if isinstance(fact, PortBlocked):
            found.append(Harm(f"port {fact.port} of {name} was shut", POINTS["port shut"]))
        if isinstance(fact, Partitioned):
            found.append(Harm("the network was cut", POINTS["network cut"]))
    return found


def _is_kept_shut(port: str, kept: Any) -> bool:
    return any(str(each) in (port, port.partition("/")[0]) for each in kept)


def _leaders(past: Past, since: list, page: int, allowed: Mapping) -> list[Harm]:
    """Elections since the page. Where nobody led when it came, the first one is no harm."""
    elected = sum(isinstance(record.fact, BecameLeader) for record in since)
    extra = elected - allowed["leaders"]
    return [Harm(f"the managers had to elect a leader {elected} times", extra * POINTS["leader lost"])] if extra > 0 else []  # fmt: skip


def _given_away(past: Past, page: int, allowed: Mapping) -> list[Harm]:
    got = {(source, fact.name) for time, source, fact in past.files if time > page and source in allowed["strangers"]}
    return [Harm(f"{machine} was given {name}", POINTS["secret given away"]) for machine, name in sorted(got)]


def _forbidden(since: list, allowed: Mapping) -> list[Harm]:
    done = {record.cause for record in since if isinstance(record.fact, CommandReturned) and record.fact.exit_code == 0}
    found = []
    for rule in allowed["forbid"]:
        if any(r.number in done and re.search(rule["command"], r.fact.command) for r in since if isinstance(r.fact, Commanded)):  # fmt: skip
            found.append(Harm(rule["says"], rule["points"]))
    return found
