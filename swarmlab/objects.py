"""What a swarm is made of: specs, services, tasks, nodes, networks, secrets.

Objects are immutable and shared; they change by `replace`, and only through a committed log entry. They are named
tuples: as readable as frozen data classes, and several times cheaper to make, to change and to import. A mapping in a
field (labels, options) is never changed in place. Times and durations are µs of virtual time, memory is bytes,
processors are thousand-millionths (`nano_cpus`), as in the Engine API. Field names are those of the Engine API in
snake case. Source: Docker Engine API v1.41, swarmkit `api/types.proto`, `api/specs.proto`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from .effects import SECOND


def replace(object: Any, **changes: Any) -> Any:
    """The same object with other values in these fields. Several times faster than `_replace`: every change needs it."""
    kind: Any = type(object)
    places, values = _places(kind), list(object)
    for name, value in changes.items():
        values[places[name]] = value
    return tuple.__new__(kind, values)


@cache
def _places(kind: Any) -> dict[str, int]:
    return {name: i for i, name in enumerate(kind._fields)}


# ── task states: a logical clock, an observed state only grows ───────────────────────────────────────────────────

NEW, PENDING, ASSIGNED, ACCEPTED, PREPARING, READY, STARTING, RUNNING = 0, 64, 192, 256, 320, 384, 448, 512
COMPLETE, SHUTDOWN, FAILED, REJECTED, REMOVE, ORPHANED = 576, 640, 704, 768, 800, 832

STATES = {
    NEW: "new",
    PENDING: "pending",
    ASSIGNED: "assigned",
    ACCEPTED: "accepted",
    PREPARING: "preparing",
    READY: "ready",
    STARTING: "starting",
    RUNNING: "running",
    COMPLETE: "complete",
    SHUTDOWN: "shutdown",
    FAILED: "failed",
    REJECTED: "rejected",
    REMOVE: "remove",
    ORPHANED: "orphaned",
}

MOVES = {  # who may move a task, from where to where
    (NEW, PENDING): "allocator",
    (PENDING, ASSIGNED): "scheduler",
    (ASSIGNED, ACCEPTED): "agent",
    (ACCEPTED, PREPARING): "agent",
    (PREPARING, READY): "agent",
    (READY, STARTING): "agent",
    (STARTING, RUNNING): "agent",
    (RUNNING, COMPLETE): "agent",
}

# ── what people ask for ──────────────────────────────────────────────────────────────────────────────────────────


class HealthConfig(NamedTuple):
    """How to ask a container whether it is well. Zero means Docker's default."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class Mount(NamedTuple):
    type: str = "volume"  # volume · bind · tmpfs · npipe · cluster
    source: str = ""
    target: str = ""
    read_only: bool = False
    options: Mapping = {}


class FileReference(NamedTuple):
    """A secret or config that a container gets as a file."""

    id: str
    name: str
    target: str
    uid: str = "0"
    gid: str = "0"
    mode: int = 0o444


class ContainerSpec(NamedTuple):
    """What to run in each task. `command` replaces the entrypoint, `args` its arguments, as in the Engine API.

    `options` holds what the engine stores as asked and the simulation does nothing with (user, dir, hosts, sysctls …).
    """

    image: str = ""
    labels: Mapping = {}
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    hostname: str = ""
    env: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    healthcheck: HealthConfig | None = None
    stop_signal: str = ""
    stop_grace_period: int = 10 * SECOND
    secrets: tuple[FileReference, ...] = ()
    configs: tuple[FileReference, ...] = ()
    options: Mapping = {}


class Resources(NamedTuple):
    nano_cpus: int = 0
    memory: int = 0
    pids: int = 0
    generic: Mapping = {}  # kind → number


class RestartPolicy(NamedTuple):
    condition: str = "any"  # none · on-failure · any
    delay: int = 5 * SECOND
    max_attempts: int = 0
    window: int = 0


