"""The rows of the table for `docker stack …`."""

from ..flags import Flag
from .vocabulary import FORMAT, LISTING, TASKS, Command, stored

FILES = Flag("compose-file", "strings", 'The file; several are merged, "-" is the standard input', "c")

COMMANDS = (
    Command(
        "stack deploy",
        "[OPTIONS] STACK",
        "Make the services of a file run, or bring them up to date",
        (
            FILES,
            Flag(
                "detach",
                "bool",
                "Return at once; --detach=false waits until all services are stable",
                "d",
                default=True,
            ),
            Flag("prune", "bool", "Remove services of the stack that the file no longer has"),
            Flag("quiet", "bool", "Wait without showing progress", "q"),
            Flag(
                "resolve-image",
                "string",
                "Ask the registry for digests: always, changed or never (default always)",
                default="always",
                support="simplified",
            ),
            stored("with-registry-auth", "bool", "Send the registry's password to the nodes"),
        ),
        least=1,
        most=1,
        aliases=("stack up",),
    ),
    Command(
        "stack config",
        "[OPTIONS]",
        "Print what the files come to, merged and with their variables replaced",
        (FILES, Flag("skip-interpolation", "bool", "Leave the variables as they are")),
    ),
    Command("stack ls", "[OPTIONS]", "List the stacks", (FORMAT,), aliases=("stack list",)),
    Command("stack services", "[OPTIONS] STACK", "List the services of a stack", LISTING, least=1, most=1),
    Command("stack ps", "[OPTIONS] STACK", "List the tasks of a stack", TASKS, least=1, most=1),
    Command(
        "stack rm",
        "[OPTIONS] STACK [STACK...]",
        "Remove all that was deployed under a name",
        (Flag("detach", "bool", "Return at once; --detach=false waits until all tasks are gone", "d", default=True),),
        least=1,
        most=None,
        aliases=("stack remove", "stack down"),
    ),
)
