"""`docker inspect …` and its sisters: one object as JSON, as a template wants it, or for people to read (`--pretty`).

A template sees the object with Go's types first; where that fails it sees the plain JSON, as Docker's client does.
Source: docs.docker.com, `docker inspect`; texts as recorded from Docker 28.2.2.
"""

# Simpler than in reality (docs/simplifications.md): made-up

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ..messages import GetObject, Info, ListObjects
from ..objects import ApiError, Node, Service
from . import api_json, inspect_here, pretty
from .api_json import Object
from .flags import Options
from .go_values import Typed
from .session import Exit, Screen, Session
from .template_run import render
from .templates import TemplateError, parse

Getter = Callable[[str], Object]  # raises ApiError for what the engine says, Exit for what the client says


def show(screen: Screen, refs: Iterable[str], format: str, get: Getter) -> None:
    """Print what is found, then say what is missing. Raises Exit."""
    found: list[Object] = []
    template = _template(format)
    printed, errors = [], []
    for ref in refs:
        try:
            one = get(ref)
            found.append(one)
            if template is not None:
                printed.append(filled_in(template, one) + "\n")
        except (ApiError, Exit) as refusal:
            errors.append(_said(refusal))
        except TemplateError as fault:
            errors.append(f"template parsing error: {fault}")
    screen.out.append("".join(printed) or "\n" if template is not None else _as_list(found, format))
    if errors:
        raise Exit("\n".join(errors))


def _template(format: str) -> tuple | None:
    """None where JSON is wanted."""
    try:
        return None if format in ("", "json") else parse(format)
    except TemplateError as fault:
        raise Exit(f"template parsing error: {fault}", 64) from None


def filled_in(template: tuple, one: Object) -> str:
    """One object through a template. Raises TemplateError."""
    try:
        return render(template, Typed(one.type, one.values))
    except TemplateError:
        return render(template, one.json())


def _said(refusal: ApiError | Exit) -> str:
    return refusal.text if isinstance(refusal, Exit) else f"Error response from daemon: {refusal.text}"


def _as_list(found: list[Object], format: str) -> str:
    shown = [one.json() for one in found]
    if format == "json":
        return json.dumps(shown, separators=(",", ":"), ensure_ascii=False) + "\n"
    return json.dumps(shown, indent=4, ensure_ascii=False) + "\n"


# ── one object of each kind ──────────────────────────────────────────────────────────────────────────────────────


def _node(session: Session, ref: str) -> Object:
    return api_json.node(session.call(GetObject("node", ref)))


def _node_or_self(session: Session, ref: str) -> Object:
    return _node(session, _own_node(session) if ref == "self" else ref)


def _own_node(session: Session) -> str:
    """The id of this machine's node; one that is none says why, as for any question about the swarm."""
    id = session.call(Info()).node
    if not id:
        session.call(ListObjects("node"))
    return id


def _service(session: Session, ref: str) -> Object:
    return api_json.service(session.call(GetObject("service", ref)), insert_defaults=True)


def _known_service(session: Session, ref: str) -> Object:
    try:
        return _service(session, ref)
    except ApiError as refusal:
        if is_missing(refusal):
            raise Exit(f"Error: no such service: {ref}") from None
        raise


def _task(session: Session, ref: str) -> Object:
    task = session.call(GetObject("task", ref))
    networks = {network.id: network for network in session.call(ListObjects("network"))}
    services = {service.id: service for service in session.call(ListObjects("service"))}
    return api_json.task(task, networks, task.service in services and services[task.service].is_job)


def _secret(session: Session, ref: str) -> Object:
    return api_json.secret(session.call(GetObject("secret", ref)))


def _config(session: Session, ref: str) -> Object:
    return api_json.config(session.call(GetObject("config", ref)))


def _plugin(session: Session, ref: str) -> Object:
    raise ApiError(f'plugin "{ref}" not found')


KINDS: dict[str, Callable[[Session, str], Object]] = {  # in the order in which `docker inspect` tries them
    "container": inspect_here.container,
    "image": inspect_here.image,
    "network": inspect_here.network,
    "volume": inspect_here.volume,
    "service": _service,
    "task": _task,
    "node": _node,
    "plugin": _plugin,
    "secret": _secret,
    "config": _config,
}
OF_THE_SWARM = ("service", "task", "node", "secret", "config")


