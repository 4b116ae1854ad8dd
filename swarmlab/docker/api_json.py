"""The swarm's objects as the Engine API shows them: each function turns one object into values of a type of `api_types`.

Nothing here knows of the command line or of HTTP. A field that the simulation has nothing for is left empty or made up
from an id, and says so at its line. Source: Docker Engine API v1.41; moby `daemon/cluster/convert`.
"""

# Simpler than in reality (docs/simplifications.md): defaults

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..objects import (
    COMPLETE,
    REMOVE,
    RUNNING,
    STARTING,
    STATES,
    Cluster,
    Config,
    Description,
    Network,
    NetworkSpec,
    Node,
    PortConfig,
    Secret,
    Service,
    Task,
    TlsInfo,
)
from ..trust.certificates import pem
from ..trust.papers import wanted
from .api_specs import endpoint_spec, generic_resources, ports, service_spec, task_spec
from .api_types import Ready, encode


class Object(NamedTuple):
    """An object of the Engine API: a type of `api_types`, and its values by JSON name."""

    type: str
    values: Mapping[str, Any]

    def json(self, shift: int = 0) -> dict[str, Any]:
        """As the engine answers it; its dates are `shift` µs later than simulated time."""
        return encode(self.type, self.values, shift)


def _meta(object: Any) -> dict[str, Any]:
    return {
        "ID": object.id,
        "Version": {"Index": object.version},
        "CreatedAt": object.created_at,
        "UpdatedAt": object.updated_at,
    }


# ── nodes and the swarm ──────────────────────────────────────────────────────────────────────────────────────────


def node(object: Node) -> Object:
    """A node."""
    values = {
        **_meta(object),
        "Spec": {
            "Name": object.spec.given_name,
            "Labels": object.spec.labels,
            "Role": object.spec.role,
            "Availability": object.spec.availability,
        },
        "Description": _description(object.description, object.tls) if object.description else {},
        "Status": {"State": object.state, "Message": object.message, "Addr": object.address},
        "ManagerStatus": _manager_status(object),
    }
    return Object("Node", values)


def _manager_status(object: Node) -> dict[str, Any] | None:
    status = object.manager_status
    if not status:
        return None
    return {"Leader": status.leader, "Reachability": status.reachability, "Addr": status.address}


def _description(described: Description, tls: TlsInfo | None) -> dict[str, Any]:
    plugins = (("Log", described.log_drivers), ("Network", described.network_drivers))
    return {
        "Hostname": described.hostname,
        "Platform": {"Architecture": described.architecture, "OS": described.os},
        "Resources": {
            "NanoCPUs": described.nano_cpus,
            "MemoryBytes": described.memory,
            "GenericResources": generic_resources(described.generic),
        },
        "Engine": {
            "EngineVersion": described.engine_version,
            "Labels": described.engine_labels,
            "Plugins": [
                {"Type": type, "Name": name}
                for type, names in (*plugins, ("Volume", described.volume_drivers))
                for name in names
            ],
        },
        "TLSInfo": tls_info(tls),
    }


def tls_info(tls: TlsInfo | None) -> dict[str, Any]:
    """The root that is trusted, and who signs: of a node, or of the swarm as it is to be."""
    if tls is None:
        return {}
    return {"TrustRoot": pem(tls.root), "CertIssuerSubject": tls.issuer, "CertIssuerPublicKey": tls.issuer_key}


def swarm(object: Cluster, tokens: bool = True) -> Object:
    """The swarm itself; `docker info` shows it without tokens."""
    usual = (object.address_pool, object.subnet_size) == (Cluster("").address_pool, Cluster("").subnet_size)
    values = {
        **_meta(object),
        "Spec": _swarm_spec(object),
        "TLSInfo": tls_info(wanted(object)),
        "RootRotationInProgress": object.rotation is not None,
        "DefaultAddrPool": None if usual else object.address_pool.split(","),  # said only where somebody chose them
        "SubnetSize": object.subnet_size,
        "DataPathPort": object.data_path_port,
    }
    if tokens:
        values["JoinTokens"] = {"Worker": object.worker_token, "Manager": object.manager_token}
    return Object("Swarm", values)


