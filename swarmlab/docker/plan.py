"""What a command would do, said before it is done: Docker has no such thing, and people ask for it since 2017.

The command is typed on a twin of the cluster. What it asks for is read off the twin's store: made, changed key by key,
removed, left over. Then the twin goes on until all is settled, and its trace says what becomes of the tasks. The
cluster itself is not touched.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..manager.tasks import is_dirty
from ..objects import RUNNING, Service, replace
from .commands import BY_NAME
from .flags import Bad, parse
from .forecast import Shelf
from .outlook import Capacity, Move, capacity, happenings, moves, wait, waiting, wanted
from .rollout import Begun, Rollout, begun, longest, rollout
from .session import Exit
from .spec_words import Difference, differences
from .tables import natural

KINDS = ("node", "network", "secret", "config", "service")
NAMESPACE = "com.docker.stack.namespace"


class Change(NamedTuple):
    """What becomes of one object. `verb`: create · change · keep · remove · left over (of the stack, but not in its
    file any more, and nobody prunes) · left alone (the file wants it otherwise, but no deploy changes it)."""

    verb: str
    kind: str
    name: str
    fields: tuple[Difference, ...] = ()
    restarts: int = 0  # tasks that the change replaces, or ends
    stays: int = 0  # tasks that it leaves alone

    @property
    def why(self) -> str:
        """Why tasks are replaced, or why not."""
        if self.verb == "left over":
            return "not in the file; --prune would remove it"
        if self.verb == "left alone":
            return "a deploy does not change what is there"
        if self.verb == "remove" and self.kind == "service":
            return f"{_many(self.restarts)} for good"
        if self.kind != "service" or self.verb not in ("change", "keep"):
            return ""
        if not self.restarts:
            return "no task is touched"
        paths = [field.path for field in self.fields if field.effect == "restart"]
        paths = paths or [field.path for field in self.fields if field.effect == "placement"]
        return (
            f"{self.restarts} of {_many(self.restarts + self.stays)} anew: {', '.join(paths) or 'out of date before'}"
        )


def _many(tasks: int) -> str:
    return "1 task" if tasks == 1 else f"{tasks} tasks"


class Plan(NamedTuple):
    """What `cluster.plan` returns."""

    command: str
    refused: str  # in Docker's words; '' when it would be carried out
    warnings: tuple[str, ...]  # what Docker says all the same
    changes: tuple[Change, ...]
    moves: tuple[Move, ...]
    capacity: tuple[Capacity, ...]
    settled: float | None  # s after the command, when the last task began or ended; None: it does not come to rest
    waiting: tuple[tuple[str, str], ...]  # tasks that find no place, and why
    updates: tuple[Rollout, ...] = ()  # the rolling updates and rollbacks that it leads to

    @property
    def update(self) -> Rollout:
        """The only update that it leads to. Raises ValueError when there is none, or more than one."""
        if len(self.updates) != 1:
            names = ", ".join(each.service for each in self.updates)
            raise ValueError(f"the plan updates {names}: see .updates" if names else "the plan updates no service")
        return self.updates[0]

    def change(self, name: str) -> Change:
        """What becomes of the object of this name. Raises ValueError when nothing does."""
        for change in self.changes:
            if change.name == name:
                return change
        raise ValueError(f"the plan says nothing of {name}")

    def __repr__(self) -> str:
        from .plan_text import text

        return text(self)

    def _repr_html_(self) -> str:
        from .plan_text import html

        return html(self)


def plan(
    cluster: Any,
    command: str,
    node: str | None = None,
    *,
    env: Mapping[str, str] | None = None,
    files: dict | None = None,
    limit: float | None = None,
) -> Plan:
    """What `docker COMMAND` would do now, and what would come of it within `limit` seconds."""
    twin = cluster.fork()
    before, ran, since, facts = _Look(twin.store), twin.running, twin.kernel.now, len(twin.trace.records)
    shelves = {name: _shelf(twin, name) for name in twin.machines if "executor" in twin.machines[name].seats}
    result = twin.docker(_detached(command), node, env=env, files=files, limit=LIMIT if limit is None else limit)
    after = _Look(twin.store)
    changes = _changes(before, after)
    changes += _left(twin, before, changes)
    starts = _updates(before, after)
    settled = wait(twin, LIMIT + sum(map(longest, starts)) if limit is None else limit)
    records = twin.trace.records[facts:]
    story = happenings(records, since, ran)
    touched = {task.service for task in story} | {change.name for change in changes if change.kind == "service"}
    errors, ends = result.stderr.splitlines(), wanted(twin.store)
    rollouts = (rollout(start, records, since, ran, story, shelves, twin) for start in starts)
    return Plan(
        command.removeprefix("docker "),
        result.stderr.strip() if result.exit_code else "",
        () if result.exit_code else tuple(line for line in errors if line and not line.startswith(NOTE)),
        tuple(sorted(changes, key=lambda change: (KINDS.index(change.kind), natural(change.name)))),
        moves(ran, twin.running, story),
        tuple(capacity(name, ran, story, ends.get(name, 0)) for name in sorted(touched, key=natural)),
        max((each.time for each in story), default=0.0) if settled else None,
        waiting(twin.store),
        tuple(each for each in rollouts if each),
    )


LIMIT = 300  # s that a twin goes on, and more for updates
NOTE = ("Since --detach=false", "In a future release")
ATTACHED = ("create", "update", "scale", "rollback")  # what waits until its service has settled: the twin waits anyway


def _detached(command: str) -> str:
    """The same command, which does not wait: what it changes is looked at before an update may take it back."""
    try:
        words = shlex.split(command.removeprefix("docker "))
    except ValueError:
        return command
    if words[:1] != ["service"] or words[1:2] not in [[name] for name in ATTACHED]:
        return command
    return shlex.join([*words[:2], "-d", *words[2:]])


def _shelf(cluster: Any, machine: str) -> Shelf:
    return Shelf(cluster.machines[machine].seats["executor"].core.shelf.images, cluster.computers[machine].bandwidth)


def _updates(before: "_Look", after: "_Look") -> list[Begun]:
    """The services that the command has written anew."""
    changed = [key for key, old in before.objects.items() if key[0] == "service" and key in after.objects]
    pairs = [(before.objects[key], after.objects[key]) for key in changed]
    return [begun(before, after.store, new) for old, new in pairs if _asked(old, new) and not new.is_job]


def _alive(store: Any) -> list:
    """The tasks that are to run. Those that hold an address for a plain container run nothing."""
    tasks = store.all("task") if store else ()
    return [task for task in tasks if task.desired <= RUNNING and not task.spec.attachment]


class _Look:
    """The objects at one instant. Stores are read once: they go on changing."""

    def __init__(self, store: Any):
        self.store = store
        self.objects = {(kind, each.id): each for kind in KINDS for each in store.all(kind)} if store else {}
        self.tasks = _alive(store)
        self.networks = {id: each.spec.name for (kind, id), each in self.objects.items() if kind == "network"}

    def spec(self, key: tuple[str, str]) -> Any:
        """As a person would write it: services name their networks."""
        spec = self.objects[key].spec
        if key[0] != "service":
            return spec
        named = tuple(replace(t, target=self.networks.get(t.target, t.target)) for t in spec.task.networks)
        return replace(spec, task=replace(spec.task, networks=named))


# ── what the command asks for ────────────────────────────────────────────────────────────────────────────────────


def _changes(before: _Look, after: _Look) -> list[Change]:
    found = []
    for key, old in before.objects.items():
        new = after.objects.get(key)
        if new is None:
            gone = sum(task.service == old.id for task in before.tasks)
            found.append(Change("remove", key[0], _name(old), restarts=gone))
        elif new.spec != old.spec or (key[0] == "service" and new.version != old.version and _asked(old, new)):
            fields = differences(before.spec(key), after.spec(key))
            found.append(_changed(key[0], new, fields, before.tasks, after.store))
    made = [key for key in after.objects if key not in before.objects]
    return found + [Change("create", key[0], _name(after.objects[key])) for key in made]


def _asked(old: Service, new: Service) -> bool:
    """Somebody updated it, if only to what it was."""
    return old.spec_version != new.spec_version


def _name(each: Any) -> str:
    return each.spec.name if hasattr(each.spec, "name") else each.hostname


def _changed(kind: str, new: Any, fields: tuple[Difference, ...], tasks: Sequence[Any], store: Any) -> Change:
    """The updater's own rule says which tasks are out of date."""
    mine = [task for task in tasks if kind == "service" and task.service == new.id and task.state <= RUNNING]
    dirty = sum(is_dirty(store, new, task) for task in mine)
    return Change("change" if fields else "keep", kind, _name(new), fields, dirty, len(mine) - dirty)