def is_missing(refusal: ApiError) -> bool:
    """Whether the engine says that there is no such thing."""
    text = refusal.text.lower()
    return text.endswith(("not found", "no such volume")) or text.startswith("no such") or "reference format" in text


def _anything(session: Session, ref: str) -> Object:
    """The first kind of thing that has this name or id."""
    manages = session.call(Info()).manager
    for kind, get in KINDS.items():
        if kind in OF_THE_SWARM and not manages:
            continue
        try:
            return get(session, ref)
        except ApiError as refusal:
            if not is_missing(refusal):
                raise
    raise Exit(f"Error: No such object: {ref}")


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────


def inspect(session: Session, options: Options, screen: Screen) -> None:
    """`docker inspect`: whatever has this name."""
    kind = options["type"]
    if kind and kind not in KINDS:
        known = '", "'.join(sorted(KINDS))
        raise Exit(f'unknown type: "{kind}": must be one of "{known}"')
    if not kind and "type" in options.given:
        known = '", "'.join(sorted(KINDS))
        raise Exit(f'type is empty: must be one of "{known}"')
    get = KINDS[kind] if kind else _anything
    show(screen, options.words, options["format"], partial(get, session))


def inspect_nodes(session: Session, options: Options, screen: Screen) -> None:
    _show_or_pretty(session, options, screen, _node_or_self, _pretty_node)


def inspect_services(session: Session, options: Options, screen: Screen) -> None:
    _show_or_pretty(session, options, screen, _known_service, _pretty_service)


def inspect_secrets(session: Session, options: Options, screen: Screen) -> None:
    _show_or_pretty(
        session, options, screen, _secret, lambda session, ref: pretty.secret(_stored(session, "secret", ref))
    )


def inspect_configs(session: Session, options: Options, screen: Screen) -> None:
    _show_or_pretty(
        session, options, screen, _config, lambda session, ref: pretty.config(_stored(session, "config", ref))
    )


def inspect_networks(session: Session, options: Options, screen: Screen) -> None:
    get = partial(inspect_here.network, session, verbose=options["verbose"])
    show(screen, options.words, options["format"], get)


def inspect_containers(session: Session, options: Options, screen: Screen) -> None:
    show(screen, options.words, options["format"], partial(inspect_here.container, session))


def inspect_images(session: Session, options: Options, screen: Screen) -> None:
    show(screen, options.words, options["format"], partial(inspect_here.image, session))


def inspect_volumes(session: Session, options: Options, screen: Screen) -> None:
    show(screen, options.words, options["format"], partial(inspect_here.volume, session))


def _show_or_pretty(
    session: Session,
    options: Options,
    screen: Screen,
    get: Callable[[Session, str], Object],
    pretty_one: Callable[[Session, str], str],
) -> None:
    if not options["pretty"]:
        show(screen, options.words, options["format"], partial(get, session))
        return
    if options["format"]:
        raise Exit("--format is incompatible with human friendly format")
    for ref in options.words:
        try:
            screen.say(pretty_one(session, ref))
        except ApiError as refusal:
            raise Exit(_said(refusal)) from None


def _stored(session: Session, kind: str, ref: str) -> Any:
    return session.call(GetObject(kind, ref))


def _pretty_node(session: Session, ref: str) -> str:
    node: Node = session.call(GetObject("node", _own_node(session) if ref == "self" else ref))
    return pretty.node(node)


def _pretty_service(session: Session, ref: str) -> str:
    try:
        service: Service = session.call(GetObject("service", ref))
    except ApiError as refusal:
        raise Exit(f"Error: no such service: {ref}" if is_missing(refusal) else _said(refusal)) from None
    names = {network.id: network.spec.name for network in session.call(ListObjects("network"))}
    return pretty.service(service, names, session.now)


RUN = {
    "config inspect": inspect_configs,
    "container inspect": inspect_containers,
    "image inspect": inspect_images,
    "inspect": inspect,
    "network inspect": inspect_networks,
    "node inspect": inspect_nodes,
    "secret inspect": inspect_secrets,
    "service inspect": inspect_services,
    "volume inspect": inspect_volumes,
}
