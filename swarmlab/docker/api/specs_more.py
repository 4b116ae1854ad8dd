"""Networks, secrets, configs, nodes and the swarm itself as clients post them → our specs.

Source: Docker Engine API v1.47; moby `daemon/cluster/convert/{network,secret,config,node,swarm}.go`,
`daemon/network.go`.
"""

# Simpler than in reality (docs/simplifications.md): no-plugins

from collections.abc import Mapping
from typing import Any

from ...objects import Cluster, ConfigSpec, NetworkSpec, NodeSpec, SecretSpec, replace
from .asked import Asked, Refusal
from .decode import body

Values = Mapping[str, Any]


def posted_network(asked: Asked) -> NetworkSpec:
    """Raises `Refusal`."""
    return network_spec(body(asked, "NetworkCreate"))


def network_spec(values: Values) -> NetworkSpec:
    """Without a driver it is a bridge of this machine. Raises `Refusal`."""
    if values.get("ConfigOnly") or values.get("ConfigFrom", {}).get("Network"):
        raise Refusal(501, "networks that only hold a configuration are not simulated")
    driver, ipam = values.get("Driver") or "bridge", values.get("IPAM", {})
    scope = values.get("Scope") or ("swarm" if driver == "overlay" else "local")
    if scope not in ("local", "swarm"):
        raise Refusal(400, f"a network's scope is local or swarm here, not {scope!r}")
    return NetworkSpec(
        name=values.get("Name", ""),
        labels=values.get("Labels", {}),
        driver=driver,
        options=values.get("Options", {}),
        internal=values.get("Internal", False),
        attachable=values.get("Attachable", False),
        ingress=values.get("Ingress", False),
        ipv6=values.get("EnableIPv6", False),
        ipam_driver=ipam.get("Driver") or "default",
        subnets=tuple(_subnet(one) for one in ipam.get("Config", ())),
        scope=scope,
    )


def _subnet(values: Values) -> tuple[str, str, str]:
    return values.get("Subnet", ""), values.get("Gateway", ""), values.get("IPRange", "")


def posted_secret(asked: Asked) -> SecretSpec:
    """Raises `Refusal`."""
    values = body(asked, "SecretSpec")
    if "Driver" in values:  # where a plugin keeps it
        raise Refusal(404, f'plugin "{values["Driver"].get("Name", "")}" not found')
    return SecretSpec(**_file(values))


def posted_config(asked: Asked) -> ConfigSpec:
    """Raises `Refusal`."""
    return ConfigSpec(**_file(body(asked, "ConfigSpec")))


def _file(values: Values) -> dict[str, Any]:
    return {
        "name": values.get("Name", ""),
        "labels": values.get("Labels", {}),
        "data": values.get("Data", b""),
        "template": values.get("Templating", {}).get("Name", ""),
    }


def posted_node(asked: Asked) -> NodeSpec:
    """Raises `Refusal`."""
    return node_spec(body(asked, "NodeSpec"))


def node_spec(values: Values) -> NodeSpec:
    return NodeSpec(
        labels=values.get("Labels", {}),
        role=values.get("Role", ""),
        availability=values.get("Availability", ""),
        given_name=values.get("Name", ""),
    )


# ── the swarm ────────────────────────────────────────────────────────────────────────────────────────────────────────


def swarm_spec(values: Values, cluster: Cluster) -> Cluster:
    """The cluster with the settings of a whole spec: what is zero, the engine takes for not said. Raises `Refusal`."""
    if values.get("Name", "") not in ("", "default"):
        raise Refusal(400, 'swarm spec must be named "default"')
    raft, ca = values.get("Raft", {}), values.get("CAConfig", {})
    if ca.get("SigningCACert") or ca.get("SigningCAKey"):
        raise Refusal(501, "the simulated swarm signs with certificates that it has made itself")
    return replace(
        cluster,
        name="default",
        labels=values.get("Labels", {}),
        task_history_limit=values.get("Orchestration", {}).get("TaskHistoryRetentionLimit", 0),
        snapshot_interval=raft.get("SnapshotInterval", 0),
        keep_old_snapshots=raft.get("KeepOldSnapshots", 0),
        log_entries_for_slow_followers=raft.get("LogEntriesForSlowFollowers", 0),
        election_tick=raft.get("ElectionTick", 0),
        heartbeat_tick=raft.get("HeartbeatTick", 0),
        heartbeat_period=values.get("Dispatcher", {}).get("HeartbeatPeriod", 0),
        certificate_expiry=ca.get("NodeCertExpiry", 0),
        external_cas=tuple(_external_ca(one) for one in ca.get("ExternalCAs", ())),
        force_rotate=ca.get("ForceRotate", 0),
        autolock=values.get("EncryptionConfig", {}).get("AutoLockManagers", False),
    )


def _external_ca(values: Values) -> tuple[str, str, tuple]:
    protocol = values.get("Protocol", "")
    if protocol.lower() != "cfssl":
        raise Refusal(400, f'invalid protocol: "{protocol}"')
    return "cfssl", values.get("URL", ""), tuple(values.get("Options", {}).items())
