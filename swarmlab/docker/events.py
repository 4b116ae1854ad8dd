"""`docker events`: what happened on this machine, and on a manager also in the swarm.

An engine remembers the last 256 events of its machine, a manager the last changes of the swarm. Without --until the
command goes on until it is interrupted. Source: docs.docker.com, `docker system events`; recorded from Docker 28.2.2.
"""

from collections.abc import Mapping
from typing import Any

from ..effects import NEVER, SECOND
from ..messages import Event, Events
from ..objects import ApiError
from .dates import nanoseconds, rfc3339
from .filters import has_label
from .flags import Options
from .go_values import Row, as_json
from .instants import instant
from .session import Exit, Screen, Session
from .template_run import render
from .templates import TemplateError, parse
from .units import UnitError

LOOK = SECOND  # how often it looks for more
ACTORS = ("container", "network", "volume", "service", "node", "secret", "config", "daemon", "plugin")
FILTERS = (*ACTORS, "event", "type", "scope", "label", "image")


def list_events(session: Session, options: Options, screen: Screen) -> None:
    for name, _ in options["filter"]:
        if name not in FILTERS:
            raise ApiError(f"invalid filter '{name}'")
    begun = session.now
    since = begun if (chosen := _time(options, "since", begun)) is None else chosen
    until = _time(options, "until", begun)
    template = _template(options["format"])
    while True:
        upto = session.now if until is None else min(until, session.now)
        for event in session.call(Events(since, upto)):
            if passes(event, options["filter"]):
                screen.say(_line(event, options["format"], template))
        if until is not None and until <= session.now:
            return
        since = upto + 1
        session.wait(min(LOOK, NEVER if until is None else until - session.now))


def _time(options: Options, flag: str, now: int) -> int | None:
    try:
        return instant(options[flag], now) if options[flag] else None
    except UnitError as fault:
        raise ApiError(fault.text) from None


def _template(format: str) -> Any:
    if not format or format == "json":
        return None
    try:
        return parse(format)
    except TemplateError as fault:
        raise Exit(f"Error parsing format: {fault}", 64) from None


def _line(event: Event, format: str, template: Any) -> str:
    if format == "json":
        return as_json(message(event))
    if template is not None:
        try:
            return render(template, Row("*events.Message", message(event)))
        except TemplateError as fault:
            raise Exit(str(fault)) from None
    pairs = ", ".join(f"{name}={value}" for name, value in sorted(event.attributes.items()))
    return f"{rfc3339(event.time, fixed=True)} {event.kind} {event.action} {event.id}" + (
        f" ({pairs})" if pairs else ""
    )


def message(event: Event) -> dict:
    """The event as the Engine API sends it."""
    old = {"status": event.action, "id": event.id}
    if event.kind == "container":
        old["from"] = event.attributes.get("image", "")
    actor = {"ID": event.id, "Attributes": dict(sorted(event.attributes.items()))}
    stamp = nanoseconds(event.time)
    return {
        **(old if event.kind in ("container", "image") else {}),
        "Type": event.kind,
        "Action": event.action,
        "Actor": actor,
        "scope": event.scope,
        "time": stamp // 10**9,
        "timeNano": stamp,
    }


def passes(event: Event, filters: Any) -> bool:
    """One value of each filter is enough, but of labels all must be there."""
    wanted: dict[str, list[str]] = {}
    for name, value in filters:
        wanted.setdefault(name, []).append(value)
    return all(_matches(event, name, values) for name, values in wanted.items())


def _matches(event: Event, name: str, values: list[str]) -> bool:
    attributes: Mapping[str, str] = event.attributes
    match name:
        case "event":
            return event.action in values
        case "type":
            return event.kind in values
        case "scope":
            return event.scope in values
        case "label":
            return all(has_label(attributes, value) for value in values)
        case "image":
            names = [event.id, attributes.get("name", "")] if event.kind == "image" else [attributes.get("image", "")]
            return any(each == value or each.partition(":")[0] == value for each in names for value in values)
    called = attributes.get("name", "")  # else the name of a kind of thing
    return event.kind == name and any(called == value or event.id.startswith(value) for value in values)


RUN = {"events": list_events}
