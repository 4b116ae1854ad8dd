"""Every fact that can happen, in the past tense.

The trace is a list of these. The `source` of the record says on which machine it happened, so a fact does not repeat
it. The first line of each docstring is what `why` prints to a learner; the bracket at its end names where the rule
comes from. Fields are plain values (text, whole numbers, tuples of them), so that the text form of a trace is the
same everywhere. Times are µs of virtual time.
"""

from typing import NamedTuple

# ── machines and links: what the world does ──────────────────────────────────────────────────────────────────────


class MachineStarted(NamedTuple):
    """The machine booted."""


class MachineCrashed(NamedTuple):
    """The machine lost power: what was in memory is gone, what was on disk stays."""


class MachineShutDown(NamedTuple):
    """The machine was shut down in order."""


class MachineFrozen(NamedTuple):
    """The machine stopped for a while, as under a long garbage collection, and does not know it."""

    until: int


class MachineThawed(NamedTuple):
    """The machine goes on where it stopped, unaware of the gap."""


class MachineAdded(NamedTuple):
    """A machine was put into the rack."""

    cpus: int
    memory: int  # bytes
    zone: str


class MachineLoaded(NamedTuple):
    """The machine's own work slows it down: whatever it does happens later by about this much."""

    lag: int


class ClockChanged(NamedTuple):
    """From now on so many seconds pass on the machine's clock in one true second."""

    rate: float


class DiskChanged(NamedTuple):
    """From now on each write to the machine's disk takes so long."""

    lag: int  # µs


class DiskDamaged(NamedTuple):
    """Something on the machine's disk is not what was written any more."""

    core: str
    what: str


class Partitioned(NamedTuple):
    """The network was cut between these groups of machines."""

    groups: tuple
    one_way: bool = False


class Healed(NamedTuple):
    """All cuts of the network were mended."""


class LinkChanged(NamedTuple):
    """A link between two machines was made better or worse."""

    one: str
    other: str
    settings: tuple  # (name, value) pairs


class PortBlocked(NamedTuple):
    """A firewall now drops what goes to or from this port of the machine."""

    port: str  # '4789/udp'


class PortUnblocked(NamedTuple):
    """The firewall lets this port through again."""

    port: str


# ── raft: what managers agree on ─────────────────────────────────────────────────────────────────────────────────


class BecameFollower(NamedTuple):
    """It follows in this term [Raft §5.1]."""

    term: int


class BecamePreCandidate(NamedTuple):
    """It heard from no leader for a whole time-out and asks who would vote for it, before it disturbs anybody
    [dissertation §9.6]. The term is still the old one."""

    term: int


class BecameCandidate(NamedTuple):
    """It heard from no leader for a whole time-out and asks for votes in a new term [Raft §5.2]."""

    term: int


class BecameLeader(NamedTuple):
    """A majority of the members voted for it in this term [Raft §5.2]."""

    term: int


class SteppedDown(NamedTuple):
    """A leader that does not hear from a majority stops leading [dissertation §6.2]."""

    term: int


class VoteGranted(NamedTuple):
    """It gave its one vote of this term, to a log at least as up to date as its own [Raft §5.2, §5.4.1]."""

    term: int
    candidate: str


class VoteRefused(NamedTuple):
    """It refused its vote, because it `voted already`, or the candidate's `log is behind` [Raft §5.2, §5.4.1]."""

    term: int
    candidate: str
    reason: str


class LeaderRecognised(NamedTuple):
    """It heard from the leader of this term [Raft §5.2]."""

    term: int
    leader: str


class EntriesAppended(NamedTuple):
    """It wrote entries to its log; they are not agreed on yet [Raft §5.3]."""

    first: int
    last: int
    term: int


class EntriesCut(NamedTuple):
    """It removed entries that the leader's log contradicts [Raft §5.3]."""

    first: int


class CommitAdvanced(NamedTuple):
    """It knows that everything up to this index is on a majority and will not change any more [Raft §5.3, §5.4.2]."""

    index: int


class SnapshotTaken(NamedTuple):
    """It wrote down the state after the entry at `index`; the log on its disk now begins at `first` [Raft §7]."""

    index: int
    first: int


class SnapshotInstalled(NamedTuple):
    """It lagged too far behind and took over the leader's snapshot, in place of its log [Raft §7]."""

    index: int
    term: int


