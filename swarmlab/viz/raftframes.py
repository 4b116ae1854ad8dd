"""A raft group as plain rows: all that rings, ladders and space-time diagrams need, and the group at any instant.

`raft_frames` goes through a trace once, `raft_at` only looks things up; the board in the browser looks up the same rows.
"""

from bisect import bisect_left, bisect_right
from itertools import pairwise
from statistics import median
from typing import Any

from ..events import (
    BecameCandidate,
    BecameFollower,
    BecameLeader,
    CommitAdvanced,
    EntriesAppended,
    GroupChanged,
    Healed,
    MachineCrashed,
    MachineShutDown,
    MachineStarted,
    Partitioned,
)
from .raftfold import NEW, Fold, happenings
from .words import text_of

__all__ = ["leader_at", "raft_at", "raft_frames", "rows_of", "summary"]

ROLES = (BecameFollower, BecameCandidate, BecameLeader)
FLIGHT = 500  # µs that a message takes where none arrived
PATIENCE = 300_000  # µs of a time-out where no alarms were kept
MARKS = {  # facts that are worth a stop on the time line
    "MachineCrashed": "fault",
    "MachineShutDown": "fault",
    "MachineFrozen": "fault",
    "Partitioned": "fault",
    "LinkChanged": "fault",
    "MachineStarted": "back",
    "MachineThawed": "back",
    "Healed": "back",
    "BecamePreCandidate": "election",
    "BecameCandidate": "election",
    "VoteGranted": "vote",
    "VoteRefused": "refused",
    "BecameLeader": "leader",
    "SteppedDown": "election",
    "TransferBegun": "election",
    "EntriesAppended": "entry",
    "EntriesCut": "cut",
    "CommitAdvanced": "commit",
    "SnapshotTaken": "snapshot",
    "SnapshotInstalled": "snapshot",
    "GroupChanged": "group",
}
MESSAGES = {  # what each message says; numbers stand for the fields of its brief
    "RequestVote": "asks for a vote in term {term}; its log ends at entry {0} of term {1}",
    "PreVoteRequest": "asks who would vote for it after term {term}; its log ends at entry {0} of term {1}",
    "Vote": "answers in term {term}: {0}",
    "PreVote": "answers whether it would vote: {0}",
    "AppendEntries": "term {term}: {1} entries behind entry {0}; committed up to {2}",
    "Appended": "term {term}: holds the leader's log up to entry {0}",
    "Mismatched": "term {term}: has no such entry {0}; may agree up to {1}",
    "Heartbeat": "term {term}: a sign of life; committed up to {0}",
    "HeartbeatAnswer": "term {term}: a sign of life",
    "InstallSnapshot": "term {term}: a snapshot up to entry {0}",
    "TimeoutNow": "term {term}: campaign at once",
}


def raft_frames(trace: Any) -> dict:
    """A run of raft as plain rows, ready for JSON. Times are µs, facts are told by their numbers.

    `tracks` holds for each server and key (`role`, `term`, `log`, `peer/node-2` …) the instants at which it changed,
    and the values since then; what a key means stands at `raftfold.NEW`.
    """
    servers = _servers(trace)
    messages = _messages(trace, servers)
    fold = Fold(servers)
    fold.run(happenings(trace.records, messages, trace.alarms))
    for message in messages:
        del message[9]
        message[5] = message[5] or _value(fold.tracks[message[2]], "term", message[0])
    kinds = dict.fromkeys(type(record.fact) for record in trace.records)
    flights = [message[1] - message[0] for message in messages if message[1] >= 0]
    return {
        "version": 1,
        "start": 0,
        "end": trace.now,
        "servers": servers,
        "longest": _longest(fold.tracks, messages),
        "flight": round(median(flights)) if flights else FLIGHT,
        "slowest": max(flights, default=FLIGHT),
        "tracks": fold.tracks,
        "spans": {name: _spans(keys, trace.now) for name, keys in fold.tracks.items()},
        "cuts": _cuts(trace.records),
        "groups": [[time, group] for time, _, group in fold.groups],
        "messages": messages,
        "says": MESSAGES,
        "facts": [[r.time, r.source, r.cause, type(r.fact).__name__, text_of(r.fact)] for r in trace.records],
        "rules": {kind.__name__: " ".join((kind.__doc__ or "").split()) for kind in kinds},
        "marks": _marks(trace.records, servers),
        "entries": _entries(trace.records),
    }


def rows_of(trace: Any) -> dict:
    """The rows of `raft_frames`, unless it is these already."""
    return trace if isinstance(trace, dict) else raft_frames(trace)