class Placement(NamedTuple):
    constraints: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()  # spread descriptors: node.labels.zone
    max_replicas: int = 0
    platforms: tuple[tuple[str, str], ...] = ()  # (os, architecture)


class LogDriver(NamedTuple):
    name: str = ""
    options: Mapping = {}


class NetworkTarget(NamedTuple):
    """A network that every task of the service joins. `target` is an id once stored, a name or id when asked for."""

    target: str
    aliases: tuple[str, ...] = ()
    options: Mapping = {}
    address: str = ""  # asked for; only plain containers ask


class TaskSpec(NamedTuple):
    container: ContainerSpec = ContainerSpec()
    limits: Resources = Resources()
    reservations: Resources = Resources()
    restart: RestartPolicy = RestartPolicy()
    placement: Placement = Placement()
    networks: tuple[NetworkTarget, ...] = ()
    log_driver: LogDriver | None = None
    force_update: int = 0
    attachment: str = ""  # the plain container for which it holds an address: such a task runs nothing


class UpdateConfig(NamedTuple):
    parallelism: int = 1  # 0: all at once
    delay: int = 0
    failure_action: str = "pause"  # pause · continue · rollback
    monitor: int = 5 * SECOND
    max_failure_ratio: float = 0.0
    order: str = "stop-first"  # stop-first · start-first


class PortConfig(NamedTuple):
    target_port: int
    published_port: int = 0  # 0: the allocator picks one from 30000
    protocol: str = "tcp"
    publish_mode: str = "ingress"  # ingress · host
    name: str = ""


class EndpointSpec(NamedTuple):
    mode: str = "vip"  # vip · dnsrr
    ports: tuple[PortConfig, ...] = ()


class ServiceSpec(NamedTuple):
    name: str = ""
    labels: Mapping = {}
    task: TaskSpec = TaskSpec()
    mode: str = "replicated"  # replicated · global · replicated-job · global-job
    replicas: int = 1  # replicated: how many; replicated-job: total completions
    max_concurrent: int = 1  # replicated-job only
    update: UpdateConfig = UpdateConfig()
    rollback: UpdateConfig = UpdateConfig()
    endpoint: EndpointSpec = EndpointSpec()
    update_asked: bool = False  # a job's update policy was written down, if only the default one


class NetworkSpec(NamedTuple):
    name: str = ""
    labels: Mapping = {}
    driver: str = "overlay"
    options: Mapping = {}
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    ipv6: bool = False
    ipam_driver: str = "default"
    subnets: tuple[tuple[str, str, str], ...] = ()  # (subnet, gateway, range) asked for; '' where left open
    scope: str = "swarm"


class SecretSpec(NamedTuple):
    name: str = ""
    labels: Mapping = {}
    data: bytes = b""
    template: str = ""  # the language of templates in it that each task fills in: golang; '' for none

    def __repr__(self) -> str:
        return f"<SecretSpec {self.name}: {len(self.data)} bytes>"  # what is secret is shown to nobody who does not ask


class ConfigSpec(NamedTuple):
    name: str = ""
    labels: Mapping = {}
    data: bytes = b""
    template: str = ""  # the language of templates in it that each task fills in: golang; '' for none


class NodeSpec(NamedTuple):
    labels: Mapping = {}
    role: str = "worker"  # desired
    availability: str = "active"  # active · pause · drain
    membership: str = "accepted"
    given_name: str = ""  # which nobody looks a node up by


# ── what a machine tells about itself ────────────────────────────────────────────────────────────────────────────