class TransferBegun(NamedTuple):
    """A leader wants this machine to lead in its place [dissertation §3.10]."""

    to: str


class TransferEnded(NamedTuple):
    """It did not work out within an election time-out: the old leader goes on [dissertation §3.10]."""

    to: str


class GroupChanged(NamedTuple):
    """Who has a vote, from the entry at `index` on; `outgoing` is the old half while two halves must agree
    [Raft §6]. All are machines, sorted."""

    index: int
    voters: tuple
    outgoing: tuple
    learners: tuple


class LogUnreadable(NamedTuple):
    """What is on its disk is no log: it refuses to take part."""

    reason: str


class MemberAdded(NamedTuple):
    """The group has one more member [Raft §6]."""

    machine: str
    member: str


class MemberRemoved(NamedTuple):
    """The group has one member less [Raft §6]."""

    machine: str
    member: str


class ReachabilityChanged(NamedTuple):
    """The leader does, or does not, get answers from this member."""

    machine: str
    reachable: bool


# ── the store: what the managers have written down ───────────────────────────────────────────────────────────────
# Noted by whoever leads when it applies an entry; `index` is the entry's index. Every manager notes `Applied`, so
# what any of them believes is the fold of these facts up to the index that it has applied.


class Applied(NamedTuple):
    """This manager's copy of the store now includes the log up to this index."""

    index: int


class Planned(NamedTuple):
    """The leader compared what is with what should be, and proposes to change it."""

    planner: str
    changes: int


class Scheduled(NamedTuple):
    """The scheduler tried to place the tasks of one version of a service. [swarmkit manager/scheduler]"""

    service: str
    spec_version: int
    placed: int
    left: int  # tasks for which there was no suitable node
    counts: tuple  # (filter, nodes that it turned down since one passed them all), if any task is left


class ClusterStored(NamedTuple):
    """The settings of the swarm were written."""

    index: int
    id: str


class NodeStored(NamedTuple):
    """What the managers know of a node was written."""

    index: int
    id: str
    machine: str
    role: str
    availability: str
    state: str
    message: str
    labels: tuple


class ServiceStored(NamedTuple):
    """A service, what somebody wants to run, was written."""

    index: int
    id: str
    name: str
    mode: str
    replicas: int
    image: str
    ports: tuple  # published port numbers
    stack: str
    spec_version: int
    update: tuple = ()  # (state, message) of its update, if there is one
    previous: tuple = ()  # (spec version, image) to which a rollback would lead, if there is one


class TaskStored(NamedTuple):
    """A task, one attempt to fill one slot on one node, was written."""

    index: int
    id: str
    service: str  # id
    name: str  # web.1
    slot: int
    node: str  # id; '' while nobody chose
    desired: str
    state: str
    message: str
    err: str
    image: str
    reserved: tuple = (0, 0)  # thousand-millionths of a processor, bytes
    limits: tuple = (0, 0)
    spec_version: int = 0  # of its service, when it was made


class AttachmentWritten(NamedTuple):
    """An address for a plain container on an overlay was asked for, given, or is in use."""

    index: int
    id: str  # of the task that holds it
    node: str  # id
    container: str
    network: str  # id
    address: str  # '' while there is none
    state: str


class UpdateBegun(NamedTuple):
    """A rolling update, or a rollback, found out what it has to replace. [swarmkit: manager/orchestrator/update]"""

    service: str  # id
    spec_version: int
    places: tuple  # slots, or nodes of a global service, in the order in which they are taken; as text
    workers: int
    rollback: bool


class SlotTaken(NamedTuple):
    """A worker of a rolling update takes its next slot. [swarmkit: manager/orchestrator/update/updater.go]"""

    service: str  # id
    place: str  # the slot's number; of a global service the node's id
    task: str  # the new one, or the one that is kept


class RestBegan(NamedTuple):
    """The slot is renewed: its worker sleeps for the delay before it takes another one."""

    service: str  # id
    place: str
    until: int


class FailureCounted(NamedTuple):
    """A new task of a rolling update ended too soon, and counts against its failure ratio."""

    service: str  # id
    task: str
    failures: int  # so far
    slots: int  # of which so many were to be renewed
    ratio: float  # what the share of failures must exceed, for the failure action to follow


class UpdateStopped(NamedTuple):
    """Too many new tasks failed: no more slots are taken. The service is paused or rolled back, if it can be."""

    service: str  # id
    task: str  # the one too many
    reason: str


