"""What the pretend images do: the table of `data/images.yml`, and the words of `data/names.yml`.

An image that the table does not name behaves like a plain server, so any stack file runs. Source for references and
their defaults: Docker documentation, "docker image pull" and "distribution reference".
"""

# Simpler than in reality (docs/simplifications.md): pretended, platforms

import re
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from ..effects import MS, NEVER, SECOND
from ..objects import HealthConfig

MEGABYTE = 1_000_000


STARTS, WELL, UNWELL, HANGS = (
    "connection refused",
    "well",
    "unwell",
    "hangs",
)  # how an application is, as its checks see it


class Sick(NamedTuple):
    """When an application is unwell, though its process runs. All times in µs."""

    after: int  # since its start
    lasts: int = NEVER
    every: int = 0  # again and again so long after the last time began; 0: once
    hangs: bool = False  # it answers nobody, instead of telling everybody that it is unwell


class Group(NamedTuple):
    """How an application needs others of its kind. Times in µs."""

    name: str
    members: tuple[str, ...]  # their host names; () where a name of the network stands for all
    port: int
    over: str = ""  # they speak over networks whose names end so
    tick: int = 15 * SECOND  # between two hellos
    lost: int = 60 * SECOND  # a member that is silent for so long is missed
    least: int = 1  # of them, itself included, it must see
    answers: bool = False  # it says 503 while it sees fewer; else it refuses
    elects: bool = False  # they have a master, and environment variables as Elasticsearch has them


class Image(NamedTuple):
    """What one image weighs and how its process behaves."""

    repository: str
    size: int  # bytes, compressed, as they travel
    start: int  # µs from start to listening
    answer: int  # µs of work per request, on average
    fixed: bool  # every request takes exactly `answer`, instead of an exponential time
    stop: int | None  # µs from the stop signal to the exit; None: it ignores the signal
    stop_code: int  # its exit code then
    exits: tuple[int, int] | None  # (µs after the start, exit code) of its own command; None: it runs for ever
    entrypoint: str
    command: str
    platforms: tuple[tuple[str, str], ...] = ()  # (os, architecture) that it is built for
    says: str = ""  # the line that it prints on stdout when it starts
    warns: str = ""  # and the one before it on stderr
    port: int = 80  # where it listens
    access: str = ""  # what it prints for every request
    probe: int = 30 * MS  # µs that a health check of it takes
    well: int = 0  # µs from the start until it listens
    sick: Sick | None = None
    check: HealthConfig | None = None  # its own health check
    workers: int = 0  # requests that it works on at once; 0: any number
    limit: int = 0  # requests that may be in it, others are turned away; 0: any number
    needs: str = ""  # the service without which its health checks fail
    reads: str = ""  # the file with its settings
    login: str = ""  # the service that it logs in to
    admits: bool = False  # it lets in whoever has a password of its secrets
    calls: str = ""  # the service that it asks before it answers, as rabbit:5672
    patience: int = 3 * SECOND  # for that one
    forwards: str = ""  # the config file by which it passes requests on
    group: Group | None = None
    keeps: str = ""  # the folder in which a message lies for each request
    collects: str = ""  # it takes lines of logging drivers, and passes them on to this service
    measures: str = ""  # it measures its machine, for this service
    memory: int = 0  # bytes
    listens: tuple[int, ...] = ()  # on these ports; () for any


# ── references ───────────────────────────────────────────────────────────────────────────────────────────────────


def split(reference: str) -> tuple[str, str]:
    """Repository and tag in their short form: `docker.io/library/redis@sha256:…` is `redis`, `latest`.

    >>> split("docker.io/library/redis")
    ('redis', 'latest')
    >>> split("registry.example.org:5000/shop/web:2")
    ('registry.example.org:5000/shop/web', '2')
    """
    name = reference.partition("@")[0].removeprefix("docker.io/").removeprefix("library/")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return head + slash + last, tag or "latest"


def full(reference: str) -> str:
    """The reference as the engine keeps it: short, and with its tag."""
    return ":".join(split(reference))