def raft_at(rows: dict, time: int) -> dict:
    """The group when `time` (µs) is over: every server, who leads, what is cut, which messages are under way."""
    servers = [_server(rows, name, time) for name in rows["servers"]]
    newest = max((server["term"] for server in servers if server["role"] == "leader"), default=0)
    for server in servers:  # a leader that another one has replaced, and does not know it
        server["wrong"] = server["role"] == "leader" and server["term"] < newest
    group = next((group for at, group in reversed(rows["groups"]) if at <= time), None)
    members = [name for half in group.values() for name in half] if group else rows["servers"]
    for server in servers:
        server["member"] = server["name"] in members
    cuts = [cut for cut in rows["cuts"] if cut[0] <= time < cut[1]]
    return {
        "time": time,
        "leader": leader_at(servers),
        "group": group,
        "servers": servers,
        "cuts": cuts,
        "messages": _under_way(rows, time),
    }


def leader_at(servers: list[dict]) -> str:
    """Who leads the largest term, of those that run."""
    leaders = [server for server in servers if server["role"] == "leader" and server["looks"] == "up"]
    return max(leaders, key=lambda server: server["term"])["name"] if leaders else ""


def summary(world: dict) -> str:
    """The group in one sentence."""
    servers = world["servers"]
    leads = next((s for s in servers if s["name"] == world["leader"]), None)
    said = [f"{leads['name']} leads, term {leads['term']}" if leads else "nobody leads"]
    for role, verb in (("precandidate", "asks whether to campaign"), ("candidate", "asks for votes")):
        said += [f"{s['name']} {verb} in term {s['term']}" for s in servers if s["role"] == role and s["looks"] == "up"]
    said += [f"{s['name']} still believes it leads term {s['term']}" for s in servers if s["wrong"]]
    said += [f"{s['name']} {s['looks']}" for s in servers if s["looks"] != "up"]
    commit = max((s["commit"] for s in servers), default=0)
    ends = max((s["last"] for s in servers), default=0)
    return f"t={world['time'] // 1000 / 1000:.3f} s: {', '.join(said)}; {commit} of {ends} entries committed"


# ── looking up ───────────────────────────────────────────────────────────────────────────────────────────────────


def _value(tracks: dict, key: str, time: int) -> Any:
    """What the track says at this instant."""
    if key not in tracks:
        return NEW.get(key)
    times, values = tracks[key]
    seen = bisect_right(times, time)
    return values[seen - 1] if seen else NEW.get(key)


def _server(rows: dict, name: str, time: int) -> dict:
    """One server. `peers` is what a leader believes: [match, next] of each follower; `left` what is left of its
    time-out, as a share of the longest there is, `armed` the share with which it began."""
    tracks = rows["tracks"][name]
    now = {"name": name} | {key: _value(tracks, key, time) for key in NEW}
    peers = {key[5:]: _value(tracks, key, time) for key in tracks if key.startswith("peer/")}
    timer = now.pop("timer")
    shares = ((timer[1] - time) / rows["longest"], (timer[1] - timer[0]) / rows["longest"]) if timer else None
    now["last"] = now["log"][-1][1] if now["log"] else now["base"]
    now["deadline"] = timer[1] if timer else None
    now["left"], now["armed"] = (max(0.0, shares[0]), shares[1]) if shares else (None, None)
    now["peers"] = {peer: value for peer, value in peers.items() if value is not None}
    return now


def _under_way(rows: dict, time: int) -> list[dict]:
    """Messages between two servers, and lost ones where they died, for as long as a message takes."""
    found = []
    first = bisect_left(rows["messages"], time - 2 * rows["slowest"] - rows["flight"], key=lambda m: m[0])
    for number in range(first, bisect_right(rows["messages"], time, key=lambda m: m[0])):
        sent, arrived, sender, to, name, term, fate, cause, brief = rows["messages"][number]
        death = dies(fate, arrived)
        end = sent + rows["flight"] if arrived < 0 else arrived
        far = min(1.0, (time - sent) / max(1, end - sent))
        dead = death > 0 and far >= death
        if time < end or (dead and time < end + rows["flight"]):
            row = {"number": number, "from": sender, "to": to, "name": name, "term": term, "fate": fate, "fact": cause}
            found.append(row | {"far": min(far, death) if death else far, "dead": dead, "brief": brief})
    return found


def dies(fate: str, arrived: int) -> float:
    """How far along its line a message dies; 0 for one that does not."""
    return 1.0 if fate == "down" else 0.5 if arrived < 0 else 0.0


