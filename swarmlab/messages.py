"""What managers, agents, engines and people say to each other.

Messages travel on named channels; the channel is also the core that listens. `manager` `agent` `engine` and `raft`
use port 2377/tcp, `gossip` 7946/udp, `vxlan` 4789/udp. Raft's and the overlay's own messages live in their rooms.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .effects import NEVER, SECOND
from .objects import Attachment, Description, HealthConfig, LogDriver, Mount, NetworkTarget, PortConfig, Task, TlsInfo

# ── people at a keyboard ↔ the engine of one machine (`client` ↔ `engine`) ───────────────────────────────────────


class Call(NamedTuple):
    """A request to the Engine API of a machine. `request` is one of the named tuples below."""

    id: int
    request: Any


class Reply(NamedTuple):
    """The answer to a `Call`: a value, or an error in Docker's words (what follows `Error response from daemon: `)."""

    id: int
    value: Any = None
    error: str | None = None


# about this machine: the engine answers by itself


class SwarmInit(NamedTuple):
    """Answer: InitAnswer."""

    advertise_address: str = ""
    force_new_cluster: bool = False
    options: tuple = ()  # (name, value) pairs for the cluster object: address_pool, task_history_limit …; availability


class InitAnswer(NamedTuple):
    node: str  # id
    worker_token: str
    address: str  # where managers are reached: 192.168.50.100:2377


class SwarmJoin(NamedTuple):
    """Answer: the role it got, `worker` or `manager`."""

    token: str
    remote: str  # 192.168.50.100:2377
    advertise_address: str = ""
    availability: str = "active"


class SwarmLeave(NamedTuple):
    force: bool = False


class SwarmUnlock(NamedTuple):
    """Let a locked manager work again. Answer: None, once its node does."""

    key: str  # SWMKEY-1-…


class Info(NamedTuple):
    """Answer: EngineInfo."""


class EngineInfo(NamedTuple):
    machine: str
    swarm: str  # inactive · pending · active
    node: str  # id, '' outside
    manager: bool
    address: str
    managers: tuple  # (node id, address) of those it knows
    error: str
    description: Description | None = None  # of the machine


class ContainerSettings(NamedTuple):
    """What a container is made with, beside image and arguments."""

    env: tuple[str, ...] = ()
    hostname: str = ""
    mounts: tuple[Mount, ...] = ()
    log_driver: LogDriver | None = None
    restart: str = ""  # by this machine's engine: '' or no · always · unless-stopped · on-failure[:n]
    healthcheck: HealthConfig | None = None  # as it was asked for
    user: str = ""  # as whom its process runs; '' is root


class Probed(NamedTuple):
    """The result of one health check."""

    start: int
    end: int
    code: int  # 0: well; -1: it did not end in time
    output: str


class Health(NamedTuple):
    """What the health checks of a container have found since it started."""

    status: str  # starting · healthy · unhealthy
    streak: int = 0  # failures in a row
    log: tuple[Probed, ...] = ()  # the last five


class Run(NamedTuple):
    """`docker run -d`. Answer: the 64-character container id."""

    image: str
    name: str = ""
    args: tuple[str, ...] = ()
    ports: tuple[PortConfig, ...] = ()
    settings: ContainerSettings = ContainerSettings()
    labels: Mapping = {}
    networks: tuple[NetworkTarget, ...] = ()  # none asked for: the machine's own `bridge`
    remove: bool = False  # when it ends
    start: bool = True  # at once; else it is made only, as by `docker create`


class ListContainers(NamedTuple):
    """Answer: a tuple of Container, newest first."""

    all: bool = False


class RemoveContainer(NamedTuple):
    """Answer: None."""

    ref: str
    force: bool = False
    volumes: bool = False  # those too that nobody named


