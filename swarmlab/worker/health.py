"""How a container is found well or not: results of its health check in, a verdict out.

A container that has a health check begins as `starting`; one success makes it `healthy`, and so many failures in a row
`unhealthy`. Plain functions over one record. Source: moby `daemon/health.go`; swarm.md §13, networking.md §3.4.
"""

# Simpler than in reality (docs/simplifications.md): start-interval

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..effects import MS, SECOND
from ..messages import Health, Probed
from ..objects import HealthConfig

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
DEFAULTS = HealthConfig((), 30 * SECOND, 30 * SECOND, 0, 5 * SECOND, 3)
KEPT = 5  # results
MOST = 4096  # bytes of a result's output; engine 20.10 and later keep no more
TIMED_OUT = -1  # the exit code of a check that did not end in time


@cache
def complete(asked: HealthConfig | None, own: HealthConfig | None = None) -> HealthConfig | None:
    """The check that is run: what was asked for, else what the image brings, else Docker's defaults; None for none.

    What begins with neither CMD nor CMD-SHELL is none: the engine warns in its log, and checks nothing.
    """
    check = _filled(_filled(asked or HealthConfig(), own or HealthConfig()), DEFAULTS)
    return check if check.test[:1] in (("CMD",), ("CMD-SHELL",)) else None


def refusal(check: HealthConfig | None) -> str:
    """Why no container can have such a check; '' if it can [moby: daemon/container.go, validateHealthCheck]."""
    check = check or HealthConfig()
    times = (("Interval", check.interval), ("Timeout", check.timeout))
    more = (("StartPeriod", check.start_period), ("StartInterval", check.start_interval))
    short = (f"{name} in Healthcheck cannot be less than 1ms" for name, time in (*times, *more) if time and time < MS)
    return next(short, "Retries in Healthcheck cannot be negative" if check.retries < 0 else "")


def begun(before: Health | None = None) -> Health:
    """What is known of a container that has just started; one that ran before keeps the results of then."""
    return Health(STARTING, 0, before.log if before else ())


def pause(check: HealthConfig, health: Health, age: int) -> int:
    """How long to wait for the next check: from the start of the container, or from the end of the last check.

    `age` is the time since the container started. The start interval came with engine 25.0; one of 20.10 always waits
    the interval, as here where there is no start period.
    """
    in_start = health.status == STARTING and age < check.start_period
    return check.start_interval if in_start else check.interval


def judged(check: HealthConfig, health: Health, started_at: int, result: Probed) -> Health:
    """What is known of the container after one more result.

    A failure does not count while the container is still starting and the check began in the start period.
    """
    kept = (*health.log, result)[-KEPT:]
    if result.code == 0:
        return Health(HEALTHY, 0, kept)
    if health.status == STARTING and result.start - started_at < check.start_period:
        return Health(STARTING, health.streak, kept)
    streak = health.streak + 1
    return Health(UNHEALTHY if streak >= check.retries else health.status, streak, kept)


def stopped(health: Health) -> Health:
    """What is shown of a container that runs no more: "unhealthy when the monitor has stopped for compatibility reasons"
    [moby: container/health.go]. Nobody is told so."""
    return health._replace(status=UNHEALTHY)


def ended(start: int, end: int, code: int, output: str = "") -> Probed:
    """The result of a check that came to its end."""
    return Probed(start, end, code, _cut(output))


def timed_out(check: HealthConfig, start: int, output: str = "") -> Probed:
    """The result of a check that was given up."""
    text = f"Health check exceeded timeout ({span(check.timeout)})" + (f": {output}" if output else "")
    return Probed(start, start + check.timeout, TIMED_OUT, text)


class Step(NamedTuple):
    """One health check on the axis of time, and what is known of the container after it. Times in µs since its start."""

    begin: int
    end: int
    code: int  # 0: well; -1: given up
    counted: bool  # False: it failed in the start period
    streak: int
    status: str


def timeline(asked: HealthConfig, answer: Callable[[int], tuple[int, int]], until: int) -> list[Step]:
    """Check after check of a container that starts at 0, as far as they begin before `until`: `answer(begin)` says how long
    a check that begins then would take, and its exit code. No cluster is needed for that."""
    check, known, now, steps = complete(asked), begun(), 0, list[Step]()
    while check and (begin := now + pause(check, known, now)) < until:
        took, code = answer(begin)
        result = ended(begin, begin + took, code) if took < check.timeout else timed_out(check, begin)
        before, known, now = known, judged(check, known, 0, result), result.end
        counted = not result.code or known.streak > before.streak
        steps.append(Step(begin, now, result.code, counted, known.streak, known.status))
    return steps


def span(time: int) -> str:
    """µs as Go writes a duration.

    >>> span(3 * SECOND), span(90 * SECOND), span(1500 * MS), span(200 * MS)
    ('3s', '1m30s', '1.5s', '200ms')
    """
    if time < SECOND:
        return f"{time / MS:g}ms"
    minutes, rest = divmod(time, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / SECOND:.6f}".rstrip("0").rstrip(".") + "s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + seconds


def _filled(check: HealthConfig, other: HealthConfig) -> HealthConfig:
    """What one check does not say, as the other says it."""
    return HealthConfig._make(mine or theirs for mine, theirs in zip(check, other, strict=True))


def _cut(output: str) -> str:
    data = output.encode()
    return output if len(data) <= MOST else data[:MOST].decode(errors="ignore") + "..."
