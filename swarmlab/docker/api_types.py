"""The objects of the Engine API as types: fields in order, what is left out when empty, and what an empty one is.

One table serves three readers: `encode` turns plain values into the JSON that the engine answers with, templates learn
from it which fields there are although they are empty, and the HTTP server speaks it. A field is written
`GoName[=JsonName] type[?]`; `?` leaves it out of the JSON while it is empty. Types: `str int float bool bytes time
duration any`, `map` (of texts), `{T}` (a map of T), `[T]` (a list), `*T` (may be missing), and the names of this table.
Source: Docker Engine API v1.41; moby `api/types`.
"""

import base64
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from .api_types_engine import ENGINE_TABLE
from .dates import NEVER, rfc3339


class Field(NamedTuple):
    name: str  # as templates call it
    key: str  # as JSON calls it
    type: str
    omitempty: bool


TABLE = """
Version: Index int?
TLSInfo: TrustRoot str?, CertIssuerSubject bytes?, CertIssuerPublicKey bytes?
Driver: Name str?, Options map?

Node: ID str, Version Version, CreatedAt time, UpdatedAt time, Spec NodeSpec, Description NodeDescription, Status NodeStatus, ManagerStatus *ManagerStatus?
NodeSpec: Name str?, Labels map, Role str?, Availability str?
NodeDescription: Hostname str?, Platform Platform, Resources Resources, Engine EngineDescription, TLSInfo TLSInfo
Platform: Architecture str?, OS str?
Resources: NanoCPUs int?, MemoryBytes int?, GenericResources [GenericResource]?
Limit: NanoCPUs int?, MemoryBytes int?, Pids int?
GenericResource: NamedResourceSpec *NamedGenericResource?, DiscreteResourceSpec *DiscreteGenericResource?
NamedGenericResource: Kind str?, Value str?
DiscreteGenericResource: Kind str?, Value int?
EngineDescription: EngineVersion str?, Labels map?, Plugins [PluginDescription]?
PluginDescription: Type str?, Name str?
NodeStatus: State str?, Message str?, Addr str?
ManagerStatus: Leader bool?, Reachability str?, Addr str?

Service: ID str, Version Version, CreatedAt time, UpdatedAt time, Spec ServiceSpec, PreviousSpec *ServiceSpec?, Endpoint Endpoint, UpdateStatus *UpdateStatus?, ServiceStatus *ServiceStatus?, JobStatus *JobStatus?
ServiceSpec: Name str?, Labels map, TaskTemplate TaskSpec, Mode ServiceMode, UpdateConfig *UpdateConfig?, RollbackConfig *UpdateConfig?, EndpointSpec *EndpointSpec?
ServiceMode: Replicated *ReplicatedService?, Global *GlobalService?, ReplicatedJob *ReplicatedJob?, GlobalJob *GlobalJob?
ReplicatedService: Replicas *int?
GlobalService:
ReplicatedJob: MaxConcurrent *int?, TotalCompletions *int?
GlobalJob:
UpdateConfig: Parallelism int, Delay duration?, FailureAction str?, Monitor duration?, MaxFailureRatio float, Order str
EndpointSpec: Mode str?, Ports [PortConfig]?
PortConfig: Name str?, Protocol str?, TargetPort int?, PublishedPort int?, PublishMode str?
Endpoint: Spec EndpointSpec, Ports [PortConfig]?, VirtualIPs [EndpointVirtualIP]?
EndpointVirtualIP: NetworkID str?, Addr str?
UpdateStatus: State str?, StartedAt *time?, CompletedAt *time?, Message str?
ServiceStatus: RunningTasks int, DesiredTasks int, CompletedTasks int
JobStatus: JobIteration Version, LastExecution time?

TaskSpec: ContainerSpec *ContainerSpec?, Resources *ResourceRequirements?, RestartPolicy *RestartPolicy?, Placement *Placement?, Networks [NetworkAttachmentConfig]?, LogDriver *Driver?, ForceUpdate int, Runtime str?
ResourceRequirements: Limits *Limit?, Reservations *Resources?
RestartPolicy: Condition str?, Delay *duration?, MaxAttempts *int?, Window *duration?
Placement: Constraints [str]?, Preferences [PlacementPreference]?, MaxReplicas int?, Platforms [Platform]?
PlacementPreference: Spread *SpreadOver
SpreadOver: SpreadDescriptor str
NetworkAttachmentConfig: Target str?, Aliases [str]?, DriverOpts map?
ContainerSpec: Image str?, Labels map?, Command [str]?, Args [str]?, Hostname str?, Env [str]?, Dir str?, User str?, Groups [str]?, Privileges *Privileges?, Init *bool?, StopSignal str?, TTY bool?, OpenStdin bool?, ReadOnly bool?, Mounts [Mount]?, StopGracePeriod *duration?, Healthcheck *HealthConfig?, Hosts [str]?, DNSConfig *DNSConfig?, Secrets [SecretReference]?, Configs [ConfigReference]?, Isolation str?, Sysctls map?, CapabilityAdd [str]?, CapabilityDrop [str]?, Ulimits [Ulimit]?, OomScoreAdj int?
Privileges: CredentialSpec *CredentialSpec, SELinuxContext any, NoNewPrivileges bool
CredentialSpec: Config str, File str, Registry str
Mount: Type str?, Source str?, Target str?, ReadOnly bool?, Consistency str?, BindOptions *BindOptions?, VolumeOptions *VolumeOptions?, TmpfsOptions *TmpfsOptions?
BindOptions: Propagation str?, NonRecursive bool?, CreateMountpoint bool?, ReadOnlyNonRecursive bool?, ReadOnlyForceRecursive bool?
VolumeOptions: NoCopy bool?, Labels map?, Subpath str?, DriverConfig *Driver?
TmpfsOptions: SizeBytes int?, Mode int?
HealthConfig: Test [str]?, Interval duration?, Timeout duration?, StartPeriod duration?, StartInterval duration?, Retries int?
DNSConfig: Nameservers [str]?, Search [str]?, Options [str]?
SecretReference: File *FileTarget, SecretID str, SecretName str
ConfigReference: File *FileTarget?, ConfigID str, ConfigName str
FileTarget: Name str, UID str, GID str, Mode int
Ulimit: Name str, Hard int, Soft int

Task: ID str, Version Version, CreatedAt time, UpdatedAt time, Name str?, Labels map, Spec TaskSpec, ServiceID str?, Slot int?, NodeID str?, Status TaskStatus, DesiredState str?, NetworksAttachments [NetworkAttachment]?, GenericResources [GenericResource]?, JobIteration *Version?
TaskStatus: Timestamp time?, State str?, Message str?, Err str?, ContainerStatus *ContainerStatus?, PortStatus PortStatus
ContainerStatus: ContainerID str, PID int, ExitCode int
PortStatus: Ports [PortConfig]?
NetworkAttachment: Network SwarmNetwork, Addresses [str]?
SwarmNetwork: ID str, Version Version, CreatedAt time, UpdatedAt time, Spec SwarmNetworkSpec, DriverState Driver, IPAMOptions *SwarmIPAM?
SwarmNetworkSpec: Name str?, Labels map, DriverConfiguration *Driver?, IPv6Enabled bool?, Internal bool?, Attachable bool?, Ingress bool?, IPAMOptions *SwarmIPAM?, Scope str?
SwarmIPAM: Driver Driver, Configs [SwarmIPAMConfig]?
SwarmIPAMConfig: Subnet str?, Range str?, Gateway str?

Network: Name str, ID=Id str, Created time, Scope str, Driver str, EnableIPv6 bool, IPAM IPAM, Internal bool, Attachable bool, Ingress bool, ConfigFrom ConfigReferenceNetwork, ConfigOnly bool, Containers {EndpointResource}, Options map, Labels map, Peers [PeerInfo]?, Services {ServiceInfo}?
IPAM: Driver str, Options map, Config [IPAMConfig]
IPAMConfig: Subnet str?, IPRange str?, Gateway str?
ConfigReferenceNetwork: Network str
EndpointResource: Name str, EndpointID str, MacAddress str, IPv4Address str, IPv6Address str
PeerInfo: Name str, IP str
ServiceInfo: VIP str, Ports [str], LocalLBIndex int, Tasks [NetworkTask]
NetworkTask: Name str, EndpointID str, EndpointIP str, Info map

Swarm: ID str, Version Version, CreatedAt time, UpdatedAt time, Spec SwarmSpec, TLSInfo TLSInfo, RootRotationInProgress bool, DefaultAddrPool [str], SubnetSize int, DataPathPort int, JoinTokens *JoinTokens?
SwarmSpec: Name str?, Labels map, Orchestration OrchestrationConfig, Raft RaftConfig, Dispatcher DispatcherConfig, CAConfig CAConfig, TaskDefaults TaskDefaults, EncryptionConfig EncryptionConfig
OrchestrationConfig: TaskHistoryRetentionLimit *int?
RaftConfig: SnapshotInterval int?, KeepOldSnapshots *int?, LogEntriesForSlowFollowers int?, ElectionTick int, HeartbeatTick int
DispatcherConfig: HeartbeatPeriod duration?
CAConfig: NodeCertExpiry duration?, ExternalCAs [ExternalCA]?, SigningCACert str?, SigningCAKey str?, ForceRotate int?
ExternalCA: Protocol str, URL str, Options map?, CACert str
TaskDefaults: LogDriver *Driver?
EncryptionConfig: AutoLockManagers bool
JoinTokens: Worker str, Manager str

Secret: ID str, Version Version, CreatedAt time, UpdatedAt time, Spec SecretSpec
SecretSpec: Name str, Labels map, Data bytes?, Driver *Driver?, Templating *Driver?
Config: ID str, Version Version, CreatedAt time, UpdatedAt time, Spec ConfigSpec
ConfigSpec: Name str, Labels map, Data bytes?, Templating *Driver?
"""