class Container(NamedTuple):
    id: str  # 64 hexadecimal digits
    name: str
    image: str
    command: str
    created_at: int
    state: str  # created · running · exited
    state_at: int
    exit_code: int
    ports: tuple[PortConfig, ...]
    task: str  # id, '' for a plain one
    labels: dict
    settings: ContainerSettings = ContainerSettings()
    started_at: int = 0  # 0: never
    restarts: int = 0  # by the engine
    networks: tuple = ()  # (network id, network name, address with mask, aliases) of a plain one; '' is no address
    health: Health | None = None  # None: it has no health check, or was never started


class GetUsage(NamedTuple):
    """What a container uses. Answer: Usage."""

    id: str


class Usage(NamedTuple):
    running: bool = False
    busy: int = 0  # µs that it worked on requests since it started
    memory: int = 0  # bytes


class StopContainer(NamedTuple):
    """The stop signal, and after the grace period the kill. Answer: None, when it has ended."""

    ref: str
    grace: int = 10 * SECOND


class KillContainer(NamedTuple):
    """Answer: None."""

    ref: str
    signal: str = "SIGKILL"


class StartContainer(NamedTuple):
    """Start one that does not run. Answer: None."""

    ref: str


class RenameContainer(NamedTuple):
    """Answer: None."""

    ref: str
    name: str


class Exec(NamedTuple):
    """Run a command in a container that runs. Answer: `ExecAnswer`."""

    ref: str
    words: tuple[str, ...]
    env: tuple[str, ...] = ()
    user: str = ""
    folder: str = ""


class ExecIn(NamedTuple):
    """The same, once the engine has found the container. Answer: `ExecAnswer`."""

    key: str
    words: tuple[str, ...]
    env: tuple[str, ...] = ()
    user: str = ""
    folder: str = ""


class ExecAnswer(NamedTuple):
    code: int
    stdout: str = ""
    stderr: str = ""


class CreateExec(NamedTuple):
    """The Engine API does it in two steps: this is kept until it is started. Answer: its id, 64 hexadecimal digits."""

    wish: Exec


class StartExec(NamedTuple):
    """Answer: `ExecAnswer`."""

    id: str


class GetExec(NamedTuple):
    """Answer: `ExecRecord`."""

    id: str


class ExecRecord(NamedTuple):
    """A command that somebody wants to run in a container, or has run."""

    id: str
    container: str  # id
    wish: Exec
    code: int | None = None  # None: it has not ended
    started: bool = False


class Logs(NamedTuple):
    """What a `container`, a `service` or a `task` has printed; `gone`: a plain container by its whole id, although it may
    have been removed just now. Answer: LogAnswer. Times are µs."""

    kind: str
    ref: str
    since: int = 0
    until: int = NEVER
    tail: int = -1  # the last lines of each container; -1: all
    seen: tuple[tuple[str, int], ...] = ()  # (task or container, time): of these only what is not older than that


class LogLine(NamedTuple):
    time: int
    stream: str  # stdout · stderr
    text: str
    task: str = ""  # id
    node: str = ""  # id


class LogAnswer(NamedTuple):
    """The lines, container by container in the order in which they came, and why others are missing."""

    lines: tuple[LogLine, ...]
    missing: tuple[str, ...] = ()


class ListImages(NamedTuple):
    """Answer: a tuple of ImageRow, newest first."""


class ImageRow(NamedTuple):
    reference: str  # nginx:alpine
    size: int  # bytes
    used: int  # by how many containers


class PullImage(NamedTuple):
    """Answer: None, when it is there."""

    image: str


class RemoveImage(NamedTuple):
    """Answer: None."""

    ref: str
    force: bool = False


class ListVolumes(NamedTuple):
    """Answer: a tuple of Volume, by name."""


class Volume(NamedTuple):
    """A place on one machine where containers keep data: it stays when they go, and moves nowhere."""

    name: str
    driver: str = "local"
    labels: Mapping = {}
    options: Mapping = {}
    created_at: int = 0
    used: int = 0  # by how many containers
    anonymous: bool = False


class CreateVolume(NamedTuple):
    """Answer: its name."""

    name: str = ""
    driver: str = "local"
    labels: Mapping = {}
    options: Mapping = {}


