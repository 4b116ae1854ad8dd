"""The rows of the table for `docker inspect` and the `inspect` of every group."""

from ..flags import Flag
from .vocabulary import TEMPLATE, Command

PRETTY = Flag("pretty", "bool", "For people to read")
SIZE = Flag("size", "bool", "Sizes of files too (a container has none here)", "s", support="simplified")


def _inspect(group: str, word: str, things: str, *flags: Flag) -> Command:
    usage = f"[OPTIONS] {word} [{word}...]"
    return Command(f"{group} inspect", usage, f"All that is known of {things}", (TEMPLATE, *flags), least=1, most=None)


COMMANDS = (
    Command(
        "inspect",
        "[OPTIONS] NAME|ID [NAME|ID...]",
        "All that is known of any thing of this name",
        (TEMPLATE, SIZE, Flag("type", "string", "Only a thing of this kind, as service or task", default="")),
        least=1,
        most=None,
    ),
    _inspect("config", "CONFIG", "configs", PRETTY),
    _inspect("container", "CONTAINER", "containers", SIZE),
    _inspect("image", "IMAGE", "images"),
    _inspect("network", "NETWORK", "networks", Flag("verbose", "bool", "With the services on it, everywhere", "v")),
    _inspect("node", "self|NODE", "nodes", PRETTY)._replace(usage="[OPTIONS] self|NODE [NODE...]"),
    _inspect("secret", "SECRET", "secrets, but for what they hide", PRETTY),
    _inspect("service", "SERVICE", "services", PRETTY),
    _inspect("volume", "VOLUME", "volumes"),
)