class LastWatchBegan(NamedTuple):
    """Every slot is renewed: the update watches its new tasks for a while before it is completed."""

    service: str  # id
    until: int


class NetworkStored(NamedTuple):
    """A network was written."""

    index: int
    id: str
    name: str
    subnet: str
    vni: int


class SecretStored(NamedTuple):
    """A secret was written."""

    index: int
    id: str
    name: str


class ConfigStored(NamedTuple):
    """A config was written."""

    index: int
    id: str
    name: str


class ObjectRemoved(NamedTuple):
    """An object was taken out of the store."""

    index: int
    kind: str
    id: str


# ── dispatcher: what the leader believes about nodes ─────────────────────────────────────────────────────────────


class SessionOpened(NamedTuple):
    """The node registered with the leader, which now counts on its heartbeats."""

    machine: str


class HeartbeatsMissed(NamedTuple):
    """Three heartbeat periods passed without a sign of life: the node counts as down [docs: docker swarm update --dispatcher-heartbeat]."""

    machine: str
    last: int  # when the last one came


# ── workers: what truly runs ─────────────────────────────────────────────────────────────────────────────────────


class TaskProgressed(NamedTuple):
    """The agent took its task one state further, and will report it."""

    task: str
    service: str  # name
    slot: int
    state: str
    err: str


class PullStarted(NamedTuple):
    """The node asks the registry for an image that it does not have."""

    image: str


class ImagePulled(NamedTuple):
    """The image is on this node now."""

    image: str
    size: int  # bytes


class ContainerCreated(NamedTuple):
    """A container was made; nothing runs in it yet."""

    container: str
    name: str
    image: str
    task: str  # '' for a plain `docker run`


class ContainerStarted(NamedTuple):
    """The process in the container runs."""

    container: str
    task: str


class ContainerExited(NamedTuple):
    """The process in the container ended."""

    container: str
    task: str
    code: int


class HealthChanged(NamedTuple):
    """The health checks of a container have come to another verdict."""

    container: str
    task: str  # id, '' for a plain container
    status: str  # healthy · unhealthy
    streak: int  # failures in a row


class ProbeEnded(NamedTuple):
    """A health check of a container came to its end, or was given up after its timeout. [moby: daemon/health.go]"""

    container: str
    task: str  # id, '' for a plain container
    began: int
    code: int  # 0: well; -1: given up
    streak: int  # failures in a row after it
    counted: bool = True  # False: it failed in the start period
    ahead: int = 0  # requests that the container worked on or kept waiting when the check began
    workers: int = 0  # on how many of them it works at once; 0: on any number
    output: str = ""  # what a check said that failed


class ApplicationTurned(NamedTuple):
    """The application in a container, whose process runs on, is well, or no more."""

    container: str
    task: str
    mood: str  # well · unwell · hangs


class LogShipped(NamedTuple):
    """A line that a container printed left the node at once, by its logging driver."""

    driver: str
    options: tuple  # (name, value) pairs
    task: str  # id, '' for a plain container
    container: str  # its name
    stream: str  # stdout · stderr
    text: str


class LogIndexed(NamedTuple):
    """Elasticsearch has taken a line that a container printed at `time`: it can be found, whatever becomes of its node.

    `node` and `number` make it one of its kind: a line that was sent twice is there once."""

    time: int  # it was printed
    node: str  # the machine on which that was
    number: int
    service: str  # name, '' for a plain container
    task: str  # id
    name: str  # web.1
    stream: str  # stdout · stderr
    text: str


class LinesLost(NamedTuple):
    """Lines that were under way to Elasticsearch were lost with the memory in which they waited."""

    task: str  # that printed them, or had taken them from others
    lines: int
    reason: str


class Measured(NamedTuple):
    """Elasticsearch has a measurement of this node, or of one of its containers, for the time since the one before
    [Metricbeat: period 10s]."""

    time: int  # when it was measured
    task: str  # id; '' for the node as a whole
    service: str  # name
    name: str  # web.1
    cpu: int  # thousandths: of a container, of one processor; of the node, of all that it has
    memory: int  # bytes
    requests: int  # answered since
    latency: int  # µs that each of them took on average; 0 without any


