"""The rows of the table for `docker network …`."""

from ..flags import Flag
from .vocabulary import FILTER, LISTING, NO_TRUNC, QUIET, Command, absent

COMMANDS = (
    Command("network ls", "[OPTIONS]", "List networks", (*LISTING[:2], NO_TRUNC, QUIET), aliases=("network list",)),
    Command(
        "network create",
        "[OPTIONS] NETWORK",
        "Make a network",
        (
            Flag("attachable", "bool", "Let plain containers join it"),
            Flag("driver", "string", "overlay for the whole swarm (default bridge)", "d", default="bridge"),
            Flag("gateway", "strings", "Address of the gateway"),
            Flag("ingress", "bool", "Make it the network of the routing mesh"),
            Flag("internal", "bool", "No way out of it"),
            Flag("ip-range", "strings", "Part of the subnet from which containers get addresses"),
            Flag("ipv6", "bool", "With IPv6 addresses", support="simplified"),
            Flag("label", "label", "Label of the network"),
            Flag("opt", "map", "Setting of the driver, as encrypted=", "o"),
            Flag("scope", "string", "Where it is known: local or swarm", default=""),
            Flag("subnet", "strings", "Subnet, as 10.50.0.0/24"),
            *absent("aux-address", "config-from", "config-only", "ipam-driver", "ipam-opt", "ipv4"),
        ),
        least=1,
        most=1,
    ),
    Command(
        "network connect",
        "[OPTIONS] NETWORK CONTAINER",
        "Put a plain container on one more network",
        (
            Flag("alias", "strings", "One more name there"),
            Flag("ip", "string", "Address there", default=""),
            *absent("driver-opt", "gw-priority", "ip6", "link", "link-local-ip"),
        ),
        least=2,
        most=2,
        support="simplified",
    ),
    Command(
        "network disconnect",
        "[OPTIONS] NETWORK CONTAINER",
        "Take a plain container off a network",
        (Flag("force", "bool", "Even if it does not answer", "f", support="simplified"),),
        least=2,
        most=2,
        support="simplified",
    ),
    Command(
        "network prune",
        "[OPTIONS]",
        "Remove all networks that nobody uses",
        (FILTER, Flag("force", "bool", "Without asking", "f")),
    ),
    Command(
        "network rm",
        "NETWORK [NETWORK...]",
        "Remove networks",
        (Flag("force", "bool", "One that does not exist is no error", "f"),),
        least=1,
        most=None,
        aliases=("network remove",),
    ),
)
