"""`/containers/{ref}/stats`: how much of the processor and the memory a container uses.

The processor's part is the time that it worked on requests, memory is what its image needs, as in the metrics of the lab
(`worker.measuring`). Source: Docker Engine API v1.47, "Get container stats based on resource usage".
"""

# Simpler than in reality (docs/simplifications.md): processor

from collections.abc import Iterator
from typing import Any

from ...effects import SECOND
from ...messages import Container, GetUsage, Info, Usage
from ...objects import Description
from ..dates import NEVER, rfc3339
from ..session import Session
from .asked import Answer, Asked, Streamed, flag
from .clock import shift_of
from .containers import found
from .doorway import JSON, written

EVERY = SECOND


def stats(session: Session, asked: Asked) -> Answer | Streamed:
    """Once, or each second until the client goes away."""
    one = found(session, asked.names["ref"])
    machine = session.call(Info()).description or Description()
    if flag(asked, "stream", True):
        return Streamed(_followed(session, one, machine), (JSON,))
    before = None if flag(asked, "one-shot") or one.state != "running" else _look(session, one)
    if before:
        session.wait(EVERY)
    return Answer(body=_shown(session, one, machine, before, _look(session, one)))


Look = tuple[int, Usage]  # when, and what it had used by then


def _look(session: Session, one: Container) -> Look:
    return session.now, session.call(GetUsage(one.id))


def _followed(session: Session, one: Container, machine: Description) -> Iterator[bytes]:
    before = None
    while True:
        now = _look(session, one)
        yield written(_shown(session, one, machine, before, now))
        session.wait(EVERY)
        before = now


def _shown(session: Session, one: Container, machine: Description, before: Look | None, now: Look) -> dict[str, Any]:
    """Both looks, as a client needs them for a percentage."""
    at, usage = now
    return {
        "name": f"/{one.name}",
        "id": one.id,
        "read": rfc3339(at + shift_of(session)) if usage.running else NEVER,
        "preread": rfc3339(before[0] + shift_of(session)) if before else NEVER,
        "pids_stats": {"current": 1} if usage.running else {},
        "num_procs": 0,
        "storage_stats": {},
        "blkio_stats": dict.fromkeys(BLOCKS),
        "cpu_stats": _processor(now, machine),
        "precpu_stats": _processor(before, machine),
        "memory_stats": {"usage": usage.memory, "stats": {}, "limit": machine.memory} if usage.running else {},
        "networks": {"eth0": dict.fromkeys(WIRE, 0)} if usage.running else {},
    }


def _processor(look: Look | None, machine: Description) -> dict[str, Any]:
    """Nanoseconds of this container, and of all processors together."""
    at, busy = (look[0], look[1].busy * 1000) if look and look[1].running else (0, 0)
    cpus = max(1, machine.nano_cpus // 10**9)
    return {
        "cpu_usage": {"total_usage": busy, "usage_in_kernelmode": 0, "usage_in_usermode": busy},
        "system_cpu_usage": at * 1000 * cpus,
        "online_cpus": cpus,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


BLOCKS = (
    "io_service_bytes_recursive io_serviced_recursive io_queue_recursive io_service_time_recursive io_wait_time_recursive "
    "io_merged_recursive io_time_recursive sectors_recursive"
).split()
WIRE = "rx_bytes rx_packets rx_errors rx_dropped tx_bytes tx_packets tx_errors tx_dropped".split()
ROUTES = (("GET", "/containers/{ref}/stats", stats),)
