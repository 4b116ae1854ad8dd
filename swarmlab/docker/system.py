"""`docker info`, `docker version`: what client and engine say of themselves.

Source: docs.docker.com, `docker info`, `docker version`; texts as recorded from Docker 28.2.2.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..messages import GetCluster, Info, ListContainers, ListImages, ListObjects
from ..objects import ApiError
from . import api_engine
from .api_json import Object
from .flags import Options
from .go_values import Typed
from .session import Exit, Screen, Session
from .tables import ago, size
from .template_run import render
from .templates import TemplateError, parse

CLIENT_VERSION = "28.2.2"
CLIENT_API = "1.50"  # what the client could speak, if the engine did
CLIENT_GO = "go1.24.3"

TWO_MANAGERS = """WARNING: Running Swarm in a two-manager configuration. This configuration provides
         no fault tolerance, and poses a high risk to lose control over the cluster.
         Refer to https://docs.docker.com/engine/swarm/admin_guide/ to configure the
         Swarm for fault-tolerance."""


def info(session: Session, options: Options, screen: Screen) -> None:
    """All that the engine says of itself, or what a template picks from it."""
    found = engine_info(session)
    if options["format"]:
        client = {"Version": CLIENT_VERSION, "Context": "default", "Plugins": []}
        _through(screen, options["format"], Object("Info", {**found.values, "ClientInfo": client}))
        return
    screen.say(f"Client:\n Version:    {CLIENT_VERSION}\n Context:    default\n Debug Mode: false\n\nServer:")
    for line in _info_lines(found.values):
        screen.say(line)
    screen.say("")
    for warning in found.values["Warnings"] or ():
        screen.warn(warning)


def engine_info(session: Session) -> Object:
    """`GET /info` of this machine."""
    engine = session.call(Info())
    cluster, nodes, error = None, (), ""
    if engine.manager and engine.swarm == "active":
        try:
            cluster, nodes = session.call(GetCluster()), session.call(ListObjects("node"))
        except ApiError as refusal:
            error = refusal.text
    swarm = api_engine.swarm_info(engine, cluster, nodes, error)
    images = len(session.call(ListImages()))
    found = api_engine.info(engine, session.call(ListContainers(all=True)), images, session.now, swarm)
    warnings = [TWO_MANAGERS] if swarm.get("Managers") == 2 else None
    return Object("Info", {**found.values, "Warnings": warnings})


def _through(screen: Screen, format: str, found: Object) -> None:
    """One object through a template; what it asks for in vain is said in Go's words alone."""
    try:
        template = parse("{{json .}}" if format == "json" else format)
    except TemplateError as fault:
        raise Exit(f"template parsing error: {fault}", 64) from None
    try:
        screen.say(render(template, Typed(found.type, found.values)))
    except TemplateError as fault:
        screen.say("")
        raise Exit(str(fault)) from None


# ── info for people to read ──────────────────────────────────────────────────────────────────────────────────────


def _info_lines(found: Mapping[str, Any]) -> list[str]:
    plugins = found["Plugins"]
    lines = [
        f" Containers: {found['Containers']}",
        f"  Running: {found['ContainersRunning']}",
        "  Paused: 0",
        f"  Stopped: {found['ContainersStopped']}",
        f" Images: {found['Images']}",
        f" Server Version: {found['ServerVersion']}",
        f" Storage Driver: {found['Driver']}",
        *(f"  {name}: {value}" for name, value in found["DriverStatus"]),
        f" Logging Driver: {found['LoggingDriver']}",
        f" Cgroup Driver: {found['CgroupDriver']}",
        f" Cgroup Version: {found['CgroupVersion']}",
        " Plugins:",
        *(f"  {kind}: {' '.join(plugins[kind])}" for kind in ("Volume", "Network", "Log")),
        f" Swarm: {found['Swarm']['LocalNodeState']}",
        *_swarm_lines(found["Swarm"]),
    ]
    return lines + _system_lines(found)


def _system_lines(found: Mapping[str, Any]) -> list[str]:
    registries = found["RegistryConfig"]["InsecureRegistryCIDRs"]
    labels = found["Labels"]
    return [
        f" Runtimes: {' '.join(found['Runtimes'])}",
        f" Default Runtime: {found['DefaultRuntime']}",
        f" Init Binary: {found['InitBinary']}",
        f" containerd version: {found['ContainerdCommit']['ID']}",
        f" runc version: {found['RuncCommit']['ID']}",
        " init version: ",
        " Security Options:",
        "  seccomp",
        "   Profile: default",
        f" Kernel Version: {found['KernelVersion']}",
        f" Operating System: {found['OperatingSystem']}",
        f" OSType: {found['OSType']}",
        f" Architecture: {found['Architecture']}",
        f" CPUs: {found['NCPU']}",
        f" Total Memory: {size(found['MemTotal'])}",
        f" Name: {found['Name']}",
        f" ID: {found['ID']}",
        f" Docker Root Dir: {found['DockerRootDir']}",
        " Debug Mode: false",
        *([" Labels:", *(f"  {label}" for label in labels)] if labels else []),
        " Experimental: false",
        " Insecure Registries:",
        *(f"  {registry}" for registry in registries),
        " Live Restore Enabled: false",
    ]


