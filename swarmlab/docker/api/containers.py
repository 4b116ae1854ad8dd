"""`/containers`: those of one machine, made by hand or by the swarm.

Source: Docker Engine API v1.47, "Container"; moby `api/server/router/container/container_routes.go`.
"""

# Simpler than in reality (docs/simplifications.md): listed-networks

import json
from collections.abc import Iterator
from typing import Any

from ...effects import MS, NEVER, SECOND
from ...messages import (
    Container,
    Events,
    KillContainer,
    ListContainers,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
)
from ...objects import ApiError
from ...worker import plain
from .. import api_containers, inspect_here
from ..api_json import made_up_pid
from ..containers import filtered, prune_containers
from ..dates import rfc3339, unix
from ..lists import container_status
from ..prunes import prunable
from ..session import Session
from .asked import Answer, Asked, Refusal, Streamed, filters_of, flag, number, status_of
from .clock import shift_of, shown
from .doorway import JSON
from .queries import pairs
from .specs_run import check_image, posted_container

LOOK = 50 * MS  # how often somebody who waits for an end looks for it
ENDED = ("before", "since", "status", "exited")  # filters that look at those that have ended too
COLUMNS = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]  # of `ps -ef`

# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_containers(session: Session, asked: Asked) -> Answer:
    """Newest first. Somebody who wants the last few means those that have ended too."""
    filters, limit = filters_of(asked), number(asked, "limit", 0)
    everything = flag(asked, "all") or limit > 0 or any(name in filters for name in ("status", "exited"))
    known = session.call(ListContainers(everything or any(name in filters for name in ENDED)))
    found = [one for one in filtered(known, pairs(filters)) if everything or one.state == "running"]
    found = found[:limit] if limit > 0 else found
    return Answer(body=_summaries(session, found))


def _summaries(session: Session, containers: list[Container]) -> list[dict[str, Any]]:
    """What only the swarm knows, the networks of tasks and ways out of networks, is left out: no list waits for a leader."""
    now = session.now
    ends = {one.id: [(id, name, address, "") for id, name, address, *_ in one.networks] for one in containers}
    return [_summary(session, one, [] if one.task else ends[one.id], now) for one in containers]


def _summary(session: Session, one: Container, ends: inspect_here.Ends, now: int) -> dict[str, Any]:
    """When it was made is a number here, no date."""
    line = shown(session, api_containers.summary(one, ends, container_status(one, now)))
    return line | {"Created": unix(one.created_at + shift_of(session))}


def inspect(session: Session, asked: Asked) -> Answer:
    return Answer(body=shown(session, inspect_here.container(session, asked.names["ref"])))


def top(session: Session, asked: Asked) -> Answer:
    """The one process of a container, whatever columns of `ps` are asked for."""
    one = found(session, asked.names["ref"])
    if one.state != "running":
        raise Refusal(409, f"container {one.id} is not running")
    user, pid = one.settings.user or "root", made_up_pid(one.id)
    began = rfc3339(one.started_at + shift_of(session))[11:16]
    row = [user, str(pid), str(pid - 1), "0", began, "?", "00:00:00", one.command.strip('"')]
    return Answer(body={"Titles": COLUMNS, "Processes": [row]})


def found(session: Session, ref: str) -> Container:
    """Raises `ApiError`."""
    return plain.find(ref, session.call(ListContainers(all=True)))


# ── doing ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def create(session: Session, asked: Asked) -> Answer:
    """Made, not started. An image that is not here is not fetched: the client does so, and asks again."""
    request = posted_container(asked)
    check_image(session, request.image)
    return Answer(201, {"Id": session.call(request), "Warnings": []})


def start(session: Session, asked: Asked) -> Answer:
    """One that runs is left alone, and the status says so."""
    ref = asked.names["ref"]
    if found(session, ref).state == "running":
        return Answer(304)
    try:
        session.call(StartContainer(ref))
    except ApiError as refusal:  # what is wrong with it, not with the request
        status = status_of(refusal.text)
        raise Refusal(500 if status == 400 else status, refusal.text) from None
    return Answer(204)