def image_id(reference: str) -> str:
    """The 64 hexadecimal digits by which an engine knows it: here computed from its name alone."""
    return sha256(f"image {full(reference)}".encode()).hexdigest()


VERSION = re.compile(r"v?\d")  # how the tag of a release begins: 1.27, 7-alpine, v3.0

# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────


def find(reference: str) -> Image | None:
    """The image of that name, or None where no registry has it."""
    repository, tag = split(reference)
    row = dict(_rows("images.yml").get(repository, {}))
    return _image(repository, tag) if _has_tag(row, tag) and not row.get("missing") else None


def _has_tag(row: dict, tag: str) -> bool:
    named = tag in row.get("tags", {})
    if row.get("versions"):
        return named or tag == "latest" or bool(VERSION.match(tag))
    return named or not row.get("strict")


def refusal(reference: str) -> str:
    """Why a pull of something that `find` does not find fails, as `docker pull` says it."""
    repository, tag = split(reference)
    if _rows("images.yml").get(repository, {}).get("missing"):
        return (
            f"pull access denied for {repository}, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied"
        )
    return f"manifest for {repository}:{tag} not found: manifest unknown: manifest unknown"


@cache
def _image(repository: str, tag: str) -> Image:
    table = _rows("images.yml")
    row = {**table["default"], **table.get(repository, {})}
    row |= row.get("tags", {}).get(tag) or {}
    ends, stop = row["exits"], row["stop"]
    return Image(
        repository,
        size=round(row["size"] * MEGABYTE),
        start=round(row["start"] * SECOND),
        answer=round(row["answer"] * MS),
        fixed=row["fixed"],
        stop=None if stop == "never" else round(stop * SECOND),
        stop_code=row["stop_code"],
        exits=ends and (round(ends["after"] * SECOND), ends["code"]),
        entrypoint=row["entrypoint"],
        command=row["command"],
        platforms=tuple(tuple(one.split("/")) for one in row["platforms"].split()),
        says=row["says"],
        warns=row["warns"],
        port=row["port"],
        access=row["access"],
        probe=round(row["probe"] * MS),
        well=round(row["well"] * SECOND),
        sick=_sick(row["sick"]),
        check=_check(row["healthcheck"]),
        workers=row["workers"] or 0,
        limit=row["limit"] or 0,
        needs=row["needs"],
        reads=row["reads"],
        login=row["login"],
        admits=row["admits"],
        calls=row["calls"],
        patience=round(row["patience"] * SECOND),
        forwards=row["forwards"],
        group=_group(row["group"]),
        keeps=row["keeps"],
        collects=row["collects"],
        measures=row["measures"],
        memory=round(row["memory"] * MEGABYTE),
        listens=tuple(map(int, str(row["listens"]).split())),
    )


def _group(row: dict | None) -> Group | None:
    if row is None:
        return None
    times = {name: round(row[name] * SECOND) for name in ("tick", "lost")}
    return Group(**{**row, **times, "members": tuple(row["members"].split())})


def _sick(row: dict | None) -> Sick | None:
    if row is None:
        return None
    lasts = round(row["lasts"] * SECOND) if "lasts" in row else NEVER
    return Sick(round(row["after"] * SECOND), lasts, round(row.get("every", 0) * SECOND), row.get("hangs", False))


def _check(row: dict | None) -> HealthConfig | None:
    """What an image says of its own health check; what the check asks is the application."""
    if row is None:
        return None
    times = {
        name: round(row.get(name, 0) * SECOND) for name in ("interval", "timeout", "start_period", "start_interval")
    }
    return HealthConfig(("CMD", "healthcheck"), retries=row.get("retries", 0), **times)


@cache
def _rows(name: str) -> dict:
    from importlib.resources import files

    import yaml  # at first use: `import swarmlab` stays light

    return yaml.safe_load((files("swarmlab") / "data" / name).read_text(encoding="utf-8"))


# ── how an application is ────────────────────────────────────────────────────────────────────────────────────────