def _swarm_lines(swarm: Mapping[str, Any]) -> list[str]:
    if swarm["LocalNodeState"] in ("inactive", "locked"):
        return []
    error, cluster = swarm["Error"], swarm.get("Cluster")
    managers = sorted(manager["Addr"] for manager in swarm["RemoteManagers"] or ())
    return [
        f"  NodeID: {swarm['NodeID']}",
        *([f"  Error: {error}"] if error else []),
        f"  Is Manager: {str(swarm['ControlAvailable']).lower()}",
        *(_cluster_lines(swarm, cluster) if cluster and not error else []),
        f"  Node Address: {swarm['NodeAddr']}",
        *(["  Manager Addresses:", *(f"   {address}" for address in managers)] if managers else []),
    ]


def _cluster_lines(swarm: Mapping[str, Any], cluster: Mapping[str, Any]) -> list[str]:
    spec, pools = cluster["Spec"], cluster["DefaultAddrPool"]
    pool = [f"  Default Address Pool: {''.join(f'{one}  ' for one in pools)}"] if pools else []
    return [
        f"  ClusterID: {cluster['ID']}",
        f"  Managers: {swarm['Managers']}",
        f"  Nodes: {swarm['Nodes']}",
        *([*pool, f"  SubnetSize: {cluster['SubnetSize']}"] if pools else []),
        f"  Data Path Port: {cluster['DataPathPort']}",
        "  Orchestration:",
        f"   Task History Retention Limit: {spec['Orchestration']['TaskHistoryRetentionLimit']}",
        "  Raft:",
        f"   Snapshot Interval: {spec['Raft']['SnapshotInterval']}",
        f"   Number of Old Snapshots to Retain: {spec['Raft']['KeepOldSnapshots']}",
        f"   Heartbeat Tick: {spec['Raft']['HeartbeatTick']}",
        f"   Election Tick: {spec['Raft']['ElectionTick']}",
        "  Dispatcher:",
        f"   Heartbeat Period: {ago(spec['Dispatcher']['HeartbeatPeriod'])}",
        "  CA Configuration:",
        f"   Expiry Duration: {ago(spec['CAConfig']['NodeCertExpiry'])}",
        f"   Force Rotate: {spec['CAConfig'].get('ForceRotate', 0)}",
        f"  Autolock Managers: {str(spec['EncryptionConfig']['AutoLockManagers']).lower()}",
        f"  Root Rotation In Progress: {str(cluster.get('RootRotationInProgress', False)).lower()}",
    ]


# ── version ──────────────────────────────────────────────────────────────────────────────────────────────────────


def version(session: Session, options: Options, screen: Screen) -> None:
    """Versions of the client and of the engine, with its parts."""
    server = api_engine.version(session.call(Info())).values
    client = {
        "Version": CLIENT_VERSION,
        "ApiVersion": api_engine.API,
        "DefaultAPIVersion": CLIENT_API,
        "GitCommit": "swarmlab",
        "GoVersion": CLIENT_GO,
        "Os": "linux",
        "Arch": "amd64",
        "BuildTime": "",
        "Context": "default",
    }
    if options["format"]:
        _through(screen, options["format"], Object("Versions", {"Client": client, "Server": server}))
        return
    rows = [("Version", CLIENT_VERSION), ("API version", f"{api_engine.API} (downgraded from {CLIENT_API})")]
    rows += [("Go version", CLIENT_GO), ("Git commit", "swarmlab"), ("Built", ""), ("OS/Arch", "linux/amd64")]
    screen.say("Client:\n" + _columns([*rows, ("Context", "default")], 1) + "\nServer:")
    for component in server["Components"]:
        screen.say(f" {component['Name']}:\n{_columns(_component_rows(component), 2)}".rstrip("\n"))


def _columns(rows: list[tuple[str, str]], indent: int) -> str:
    return "".join(f"{' ' * indent}{name}:".ljust(20) + f"{value}\n" for name, value in rows)


def _component_rows(component: Mapping[str, Any]) -> list[tuple[str, str]]:
    details = component["Details"]
    if component["Name"] != "Engine":
        return [("Version", component["Version"]), *sorted(details.items())]
    return [
        ("Version", component["Version"]),
        ("API version", f"{details['ApiVersion']} (minimum version {details['MinAPIVersion']})"),
        ("Go version", details["GoVersion"]),
        ("Git commit", details["GitCommit"]),
        ("Built", f"{datetime.fromisoformat(details['BuildTime']):%a %b %e %H:%M:%S %Y}"),
        ("OS/Arch", f"{details['Os']}/{details['Arch']}"),
        ("Experimental", details["Experimental"]),
    ]


RUN = {
    "info": info,
    "version": version,
}