class RemoveVolume(NamedTuple):
    """Answer: None."""

    ref: str
    force: bool = False


class Connect(NamedTuple):
    """`docker network connect`. Answer: None."""

    network: str
    container: str
    aliases: tuple[str, ...] = ()
    address: str = ""


class Disconnect(NamedTuple):
    """`docker network disconnect`. Answer: None."""

    network: str
    container: str
    force: bool = False


class Events(NamedTuple):
    """What happened here, and on a manager in the swarm, between two times. Answer: a tuple of Event, oldest first."""

    since: int = 0
    until: int = NEVER


class Event(NamedTuple):
    time: int
    kind: str  # container · image · network · volume · service · node · secret · config
    action: str
    id: str
    attributes: Mapping
    scope: str = "local"  # or swarm


class SwarmChanges(NamedTuple):
    """The engine asks the manager of its machine what changed of late. Answer: a tuple of SwarmChange, oldest first."""


class SwarmChange(NamedTuple):
    """An object of the store before and after, None where there is none. Tasks are not among them, as in Docker."""

    time: int
    old: Any
    new: Any


class ListNetworks(NamedTuple):
    """Answer: a tuple of NetworkRow: this machine's own networks and those of the swarm that it knows of."""


class NetworkRow(NamedTuple):
    id: str
    name: str
    driver: str
    scope: str
    labels: dict
    subnet: str = ""  # of a bridge: 172.17.0.0/16
    gateway: str = ""
    internal: bool = False
    attachable: bool = False
    options: Mapping = {}
    created_at: int = 0
    containers: tuple = ()  # (container id, name, address with mask) of plain containers of this machine on it


# about the swarm: passed on to a manager, and by it to the leader


class ListObjects(NamedTuple):
    """Answer: a tuple of objects, oldest first. Nodes carry their manager status."""

    kind: str


class GetObject(NamedTuple):
    """By full id, full name, or a prefix of an id that only one has. Answer: the object."""

    kind: str
    ref: str


class GetCluster(NamedTuple):
    """Answer: the Cluster object."""


class CreateObject(NamedTuple):
    """Answer: the id."""

    spec: Any  # ServiceSpec, NetworkSpec, SecretSpec, ConfigSpec


class UpdateObject(NamedTuple):
    """Answer: None. Refused as out of sequence when the stored version differs."""

    kind: str
    id: str
    version: int
    spec: Any
    rollback: bool = False
    rotate: tuple[str, ...] = ()  # of the cluster: what becomes new with it: worker · manager · unlock-key


class RemoveObject(NamedTuple):
    """Answer: None."""

    kind: str
    ref: str
    force: bool = False


class RotateToken(NamedTuple):
    """Answer: the Cluster object after the change."""

    role: str


class GetUnlockKey(NamedTuple):
    """Answer: SWMKEY-1-…, or '' while autolock is off. The Cluster object itself never shows it."""


class RotateUnlockKey(NamedTuple):
    """Answer: the new key."""


# ── engine ↔ manager: getting in (channel `manager` there, `engine` back) ────────────────────────────────────────


class AskRoot(NamedTuple):
    """A machine that wants in looks at the swarm's root certificate before it shows its token."""


class RootCertificate(NamedTuple):
    certificate: bytes  # DER; its digest has to be the one that stands in the token


class Certify(NamedTuple):
    """A machine shows a token and asks to be a node."""

    token: str
    description: Description
    address: str  # its own IP
    availability: str = "active"
    csr: bytes = b""  # the signing request: a public key


class Certified(NamedTuple):
    """It is one now. The token alone decided the role."""

    node: str
    role: str
    managers: tuple  # (node id, machine, address) of all managers
    certificate: bytes = b""  # DER: who this node is from now on
    others: tuple[bytes, ...] = ()  # that lead from it to the root, while the root is being replaced


class NotCertified(NamedTuple):
    reason: str


class RaftJoin(NamedTuple):
    """A new manager asks to be let into the raft group."""

    node: str
    member: str


