"""`docker secret …` and `docker config …`: contents that containers get as files. A secret's never comes back.

Source: docs.docker.com, "Manage sensitive data with Docker secrets", "Store configuration data using Docker Configs";
texts as recorded from Docker 28.2.2.
"""

from functools import partial

from ..messages import CreateObject, ListObjects, RemoveObject
from ..objects import ConfigSpec, SecretSpec
from .ask import mapping
from .filters import FILE_TESTS, matching
from .flags import Options
from .services import remove_each
from .session import Exit, Screen, Session, read_file
from .tables import Layout, ago, natural, show
from .units import quote

SPECS = {"secret": SecretSpec, "config": ConfigSpec}
LIMITS = {"secret": 500 * 1024, "config": 1000 * 1024}  # the client stops reading at twice as much

_HEADERS = {"ID": "ID", "Name": "NAME", "CreatedAt": "CREATED", "UpdatedAt": "UPDATED", "Labels": "LABELS"}
_TIMES = "{{.CreatedAt}}\t{{.UpdatedAt}}"
LAYOUTS = {
    "secret": Layout(
        {**_HEADERS, "Driver": "DRIVER"}, "{{.ID}}\t{{.Name}}\t{{.Driver}}\t" + _TIMES, "secret.secretContext"
    ),
    "config": Layout(_HEADERS, "{{.ID}}\t{{.Name}}\t" + _TIMES, "config.configContext"),
}


def create(kind: str, session: Session, options: Options, screen: Screen) -> None:
    name, *rest = options.words
    try:
        data = _content(session, kind, rest[0] if rest else "")
    except Exit as fault:
        if kind == "secret":
            raise
        raise Exit(f"Error reading content from {quote(rest[0])}: {fault.text}") from None
    spec = SPECS[kind](name, mapping(options["label"]), data, options["template-driver"])
    screen.say(session.call(CreateObject(spec)))


def _content(session: Session, kind: str, path: str) -> bytes:
    """The content of a file, or of the standard input for `-`. Raises `Exit`."""
    if not path:
        raise Exit(f"{kind} file is required")
    where = "STDIN" if path == "-" else path
    try:
        data = read_file(session, path)[: 2 * LIMITS[kind]]
    except OSError as fault:
        data = b""
        if path != "-":
            reason = (fault.strerror or "no such file or directory").lower()
            verb = "read" if isinstance(fault, IsADirectoryError) else "open"
            raise Exit(f"error reading from {path}: {verb} {path}: {reason}") from None
    if not data:
        raise Exit(f"error reading from {where}: data is empty")
    return data


def list_all(kind: str, session: Session, options: Options, screen: Screen) -> None:
    files = matching(session.call(ListObjects(kind)), options["filter"], FILE_TESTS)
    rows = [
        {
            "ID": file.id,
            "Name": file.spec.name,
            "Driver": "",
            "CreatedAt": f"{ago(session.now - file.created_at)} ago",
            "UpdatedAt": f"{ago(session.now - file.updated_at)} ago",
            "Labels": ",".join(f"{name}={value}" for name, value in file.spec.labels.items()),
        }
        for file in sorted(files, key=lambda file: natural(file.spec.name))
    ]
    show(screen, LAYOUTS[kind], rows, options["format"], options["quiet"])


def remove(kind: str, session: Session, options: Options, screen: Screen) -> None:
    remove_each(session, screen, [RemoveObject(kind, ref) for ref in options.words])


RUN = {
    f"{kind} {name}": partial(run, kind)
    for kind in SPECS
    for name, run in (("create", create), ("ls", list_all), ("rm", remove))
}