def _swarm_spec(object: Cluster) -> dict[str, Any]:
    return {
        "Name": object.name,
        "Labels": object.labels,
        "Orchestration": {"TaskHistoryRetentionLimit": object.task_history_limit},
        "Raft": {
            "SnapshotInterval": object.snapshot_interval,
            "KeepOldSnapshots": object.keep_old_snapshots,
            "LogEntriesForSlowFollowers": object.log_entries_for_slow_followers,
            "ElectionTick": object.election_tick,
            "HeartbeatTick": object.heartbeat_tick,
        },
        "Dispatcher": {"HeartbeatPeriod": object.heartbeat_period},
        "CAConfig": {
            "NodeCertExpiry": object.certificate_expiry,
            "ExternalCAs": [
                {"Protocol": protocol.lower(), "URL": url, "Options": dict(options)}
                for protocol, url, options in object.external_cas
            ],
            "ForceRotate": object.force_rotate,
        },
        "EncryptionConfig": {"AutoLockManagers": object.autolock},
    }


# ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────


def service(object: Service, insert_defaults: bool = False, tasks: Iterable[Task] | None = None) -> Object:
    """A service. `insert_defaults` fills in what nobody asked for, as `docker service inspect` wants it; with all
    `tasks` of the swarm it also says how many of its own run."""
    previous = object.previous_spec
    allocated = bool(object.ports or object.virtual_ips)
    values = {
        **_meta(object),
        "Spec": service_spec(object.spec, insert_defaults),
        "PreviousSpec": service_spec(previous) if previous else None,
        "Endpoint": {
            "Spec": endpoint_spec(object.spec.endpoint) if allocated else {},
            "Ports": ports(object.ports),
            "VirtualIPs": [{"NetworkID": vip.network, "Addr": vip.address} for vip in object.virtual_ips],
        },
        "UpdateStatus": _update_status(object.update_status),
        "ServiceStatus": None if tasks is None else service_status(object, tasks),
    }
    if object.is_job:
        iteration = {"Index": object.job_iteration}
        values["JobStatus"] = {"JobIteration": iteration, "LastExecution": object.last_execution}
    return Object("Service", values)


def _update_status(status: tuple | None) -> dict[str, Any] | None:
    if status is None:
        return None
    state, message, started, completed = status
    return {"State": state, "StartedAt": started, "CompletedAt": completed or None, "Message": message}


def service_status(object: Service, tasks: Iterable[Task]) -> dict[str, int]:
    """How many tasks run, old and stopping ones included, how many should, and how many of a job are done."""
    own = [task for task in tasks if task.service == object.id]
    running, spec, done = sum(task.state == RUNNING for task in own), object.spec, 0
    if spec.mode.endswith("-job"):
        own = [task for task in own if task.job_iteration == object.job_iteration]
        done = sum(task.state == COMPLETE for task in own)
    wanted = {
        "replicated": spec.replicas,
        "global": sum(task.desired == RUNNING for task in own),
        "replicated-job": spec.max_concurrent,
        "global-job": sum(task.state < COMPLETE and task.desired in (RUNNING, COMPLETE) for task in own),
    }
    return {"RunningTasks": running, "DesiredTasks": wanted[spec.mode], "CompletedTasks": done}


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def task(object: Task, networks: Mapping[str, Network], is_job: bool = False) -> Object:
    """A task. `networks` are those of the swarm by id."""
    own = {one.network: swarm_network(networks[one.network]) for one in object.networks if one.network in networks}
    return _task(object, task_spec(object.spec), own, is_job)


def tasks(objects: Iterable[Task], networks: Iterable[Network], jobs: Container[str], shift: int = 0) -> Iterator[dict]:
    """Many tasks as the engine answers them, one by one: what they share, specs and networks, is encoded once. `jobs` are
    ids of services."""
    known = {one.id: Ready(encode("SwarmNetwork", swarm_network(one), shift)) for one in networks}
    specs: dict[int, Ready] = {}  # by identity: tasks of a service hold the same one
    for object in objects:
        spec = specs.get(id(object.spec))
        if spec is None:
            spec = specs[id(object.spec)] = Ready(encode("TaskSpec", task_spec(object.spec), shift))
        yield _task(object, spec, known, object.service in jobs).json(shift)


def _task(object: Task, spec: Any, networks: Mapping[str, Any], is_job: bool) -> Object:
    values = {
        **_meta(object),
        "Labels": {},
        "Spec": spec,
        "ServiceID": object.service,
        "Slot": object.slot,
        "NodeID": object.node,
        "Status": _task_status(object),
        "DesiredState": STATES[object.desired],
        "NetworksAttachments": [
            {"Network": networks[one.network], "Addresses": [one.address]}
            for one in object.networks
            if one.network in networks
        ],
        "GenericResources": generic_resources(object.assigned_generic),
        "JobIteration": {"Index": object.job_iteration} if is_job else None,
    }
    return Object("Task", values)


