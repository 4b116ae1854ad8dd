"""What a request asks and what an endpoint gives back: the small vocabulary of all endpoints.

Source: Docker Engine API v1.47; moby `api/server/httputils` (flags, numbers, bodies), `api/types/filters` (both forms),
`api/server/httpstatus` (which error has which status).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..units import quote
from .gojson import Invalid, loads


class Asked(NamedTuple):
    """One request, as an endpoint sees it."""

    method: str
    path: str  # without /v1.NN
    version: str = "1.47"  # what the client speaks
    names: Mapping[str, str] = {}  # what the template of the route names: {ref}
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}  # names in lower case
    body: bytes = b""


class Answer(NamedTuple):
    """The whole of it at once. A dictionary, list or text becomes JSON and a line's end, an iterator a list whose members
    never are in memory together; bytes go as they are."""

    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


class Streamed(NamedTuple):
    """Piece after piece. The iterator may wait in between; it is closed when the client has gone away."""

    pieces: Iterator[bytes]
    headers: tuple[tuple[str, str], ...] = ()


class Hijacked(NamedTuple):
    """The connection itself becomes the stream: 101 UPGRADED for those who asked for it, otherwise a 200."""

    pieces: Iterator[bytes]
    content_type: str = "application/vnd.docker.raw-stream"


class Refusal(Exception):
    """An error whose status is known."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status, self.message = status, message


# ── what was asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def flag(asked: Asked, name: str, default: bool = False) -> bool:
    """`?all=1`, `?all=true`: everything but nothing, 0, no, false and none."""
    if name not in asked.query:
        return default
    return asked.query[name].strip().lower() not in ("", "0", "no", "false", "none")


def number(asked: Asked, name: str, default: int = 0) -> int:
    """`?limit=5`. Raises `Refusal` with the words of Go's parser."""
    text = asked.query.get(name, "")
    return whole(text) if text else default


def whole(text: str, unsigned: bool = False) -> int:
    """A decimal of 64 bits. Raises `Refusal` with the words of Go's parser."""
    function = "ParseUint" if unsigned else "ParseInt"
    if not re.fullmatch(r"[0-9]+" if unsigned else r"[+-]?[0-9]+", text):
        raise Refusal(400, f"strconv.{function}: parsing {quote(text)}: invalid syntax")
    low, high = (0, 2**64) if unsigned else (-(2**63), 2**63)
    if len(text) > 25 or not low <= int(text) < high:
        raise Refusal(400, f"strconv.{function}: parsing {quote(text)}: value out of range")
    return int(text)


def version_of(asked: Asked, kind: str) -> int:
    """`?version=N` of an update: the version of the object that the client has read."""
    text = asked.query.get("version", "")
    try:
        return whole(text, unsigned=True)
    except Refusal as refusal:
        raise Refusal(400, f"invalid {kind} version '{text}': {refusal.message}") from None


def json_of(asked: Asked, go_type: str = "", needed: bool = True) -> dict[str, Any]:
    """The object in the body; `null`, and no body where none is needed, is an empty one. Raises `Refusal` in Go's words."""
    if not asked.body.strip() and not needed:
        return {}
    media = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in ("", "application/json"):
        given = asked.headers["content-type"]
        raise Refusal(400, f"unsupported Content-Type header ({given}): must be 'application/json'")
    try:
        value = loads(asked.body)
    except Invalid as fault:
        raise Refusal(400, str(fault)) from None
    if value is not None and not isinstance(value, dict):
        raise Refusal(400, f"json: cannot unmarshal {kind_of(value)} into Go value of type {go_type or 'map'}")
    return value or {}


def kind_of(value: Any) -> str:
    """What Go's parser calls a JSON value."""
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def filters_of(asked: Asked) -> dict[str, list[str]]:
    """`?filters=`: `{"name":{"web":true}}` as the command line sends it, or `{"name":["web"]}` as libraries do."""
    text = asked.query.get("filters", "")
    if not text:
        return {}
    try:
        value = loads(text.encode("utf-8", "replace"))
    except Invalid:
        value = ""
    if not isinstance(value, dict | None) or not all(map(_is_filter, (value or {}).values())):
        raise Refusal(400, "invalid filter")
    return {name: list(values or ()) for name, values in (value or {}).items()}


def _is_filter(values: Any) -> bool:
    """The values of one filter, of either form; one that is set to false counts too, as in Docker."""
    if isinstance(values, dict):
        return all(isinstance(on, bool | None) for on in values.values())
    return values is None or (isinstance(values, list) and all(isinstance(value, str) for value in values))


# ── how a refusal goes back ──────────────────────────────────────────────────────────────────────────────────────────

RPC = re.compile(r"rpc error: code = (\w+) desc = ")
RPC_STATUS = {
    "InvalidArgument": 400,
    "FailedPrecondition": 400,
    "OutOfRange": 400,
    "PermissionDenied": 403,
    "NotFound": 404,
    "AlreadyExists": 409,
    "Unimplemented": 501,
    "Unavailable": 503,
}
STATUS = (  # of the errors that the engine itself has words for; what is not here is a person's mistake
    (503, r"This node is |You are attempting to leave|Swarm is encrypted|Timeout was reached before node joined"),
    (401, r"swarm could not be unlocked: invalid key provided$"),
    (500, r"invalid name: $|invalid join token|remote CA does not match fingerprint|.*swarm does not have a leader"),
    (
        403,
        r"Cannot create a multi-host network|The network .* cannot be used with services|.*operation is not permitted on|"
        r".*is a pre-defined network|.*has active endpoints",
    ),
    (404, r".* not found$|[Nn]o such |.*: no such |.*: No such |manifest unknown"),
    (409, r".*already exists|.*is already in use|.*in use|.*is not running|You cannot remove a|conflict: "),
    (409, r".*is paused|swarm is not locked$"),
)


def status_of(text: str) -> int:
    """The status of an error, by its words: docker-py tells errors apart by it."""
    rpc = RPC.search(text)
    if rpc:
        return RPC_STATUS.get(rpc[1], 500)
    return next((status for status, pattern in STATUS if re.match(pattern, text)), 400)