@cache
def fields(name: str) -> tuple[Field, ...]:
    """The fields of one type of the table, in order."""
    return _table()[name]


def is_struct(type: str) -> bool:
    """Whether it is a name of the table."""
    return type in _table()


def package(name: str) -> str:
    """Where Go keeps the type, as messages about it say."""
    return PACKAGES.get(name, "swarm")


@cache
def _table() -> dict[str, tuple[Field, ...]]:
    return read(TABLE + ENGINE_TABLE)


def read(text: str) -> dict[str, tuple[Field, ...]]:
    """Types by name, from a text that is written like the table above."""
    rows = (line.partition(":") for line in text.splitlines() if line)
    return {name: tuple(_field(text) for text in row.split(",") if text.strip()) for name, _, row in rows}


def _field(text: str) -> Field:
    names, type = text.split()
    name, _, key = names.partition("=")
    return Field(name, key or name, type.removesuffix("?"), type.endswith("?"))


PACKAGES = {  # all others are in `swarm`
    **dict.fromkeys(("Network", "IPAM", "IPAMConfig", "EndpointResource", "PeerInfo", "ServiceInfo"), "network"),
    **dict.fromkeys(("Container", "ContainerState", "HostConfig", "ContainerConfig", "NetworkSettings"), "container"),
    **dict.fromkeys(("Image", "RootFS"), "image"),
    **dict.fromkeys(("Info", "PluginsInfo"), "system"),
    **dict.fromkeys(("Volume", "Volumes"), "volume"),
}