class CallSent(NamedTuple):
    """A task asks another service before it answers a request."""

    request: int  # of the visitor
    task: str  # id of the one that asks
    service: str  # as it calls it: a name, or an address
    port: int
    server: str = ""  # a balancer says which of its servers it has chosen
    call: int = 0  # the number of its own request


class CallAnswered(NamedTuple):
    """The service has answered the task that asked it, or nobody has: 502 refused, 503 unavailable, 504 not in time."""

    request: int  # of the visitor
    task: str  # id of the one that asked
    service: str
    status: int
    by: str  # id of the task that answered, '' for nobody
    took: int
    call: int = 0


class ServerJudged(NamedTuple):
    """A balancer in a container has come to another view of one of its servers [HAProxy: rise, fall]."""

    task: str  # id of the balancer
    farm: str
    server: str
    up: bool
    reason: str  # what the last check met


class MemberSeen(NamedTuple):
    """A member of a group of applications has an answer from another one."""

    task: str
    group: str
    member: str


class MemberMissed(NamedTuple):
    """A member of a group has said goodbye to this one, or was silent for too long."""

    task: str
    group: str
    member: str


class QuorumFound(NamedTuple):
    """This member of a group sees enough of it, itself included, and does its work [pause_minority; minimum_master_nodes]."""

    task: str
    group: str
    sees: int
    least: int


class QuorumLost(NamedTuple):
    """This member sees too few of its group: a broker pauses, a search node has no master [pause_minority;
    minimum_master_nodes]."""

    task: str
    group: str
    sees: int
    least: int


class MasterChosen(NamedTuple):
    """A search node follows this master from now on: the first by name of those that it sees."""

    task: str
    group: str
    master: str  # address
    sees: int


class BrokerStarted(NamedTuple):
    """A broker begins with the messages that lie on its volume, on this node: a volume follows no task."""

    task: str
    broker: str
    volume: str
    messages: int


class MessagesKept(NamedTuple):
    """So many messages of its queue lie on the broker's volume now."""

    task: str
    broker: str
    messages: int


class MessagesCopied(NamedTuple):
    """The mirror of a broker's queue has so many messages now [ha-mode: exactly two]."""

    task: str
    broker: str
    mirror: str
    messages: int


class MessagesRestored(NamedTuple):
    """Another broker had more messages of its queue than its own volume: it takes them over."""

    task: str
    broker: str
    source: str
    messages: int


class FileDelivered(NamedTuple):
    """A secret or config is here now: in the memory of the node's agent, or, with a task, as a file in its container
    [swarm.md §12, §16]."""

    kind: str  # secret · config
    id: str
    name: str
    task: str = ""


class FileWithdrawn(NamedTuple):
    """The node's agent has forgotten a secret or config: no task here that may still run uses it [swarm.md §12]."""

    kind: str
    id: str
    name: str


class LoggedIn(NamedTuple):
    """A pretended application has got into the service that it works with."""

    task: str
    service: str  # as the application calls it


class LoginFailed(NamedTuple):
    """A pretended application did not get in: a wrong password, or nobody there."""

    task: str
    service: str
    reason: str


class ContainerRemoved(NamedTuple):
    """The container was deleted from this node."""

    container: str
    task: str


# ── overlay: who can be reached, and how ─────────────────────────────────────────────────────────────────────────


class PeerJoined(NamedTuple):
    """This node learned of another node by gossip."""

    machine: str


class PeerSuspected(NamedTuple):
    """A probe of the other node was not answered; it has some seconds to show that it lives [SWIM §4.2]."""

    machine: str


class PeerFailed(NamedTuple):
    """This node holds the other one for dead and no longer sends requests there [SWIM §4.1]."""

    machine: str


class PeerCleared(NamedTuple):
    """The suspected node has shown that it lives, by raising its incarnation [SWIM §4.2]."""

    machine: str


class PeerLeft(NamedTuple):
    """The other node said goodbye."""

    machine: str


class BackendAdded(NamedTuple):
    """This node's load balancer may now send requests of the service to this task."""

    service: str
    task: str
    machine: str


class BackendRemoved(NamedTuple):
    """This node's load balancer no longer sends requests to this task."""

    service: str
    task: str
    machine: str


class NetworkUnplugged(NamedTuple):
    """Frames of this one overlay network do not pass this machine any more."""

    network: str  # name


class NetworkPlugged(NamedTuple):
    """Frames of this overlay network pass this machine again."""

    network: str


