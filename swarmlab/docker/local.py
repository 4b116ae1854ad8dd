"""`docker run`, `ps`, `rm` and `docker network …`: containers of one machine, and the networks it knows of.

Source: docs.docker.com, Docker CLI reference; texts as recorded from Docker 28.2.2.
"""

from ..messages import CreateObject, ListContainers, ListNetworks, RemoveContainer, RemoveObject, Run
from ..objects import ApiError, NetworkSpec
from .ask import mapping
from .filters import CONTAINER_TESTS, NETWORK_TESTS, matching
from .flags import Options
from .lists import CONTAINERS, NETWORKS, container_rows, network_rows
from .services import remove_each
from .session import Exit, Screen, Session
from .tables import show
from .units import UnitError, parse_port

INGRESS_WARNING = (
    "WARNING! Before removing the routing-mesh network, make sure all the nodes in your swarm run the same docker "
    "engine version. Otherwise, removal may not be effective and functionality of newly create ingress networks will be "
    "impaired.\nAre you sure you want to continue? [y/N] "
)


def run(session: Session, options: Options, screen: Screen) -> None:
    """`docker run -d`: an error of any kind ends with 125, so that it is not mistaken for one of the container."""
    if not options["detach"]:
        raise Exit("The simulation runs containers in the background only: docker run -d …", 125)
    image, *args = options.words
    try:
        ports = tuple(port for text in options["publish"] for port in parse_port(text))
        screen.say(session.call(Run(image, options["name"], tuple(args), ports)))
    except UnitError as fault:
        raise Exit(f"docker: {fault.text}\n\nRun 'docker run --help' for more information", 125) from None
    except ApiError as refusal:
        text = f"docker: Error response from daemon: {refusal.text}"
        raise Exit(f"{text}\n\nRun 'docker run --help' for more information", 125) from None


def list_containers(session: Session, options: Options, screen: Screen) -> None:
    last = 1 if options["latest"] else options["last"]
    containers = session.call(ListContainers(options["all"] or last > 0 or _asks_state(options)))
    containers = matching(containers, options["filter"], CONTAINER_TESTS)
    rows = container_rows(containers[:last] if last > 0 else containers, session.now, not options["no-trunc"])
    show(screen, CONTAINERS, rows, options["format"], options["quiet"])


def _asks_state(options: Options) -> bool:
    return any(name == "status" for name, _ in options["filter"])


def remove_containers(session: Session, options: Options, screen: Screen) -> None:
    remove_each(session, screen, [RemoveContainer(ref, options["force"]) for ref in options.words])


# ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def list_networks(session: Session, options: Options, screen: Screen) -> None:
    networks = matching(session.call(ListNetworks()), options["filter"], NETWORK_TESTS)
    show(screen, NETWORKS, network_rows(networks, not options["no-trunc"]), options["format"], options["quiet"])


def create_network(session: Session, options: Options, screen: Screen) -> None:
    scope = options["scope"] or ("swarm" if options["driver"] == "overlay" else "local")
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
    words = list(options.words)
    if "ingress" in words:  # Docker asks first, and nobody is there to say yes
        screen.out.append(INGRESS_WARNING)
        words.remove("ingress")
    try:
        remove_each(session, screen, [RemoveObject("network", ref) for ref in words])
    except Exit as refusals:
        lines = refusals.text.split("\n")
        kept = [line for line in lines if not (options["force"] and line.endswith(" not found"))]
        if kept:
            raise Exit("\n".join([*kept, "exit status 1"])) from None


RUN = {
    "network create": create_network,
    "network ls": list_networks,
    "network rm": remove_networks,
    "ps": list_containers,
    "rm": remove_containers,
    "run": run,
}
