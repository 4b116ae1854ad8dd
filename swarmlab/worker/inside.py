"""The secrets and configs that a task's container gets as files: where, whose, with what in them.

A secret is a file under `/run/secrets` unless its target is an absolute path, a config one under `/`. Secrets lie in
memory, and so does a config whose template has named a secret; other configs lie on the container's disk.
Source: moby `daemon/container_operations_unix.go` (setupSecretDir), `container/container_unix.go`; swarm.md §16.
"""

# Simpler than in reality (docs/simplifications.md): configs-on-disk

from collections.abc import Mapping

from ..messages import FileInside
from ..objects import Config, Description, FileReference, Secret, Task
from .expansion import fields
from .payload import Fault, filled
from .programs import Inside, absolute

# Engines since 18.09 keep configs in memory, too, as any of them may be a template; the documentation still says what
# is done here: "not encrypted at rest and mounted directly into the container's filesystem without RAM disks".


class Unready(Exception):
    """The container cannot be started: a file of it is not to be had. The text is the engine's."""


def files_inside(task: Task, known: Mapping[str, Secret | Config], node: Description) -> tuple[FileInside, ...]:
    """The files of this task's container; `known` is what the node has. Raises Unready."""
    spec = task.spec.container
    words = fields(task, node)
    return (
        *(_file("secret", one, task, known, words) for one in spec.secrets),
        *(_file("config", one, task, known, words) for one in spec.configs),
    )


def _file(kind: str, reference: FileReference, task: Task, known: Mapping, words: Mapping) -> FileInside:
    found = known.get(reference.id)
    where = f"unable to get {kind} from {kind} store"
    if found is None:
        raise Unready(f"{where}: {kind} {reference.id} not found")
    try:
        data, sensitive = _content(found, task, known, words)
    except Fault as fault:
        raise Unready(f"{where}: failed to expand templated {kind} {reference.id}: {fault}") from None
    for number in (reference.uid, reference.gid):
        if not number.isascii() or not number.isdigit():
            raise Unready(f'strconv.Atoi: parsing "{number}": invalid syntax')
    where = path(kind, reference.target)
    owner = reference.uid, reference.gid, reference.mode
    return FileInside(kind, reference.id, reference.name, where, data, *owner, kind == "secret" or sensitive)


def path(kind: str, target: str) -> str:
    """Where a container finds it.

    >>> path("secret", "db"), path("secret", "/etc//db"), path("config", "./site.conf")
    ('/run/secrets/db', '/etc/db', '/site.conf')
    """
    folder = "/run/secrets" if kind == "secret" else "/"
    return absolute(Inside({}, {}, "", folder=folder), target)


def _content(file: Secret | Config, task: Task, known: Mapping, words: Mapping) -> tuple[bytes, bool]:
    """What it holds for this task, and whether a secret is in it. Raises Fault."""
    if not file.spec.template:
        return file.spec.data, False
    if file.spec.template != "golang":
        raise Fault("unrecognized template type")
    values = _Values(task, known)
    functions = {"secret": values.secret, "config": values.config, "env": values.env}
    text = file.spec.data.decode("utf-8", "surrogateescape")
    return filled(text, words, functions).encode("utf-8", "surrogateescape"), values.sensitive


class _Values:
    """What `secret`, `config` and `env` in a template of this task stand for."""

    def __init__(self, task: Task, known: Mapping):
        self.spec, self.known, self.sensitive = task.spec.container, known, False

    def secret(self, target: str) -> str:
        self.sensitive = True
        return self._find("secret", self.spec.secrets, target)

    def config(self, target: str) -> str:
        return self._find("config", self.spec.configs, target)

    def env(self, name: str) -> str:
        pairs = (line.partition("=") for line in self.spec.env)
        return next((value for known, equals, value in pairs if known == name and equals), "")

    def _find(self, kind: str, references: tuple, target: str) -> str:
        for one in references:
            if one.target == target:
                if one.id not in self.known:
                    raise Fault(f"{kind} {one.id} not found")
                return self.known[one.id].spec.data.decode("utf-8", "surrogateescape")
        raise Fault(f"{kind} target {target} not found")