class RaftJoined(NamedTuple):
    managers: tuple


class NotRaftJoined(NamedTuple):
    reason: str
    unreachable: bool = False  # nobody answers under the address that the machine advertises


class CallBack(NamedTuple):
    """A leader calls who wants to be a manager, under the address that it advertises."""

    number: int


class CalledBack(NamedTuple):
    """The answer of the machine that was called."""

    number: int


class Renew(NamedTuple):
    """A node asks for a certificate that says what it is to be now, `worker` or `manager`."""

    node: str
    number: int  # stands in the answer, so that a late one is known
    csr: bytes = b""  # for a new key


class Renewed(NamedTuple):
    number: int
    role: str  # '' while that is being decided, or nobody leads
    managers: tuple
    certificate: bytes = b""  # DER
    others: tuple[bytes, ...] = ()
    root: bytes = b""  # the root to trust


class Rotate(NamedTuple):
    """The leader → a node: get a certificate that the owner of this public key has signed."""

    issuer_key: bytes


class TrustRoot(NamedTuple):
    """The leader → a node: this is the root certificate from now on."""

    root: bytes


class Introduce(NamedTuple):
    """A node tells the leader which root it trusts and who signed its certificate, where that has changed."""

    node: str
    tls: TlsInfo


# ── engine ↔ manager core of the same machine (Tell) ─────────────────────────────────────────────────────────────


class FoundSwarm(NamedTuple):
    """Make a new swarm of which this node is the first manager. The manager answers with `SwarmFounded` when the
    cluster object, the node, the ingress network and the local networks are committed."""

    node: str  # id
    member: str
    description: Description
    address: str
    worker_secret: str  # 25 characters
    manager_secret: str
    root: bytes  # the swarm's root certificate, DER
    root_key: int  # the seed of its private key
    csr: bytes  # of this node: its certificate comes back
    options: tuple


class SwarmFounded(NamedTuple):
    worker_token: str
    certificate: bytes = b""  # of the first node, b"" where the swarm is not new


class UnlockKeyIs(NamedTuple):
    """The managers have agreed on another unlock key: to be sealed with it, each on its own machine."""

    key: str  # '' for none
    version: int  # index of the log entry


class RebuildSwarm(NamedTuple):
    """Make a swarm of one manager out of what this one knows, whatever the other managers think of it. The answer is
    `SwarmFounded`."""

    address: str
    options: tuple


class BeManager(NamedTuple):
    """This node was let in as a manager; listen and wait for the leader."""

    node: str
    member: str


class BeNothing(NamedTuple):
    """This machine left the swarm, or is a worker now: forget everything."""


class PapersChanged(NamedTuple):
    """The engine says that it shows another certificate from now on, or none: whoever knew the old one looks again."""


class RefuseNodes(NamedTuple):
    """A manager says which certificates it refuses from now on: (node id, until when, µs) of nodes that were removed."""

    removed: tuple


class StrangeRoot(NamedTuple):
    """To the engine of a machine that has refused a certificate: no root that it knows has signed it."""


class Fellows(NamedTuple):
    """From the manager to the engine: there are others in the raft group. For an engine that has heard of none."""

    managers: tuple  # (node id, machine, address)


class Expelled(NamedTuple):
    """From the manager to the engine: the raft group has removed this member."""

    managers: tuple  # (node id, machine, address) of those who are left


# engine → agent of the same machine


class BeNode(NamedTuple):
    """Work for the swarm under this id; these managers are known."""

    node: str
    managers: tuple  # (node id, machine, address)


class Registered(NamedTuple):
    """From the agent to the engine: the first session is open, the machine really is a node now."""

    role: str


class RoleChanged(NamedTuple):
    """From the agent to the engine: the leader says that this node is to be a `worker` or a `manager`."""

    role: str


class ManagersChanged(NamedTuple):
    """These managers there are now: the leader says it to every agent, and an agent to the engine of its machine."""

    managers: tuple  # (node id, machine, address)


