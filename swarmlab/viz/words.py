"""What each fact is called on the board: a few words that follow the name of its source, and the stops of the time line."""

from typing import Any

TEXTS = {  # what the source did, as the rest of a sentence that begins with its name
    "MachineStarted": "booted",
    "MachineCrashed": "lost power",
    "MachineShutDown": "was shut down",
    "MachineFrozen": "froze",
    "MachineThawed": "goes on after its freeze",
    "MachineAdded": "was put into the rack",
    "MachineLoaded": "is slowed down by its own work",
    "Partitioned": "cut the network: {groups}",
    "Healed": "mended all cuts",
    "LinkChanged": "changed the link {one} – {other}",
    "PortBlocked": "lets nothing through port {port}",
    "PortUnblocked": "opened port {port} again",
    "BecameFollower": "follows in term {term}",
    "BecamePreCandidate": "asks who would vote for it after term {term}",
    "BecameCandidate": "asks for votes in term {term}",
    "BecameLeader": "leads in term {term}",
    "SteppedDown": "stopped leading term {term}",
    "VoteGranted": "votes for {candidate} in term {term}",
    "VoteRefused": "refuses {candidate} its vote in term {term}: {reason}",
    "LeaderRecognised": "hears from {leader}, leader of term {term}",
    "EntriesAppended": "wrote entries {first} to {last} to its log",
    "EntriesCut": "cut its log from entry {first} on",
    "CommitAdvanced": "knows that entry {index} is committed",
    "SnapshotTaken": "took a snapshot up to entry {index}; its log now begins at {first}",
    "SnapshotInstalled": "took over the leader's snapshot up to entry {index}",
    "TransferBegun": "wants {to} to lead in its place",
    "TransferEnded": "goes on leading: {to} did not take over",
    "GroupChanged": "counts these members from entry {index} on: {voters}",
    "LogUnreadable": "takes no part, for its log cannot be read: {reason}",
    "MemberAdded": "let {machine} into the group",
    "MemberRemoved": "took {machine} out of the group",
    "ReachabilityChanged": "sees {machine}: reachable {reachable}",
    "Applied": "applied the log up to entry {index}",
    "Planned": "proposes {changes} changes by the {planner}",
    "ClusterStored": "stored the settings of the swarm",
    "NodeStored": "stored node {machine}: {state}, {availability}",
    "ServiceStored": "stored service {name}: {replicas} × {image}",
    "UpdateBegun": "begins to replace what fills {places}, by {workers} workers",
    "SlotTaken": "replaces what fills {place} by task {task:.12}",
    "RestBegan": "lets the worker of {place} rest until {until}",
    "FailureCounted": "counts {failures} failed of {slots}; a share above {ratio} is too much",
    "UpdateStopped": "stops the update: {reason}",
    "LastWatchBegan": "watches the new tasks until {until}",
    "TaskStored": "stored {name}: {state}, should be {desired}",
    "AttachmentWritten": "stored an address for plain container {container:.12}: {state}",
    "NetworkStored": "stored network {name} {subnet}",
    "SecretStored": "stored secret {name}",
    "ConfigStored": "stored config {name}",
    "ObjectRemoved": "removed {kind} {id}",
    "SessionOpened": "opened a session for {machine}",
    "HeartbeatsMissed": "missed three heartbeats of {machine}, the last one came at {last}",
    "TaskProgressed": "took {service}.{slot} to {state}",
    "PullStarted": "pulls {image}",
    "ImagePulled": "has pulled {image}",
    "ContainerCreated": "made container {name}",
    "ContainerStarted": "started container {container:.12}",
    "ContainerExited": "saw container {container:.12} exit with {code}",
    "ContainerRemoved": "removed container {container:.12}",
    "PeerJoined": "learned of {machine} by gossip",
    "PeerSuspected": "got no answer from {machine}",
    "PeerFailed": "holds {machine} for dead",
    "BackendAdded": "may now balance requests to a task on {machine}",
    "BackendRemoved": "balances no more requests to a task on {machine}",
    "RequestSent": "sent request {request} to {to}: {url}",
    "RequestForwarded": "forwards request {request} to {to}",
    "FrameDropped": "drops a packet of request {request}: {reason}",
    "PacketPassed": "request {request}, {layer}: {said}",
    "PacketLost": "loses a packet of request {request} on its way to {to} ({fate})",
    "RequestServed": "served request {request}",
    "RequestAnswered": "has the answer to request {request}: {status}",
    "RequestFailed": "got no answer to request {request}: {error}",
    "TrafficStarted": "sends {load} to {url}",
    "TrafficEnded": "saw the end of {load}: {answered} of {requests} requests answered",
    "ServerOut": "sends {load} no more to {machine}",
    "ServerBack": "sends {load} to {machine} again",
    "ProbeEnded": "checked the health of container {container:.12}: {code}, {streak} failures in a row",
    "ApplicationTurned": "has in container {container:.12} an application that is now: {mood}",
    "ContainerPaced": "lets container {container:.12} work at speed {speed}",
    "Commanded": "$ {command}",
    "ApiCalled": "was asked: {request}",
    "ClockChanged": "has a clock that runs at {rate}",
    "DiskChanged": "has a disk that takes {lag} µs for a write",
    "DiskDamaged": "has a damaged disk ({core}): {what}",
    "CommandReturned": "exit {exit_code}: {line}",
    "SwarmJoined": "joined the swarm as {role}",
    "SwarmLeft": "left the swarm",
    "CertificateIssued": "has a new certificate ({why}): {role}, signed by root {issuer:.8}",
    "RootTrusted": "trusts root {root:.8} from now on",
    "RootRotationBegun": "begins to replace root {old:.8} by {new:.8}",
    "RootRotationEnded": "has dropped the old root; {root:.8} is left",
    "SwarmNotStarted": "takes no part in the swarm: {reason}",
    "ConnectionRefused": "refuses {other} on {channel}: {reason}",
    "ManagerLocked": "is locked: its key file is sealed",
    "ManagerUnlocked": "was unlocked",
    "KeyFileWritten": "wrote its key file anew: sealed {sealed}, by the key that entry {version} names",
    "FileDelivered": "has {kind} {name} now",
    "FileWithdrawn": "has forgotten {kind} {name}",
}