def mood(image: Image, age: int) -> str:
    """How an application of such an image is, so long (µs) after its start, if nobody has done anything to it."""
    if age < image.well:
        return STARTS
    sick = image.sick
    if sick is None or age < sick.after:
        return WELL
    since = age - sick.after
    ill = (since % sick.every if sick.every else since) < sick.lasts
    return (HANGS if sick.hangs else UNWELL) if ill else WELL


def next_turn(image: Image, age: int) -> int:
    """At which age above this it is next otherwise; NEVER for never."""
    sick = image.sick
    turns = [image.well] if image.well else []
    if sick:
        rounds = max(0, age - sick.after) // sick.every if sick.every else 0
        begun = sick.after + rounds * sick.every
        turns += [begun, begun + sick.lasts, *([begun + sick.every] if sick.every else [])]
    return min((turn for turn in turns if age < turn < NEVER), default=NEVER)


# ── what a container does with its arguments ─────────────────────────────────────────────────────────────────────

SLEEP = re.compile(r"sleep (\d+(?:\.\d+)?)s?(?: *(?:;|&&) *exit (\d+))?")
CRASH = re.compile(r"crash (\d+(?:\.\d+)?) (\d+)")
EXIT = re.compile(r"exit (\d+)")
TRAP = re.compile(r"""trap ["']exit (\d+)["'] (?:SIG)?TERM\b""")


def lifetime(image: Image, args: tuple[str, ...]) -> tuple[int, int] | None:
    """When the process ends by itself: (µs after the start, exit code), or None for never.

    `sleep 5` and `sh -c "sleep 5; exit 3"` do what they say, `crash 5 3` is short for the latter; `true`, `false`,
    `exit 3` and `echo hello` end at once. Any other arguments are a server that runs for ever, as the engine cannot
    know better.
    """
    if not args:
        return image.exits
    line = _line(args)
    if found := SLEEP.fullmatch(line) or CRASH.fullmatch(line):
        return round(float(found[1]) * SECOND), int(found[2] or 0)
    if line.split()[:1] == ["echo"] or line in ("true", "exit"):
        return 0, 0
    if line == "false":
        return 0, 1
    return (0, int(found[1]) % 256) if (found := EXIT.fullmatch(line)) else None


def stopping(image: Image, args: tuple[str, ...]) -> tuple[int, int] | None:
    """What the process does when it is asked to stop: (µs until it ends, exit code), or None: nothing.

    A shell that waits for the end of a `sleep 1` before it heeds its trap takes half a second on average.
    """
    found = TRAP.search(_line(args))
    if found:
        return SECOND // 2, int(found[1]) % 256
    return None if image.stop is None else (image.stop, image.stop_code)


def small_command(args: tuple[str, ...]) -> str:
    """The arguments as one line if they are one of those small commands, else ''."""
    line = _line(args)
    small = line.partition(" ")[0].partition(";")[0] in ("sleep", "crash", "exit", "echo", "true", "false")
    return line if small else ""


def _line(args: tuple[str, ...]) -> str:
    return " ".join(args).removeprefix("/bin/").removeprefix("sh -c ").strip()


def command_line(image: Image, args: tuple[str, ...]) -> str:
    """What `docker ps` shows under COMMAND, before it is cut: a word with a blank in it is quoted."""
    words = " ".join(f"'{word}'" if " " in word else word for word in args)
    return f"{image.entrypoint} {words or image.command}".strip()


def words(line: str) -> list[str]:
    """The words of a command line.

    >>> words("sh -c 'echo hello'")
    ['sh', '-c', 'echo hello']
    """
    return [quoted or plain for quoted, plain in re.findall(r"'([^']*)'|(\S+)", line)]


# ── names for containers that nobody named ───────────────────────────────────────────────────────────────────────


@cache
def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The adjectives and the surnames of which Docker's random names are made."""
    words = _rows("names.yml")
    return tuple(words["adjectives"].split()), tuple(words["surnames"].split())