class AttachNetwork(NamedTuple):
    """The engine asks its agent, and that the managers: an address on an overlay for a plain container. `Reply` says no,
    or which task will bring it."""

    id: int
    container: str
    network: str  # name or id
    address: str = ""  # this one
    node: str = ""  # which the agent adds


class DetachNetwork(NamedTuple):
    """By the same way: the address is not needed any more. `Reply`: None."""

    id: int
    task: str
    node: str = ""


class Lent(NamedTuple):
    """From the agent to the engine: this plain container has an address on an overlay, which is here by now."""

    task: str
    container: str
    network: str  # id
    name: str
    address: str  # 10.0.1.5/24
    internal: bool


class TakenBack(NamedTuple):
    """From the agent to the engine: it has that address no more, or does not get it."""

    task: str
    container: str
    kept: bool = False  # by the managers, who have to hear that it is not needed


# ── agent ↔ dispatcher (channels `manager` there, `agent` back) ──────────────────────────────────────────────────


class OpenSession(NamedTuple):
    node: str
    description: Description
    address: str


class SessionAnswer(NamedTuple):
    """The session is open: beat after `period`."""

    session: str
    period: int  # µs until the next heartbeat is due
    managers: tuple  # (node id, machine, address)
    role: str
    keys: tuple = ()  # NetworkKey objects


class NetworkKeys(NamedTuple):
    """The keys of the data plane, after the managers have rotated them: to every agent, and from it to its mesh."""

    keys: tuple  # NetworkKey objects, those of all subsystems


class Heartbeat(NamedTuple):
    node: str
    session: str


class HeartbeatAnswer(NamedTuple):
    period: int
    managers: tuple
    sequence: int = (
        -1
    )  # of the last Assignments sent in this session, so that the node notices a lost one; -1: not said


class SessionInvalid(NamedTuple):
    """`session invalid` · `node not registered` · `no leader` · `node … exceeded rate limit count of registrations`."""

    reason: str


class Assignments(NamedTuple):
    """What the node has to run. The first of a session is complete, later ones only what changed."""

    session: str
    sequence: int
    complete: bool
    tasks: tuple[Task, ...]
    removed: tuple[str, ...] = ()  # task ids
    networks: tuple = ()  # Network objects that the tasks use, and ingress
    services: tuple = ()  # Service objects of the tasks: names, virtual IPs
    role: str = ""  # what the node is to be itself, where that changed
    attached: tuple[Attachment, ...] | None = None  # the addresses of the node itself on networks; None: not told
    secrets: tuple = ()  # Secret and Config objects that the tasks use, as far as the node does not have them
    configs: tuple = ()
    withdrawn: tuple[str, ...] = ()  # ids of those that no task uses any more


class TaskStatus(NamedTuple):
    task: str
    state: int
    message: str
    err: str
    at: int
    container: str = ""
    exit_code: int = 0


class StatusReport(NamedTuple):
    node: str
    session: str
    statuses: tuple[TaskStatus, ...]


class StatusRefused(NamedTuple):
    """Nothing of the report was taken."""

    reason: str


class StatusAnswer(NamedTuple):
    """The leader has committed these (task, state) pairs; what is not acknowledged is reported again."""

    reported: tuple[tuple[str, int], ...]


# ── manager ↔ manager (channel `manager`): followers forward, the leader answers by the same way ─────────────────


class Forward(NamedTuple):
    """A follower passes on what it got. `origin` is the machine, `channel` where the answer goes there."""

    origin: str
    channel: str
    message: Any


class Relay(NamedTuple):
    """The leader's answer, to be passed on by the follower."""

    to: str
    channel: str
    message: Any


# ── engine ↔ engine: lines of containers on their way to the manager that was asked (channel `engine`) ───────────


class FetchLogs(NamedTuple):
    """A manager's engine asks the engine of a node for the lines of these tasks."""

    number: int
    tasks: tuple[str, ...]
    since: int
    until: int
    tail: int
    seen: tuple[tuple[str, int], ...] = ()