def stop(session: Session, asked: Asked) -> Answer:
    ref, grace = asked.names["ref"], _grace(asked)
    if found(session, ref).state not in ("running", "restarting"):
        return Answer(304)
    session.call(StopContainer(ref, grace))
    return Answer(204)


def restart(session: Session, asked: Asked) -> Answer:
    ref = asked.names["ref"]
    session.call(StopContainer(ref, _grace(asked)))
    session.call(StartContainer(ref))
    return Answer(204)


def _grace(asked: Asked) -> int:
    """`?t=5`: seconds until it is killed; less than nothing means never."""
    seconds = number(asked, "t", 10)
    return NEVER if seconds < 0 else min(seconds * SECOND, NEVER)


def kill(session: Session, asked: Asked) -> Answer:
    session.call(KillContainer(asked.names["ref"], asked.query.get("signal") or "SIGKILL"))
    return Answer(204)


def rename(session: Session, asked: Asked) -> Answer:
    session.call(RenameContainer(asked.names["ref"], asked.query.get("name", "")))
    return Answer(204)


def remove(session: Session, asked: Asked) -> Answer:
    session.call(RemoveContainer(asked.names["ref"], flag(asked, "force"), flag(asked, "v")))
    return Answer(204)


def prune(session: Session, asked: Asked) -> Answer:
    known, filters = session.call(ListContainers(all=True)), pairs(filters_of(asked))
    chosen = prunable(known, filters, session.now, shift_of(session))
    return Answer(body={"ContainersDeleted": prune_containers(session, chosen) or None, "SpaceReclaimed": 0})


# ── waiting for the end ──────────────────────────────────────────────────────────────────────────────────────────────


def wait(session: Session, asked: Asked) -> Streamed:
    """The headers go out at once: a client posts this before it starts the container, and waits for them."""
    condition = asked.query.get("condition") or "not-running"
    if condition not in ("not-running", "next-exit", "removed"):
        raise Refusal(400, f'invalid condition: "{condition}"')
    one = found(session, asked.names["ref"])
    return Streamed(_code(session, one, condition), (JSON,))


def _code(session: Session, one: Container, condition: str) -> Iterator[bytes]:
    before = deaths(session, one)
    while not _is_over(session, one, condition, len(before)):
        session.wait(LOOK)
    known = {now.id: now for now in session.call(ListContainers(all=True))}
    codes = deaths(session, one)
    code = codes[-1] if codes else known.get(one.id, one).exit_code
    yield (json.dumps({"StatusCode": code}, separators=(",", ":")) + "\n").encode()


def _is_over(session: Session, one: Container, condition: str, ends: int) -> bool:
    known = {now.id: now for now in session.call(ListContainers(all=True))}
    if one.id not in known:
        return True
    if condition == "next-exit":
        return len(deaths(session, one)) > ends
    return condition == "not-running" and known[one.id].state not in ("running", "restarting")


def deaths(session: Session, one: Container) -> list[int]:
    """With which codes it has ended, as far as the engine remembers."""
    events = session.call(Events(one.created_at))
    return [int(e.attributes.get("exitCode", 0)) for e in events if e.id == one.id and e.action == "die"]


ROUTES = (
    ("GET", "/containers/json", list_containers),
    ("POST", "/containers/create", create),
    ("POST", "/containers/prune", prune),
    ("GET", "/containers/{ref}/json", inspect),
    ("GET", "/containers/{ref}/top", top),
    ("POST", "/containers/{ref}/start", start),
    ("POST", "/containers/{ref}/stop", stop),
    ("POST", "/containers/{ref}/restart", restart),
    ("POST", "/containers/{ref}/kill", kill),
    ("POST", "/containers/{ref}/rename", rename),
    ("POST", "/containers/{ref}/wait", wait),
    ("DELETE", "/containers/{ref}", remove),
)
