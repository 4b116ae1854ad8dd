"""The door of the Engine API: who may come in, which version is spoken, and what an answer looks like on the wire.

A web page must not drive a cluster: what names another host, or comes from a page, is turned away before it is read.
Source: moby `api/server/middleware/version.go`, `api/server/httputils`; headers as recorded from a real engine.
"""

import json
import re
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, unquote

from ...objects import ApiError, Description
from ..units import quote
from .asked import Answer, Asked, Refusal, status_of

VERSION, OLDEST = "1.47", "1.24"
HOSTS = ("localhost", "127.0.0.1", "[::1]")
SOCKET_HOSTS = ("", "docker", "api.moby.localhost", "dummy")  # what clients call a socket, which has no host
ALWAYS = (
    ("Api-Version", VERSION),
    ("Docker-Experimental", "false"),
    ("Ostype", "linux"),
    ("Server", f"Docker/{Description().engine_version} (linux)"),
)
JSON = ("Content-Type", "application/json")
PLAIN = ("Content-Type", "text/plain; charset=utf-8")
UNCACHED = (("Cache-Control", "no-cache, no-store, must-revalidate"), ("Pragma", "no-cache"))
PREFIX = re.compile(r"/v([0-9.]+)(/.*)")


def asked(method: str, target: str, headers: Mapping[str, str], body: bytes, is_socket: bool) -> Asked:
    """What a request asks, if it may. The names of headers are in lower case. Raises `Refusal`."""
    admit(headers, is_socket)
    text, _, query = target.partition("?")
    if not text.startswith("/"):
        raise Refusal(400, f"invalid URI for request {quote(target)}")
    path = unquote(_checked(text))
    prefix = PREFIX.fullmatch(path)
    version = prefix[1] if prefix else VERSION
    path = prefix[2] if prefix else path
    spoken(version)
    return Asked(method, path, version, {}, _query(query), headers, body)


def admit(headers: Mapping[str, str], is_socket: bool) -> None:
    """Turns away what a web page sends, and what was meant for another host. Raises `Refusal`."""
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        raise Refusal(403, "a web page may not drive this cluster")
    given = headers.get("host", "")
    host = re.sub(r":[0-9]*$", "", given).lower()
    if host not in HOSTS and not (is_socket and (host in SOCKET_HOSTS or host.startswith(("/", "%2f")))):
        raise Refusal(403, f"this address answers for localhost, not for {quote(given)}")


def spoken(version: str) -> None:
    """Raises `Refusal` for a version that this engine does not speak."""
    if _parts(version) < _parts(OLDEST):
        advice = f"Minimum supported API version is {OLDEST}, please upgrade your client to a newer version"
        raise Refusal(400, f"client version {version} is too old. {advice}")
    if _parts(version) > _parts(VERSION):
        raise Refusal(400, f"client version {version} is too new. Maximum supported API version is {VERSION}")


def _parts(version: str) -> list[int]:
    """1.24 → [1, 24]; what is no number is nothing, and noughts at the end do not count."""
    parts = [int(part[:18] or "0") for part in version.split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _checked(text: str) -> str:
    """Raises `Refusal`, as Go's parser does, for a % that begins no byte."""
    wrong = re.search(r"%(?![0-9a-fA-F]{2}).{0,2}", text)
    if wrong:
        raise Refusal(400, f"invalid URL escape {quote(wrong[0])}")
    return text


def _query(text: str) -> dict[str, str]:
    """The first value of each, as Go takes it."""
    if ";" in text:
        raise Refusal(400, "invalid semicolon separator in query")
    pairs = parse_qsl(_checked(text), keep_blank_values=True, errors="replace")
    return dict(reversed(pairs))


# ── what goes back ───────────────────────────────────────────────────────────────────────────────────────────────────


def ping(method: str) -> Answer:
    """`GET` and `HEAD /_ping`: the first thing that every command sends."""
    return Answer(200, b"OK" if method == "GET" else b"", (*UNCACHED, PLAIN))


def error(fault: Exception) -> Answer:
    """A refusal as clients read it: the content type is compared as it is, to the letter."""
    if isinstance(fault, Refusal):
        return Answer(fault.status, {"message": fault.message})
    assert isinstance(fault, ApiError)
    return Answer(status_of(fault.text), {"message": fault.text})


def headers_of(given: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Those of an answer, and those of all answers."""
    return [*ALWAYS, ("Date", formatdate(usegmt=True)), *given]


def wire(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body. An answer with no body has no content type; one of status 204 has no length either."""
    body, own = answer.body, list(answer.headers)
    if body is not None and not isinstance(body, bytes):
        body = written(body)
        own += [] if any(name.lower() == "content-type" for name, _ in own) else [JSON]
    if answer.status not in (204, 304):
        own.append(("Content-Length", str(len(body or b""))))
    return answer.status, headers_of(tuple(own)), body or b""


ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def written(value: Any) -> bytes:
    """A value as Go writes it: no spaces, one line. Thousands of objects at once would have Python look through the whole
    simulation for what is garbage, which takes seconds; so an iterator is written member by member."""
    text = f"[{','.join(map(ENCODER.encode, value))}]" if isinstance(value, Iterator) else ENCODER.encode(value)
    return (text + "\n").encode("utf-8", "replace")
