"""`docker stack deploy`: from stack files to objects of the swarm.

A deploy is no transaction: what was made before the step that failed stays. Order: prune, networks, secrets, configs,
services.
Source: docs.docker.com, `docker stack deploy`; texts as recorded from Docker 28.2.2.
"""

# Simpler than in reality (docs/simplifications.md): sorted

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..messages import CreateObject, Info, ListNetworks, ListObjects, UpdateObject
from ..objects import ApiError, Service, ServiceSpec, replace
from .ask import with_ids
from .flags import Options
from .images import resolved
from .progress import watch
from .services import warn_of_missing
from .session import Exit, Screen, Session
from .stacks import belonging, checked, read, remove_one

IMAGE = "com.docker.stack.image"

NOTE = """Since --detach=false was not specified, tasks will be created in the background.
In a future release, --detach=false will become the default."""

NO_MANAGER = (
    'this node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again"
)


# ── deploy ───────────────────────────────────────────────────────────────────────────────────────────────────────


def deploy(session: Session, options: Options, screen: Screen) -> None:
    """Load the file, then bring the swarm to what it says, object by object. Raises `Exit` at the first that fails."""
    from .stack import StackError  # at first use: a YAML parser is behind it

    namespace = checked(options.words[0])
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

        opened = partial(read, self.session)
        compose = load(self.options["compose-file"], opened, self.session.env)
        for warning in compose.warnings:
            self.screen.warn(warning)
        check_images(compose)
        self._check_options()
        if not self.session.call(Info()).manager:
            raise Exit(NO_MANAGER)
        if self.options["prune"]:
            self._prune({f"{self.namespace}_{name}" for name in compose.services})
        try:
            stack = convert(compose, self.namespace, opened)
        except StackError as fault:
            if fault.done:
                self._surroundings(fault.done)  # Docker notices the fault only when it has made these
            raise
        self._surroundings(stack)
        ids = self._services(stack.services)
        if not self.options["detach"]:
            self._watch(ids)

    def _watch(self, ids: Sequence[str]) -> None:
        """Wait for one service after the other; an update that was paused is told at the end."""
        failed = []
        for service_id in ids:
            try:
                watch(self.session, self.screen, service_id, service_id, self.options["quiet"])
            except Exit as end:
                failed.append(f"{service_id}: {end.text}")
        if failed:
            raise Exit("\n".join(failed))

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
        for service in belonging(self.session, "service", self.namespace):
            if service.spec.name not in wanted:
                remove_one(self.session, self.screen, "service", service)  # one that stays is no reason to stop

    def _networks(self, stack: Any) -> None:
        scopes = {network.name: network.scope for network in self.session.call(ListNetworks())}
        for name in stack.external_networks:
            _check_external(name, scopes.get(name))
        there = {network.name for network in belonging(self.session, "network", self.namespace)}
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
        known = {service.spec.name: service for service in belonging(self.session, "service", self.namespace)}
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
        spec = spec if self.options["resolve-image"] == "never" else resolved(spec)
        service_id = self._try(f"failed to create service {spec.name}", CreateObject(spec))
        if self.options["resolve-image"] != "never":
            warn_of_missing(spec, self.screen)
        return service_id

    def _update(self, service: Service, spec: ServiceSpec) -> str:
        """Every service is updated at each deploy; its tasks are replaced only if what concerns them changed."""
        self.screen.say(f"Updating service {spec.name} (id: {service.id})")
        task = replace(spec.task, force_update=service.spec.task.force_update)
        how, same = self.options["resolve-image"], spec.labels[IMAGE] == service.spec.labels.get(IMAGE)
        if same and how != "always":
            old = service.spec.task
            placement = replace(task.placement, platforms=old.placement.platforms)
            container = replace(task.container, image=old.container.image)
            task = replace(task, container=container, placement=placement)
        asks = how == "always" or (how == "changed" and not same)
        new = replace(spec, task=task)
        request = UpdateObject("service", service.id, service.version, resolved(new) if asks else new)
        self._try(f"failed to update service {spec.name}", request)
        if asks:
            warn_of_missing(spec, self.screen)
        return service.id

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


RUN = {"stack deploy": deploy}