class Description(NamedTuple):
    """What a node reports of itself when it registers."""

    hostname: str = ""
    os: str = "linux"
    architecture: str = "x86_64"
    nano_cpus: int = 2 * 10**9
    memory: int = 4 * 2**30
    generic: Mapping = {}  # kind → number, or the names of its pieces: {"ssd": 3, "gpu": ("UUID1", "UUID2")}
    engine_version: str = "20.10.24"
    engine_labels: Mapping = {}
    log_drivers: tuple[str, ...] = (
        "awslogs",
        "fluentd",
        "gcplogs",
        "gelf",
        "journald",
        "json-file",
        "local",
        "logentries",
        "splunk",
        "syslog",
    )
    network_drivers: tuple[str, ...] = ("bridge", "host", "ipvlan", "macvlan", "null", "overlay")
    volume_drivers: tuple[str, ...] = ("local",)


# ── what the store holds: every object has an id, a version (the log index that wrote it) and two times ──────────


class Attachment(NamedTuple):
    """One address on one network."""

    network: str  # id
    address: str  # 10.0.1.3/24


class ManagerStatus(NamedTuple):
    """Computed when somebody asks, never stored."""

    member: str
    address: str  # 192.168.50.100:2377
    leader: bool
    reachability: str  # reachable · unreachable · unknown


class NetworkKey(NamedTuple):
    """A key of the data plane, which managers make and all nodes have."""

    subsystem: str  # networking:gossip · networking:ipsec
    time: int  # by the managers' clock of keys; it is also the key's tag
    value: bytes


class RootRotation(NamedTuple):
    """A new root certificate, while nodes still get certificates from it."""

    root: bytes  # DER
    key: int  # the seed of its private key
    cross_signed: bytes  # the same root, signed by the old one

    def __repr__(self) -> str:
        return "<RootRotation>"  # the key is secret


class TlsInfo(NamedTuple):
    """What a node tells of its certificates: the root that it trusts, and who signed its own."""

    root: bytes  # DER
    issuer: bytes  # the subject of who signed, DER
    issuer_key: bytes  # the public key of who signed


class Cluster(NamedTuple):
    id: str
    name: str = "default"
    labels: Mapping = {}
    task_history_limit: int = 5
    heartbeat_period: int = 5 * SECOND
    snapshot_interval: int = 10_000
    log_entries_for_slow_followers: int = 500
    election_tick: int = 10
    heartbeat_tick: int = 1
    certificate_expiry: int = 90 * 24 * 3600 * SECOND
    autolock: bool = False
    worker_token: str = ""
    manager_token: str = ""
    ca_digest: str = ""  # the 50 characters that stand in every token
    address_pool: str = "10.0.0.0/8"
    subnet_size: int = 24
    data_path_port: int = 4789
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    keep_old_snapshots: int = 0
    external_cas: tuple = ()  # (protocol, url, options) each
    force_rotate: int = 0  # how often somebody asked for a new root certificate
    unlock_key: str = ""  # SWMKEY-1-…, while autolock is on
    network_keys: tuple[NetworkKey, ...] = ()  # three for each subsystem
    root: bytes = b""  # the root certificate, DER
    root_key: int = 0  # the seed of its private key
    rotation: RootRotation | None = None  # the root that is to follow
    removed: tuple[tuple[str, int], ...] = ()  # (node id, until when its certificate is refused), µs

    def __repr__(self) -> str:
        return f"<Cluster {self.id}>"  # without its keys


class Node(NamedTuple):
    id: str
    spec: NodeSpec = NodeSpec()
    role: str = "worker"  # actual
    description: Description | None = None
    state: str = "unknown"  # unknown · down · ready · disconnected
    message: str = ""
    machine: str = ""  # the machine it is, which is also how the network names it
    address: str = ""  # the IP that the manager sees
    attachments: tuple[Attachment, ...] = ()
    member: str = ""  # a manager's name in the raft group
    manager_status: ManagerStatus | None = None
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    certificate: bytes = b""  # the one that was issued last, DER
    tls: TlsInfo | None = None  # what it has told of its certificates

    @property
    def hostname(self) -> str:
        return self.description.hostname if self.description else ""

    def __repr__(self) -> str:
        return f"<Node {self.hostname or self.id}: {self.role}, {self.state}, {self.spec.availability}>"


