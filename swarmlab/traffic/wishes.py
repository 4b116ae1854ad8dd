"""What people ask for with `Cluster.traffic`: checked, drawn, and as plain data, so that it can be written down."""

# Simpler than in reality (docs/simplifications.md): to-services

from collections.abc import Callable, Mapping
from typing import Any

from ..effects import SECOND
from . import workload as laws
from .drawing import Requests, check_requests, instants, works
from .load import Wish
from .workload import Arrivals, Closed, Service, Workload, check_arrivals, checked

SETTINGS = ("seconds", "number", "via", "checks")
PLAIN = 1.0  # stands for the service of a workload that leaves it to the image, while the rest is checked


def wish_of(
    name: str,
    url: str,
    host: str,
    port: int,
    nodes: tuple[str, ...],
    source: tuple[str, str],
    workload: Any,
    settings: Mapping[str, Any],
    now: int,
    stream: Callable[[str], Any],
) -> Wish:
    """The wish, with all that can be drawn beforehand; ValueError with a sentence where it is impossible."""
    for key in settings:
        if key not in SETTINGS:
            raise ValueError(f"traffic has no {key}; it has {', '.join(SETTINGS)}")
    if settings.get("via") and source[0]:
        raise ValueError("a task asks on its own machine: `via` is for clients outside")
    if settings.get("checks") and not settings.get("via"):
        raise ValueError("checks are made by a balancer in front: name its machines, via=[…], or via=True for all")
    if not isinstance(settings.get("checks", False), bool):
        raise ValueError(f"checks={settings['checks']!r}: True or False")
    seconds, number = settings.get("seconds"), settings.get("number")
    asked, given = understood(workload)
    closed = isinstance(asked.arrivals, Closed)
    if given is None and seconds is None and (number is None or closed):
        raise ValueError("say for how long: seconds=60")
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9
    ):
        raise ValueError(f"seconds={seconds!r}: a number above 0")
    if number is not None and (type(number) is not int or number < 1):
        raise ValueError(f"number={number!r}: a whole number from 1 on")
    if given is None and not closed:
        given = _drawn(asked, seconds, number, lambda what: stream(f"traffic/{name}/{what}"))
    if given:
        given = Requests(tuple(now + time for time in given.arrived), tuple(given.work))
    until = now + round(seconds * SECOND) if seconds else now
    return Wish(name, url, host, port, nodes, bool(settings.get("checks")), *source, asked, given, until)


def _drawn(asked: Workload, seconds: float | None, number: int | None, dice: Callable[[str], Any]) -> Requests:
    arrived = instants(asked.arrivals, dice("arrivals"), number, seconds)
    simple = asked.service is not None and asked.per_connection == 1
    return Requests(arrived, works(asked.service, dice("work"), len(arrived)) if simple else ())


def understood(workload: Any) -> tuple[Workload, Requests | None]:
    """A workload, or arrivals alone, or requests one by one, or the plain form of one of these."""
    if isinstance(workload, dict):
        try:
            workload = _unplain(workload)
        except (AttributeError, KeyError, TypeError):
            raise ValueError(f"{workload!r} is no workload, such as Workload(Poisson(80), Exponential(0.1))") from None
    if isinstance(workload, Requests):
        check_requests(workload)
        return Workload(laws.Poisson(1.0), None), workload  # type: ignore[arg-type]
    if isinstance(workload, Arrivals):
        check_arrivals(workload)
        return Workload(workload, None), None  # type: ignore[arg-type]
    if not isinstance(workload, Workload):
        raise ValueError(f"{workload!r} is no workload, such as Workload(Poisson(80), Exponential(0.1))")
    checked(workload if workload.service is not None else workload._replace(service=laws.Constant(PLAIN)))
    return workload, None


# ── plain data ───────────────────────────────────────────────────────────────────────────────────────────────────


def plain(workload: Any) -> dict:
    """What can be written to a file, and read again."""
    if isinstance(workload, dict):
        return workload
    if isinstance(workload, Requests):
        return {"arrived": list(workload.arrived), "work": list(workload.work)}
    if not isinstance(workload, Workload):
        workload = Workload(workload, None)  # type: ignore[arg-type]
    fields = workload._asdict()
    return {**fields, "arrivals": _law(workload.arrivals), "service": _law(workload.service)}


def _law(law: Arrivals | Service | None) -> list | None:
    return None if law is None else [type(law).__name__, *(list(v) if isinstance(v, tuple) else v for v in law)]


def _unplain(fields: dict) -> Any:
    if "arrived" in fields:
        return Requests(tuple(fields["arrived"]), tuple(fields["work"]))
    return Workload(
        **{**fields, "arrivals": _from_plain(fields["arrivals"]), "service": _from_plain(fields["service"])}
    )


def _from_plain(law: list | None) -> Any:
    if law is None:
        return None
    kind, *values = law
    return getattr(laws, kind)(*(tuple(value) if isinstance(value, list) else value for value in values))