def _task_status(object: Task) -> dict[str, Any]:
    begun = object.node and (STARTING <= object.state < REMOVE or object.container)
    return {
        "Timestamp": object.status_at,
        "State": STATES[object.state],
        "Message": object.message,
        "Err": object.err,
        "ContainerStatus": _container_status(object) if begun else None,
        "PortStatus": {"Ports": ports(_bound(object))},
    }


def _container_status(object: Task) -> dict[str, Any]:
    pid = made_up_pid(object.container) if object.state == RUNNING else 0
    return {"ContainerID": object.container, "PID": pid, "ExitCode": object.exit_code}


def made_up_pid(container: str) -> int:
    """A number for a process that does not exist: the same as long as the container lives."""
    return 1000 + int(container[:6] or "0", 16) % 31_000


def _bound(object: Task) -> Sequence[PortConfig]:
    """Each host-mode port of a running task, twice: the engine binds it for IPv4 and for IPv6."""
    if object.state != RUNNING:
        return ()
    return [port for port in object.ports if port.publish_mode == "host" for _ in range(2)]


# ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def swarm_network(object: Network) -> dict[str, Any]:
    """A network as SwarmKit keeps it, which is how tasks carry it."""
    spec = object.spec
    return {
        **_meta(object),
        "Spec": {
            "Name": spec.name,
            "Labels": spec.labels,
            # nobody chose a driver for the network that every swarm is founded with
            "DriverConfiguration": {"Options": spec.options} if spec.ingress else driver(spec),
            "IPv6Enabled": spec.ipv6,
            "Internal": spec.internal,
            "Attachable": spec.attachable,
            "Ingress": spec.ingress,
            "IPAMOptions": {
                "Driver": {} if spec.ingress else {"Name": spec.ipam_driver},
                "Configs": [{"Subnet": net, "Range": range, "Gateway": gate} for net, gate, range in spec.subnets],
            },
            "Scope": spec.scope,
        },
        "DriverState": {"Name": spec.driver, "Options": network_options(object)},
        "IPAMOptions": {
            "Driver": {"Name": spec.ipam_driver},
            "Configs": [{"Subnet": object.subnet, "Gateway": object.gateway}] if object.subnet else [],
        },
    }


def driver(spec: NetworkSpec) -> dict[str, Any]:
    return {"Name": spec.driver, "Options": spec.options}


def network_options(object: Network) -> dict[str, str]:
    """What was asked for, and the number that VXLAN gives the network."""
    number = {"com.docker.network.driver.overlay.vxlanid_list": str(object.vni)} if object.vni else {}
    return {**object.spec.options, **number}


def network(object: Network, here: Mapping[str, Any] | None = None) -> Object:
    """A network of the swarm. `here` is what the machine that is asked adds once it carries the network itself:
    Containers, Peers and, where they are asked for, Services."""
    spec = object.spec
    values = {
        "Name": spec.name,
        "Id": object.id,
        "Created": object.created_at,
        "Scope": spec.scope,
        "Driver": spec.driver,
        "EnableIPv6": spec.ipv6,
        "IPAM": {"Driver": spec.ipam_driver, "Config": _ipam(object)},
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "Ingress": spec.ingress,
        "Options": network_options(object),
        "Labels": spec.labels or (None if here is None else {}),
        **(here or {}),
    }
    return Object("Network", values)


def _ipam(object: Network) -> list[dict[str, str]]:
    if object.subnet:
        ranges = {subnet: range for subnet, _, range in object.spec.subnets}
        return [{"Subnet": object.subnet, "IPRange": ranges.get(object.subnet, ""), "Gateway": object.gateway}]
    return [{"Subnet": subnet, "IPRange": range, "Gateway": gateway} for subnet, gateway, range in object.spec.subnets]


# ── secrets and configs ──────────────────────────────────────────────────────────────────────────────────────────


def secret(object: Secret) -> Object:
    """A secret, whose content is never given out."""
    spec = {"Name": object.spec.name, "Labels": object.spec.labels, **_templating(object)}
    return Object("Secret", {**_meta(object), "Spec": spec})


def config(object: Config) -> Object:
    """A config, with its content."""
    spec = {"Name": object.spec.name, "Labels": object.spec.labels, "Data": object.spec.data, **_templating(object)}
    return Object("Config", {**_meta(object), "Spec": spec})


def _templating(object: Secret | Config) -> dict:
    return {"Templating": {"Name": object.spec.template}} if object.spec.template else {}