class Service(NamedTuple):
    id: str
    spec: ServiceSpec = ServiceSpec()
    spec_version: int = 0
    previous_spec: ServiceSpec | None = None
    previous_spec_version: int = 0
    ports: tuple[PortConfig, ...] = ()  # as allocated
    virtual_ips: tuple[Attachment, ...] = ()
    allocated: bool = False  # the allocator has given it all it asks for
    update_status: tuple | None = None  # (state, message, started_at, completed_at)
    job_iteration: int = 0
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    last_execution: int = 0  # of a job: when it was asked for, or asked for again

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_job(self) -> bool:
        """Its tasks are to complete, not to run."""
        return self.spec.mode.endswith("-job")

    def __repr__(self) -> str:
        replicas = f" × {self.spec.replicas}" if self.spec.mode.startswith("replicated") else ""
        return f"<Service {self.name}: {self.spec.mode}{replicas}, {self.spec.task.container.image.partition('@')[0]}>"


class Task(NamedTuple):
    """One attempt to fill one slot on one node. Never moved, never reused: every restart is a new task."""

    id: str
    service: str  # id
    service_name: str = ""
    slot: int = 0  # 0 for global services
    node: str = ""  # id
    spec: TaskSpec = TaskSpec()
    spec_version: int = 0
    endpoint: EndpointSpec = EndpointSpec()
    state: int = NEW
    message: str = "created"
    err: str = ""
    status_at: int = 0  # when the observed state was entered
    desired: int = RUNNING
    networks: tuple[Attachment, ...] = ()
    ports: tuple[PortConfig, ...] = ()  # the service's allocated ports
    log_driver: LogDriver | None = None
    container: str = ""
    exit_code: int = 0
    job_iteration: int = 0
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    assigned_generic: Mapping = {}  # kind → number, or the names that the node gave it
    heard_at: int = 0  # when the managers wrote that state down, by their own clock
    service_labels: Mapping = {}  # of its service, when it was made

    @property
    def name(self) -> str:
        """`web.1` for a slot, `agent.<node id>` for a global task."""
        return f"{self.service_name}.{self.slot or self.node}"

    @property
    def current_state(self) -> str:
        """The observed state in Docker's word: `running`."""
        return STATES[self.state]

    @property
    def desired_state(self) -> str:
        """The desired state in Docker's word."""
        return STATES[self.desired]

    def __repr__(self) -> str:
        return f"<Task {self.name} {self.id:.12}: {self.current_state}, should be {self.desired_state}>"


class Network(NamedTuple):
    id: str
    spec: NetworkSpec = NetworkSpec()
    subnet: str = ""  # as allocated: 10.0.1.0/24; '' while it is not
    gateway: str = ""
    vni: int = 0
    predefined: bool = False  # node-local ones that services may name: bridge, host
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


class Secret(NamedTuple):
    id: str
    spec: SecretSpec = SecretSpec()
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


class Config(NamedTuple):
    id: str
    spec: ConfigSpec = ConfigSpec()
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


KINDS = {
    Cluster: "cluster",
    Node: "node",
    Service: "service",
    Task: "task",
    Network: "network",
    Secret: "secret",
    Config: "config",
}

# ── how the store changes: one log entry is a tuple of these ─────────────────────────────────────────────────────


class Put(NamedTuple):
    """Write an object, new or changed. The store stamps version and times."""

    object: object


class Drop(NamedTuple):
    """Remove an object."""

    kind: str
    id: str


class Transaction(NamedTuple):
    """What one log entry of the managers holds: changes that happen together or not at all, and when they were proposed."""

    at: int
    changes: tuple


class ApiError(Exception):
    """A person asked for something impossible. The text is what Docker says after `Error response from daemon: `."""

    def __init__(self, text: str):
        super().__init__(text)
        self.text = text