TIMES = {  # fields that are instants, µs
    ("HeartbeatsMissed", "last"),
    ("MachineFrozen", "until"),
    ("RestBegan", "until"),
    ("LastWatchBegan", "until"),
}

ROUTINE = ("Heartbeat", "HeartbeatAnswer", "Ping", "Ack", "Rumours", "State")  # messages that are signs of life

MARKS = {  # facts that are worth a stop on the time line
    "MachineCrashed": "fault",
    "MachineShutDown": "fault",
    "MachineFrozen": "fault",
    "Partitioned": "fault",
    "LinkChanged": "fault",
    "PortBlocked": "fault",
    "MachineThawed": "back",
    "Healed": "back",
    "PortUnblocked": "back",
    "BecamePreCandidate": "election",
    "BecameCandidate": "election",
    "BecameLeader": "leader",
    "SteppedDown": "election",
    "HeartbeatsMissed": "down",
    "Commanded": "command",
    "ApiCalled": "command",
    "SwarmJoined": "join",
    "SwarmLeft": "join",
    "ManagerLocked": "down",
    "ManagerUnlocked": "back",
    "RequestFailed": "lost",
    "ServerOut": "down",
    "ServerBack": "back",
}


def text_of(fact) -> str:
    """A fact in a few words that follow the name of its source: `leads in term 2`."""
    name = type(fact).__name__
    if name == "EntriesAppended" and fact.first == fact.last:
        return f"wrote entry {fact.first} to its log"
    if name in TEXTS:
        return TEXTS[name].format_map(
            {key: _field(name, key, value) for key, value in zip(fact._fields, fact, strict=True)}
        )
    return " ".join([name, *(f"{key}={_spoken(value)}" for key, value in zip(fact._fields, fact, strict=True))])


def _field(kind: str, key: str, value: Any) -> str:
    return f"{value / 1_000_000:.3f} s" if (kind, key) in TIMES and isinstance(value, int) else _spoken(value)


def _spoken(value: Any) -> str:
    """A field as text: groups of machines as `a b | c`."""
    if not isinstance(value, tuple | list):
        return str(value)
    nested = any(isinstance(item, tuple | list) for item in value)
    return (" | " if nested else " ").join(_spoken(item) for item in value)
