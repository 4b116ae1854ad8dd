"""`docker network …`: bridges of one machine, overlays of the swarm, and which plain containers are on them.

Source: docs.docker.com, Docker CLI reference; texts as recorded from Docker 28.2.2.
"""

# Simpler than in reality (docs/simplifications.md): scope

from ..messages import Connect, CreateObject, Disconnect, ListNetworks, NetworkRow, RemoveObject
from ..objects import ApiError, NetworkSpec
from .ask import mapping
from .filters import NETWORK_TESTS, matching
from .flags import Options
from .inspect_here import network_row
from .lists import NETWORKS, network_rows
from .prunes import prunable
from .session import Exit, Screen, Session
from .tables import show

INGRESS_WARNING = (
    "WARNING! Before removing the routing-mesh network, make sure all the nodes in your swarm run the same docker "
    "engine version. Otherwise, removal may not be effective and functionality of newly create ingress networks will be "
    "impaired.\nAre you sure you want to continue? [y/N] "
)
PRUNE_WARNING = (
    "WARNING! This will remove all custom networks not used by at least one container.\n"
    "Are you sure you want to continue? [y/N] "
)
SCOPES = ("local", "swarm")
BUILT_IN = ("bridge", "host", "none", "docker_gwbridge", "ingress")


def list_networks(session: Session, options: Options, screen: Screen) -> None:
    networks = matching(session.call(ListNetworks()), options["filter"], NETWORK_TESTS)
    show(screen, NETWORKS, network_rows(networks, not options["no-trunc"]), options["format"], options["quiet"])


def create_network(session: Session, options: Options, screen: Screen) -> None:
    scope = options["scope"] or ("swarm" if options["driver"] == "overlay" else "local")
    if scope not in SCOPES:
        raise Exit(f"a network's scope is local or swarm here, not {scope!r}")
    spec = NetworkSpec(
        name=options.words[0],
        labels=mapping(options["label"]),
        driver=options["driver"],
        options=dict(options["opt"]),
        internal=options["internal"],
        attachable=options["attachable"],
        ingress=options["ingress"],
        ipv6=options["ipv6"],
        subnets=_subnets(options),
        scope=scope,
    )
    screen.say(session.call(CreateObject(spec)))


def _subnets(options: Options) -> tuple[tuple[str, str, str], ...]:
    """Each subnet with the gateway and the range that lie in it. Raises `Exit` for one that lies in none."""
    subnets, left = options["subnet"], {"gateway": list(options["gateway"]), "range": list(options["ip-range"])}
    if len(subnets) < max(map(len, left.values())):
        raise Exit("every ip-range or gateway must have a corresponding subnet")
    found = tuple((subnet, _take(left["gateway"], subnet), _take(left["range"], subnet)) for subnet in subnets)
    for kind, addresses in left.items():
        if addresses:
            raise Exit(f"no matching subnet for {kind} {addresses[0]}")
    return found


def _take(addresses: list[str], subnet: str) -> str:
    """The first of the addresses that lies in the subnet, which is then spoken for; '' for none."""
    inside = next((address for address in addresses if _lies_in(address, subnet)), "")
    if inside:
        addresses.remove(inside)
    return inside


def _lies_in(address: str, subnet: str) -> bool:
    from ipaddress import ip_interface, ip_network  # at first use: few networks name a subnet

    try:
        return ip_interface(address).ip in ip_network(subnet, strict=False)
    except ValueError:
        return False


def remove_networks(session: Session, options: Options, screen: Screen) -> None:
    """One after the other. Of ingress Docker asks first, and nobody is there to say yes."""
    errors = []
    for ref in options.words:
        try:
            network = network_row(session, ref)
            if network.name == "ingress":
                screen.out.append(INGRESS_WARNING)
                continue
            session.call(RemoveObject("network", network.id))
            screen.say(ref)
        except ApiError as refusal:
            if not (options["force"] and refusal.text.endswith(" not found")):
                errors.append(f"Error response from daemon: {refusal.text}")
    if errors:
        raise Exit("\n".join([*errors, "exit status 1"]))


def connect(session: Session, options: Options, screen: Screen) -> None:
    network, container = options.words
    session.call(Connect(network, container, options["alias"], options["ip"]))


def disconnect(session: Session, options: Options, screen: Screen) -> None:
    network, container = options.words
    session.call(Disconnect(network, container, options["force"]))


def prune(session: Session, options: Options, screen: Screen) -> None:
    """Remove what nobody uses. Without --force Docker asks first, and nobody is there to say yes."""
    if not options["force"]:
        screen.out.append(PRUNE_WARNING)
        return
    networks = prunable(session.call(ListNetworks()), options["filter"], session.now)
    gone = prune_networks(session, networks)
    if gone:
        screen.say("\n".join(["Deleted Networks:", *gone, ""]))


def prune_networks(session: Session, networks: list[NetworkRow]) -> list[str]:
    """The names of those that went; one that is in use stays."""
    gone = []
    for network in networks:
        if network.name in BUILT_IN or network.containers:
            continue
        try:
            session.call(RemoveObject("network", network.id))
            gone.append(network.name)
        except ApiError:
            pass
    return gone


RUN = {
    "network connect": connect,
    "network create": create_network,
    "network disconnect": disconnect,
    "network ls": list_networks,
    "network prune": prune,
    "network rm": remove_networks,
}
