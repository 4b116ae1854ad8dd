"""The rows of the table for images and for `docker volume …`."""

from ..flags import Flag
from .vocabulary import LISTING, NO_TRUNC, Command, absent

FORCE = Flag("force", "bool", "Without asking, or where that is in the way", "f")

COMMANDS = (
    Command(
        "images",
        "[OPTIONS] [REPOSITORY[:TAG]]",
        "List the images that this machine has",
        (
            *LISTING,
            NO_TRUNC,
            Flag("all", "bool", "Also those in between (there are none)", "a"),
            *absent("digests", "tree"),
        ),
        most=1,
        aliases=("image ls", "image list"),
        support="simplified",
    ),
    Command(
        "pull",
        "[OPTIONS] NAME[:TAG|@DIGEST]",
        "Get an image from the registry",
        (Flag("quiet", "bool", "Say less", "q"), *absent("a/all-tags", "disable-content-trust", "platform")),
        least=1,
        most=1,
        aliases=("image pull",),
        support="simplified",
    ),
    Command(
        "rmi",
        "[OPTIONS] IMAGE [IMAGE...]",
        "Remove images from this machine",
        (FORCE, *absent("no-prune", "platform")),
        least=1,
        most=None,
        aliases=("image rm", "image remove"),
    ),
    Command(
        "volume create",
        "[OPTIONS] [VOLUME]",
        "Make a place for data on this machine",
        (
            Flag("driver", "string", "Driver of the volume (default local)", "d", default="local"),
            Flag("label", "label", "Label of the volume"),
            Flag("name", "string", "Name of the volume", default="", support="simplified"),
            Flag("opt", "map", "Setting of the driver", "o"),
            *absent("availability", "group", "limit-bytes", "required-bytes", "scope", "secret", "sharing", "type"),
        ),
        most=1,
    ),
    Command("volume ls", "[OPTIONS]", "List the volumes of this machine", LISTING, aliases=("volume list",)),
    Command(
        "volume prune",
        "[OPTIONS]",
        "Remove volumes that no container has",
        (Flag("all", "bool", "Also those with a name", "a"), FORCE, *absent("filter")),
    ),
    Command(
        "volume rm",
        "[OPTIONS] VOLUME [VOLUME...]",
        "Remove volumes of this machine",
        (FORCE,),
        least=1,
        most=None,
        aliases=("volume remove",),
    ),
)