# ── values → JSON ────────────────────────────────────────────────────────────────────────────────────────────────


class Ready(NamedTuple):
    """A value that is JSON already: what many answers share is encoded once."""

    json: Any


EMPTY = {"str": "", "int": 0, "float": 0, "bool": False, "duration": 0, "bytes": b""}


def encode(type: str, value: Any, shift: int = 0) -> Any:
    """What the engine answers for a value of this type: nested dicts and lists that `json.dumps` takes as they are.

    A struct is a mapping from JSON names to values; what it lacks is empty. Times and durations are µs; all times are
    shown `shift` µs later, for a reader who has another clock.
    """
    return encoder(type)(value, shift)


Encoder = Callable[[Any, int], Any]


@cache
def encoder(type: str) -> Encoder:
    """What `encode` does for this type, worked out once: thousands of tasks have the same fields."""
    if type in PLAIN:
        return PLAIN[type]
    if type[0] == "*":
        return _pointer(encoder(type[1:]))
    if type[0] == "[":
        return _list(encoder(type[1:-1]))
    if type[0] == "{" or type == "map":
        return _map(encoder("str" if type == "map" else type[1:-1]))
    return _struct(type) if type in _table() else lambda value, shift: value


def _pointer(inner: Encoder) -> Encoder:
    return lambda value, shift: None if value is None else inner(value, shift)


def _list(inner: Encoder) -> Encoder:
    return lambda value, shift: None if value is None else [inner(one, shift) for one in value]


def _map(inner: Encoder) -> Encoder:
    return lambda value, shift: None if value is None else {key: inner(value[key], shift) for key in sorted(value)}


def _struct(type: str) -> Encoder:
    parts = [(field.key, field.omitempty and _emptiness(field.type), encoder(field.type)) for field in fields(type)]

    def encoded(value: Any, shift: int) -> Any:
        if isinstance(value, Ready):
            return value.json
        shown, given = {}, (value or {}).get
        for key, is_nothing, inner in parts:
            found = given(key)
            if not (is_nothing and is_nothing(found)):
                shown[key] = inner(found, shift)
        return shown

    return encoded


def _or(nothing: Any) -> Encoder:
    return lambda value, shift: nothing if value is None else value


PLAIN: dict[str, Encoder] = {
    **{type: _or(nothing) for type, nothing in EMPTY.items()},
    "time": lambda value, shift: NEVER if value is None else rfc3339(value + shift),
    "duration": lambda value, shift: (value or 0) * 1000,
    "bytes": lambda value, shift: base64.b64encode(value or b"").decode(),
}


def is_empty(type: str, value: Any) -> bool:
    """What `omitempty` leaves out. Go never thinks a struct empty, nor a pointer to nothing much; a time is a struct."""
    is_nothing = _emptiness(type)
    return is_nothing is not None and is_nothing(value)


def _emptiness(type: str) -> Callable[[Any], bool] | None:
    """None for what is never empty."""
    if type[0] == "*":
        return lambda value: value is None
    return None if type == "time" or type in _table() else lambda value: not value
