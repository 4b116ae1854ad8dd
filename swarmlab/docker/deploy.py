"""`docker stack …`: from a stack file to objects of the swarm, and back.

The swarm knows no stacks, only a label on what belongs to one. A deploy is no transaction: what was made before the
step that failed stays. Order: prune, networks, secrets, configs, services.
Source: docs.docker.com, `docker stack deploy`; texts as recorded from Docker 28.2.2.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..effects import MS
from ..messages import CreateObject, Info, ListNetworks, ListObjects, RemoveObject, UpdateObject
from ..objects import RUNNING, ApiError, Service, ServiceSpec, Task, replace
from .ask import with_ids
from .filters import SERVICE_TESTS, matching
from .flags import Options
from .lists import STACKS
from .progress import watch
from .services import print_services, print_tasks, warn_of_missing
from .session import Exit, Screen, Session, read_file
from .tables import natural, show

NAMESPACE = "com.docker.stack.namespace"

NOTE = """Since --detach=false was not specified, tasks will be created in the background.
In a future release, --detach=false will become the default."""

NO_MANAGER = (
    'this node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again"
)


def _checked(name: str) -> str:
    if not name.strip(" \t\n\"'"):
        quoted = name.replace('"', '\\"')
        raise Exit(f'invalid stack name: "{quoted}"')
    return name


# ── deploy ───────────────────────────────────────────────────────────────────────────────────────────────────────


def deploy(session: Session, options: Options, screen: Screen) -> None:
    """Load the file, then bring the swarm to what it says, object by object. Raises `Exit` at the first that fails."""
    from .stack import StackError  # at first use: a YAML parser is behind it

    namespace = _checked(options.words[0])
    if not options["compose-file"]:
        raise Exit("Specify a Compose file (with --compose-file)")
    try:
        _Deployment(session, screen, namespace, options).run()
    except StackError as fault:
        raise Exit(fault.text) from None


class _Deployment:
    """One deploy: what it works on, and the steps in their order."""

    def __init__(self, session: Session, screen: Screen, namespace: str, options: Options):
        self.session, self.screen, self.namespace, self.options = session, screen, namespace, options

    def run(self) -> None:
        from .stack import StackError, check_images, convert, load

        read = partial(read_file, self.session)
        compose = load(self.options["compose-file"], read, self.session.env)
        for warning in compose.warnings:
            self.screen.warn(warning)
        check_images(compose)
        self._check_options()
        if not self.session.call(Info()).manager:
            raise Exit(NO_MANAGER)
        if self.options["prune"]:
            self._prune({f"{self.namespace}_{name}" for name in compose.services})
        try:
            stack = convert(compose, self.namespace, read)
        except StackError as fault:
            if fault.done:
                self._surroundings(fault.done)  # Docker notices the fault only when it has made these
            raise
        self._surroundings(stack)
        ids = self._services(stack.services)
        if not self.options["detach"]:
            for service_id in ids:
                watch(self.session, self.screen, service_id, service_id, self.options["quiet"])

    def _surroundings(self, stack: Any) -> None:
        self._networks(stack)
        self._files("secret", stack.secrets)
        self._files("config", stack.configs)

    def _check_options(self) -> None:
        how = self.options["resolve-image"]
        if how not in ("always", "changed", "never"):
            raise Exit(f"invalid option {how} for flag --resolve-image")
        if self.options["detach"] and "detach" not in self.options.given:
            self.screen.warn(NOTE)

    def _prune(self, wanted: set[str]) -> None:
        for service in _belonging(self.session, "service", self.namespace):
            if service.spec.name not in wanted:
                self.screen.say(f"Removing service {service.spec.name}")
                self.session.call(RemoveObject("service", service.id))

    def _networks(self, stack: Any) -> None:
        scopes = {network.name: network.scope for network in self.session.call(ListNetworks())}
        for name in stack.external_networks:
            _check_external(name, scopes.get(name))
        there = {network.spec.name for network in _belonging(self.session, "network", self.namespace)}
        for spec in stack.networks:
            if spec.name not in there:
                self.screen.say(f"Creating network {spec.name}")
                self._try(f"failed to create network {spec.name}", CreateObject(spec))

    def _files(self, kind: str, specs: Sequence) -> None:
        """Secrets or configs: new ones are made; of known ones only labels can change, which the engine checks."""
        known = {file.spec.name: file for file in self.session.call(ListObjects(kind))} if specs else {}
        for spec in specs:
            if file := known.get(spec.name):
                self._try(f"failed to update {kind} {spec.name}", UpdateObject(kind, file.id, file.version, spec))
            else:
                self.screen.say(f"Creating {kind} {spec.name}")
                self._try(f"failed to create {kind} {spec.name}", CreateObject(spec))

    def _services(self, specs: Sequence[ServiceSpec]) -> list[str]:
        """Ids of the services, which were made or updated. Files are looked up for all before any is made."""
        specs = [self._with_files(spec) for spec in specs]
        known = {service.spec.name: service for service in _belonging(self.session, "service", self.namespace)}
        return [self._update(known[spec.name], spec) if spec.name in known else self._create(spec) for spec in specs]

    def _with_files(self, spec: ServiceSpec) -> ServiceSpec:
        container = spec.task.container
        try:
            secrets = with_ids(self.session, "secret", container.secrets)
            configs = with_ids(self.session, "config", container.configs)
        except Exit as refusal:
            raise Exit(f"service {spec.name.removeprefix(self.namespace + '_')}: {refusal.text}") from None
        return replace(spec, task=replace(spec.task, container=replace(container, secrets=secrets, configs=configs)))

    def _create(self, spec: ServiceSpec) -> str:
        self.screen.say(f"Creating service {spec.name}")
        service_id = self._try(f"failed to create service {spec.name}", CreateObject(spec))
        self._warn_of_missing(spec)
        return service_id

    def _update(self, service: Service, spec: ServiceSpec) -> str:
        """Every service is updated at each deploy; its tasks are replaced only if what concerns them changed."""
        self.screen.say(f"Updating service {spec.name} (id: {service.id})")
        task = replace(spec.task, force_update=service.spec.task.force_update)
        request = UpdateObject("service", service.id, service.version, replace(spec, task=task))
        self._try(f"failed to update service {spec.name}", request)
        self._warn_of_missing(spec)
        return service.id

    def _warn_of_missing(self, spec: ServiceSpec) -> None:
        if self.options["resolve-image"] != "never":
            warn_of_missing(spec, self.screen)

    def _try(self, failure: str, request: Any) -> Any:
        try:
            return self.session.call(request)
        except ApiError as refusal:
            raise Exit(f"{failure}: Error response from daemon: {refusal.text}") from None


def _check_external(name: str, scope: str | None) -> None:
    """A network that the stack does not make itself must be there, for the whole swarm."""
    says = f'network "{name}" is declared as external, but '
    if name in ("host", "none", "bridge"):
        return  # every node has its own
    if scope is None:
        raise Exit(f"{says}could not be found. You need to create a swarm-scoped network before the stack is deployed")
    if scope != "swarm":
        raise Exit(f'{says}it is not in the right scope: "{scope}" instead of "swarm"')


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────


def list_stacks(session: Session, options: Options, screen: Screen) -> None:
    counts: dict[str, int] = {}
    for service in session.call(ListObjects("service")):
        if stack := service.spec.labels.get(NAMESPACE):
            counts[stack] = counts.get(stack, 0) + 1
    rows = [{"Name": name, "Services": str(counts[name])} for name in sorted(counts, key=natural)]
    show(screen, STACKS, rows, options["format"])


def list_services(session: Session, options: Options, screen: Screen) -> None:
    namespace = _checked(options.words[0])
    services = matching(_belonging(session, "service", namespace), options["filter"], SERVICE_TESTS)
    if not services:
        raise Exit(f"Nothing found in stack: {namespace}", 0)
    print_services(session, options, screen, services)


def list_tasks(session: Session, options: Options, screen: Screen) -> None:
    namespace = _checked(options.words[0])
    tasks = _tasks(session, namespace)
    if not tasks:
        raise Exit(f"nothing found in stack: {namespace}")
    print_tasks(session, options, screen, tasks)


def _belonging(session: Session, kind: str, namespace: str) -> list:
    """Objects that carry the label of the stack, by name."""
    found = [each for each in session.call(ListObjects(kind)) if each.spec.labels.get(NAMESPACE) == namespace]
    return sorted(found, key=lambda each: natural(each.spec.name))


def _tasks(session: Session, namespace: str) -> list[Task]:
    return [
        task for task in session.call(ListObjects("task")) if task.spec.container.labels.get(NAMESPACE) == namespace
    ]


# ── removing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def remove(session: Session, options: Options, screen: Screen) -> None:
    failed = [name for name in map(_checked, options.words) if not _remove_stack(session, screen, name)]
    if not options["detach"]:
        for name in options.words:
            while any(task.state <= RUNNING for task in _tasks(session, name)):
                session.wait(500 * MS)
    if failed:
        raise Exit("\n".join(f"failed to remove some resources from stack: {name}" for name in failed))


def _remove_stack(session: Session, screen: Screen, namespace: str) -> bool:
    """Whether all of it could be removed."""
    kinds = ("service", "secret", "config", "network")
    doomed = [(kind, each) for kind in kinds for each in _belonging(session, kind, namespace)]
    if not doomed:
        screen.warn(f"Nothing found in stack: {namespace}")
    removed = [_remove_one(session, screen, kind, each) for kind, each in doomed]
    return all(removed)


def _remove_one(session: Session, screen: Screen, kind: str, each: Any) -> bool:
    screen.say(f"Removing {kind} {each.spec.name}")
    try:
        session.call(RemoveObject(kind, each.id))
    except ApiError as refusal:
        # Without a line end, as Docker prints it.
        screen.err.append(f"Failed to remove {kind} {each.id}: Error response from daemon: {refusal.text}")
        return False
    return True


RUN = {
    "stack deploy": deploy,
    "stack ls": list_stacks,
    "stack ps": list_tasks,
    "stack rm": remove,
    "stack services": list_services,
}