class RequestSent(NamedTuple):
    """A visitor asked for something."""

    request: int
    url: str
    to: str  # the machine that was asked


class RequestForwarded(NamedTuple):
    """A load balancer chose a task for the request and sent it on."""

    request: int
    task: str
    to: str  # machine


class FrameDropped(NamedTuple):
    """A node threw a packet of a request away, and told nobody."""

    request: int
    reason: str


class PacketPassed(NamedTuple):
    """A packet that is traced leaves this stop of its way."""

    request: int
    layer: str  # client · container · sandbox · gwbridge · bridge · vtep · host
    said: str  # what happens here
    source: str  # address:port when it leaves
    target: str
    back: bool = False  # it is the answer
    rule: str = ""  # the rule that acted
    macs: tuple = ()  # (from, to)
    vni: int = 0
    outer: tuple = ()  # (from, to) of the packet around it
    lost: str = ""  # why it ends here
    key: tuple = ()  # (tag, key) with which it is encrypted just now


class PacketLost(NamedTuple):
    """A packet that is traced was lost between two machines."""

    request: int
    to: str
    channel: str
    fate: str  # down · cut · blocked · lost · too big


class RequestServed(NamedTuple):
    """A task answered the request."""

    request: int
    task: str


class RequestAnswered(NamedTuple):
    """The visitor has the answer."""

    request: int
    status: int
    task: str
    latency: int


class RequestFailed(NamedTuple):
    """The visitor got no answer, or a refusal."""

    request: int
    error: str


class TrafficStarted(NamedTuple):
    """Many requests begin to come; what became of each is in the trace's `requests`."""

    load: str
    url: str


class TrafficEnded(NamedTuple):
    """The last request of a load is over."""

    load: str
    requests: int
    answered: int


class ServerOut(NamedTuple):
    """The balancer in front of the nodes sends no more requests of this load to this one."""

    load: str
    machine: str


class ServerBack(NamedTuple):
    """The balancer in front of the nodes sends requests to this one again."""

    load: str
    machine: str


class ContainerPaced(NamedTuple):
    """A container works at another speed from now on; 1 is as usual."""

    container: str
    task: str
    speed: float


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Commanded(NamedTuple):
    """Somebody typed a docker command on this machine."""

    command: str


class ApiCalled(NamedTuple):
    """A client asked the engine of this machine for a change, over its API."""

    request: str  # POST /services/create


class CommandReturned(NamedTuple):
    """The command came back."""

    exit_code: int
    line: str  # the first line it printed


class CertificateIssued(NamedTuple):
    """The machine has a new certificate [swarm.md §15]. Roots are named by the id of their key, as certificates name them."""

    node: str
    role: str
    issuer: str  # key id of the root that signed it
    root: str  # key id of the root that the machine trusts
    serial: str  # hexadecimal
    ends: int  # µs
    why: str  # init · join · role · expiry · rotation · autolock


class RootTrusted(NamedTuple):
    """The machine believes in this root certificate from now on, and in no other."""

    root: str  # key id


class RootRotationBegun(NamedTuple):
    """The swarm has a new root certificate; the old one is trusted until every node has a certificate of the new one."""

    old: str  # key id
    new: str


class RootRotationEnded(NamedTuple):
    """The old root certificate is dropped, and the join tokens have changed."""

    root: str  # key id of the one that is left


class ConnectionRefused(NamedTuple):
    """The machine does not speak with another one on port 2377: its certificate is not in order. Said once, until the
    reason changes."""

    other: str
    channel: str
    reason: str


class SwarmNotStarted(NamedTuple):
    """The machine booted, and its certificate does not hold any more: it has to leave the swarm, and to join again."""

    reason: str


class SwarmJoined(NamedTuple):
    """The machine is now a node of the swarm."""

    node: str
    role: str


class SwarmLeft(NamedTuple):
    """The machine left the swarm."""

    node: str


class ManagerLocked(NamedTuple):
    """The machine booted, and its key file is sealed: it takes part in nothing until somebody gives the unlock key
    [swarm.md §14]."""


class ManagerUnlocked(NamedTuple):
    """Somebody gave the right unlock key."""


class KeyFileWritten(NamedTuple):
    """A manager has sealed its key file with another unlock key, or, with `sealed` False, laid it open again."""

    sealed: bool
    new_log_key: bool  # its log is sealed with a new key from now on, too
    version: int  # index of the log entry that named the unlock key