class FetchedLogs(NamedTuple):
    number: int
    lines: tuple[LogLine, ...]


# ── agent ↔ executor of the same machine: the pretend container runtime ──────────────────────────────────────────


class Prepare(NamedTuple):
    """Pull the image if it is missing and make a container. Answer: `Prepared` or `Broken`."""

    key: str  # the task id; for a plain container its own id
    image: str
    name: str
    args: tuple[str, ...]
    labels: dict
    ports: tuple[PortConfig, ...] = ()
    settings: ContainerSettings = ContainerSettings()


class Prepared(NamedTuple):
    key: str
    container: str


class FileInside(NamedTuple):
    """A secret or config as a file in a container."""

    kind: str  # secret · config
    id: str
    name: str
    path: str
    data: bytes = b""
    uid: str = "0"
    gid: str = "0"
    mode: int = 0o444
    memory: bool = True  # it lies in memory and goes when the container ends; else on its disk


class Start(NamedTuple):
    """Answer: `Running`, then one day `Exited`; or `Broken`."""

    key: str
    fault: str = ""  # with which the process ends at once: it cannot have its port
    files: tuple[FileInside, ...] = ()
    unready: str = ""  # why its files are not to be had, so that it cannot be started


class Running(NamedTuple):
    key: str
    health: str = ""  # starting: it has a health check, and nobody knows yet


class Stop(NamedTuple):
    """Send the stop signal; after the grace period kill. Answer: `Exited`."""

    key: str
    grace: int


class HealthIs(NamedTuple):
    """Without a question: the health checks of a container have come to another verdict."""

    key: str
    status: str  # healthy · unhealthy


class Exited(NamedTuple):
    key: str
    code: int


class Rename(NamedTuple):
    """Call the container otherwise from now on. No answer."""

    key: str
    name: str


class Discard(NamedTuple):
    """Delete the container, running or not. No answer."""

    key: str
    volumes: bool = False  # those too that nobody named


class KeepOnly(NamedTuple):
    """These are all tasks of the node: delete the containers of others, which a crash may have left behind. No answer."""

    keys: tuple[str, ...]


class Broken(NamedTuple):
    """It could not be done."""

    key: str
    reason: str  # 'No such image: web:nope'


class Serve(NamedTuple):
    """A request has reached this container. Answer after its service time: `Served`."""

    request: int
    key: str
    path: str = ""
    port: int = 0  # that was asked, as the container sees it
    origin: int = 0  # the request of a visitor for which it is asked; 0 if there is none
    body: Any = None  # what applications say to each other
    traced: bool = False
    depth: int = 0  # so many containers have asked each other before


class Served(NamedTuple):
    request: int
    key: str
    status: int  # 200, or 0 when nothing listens any more
    hops: tuple = ()  # (kind, machine, detail) of what the container has asked others for it
    body: Any = None


class Resolve(NamedTuple):
    """From the runtime to the mesh: what does this name mean to this container? Answer: `Resolved`."""

    number: int
    name: str
    key: str


class Resolved(NamedTuple):
    number: int
    key: str
    addresses: tuple[str, ...]
    own: tuple[str, ...]  # the addresses of the container itself


class Plug(NamedTuple):
    """To the mesh: from now on frames of this network pass this machine, or do not."""

    network: str  # id
    there: bool


class Stirred(NamedTuple):
    """From the traffic to the runtime: requests that came by the thousand have left something to write down here."""

    key: str
    what: str  # keep · print


class Waits(NamedTuple):
    """From the runtime to the traffic: a request has joined the line of this container."""

    key: str


class Finished(NamedTuple):
    """From the traffic: the line has come to this request, and it is done."""

    request: int
    key: str
    sender: str  # the core that asked for it


class Dropped(NamedTuple):
    """From the runtime to the traffic: this container has ended, and with it all that was in its line."""

    key: str
    requests: tuple
    talks: tuple  # connections that were open