# ── from the trace ───────────────────────────────────────────────────────────────────────────────────────────────


def _servers(trace: Any) -> list[str]:
    """Every machine that ever was a member, in the order of the rack."""
    members = dict.fromkeys(record.source for record in trace.records if isinstance(record.fact, ROLES))
    rack = [row["name"] for row in trace.settings["machines"]]
    return [name for name in rack if name in members] + [name for name in members if name not in rack]


def _messages(trace: Any, servers: list[str]) -> list[list]:
    """What servers said to each other, as [sent, arrived, from, to, name, term, fate, cause, brief] (and how many facts
    there were when it left). One that reached a machine without power died there."""
    power = {name: [(0, False)] for name in servers}  # when each was switched on or off
    for record in trace.records:
        if record.source in power and isinstance(record.fact, MachineStarted | MachineCrashed | MachineShutDown):
            power[record.source].append((record.time, isinstance(record.fact, MachineStarted)))
    rows = []
    for sent, arrived, sender, to, channel, name, fate, cause, after, brief in trace.messages:
        if channel == "raft" and to in power and sender in power:
            on = power[to][bisect_left(power[to], (arrived, False)) - 1][1] if arrived >= 0 else True
            rows.append([sent, arrived, sender, to, name, 0, fate if on else "down", cause, list(brief), after])
    return sorted(rows, key=lambda row: row[0])


def _longest(tracks: dict, messages: list[list]) -> int:
    """The longest election time-out that anybody ever had, µs; where no alarms were kept, four heartbeats."""
    timers = [timer for keys in tracks.values() for timer in keys.get("timer", [[], []])[1] if timer]
    if timers:
        return max(end - since for since, end in timers)
    beats = [message for message in messages if message[4] == "Heartbeat"]
    gaps = [later[0] - one[0] for one, later in pairwise(beats) if later[0] > one[0] and one[2] == later[2]]
    return 4 * round(median(gaps)) if gaps else PATIENCE


def _spans(tracks: dict, end: int) -> list[list]:
    """How long a server was what, as [since, until, looks, role, term]."""
    keys = ("looks", "role", "term")
    changes = sorted({0, *(time for key in keys for time in tracks.get(key, [[]])[0])})
    rows: list[list] = []
    for since, until in zip(changes, [*changes[1:], end], strict=True):
        now = [_value(tracks, key, since) for key in keys]
        if rows and rows[-1][2:] == now:
            rows[-1][1] = until
        elif until > since:
            rows.append([since, until, *now])
    return rows


def _cuts(records: list) -> list[list]:
    """Partitions as [since, until, groups, one way]."""
    cuts: list[list] = []
    open_from = 0
    for record in records:
        if isinstance(record.fact, Partitioned):
            groups = [list(group) for group in record.fact.groups]
            cuts.append([record.time, 1 << 62, groups, record.fact.one_way])
        elif isinstance(record.fact, Healed):
            for cut in cuts[open_from:]:
                cut[1] = record.time
            open_from = len(cuts)
    return cuts


def _marks(records: list, servers: list[str]) -> list[list]:
    """The facts worth a stop: [time, fact, kind, label]. That somebody else said it before is none."""
    marks: list[list] = []
    booted: dict[str, bool] = {}
    leads, change = "", 0
    for record in records:
        kind = MARKS.get(type(record.fact).__name__, "")
        if record.source not in servers and record.source != "world":
            continue
        if isinstance(record.fact, BecameLeader):
            leads = record.source
        if isinstance(record.fact, EntriesAppended | CommitAdvanced) and record.source != leads:
            kind = ""
        if isinstance(record.fact, GroupChanged):
            kind, change = kind if record.fact.index > change else "", max(change, record.fact.index)
        if isinstance(record.fact, MachineStarted):
            kind = kind if record.source in booted else ""  # the first boot is no return
            booted[record.source] = True
        if kind:
            source = "" if record.source == "world" else f"{record.source} "
            marks.append([record.time, record.number, kind, f"{source}{text_of(record.fact)}"])
    return marks


def _entries(records: list) -> list[list]:
    """Who wrote what to its log, and who knew when that it is agreed on: [fact, server, first, last], first 0 for the latter."""
    rows = []
    for record in records:
        if isinstance(record.fact, EntriesAppended):
            rows.append([record.number, record.source, record.fact.first, record.fact.last])
        elif isinstance(record.fact, CommitAdvanced):
            rows.append([record.number, record.source, 0, record.fact.index])
    return rows
