"""What a repair must not cost: rules that are the same for all drills, each read off the trace.

A file says what its right repair needs, and nothing of that counts: `ALLOWED` are the keys of its `harm`, with what holds
where a key is left out.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..events import (
    ApiCalled,
    BecameLeader,
    ClusterStored,
    Commanded,
    CommandReturned,
    MachineCrashed,
    MachineFrozen,
    MachineShutDown,
    ObjectRemoved,
    Partitioned,
    PortBlocked,
    PortUnblocked,
    SwarmLeft,
)
from .past import END, Past

ALLOWED: dict[str, Any] = {
    "concerned": [],  # services that may be changed
    "removable": [],  # services, networks, secrets that may be removed
    "tasks": 0,  # how many tasks of the concerned services may be ended though they ran well
    "machines": [],  # machines that may be rebooted
    "nodes": [],  # machines that may be taken out of the list of nodes
    "changed": [],  # machines whose role, availability and labels may be changed
    "settings": False,  # whether the settings and tokens of the swarm may be changed
    "leaders": 0,  # how often the managers may elect
    "shut": {},  # machine → ports that the house rules keep shut
    "strangers": [],  # machines that must not get any secret
    "forbid": [],  # commands of this incident's own: {command: a regular expression, says: text, points: number}
}
POINTS = {  # what each costs
    "service removed": 30,
    "other service changed": 15,
    "task ended": 3,
    "other task ended": 12,
    "volume removed": 40,
    "volume left": 20,
    "network removed": 10,
    "secret removed": 20,
    "config removed": 20,
    "node changed": 20,
    "role changed": 30,
    "swarm changed": 10,
    "machine rebooted": 10,
    "node removed": 15,
    "left the swarm": 20,
    "leader lost": 10,
    "port opened": 15,
    "port shut": 10,
    "network cut": 20,
    "secret given away": 30,
    "not offered": 60,
}
MOST = {"task ended": 30, "other task ended": 60}  # in all
PEOPLE = (Commanded, ApiCalled, MachineCrashed, MachineShutDown, MachineFrozen, Partitioned, PortBlocked, PortUnblocked)


class Harm(NamedTuple):
    """Something that was done, and what it costs."""

    text: str
    points: int


def harm_done(
    past: Past, page: int, first: int, allowed: Mapping, volumes: tuple[set, set], beyond: Sequence[str] = ()
) -> list[Harm]:
    """All harm since the page (µs, and the number of the first fact after it). `volumes` are (machine, name) then and now,
    `beyond` the acts of which the page does not say that anybody can do them."""
    since = past.trace.records[first:]
    found = [*_services(past, page, allowed), *_objects(past, page, allowed), *_tasks(past, page, first, allowed)]
    found += [*_volumes(*volumes), *_machines(past, since, page, allowed), *_nodes(past, page, allowed)]
    found += [*_settings(past, since, first, allowed), *_ports(since, allowed), *_leaders(past, since, page, allowed)]
    found += [*_given_away(past, page, allowed), *_forbidden(since, allowed)]
    return [*found, *(Harm(f"{name}: nobody can do that here; the page says what operations can", POINTS["not offered"]) for name in beyond)]  # fmt: skip


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
    names = {record.fact.id: record.fact.name for record in past.trace.records if type(record.fact).__name__ in ("NetworkStored", "SecretStored", "ConfigStored")}  # fmt: skip
    found = []
    for (kind, id), time in past.removed.items():
        if kind in ("network", "secret", "config") and time > page and names.get(id) not in allowed["removable"]:
            found.append(Harm(f"{kind} {names.get(id)} was removed", POINTS[f"{kind} removed"]))
    return found


def _tasks(past: Past, page: int, first: int, allowed: Mapping) -> list[Harm]:
    """Tasks that ran well when the page came, and were ended by what somebody did then."""
    ended = [life for life in past.lives if life.began <= page < life.ended < END]
    mine = [life.service in allowed["concerned"] for life in ended if _by_people(past, life.ender, first)]
    of, others, most = sum(mine), mine.count(False), allowed["tasks"]
    found = []
    if of > most:
        text = f"{of} tasks that ran were ended" + (f", {most} were to be" if most else "")
        found.append(_several(text, "task ended", of - most))
    if others:
        text = f"{others} task{'s' * (others > 1)} that ran, of services that had nothing to do with it, were ended"
        found.append(_several(text, "other task ended", others))
    return found


def _several(text: str, rule: str, times: int) -> Harm:
    return Harm(text, min(MOST[rule], times * POINTS[rule]))


def _volumes(then: set, now: set) -> list[Harm]:
    gone = [Harm(f"the volume {name} on {machine} is gone, with all that was in it", POINTS["volume removed"]) for machine, name in sorted(then - now)]  # fmt: skip
    names = {name for _, name in then}
    left = [Harm(f"the volume {name} was made anew on {machine}, empty: a task moved away from its data", POINTS["volume left"]) for machine, name in sorted(now - then) if name in names]  # fmt: skip
    return [*gone, *left]


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


def _nodes(past: Past, page: int, allowed: Mapping) -> list[Harm]:
    """Nodes that are left otherwise than they were: drained, paused, with another role, or without a label."""
    found = []
    for id, rows in past.nodes.items():
        before, now = [fact for time, fact in rows if time <= page][-1:], rows[-1][1]
        if before and ("node", id) not in past.removed and now.machine not in [*allowed["nodes"], *allowed["changed"]]:
            found += [Harm(f"{now.machine} {text}", POINTS[rule]) for rule, text in _otherwise(before[0], now)]
    return found


def _otherwise(then: Any, now: Any) -> list[tuple[str, str]]:
    told = []
    if then.availability != now.availability:
        told.append(("node changed", f"is left with availability {now.availability}, it was {then.availability}"))
    if then.role != now.role:
        told.append(("role changed", f"is left as a {now.role}, it was a {then.role}"))
    if lost := dict(then.labels).keys() - dict(now.labels).keys():
        told.append(("node changed", f"lost its label {', '.join(sorted(lost))}"))
    return told


def _settings(past: Past, since: list, first: int, allowed: Mapping) -> list[Harm]:
    out = {r.fact.index for r in since if isinstance(r.fact, ObjectRemoved)}  # who is taken out is noted there, too
    stored = [r.number for r in since if isinstance(r.fact, ClusterStored) and r.fact.index not in out]
    if allowed["settings"] or not any(_by_people(past, number, first) for number in stored):
        return []
    return [Harm("settings or tokens of the swarm were changed, which had nothing to do with it", POINTS["swarm changed"])]  # fmt: skip


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