# ── agent, engine → mesh, gossip of the same machine: who can be reached here ────────────────────────────────────


class Endpoint(NamedTuple):
    """One running task as the network sees it."""

    task: str  # id
    name: str  # web.1
    service: str  # id
    service_name: str
    machine: str
    addresses: tuple  # (network id, network name, address without mask)
    virtual_ips: tuple  # (network id, network name, address without mask)
    ports: tuple[PortConfig, ...]
    aliases: tuple  # (network id, alias)
    mode: str = "vip"
    vtep: str = ""  # the address under which other nodes reach this one
    container: str = ""  # its id, of which the first twelve digits are a name, too
    cache: int = 0  # µs for which the process in it keeps the answers of the name service
    way_out: str = "bridge"  # how it reaches other machines: bridge · host, on the network of its own · none: internal


class Attach(NamedTuple):
    """This container has got its interfaces: whoever knows its addresses reaches it. Nobody is sent there yet."""

    endpoint: Endpoint


class Expose(NamedTuple):
    """This endpoint may be sent requests from now on: names and load balancers lead to it."""

    endpoint: Endpoint


class Withdraw(NamedTuple):
    """No more new requests to this task, please; its addresses still lead there."""

    task: str


class Detach(NamedTuple):
    """The container is gone, and its interfaces with it."""

    task: str


class OverlayNetwork(NamedTuple):
    """What the agent of a node knows of a network of the swarm that is used there."""

    id: str
    name: str
    subnet: str  # 10.0.1.0/24
    gateway: str
    vni: int
    address: str  # of this node's own load balancer there, without mask; '' until it has one
    encrypted: bool = False
    ingress: bool = False
    mtu: int = 1500  # of the wire below, as the driver option says


class NetworksHere(NamedTuple):
    """From the agent to the mesh: the overlay networks of this node, all of them, whenever something changes."""

    networks: tuple[OverlayNetwork, ...]


class Advertised(NamedTuple):
    """From the engine to the mesh: under this address the other nodes are told to reach this one."""

    address: str


class JoinGossip(NamedTuple):
    """Get to know the others, by way of these machines."""

    peers: tuple[str, ...]


class LeaveGossip(NamedTuple):
    """Say goodbye."""


# ── mesh ↔ gossip of the same machine: two tables for each overlay network [NetworkDB] ──────────────────────────

PEERS, ENDPOINTS = "overlay_peer_table", "endpoint_table"


class Peer(NamedTuple):
    """A row of PEERS: behind which node an address of the network is found."""

    address: str
    mac: str
    machine: str
    vtep: str  # the address of that node: where VXLAN frames for it are sent


class Binding(NamedTuple):
    """A row of ENDPOINTS: one task on one network, for names and load balancers."""

    task: str  # id
    name: str  # web.1
    service: str  # id
    service_name: str
    machine: str
    network: str  # id
    network_name: str
    address: str
    virtual_ip: str  # '' with dnsrr
    ports: tuple[PortConfig, ...]  # published ones; on the ingress network only
    aliases: tuple[str, ...]
    mode: str = "vip"
    enabled: bool = True  # False: it is about to stop, and gets no new requests
    container: str = ""  # the first twelve digits of its container's id


class Entry(NamedTuple):
    """A row as it is known now; `value` None: there is none any more, or its owner has failed."""

    network: str
    table: str
    key: str  # task id
    owner: str  # machine
    value: Peer | Binding | None


class EnterNetwork(NamedTuple):
    """From the mesh to gossip: this node has a container on the network now, and carries its tables."""

    network: str


class QuitNetwork(NamedTuple):
    """The last container of this node on the network has gone."""

    network: str


class Publish(NamedTuple):
    """Tell the others on the network of a row of this node; None deletes it."""

    network: str
    table: str
    key: str
    value: Peer | Binding | None


class TablesChanged(NamedTuple):
    """From gossip to the mesh: rows of other nodes that changed, in the order in which they did."""

    entries: tuple[Entry, ...]