# ── what a deploy does not do ────────────────────────────────────────────────────────────────────────────────────


def _left(twin: Any, before: _Look, changes: Iterable[Change]) -> list[Change]:
    """Services of the stack that its file has no more, networks of which the file says something else."""
    stack = _stack_of(twin.acts[-1].details)
    if stack is None:
        return []
    known = {change.name for change in changes} | {spec.name for spec in stack.services}
    found = []
    for (kind, _), each in before.objects.items():
        if kind == "service" and each.spec.labels.get(NAMESPACE) == stack.namespace and each.spec.name not in known:
            found.append(Change("left over", kind, each.spec.name))
    wanted = {spec.name: spec for spec in stack.networks}
    for (kind, _), each in before.objects.items():
        if kind == "network" and each.spec.name in wanted:
            fields = differences(each.spec, wanted[each.spec.name])
            found += [Change("left alone", kind, each.spec.name, fields)] if fields else []
    return found


def _stack_of(act: Mapping[str, Any]) -> Any:
    """What the stack file of the command asks for; None when it was no deploy, or one that was refused."""
    from .stack import StackError, convert, load

    read = partial(_read, act["files"])
    try:
        words = shlex.split(act["command"].removeprefix("docker "))
        if words[:2] not in (["stack", "deploy"], ["stack", "up"]):
            return None
        options = parse(words[2:], BY_NAME["stack deploy"].flags)
        return convert(load(options["compose-file"], read, act["env"]), options.words[0], read)
    except (StackError, Bad, Exit, ValueError, IndexError):
        return None


def _read(files: Mapping[str, str | None], path: str) -> bytes:
    """A file that the command has read; the record of a command keeps them."""
    text = files.get(path)
    if text is None:
        raise FileNotFoundError(path)
    return text.encode("utf-8", "surrogateescape")
