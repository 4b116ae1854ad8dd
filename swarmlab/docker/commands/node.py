"""The rows of the table for `docker node …`."""

from ..flags import Flag
from .vocabulary import LISTING, TASKS, Command

COMMANDS = (
    Command("node demote", "NODE [NODE...]", "Let managers be workers again", least=1, most=None),
    Command("node ls", "[OPTIONS]", "List the nodes of the swarm", LISTING, aliases=("node list",)),
    Command("node promote", "NODE [NODE...]", "Let nodes be managers", least=1, most=None),
    Command("node ps", "[OPTIONS] [NODE...]", "List the tasks of nodes; without a name, of this one", TASKS, most=None),
    Command(
        "node rm",
        "[OPTIONS] NODE [NODE...]",
        "Forget nodes that are down",
        (Flag("force", "bool", "Even one that is not down", "f"),),
        least=1,
        most=None,
        aliases=("node remove",),
    ),
    Command(
        "node update",
        "[OPTIONS] NODE",
        "Change what a node is to be, and what it may be given to run",
        (
            Flag("availability", "string", "active, pause (no new tasks) or drain (no tasks at all)", default=""),
            Flag("label-add", "list", "Label of the node, as key=value; may be repeated"),
            Flag("label-rm", "list", "Name of a label to remove; may be repeated"),
            Flag("role", "string", "worker or manager", default=""),
        ),
        least=1,
        most=1,
    ),
)
